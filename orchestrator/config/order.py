"""Dependency order, with alphabetical order where dependencies leave a choice. Pure."""

from __future__ import annotations

import graphlib
import heapq
from collections.abc import Mapping, Sequence
from typing import TypeVar

from orchestrator.errors import GraphError
from orchestrator.model import Unit

Node = TypeVar("Node", str, Unit)


def ordered(waits_for: Mapping[Node, Sequence[Node]], complaint: str) -> tuple[Node, ...]:
    """Sort the nodes: each one after the nodes that it waits for, and alphabetically where there is a choice.

    Raises GraphError that begins with `complaint` and names one cycle.
    """
    sorter: graphlib.TopologicalSorter[Node] = graphlib.TopologicalSorter(waits_for)
    try:
        sorter.prepare()
    except graphlib.CycleError as error:
        cycle = " -> ".join(str(node) for node in _from_first(error.args[1]))
        raise GraphError(f"{complaint}: {cycle}", "remove one of these dependencies") from None
    ready: list[Node] = []
    order: list[Node] = []
    while sorter.is_active():
        for node in sorter.get_ready():
            heapq.heappush(ready, node)
        order.append(heapq.heappop(ready))
        sorter.done(order[-1])
    return tuple(order)


def _from_first(cycle: Sequence[Node]) -> list[Node]:
    """The cycle in the direction of the dependencies, from its alphabetically first node. graphlib lists it reversed."""
    nodes = list(reversed(cycle))[:-1]
    first = nodes.index(min(nodes))
    return [*nodes[first:], *nodes[: first + 1]]
