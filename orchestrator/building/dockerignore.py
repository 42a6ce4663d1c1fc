"""The patterns of `.dockerignore`. Pure.

The rules are those of Docker: https://docs.docker.com/build/concepts/context/#dockerignore-files. A pattern also excludes what
is below a folder that it matches, `!` takes files back, and the last pattern that matches decides.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class _Rule:
    expression: re.Pattern[str]
    takes_back: bool


@dataclass(frozen=True)
class IgnoreRules:
    """Patterns in their order."""

    rules: tuple[_Rule, ...] = ()

    @classmethod
    def parse(cls, lines: Iterable[str]) -> IgnoreRules:
        """The rules of the lines of a file. Raises ValueError for a pattern that cannot be read."""
        found: list[_Rule] = []
        for line in lines:
            text = line.strip()
            if not text or line.startswith("#"):
                continue
            takes_back = text.startswith("!")
            pattern = posixpath.normpath(text.removeprefix("!").strip()).lstrip("/")
            if pattern != ".":
                found.append(_Rule(_expression(pattern), takes_back))
        return cls(tuple(found))

    def match(self, path: str) -> bool:
        """Whether the last rule that matches the path, or a folder above it, excludes it."""
        parts = path.split("/")
        places = ["/".join(parts[:length]) for length in range(1, len(parts) + 1)]
        excluded = False
        for rule in self.rules:
            if rule.takes_back == excluded and any(rule.expression.fullmatch(place) for place in places):
                excluded = not rule.takes_back
        return excluded


def _expression(pattern: str) -> re.Pattern[str]:
    """A pattern of Go's `filepath.Match`, with `**` for any number of folders, as an expression."""
    text, at = "", 0
    while at < len(pattern):
        rest = pattern[at:]
        if rest.startswith("**/"):
            text, at = f"{text}(?:.*/)?", at + 3
        elif rest.startswith("**"):
            text, at = f"{text}.*", at + 2
        elif rest[0] == "*":
            text, at = f"{text}[^/]*", at + 1
        elif rest[0] == "?":
            text, at = f"{text}[^/]", at + 1
        elif rest[0] == "[":
            end = rest.find("]", 2)
            if end < 0:
                raise ValueError(f"{pattern}: a bracket is not closed")
            inner = rest[1:end].replace("\\", "\\\\")
            text, at = f"{text}[{inner}]", at + end + 1
        elif rest[0] == "\\" and len(rest) > 1:
            text, at = f"{text}{re.escape(rest[1])}", at + 2
        else:
            text, at = f"{text}{re.escape(rest[0])}", at + 1
    try:
        return re.compile(text, re.DOTALL)
    except re.error as error:
        raise ValueError(f"{pattern}: {error}") from None
