"""Priorities of listener rules. Each environment has a block of them on its base's load balancer. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pulumi_django.rules.aws_rules import check_path_pattern

# https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateRule.html
PRIORITY_LIMIT = 50_000
PRIORITIES_PER_SLOT = 50
SLOTS = (PRIORITY_LIMIT - 1) // PRIORITIES_PER_SLOT
"""Number of slots. Slot n, from 0 to SLOTS - 1, has the priorities n * 50 + 1 to n * 50 + 50."""

# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html
CONDITION_VALUES_PER_RULE = 5
WILDCARDS_PER_RULE = 6
DEFAULT_RULES_PER_LOAD_BALANCER = 100
# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html
VALUES_PER_CONDITION = 3
# https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_PathPatternConditionConfig.html
PATH_PATTERN_LIMIT = 128
# https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_HostHeaderConditionConfig.html
HOST_LIMIT = 128
MATCH_ALL = "/*"


def check_slot(slot: int) -> int:
    """Return the slot. Raises ValueError when a load balancer has no such slot."""
    if not 0 <= slot < SLOTS:
        raise ValueError(f"listener_slot is {slot}: a load balancer has slots 0 to {SLOTS - 1}")
    return slot


def slot_priorities(slot: int) -> range:
    """Return the priorities of the environment in this slot. The load balancer evaluates the lowest first."""
    first = check_slot(slot) * PRIORITIES_PER_SLOT + 1
    return range(first, first + PRIORITIES_PER_SLOT)


def stable_slot(environment: str) -> int:
    """Return the default slot of an environment, a hash of its name.

    Two names can have the same slot (1 % with five environments on a base, 50 % with 37). The orchestrator allocates
    different slots instead.
    """
    return int.from_bytes(hashlib.sha256(environment.encode()).digest()[:8], "big") % SLOTS


@dataclass(frozen=True, kw_only=True)
class Route:
    """The requests for one web service."""

    service: str
    """Name of the service."""

    paths: Sequence[str]
    """Path patterns."""

    hosts: Sequence[Any]
    """Host names, plain or as Outputs."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A listener rule for requests that match one of the hosts and one of the paths."""

    priority: int
    hosts: Sequence[Any]
    paths: Sequence[str]
    sources: Sequence[str] = ()
    """Address ranges of the clients for which the rule counts; empty for all."""


