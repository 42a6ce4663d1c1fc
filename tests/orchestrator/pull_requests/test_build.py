"""`pr sync --build`: the images of a preview are built from the newest commit of its pull request, and only then."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.engines.simulation import SimulationEngine
from orchestrator.errors import OperationFailedError, RefusedError
from orchestrator.lifecycle import CreateEnv
from orchestrator.model import Unit
from orchestrator.pull_requests.results import Outcome
from orchestrator.pull_requests.service import PullRequests
from tests.support.builders import DIGEST, Builders, LoopbackRegistry
from tests.support.command_line import Here
from tests.support.forge import FakeForge, sha
from tests.support.workspace import Workspace

Given = Callable[..., PullRequests]
PR = Unit("app", "pr-7")
IMAGE = f"registry.example.com/shop:c-1@{DIGEST}"


def committed(folder: Path) -> str:
    """Commit everything; returns the hash."""
    git = ["git", "-C", str(folder), "-c", "user.name=ada", "-c", "user.email=ada@example.com"]
    for words in (["init", "-q"], ["add", "--all"], ["commit", "-qm", "work", "--allow-empty"]):
        subprocess.run([*git, *words], check=True)
    return subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()


class Recorded:
    """A build that returns one image, and the requests that it got."""

    def __init__(self, then: Callable[[], object] = lambda: None) -> None:
        self.requests: list[CreateEnv] = []
        self._then = then

    def __call__(self, request: CreateEnv) -> dict[str, str]:
        self.requests.append(request)
        self._then()
        return {"backend": IMAGE}


def test_the_environment_gets_the_image_of_its_commit(
    workspace: Workspace, forge: FakeForge, pull_requests: Given
) -> None:
    service = pull_requests('images = {backend = "shop:{commit}"}')
    forge.pull(7, commit=committed(workspace.root))
    build = Recorded()
    assert service.sync(7, build=build).outcome is Outcome.CREATED
    (request,) = build.requests
    assert (request.names, request.base) == (("pr-7",), "dev")
    assert workspace.engine.kept[PR].config["django-app:backend_image"] == IMAGE


@pytest.mark.parametrize(
    ("changes", "table"),
    [({"repository": "mallory/shop"}, ""), ({"draft": True}, ""), ({"state": "closed"}, ""), ({}, 'label = "preview"')],
)
def test_a_pull_request_without_a_claim_builds_nothing(
    workspace: Workspace, forge: FakeForge, pull_requests: Given, changes: dict[str, object], table: str
) -> None:
    service = pull_requests(table)
    forge.pull(7, commit=committed(workspace.root), **changes)
    build = Recorded()
    assert service.sync(7, build=build).outcome is Outcome.SKIPPED
    assert build.requests == []


def test_a_run_for_an_older_commit_builds_nothing(workspace: Workspace, forge: FakeForge, pull_requests: Given) -> None:
    service, build = pull_requests(), Recorded()
    here = committed(workspace.root)
    forge.pull(7, commit=sha(8))
    assert service.sync(7, here, build=build).outcome is Outcome.SKIPPED
    assert build.requests == []


@pytest.mark.parametrize("in_git", [True, False])
def test_another_working_copy_than_the_newest_commit_is_refused_and_reported(
    workspace: Workspace, forge: FakeForge, pull_requests: Given, in_git: bool
) -> None:
    service, build = pull_requests(), Recorded()
    here = committed(workspace.root) if in_git else None
    forge.pull(7)
    found = f"the working copy is at {here[:12]}" if here else "the working copy has no commit"
    with pytest.raises(RefusedError) as refused:
        service.sync(7, build=build)
    assert refused.value.message == (
        f"nothing was built: {found}, and the newest commit of the pull request is {sha(7)[:12]}"
    )
    assert build.requests == []
    assert PR not in workspace.engine.kept
    assert found in forge.says(7)[0]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"commit": sha(9)}, f"is not the newest: {sha(9)[:12]}"),
        ({"state": "closed"}, "it was closed during the build"),
    ],
)
def test_what_changes_during_the_build_leaves_the_environment_alone(
    workspace: Workspace, forge: FakeForge, pull_requests: Given, changes: dict[str, str], reason: str
) -> None:
    service = pull_requests()
    forge.pull(7, commit=committed(workspace.root))
    result = service.sync(7, build=Recorded(lambda: forge.pull(7, **changes)))
    assert result.outcome is Outcome.SKIPPED
    assert reason in str(result.reason)
    assert PR not in workspace.engine.kept


def test_a_failed_build_is_in_the_comment_and_puts_nothing_to_sleep(
    workspace: Workspace, forge: FakeForge, pull_requests: Given
) -> None:
    def fail() -> None:
        raise OperationFailedError("the image shop:c-1 was not built: buildah ended with exit code 1", "correct it")

    service = pull_requests("most = 1")
    commit = committed(workspace.root)
    forge.pull(6, commit=commit)
    assert service.sync(6).outcome is Outcome.CREATED
    forge.pull(7, commit=commit)
    calls = len(workspace.engine.calls)
    with pytest.raises(OperationFailedError):
        service.sync(7, build=Recorded(fail))
    assert len(workspace.engine.calls) == calls
    assert "was not built: buildah ended with exit code 1" in forge.says(7)[0]


def test_without_room_nothing_is_built(workspace: Workspace, forge: FakeForge, pull_requests: Given) -> None:
    service = pull_requests('most = 1\nat_most = "refuse"')
    commit = committed(workspace.root)
    for number in (6, 7):
        forge.pull(number, commit=commit)
    service.sync(6)
    build = Recorded()
    with pytest.raises(RefusedError, match="the largest number of awake environments"):
        service.sync(7, build=build)
    assert build.requests == []


@pytest.fixture
def builders(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Builders:
    return Builders(tmp_path_factory.mktemp("builders"), monkeypatch)


@pytest.fixture
def job(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    forge: FakeForge,
    builders: Builders,
    monkeypatch: pytest.MonkeyPatch,
) -> Here:
    """A job of the pull request 7, whose working copy has an image to build. `builders` makes git the only program."""
    for name, value in forge.environment().items():
        monkeypatch.setenv(name, value)
    here = Here(tmp_path / "work", capsys)
    with (here.folder / "orchestrator.toml").open("a") as file:
        file.write('\n[pull_requests]\nbase = "dev"\n\n[images.backend]\ncontext = "source"\n')
    (here.folder / "source").mkdir()
    (here.folder / "source" / "Dockerfile").write_text("FROM scratch\n")
    (here.folder / ".gitignore").write_text(".orchestrator/\nPulumi.*.yaml\n")
    commit = committed(here.folder)
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"pull_request": {"number": 7, "head": {"sha": commit}}}))
    monkeypatch.setenv("GITHUB_EVENT_PATH", str(event))
    monkeypatch.setenv("GITHUB_EVENT_NAME", "pull_request")
    forge.pull(7, commit=commit)
    assert builders.calls == []
    return here


def image_of(folder: Path) -> str:
    lines = (folder / "app" / "Pulumi.pr-7.yaml").read_text().splitlines()
    return next((line.split(": ", 1)[1] for line in lines if "backend_image" in line), "")


def pushed_to(job: Here, registry: LoopbackRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine counts as real, and the image has a repository."""
    monkeypatch.setattr(SimulationEngine, "notice", None)
    file = job.folder / "orchestrator.toml"
    file.write_text(
        file.read_text().replace("[images.backend]\n", f'[images.backend]\nrepository = "{registry.host}/shop"\n')
    )


