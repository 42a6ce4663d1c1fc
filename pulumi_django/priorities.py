"""Listener-rule priorities: each environment owns a block of them on its base's load balancer. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

# https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateRule.html
PRIORITY_LIMIT = 50_000
PRIORITIES_PER_SLOT = 50
SLOTS = (PRIORITY_LIMIT - 1) // PRIORITIES_PER_SLOT
"""Slots are numbered from 0 to SLOTS - 1; slot n owns the priorities n * 50 + 1 to n * 50 + 50."""

# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html
CONDITION_VALUES_PER_RULE = 5
DEFAULT_RULES_PER_LOAD_BALANCER = 100
# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html
VALUES_PER_CONDITION = 3
# https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_PathPatternConditionConfig.html
PATH_PATTERN_LIMIT = 128
MATCH_ALL = "/*"


def check_slot(slot: int) -> int:
    """The slot itself; ValueError when a load balancer has no such slot."""
    if not 0 <= slot < SLOTS:
        raise ValueError(f"listener_slot is {slot}: a load balancer has the slots 0 to {SLOTS - 1}")
    return slot


def slot_priorities(slot: int) -> range:
    """The priorities that an environment in this slot may use, lowest (matched first) first."""
    first = check_slot(slot) * PRIORITIES_PER_SLOT + 1
    return range(first, first + PRIORITIES_PER_SLOT)


def stable_slot(environment: str) -> int:
    """The slot of an environment that was given none: a hash of its name.

    Two names can meet in one slot (1 % with five environments on a base, 50 % with 37); the orchestrator allocates
    slots instead, so that they never do.
    """
    return int.from_bytes(hashlib.sha256(environment.encode()).digest()[:8], "big") % SLOTS


def rule_patterns(paths: Sequence[str]) -> list[list[str]]:
    """The path patterns of each rule that a service needs: at most three a rule, beside one host.

    Raises ValueError for a pattern that a load balancer does not take.
    """
    if not paths:
        raise ValueError("paths is empty: a web service needs at least one path pattern, such as '/*'")
    for path in paths:
        if not path.startswith("/") or len(path) > PATH_PATTERN_LIMIT:
            raise ValueError(
                f"the path pattern {path!r} cannot be used: it begins with / and has at most {PATH_PATTERN_LIMIT} characters"
            )
    unique = list(dict.fromkeys(paths))
    return [unique[n : n + VALUES_PER_CONDITION] for n in range(0, len(unique), VALUES_PER_CONDITION)]


def assign(slot: int, services: Sequence[tuple[str, Sequence[str]]]) -> dict[str, list[tuple[int, list[str]]]]:
    """The rules (priority, path patterns) of each (service, paths), in one slot.

    Services come in the given order, but whoever answers everything (`/*`) comes after all the others. A service's
    other priorities do not move when one of its own paths is added: each service owns an equal part of the block.
    Raises ValueError when the block is too small or two services claim one path.
    """
    _check_unique_paths(services)
    ordered = sorted(services, key=lambda service: MATCH_ALL in service[1])
    block = slot_priorities(slot)
    part = PRIORITIES_PER_SLOT // max(len(ordered), 1)
    rules: dict[str, list[tuple[int, list[str]]]] = {}
    for index, (name, paths) in enumerate(ordered):
        patterns = rule_patterns(paths)
        last = index == len(ordered) - 1
        first = PRIORITIES_PER_SLOT - len(patterns) if last and len(ordered) > 1 else index * part
        if len(patterns) > part:
            raise ValueError(
                f"{name} has {len(paths)} paths: with {len(ordered)} web services each has room for "
                f"{part * VALUES_PER_CONDITION} in the environment's block of {PRIORITIES_PER_SLOT} priorities"
            )
        rules[name] = [(block[first + offset], pattern) for offset, pattern in enumerate(patterns)]
    return rules


def _check_unique_paths(services: Sequence[tuple[str, Sequence[str]]]) -> None:
    owner: dict[str, str] = {}
    for name, paths in services:
        for path in paths:
            other = owner.setdefault(path, name)
            if other != name:
                raise ValueError(f"the path {path!r} belongs to both {other} and {name}: give it to one of them")
