"""Whole numbers that Pulumi stored as floats become text without a fraction."""

from __future__ import annotations

import shutil
import subprocess

import pulumi
import pytest

from pulumi_django.contract import number_text
from pulumi_django.rules.text import as_written, whole_number
from pulumi_django.testing import simulate


@pytest.mark.parametrize("value", [5432, 5432.0, "5432", "5432.0"])
def test_an_int_a_whole_float_and_text_of_either_are_the_same_number(value: object) -> None:
    number = whole_number(value)
    assert (number, type(number)) == (5432, int)


@pytest.mark.parametrize("value", [5432.5, "5432.5", "", "http", "nan", "inf", float("inf"), True, None, [5432]])
def test_everything_else_is_refused_by_value(value: object) -> None:
    with pytest.raises(ValueError, match="is not a whole number"):
        whole_number(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("two", "'two'"),
        (True, "true"),
        (None, "null"),
        (1.5, "1.5"),
        (["a", None, False], "['a', null, false]"),
        (("a",), "['a']"),
        ({"a": {"b": True}}, "{a: {b: true}}"),
        ("x" * 200, f"'{'x' * 116}..."),
        pytest.param(10**5000, "too large (int)", id="huge"),
    ],
)
def test_a_message_shows_a_value_as_it_stands_in_a_file(value: object, text: str) -> None:
    assert as_written(value) == text


def test_a_value_that_contains_itself_is_too_large() -> None:
    value: list[object] = []
    value.append(value)
    assert as_written(value) == "too large (list)"


def test_a_whole_number_may_have_hundreds_of_digits() -> None:
    assert whole_number(10**400) == 10**400
    with pytest.raises(ValueError, match="is not a whole number"):
        whole_number("1e400")


def test_a_number_that_is_known_later_becomes_text_without_a_fraction() -> None:
    def program() -> None:
        later: pulumi.Output[int] = pulumi.Output.from_input(5432.0)  # pyright: ignore[reportAssignmentType]
        pulumi.export("later", number_text(later))
        pulumi.export("now", number_text(6379))

    assert simulate(program).outputs == {"later": "5432", "now": "6379"}


@pytest.mark.skipif(shutil.which("psql") is None, reason="psql is not installed")
def test_the_real_psql_takes_the_whole_port_and_refuses_the_float() -> None:
    def said(port: str) -> str:
        environment = {"PGHOST": "127.0.0.1", "PGPORT": port, "PGCONNECT_TIMEOUT": "2"}
        done = subprocess.run(["psql", "-c", "select 1"], env=environment, capture_output=True, text=True, check=False)
        return done.stderr

    assert "invalid integer value" in said(str(5432.0))
    assert "invalid integer value" not in said(str(whole_number(5432.0)))
