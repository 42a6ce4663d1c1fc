"""Files of names and values."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.errors import UsageError
from orchestrator.operations.dotenv import parse

NAMES = st.from_regex(r"[A-Z_][A-Z0-9_]{0,10}", fullmatch=True)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("KEY=plain", "plain"),
        ("  export KEY = spaced out  ", "spaced out"),
        ("KEY=", ""),
        ("KEY=a=b=c", "a=b=c"),
        ("KEY=p#ss", "p#ss"),
        ("KEY=value # a comment", "value"),
        ("KEY=# a comment", ""),
        ("KEY='single $HOME \\n # kept'", "single $HOME \\n # kept"),
        ('KEY="two\\nlines \\"quoted\\" \\$5 \\d"', 'two\nlines "quoted" $5 \\d'),
        ('KEY="over\nlines" # and a comment\n', "over\nlines"),
        ("# first\n\nKEY=x\r\n", "x"),
        ("\ufeffKEY=x", "x"),
    ],
)
def test_dotenv(text: str, value: str) -> None:
    assert parse(text, "f.env") == {"KEY": value}


def test_several_lines_keep_their_order() -> None:
    assert list(parse("B=1\nA='2'\nC=\"3\"\nD=4", "f.env").items()) == [("B", "1"), ("A", "2"), ("C", "3"), ("D", "4")]


def test_json_values_become_text_as_applications_read_it() -> None:
    text = '{"A": "x", "B": 3, "C": true, "D": [1, {"e": null}], "F": 1.5}'
    assert parse(text, "f.json") == {"A": "x", "B": "3", "C": "true", "D": '[1,{"e":null}]', "F": "1.5"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("OK=1\nhunter2", "f:2: the line has no `=`: NAME=value is wanted"),
        (
            "OK=1\n\nhunter+2==",
            "f:3: the line does not begin with a name (a letter or underscore, then letters, digits and underscores); "
            "quote values of several lines",
        ),
        (
            '{"9X": "hunter2"}',
            "f: '9X' cannot name a variable: a name has a letter or underscore, then letters, digits and underscores",
        ),
        ("A=hunter2\nA=other", "f:2: the line gives A a second time: give it once"),
        ('A="hunter2\n', "f:1: the line opens a quote for A that is never closed"),
        ("A='hunter2' more", "f:1: the line has something after the closing quote of A"),
        ("# nothing\n", "f holds no values: lines such as NAME=value, or one JSON object, are wanted"),
        ('{"A": 1, "A": "hunter2"}', "f: A is given twice: give it once"),
        ('{"A": null}', "f: A is null: give it a value, or leave it out"),
        ('{"A":\n "hunter2"', "f:2: this is not valid JSON: Expecting ',' delimiter"),
        ('{"A":' + "[" * 100_000, "f: this is not valid JSON: nested too deeply"),
    ],
)
def test_refusals_say_where_and_never_what(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text, "f")
    assert caught.value.message == message


@given(st.dictionaries(NAMES, st.text(st.characters(codec="utf-8", exclude_characters="'\r")), min_size=1))
def test_what_is_written_in_single_quotes_is_read_back(values: dict[str, str]) -> None:
    assert parse("\n".join(f"{name}='{value}'" for name, value in values.items()), "f") == values


@given(st.dictionaries(NAMES, st.text(), min_size=1))
def test_what_is_written_as_json_is_read_back(values: dict[str, str]) -> None:
    assert parse(json.dumps(values), "f") == values


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = parse(text, "f")
    except UsageError:
        return
    assert found
