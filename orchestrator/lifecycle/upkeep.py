"""The life of an environment after its creation: longer, for ever, not for ever; and freeing stacks from locks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from orchestrator.errors import LockOwner, RefusedError, StackLockedError
from orchestrator.lifecycle import checks
from orchestrator.lifecycle.context import Context
from orchestrator.lifecycle.registry import Deployment, Registry
from orchestrator.model import Record, Unit


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
        records = {stack.unit: change(stack.record or environment.record) for stack in environment.stacks}
        for unit, record in records.items():
            context.engine.write_record(unit, record)
        record = next(iter(records.values()))
        lives.append(Life(name=environment.name, expires=record.expires, ttl=record.ttl, pinned=record.pinned))
    return tuple(lives)


def _environment(registry: Registry, name: str) -> Deployment:
    found = registry.environments.get(name)
    if found is None and name in registry.bases:
        raise RefusedError(f"{name} is a base: only environments expire", "name an environment")
    return found or registry.environment(name)


def unlock(context: Context, name: str, *, force: bool = False) -> tuple[Unlocked, ...]:
    """Remove locks that dead processes left on the stacks of a base or an environment.

    A lock whose owner runs is never removed. One of another machine, where nobody can know, only with `force`. Raises
    StackLockedError naming the owner, and removes nothing then.
    """
    deployment = context.registry().named(name)
    owners = {unit: context.engine.lock_owner(unit) for unit in deployment.units}
    held = {unit: owner for unit, owner in owners.items() if owner is not None}
    for unit, owner in held.items():
        if owner.alive:
            raise StackLockedError(
                f"{unit} stays locked: {owner} is at work on it", "wait for it, or interrupt it there", owner=owner
            )
        if owner.alive is None and not force:
            raise StackLockedError(
                f"{unit} stays locked: whether {owner} still runs cannot be known from this machine",
                "make sure that it is gone, then add --force",
                owner=owner,
            )
    for unit in held:
        context.engine.unlock(unit)
    return tuple(Unlocked(unit=unit, owner=owner) for unit, owner in held.items())
