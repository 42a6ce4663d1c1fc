"""Environments whose time is over: which they are, which will follow soon, and destroying them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from orchestrator.lifecycle.context import Context
from orchestrator.lifecycle.destroy import destroy_env
from orchestrator.lifecycle.job import Job
from orchestrator.lifecycle.registry import Deployment
from orchestrator.lifecycle.requests import DestroyEnv
from orchestrator.model import Kind, StackStatus

WARN_AHEAD = timedelta(hours=48)
LAST_WARNING = timedelta(hours=2)


@dataclass(frozen=True, kw_only=True)
class Left:
    """An environment that expired and stays."""

    environment: Deployment
    why: str


@dataclass(frozen=True, kw_only=True)
class Soon:
    """An environment that expires within 48 hours."""

    environment: Deployment
    left: timedelta

    @property
    def last_call(self) -> bool:
        """Whether less than two hours are left."""
        return self.left <= LAST_WARNING


@dataclass(frozen=True, kw_only=True)
class Reaping:
    """What there is to reap."""

    expired: tuple[Deployment, ...]
    soon: tuple[Soon, ...]
    """Nearest first."""

    left: tuple[Left, ...]
    job: Job | None
    """Destroys the expired ones; None when there are none. One that cannot be destroyed never keeps the others."""


def reap(context: Context) -> Reaping:
    """Look at every environment that has a time to live. Nothing is touched."""
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
        elif why := _stays(context, environment):
            left.append(Left(environment=environment, why=why))
        else:
            expired.append(environment)
    names = tuple(environment.name for environment in expired)
    return Reaping(
        expired=tuple(expired),
        soon=tuple(sorted(soon, key=lambda it: it.left)),
        left=tuple(left),
        job=destroy_env(context, DestroyEnv(names=names)) if names else None,
    )


def _stays(context: Context, environment: Deployment) -> str | None:
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
            return f"{owner} is at work on it"
    protected = [r.name for unit in environment.units for r in context.engine.resources(unit) if r.protect]
    return f"{', '.join(protected)} {'is' if len(protected) == 1 else 'are'} protected" if protected else None
