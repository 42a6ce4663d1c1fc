"""Patterns that contain other patterns."""

from __future__ import annotations

import fnmatch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_django.rules.patterns import covers, reaches


@pytest.mark.parametrize(
    ("pattern", "other", "covered"),
    [
        ("/*", "/ws/*", True),
        ("/ws/*", "/ws/*", True),
        ("/ws/*", "/ws/", True),
        ("/ws/*", "/ws/rooms/*", True),
        ("/ws/rooms/*", "/ws/*", False),
        ("/ws/*", "/ws", False),
        ("/w?/*", "/ws/*", True),
        ("/w?/*", "/w*/*", False),
        ("/w?/*", "/w?/a", True),
        ("/ws/*", "/w?/*", False),
        ("/a.b", "/axb", False),
        ("*.example.com", "a.example.com", True),
    ],
)
def test_a_pattern_covers_those_that_match_nothing_else(pattern: str, other: str, covered: bool) -> None:
    assert covers(pattern, other) is covered


@given(st.text("/a*?", max_size=6), st.text("/a*?", max_size=6), st.text("/ab", max_size=8))
def test_what_a_covered_pattern_matches_the_covering_one_matches_too(pattern: str, other: str, path: str) -> None:
    if covers(pattern, other) and fnmatch.fnmatchcase(path, other):
        assert fnmatch.fnmatchcase(path, pattern)


def test_a_host_that_is_not_known_yet_reaches_only_itself() -> None:
    host, other = object(), object()  # as Outputs
    assert reaches(host, host)
    assert not reaches(host, other)
    assert not reaches("*.example.com", host)
