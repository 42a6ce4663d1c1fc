"""A diagram as SVG with the library `drawsvg`: no external program, and the same text for the same diagram."""

from __future__ import annotations

import importlib
from typing import Any

from orchestrator.lifecycle.diagrams import Diagram
from orchestrator.rendering.graph_layout import BOX_HEIGHT, PADDING, Box, cut, layout

STYLE = """
svg { color-scheme: light dark; }
text { font-family: ui-sans-serif, system-ui, sans-serif; fill: #1f2933; }
.label { font-size: 14px; font-weight: 600; }
.detail { font-size: 11px; fill: #52606d; }
.node rect { fill: #f5f7fa; stroke: #9aa5b1; }
.edge { fill: none; stroke: #3e6db5; stroke-width: 1.2; stroke-opacity: 0.6; }
.part { fill: none; stroke: #9aa5b1; stroke-dasharray: 3 3; }
#arrow path { fill: #3e6db5; }
@media (prefers-color-scheme: dark) {
  text { fill: #e4e7eb; }
  .detail { fill: #9aa5b1; }
  .node rect { fill: #1f2933; stroke: #616e7c; }
}
"""
BEND = 28
"""The length of an edge before its first turn, in pixels."""


def svg(diagram: Diagram) -> str:
    """Boxes from left to right: an arrow points to the dependent node, a dotted line connects a part to its whole.

    Every name is escaped. The tooltip has the whole name where a box has only the beginning.
    """
    # The library has no types.
    draw: Any = importlib.import_module("drawsvg")
    places = layout(diagram)
    drawing: Any = draw.Drawing(_number(places.width), _number(places.height), id_prefix="g")
    drawing.append_title(cut(diagram.title))
    drawing.append_css(STYLE)
    arrow: Any = draw.Marker(-9, -5, 1, 5, scale=1, orient="auto", id="arrow")
    arrow.append(draw.Path("M-9,-4 L0,0 L-9,4 Z"))
    names = {node.id: f"{node.label} ({node.detail})" for node in diagram.nodes}
    edges = [(source, to) for source, to in diagram.edges if source in names and to in names]
    for node in diagram.nodes:
        if node.parent in names and (node.parent, node.id) not in edges:
            path: Any = draw.Path(_line(places.boxes[node.parent], places.boxes[node.id]), class_="part")
            drawing.append(path)
    for source, to in edges:
        path = draw.Path(_line(places.boxes[source], places.boxes[to]), class_="edge", marker_end=arrow)
        path.append_title(f"{cut(names[to])} depends on {cut(names[source])}")
        drawing.append(path)
    for node in diagram.nodes:
        drawing.append(_box(draw, places.boxes[node.id], names[node.id]))
    if not diagram.nodes:
        drawing.append(draw.Text("nothing exists yet", 14, 24, 32, class_="label"))
    return f"{drawing.as_svg().rstrip()}\n"


def _box(draw: Any, box: Box, whole: str) -> Any:
    group: Any = draw.Group(class_="node")
    group.append_title(" ".join(_printable(whole).split()))
    group.append(draw.Rectangle(_number(box.x), _number(box.y), _number(box.width), BOX_HEIGHT, rx=6))
    left = _number(box.x + PADDING)
    group.append(draw.Text(cut(box.node.label), 14, left, _number(box.y + 18), class_="label"))
    group.append(draw.Text(cut(box.node.detail), 11, left, _number(box.y + 33), class_="detail"))
    return group


def _line(source: Box, to: Box) -> str:
    """A curve from the right side of one box to the left side of another, or around on the right if that is not ahead."""
    right = source.x + source.width
    if to.x > right:
        turn = (right + to.x) / 2
        points = ((right, source.middle), (turn, source.middle), (turn, to.middle), (to.x, to.middle))
    else:
        end, turn = to.x + to.width, max(right, to.x + to.width) + BEND
        points = ((right, source.middle), (turn, source.middle), (turn, to.middle), (end, to.middle))
    start, *rest = (f"{_number(x)},{_number(y)}" for x, y in points)
    return f"M{start} C{' '.join(rest)}"


def _number(value: float) -> float | int:
    """The number without a needless fraction: the same text on every machine."""
    rounded = round(value, 1)
    return int(rounded) if rounded == int(rounded) else rounded


def _printable(text: str) -> str:
    # XML allows no control characters, not even escaped.
    return "".join(letter if letter.isprintable() else " " for letter in text)
