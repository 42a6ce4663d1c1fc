"""An unreadable stack is listed as unreadable. It is not damaged and hides no other stack."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from orchestrator.engines.automation.diy_backend import Backend
from orchestrator.engines.automation.storage import LocalFiles
from orchestrator.engines.automation.summaries import Summaries
from orchestrator.engines.simulation.store import Head, Store
from orchestrator.errors import UnreadableStateError
from orchestrator.model import StackStatus, StackSummary, Unit

NOBODY = 65534
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


def test_a_simulated_state_that_is_closed_is_not_damaged(shared: Path) -> None:
    store, unit = Store(shared), Unit("app", "alpha")
    store.write(unit, Head(), {})
    (shared / "app").chmod(0o755)
    with as_another_user():
        if os.geteuid() != NOBODY:
            (shared / "app" / "alpha.json").chmod(0)
        with pytest.raises(UnreadableStateError, match="cannot be read: Permission denied"):
            store.head(unit)
