"""Summaries and plans as Markdown show the text of programs, and none of it is markup."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from xml.etree import ElementTree

import pytest

from orchestrator.lifecycle.diagrams import Diagram, Node
from orchestrator.model import (
    ChangeCounts,
    ChangeOp,
    Operation,
    OutputValue,
    ResourceChange,
    RunReport,
    Status,
    Unit,
    UnitResult,
)
from orchestrator.rendering import graph, plan_tree, summary

EVIL = "</code></details><script>alert(1)</script>\n```\n# [x](javascript:y) | \x1b[2J\u202e"
MOMENT = datetime(2026, 11, 20, tzinfo=UTC)


CHANGE = ResourceChange(
    urn=f"urn:pulumi:alpha::app::a:b:C::{EVIL}", type="a:b:C", name=EVIL, op=ChangeOp.REPLACE, properties=(EVIL,)
)
RESULT = UnitResult(
    unit=Unit("app", "alpha"),
    operation=Operation.PREVIEW,
    status=Status.FAILED,
    reason=EVIL,
    hint=EVIL,
    counts=ChangeCounts(replace=1),
    changes=(CHANGE,),
)


def run(operation: Operation, url: str = "https://alpha.example.com") -> RunReport:
    result = replace(RESULT, operation=operation, outputs={"url": OutputValue(value=url)})
    return RunReport(
        command="update-env", engine="pulumi", notice=None, started=MOMENT, ended=MOMENT, results=(result,)
    )


@pytest.mark.parametrize("operation", [Operation.UP, Operation.PREVIEW])
def test_the_text_of_a_program_is_never_markup(operation: Operation) -> None:
    text = summary.markdown(run(operation), {})
    fence = re.compile(r"^```diff$.*?^```$", re.MULTILINE | re.DOTALL)
    span = re.compile(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)")
    outside = span.sub("", fence.sub("", text))
    assert "<script>" not in outside
    assert "[x](" not in outside
    assert "\x1b" not in text
    assert "\u202e" not in text
    fenced = [line for line in text.splitlines() if line.startswith("```")]
    assert fenced in ([], ["```diff", "```"])
    assert not any(line.startswith("# ") for line in text.splitlines())


def test_only_a_plain_url_is_a_link() -> None:
    assert "alpha: <https://alpha.example.com>\n" in summary.markdown(run(Operation.UP), {})
    odd = summary.markdown(run(Operation.UP, "javascript:alert(1)"), {})
    assert "alpha: javascript:alert(1)\n" in odd
    assert "<" not in summary.markdown(run(Operation.UP, "https://x> <img src=x>"), {}).split("alpha: ", 1)[1]


def test_a_name_cannot_begin_a_line_of_a_plan() -> None:
    text = plan_tree.text(replace(run(Operation.PREVIEW), results=(replace(RESULT, reason=None),)), {})
    assert not any(line.startswith(("```", "# [x]")) for line in text.splitlines())
    assert text.count("alert(1)") == 4


@pytest.mark.parametrize("kind", graph.FORMATS)
def test_a_graph_shows_every_name_unchanged(kind: graph.GraphFormat) -> None:
    diagram = Diagram(
        title=EVIL,
        nodes=(Node(id="a", label=EVIL, detail="x", parent=None), Node(id="b", label="b", detail=EVIL, parent="a")),
        edges=(("a", "b"),),
    )
    text = graph.render(diagram, kind)
    assert "\x1b" not in text
    assert "\u202e" not in text
    if kind == "svg":
        assert [found.tag for found in ElementTree.fromstring(text).iter() if "script" in found.tag] == []
    if kind == "mermaid":
        assert "<script>" not in text
        assert len(text.splitlines()) == 4
    if kind == "text":
        assert len(text.splitlines()) == 2
