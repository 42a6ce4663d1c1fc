"""Refusals that come before any work. Each says what, why, and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from orchestrator.engines.protocol import Engine
from orchestrator.errors import RefusedError, StackLockedError, StateError, UsageError
from orchestrator.model import Kind, Scope, StackStatus, StackSummary
from orchestrator.registry import Deployment
from pulumi_django.naming import check_base_name, check_environment_name


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
        owner = engine.lock_owner(stack.unit)
        if owner is not None or stack.status is StackStatus.UPDATING:
            by = f" by {owner}" if owner else ""
            raise StackLockedError(
                f"{stack.unit} is locked{by}: one operation at a time works on a stack",
                f"wait until it has ended, then run the command again{_unlock_hint(owner is not None and owner.alive is False)}",
                owner=owner,
            )


def _unlock_hint(gone: bool) -> str:
    return "; the owner is gone: `pulumi cancel` in the project folder removes the lock" if gone else ""


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
