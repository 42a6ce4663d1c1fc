"""An environment for each pull request: created, updated to its commit, and destroyed with it.

    forge = forges.of_environment(os.environ)
    result = PullRequests(Orchestrator("infrastructure"), forge).sync(123)

GitHub's pull requests and GitLab's merge requests are one thing here: a `Change`.
"""
