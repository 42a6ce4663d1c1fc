"""Marks on the fields of argument classes, for the reader of stack configuration."""

from __future__ import annotations

MAY_BE_EMPTY = "may_be_empty"
"""Key in the metadata of a field of the type str: empty text is a value of its own there."""
