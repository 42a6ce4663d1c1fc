"""Patterns of paths and hosts with `*` and `?`, as listener rules have them: which one contains another. Pure."""

from __future__ import annotations

import re
from typing import Any


def covers(pattern: str, other: str) -> bool:
    """Return whether `pattern` matches everything that the pattern `other` matches.

    `other` is tried with its wildcards as nothing and as characters that no pattern has, so `/w?/*` does not cover `/w*/*`.
    """
    matches = re.compile("".join(_PARTS.get(letter, re.escape(letter)) for letter in pattern), re.DOTALL).fullmatch
    single = other.replace("?", "\0")
    return all(matches(single.replace("*", filled)) for filled in ("", "\0", "\0\0\0"))


def meet(pattern: str, other: str) -> bool:
    """Return whether some text matches both patterns."""
    # reached[j]: whether a text exists that `pattern` up to here and the first j letters of `other` match.
    reached = [True] + [False] * len(other)
    for j, letter in enumerate(other, 1):
        reached[j] = reached[j - 1] and letter == "*"
    for mine in pattern:
        before, reached = reached, [reached[0] and mine == "*"] + [False] * len(other)
        for j, theirs in enumerate(other, 1):
            if "*" in (mine, theirs):
                reached[j] = before[j] or reached[j - 1]
            else:
                reached[j] = before[j - 1] and (mine == theirs or "?" in (mine, theirs))
    return reached[-1]


def reaches(host: Any, other: Any) -> bool:
    """Return whether `host` matches everything that the host `other` matches. An Output matches only itself."""
    if isinstance(host, str) and isinstance(other, str):
        return covers(host, other)
    return host is other


_PARTS = {"*": ".*", "?": "."}
