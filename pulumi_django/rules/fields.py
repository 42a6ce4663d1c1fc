"""Values of one argument class for another one."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, TypeVar

Settings = TypeVar("Settings")


def passed(settings: type[Settings], values: Settings) -> dict[str, Any]:
    """Return the fields of the dataclass `settings` that `values` has, as arguments of another class with that base.

    Options and the arguments of a component inherit one `settings` class: name, default and docstring stand once, there.
    """
    return {field.name: getattr(values, field.name) for field in fields(settings)}  # pyright: ignore[reportArgumentType]
