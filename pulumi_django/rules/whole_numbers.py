"""Whole numbers that come from other stacks, programs and files, whole again before they become text.

Pulumi keeps every number as a float, so a StackReference reads the port 5432 as 5432.0. Text made of that, `5432.0`, is a port
to no client: libpq, urllib and dj-database-url refuse it.
"""

from __future__ import annotations


def whole_number(value: object) -> int:
    """The int that the value is: an int, a float without a fraction, or text of either, since programs export ports as text too.

    Raises ValueError for everything else.
    """
    if not isinstance(value, bool) and isinstance(value, int | float | str):
        try:
            number = value if isinstance(value, int) else float(value)
        except ValueError:
            number = 0.5
        if float(number).is_integer():
            return int(number)
    raise ValueError(f"{value!r} is not a whole number")
