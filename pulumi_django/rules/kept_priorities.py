"""Priorities of the listener rules of an environment that exists. Pure.

AWS refuses a priority that another rule has, and an update creates and changes rules before it deletes any. So a rule keeps its
priority, and one that cannot takes a priority that no rule has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pulumi_django.rules.patterns import meet
from pulumi_django.rules.priorities import Rule


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A rule with the priority that it has in a new environment."""

    service: str
    rule: Rule


def settle(block: Sequence[int], wanted: Mapping[str, Wanted], existing: Mapping[str, int]) -> dict[str, int]:
    """Return the priority of each wanted rule, by name.

    `existing` are the priorities of all rules in the state, by name. Rules of different services that some request meets
    both keep the order of a new environment, so the history changes no answer. Raises ValueError where `block` has too few
    free priorities.
    """
    here = {name: priority for name, priority in existing.items() if priority in block}
    order = sorted(wanted, key=lambda name: wanted[name].rule.priority)
    before = _before(order, wanted)
    free = sorted(set(block) - set(here.values()))
    for kept in (_in_order(order, before, here), _unrelated(order, before, here)):
        places = _filled(order, before, kept, {name: wanted[name].rule.priority for name in order}, free)
        if places is not None:
            return places
    raise ValueError(
        f"the environment has more listener rules than its block of {len(block)} priorities has room for during an update: "
        "change fewer paths and hosts in one update"
    )


def _before(order: Sequence[str], wanted: Mapping[str, Wanted]) -> dict[str, list[str]]:
    """Return, by rule, the earlier rules that must stay earlier."""
    return {
        name: [
            other
            for other in order[:index]
            if wanted[other].service != wanted[name].service and _meet(wanted[other].rule, wanted[name].rule)
        ]
        for index, name in enumerate(order)
    }


def _meet(rule: Rule, other: Rule) -> bool:
    return any(meet(mine, theirs) for mine in rule.paths for theirs in other.paths) and any(
        _hosts_meet(mine, theirs) for mine in rule.hosts for theirs in other.hosts
    )


def _hosts_meet(host: Any, other: Any) -> bool:
    # An Output may become any host.
    return not (isinstance(host, str) and isinstance(other, str)) or meet(host, other)


def _in_order(order: Sequence[str], before: Mapping[str, Sequence[str]], existing: Mapping[str, int]) -> dict[str, int]:
    """Return the existing priorities that can stay."""
    kept: dict[str, int] = {}
    for name in order:
        if name in existing and all(kept.get(other, 0) < existing[name] for other in before[name]):
            kept[name] = existing[name]
    return kept


def _unrelated(
    order: Sequence[str], before: Mapping[str, Sequence[str]], existing: Mapping[str, int]
) -> dict[str, int]:
    """Return the existing priorities of rules whose order does not count."""
    related = {name for name in order if before[name]} | {other for name in order for other in before[name]}
    return {name: existing[name] for name in order if name in existing and name not in related}


def _filled(
    order: Sequence[str],
    before: Mapping[str, Sequence[str]],
    kept: Mapping[str, int],
    preferred: Mapping[str, int],
    free: Sequence[int],
) -> dict[str, int] | None:
    """Return the kept priorities and free ones for the other rules, near those that they prefer; None without room."""
    places, left = dict(kept), list(free)
    missing = [name for name in order if name not in kept]
    for index, name in enumerate(missing):
        low = max((places[other] for other in before[name]), default=0)
        high = min(
            (place for other, place in kept.items() if name in before[other]), default=left[-1] + 1 if left else 0
        )
        # Each of the rules to come can be one that must be later.
        later = len(missing) - index - 1
        fitting = [place for place in left[: len(left) - later] if low < place < high]
        if not fitting:
            return None
        places[name] = min(fitting, key=lambda place: (abs(place - preferred[name]), place))
        left.remove(places[name])
    return places
