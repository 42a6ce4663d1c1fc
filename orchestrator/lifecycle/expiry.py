"""Expiry of environments: which expired or will soon, the job that destroys them, and changes of their time to live."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from orchestrator.errors import RefusedError
from orchestrator.lifecycle import refusals, use_cases
from orchestrator.lifecycle.context import Context
from orchestrator.lifecycle.job import Job
from orchestrator.lifecycle.registry import Deployment, Registry
from orchestrator.lifecycle.requests import DestroyEnv
from orchestrator.model import Kind, Record, StackStatus

WARN_AHEAD = timedelta(hours=48)
LAST_WARNING = timedelta(hours=2)


@dataclass(frozen=True, kw_only=True)
class Left:
    """An environment that expired and is not destroyed."""

    environment: Deployment
    why: str


@dataclass(frozen=True, kw_only=True)
class Soon:
    """An environment that expires within 48 hours."""

    environment: Deployment
    left: timedelta

    @property
    def last_call(self) -> bool:
        """Whether at most two hours are left."""
        return self.left <= LAST_WARNING


@dataclass(frozen=True, kw_only=True)
class Reaping:
    """The environments that expired, that expire soon, and that stay although they expired."""

    expired: tuple[Deployment, ...]
    soon: tuple[Soon, ...]
    """In order of expiry."""

    left: tuple[Left, ...]
    job: Job | None
    """Destroys the expired environments; None when there are none. A failure stops none of the others."""


@dataclass(frozen=True, kw_only=True)
class Life:
    """The time to live of an environment after a change."""

    name: str
    expires: datetime | None
    ttl: timedelta | None
    pinned: bool


def reap(context: Context) -> Reaping:
    """Find the environments that expired or will soon. Nothing is changed."""
    now = context.clock()
    expired: list[Deployment] = []
    soon: list[Soon] = []
    left: list[Left] = []
    for environment in context.registry().environments.values():
        expires = environment.record.expires
        if expires is None:
            continue
        if expires > now:
            if expires - now <= WARN_AHEAD and not environment.record.pinned:
                soon.append(Soon(environment=environment, left=expires - now))
        elif why := _why_left(context, environment):
            left.append(Left(environment=environment, why=why))
        else:
            expired.append(environment)
    names = tuple(environment.name for environment in expired)
    return Reaping(
        expired=tuple(expired),
        soon=tuple(sorted(soon, key=lambda it: it.left)),
        left=tuple(left),
        job=use_cases.prepare(context, DestroyEnv(names=names)) if names else None,
    )


def extend(context: Context, names: Sequence[str], ttl: timedelta) -> tuple[Life, ...]:
    """Let the environments expire after `ttl`, counted from now and again from each later deployment.

    Raises UnknownStackError, RefusedError.
    """
    expires = context.clock().replace(microsecond=0) + ttl
    return _change(context, names, lambda record: replace(record, ttl=ttl, expires=expires))


def pin(context: Context, names: Sequence[str], *, pinned: bool) -> tuple[Life, ...]:
    """Pin or unpin environments; `reap` never destroys a pinned one. Raises UnknownStackError, RefusedError."""
    return _change(context, names, lambda record: replace(record, pinned=pinned))


def _why_left(context: Context, environment: Deployment) -> str | None:
    if environment.record.pinned:
        return "it is pinned"
    if environment.record.kind is Kind.PROD and not context.allow_prod:
        return "it is production"
    if environment.status is StackStatus.DAMAGED:
        return "its state is damaged"
    if environment.status is StackStatus.UNREADABLE:
        return "its state cannot be read"
    for unit in environment.units:
        owner = context.engine.lock_owner(unit)
        if owner is not None and owner.alive is not False:
            return f"{owner} works on it"
    protected = [r.name for unit in environment.units for r in context.engine.resources(unit) if r.protect]
    return f"{', '.join(protected)} {'is' if len(protected) == 1 else 'are'} protected" if protected else None


def _change(context: Context, names: Sequence[str], change: Callable[[Record], Record]) -> tuple[Life, ...]:
    refusals.unless_named(names)
    registry = context.registry()
    found = [_environment(registry, name) for name in names]
    lives: list[Life] = []
    for environment in found:
        # A stack without a record receives the complete one that was derived from the stack.
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


def not_warned(soon: Soon) -> bool:
    """Whether no notice about this expiry was sent yet: one at two days, and one at two hours."""
    return soon.environment.record.warned != _warning(soon)


def note_warned(context: Context, soon: Soon) -> None:
    """Keep in the record that the notice was sent. Raises StackLockedError."""
    stack = next((stack for stack in soon.environment.stacks if stack.record), None)
    if stack is not None:
        context.engine.change_record(
            stack.unit, lambda record: replace(record or soon.environment.record, warned=_warning(soon))
        )


def _warning(soon: Soon) -> str:
    expires = soon.environment.record.expires
    return f"{'2h' if soon.last_call else '2d'} {expires.isoformat(timespec='seconds') if expires else ''}"
