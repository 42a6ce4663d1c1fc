"""Carries out the actions of the live page, one after the other, and reports them to every page and to the audit file."""

from __future__ import annotations

import json
import os
import secrets
import threading
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal

from orchestrator.api import Orchestrator
from orchestrator.errors import OrchestratorError, RefusedError
from orchestrator.events import Diagnostic, Event
from orchestrator.lifecycle import DestroyBase, DestroyEnv
from orchestrator.lifecycle.reviewed_plans import SavedPlans
from orchestrator.model import Kind, RunReport, Scope, Status
from orchestrator.operations import events as operation_events
from orchestrator.rendering import document
from orchestrator.web import requests
from orchestrator.web.live import Live
from orchestrator.web.options import ServeOptions

KEPT = 50
"""Number of ended actions that a new page shows."""

AUDIT = "serve-audit.jsonl"


@dataclass(frozen=True, kw_only=True)
class Record:
    """An action of a user: waiting, running or ended."""

    id: str
    time: datetime
    identity: str
    action: str
    name: str
    state: Literal["waiting", "running", "succeeded", "failed"] = "waiting"
    message: str | None = None
    """The reason of a failure."""

    hint: str | None = None


class Actions:
    """The actions of all users. Raises RefusedError where actions are not allowed."""

    def __init__(self, options: ServeOptions, live: Live) -> None:
        self._options, self._live = options, live
        self._one = ThreadPoolExecutor(1, "action")
        self._guard = threading.Lock()
        self._records: deque[Record] = deque(maxlen=KEPT)
        self._running: Orchestrator | None = None

    def records(self) -> list[dict[str, Any]]:
        """The latest actions, oldest first."""
        with self._guard:
            return [document.plain(record) for record in self._records]

    def begin(self, action: requests.Actions, identity: str) -> dict[str, Any]:
        """Check an action, note it, and let it run when those before it have ended. Raises RefusedError."""
        if not self._options.allow_actions:
            raise RefusedError("this page changes nothing", "start it with --allow-actions")
        self._check(action)
        record = Record(
            id=secrets.token_hex(8),
            time=datetime.now(UTC),
            identity=identity,
            action=action.kind,
            name=action.name,
        )
        self._note(record)
        self._one.submit(self._run, action, record)
        return document.plain(record)

    def close(self) -> None:
        """Interrupt the running action as Ctrl-C does, drop the waiting ones, and wait for the end."""
        with self._guard:
            running = self._running
        if running is not None:
            running.interrupt()
        self._one.shutdown(wait=True, cancel_futures=True)

    def _check(self, action: requests.Actions) -> None:
        """Refuse production, and a destruction without the name. Raises UnknownStackError."""
        found = self._options.orchestrator().registry().named(action.name)
        if found.record.kind is Kind.PROD and not self._options.allow_prod:
            raise RefusedError(f"{found.name} is production", "start the page with --allow-prod to change it")
        if isinstance(action, requests.Destroy) and action.typed != found.name:
            raise RefusedError(f"{found.name} was not destroyed: the typed name differs", f"type {found.name}")

    def _run(self, action: requests.Actions, record: Record) -> None:
        self._note(replace(record, state="running"))
        try:
            orchestrator = self._options.orchestrator(lambda event: self._tell(record, event))
            with self._guard:
                self._running = orchestrator
            ended = _ended(record, _CARRIED_OUT[type(action)](orchestrator, action))
        except OrchestratorError as error:
            ended = replace(record, state="failed", message=error.message, hint=error.hint)
        except Exception as error:  # a bug ends the action, not the server
            ended = replace(
                record, state="failed", message=f"{type(error).__name__}: this is a bug in the orchestrator"
            )
        finally:
            with self._guard:
                self._running = None
        self._note(ended)
        self._live.refresh()

    def _tell(self, record: Record, event: Event) -> None:
        self._live.publish("run", {"id": record.id, "event": document.event(event, datetime.now(UTC))})

    def _note(self, record: Record) -> None:
        """Publish the new state of an action, and write it to the audit file."""
        plain = document.plain(record)
        with self._guard:
            known = [index for index, each in enumerate(self._records) if each.id == record.id]
            if known:
                self._records[known[0]] = record
            else:
                self._records.append(record)
            self._audit(plain)
        self._live.publish("action", plain)

    def _audit(self, record: Mapping[str, Any]) -> None:
        folder = self._options.orchestrator().settings.state_dir
        folder.mkdir(parents=True, exist_ok=True)
        line = json.dumps({"at": datetime.now(UTC).isoformat(timespec="seconds"), **record}, ensure_ascii=False)
        with open(
            os.open(folder / AUDIT, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a", encoding="utf-8"
        ) as file:
            file.write(f"{line}\n")


def _ended(record: Record, report: RunReport | None) -> Record:
    """The record with the result of a report; without one, the action succeeded."""
    if report is None or report.exit_code == 0:
        return replace(record, state="succeeded")
    bad = [result for result in report.results if result.status in (Status.FAILED, Status.CANCELLED)]
    reason, hint = (bad[0].reason or bad[0].status.value, bad[0].hint) if bad else ("it did not end", None)
    return replace(record, state="failed", message=reason, hint=hint)


def _deploy(orchestrator: Orchestrator, action: requests.Deploy) -> RunReport:
    def observer(event: operation_events.Event) -> None:
        if isinstance(event, operation_events.Note):
            orchestrator.context.observer(Diagnostic(unit=None, severity=event.severity, message=event.text))

    return orchestrator.operations.deploy(action.name, action.images, observer=observer).report


def _apply(orchestrator: Orchestrator, action: requests.Apply) -> RunReport:
    plans = SavedPlans(folder=orchestrator.settings.state_dir / "plans")
    job = orchestrator.prepare_apply(plans.find(action.plan))
    if action.name not in {step.unit.stack for step in job.steps if step.runs}:
        raise RefusedError(f"the plan {action.plan} does not change {action.name}")
    return orchestrator.run_job(job)


def _destroy(orchestrator: Orchestrator, action: requests.Destroy) -> RunReport:
    found = orchestrator.registry().named(action.name)
    one = found.scope is Scope.ENVIRONMENT
    return orchestrator.run(DestroyEnv(names=(found.name,)) if one else DestroyBase(names=(found.name,)))


def _unreported(work: Callable[[Orchestrator, Any], object]) -> Callable[[Orchestrator, Any], None]:
    def carried_out(orchestrator: Orchestrator, action: Any) -> None:
        work(orchestrator, action)

    return carried_out


_CARRIED_OUT: Mapping[type[Any], Callable[[Orchestrator, Any], RunReport | None]] = {
    requests.Extend: _unreported(lambda orchestrator, action: orchestrator.extend(action.name, action.ttl)),
    requests.Pin: _unreported(lambda orchestrator, action: orchestrator.pin(action.name)),
    requests.Unpin: _unreported(lambda orchestrator, action: orchestrator.unpin(action.name)),
    requests.Sleep: lambda orchestrator, action: orchestrator.operations.sleep(action.name).report,
    requests.Wake: lambda orchestrator, action: orchestrator.operations.wake(action.name).report,
    requests.Deploy: _deploy,
    requests.Apply: _apply,
    requests.Destroy: _destroy,
}
