"""The forge of a pipeline, from the variables that GitHub Actions and GitLab CI set."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.errors import UsageError
from orchestrator.pull_requests.change import Forge
from orchestrator.pull_requests.github import GitHub
from orchestrator.pull_requests.gitlab import GitLab


def of_environment(environ: Mapping[str, str]) -> Forge:
    """The forge of this pipeline. The token comes from GITHUB_TOKEN or GITLAB_TOKEN. Raises UsageError."""
    if environ.get("GITLAB_CI") or (environ.get("GITLAB_TOKEN") and environ.get("CI_PROJECT_ID")):
        url = environ.get("CI_API_V4_URL", "https://gitlab.com/api/v4")
        return GitLab(GitLab.api(url, _token(environ, "GITLAB_TOKEN")), _named(environ, "CI_PROJECT_ID"))
    repository = _named(environ, "GITHUB_REPOSITORY")
    server, run = environ.get("GITHUB_SERVER_URL", "https://github.com"), environ.get("GITHUB_RUN_ID")
    log_url = f"{server}/{repository}/actions/runs/{run}" if run else None
    api = GitHub.api(environ.get("GITHUB_API_URL", "https://api.github.com"), _token(environ, "GITHUB_TOKEN"))
    return GitHub(api, repository, log_url)


def _named(environ: Mapping[str, str], variable: str) -> str:
    value = environ.get(variable)
    if not value:
        raise UsageError(
            f"the repository is unknown: {variable} is not set",
            "run the command in a pipeline, or set GITHUB_REPOSITORY (owner/name) or CI_PROJECT_ID",
        )
    return value


def _token(environ: Mapping[str, str], variable: str) -> str:
    token = environ.get(variable)
    if not token:
        raise UsageError(f"the API cannot be used: {variable} is not set", "pass the token of the job in that variable")
    return token
