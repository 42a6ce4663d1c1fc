"""Names of the fields as other languages write them: `camelCase`."""

from __future__ import annotations

import re
from collections.abc import Iterable

_SNAKE = re.compile(r"\b[a-z][a-z0-9]*(?:_[a-z0-9]+)+\b")


def camel(name: str) -> str:
    """Return the name in camel case: `backendImage` for `backend_image`."""
    first, *rest = name.split("_")
    return first + "".join(f"{part[:1].upper()}{part[1:]}" for part in rest)


def respelled(text: str, names: Iterable[str]) -> str:
    """Return an error text with these names in camel case. Other words with underscores stay."""
    known = frozenset(names)
    return _SNAKE.sub(lambda found: camel(found[0]) if found[0] in known else found[0], text)
