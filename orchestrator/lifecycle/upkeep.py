"""The life of an environment after its creation: longer, for ever, not for ever; and freeing stacks from locks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from orchestrator.engines.marks import Mark
from orchestrator.errors import LockOwner, RefusedError, StackLockedError
from orchestrator.lifecycle import bases, checks
from orchestrator.lifecycle.context import Context
from orchestrator.lifecycle.registry import Deployment, Registry
from orchestrator.model import Record, Scope, Unit


@dataclass(frozen=True, kw_only=True)
class Life:
    """How long an environment lives, after a change of it."""

    name: str
    expires: datetime | None
    ttl: timedelta | None
    pinned: bool


@dataclass(frozen=True, kw_only=True)
class Unlocked:
    """A lock that was removed."""

    unit: Unit
    owner: LockOwner


def extend(context: Context, names: Sequence[str], ttl: timedelta) -> tuple[Life, ...]:
    """The environments expire that long from now, and that long after each later deploy.

    Raises UnknownStackError, RefusedError.
    """
    expires = context.clock().replace(microsecond=0) + ttl
    return _change(context, names, lambda record: replace(record, ttl=ttl, expires=expires))


def pin(context: Context, names: Sequence[str], *, pinned: bool) -> tuple[Life, ...]:
    """The environments are (not) left alone by `reap`, however old they are. Raises UnknownStackError, RefusedError."""
    return _change(context, names, lambda record: replace(record, pinned=pinned))


def _change(context: Context, names: Sequence[str], change: Callable[[Record], Record]) -> tuple[Life, ...]:
    checks.named(names)
    registry = context.registry()
    found = [_environment(registry, name) for name in names]
    lives: list[Life] = []
    for environment in found:
        # A stack without a record gets the whole one, which was derived from the stack itself.
        derived = environment.record
        changed = [
            context.engine.change_record(stack.unit, lambda now, known=derived: change(now or known))
            for stack in environment.stacks
        ]
        record = changed[0]
        lives.append(Life(name=environment.name, expires=record.expires, ttl=record.ttl, pinned=record.pinned))
    return tuple(lives)


def _environment(registry: Registry, name: str) -> Deployment:
    found = registry.environments.get(name)
    if found is None and name in registry.bases:
        raise RefusedError(f"{name} is a base: only environments expire", "name an environment")
    return found or registry.environment(name)


def unlock(context: Context, name: str, *, force: bool = False) -> tuple[Unlocked, ...]:
    """Remove locks that dead processes left on the stacks of a base or an environment.

    A lock whose owner runs is never removed. One whose owner cannot be looked at, on another machine or in another
    container, only with `force`. Raises StackLockedError naming the owner, and removes nothing then.
    """
    deployment, engine = context.registry().named(name), context.engine
    owners = {unit: engine.lock_owner(unit) for unit in deployment.units}
    held = {unit: owner for unit, owner in owners.items() if owner is not None}
    marks = _marks_of_others(context, deployment)
    found = [*held.items(), *((deployment.units[0], owner_of(mark)) for mark in marks)]
    for unit, owner in found:
        if owner.alive:
            raise StackLockedError(
                f"{unit} stays locked: {owner} is at work on it", "wait for it, or interrupt it there", owner=owner
            )
        if owner.alive is None and not force:
            raise StackLockedError(
                f"{unit} stays locked: whether {owner} still runs cannot be known from here",
                "make sure that it is gone, then add --force",
                owner=owner,
            )
    for unit in held:
        engine.unlock(unit)
    for mark in marks:
        engine.marks.remove(mark.name)
    return tuple(Unlocked(unit=unit, owner=owner) for unit, owner in found)


def _marks_of_others(context: Context, base: Deployment) -> list[Mark]:
    """What keeps others from a base, of processes that cannot be looked at; those that run are no locks to be removed."""
    if base.scope is not Scope.BASE:
        return []
    found = [
        mark for kind in (bases.WORKING, bases.GOING) for mark in context.engine.marks.below(f"{kind}/{base.name}")
    ]
    return [mark for mark in found if mark.runs is None]


def owner_of(mark: Mark) -> LockOwner:
    """The process that set a mark, as the owner of a lock."""
    process = mark.process
    return LockOwner(
        username=process.username, hostname=process.hostname, pid=process.pid, since=mark.since, alive=mark.runs
    )
