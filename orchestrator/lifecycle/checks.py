"""Refusals that come before any work. Each says what, why, and what to do. Pure, save that the engine is asked."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime

from orchestrator.engines.protocol import Engine
from orchestrator.errors import RefusedError, StackLockedError, StateError, UnreadableStateError, UsageError
from orchestrator.lifecycle.registry import Deployment
from orchestrator.model import Kind, Scope, StackResource, StackStatus, StackSummary, Unit
from pulumi_django.rules.naming import check_base_name, check_environment_name


def names(scope: Scope, given: Sequence[str]) -> None:
    """Every name can name a base, or an environment, and comes once. Raises UsageError with the rule."""
    named(given)
    for name in given:
        try:
            (check_base_name if scope is Scope.BASE else check_environment_name)(name)
        except ValueError as error:
            raise UsageError(str(error)) from None


def named(given: Sequence[str]) -> None:
    """There is a name, and none comes twice. Raises UsageError."""
    if not given:
        raise UsageError("nothing is named: at least one name is wanted")
    for name in given:
        if given.count(name) > 1:
            raise UsageError(f"{name} is named twice: name it once")


def idle(engine: Engine, stacks: Iterable[StackSummary]) -> None:
    """Nobody is at work on these stacks and their state can be read. Raises StackLockedError, StateError."""
    for stack in stacks:
        if stack.status is StackStatus.DAMAGED:
            raise StateError(
                f"the state of {stack.unit} cannot be used: {stack.problem or 'it is damaged'}",
                "restore the state from a backup, then run the command again",
            )
        if stack.status is StackStatus.UNREADABLE:
            raise UnreadableStateError(
                f"the state of {stack.unit} cannot be used: {stack.problem}", "give this user the right to read it"
            )
        owner = engine.lock_owner(stack.unit)
        if owner is not None and owner.alive is False:
            continue  # the engine removes such a lock, and says so
        if owner is not None or stack.status is StackStatus.UPDATING:
            by = f" by {owner}" if owner else ""
            raise StackLockedError(
                f"{stack.unit} is locked{by}: one operation at a time works on a stack",
                "wait for it with --wait 10m" + _elsewhere(stack, owner is not None and owner.alive is None),
                owner=owner,
            )


def _elsewhere(stack: StackSummary, unknown: bool) -> str:
    """A lock of another machine: nobody here can know whether its owner still runs."""
    return f"; if that process is gone: `orchestrator unlock {stack.unit.stack} --force`" if unknown else ""


def prod_allowed(kinds: Mapping[Unit, Kind], changed: Collection[Unit], *, allowed: bool) -> None:
    """Production is changed only by who says so. Raises RefusedError."""
    names = sorted({unit.stack for unit in changed if kinds.get(unit) is Kind.PROD})
    if names and not allowed:
        raise RefusedError(
            f"{' and '.join(names)} {'is' if len(names) == 1 else 'are'} production: nothing was touched",
            "look at the preview, then add --allow-prod",
        )


def unprotected(engine: Engine, units: Iterable[Unit]) -> tuple[str, ...]:
    """Nothing that is to be destroyed is protected. Raises RefusedError that lists what is.

    Returns a sentence for each stack whose destruction leaves resources behind in AWS.
    """
    protected: dict[Unit, list[str]] = {}
    notes: list[str] = []
    for unit in units:
        resources = engine.resources(unit)
        if found := [_short(resource) for resource in resources if resource.protect]:
            protected[unit] = found
        if kept := [_short(resource) for resource in resources if resource.retain_on_delete]:
            notes.append(f"{unit} leaves behind in AWS (retained on delete): {', '.join(kept)}")
    if protected:
        listed = "; ".join(f"{unit}: {', '.join(found)}" for unit, found in protected.items())
        raise RefusedError(
            f"protected resources would be destroyed, so nothing was touched: {listed}",
            "take `protect` away in the program or its configuration and update, or `pulumi state unprotect`",
        )
    return tuple(notes)


def _short(resource: StackResource) -> str:
    return f"{resource.name} ({resource.type.rpartition(':')[2]})"


def unread(engine: Engine, destroyed: Collection[Unit], known: Mapping[str, str]) -> None:
    """No stack outside the plan reads one that is to be destroyed, also none of projects outside the graph.

    `known` are the stacks of the plan, `project/stack` with Pulumi's names. Raises RefusedError.
    """
    for unit in sorted(destroyed):
        others = [reader for reader in engine.readers(unit) if reader not in known]
        if others:
            raise RefusedError(
                f"{unit} was not destroyed: {', '.join(others)} {'reads' if len(others) == 1 else 'read'} its outputs",
                f"destroy {'it' if len(others) == 1 else 'them'} first",
            )


def room_on_base(base: str, existing: Sequence[Deployment], wanted: Collection[str], most: int | None) -> None:
    """The base takes so many environments more. Raises RefusedError that says which could go."""
    new = [name for name in wanted if name not in {environment.name for environment in existing}]
    if most is None or not new or len(existing) + len(new) <= most:
        return
    far = datetime.max.replace(tzinfo=UTC)
    removable = sorted(
        (environment for environment in existing if not environment.record.pinned),
        key=lambda it: (it.record.expires or far, it.last_update or far, it.name),
    )
    first = [environment.name for environment in removable[: len(existing) + len(new) - most]]
    raise RefusedError(
        f"the base {base} holds {len(existing)} of {most} environments: there is no room for {', '.join(new)}",
        f"destroy {', '.join(first)} first: {'it expires' if len(first) == 1 else 'they expire'}, or "
        f"{'was' if len(first) == 1 else 'were'} used, before the others; or raise limits.environments_per_base in "
        "orchestrator.toml"
        if first
        else "all of them are pinned: unpin one, or raise limits.environments_per_base in orchestrator.toml",
    )


def room_on_load_balancer(base: str, used: int, needed: int, quota: int) -> None:
    """The load balancer takes the listener rules of the new environments. Raises RefusedError."""
    if needed and used + needed > quota:
        raise RefusedError(
            f"the load balancer of {base} has {used} of {quota} listener rules: {needed} more would be needed",
            "destroy an environment, use another base, or ask AWS for a higher quota (Rules per Application Load "
            "Balancer) and set limits.rules_per_load_balancer in orchestrator.toml",
        )


def kinds_match(environment: str, wanted: Kind | None, base: str, kind: Kind) -> None:
    """An environment has the kind of its base. Raises RefusedError."""
    if wanted is not None and wanted is not kind:
        raise RefusedError(
            f"the environment {environment} is {wanted} and the base {base} is {kind}: an environment has the kind of its base",
            "use another base",
        )


def one_environment_without_domain(base: str, others: Iterable[str], wanted: Sequence[str]) -> None:
    """A base without a domain serves one environment, since only host names tell environments apart. Raises RefusedError."""
    taken = sorted(set(others) - set(wanted))
    if taken or len(wanted) > 1:
        whose = f"{' and '.join(taken)} stands on it" if taken else f"{' and '.join(wanted)} are wanted"
        raise RefusedError(
            f"the base {base} has no domain name and holds one environment: {whose}",
            f"set `domain_name` in the configuration of {base}, or use another base",
        )


def without_domain(base: Deployment) -> bool:
    """Whether an existing base keeps our contract and offers no domain name."""
    domain = base.outputs.get("domain_name")
    return "contract_version" in base.outputs and (domain is None or domain.value is None)


def empty_base(base: Deployment) -> None:
    """No environment stands on the base. Raises RefusedError that names them."""
    if base.environments:
        found = base.environments
        raise RefusedError(
            f"the base {base.name} was not destroyed: {'environment' if len(found) == 1 else 'environments'} "
            f"{', '.join(found)} {'stands' if len(found) == 1 else 'stand'} on it",
            f"destroy {'it' if len(found) == 1 else 'them'} first, or use --cascade",
        )
