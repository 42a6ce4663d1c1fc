"""Configuration keys that contain text, from the argument classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import pulumi
import pytest

from pulumi_django.program.config import holds_text
from pulumi_django.rules.kinds import Kind


@dataclass(frozen=True, kw_only=True)
class Inner:
    name: pulumi.Input[str] | None = None
    size: int = 1


@dataclass(frozen=True, kw_only=True)
class Args:
    text: str
    maybe: str | None = None
    kind: Kind = Kind.AD_HOC
    choice: Literal["a", "b"] = "a"
    number: float | None = None
    flag: bool = False
    inner: Inner | None = None
    many: Mapping[str, Inner] = field(default_factory=dict[str, Inner])
    variables: Mapping[str, str | None] = field(default_factory=dict[str, "str | None"])
    words: Sequence[str] = ()
    preset: Inner | Literal["x"] | None = None
    statements: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, kw_only=True)
class Other:
    text: int = 0
    maybe: str = ""


@pytest.mark.parametrize(
    ("path", "verdict"),
    [
        ("text", True),
        ("maybe", True),
        ("kind", True),
        ("choice", True),
        ("variables.A", True),
        ("words.[0]", True),
        ("inner.name", True),
        ("many.anything.name", True),
        ("number", False),
        ("flag", False),
        ("inner", False),
        ("inner.size", False),
        ("many", False),
        ("words", False),
        ("preset", False),
        ("preset.name", True),
        ("statements.[0].Version", None),
        ("unknown", None),
        ("text.below", None),
    ],
)
def test_a_path_leads_to_text_or_to_something_else(path: str, verdict: bool | None) -> None:
    assert holds_text([Args], path.split(".")) is verdict


def test_classes_that_disagree_are_not_text_and_classes_without_the_key_do_not_count() -> None:
    assert holds_text([Args, Other], ["text"]) is False
    assert holds_text([Args, Other], ["maybe"]) is True
    assert holds_text([Inner, Args], ["text"]) is True
