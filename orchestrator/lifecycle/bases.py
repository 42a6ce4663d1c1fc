"""Who works on which base: marked for everybody who uses the backend, for as long as the work lasts.

A base is never destroyed under an environment that is being made, and nobody begins on a base that is going. Both looks, and
the choice of listener slots, happen under one lock of the base.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.engines.lock_retry import retry_while_locked
from orchestrator.engines.marks import Mark
from orchestrator.errors import OrchestratorError, RefusedError, StackLockedError
from orchestrator.events import Diagnostic, Observer
from orchestrator.lifecycle import checks, slots
from orchestrator.lifecycle.interrupts import heard_by
from orchestrator.model import Operation, Scope, Unit

if TYPE_CHECKING:
    from orchestrator.lifecycle.job import Job

WORKING, GOING = "working", "going"
_AGAIN = "run the command again: it looks at what exists now"


@contextmanager
def joined(job: Job, observer: Observer) -> Generator[Job]:
    """The job, marked on its bases, with listener slots that nobody else has.

    Raises StackLockedError while others are in the way, RefusedError when what was prepared does not fit any more.
    """
    if job.operation not in (Operation.UP, Operation.DESTROY):
        yield job
        return
    presence, stopped = _Presence(job, uuid.uuid4().hex[:12]), threading.Event()
    try:
        with heard_by(stopped.set):
            for base in presence.bases:
                job = retry_while_locked(
                    lambda base=base, job=job: presence.begin(job, base),
                    job.context.wait_seconds,
                    tell=lambda text: observer(Diagnostic(unit=None, severity="info", message=text)),
                    stopped=stopped.is_set,
                )
        yield job
    finally:
        presence.end()
        slots.given_back(job)


def last_look(job: Job, unit: Unit) -> None:
    """Before a base's stack goes: nobody works on the base, and nobody outside the plan reads it.

    Raises StackLockedError, RefusedError.
    """
    engine, base = job.context.engine, unit.stack
    with engine.exclusive(f"slots-{base}"):
        _nobody_works(job, base)
        checks.unread(engine, [unit], job.known())


@dataclass
class _Presence:
    """The marks of one job."""

    job: Job
    name: str

    @property
    def bases(self) -> Sequence[str]:
        """The bases that the job works on; destroying: those that go."""
        scopes = {step.unit: step.scope for step in self.job.steps}
        units = self.job.plan.units
        found = {unit.stack for unit in units if scopes[unit] is Scope.BASE}
        if self.job.operation is Operation.UP:
            found |= {base for unit in units if scopes[unit] is not Scope.BASE for base in self.job.bases[unit.stack]}
        return sorted(found)

    def begin(self, job: Job, base: str) -> Job:
        """Mark the base, when nothing is in the way.

        Everybody marks first and looks then, so that of two who meet at least one sees the other.
        """
        marks, going = job.context.engine.marks, job.operation is Operation.DESTROY
        name = f"{GOING if going else WORKING}/{base}/{self.name}"
        try:
            if not going and base not in {base for found in job.bases.values() for base in found}:
                marks.set(name, self._says())  # nothing but the base: no slot is given away
                _stays(job, base)
                _still_there(job, base)
                return job
            with job.context.engine.exclusive(f"slots-{base}"):
                marks.set(name, self._says())
                if going:
                    _nobody_works(job, base)
                    _nobody_came(job, base)
                    return job
                _stays(job, base)
                _still_there(job, base)
                return slots.settled(job, base)
        except BaseException:
            with suppress(OrchestratorError):
                marks.remove(name)
            raise

    def end(self) -> None:
        """Take the marks away; fine when there are none."""
        kind = GOING if self.job.operation is Operation.DESTROY else WORKING
        for base in self.bases:
            with suppress(OrchestratorError):  # it ends with this process at the latest
                self.job.context.engine.marks.remove(f"{kind}/{base}/{self.name}")

    def _says(self) -> dict[str, object]:
        return {"command": self.job.command, "units": [str(unit) for unit in self.job.plan.units]}


def _nobody_works(job: Job, base: str) -> None:
    marks = job.context.engine.marks.below(f"{WORKING}/{base}")
    if marks:
        raise StackLockedError(
            f"the base {base} was not destroyed: it is locked by {marks[0]}, who is at work on {_units(marks[0])}",
            _wait(marks[0], base),
        )
    planned = {unit.stack for unit in job.plan.units}
    claims = [unit for unit, record in job.context.registry().claims.items() if record.base == base]
    if coming := [str(unit) for unit in claims if unit.stack not in planned]:
        raise StackLockedError(
            f"the base {base} was not destroyed: {', '.join(coming)} is about to be created on it",
            "wait until it is there with --wait 10m, then run the command again",
        )


def _nobody_came(job: Job, base: str) -> None:
    """No environment came onto the base since the job was prepared."""
    planned = {unit.stack for unit in job.plan.units}
    found = job.context.registry().bases.get(base)
    if found and (new := [name for name in found.environments if name not in planned]):
        raise RefusedError(f"the base {base} was not destroyed: {', '.join(new)} was created on it meanwhile", _AGAIN)


def _stays(job: Job, base: str) -> None:
    """Nobody is destroying the base."""
    for mark in job.context.engine.marks.below(f"{GOING}/{base}"):
        raise StackLockedError(
            f"the base {base} is locked by {mark}, who is destroying it: nothing was begun on it", _wait(mark, base)
        )


def _still_there(job: Job, base: str) -> None:
    """What was there when the job was prepared, and is read or updated, is there still."""
    for step in job.steps:
        if step.unit.stack != base or step.scope is not Scope.BASE:
            continue
        if not step.exists or (step.runs and not job.command.startswith("update")):
            continue
        stack = job.context.engine.stack(step.unit)
        if stack is None:
            raise RefusedError(f"the base {base} was destroyed meanwhile: nothing was begun on it", _AGAIN)
        if stack.going and not step.runs:
            raise RefusedError(
                f"the base {base} is destroyed in part: nothing was begun on it",
                f"complete it first: `orchestrator create-base {base}`",
            )


def _units(mark: Mark) -> str:
    return ", ".join(map(str, mark.says.get("units") or ())) or "it"


def _wait(mark: Mark, base: str) -> str:
    gone = f"; if that process is gone: `orchestrator unlock {base} --force`" if mark.runs is None else ""
    return f"wait for it with --wait 10m{gone}"
