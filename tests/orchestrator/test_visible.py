"""Text from outside is shown and never obeyed."""

from __future__ import annotations

import html
import io
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.console import RED, Console
from orchestrator.errors import OrchestratorError
from orchestrator.rendering.columns import aligned
from orchestrator.visible import code, in_line, markdown, visible

HARMFUL = {
    "color": "\x1b[31m",
    "title": "\x1b]0;title\x07",
    "clipboard": "\x1b]52;c;aGk=\x07",
    "link": "\x1b]8;;https://example.com\x1b\\",
    "clear": "\x1b[2J\x1b[H",
    "C1": "\x9b31m\x9d0;t\x9c",
    "backspace": "safe\x08\x08\x08\x08evil",
    "carriage return": "evil\rsafe",
    "bidi": "\u202eevil\u202c \u2066x\u2069 \u200f",
    "line separator": "a\u2028b\u2029c",
    "tags": "a\U000e0041b",
    "surrogate": "a\ud800b",
    "NUL": "a\0b",
    "shift": "a\x0eb",
}
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Console:
    monkeypatch.delenv("NO_COLOR", raising=False)
    return Console(out=Terminal(), err=Terminal())


def written(console: Console) -> str:
    return console._out.getvalue() + console._err.getvalue()  # type: ignore[attr-defined]


@pytest.mark.parametrize("text", HARMFUL.values(), ids=HARMFUL.keys())
def test_the_console_writes_nothing_that_a_terminal_obeys(terminal: Console, text: str) -> None:
    terminal.result(f"{text}\n")
    terminal.note(text)
    terminal.document({"a": text})
    assert OBEYED.search(written(terminal)) is None
    assert json.loads(written(terminal).split("\n", 1)[1].rpartition("}")[0] + "}") == {"a": text}


@pytest.mark.parametrize("text", HARMFUL.values(), ids=HARMFUL.keys())
def test_the_consoles_own_colors_stay(terminal: Console, text: str) -> None:
    terminal.result(terminal.colored(text, RED))
    terminal.warning(text)
    terminal.error(OrchestratorError(text, text))
    colors = re.findall("\x1b\\[\\d+m", written(terminal))
    assert colors == [RED, "\x1b[0m", "\x1b[33m", "\x1b[0m", "\x1b[31m", "\x1b[0m", "\x1b[36m", "\x1b[0m"]
    assert OBEYED.search(re.sub("\x1b\\[\\d+m", "", written(terminal))) is None


def test_what_is_harmless_stays_as_it_is() -> None:
    assert visible("ä 漢字 👩\u200d👧\tx\r\ny\r\n") == "ä 漢字 👩\u200d👧\tx\ny\n"
    assert visible("progress 10%\rprogress 20%\r\r\n") == "progress 10%\\u000dprogress 20%\n"


@given(st.text())
def test_a_json_document_stays_the_same_document(text: str) -> None:
    assert json.loads(visible(json.dumps(text, ensure_ascii=False))) == text
    assert visible(visible(text)) == visible(text)


def test_a_cell_cannot_begin_another_line_of_its_table() -> None:
    assert aligned([("a\nready", "b"), ("c", "d")]) == "a\\nready  b\nc         d\n"
    assert in_line("a\r\nb\x1b") == "a\\nb\\u001b"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<img src=x onerror=alert(1)>", "&lt;img src=x onerror=alert(1)&gt;"),
        ("[click](https://evil.example)", "\\[click\\](https://evil.example)"),
        ("a | b", "a \\| b"),
        ("one\n\n# two", "one \\# two"),
        ("- x", "\\- x"),
        ("1. x", "\\1. x"),
        ("`code` *bold* _it_ ~~gone~~", "\\`code\\` \\*bold\\* \\_it\\_ \\~\\~gone\\~\\~"),
        ("&lt;", "&amp;lt;"),
        ("\u202eevil", "\\\\u202eevil"),
    ],
)
def test_markdown_shows_text_as_it_is(text: str, shown: str) -> None:
    assert markdown(text) == shown


@given(st.text())
def test_markdown_is_one_line_without_html(text: str) -> None:
    shown = markdown(text)
    assert "\n" not in shown
    assert "<" not in shown
    assert html.unescape(shown).count("<") == text.count("<")


@pytest.mark.parametrize(
    ("text", "shown"),
    [("a", "`a`"), ("a`b", "`` a`b ``"), ("a|b", "`a\\|b`"), ("a\n```\nb", "```` a ``` b ````")],
)
def test_a_code_span_cannot_be_left(text: str, shown: str) -> None:
    assert code(text) == shown
