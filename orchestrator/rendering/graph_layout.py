"""The positions of a diagram's boxes: a column for each level of the tree, parents beside the middle of their children. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator.lifecycle.diagrams import Diagram, Node

LABEL_WIDTH, DETAIL_WIDTH = 8.8, 6.8
"""The average width of a letter in pixels, in a wide font: 14 pixels bold for the label, 11 for the detail."""

PADDING, ROW, BOX_HEIGHT, GAP, MARGIN = 12, 56, 42, 64, 24
MAX_LETTERS = 48
"""Longer texts are cut. The tooltip of the box has the whole text."""


@dataclass(frozen=True, kw_only=True)
class Box:
    """The position of a node, in pixels from the upper left corner."""

    node: Node
    x: float
    y: float
    width: float
    height: float = BOX_HEIGHT

    @property
    def middle(self) -> float:
        """Its vertical middle."""
        return self.y + self.height / 2


@dataclass(frozen=True, kw_only=True)
class Layout:
    """All boxes by node, and the size of the drawing."""

    boxes: Mapping[str, Box]
    width: float
    height: float


def layout(diagram: Diagram) -> Layout:
    """Place every node. The same diagram always gives the same positions, and no two boxes overlap."""
    depths = _depths(diagram)
    rows = _rows(diagram)
    widths: dict[int, float] = {}
    for node in diagram.nodes:
        widths[depths[node.id]] = max(widths.get(depths[node.id], 0), _width(node))
    left: dict[int, float] = {}
    edge: float = MARGIN
    for depth in sorted(widths):
        left[depth] = edge
        edge += widths[depth] + GAP
    boxes = {
        node.id: Box(
            node=node,
            x=left[depths[node.id]],
            y=MARGIN + rows[node.id] * ROW,
            width=widths[depths[node.id]],
        )
        for node in diagram.nodes
    }
    bottom = max((box.y + box.height for box in boxes.values()), default=MARGIN)
    return Layout(boxes=boxes, width=max(edge - GAP, MARGIN) + MARGIN, height=bottom + MARGIN)


def cut(text: str) -> str:
    """The text on one line, cut to the size of a box."""
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return line if len(line) <= MAX_LETTERS else f"{line[: MAX_LETTERS - 1]}…"


def _depths(diagram: Diagram) -> dict[str, int]:
    # Parents come first in a diagram.
    depths: dict[str, int] = {}
    for node in diagram.nodes:
        depths[node.id] = depths.get(node.parent, -1) + 1 if node.parent is not None else 0
    return depths


def _rows(diagram: Diagram) -> dict[str, float]:
    """A separate row for each node without children, in the order of the tree; parents in the middle of their children."""
    children: dict[str | None, list[str]] = {}
    known = {node.id for node in diagram.nodes}
    for node in diagram.nodes:
        children.setdefault(node.parent if node.parent in known else None, []).append(node.id)
    rows: dict[str, float] = {}
    used = 0
    # Recursion could exceed Python's limit on a program's deep tree.
    waiting = [(id_, False) for id_ in reversed(children.get(None, []))]
    while waiting:
        id_, done = waiting.pop()
        below = children.get(id_, [])
        if not below:
            rows[id_] = used
            used += 1
        elif done:
            rows[id_] = (rows[below[0]] + rows[below[-1]]) / 2
        else:
            waiting.append((id_, True))
            waiting += [(child, False) for child in reversed(below)]
    return rows


def _width(node: Node) -> float:
    return 2 * PADDING + max(_letters(node.label) * LABEL_WIDTH, _letters(node.detail) * DETAIL_WIDTH)


def _letters(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in cut(text))
