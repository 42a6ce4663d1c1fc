"""An unreadable stack is listed as unreadable. It is not damaged and hides no other stack."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.config import settings
from orchestrator.engines.automation.diy_backend import Backend
from orchestrator.engines.automation.stacks import Stacks
from orchestrator.engines.automation.storage import LocalFiles
from orchestrator.engines.automation.summaries import Summaries
from orchestrator.engines.simulation.store import Head, Store
from orchestrator.errors import UnreadableStateError
from orchestrator.model import StackStatus, StackSummary, Unit

NOBODY = 65534
SETTINGS = """
[projects.base]
path = "base"
scope = "base"

[projects.app]
path = "app"
scope = "environment"
depends_on = ["base"]
"""
CHECKPOINT = {"version": 3, "checkpoint": {"stack": "organization/shop/x", "latest": {"resources": []}}}
TAGS = {"version": 1, "tags": {"orchestrator:base": "dev", "orchestrator:kind": "ad-hoc"}}


@contextmanager
def as_another_user() -> Generator[None]:
    """Root may read everything: then the tests look as nobody."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def shared() -> Generator[Path]:
    """A folder that everybody reads; that of pytest is for one user."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755)
    shutil.rmtree(folder)


def write(path: Path, document: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))


def backend(folder: Path) -> Backend:
    for stack in ("alpha", "beta"):
        write(folder / ".pulumi/stacks/shop" / f"{stack}.json", CHECKPOINT)
        write(folder / ".pulumi/stacks/shop" / f"{stack}.pulumi-tags", TAGS)
        owner = {"username": "ann", "hostname": "far-away", "pid": 1, "timestamp": "2026-11-20T09:00:00Z"}
        write(folder / ".pulumi/locks/organization/shop" / stack / "lock.json", owner)
        write(folder / ".pulumi/history/shop" / stack / f"{stack}-1.history.json", {"result": "succeeded"})
    return Backend(LocalFiles(folder))


def listed(found: Backend, folder: Path) -> dict[str, StackSummary]:
    with as_another_user():
        summaries = Summaries(found, folder / "memory.json").of([("app", "shop")])
    return {summary.unit.stack: summary for summary in summaries}


CLOSED = {
    "checkpoint": ".pulumi/stacks/shop/beta.json",
    "tags": ".pulumi/stacks/shop/beta.pulumi-tags",
    "locks": ".pulumi/locks/organization/shop/beta",
    "lock": ".pulumi/locks/organization/shop/beta/lock.json",
    "history": ".pulumi/history/shop/beta",
    "end": ".pulumi/history/shop/beta/beta-1.history.json",
}


@pytest.mark.parametrize("closed", CLOSED.values(), ids=CLOSED.keys())
def test_a_file_that_is_closed_to_this_user_hides_no_other_stack(shared: Path, closed: str) -> None:
    found = backend(shared)
    before = listed(found, shared)
    assert {name: summary.status for name, summary in before.items()} == {
        "alpha": StackStatus.UPDATING,
        "beta": StackStatus.UPDATING,
    }
    (shared / closed).chmod(0)
    after = listed(found, shared)
    assert after["alpha"] == before["alpha"]
    assert after["beta"].status is StackStatus.UNREADABLE
    assert "the state cannot be read: Permission denied" in (after["beta"].problem or "")


def test_the_record_of_a_stack_with_an_unreadable_state_is_still_listed(shared: Path) -> None:
    found = backend(shared)
    (shared / CLOSED["checkpoint"]).chmod(0)
    summary = listed(found, shared)["beta"]
    assert summary.record == listed(found, shared)["alpha"].record


@pytest.mark.parametrize("closed", ["tags", "checkpoint"])
def test_the_record_of_a_stack_may_be_lost_when_tags_or_state_cannot_be_read(shared: Path, closed: str) -> None:
    found = backend(shared)
    (shared / CLOSED["tags"]).unlink()
    assert listed(found, shared)["beta"].record_lost is False
    write(shared / CLOSED["tags"], TAGS)
    (shared / CLOSED["tags"]).chmod(0 if closed == "tags" else 0o644)
    (shared / CLOSED["checkpoint"]).chmod(0 if closed == "checkpoint" else 0o644)
    assert listed(found, shared)["beta"].record_lost is (closed == "tags")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 1, "tags": 3}'])
def test_the_record_of_a_stack_with_damaged_tags_is_lost(shared: Path, text: str) -> None:
    found = backend(shared)
    (shared / CLOSED["tags"]).write_text(text)
    summary = listed(found, shared)["beta"]
    assert (summary.record, summary.record_lost) == (None, True)


@pytest.fixture
def two_projects(shared: Path) -> Stacks:
    """An engine's view of the projects `base`, with the stack `dev`, and `app`, which this user cannot list."""
    (shared / "orchestrator.toml").write_text(SETTINGS)
    for key in ("base", "app"):
        write(shared / key / "Pulumi.yaml", {"name": f"django-{key}", "runtime": "python"})
    for project, stack in (("django-base", "dev"), ("django-app", "alpha")):
        write(shared / ".pulumi/stacks" / project / f"{stack}.json", CHECKPOINT)
        write(shared / ".pulumi/stacks" / project / f"{stack}.pulumi-tags", TAGS)
    write(shared / ".pulumi/meta.yaml", {"version": 1})
    (shared / ".pulumi/stacks/django-app").chmod(0)
    found = settings.load(shared)
    return Stacks(replace(found, pulumi=replace(found.pulumi, backend=f"file://{shared}")))


def test_a_project_folder_that_is_closed_hides_no_other_project(two_projects: Stacks) -> None:
    with as_another_user():
        assert [summary.unit for summary in two_projects.stacks()] == [Unit("base", "dev")]
        assert two_projects.claims() == {}
        (reason,) = two_projects.closed().values()
    assert list(two_projects.closed()) in (["app"], [])  # root can list it
    assert "the state cannot be read: Permission denied" in reason.message
    assert "django-app" in reason.message


def test_a_project_folder_of_the_simulation_that_is_closed_is_reported(shared: Path) -> None:
    store = Store(shared)
    assert store.closed("app") is None
    (shared / "app").mkdir(mode=0)
    with as_another_user():
        reason = store.closed("app")
    assert reason is not None
    assert "Permission denied" in reason.message


def test_a_simulated_state_that_is_closed_is_not_damaged(shared: Path) -> None:
    store, unit = Store(shared), Unit("app", "alpha")
    store.write(unit, Head(), {})
    (shared / "app").chmod(0o755)
    with as_another_user():
        if os.geteuid() != NOBODY:
            (shared / "app" / "alpha.json").chmod(0)
        with pytest.raises(UnreadableStateError, match="cannot be read: Permission denied"):
            store.head(unit)
