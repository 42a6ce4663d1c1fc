"""Text and numbers from outside: control characters, whole numbers, fields that may be empty. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import cast

MAY_BE_EMPTY = "may_be_empty"
"""Key in the metadata of a text field for which empty text is a valid value."""


# Controls (C0 without tab and line end, DEL, C1) move the cursor, set colors and titles. The others change the order of
# letters, or end lines. https://www.unicode.org/reports/tr9/, https://trojansource.codes
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff"
    "\U000e0000-\U000e007f]"
)
_LINE_END = re.compile(r"\r+(?=\n|\Z)")


def visible(text: str) -> str:
    r"""Return the text with every control character in the form `\u001b`, on the same lines.

    This form is valid in JSON, so a JSON document stays valid. A carriage return at the end of a line is removed.
    """
    return _UNSAFE.sub(_spelled, _LINE_END.sub("", text))


def _spelled(found: re.Match[str]) -> str:
    number = ord(found[0])
    if number > 0xFFFF:  # as a surrogate pair, as in JSON
        return "".join(f"\\u{half:04x}" for half in _halves(number))
    return f"\\u{number:04x}"


def _halves(number: int) -> tuple[int, int]:
    number -= 0x10000
    return 0xD800 + (number >> 10), 0xDC00 + (number & 0x3FF)


_LONGEST_SHOWN = 120


def as_written(value: object) -> str:
    """Return a value as it stands in a configuration file: `'text'`, `true`, `null`, `['a', 'b']`, `{a: 1}`.

    Messages show values in this form and not as Python writes them. Long values are cut.
    """
    try:
        text = _plain(value)
    except (RecursionError, ValueError):  # objects without end, and numbers of thousands of digits
        return f"too large ({type(value).__name__})"
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 3]}..."


def _plain(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        items = cast(Mapping[object, object], value).items()
        return "{" + ", ".join(f"{key}: {_plain(item)}" for key, item in items) + "}"
    if isinstance(value, list | tuple | set | frozenset):
        return "[" + ", ".join(map(_plain, cast(Collection[object], value))) + "]"
    return repr(str(value)) if isinstance(value, str) else str(value)


def whole_number(value: object) -> int:
    """Return an int, a float without a fraction, or text of either as an int.

    Pulumi stores every number as a float, so a StackReference reads the port 5432 as 5432.0, which libpq, urllib and
    dj-database-url refuse in a URL. Programs also export ports as text. Raises ValueError for other values.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float | str):
        with suppress(ValueError):
            number = float(value)
            if number.is_integer():
                return int(number)
    raise ValueError(f"{as_written(value)} is not a whole number")
