"""Dependency order, alphabetical among equals. Pure."""

from __future__ import annotations

import graphlib
import heapq
from collections.abc import Mapping, Sequence
from typing import TypeVar

from orchestrator.errors import GraphError
from orchestrator.model import Unit

Node = TypeVar("Node", str, Unit)


def ordered(waits_for: Mapping[Node, Sequence[Node]], complaint: str) -> tuple[Node, ...]:
    """Every node after the nodes that it waits for; of all that could come next, the alphabetically first.

    Raises GraphError that begins with `complaint` and names one cycle.
    """
    sorter: graphlib.TopologicalSorter[Node] = graphlib.TopologicalSorter(waits_for)
    try:
        sorter.prepare()
    except graphlib.CycleError as error:
        cycle = " -> ".join(str(node) for node in _from_first(error.args[1]))
        raise GraphError(f"{complaint}: {cycle}", "take one of these dependencies away") from None
    ready: list[Node] = []
    order: list[Node] = []
    while sorter.is_active():
        for node in sorter.get_ready():
            heapq.heappush(ready, node)
        order.append(heapq.heappop(ready))
        sorter.done(order[-1])
    return tuple(order)


def _from_first(cycle: Sequence[Node]) -> list[Node]:
    """The cycle as dependencies, from its alphabetically first node: graphlib lists each node before what waits for it."""
    nodes = list(reversed(cycle))[:-1]
    first = nodes.index(min(nodes))
    return [*nodes[first:], *nodes[: first + 1]]
