"""Priorities of listener rules. Each environment has a block of them on its base's load balancer. Pure."""

from __future__ import annotations

import graphlib
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pulumi_django.rules.aws_rules import check_path_pattern
from pulumi_django.rules.patterns import covers, reaches

# https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateRule.html
PRIORITY_LIMIT = 50_000
PRIORITIES_PER_SLOT = 50
SLOTS = (PRIORITY_LIMIT - 1) // PRIORITIES_PER_SLOT
"""Number of slots. Slot n, from 0 to SLOTS - 1, has the priorities n * 50 + 1 to n * 50 + 50."""

# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html
CONDITION_VALUES_PER_RULE = 5
WILDCARDS_PER_RULE = 6
# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html
VALUES_PER_CONDITION = 3
# https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_PathPatternConditionConfig.html
PATH_PATTERN_LIMIT = 128
# https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_HostHeaderConditionConfig.html
HOST_LIMIT = 128
MATCH_ALL = "/*"

EDGE = 10
"""Priorities at either end of a block for `web` and `frontend`, in an environment with more web services. Those have the
priorities between, so an environment can get one or lose one without two rules that need the same priority for a moment."""


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

    setting: str | None = None
    """Key of the service in the configuration, for messages. None is its name."""

    additional: bool = False
    """Whether it is one of the `services` beside `web` and `frontend`."""

    @property
    def key(self) -> str:
        """Key of its paths in messages."""
        return f"{self.setting or self.service}.paths"


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
    the block, so a new path of one service does not change the priorities of the others. Where there are additional
    services, each of their rules has a priority by its hash, a narrower path before a wider one. Raises ValueError when the
    block is too small, when two services have the same path of the same host, or when a path gets no request.
    """
    _check_unique(routes)
    additional = any(route.additional for route in routes)
    rules = _with_additional(slot, routes) if additional else _in_parts(slot, routes)
    _check_reached(routes, rules)
    return rules


def _in_parts(slot: int, routes: Sequence[Route]) -> dict[str, list[Rule]]:
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
                other = owner.setdefault((host, path), route.key)
                if other != route.key:
                    raise ValueError(
                        f"{other} and {route.key} both have {path!r}: keep it in one of them, or give the services different "
                        "hosts"
                    )


def _with_additional(slot: int, routes: Sequence[Route]) -> dict[str, list[Rule]]:
    """Return the rules of an environment with additional services, which are between the first and the last ones."""
    block = slot_priorities(slot)
    more = sorted((route for route in routes if route.additional), key=lambda route: route.service)
    usual = [route for route in routes if not route.additional]
    late = [r for r in usual if MATCH_ALL in r.paths or any(_covers(r, other) for other in more)]
    late.sort(key=lambda route: MATCH_ALL in route.paths)
    early = [route for route in usual if route not in late]
    count = {route.service: len(rule_conditions(route.hosts, route.paths)) for route in routes}
    for part in (early, late):
        _check_room(part, sum(count[route.service] for route in part), EDGE)
    _check_room(more, sum(count[route.service] for route in more), PRIORITIES_PER_SLOT - 2 * EDGE)
    ends = [*_positions(early, count, 0)]
    ends += _positions(late, count, PRIORITIES_PER_SLOT - sum(count[route.service] for route in late))
    places = {**dict(ends), **_hashed(more, count)}
    return {
        route.service: [
            Rule(priority=block[place], hosts=hosts, paths=paths)
            for place, (hosts, paths) in zip(
                places[route.service], rule_conditions(route.hosts, route.paths), strict=True
            )
        ]
        for route in [*early, *more, *late]
    }


def _check_room(routes: Sequence[Route], needed: int, room: int) -> None:
    if needed > room:
        names = " and ".join(route.key for route in routes)
        raise ValueError(f"{names} with their hosts make {needed} listener rules: there is room for {room}")


def _positions(routes: Sequence[Route], count: Mapping[str, int], first: int) -> Iterator[tuple[str, list[int]]]:
    for route in routes:
        yield route.service, list(range(first, first + count[route.service]))
        first += count[route.service]


def _hashed(routes: Sequence[Route], count: Mapping[str, int]) -> dict[str, list[int]]:
    """Return places that depend on the names of the services, and only where two meet on each other. Services that have
    paths of each other share their places, the narrower first."""
    room = PRIORITIES_PER_SLOT - 2 * EDGE
    taken: dict[str, list[int]] = {}
    for route in routes:
        taken[route.service] = []
        for index in range(count[route.service]):
            digest = hashlib.sha256(f"{route.service}/{index}".encode()).digest()
            place = int.from_bytes(digest[:8], "big") % room
            while any(place + EDGE in places for places in taken.values()):
                place = (place + 1) % room
            taken[route.service].append(place + EDGE)
    after = {
        wide.service: {narrow.service for narrow in routes if narrow is not wide and _covers(wide, narrow)}
        for wide in routes
    }
    related = {name for wide, narrower in after.items() if narrower for name in (wide, *narrower)}
    shared = iter(sorted(place for name in related for place in taken[name]))
    for name in _in_order(routes, {name: sorted(after[name]) for name in sorted(related)}):
        taken[name] = [next(shared) for _ in taken[name]]
    return {name: sorted(places) for name, places in taken.items()}


def _in_order(routes: Sequence[Route], after: Mapping[str, Sequence[str]]) -> list[str]:
    try:
        return list(graphlib.TopologicalSorter(after).static_order())
    except graphlib.CycleError as error:
        keys = sorted(route.key for route in routes if route.service in error.args[1])
        raise ValueError(
            f"{' and '.join(keys)} each have a path within a path of the other, so neither can come first: move one of the "
            "paths"
        ) from None


def _covers(wide: Route, narrow: Route) -> bool:
    """Return whether a path of `narrow` is within a path of `wide`, on a common host."""
    return any(covers(path, other) for path in wide.paths for other in narrow.paths) and any(
        reaches(host, other) for host in wide.hosts for other in narrow.hosts
    )


def _check_reached(routes: Sequence[Route], rules: Mapping[str, Sequence[Rule]]) -> None:
    """Raise ValueError for a path that gets no request, because a rule of another service takes all of them."""
    keys = {route.service: route.key for route in routes}
    ordered = sorted(((rule, service) for service, own in rules.items() for rule in own), key=lambda it: it[0].priority)
    earlier: list[tuple[Any, str, str]] = []
    for rule, service in ordered:
        values = [(host, path, service) for host in rule.hosts for path in rule.paths]
        for host, path, _ in values:
            taker = next(
                (it for it in earlier if it[2] != service and covers(it[1], path) and reaches(it[0], host)), None
            )
            if taker is not None:
                raise ValueError(
                    f"{keys[service]} has {path!r}, which gets no request: {keys[taker[2]]} has {taker[1]!r}, whose rule comes "
                    "first"
                )
        earlier += values
