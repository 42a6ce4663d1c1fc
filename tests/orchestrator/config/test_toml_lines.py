"""Lines of keys in TOML."""

from __future__ import annotations

import pytest

from orchestrator.config.toml_lines import line_of

TEXT = """\
engine = "pulumi"
# a comment
[runner]
parallel = 4

[projects.app]
path = "app"
"scope" = "environment"
[projects]
base.path = "base"
extra = { path = "extra" }
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("engine",), 1),
        (("runner",), 3),
        (("runner", "parallel"), 4),
        (("projects",), 6),
        (("projects", "app"), 6),
        (("projects", "app", "path"), 7),
        (("projects", "app", "scope"), 8),
        (("projects", "app", "template"), 6),
        (("projects", "base", "path"), 10),
        (("projects", "extra", "path"), 11),
        (("pulumi",), None),
    ],
)
def test_a_key_is_found_where_it_or_its_table_is_written(path: tuple[str, ...], line: int | None) -> None:
    assert line_of(TEXT, path) == line
