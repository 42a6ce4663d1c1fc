"""Removes the locks and marks that dead processes left on a base or an environment."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.engines.marks import Mark
from orchestrator.errors import LockOwner, StackLockedError
from orchestrator.lifecycle.base_marks import GOING, WORKING
from orchestrator.lifecycle.context import Context
from orchestrator.lifecycle.registry import Deployment
from orchestrator.model import Scope, Unit


@dataclass(frozen=True, kw_only=True)
class Unlocked:
    """A lock that was removed."""

    unit: Unit
    owner: LockOwner


def unlock(context: Context, name: str, *, force: bool = False) -> tuple[Unlocked, ...]:
    """Remove the locks of dead processes from the stacks of a base or an environment.

    The lock of a running process stays. `force` also removes the locks of processes on other machines and in other
    containers, where this process cannot check whether they run. Raises StackLockedError with the owner of a lock that
    stays; no lock is removed then.
    """
    deployment, engine = context.registry().named(name), context.engine
    owners = {unit: engine.lock_owner(unit) for unit in deployment.units}
    held = {unit: owner for unit, owner in owners.items() if owner is not None}
    marks = _marks_of_others(context, deployment)
    found = [*held.items(), *((deployment.units[0], _owner_of(mark)) for mark in marks)]
    for unit, owner in found:
        if owner.alive:
            raise StackLockedError(
                f"{unit.stack} stays locked: {owner} works on it", "wait for that process, or interrupt it", owner=owner
            )
        if owner.alive is None and not force:
            raise StackLockedError(
                f"{unit.stack} stays locked: it is not known whether {owner} still runs",
                "make sure that the process has ended, then add --force",
                owner=owner,
            )
    for unit in held:
        engine.unlock(unit)
    for mark in marks:
        engine.marks.remove(mark.name)
    return tuple(Unlocked(unit=unit, owner=owner) for unit, owner in found)


def _marks_of_others(context: Context, base: Deployment) -> list[Mark]:
    """The marks on a base by processes of which this machine does not know whether they run; marks of running ones stay."""
    if base.scope is not Scope.BASE:
        return []
    found = [mark for kind in (WORKING, GOING) for mark in context.engine.marks.below(f"{kind}/{base.name}")]
    return [mark for mark in found if mark.runs is None]


def _owner_of(mark: Mark) -> LockOwner:
    """The process that set a mark, as the owner of a lock."""
    process = mark.process
    return LockOwner(
        username=process.username, hostname=process.hostname, pid=process.pid, since=mark.since, alive=mark.runs
    )
