"""Readers of the values of a table in `orchestrator.toml`, for tables with a module of their own."""

from __future__ import annotations

from typing import Any


class InvalidValueError(ValueError):
    """A value of the table is invalid: `key` is its key, and the message continues a sentence that begins with it."""

    def __init__(self, key: str, problem: str) -> None:
        super().__init__(problem)
        self.key = key


def text(key: str, value: Any) -> str:
    """A text that is not empty. Raises InvalidValueError, as every reader here."""
    if not isinstance(value, str) or not value or "\0" in value:
        raise InvalidValueError(key, "is not text")
    return value


def flag(key: str, value: Any) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise InvalidValueError(key, "is neither true nor false")
    return value


def texts(key: str, value: Any) -> tuple[str, ...]:
    """A list of texts."""
    if not isinstance(value, list):
        raise InvalidValueError(key, "is not a list of texts")
    return tuple(text(key, item) for item in value)


def texts_by_name(key: str, value: Any) -> dict[str, str]:
    """A table of texts."""
    if not isinstance(value, dict):
        raise InvalidValueError(key, "is not a table of texts")
    return {str(name): text(f"{key}.{name}", item) for name, item in value.items()}
