"""Durations as text."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.config.durations import LONGEST, format_duration, parse_duration
from orchestrator.errors import UsageError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90s", timedelta(seconds=90)),
        ("10m", timedelta(minutes=10)),
        ("8h", timedelta(hours=8)),
        ("3d", timedelta(days=3)),
        ("2w", timedelta(days=14)),
        ("1d12h", timedelta(hours=36)),
        (" 3D ", timedelta(days=3)),
    ],
)
def test_a_duration_is_read(text: str, expected: timedelta) -> None:
    assert parse_duration(text) == expected


@pytest.mark.parametrize("text", ["", "3", "d", "3 days", "-3d", "3d!", "1.5h", "0s", "999999999w", "11y"])
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse_duration(text)
    assert refused.value.message == (
        f"'{text}' is not a duration: write a number with w, d, h, m or s, above zero and at most ten years"
    )
    assert refused.value.hint == "for example 3d, 8h or 1d12h"


@given(st.text(max_size=12))
def test_no_text_ends_in_another_error(text: str) -> None:
    try:
        duration = parse_duration(text)
    except UsageError:
        return
    assert timedelta() < duration <= LONGEST


@pytest.mark.parametrize(
    ("duration", "shown"),
    [
        (timedelta(days=2, hours=5, minutes=59), "2d 5h"),
        (timedelta(days=15), "15d"),
        (timedelta(minutes=3, seconds=20), "3m 20s"),
        (timedelta(milliseconds=400), "0s"),
        (-timedelta(hours=2), "-2h"),
    ],
)
def test_a_duration_is_shown_by_its_two_largest_parts(duration: timedelta, shown: str) -> None:
    assert format_duration(duration) == shown
