"""Refusals before any work. Each message has the reason; each hint has what to do. Only the engine is read."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime

from orchestrator.config.projects import Project
from orchestrator.engines.protocol import Engine
from orchestrator.errors import RefusedError, StackLockedError, StateError, UnreadableStateError, UsageError
from orchestrator.lifecycle.registry import Deployment
from orchestrator.model import Kind, Scope, StackResource, StackStatus, StackSummary, Unit
from pulumi_django.rules.naming import check_base_name, check_environment_name


def unless_valid(scope: Scope, names: Sequence[str]) -> None:
    """Raise UsageError unless there are names, each is valid for a base or an environment, and none is repeated."""
    unless_named(names)
    for name in names:
        try:
            (check_base_name if scope is Scope.BASE else check_environment_name)(name)
        except ValueError as error:
            raise UsageError(str(error)) from None


def unless_named(names: Sequence[str]) -> None:
    """Raise UsageError unless there are names and none is repeated."""
    if not names:
        raise UsageError("no name is given: at least one name is required")
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"{name} is given twice: give it once")


def if_busy(engine: Engine, stacks: Iterable[StackSummary]) -> None:
    """Raise StackLockedError while another operation runs on a stack, StateError when a state cannot be read."""
    for stack in stacks:
        if stack.status is StackStatus.DAMAGED:
            raise StateError(
                f"the state of {stack.unit} cannot be used: {stack.problem or 'it is damaged'}",
                "restore the state from a backup, then run the command again",
            )
        if stack.status is StackStatus.UNREADABLE:
            raise UnreadableStateError(
                f"the state of {stack.unit} cannot be used: {stack.problem}", "give this user permission to read it"
            )
        owner = engine.lock_owner(stack.unit)
        if owner is not None and owner.alive is False:
            continue  # the engine removes such a lock and reports it
        if owner is not None or stack.status is StackStatus.UPDATING:
            by = f" by {owner}" if owner else ""
            raise StackLockedError(
                f"{stack.unit.stack} is locked{by}: only one operation at a time can run on a stack",
                "wait for it with --wait 10m" + _unlock_hint(stack, owner is not None and owner.alive is None),
                owner=owner,
            )


def _unlock_hint(stack: StackSummary, unknown: bool) -> str:
    """For a lock of another machine, where only the user can know whether its owner still runs."""
    return f"; if that process has ended: `orchestrator unlock {stack.unit.stack} --force`" if unknown else ""


def if_production(kinds: Mapping[Unit, Kind], changed: Collection[Unit], *, allowed: bool) -> None:
    """Raise RefusedError when production would change and that is not allowed."""
    names = sorted({unit.stack for unit in changed if kinds.get(unit) is Kind.PROD})
    if names and not allowed:
        raise RefusedError(
            f"nothing was changed: {' and '.join(names)} {'is' if len(names) == 1 else 'are'} production",
            "check the preview, then add --allow-prod",
        )


def if_protected(engine: Engine, units: Iterable[Unit]) -> list[str]:
    """Raise RefusedError with the protected resources among those that would be destroyed.

    Otherwise return a sentence for each stack whose destruction leaves resources in AWS. Each state is read once: a base can
    have hundreds of environments.
    """
    protected, retained = dict[Unit, list[str]](), dict[Unit, list[str]]()
    for unit in units:
        for resource in engine.resources(unit):
            if resource.protect:
                protected.setdefault(unit, []).append(_short(resource))
            if resource.retain_on_delete:
                retained.setdefault(unit, []).append(_short(resource))
    if protected:
        listed = "; ".join(f"{unit.among(protected)}: {', '.join(found)}" for unit, found in protected.items())
        raise RefusedError(
            f"nothing was changed: protected resources would be destroyed: {listed}",
            "remove `protect` in the program or its configuration and update, or run `pulumi state unprotect`",
        )
    return [
        f"{unit.among(retained)} leaves resources in AWS (retained on delete): {', '.join(kept)}"
        for unit, kept in retained.items()
    ]


def _short(resource: StackResource) -> str:
    return f"{resource.name} ({resource.type.rpartition(':')[2]})"


def if_read(
    engine: Engine, destroyed: Collection[Unit], planned: Collection[Unit], projects: Sequence[Project]
) -> None:
    """Raise RefusedError when a stack that is not `planned`, possibly of an unknown project, reads a destroyed stack.

    Stacks of `projects` are named as everywhere, others with their project: `other-project/alpha`.
    """
    known, names = {project.name for project in projects}, {project.key: project.name for project in projects}
    going = {f"{names[unit.project]}/{unit.stack}" for unit in planned}
    for unit, found in engine.readers(sorted(destroyed)).items():
        readers = (reader.rpartition("/") for reader in found if reader not in going)
        others = list(dict.fromkeys(stack if name in known else f"{name}/{stack}" for name, _, stack in readers))
        if others:
            raise RefusedError(
                f"{unit.stack} was not destroyed: {', '.join(others)} {'reads' if len(others) == 1 else 'read'} its outputs",
                f"destroy {'it' if len(others) == 1 else 'them'} first",
            )


def if_environments_unclear(base: str, possible: Sequence[str]) -> None:
    """Raise RefusedError when an environment whose record cannot be read may be on the base that is destroyed."""
    if possible:
        one = len(possible) == 1
        raise RefusedError(
            f"the base {base} was not destroyed: {', '.join(possible)} may be on it, because "
            f"{'its record' if one else 'their records'} cannot be read",
            f"make the state and the tags of {'it' if one else 'them'} readable, or set `base` in "
            f"{'its' if one else 'their'} configuration",
        )


def if_base_full(base: str, existing: Sequence[Deployment], names: Collection[str], most: int | None) -> None:
    """Raise RefusedError when the base cannot hold the new environments; the hint names those that could be destroyed."""
    new = [name for name in names if name not in {environment.name for environment in existing}]
    if most is None or not new or len(existing) + len(new) <= most:
        return
    far = datetime.max.replace(tzinfo=UTC)
    removable = sorted(
        (environment for environment in existing if not environment.record.pinned),
        key=lambda it: (it.record.expires or far, it.last_update or far, it.name),
    )
    first = [environment.name for environment in removable[: len(existing) + len(new) - most]]
    raise RefusedError(
        f"the base {base} has no room for {', '.join(new)}: it holds {len(existing)} of {most} environments",
        f"destroy {', '.join(first)} first ({'it expires' if len(first) == 1 else 'they expire'} or "
        f"{'was' if len(first) == 1 else 'were'} used before the others), or raise limits.environments_per_base in "
        "orchestrator.toml"
        if first
        else "all of them are pinned: unpin one, or raise limits.environments_per_base in orchestrator.toml",
    )


def if_load_balancer_full(base: str, used: int, needed: int, quota: int) -> None:
    """Raise RefusedError when the new environments need more listener rules than the load balancer has left."""
    if needed and used + needed > quota:
        raise RefusedError(
            f"the load balancer of {base} has {used} of {quota} listener rules: {needed} more would be needed",
            "destroy an environment, use another base, or ask AWS for a higher quota (Rules per Application Load "
            "Balancer) and set limits.rules_per_load_balancer in orchestrator.toml",
        )


def if_kinds_differ(environment: str, has: Kind | None, base: str, kind: Kind) -> None:
    """Raise RefusedError when an environment has another kind than its base."""
    if has is not None and has is not kind:
        raise RefusedError(
            f"the environment {environment} is {has} and the base {base} is {kind}: an environment has the kind of its base",
            "use another base",
        )


def if_domain_missing(base: str, others: Iterable[str], names: Sequence[str]) -> None:
    """Raise RefusedError for a second environment on a base without a domain: only host names distinguish environments."""
    taken = sorted(set(others) - set(names))
    if taken or len(names) > 1:
        held = f"{' and '.join(taken)} is on it" if taken else f"{' and '.join(names)} were requested"
        raise RefusedError(
            f"the base {base} has no domain name, so it holds one environment: {held}",
            f"set `domain_name` in the configuration of {base}, or use another base",
        )


def unless_empty(base: Deployment) -> None:
    """Raise RefusedError with the names of the environments on the base."""
    if base.environments:
        found = base.environments
        raise RefusedError(
            f"the base {base.name} was not destroyed: the {'environment' if len(found) == 1 else 'environments'} "
            f"{', '.join(found)} {'is' if len(found) == 1 else 'are'} on it",
            f"destroy {'it' if len(found) == 1 else 'them'} first, or use --cascade",
        )
