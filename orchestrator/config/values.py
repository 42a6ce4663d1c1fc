"""Values of a stack configuration: plain, encrypted, and as Pulumi passes them to programs. Pure."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any, cast

from ruamel.yaml.comments import CommentedMap, CommentedSeq, TaggedScalar
from ruamel.yaml.scalarbool import ScalarBoolean
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from orchestrator.config import scalars
from orchestrator.model import SECRET_MASK
from pulumi_django.rules.text import as_written

_EXPONENT_FROM = 1e21
_TEXT_TAGS = ("tag:yaml.org,2002:str", "tag:yaml.org,2002:value")


def check_types(value: Any) -> None:
    """Refuse values of an unsupported type. Raises ValueError."""
    if isinstance(value, CommentedMap):
        for key, item in value.items():
            if not isinstance(key, str):
                raise ValueError(f"has the key {as_written(key)}, which is not text")
            check_types(item)
    elif isinstance(value, CommentedSeq):
        for item in value:
            check_types(item)
    elif not is_tagged_text(value) and not isinstance(value, str | int | float | bool | date | None):
        raise ValueError(
            f"has a value of type {type(value).__name__}: text, numbers, booleans, lists and objects are allowed"
        )


def mapping(value: Any) -> CommentedMap:
    """Return the mapping itself, or an empty one for any other value."""
    return value if isinstance(value, CommentedMap) else CommentedMap()


def without_comments(value: Any) -> Any:
    """The value without comments: the comments of a template describe the template."""
    if isinstance(value, Mapping):
        items = cast(Mapping[str, Any], value).items()
        return CommentedMap((key, without_comments(item)) for key, item in items)
    return [without_comments(item) for item in cast(list[Any], value)] if isinstance(value, list) else value


def is_secret(value: Any) -> bool:
    """Whether Pulumi has encrypted the value."""
    return isinstance(value, Mapping) and set(cast(Mapping[str, Any], value)) == {"secure"}


def holds_secret(value: Any) -> bool:
    """Whether the value or a part of it is encrypted."""
    if is_secret(value):
        return True
    if isinstance(value, Mapping):
        return any(holds_secret(item) for item in cast(Mapping[str, Any], value).values())
    return isinstance(value, list) and any(holds_secret(item) for item in cast(list[Any], value))


def is_tagged_text(value: Any) -> bool:
    """Whether a tag makes the value text, as in `!!str 1.10`, or the value is `=`, which YAML 1.1 treats specially."""
    return isinstance(value, TaggedScalar) and str(value.tag.value) in _TEXT_TAGS  # pyright: ignore[reportUnknownMemberType]


def plain(value: Any) -> Any:
    """The value without types of ruamel.yaml and with encrypted parts masked."""
    if is_secret(value):
        return SECRET_MASK
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in cast(Mapping[str, Any], value).items()}
    if isinstance(value, list):
        return [plain(item) for item in cast(list[Any], value)]
    if isinstance(value, bool | ScalarBoolean):
        return bool(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, date):
        return value.isoformat()
    if is_tagged_text(value):
        return str(value.value)
    return None if value is None else str(value)


def same(left: Any, right: Any) -> bool:
    """Whether two values are equal and have the same types: 1, 1.0, true and "1" all differ."""
    return fingerprint(left) == fingerprint(right)


def fingerprint(value: Any) -> str:
    """A text that is equal for two values exactly when `same` is true for them."""
    return json.dumps(_typed(value))


def _typed(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _typed(item) for key, item in cast(Mapping[Any, Any], value).items()}
    if isinstance(value, list):
        return [_typed(item) for item in cast(list[Any], value)]
    return value if isinstance(value, str | bool | int) or value is None else repr(value)


def quoted(value: Any) -> Any:
    """The value with quotes around text that some YAML readers do not read as text, and around control characters."""
    if isinstance(value, str) and (scalars.needs_quotes(value) or not value.isprintable()):
        return DoubleQuotedScalarString(value)
    if isinstance(value, dict):
        return {quoted(key): quoted(item) for key, item in cast(dict[str, Any], value).items()}
    return [quoted(item) for item in cast(list[Any], value)] if isinstance(value, list) else value


def wire(value: Any) -> str:
    """The value as Pulumi passes it to a program: null as empty text, numbers as Go writes them."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return _number(value)
    return json.dumps(_whole(value), separators=(",", ":"), sort_keys=True)


def _number(value: float) -> str:
    if value.is_integer() and abs(value) < _EXPONENT_FROM:
        return str(int(value))
    if 1e-6 <= abs(value) < 1e-4:
        return format(Decimal(repr(value)), "f")
    return re.sub(r"e-0(\d)$", r"e-\1", repr(value))


def _whole(value: Any) -> Any:
    """Go writes whole numbers without a fraction in JSON: 2.0 is 2."""
    if isinstance(value, Mapping):
        return {key: _whole(item) for key, item in cast(Mapping[str, Any], value).items()}
    if isinstance(value, list):
        return [_whole(item) for item in cast(list[Any], value)]
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXPONENT_FROM:
        return int(value)
    return value
