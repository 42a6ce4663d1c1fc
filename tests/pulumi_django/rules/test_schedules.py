"""Schedule expressions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_django.rules.schedules import check_schedule, check_timezone

ALLOWED = "it must be {} to {}{}, '*', a range a-b, a list a,b or steps a/b"


@pytest.mark.parametrize(
    "expression",
    [
        "cron(0 3 * * ? *)",
        "cron(15 10 ? * 6L 2026-2030)",
        "cron(0/5 8-17 ? * MON-FRI *)",
        "cron(0 9 ? * 2#1 *)",
        "cron(0 9 ? * TUE#2 *)",
        "cron(30 6 L * ? *)",
        "cron(30 6 15W JAN,JUL ? *)",
        "cron(0,30 0 1 */3 ? *)",
        "rate(1 minute)",
        "rate(5 minutes)",
        "rate(7 days)",
    ],
)
def test_what_aws_accepts_is_accepted(expression: str) -> None:
    assert check_schedule(expression) == expression


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        (
            "cron(0 3 * * *)",
            "has 5 fields: AWS's cron has 6; a crontab line has five; the sixth is the year, and one of the two days is '?'",
        ),
        ("cron(0 3 * *)", "has 4 fields: AWS's cron has 6"),
        ("cron(0 3 * * * *)", "has the day-of-month '*' and the day-of-week '*': exactly one of them must be '?'"),
        ("cron(0 3 ? * ? *)", "has the day-of-month '?' and the day-of-week '?': exactly one of them must be '?'"),
        ("cron(60 3 * * ? *)", f"has the minutes '60': {ALLOWED.format(0, 59, '')}"),
        ("cron(0 24 * * ? *)", f"has the hours '24': {ALLOWED.format(0, 23, '')}"),
        ("cron(0 3 32 * ? *)", f"has the day-of-month '32': {ALLOWED.format(1, 31, '')}"),
        ("cron(0 3 * 13 ? *)", f"has the month '13': {ALLOWED.format(1, 12, ' or JAN to DEC')}"),
        ("cron(0 3 ? * 0 *)", f"has the day-of-week '0': {ALLOWED.format(1, 7, ' or SUN to SAT')}"),
        ("cron(0 3 ? * MOO *)", f"has the day-of-week 'MOO': {ALLOWED.format(1, 7, ' or SUN to SAT')}"),
        ("cron(0 3 * * ? 1969)", f"has the year '1969': {ALLOWED.format(1970, 2199, '')}"),
        ("cron(*/0 3 * * ? *)", f"has the minutes '*/0': {ALLOWED.format(0, 59, '')}"),
        ("cron(?  3 * * ? *)", f"has the minutes '?': {ALLOWED.format(0, 59, '')}"),
        ("rate(0 minutes)", "has the value 0: it must be 1 or more"),
        ("rate(5 minute)", "has the unit minute: AWS requires 'minute' with 1, otherwise 'minutes'"),
        ("rate(1 hours)", "has the unit hours: AWS requires 'minute' with 1, otherwise 'minutes'"),
    ],
)
def test_what_aws_would_refuse_is_refused_with_the_field(expression: str, problem: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        check_schedule(expression)
    assert str(refused.value) == f"the schedule {expression!r} {problem}"


def refusal(expression: str) -> str | None:
    """Return the error for an expression; None when it is accepted."""
    try:
        check_schedule(expression)
    except ValueError as refused:
        return str(refused)
    return None


@given(st.text())
def test_no_text_makes_anything_but_a_refusal_that_shows_it(text: str) -> None:
    for expression in (text, f"cron({text})", f"rate({text})", f"cron({text} {text} ? {text} {text} *)"):
        said = refusal(expression)
        assert said is None or repr(expression) in said


def test_a_time_zone_has_a_name_of_the_tz_database() -> None:
    assert check_timezone("Europe/Berlin") == "Europe/Berlin"
    for name in ("Berlin", "", "../etc/passwd", "Europe"):
        with pytest.raises(
            ValueError, match=r"timezone is .*: it must be a name of the tz database such as 'Europe/Berlin'"
        ):
            check_timezone(name)
