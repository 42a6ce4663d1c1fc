"""Orphans: resources in AWS with our tags that no stack contains, in every region and account of a configured base."""

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
    """The orphans in one region of one account."""

    access: AwsAccess
    orphans: tuple[Orphan, ...]
    problems: tuple[str, ...]
    """The searches that failed."""


@dataclass(frozen=True, kw_only=True)
class Orphans:
    """The orphans in all regions and accounts."""

    found: tuple[Found, ...]

    @property
    def all(self) -> tuple[Orphan, ...]:
        """Every orphan."""
        return tuple(orphan for place in self.found for orphan in place.orphans)


def find(context: Context, base: str | None = None) -> Orphans:
    """Find the orphans of one base, or of all bases. Nothing is changed.

    Raises RefusedError on an engine that creates nothing in AWS, and while the state of a stack is damaged: its resources
    would look like orphans.
    """
    engine = context.engine
    if engine.notice:
        raise RefusedError("this engine has no orphans: it creates nothing in AWS", "add --engine pulumi")
    registry = context.registry()
    if base is not None and base not in registry.bases:
        configured = {name for project in context.projects(Scope.BASE) for name in configured_stacks(project)}
        if base not in configured:  # a destroyed base may have left resources
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
    """Delete orphans in dependency order. A failure does not stop the rest; `report` receives each result."""
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
                    f"orphans cannot be found: the state of {stack.unit} is damaged, so its resources are not known",
                    "restore that state from a backup first",
                )
            if stack.status is StackStatus.UNREADABLE:
                raise RefusedError(
                    f"orphans cannot be found: the state of {stack.unit} cannot be read, so its resources are not known",
                    "run the command as a user with permission to read that state",
                )


def _accesses(context: Context, registry: Registry, base: str | None) -> list[AwsAccess]:
    accesses: list[AwsAccess] = []
    for project in context.projects(Scope.BASE):
        names = {base} if base else {*registry.bases, *configured_stacks(project)}
        for name in sorted(names):
            accesses.append(access_of(project, name))
    return accesses