def test_a_job_builds_pushes_and_deploys_the_digest(
    job: Here, builders: Builders, forge: FakeForge, monkeypatch: pytest.MonkeyPatch
) -> None:
    builders.container_tool()
    with LoopbackRegistry().served() as registry:
        pushed_to(job, registry, monkeypatch)
        answer = job("pr", "sync", "--build")
    assert answer.code == 0, answer.err
    image = image_of(job.folder)
    assert image.startswith(f"{registry.host}/shop:c-")
    assert image.endswith(f"@{DIGEST}")
    assert builders.call("buildah push")
    assert "is ready" in forge.says(7)[0]


def test_a_build_that_fails_ends_with_1_and_no_environment(
    job: Here, builders: Builders, forge: FakeForge, monkeypatch: pytest.MonkeyPatch
) -> None:
    builders.container_tool(build="echo no such module; exit 3")
    with LoopbackRegistry().served() as registry:
        pushed_to(job, registry, monkeypatch)
        answer = job("pr", "sync", "--build")
    assert answer.code == 1
    assert "buildah ended with exit code 3" in answer.err
    assert "no such module" in forge.says(7)[0]
    assert job("list").out == "nothing exists yet\n"


def test_an_image_that_is_given_is_not_built(job: Here, builders: Builders) -> None:
    answer = job("pr", "sync", "--build", "--image", "backend=registry.example.com/shop:1")
    assert answer.code == 2
    assert "error: --build has nothing to build" in answer.err
    assert builders.calls == []


def test_in_the_simulation_the_image_is_only_named(job: Here, builders: Builders) -> None:
    answer = job("pr", "sync", "--build")
    assert answer.code == 0, answer.err
    assert image_of(job.folder).startswith("backend:c-")
    assert builders.calls == []
