"""Marks on bases: all commands that use the backend see which base another command works on or destroys.

No command destroys a base while an environment is created on it, and no command begins on a base that another command
destroys. Both checks, the final choice of listener slots and the last check of hosts happen under one lock of the base.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace

from orchestrator.engines.lock_retry import retry_while_locked
from orchestrator.engines.marks import Mark
from orchestrator.errors import OrchestratorError, RefusedError, StackLockedError
from orchestrator.events import Diagnostic, Observer
from orchestrator.lifecycle import refusals, taken_names
from orchestrator.lifecycle.interrupts import heard_by
from orchestrator.lifecycle.job import Job
from orchestrator.lifecycle.listener_slots import free_slot
from orchestrator.model import Operation, Scope, Unit

WORKING, GOING = "working", "going"
_AGAIN = "run the command again: it checks what exists now"


@contextmanager
def joined(job: Job, observer: Observer) -> Generator[Job]:
    """Mark the bases of the job; yield the job with listener slots that no other environment has.

    Raises StackLockedError while another command is in the way, RefusedError when the job no longer fits what exists.
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


def check_before_destroy(job: Job, unit: Unit) -> None:
    """Check, right before a base's stack is destroyed, that no command works on the base and no other stack reads it.

    Raises StackLockedError, RefusedError.
    """
    engine, base = job.context.engine, unit.stack
    with engine.exclusive(f"slots-{base}"):
        _refuse_if_in_use(job, base)
        refusals.if_read(engine, [unit], job.plan.units, job.context.settings.projects)


@dataclass
class _Presence:
    """The marks of one job, and the stacks that it claims."""

    job: Job
    name: str
    claimed: set[Unit] = field(default_factory=set[Unit])

    @property
    def bases(self) -> Sequence[str]:
        """The bases that the job works on; for a destroy, the bases that it destroys."""
        scopes = {step.unit: step.scope for step in self.job.steps}
        units = self.job.plan.units
        found = {unit.stack for unit in units if scopes[unit] is Scope.BASE}
        if self.job.operation is Operation.UP:
            found |= {base for unit in units if scopes[unit] is not Scope.BASE for base in self.job.bases[unit.stack]}
        return sorted(found)

    def begin(self, job: Job, base: str) -> Job:
        """Mark the base when no other command is in the way; return the job with its final listener slots.

        Every command sets its mark first and reads the marks of others afterwards, so of two commands that meet at least
        one sees the other.
        """
        marks, going = job.context.engine.marks, job.operation is Operation.DESTROY
        name = f"{GOING if going else WORKING}/{base}/{self.name}"
        hosts = {} if going else taken_names.wanted_hosts(job, base)
        try:
            if not going and base not in {base for found in job.bases.values() for base in found}:
                marks.set(name, self._content())  # only the base: no slot is assigned, so no lock is necessary
                _refuse_if_going(job, base)
                _refuse_if_changed(job, base)
                return job
            with job.context.engine.exclusive(f"slots-{base}"):
                marks.set(name, self._content() | {"hosts": {each: sorted(found) for each, found in hosts.items()}})
                if going:
                    _refuse_if_in_use(job, base)
                    _refuse_new_environments(job, base)
                    return job
                _refuse_if_going(job, base)
                _refuse_if_changed(job, base)
                if hosts:
                    others = [mark for mark in marks.below(f"{WORKING}/{base}") if mark.name != name]
                    taken_names.check_hosts_again(job, base, hosts, _hosts_of(others))
                return self._with_final_slots(job, base)
        except BaseException:  # also an interrupt leaves no mark
            with suppress(OrchestratorError):
                marks.remove(name)
            raise

    def end(self) -> None:
        """Remove the marks and claims of the job, if it has any. From now on the stacks' records count."""
        kind = GOING if self.job.operation is Operation.DESTROY else WORKING
        for base in self.bases:
            with suppress(OrchestratorError):  # a mark ends with this process at the latest
                self.job.context.engine.marks.remove(f"{kind}/{base}/{self.name}")
        for unit in self.claimed:
            with suppress(OrchestratorError):  # a claim expires
                self.job.context.engine.unclaim(unit)

    def _content(self) -> dict[str, object]:
        return {"units": [str(unit) for unit in self.job.plan.units]}

    def _with_final_slots(self, job: Job, base: str) -> Job:
        """Claim the listener slots of the job's new stacks on the base; replace slots that were taken in the meantime.

        The caller holds the lock of the base. Raises RefusedError.
        """
        units = [unit for unit in job.plan.units if job.slots.get(unit) == base]
        if not units:
            return job
        records, registry = dict(job.records), job.context.registry()
        taken = registry.slots_taken(base)
        for unit in units:
            slot = records[unit].listener_slot
            if slot is None or taken.get(slot, unit.stack) != unit.stack:
                slot = free_slot(taken, base)
                records[unit] = replace(records[unit], listener_slot=slot)
                job.configs[unit].set("listener_slot", slot)
            taken[slot] = unit.stack
            # Another command that claimed the stack first also removes its claim.
            if unit not in job.stacks and unit not in registry.claims:
                job.context.engine.claim(unit, records[unit])
                self.claimed.add(unit)
        return replace(job, records=records)