def rule_conditions(hosts: Sequence[Any], paths: Sequence[str]) -> list[tuple[list[Any], list[str]]]:
    """Return hosts and path patterns of each rule of a service: at most three of each, five together and six wildcards.

    Raises ValueError for a pattern or a host that a load balancer does not allow.
    """
    if not paths:
        raise ValueError("paths is empty: a web service needs at least one path pattern, such as '/*'")
    if not hosts:
        raise ValueError("hosts is empty: a web service needs at least one host name")
    for path in paths:
        check_path_pattern(path)
        if not path.startswith("/") or len(path) > PATH_PATTERN_LIMIT:
            raise ValueError(
                f"paths: the path pattern {path!r} cannot be used: it must begin with / and have at most {PATH_PATTERN_LIMIT} characters"
            )
    for host in hosts:
        if isinstance(host, str) and len(host) > HOST_LIMIT:
            raise ValueError(f"the host {host!r} cannot be used: it has more than {HOST_LIMIT} characters")
    conditions: list[tuple[list[Any], list[str]]] = []
    for some_hosts in _chunks(list(dict.fromkeys(hosts)), VALUES_PER_CONDITION, WILDCARDS_PER_RULE // 2):
        room = min(VALUES_PER_CONDITION, CONDITION_VALUES_PER_RULE - len(some_hosts))
        wildcards = WILDCARDS_PER_RULE - _wildcards(some_hosts)
        conditions += [(some_hosts, some_paths) for some_paths in _chunks(list(dict.fromkeys(paths)), room, wildcards)]
    for some_hosts, some_paths in conditions:
        if _wildcards([*some_hosts, *some_paths]) > WILDCARDS_PER_RULE:
            raise ValueError(
                f"paths: the path pattern {some_paths[0]!r} cannot be used: a rule has at most {WILDCARDS_PER_RULE} wildcards "
                "(* and ?), including those of its hosts"
            )
    return conditions


def rule_patterns(paths: Sequence[str]) -> list[list[str]]:
    """Return the path patterns of each rule of a service with at most one host."""
    return [some_paths for _, some_paths in rule_conditions(["*"], paths)]


def assign(slot: int, routes: Sequence[Route]) -> dict[str, list[Rule]]:
    """Return the rules of each web service of one environment, by service, in one slot.

    Services have the given order, except that a service for every path (`/*`) comes last. Each service has an equal part of
    the block, so a new path of one service does not change the priorities of the others. Raises ValueError when the block
    is too small, or when two services have the same path of the same host.
    """
    _check_unique(routes)
    ordered = sorted(routes, key=lambda route: MATCH_ALL in route.paths)
    block = slot_priorities(slot)
    part = PRIORITIES_PER_SLOT // max(len(ordered), 1)
    rules: dict[str, list[Rule]] = {}
    for index, route in enumerate(ordered):
        conditions = rule_conditions(route.hosts, route.paths)
        last = index == len(ordered) - 1
        first = PRIORITIES_PER_SLOT - len(conditions) if last and len(ordered) > 1 else index * part
        if len(conditions) > part:
            raise ValueError(
                f"{route.service} has {len(route.paths)} paths and {len(route.hosts)} hosts, which make {len(conditions)} "
                f"rules: with {len(ordered)} web services each has room for {part} in the environment's block of "
                f"{PRIORITIES_PER_SLOT} priorities"
            )
        rules[route.service] = [
            Rule(priority=block[first + offset], hosts=hosts, paths=paths)
            for offset, (hosts, paths) in enumerate(conditions)
        ]
    return rules


def only_from(rules: Sequence[Rule], sources: Sequence[str]) -> list[Rule]:
    """Return rules that count only for requests from these address ranges.

    Raises ValueError when a rule has no room for them.
    """
    for rule in rules:
        room = CONDITION_VALUES_PER_RULE - len(rule.hosts) - len(rule.paths)
        if len(sources) > room:
            raise ValueError(
                f"maintenance.allow has {len(sources)} address ranges: a listener rule with {len(rule.hosts)} hosts and "
                f"{len(rule.paths)} paths has room for {max(room, 0)}"
            )
    return [replace(rule, sources=tuple(sources)) for rule in rules]


def last_rules(slot: int, hosts: Sequence[Any]) -> list[Rule]:
    """Return the rules that count after those of all environments, for these hosts.

    Their priorities lie behind all slots. Slots that differ by a multiple of 50 share them. Raises ValueError for more than
    six hosts.
    """
    chunks = list(_chunks(list(dict.fromkeys(hosts)), VALUES_PER_CONDITION, WILDCARDS_PER_RULE))
    if len(chunks) > 2:
        raise ValueError(f"maintenance is set and the environment has {len(hosts)} hosts: it works with at most six")
    first, room = SLOTS * PRIORITIES_PER_SLOT + 1, PRIORITY_LIMIT - SLOTS * PRIORITIES_PER_SLOT
    return [
        Rule(priority=first + (slot + number * room // 2) % room, hosts=some, paths=())
        for number, some in enumerate(chunks)
    ]


def _chunks(values: list[Any], size: int, wildcards: int) -> Iterator[list[Any]]:
    """Yield the values in order, in lists of at most `size` values with at most `wildcards` wildcards."""
    chunk: list[Any] = []
    for value in values:
        if chunk and (len(chunk) == size or _wildcards([*chunk, value]) > wildcards):
            yield chunk
            chunk = []
        chunk.append(value)
    if chunk:
        yield chunk


def _wildcards(values: Sequence[Any]) -> int:
    return sum(value.count("*") + value.count("?") for value in values if isinstance(value, str))


def _check_unique(routes: Sequence[Route]) -> None:
    owner: dict[tuple[Any, str], str] = {}
    for route in routes:
        for host in route.hosts:
            for path in route.paths:
                other = owner.setdefault((host, path), route.service)
                if other != route.service:
                    raise ValueError(
                        f"the path {path!r} belongs to both {other} and {route.service}: keep it in one of them"
                    )
