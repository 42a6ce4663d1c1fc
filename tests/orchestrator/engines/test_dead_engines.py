"""Resources that a killed engine was creating are found and added to the state, and never created twice."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator.config import settings
from orchestrator.engines.automation import AutomationEngine
from orchestrator.engines.protocol import UnitRequest
from orchestrator.errors import RefusedError, StateError
from orchestrator.events import Diagnostic, UnitEvent
from orchestrator.model import Operation, StackStatus, Unit, UnitOutcome
from orchestrator.recovery.adoption import Finding, Undecided
from tests.support.engines import APP, BASE, Workshop
from tests.support.finding import in_standin

pytestmark = pytest.mark.engine


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    shop = Workshop(tmp_path, "pulumi", monkeypatch.setenv)
    shop.run(BASE)
    shop.configure(APP, base="dev", tags=json.dumps({"slow": "4"}))
    return shop


def until(condition: Callable[[], Any], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


def creating(checkpoint: Path) -> list[str]:
    """Names of what the state says is being created."""
    pending = json.loads(checkpoint.read_text())["checkpoint"]["latest"].get("pending_operations") or []
    return [item["resource"]["urn"].rpartition("::")[2] for item in pending if item["type"] == "creating"]


def kill_while_creating(shop: Workshop) -> str:
    """Kill the engine while the provider makes `topic`; returns what the operation says of it."""
    said: list[str] = []

    def work() -> None:
        try:
            shop.run(APP)
        except StateError as error:
            said.append(error.message)

    thread = threading.Thread(target=work)
    thread.start()
    locks = shop.state / ".pulumi" / "locks" / "organization" / "fixture-app" / "alpha"
    checkpoint = shop.state / ".pulumi" / "stacks" / "fixture-app" / "alpha.json"
    until(lambda: checkpoint.exists() and "topic" in creating(checkpoint))
    os.kill(json.loads(next(locks.glob("*.json")).read_text())["pid"], signal.SIGKILL)
    thread.join()
    return said[0]


def rerun(shop: Workshop, find: Any, operation: Operation = Operation.UP) -> tuple[UnitOutcome, list[str]]:
    engine = AutomationEngine(settings.load(shop.folder), find=find)
    events: list[UnitEvent] = []
    outcome = engine.run(UnitRequest(unit=APP, operation=operation), events.append)
    return outcome, [event.message for event in events if isinstance(event, Diagnostic) and "warning" in event.severity]


def test_the_next_update_adopts_the_resource_in_progress_and_creates_the_rest(shop: Workshop) -> None:
    said = kill_while_creating(shop)
    assert said == "alpha failed: the engine was killed by signal 9"
    assert shop.engine.stack(APP).status is StackStatus.INCOMPLETE  # type: ignore[union-attr]
    outcome, warnings = rerun(shop, in_standin(shop))
    assert shop.cloud() == ["first", "last", "second", "topic"]
    created = {change.name for change in outcome.changes}
    assert "last" in created
    assert "topic" not in created
    assert warnings[0].startswith("the lock of ")
    assert warnings[1].startswith("topic was being created when an engine died: it exists as arn:aws:sns:")
    again, _ = rerun(shop, in_standin(shop))
    assert again.counts.changed == 0


def test_a_destroy_takes_it_along(shop: Workshop) -> None:
    kill_while_creating(shop)
    rerun(shop, in_standin(shop), Operation.DESTROY)
    assert shop.cloud() == ["first", "second"]
    assert shop.another().stack(APP) is None


def test_a_stack_with_an_undecided_create_is_refused(shop: Workshop) -> None:
    kill_while_creating(shop)

    def find(_unit: Unit, latest: Any) -> tuple[Finding, ...]:
        operation = latest["pending_operations"][0]["resource"]
        return (Undecided(urn=operation["urn"], type=operation["type"], reason="two of that name exist"),)

    with pytest.raises(RefusedError) as caught:
        rerun(shop, find)
    assert caught.value.message == (
        "alpha was not changed: an engine died while it created resources, and whether they exist is unclear: "
        "topic (aws:sns/topic:Topic): two of that name exist"
    )
    outcome, warnings = rerun(shop, find, Operation.DESTROY)
    assert outcome.counts.delete > 0
    assert warnings[-1].startswith("topic was being created when an engine died and may exist in AWS")
