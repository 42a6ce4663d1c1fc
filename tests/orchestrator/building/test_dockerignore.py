"""Patterns of `.dockerignore` mean what they mean to Docker."""

from __future__ import annotations

import pytest

from orchestrator.building.dockerignore import IgnoreRules


@pytest.mark.parametrize(
    ("pattern", "path", "excluded"),
    [
        ("*.pyc", "a.pyc", True),
        ("*.pyc", "shop/a.pyc", False),
        ("**/*.pyc", "shop/deep/a.pyc", True),
        ("**/*.pyc", "a.pyc", True),
        ("node_modules", "node_modules/a/b.js", True),
        ("node_modules", "frontend/node_modules/a.js", False),
        ("**/node_modules", "frontend/node_modules/a.js", True),
        ("/docs/", "docs/index.md", True),
        ("docs/**", "docs/a/b.md", True),
        ("d?cs", "docs/a", True),
        ("[a-c]x", "bx", True),
        ("[^a-c]x", "bx", False),
        (r"a\*b", "a*b", True),
        (r"a\*b", "axb", False),
        ("./shop//x/../y", "shop/y", True),
        ("# not a pattern", "# not a pattern", False),
        ("a.b", "axb", False),
        (".", "anything", False),
    ],
)
def test_a_pattern_excludes_a_path(pattern: str, path: str, excluded: bool) -> None:
    assert IgnoreRules.parse([pattern]).match(path) is excluded


def test_the_last_pattern_that_matches_decides() -> None:
    rules = IgnoreRules.parse(["*", "!shop", "shop/secret.txt", "  ", "!manage.py"])
    assert [path for path in ("manage.py", "shop/a.py", "shop/secret.txt", "x") if not rules.match(path)] == [
        "manage.py",
        "shop/a.py",
    ]


@pytest.mark.parametrize("pattern", ["a[b", "[z-a]"])
def test_a_pattern_that_cannot_be_read_is_a_value_error(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"a\[b|z-a"):
        IgnoreRules.parse([pattern])
