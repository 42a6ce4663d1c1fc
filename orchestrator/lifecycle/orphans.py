"""Resources in AWS with our tags that no stack knows: every region and account that a base's configuration leads to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from orchestrator.config.aws_settings import access_of
from orchestrator.config.stack_config import configured_stacks
from orchestrator.errors import RefusedError
from orchestrator.lifecycle.context import Context
from orchestrator.lifecycle.registry import Registry
from orchestrator.model import Scope, StackStatus
from orchestrator.recovery.deletion import Deletion, delete_orphans
from orchestrator.recovery.orphans import Orphan, find_orphans
from pulumi_django.deploying.aws_access import AwsAccess


@dataclass(frozen=True, kw_only=True)
class Found:
    """What was found in one region of one account."""

    access: AwsAccess
    orphans: tuple[Orphan, ...]
    problems: tuple[str, ...]
    """What could not be looked at."""


@dataclass(frozen=True, kw_only=True)
class Orphans:
    """What was found everywhere."""

    found: tuple[Found, ...]

    @property
    def all(self) -> tuple[Orphan, ...]:
        """Every orphan."""
        return tuple(orphan for place in self.found for orphan in place.orphans)


def find(context: Context, base: str | None = None) -> Orphans:
    """Look for orphans of one base, or of all. Nothing is changed.

    Raises RefusedError on an engine that makes nothing in AWS, or while a stack's state is damaged: its resources cannot
    be told from orphans.
    """
    engine = context.engine
    if engine.notice:
        raise RefusedError("there are no orphans here: nothing was created in AWS", "add --engine pulumi")
    registry = context.registry()
    if base is not None and base not in registry.bases:
        configured = {name for project in context.projects(Scope.BASE) for name in configured_stacks(project)}
        if base not in configured:  # a base that was destroyed may still have left something
            registry.base(base)
    _check_whole(registry)
    seen: list[str] = []
    found: list[Found] = []
    for access in _accesses(context, registry, base):
        if repr(access) not in seen:
            seen.append(repr(access))
            search = find_orphans(access.client, engine.deployments, base=base)
            found.append(Found(access=access, orphans=search.orphans, problems=search.problems))
    return Orphans(found=tuple(found))


def delete(orphans: Orphans, report: Callable[[Deletion], None]) -> tuple[Deletion, ...]:
    """Delete what `find` found, in dependency order; a failure stops nothing. Each end is told to `report`."""
    return tuple(
        deletion
        for place in orphans.found
        for deletion in delete_orphans(place.orphans, place.access.client, report=report)
    )


def _check_whole(registry: Registry) -> None:
    for deployment in (*registry.bases.values(), *registry.environments.values()):
        for stack in deployment.stacks:
            if stack.status is StackStatus.DAMAGED:
                raise RefusedError(
                    f"orphans cannot be told: the state of {stack.unit} is damaged, so what it knows is not known",
                    "restore that state from a backup first",
                )
            if stack.status is StackStatus.UNREADABLE:
                raise RefusedError(
                    f"orphans cannot be told: the state of {stack.unit} cannot be read, so what it knows is not known",
                    "run it as a user who may read that state",
                )


def _accesses(context: Context, registry: Registry, base: str | None) -> list[AwsAccess]:
    accesses: list[AwsAccess] = []
    for project in context.projects(Scope.BASE):
        names = {base} if base else {*registry.bases, *configured_stacks(project)}
        for name in sorted(names):
            accesses.append(access_of(project, name))
    return accesses
