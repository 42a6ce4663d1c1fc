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
        ("KEY= # a comment", ""),
        ("KEY=#no comment", "#no comment"),
        ("KEY='single $HOME \\n # kept'", "single $HOME \\n # kept"),
        ('KEY="two\\nlines \\"quoted\\" $5 \\d"', 'two\nlines "quoted" $5 \\d'),
        ("KEY='it\\'s \\\\ kept'", "it's \\\\ kept"),
        ("KEY=$5 50% $ $(date)", "$5 50% $ $(date)"),
        ("KEY=${NONE:-default}", "default"),
        ("KEY=${NONE:-}", ""),
        ("'KEY'=x", "x"),
        ('KEY="over\nlines" # and a comment\n', "over\nlines"),
        ("# first\n\nKEY=x\r\n", "x"),
        ("\ufeffKEY=x", "x"),
    ],
)
def test_a_line_has_the_value_that_shells_and_libraries_read(text: str, value: str) -> None:
    assert parse(text, "f.env") == {"KEY": value}


def test_several_lines_keep_their_order() -> None:
    assert list(parse("B=1\nA='2'\nC=\"3\"\nD=4", "f.env").items()) == [("B", "1"), ("A", "2"), ("C", "3"), ("D", "4")]


def test_json_values_become_text_as_applications_read_it() -> None:
    text = '{"A": "x", "B": 3, "C": true, "D": [1, {"e": null}], "F": 1.5}'
    assert parse(text, "f.json") == {"A": "x", "B": "3", "C": "true", "D": '[1,{"e":null}]', "F": "1.5"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("OK=1\nhunter2", "f:2: the line has no `=`: write NAME=value"),
        (
            "OK=1\n\nhunter+2==",
            "f:3: the line does not begin with a name (a letter or underscore, then letters, digits and underscores); "
            "quote values of several lines",
        ),
        (
            '{"9X": "hunter2"}',
            "f: key 1 cannot name a variable: a name has a letter or underscore, then letters, digits and underscores",
        ),
        ("A=hunter2\nA=other", "f:2: the line gives A a second time: give it once"),
        ('A="hunter2\n', "f:1: the line opens a quote for A that is never closed"),
        ("A='hunter2' more", "f:1: the line has something after the closing quote of A"),
        ("# nothing\n", "f has no values: write lines such as NAME=value, or one JSON object"),
        ('{"A": 1, "A": "hunter2"}', "f: A is given twice: give it once"),
        (f"A=x{' ' * 1000}#", "f:1: the line has 1000 blanks in a row"),
        ("A=hunter2\nB=${C}", "f:2: the line refers to C for B, which no line above sets"),
        ("B=${B}x", "f:1: the line refers to B for B, which no line above sets"),
        ('{"A":\n "hunter2"', "f:2: this is not valid JSON: Expecting ',' delimiter"),
        ('{"A":' + "[" * 100_000, "f: this is not valid JSON: nested too deeply"),
    ],
)
def test_refusals_say_where_and_never_what(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text, "f")
    assert caught.value.message == message


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("U=plane\nURL=postgresql://${U}@db/plane\n", "postgresql://plane@db/plane"),
        ('U=plane\nURL="x-${U}"\n', "x-plane"),
        ("U=plane\nURL='x-${U}'\n", "x-${U}"),
        ("U=\nURL=x-${U}\n", "x-"),
        ("U=plane\nURL=${U:-other}${V:-none}\n", "planenone"),
        ("U='${V}'\nURL=${U}\n", "${V}"),
    ],
)
def test_references_are_filled_in_from_the_lines_above(text: str, value: str) -> None:
    assert parse(text, "f.env")["URL"] == value


def test_dollar_signs_that_programs_read_differently_are_named_all_at_once() -> None:
    text = 'OK=${A:-1}\nA=pa$word\nB=$$\nC="\\$5"\nD=${OK-x}\nE=${OK:?x}\nF=x\nG=${OK:-${F}}\nH=\nI=${H:-x}\nJ=$${OK}'
    with pytest.raises(UsageError) as caught:
        parse(text, "f.env")
    assert caught.value.message == (
        "f.env: programs read the dollar sign in these lines differently: A (line 2), B (line 3), C (line 4), D (line 5), "
        "E (line 6), G (line 8), I (line 10), J (line 11)"
    )
    assert (
        caught.value.hint == "put the value in single quotes to keep it as it is, or write ${NAME} or ${NAME:-default}"
    )
    assert parse(text.splitlines()[1].replace("=", "='") + "'", "f.env") == {"A": "pa$word"}


def test_empty_values_do_not_refuse_the_file() -> None:
    assert parse('A=1\nB=\nC= # none\nD=""\n', "f.env") == {"A": "1", "B": "", "C": "", "D": ""}
    assert parse('{"A": "1", "B": null}', "f.json") == {"A": "1", "B": ""}


# A backslash before the closing quote would escape it.
@given(st.dictionaries(NAMES, st.text(st.characters(codec="utf-8", exclude_characters="'\r\\")), min_size=1))
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