def _hosts_of(marks: Sequence[Mark]) -> dict[str, set[str]]:
    """The hosts that the commands of these marks give to environments. A mark of an older version has none."""
    found: dict[str, set[str]] = {}
    for mark in marks:
        for name, hosts in (mark.says.get("hosts") or {}).items():
            found.setdefault(name, set()).update(map(str, hosts))
    return found


def _refuse_if_in_use(job: Job, base: str) -> None:
    """Raise StackLockedError while another command works on the base or is about to create an environment on it."""
    marks = job.context.engine.marks.below(f"{WORKING}/{base}")
    if marks:
        units = ", ".join(str(unit).rpartition("/")[2] for unit in marks[0].says.get("units") or ()) or "it"
        raise StackLockedError(
            f"the base {base} was not destroyed: it is locked by {marks[0]}, which works on {units}",
            _wait(marks[0], base),
        )
    planned = {unit.stack for unit in job.plan.units}
    claims = [unit for unit, record in job.context.registry().claims.items() if record.base == base]
    if coming := [unit.among(claims) for unit in claims if unit.stack not in planned]:
        raise StackLockedError(
            f"the base {base} was not destroyed: another command is about to create {', '.join(coming)} on it",
            "wait until it exists with --wait 10m, then run the command again",
        )


def _refuse_new_environments(job: Job, base: str) -> None:
    """Raise RefusedError when an environment was created on the base after the job was prepared."""
    planned = {unit.stack for unit in job.plan.units}
    registry = job.context.registry()
    refusals.if_environments_unclear(base, [name for name in registry.possible_environments() if name not in planned])
    found = registry.bases.get(base)
    if found and (new := [name for name in found.environments if name not in planned]):
        raise RefusedError(
            f"the base {base} was not destroyed: {', '.join(new)} was created on it in the meantime", _AGAIN
        )


def _refuse_if_going(job: Job, base: str) -> None:
    """Raise StackLockedError while another command destroys the base."""
    for mark in job.context.engine.marks.below(f"{GOING}/{base}"):
        raise StackLockedError(
            f"nothing was started on the base {base}: it is locked by {mark}, which destroys it", _wait(mark, base)
        )


def _refuse_if_changed(job: Job, base: str) -> None:
    """Raise RefusedError when the base existed as the job was prepared and is now destroyed, even in part."""
    for step in job.steps:
        if step.unit.stack != base or step.scope is not Scope.BASE:
            continue
        if not step.exists or (step.runs and not job.command.startswith("update")):
            continue
        stack = job.context.engine.stack(step.unit)
        if stack is None:
            raise RefusedError(f"nothing was started: the base {base} was destroyed in the meantime", _AGAIN)
        if stack.going and not step.runs:
            raise RefusedError(
                f"nothing was started on the base {base}: it is partly destroyed",
                f"complete it first: `orchestrator create-base {base}`",
            )


def _wait(mark: Mark, base: str) -> str:
    gone = f"; if that process has ended: `orchestrator unlock {base} --force`" if mark.runs is None else ""
    return f"wait for it with --wait 10m{gone}"
