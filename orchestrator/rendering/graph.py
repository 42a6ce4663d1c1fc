"""A diagram as an indented tree, Mermaid, Graphviz DOT or SVG. Pure: the same diagram always gives the same text."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Literal, get_args

from orchestrator.lifecycle.diagrams import Diagram, Node
from orchestrator.visible import in_line, visible

GraphFormat = Literal["text", "mermaid", "dot", "svg"]
FORMATS: tuple[GraphFormat, ...] = get_args(GraphFormat)


def render(diagram: Diagram, format: GraphFormat = "text") -> str:
    """The diagram in a format; ends with a newline."""
    return _RENDERERS[format](diagram)


def text(diagram: Diagram) -> str:
    """A tree with each node below its parent; further dependencies of a node are named behind it."""
    if not diagram.nodes:
        return "nothing exists yet\n"
    children: dict[str | None, list[Node]] = {}
    for node in diagram.nodes:
        children.setdefault(node.parent, []).append(node)
    labels = {node.id: node.label for node in diagram.nodes}
    is_stack_graph = all(node.parent is None or (node.parent, node.id) in diagram.edges for node in diagram.nodes)
    lines: list[str] = []
    # Recursion could exceed Python's limit on a program's deep tree.
    waiting = [(node, "", "", "") for node in reversed(children.get(None, []))]
    while waiting:
        node, lead, branch, below = waiting.pop()
        others = [labels[source] for source, to in diagram.edges if to == node.id and source != node.parent]
        also = f"  (also on {', '.join(others)})" if others and is_stack_graph else ""
        lines.append(f"{lead}{branch}{in_line(f'{node.label}  {node.detail}{also}')}")
        nested = children.get(node.id, [])
        for index, child in reversed(list(enumerate(nested))):
            last = index == len(nested) - 1
            waiting.append((child, lead + below, "└── " if last else "├── ", "    " if last else "│   "))
    return "\n".join(lines) + "\n"


def mermaid(diagram: Diagram) -> str:
    """A flowchart: an arrow points to the dependent node, a dotted line connects a part to its whole."""
    ids = {node.id: f"n{index}" for index, node in enumerate(diagram.nodes)}
    lines = ["flowchart LR"]
    lines += [f'    {ids[node.id]}["{_mermaid(node.label)}<br/>{_mermaid(node.detail)}"]' for node in diagram.nodes]
    lines += [f"    {ids[source]} --> {ids[to]}" for source, to in diagram.edges]
    lines += [f"    {ids[source]} -.- {ids[to]}" for source, to in _parts(diagram)]
    return "\n".join(lines) + "\n"


def dot(diagram: Diagram) -> str:
    """A digraph for Graphviz: an arrow points to the dependent node, a dotted line connects a part to its whole."""
    ids = {node.id: f"n{index}" for index, node in enumerate(diagram.nodes)}
    lines = [f"digraph {_dot(diagram.title)} {{", "    rankdir=LR;", "    node [shape=box];"]
    lines += [f"    {ids[node.id]} [label={_dot(node.label, node.detail)}];" for node in diagram.nodes]
    lines += [f"    {ids[source]} -> {ids[to]};" for source, to in diagram.edges]
    lines += [f"    {ids[source]} -> {ids[to]} [style=dotted, arrowhead=none];" for source, to in _parts(diagram)]
    return "\n".join([*lines, "}"]) + "\n"


def svg(diagram: Diagram) -> str:
    """A picture for a browser: an arrow points to the dependent node, a dotted line connects a part to its whole."""
    # The library is loaded only for a picture.
    from orchestrator.rendering import graph_svg

    return graph_svg.svg(diagram)


_RENDERERS: Mapping[GraphFormat, Callable[[Diagram], str]] = {
    "text": text,
    "mermaid": mermaid,
    "dot": dot,
    "svg": svg,
}


def _parts(diagram: Diagram) -> list[tuple[str, str]]:
    edges = set(diagram.edges)
    pairs = [(node.parent, node.id) for node in diagram.nodes if node.parent is not None]
    return [pair for pair in pairs if pair not in edges]


def _mermaid(label: str) -> str:
    # `#` begins the code of a character in Mermaid. https://mermaid.js.org/syntax/flowchart.html#entity-codes-to-escape-characters
    escaped = (
        visible(label)
        .replace("#", "#35;")
        .replace("&", "&amp;")
        .replace('"', "&quot;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
    )
    return " ".join(escaped.split())


def _dot(*lines: str) -> str:
    return json.dumps("\n".join(map(visible, lines)), ensure_ascii=False)
