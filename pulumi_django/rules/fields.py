"""Fields of argument classes: marks for the reader of stack configuration, and how a value passes from class to class."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, TypeVar

MAY_BE_EMPTY = "may_be_empty"
"""Key in the metadata of a field of the type str: empty text is a value of its own there."""

Settings = TypeVar("Settings")


def passed(settings: type[Settings], values: Settings) -> dict[str, Any]:
    """Return the fields of the dataclass `settings` that `values` has, as arguments of another class with that base.

    Options and the arguments of a component inherit one `settings` class: name, default and docstring stand once, there.
    """
    return {field.name: getattr(values, field.name) for field in fields(settings)}  # pyright: ignore[reportArgumentType]
