"""Diagrams as SVG: every node and edge is drawn, no boxes overlap, every name is escaped."""

from __future__ import annotations

import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.lifecycle.diagrams import Diagram, Node
from orchestrator.rendering.graph import render
from orchestrator.rendering.graph_layout import MAX_LETTERS, cut, layout

SNAPSHOT = Path(__file__).parent / "snapshots" / "stacks.svg"
SVG = "{http://www.w3.org/2000/svg}"


def node(id_: str, parent: str | None = None, detail: str = "base, ad-hoc") -> Node:
    return Node(id=id_, label=id_.rpartition("/")[2], detail=detail, parent=parent)


STACKS = Diagram(
    title="bases and environments",
    nodes=(
        node("base/dev"),
        node("database/dev", "base/dev"),
        node("app/alpha", "database/dev", 'environment, "ad-hoc" <&>'),
        node("app/beta", "database/dev"),
        node("base/qa"),
    ),
    edges=(
        ("base/dev", "database/dev"),
        ("base/dev", "app/alpha"),
        ("database/dev", "app/alpha"),
        ("database/dev", "app/beta"),
    ),
)


def drawn(diagram: Diagram) -> ElementTree.Element:
    return ElementTree.fromstring(render(diagram, "svg"))


def test_every_node_is_a_box_with_its_label_its_detail_and_a_tooltip() -> None:
    groups = drawn(STACKS).findall(f"{SVG}g")
    found = [[element.text for element in group if element.tag != f"{SVG}rect"] for group in groups]
    assert found == [
        ["dev (base, ad-hoc)", "dev", "base, ad-hoc"],
        ["dev (base, ad-hoc)", "dev", "base, ad-hoc"],
        ['alpha (environment, "ad-hoc" <&>)', "alpha", 'environment, "ad-hoc" <&>'],
        ["beta (base, ad-hoc)", "beta", "base, ad-hoc"],
        ["qa (base, ad-hoc)", "qa", "base, ad-hoc"],
    ]


def test_every_dependency_is_an_arrow_and_every_part_a_dotted_line() -> None:
    inner = Diagram(title="x", nodes=(node("a"), node("b", "a"), node("c", "a")), edges=(("a", "b"), ("b", "c")))
    paths = [(path.get("class"), path.findtext(f"{SVG}title")) for path in drawn(inner).findall(f"{SVG}path")]
    assert paths == [
        ("part", None),
        ("edge", "b (base, ad-hoc) depends on a (base, ad-hoc)"),
        ("edge", "c (base, ad-hoc) depends on b (base, ad-hoc)"),
    ]


def test_children_are_to_the_right_of_their_parent_and_the_parent_is_beside_their_middle() -> None:
    boxes = layout(STACKS).boxes
    assert boxes["base/dev"].x < boxes["database/dev"].x < boxes["app/alpha"].x == boxes["app/beta"].x
    assert boxes["database/dev"].middle == (boxes["app/alpha"].middle + boxes["app/beta"].middle) / 2
    assert boxes["base/qa"].x == boxes["base/dev"].x


def test_edges_to_the_same_column_go_around_on_the_right() -> None:
    inner = Diagram(title="x", nodes=(node("b"), node("c")), edges=(("b", "c"),))
    (path,) = drawn(inner).findall(f"{SVG}path")
    start, *bend = str(path.get("d")).replace("M", "").replace("C", "").split()
    assert float(bend[0].split(",")[0]) > float(start.split(",")[0])
    assert bend[-1].split(",")[0] == start.split(",")[0]


def test_the_same_diagram_gives_the_same_text() -> None:
    assert render(STACKS, "svg") == render(STACKS, "svg") == SNAPSHOT.read_text(encoding="utf-8")


def test_an_empty_diagram_is_a_sentence() -> None:
    empty = drawn(Diagram(title="x", nodes=(), edges=()))
    assert empty.findtext(f"{SVG}text") == "nothing exists yet"


def test_an_edge_to_a_missing_node_is_omitted() -> None:
    inner = Diagram(title="x", nodes=(node("b", "gone"),), edges=(("elsewhere", "b"), ("b", "elsewhere")))
    assert drawn(inner).findall(f"{SVG}path") == []


def test_a_long_name_is_cut_and_the_tooltip_has_the_whole() -> None:
    long = "n" * 200
    (group,) = drawn(Diagram(title="x", nodes=(node(long),), edges=())).findall(f"{SVG}g")
    assert group.findtext(f"{SVG}title") == f"{long} (base, ad-hoc)"
    assert group.findtext(f"{SVG}text") == cut(long) == "n" * (MAX_LETTERS - 1) + "…"


def test_a_very_deep_tree_can_be_drawn() -> None:
    nodes = [node("r0"), *(node(f"r{depth}", f"r{depth - 1}") for depth in range(1, 2 * sys.getrecursionlimit()))]
    assert len(drawn(Diagram(title="x", nodes=tuple(nodes), edges=())).findall(f"{SVG}g")) == len(nodes)


@pytest.mark.parametrize("letter", ["\x00", "\x1b", "\x0b", "\ufffe", "\ud800", "]]>", "&", "<script>", '"', "中"])
def test_any_name_gives_valid_xml(letter: str) -> None:
    text = f"a{letter}b"
    diagram = Diagram(title=text, nodes=(Node(id=text, label=text, detail=text),), edges=())
    assert drawn(diagram).find(f"{SVG}script") is None
    render(diagram, "svg").encode("utf-8")


@given(st.data())
def test_no_two_boxes_overlap(data: st.DataObject) -> None:
    nodes: list[Node] = []
    for index in range(data.draw(st.integers(1, 25))):
        parent = data.draw(st.sampled_from([None, *(item.id for item in nodes)]))
        text = data.draw(st.text(max_size=60))
        nodes.append(Node(id=str(index), label=text, detail=text, parent=parent))
    places = layout(Diagram(title="x", nodes=tuple(nodes), edges=()))
    boxes = list(places.boxes.values())
    for index, one in enumerate(boxes):
        assert one.x >= 0
        assert one.x + one.width <= places.width
        assert one.y + one.height <= places.height
        for other in boxes[index + 1 :]:
            apart = one.x + one.width <= other.x or other.x + other.width <= one.x
            assert apart or one.y + one.height <= other.y or other.y + other.height <= one.y
