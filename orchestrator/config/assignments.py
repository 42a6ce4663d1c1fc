"""The values of `--set` and `--image`, parsed. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, cast

from orchestrator.config.text_keys import holds_text, is_image
from orchestrator.errors import UsageError

_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_NAMESPACE = re.compile(r"[A-Za-z][A-Za-z0-9._-]*")
_IMAGE_NAME = re.compile(r"[a-z][a-z0-9_-]*")
_LONGEST_VALUE = 100_000
_WIDEST = 2**63
_LONG = 10**11
_NULLS = ("null", "Null", "NULL", "~")
_SET_HINT = "for example --set web.desired_count=2 or --set aws:region=eu-west-1"
_IMAGE_HINT = "for example --image backend=registry.example.com/shop/backend:1.4.2"


_IMAGE_PATHS = {"redis": ("redis", "image")}
"""Configuration keys of images whose key is not `NAME_image`."""


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """One value for the configuration of a stack."""

    namespace: str | None
    """`aws` in `aws:region`; None for the project's own keys."""

    path: tuple[str, ...]
    """The key, then the keys within its object: `web.cpu_units` is `("web", "cpu_units")`."""

    value: Any = field(repr=False)
    """Text, number, boolean, list or object; None removes the key."""

    remark: str | None = None
    """Comment behind the value that says where it comes from."""

    origin: str | None = None
    """The source for messages, such as `--image backend`; None is `--set`."""

    def __str__(self) -> str:
        return f"{self.namespace}:{'.'.join(self.path)}" if self.namespace else ".".join(self.path)


def parse_assignment(text: str) -> Assignment:
    """Parse `key=value`, `key.inner=value` or `namespace:key=value`.

    For a key of type text the value is that text, also for values such as `1.10`, `a: b` and `{"a": 1}`. Quotes around the
    whole value are removed, and `null` removes the key. For every other key the value is YAML: `3` is a number, `true` a
    boolean, `"3"` text, `{a: 1}` an object. An empty value is empty text. Raises UsageError without the value in its message.
    """
    key, equals, value = text.partition("=")
    if not equals:
        raise _bad_key(key)
    namespace, path = _parts(key)
    if len(value) > _LONGEST_VALUE:
        raise UsageError(f"--set {key} cannot be used: the value is longer than {_LONGEST_VALUE} characters")
    is_text = None if namespace == "aws" else holds_text(path)
    return make_assignment(key, _text_value(value) if is_text else _yaml_value(key, path, value, is_text))


def make_assignment(key: str, value: Any) -> Assignment:
    """The assignment of a plain value to a key such as `region`, `web.cpu_units` or `aws:region`. Raises UsageError."""
    namespace, path = _parts(key)
    if value == "" and is_image(path):
        raise UsageError(f"--set {key} cannot be used: an image cannot be empty", f"remove it with `--set {key}=null`")
    return Assignment(namespace=namespace, path=path, value=_checked(key, value, path))


def make_assignments(values: Mapping[str, Any] | None) -> tuple[Assignment, ...]:
    """The assignments of plain values by key. Raises UsageError."""
    return tuple(make_assignment(key, value) for key, value in (values or {}).items())


def _parts(key: str) -> tuple[str | None, tuple[str, ...]]:
    namespace, colon, dotted = key.rpartition(":")
    path = tuple(dotted.split("."))
    if not all(_KEY.fullmatch(part) for part in path) or (colon and not _NAMESPACE.fullmatch(namespace)):
        raise _bad_key(key)
    return namespace or None, path


def _bad_key(key: str) -> UsageError:
    return UsageError(f"--set {key!r} is not of the form KEY=VALUE", _SET_HINT)


def parse_image(text: str) -> tuple[str, str]:
    """Parse `NAME=REFERENCE` into (name, reference). Raises UsageError."""
    name, equals, reference = text.partition("=")
    if not equals or not _IMAGE_NAME.fullmatch(name):
        raise UsageError(f"--image {text!r} is not of the form NAME=REFERENCE", _IMAGE_HINT)
    if (
        not reference
        or len(reference) > 512
        or any(letter.isspace() or not letter.isprintable() for letter in reference)
    ):
        raise UsageError(f"--image {text!r} cannot be used: {reference!r} is not an image reference", _IMAGE_HINT)
    return name, reference


def image_assignment(name: str, reference: str) -> Assignment:
    """The assignment for an image: `backend` sets `backend_image`."""
    return Assignment(
        namespace=None, path=_IMAGE_PATHS.get(name, (f"{name}_image",)), value=reference, origin=f"--image {name}"
    )


def parse_assignments(texts: Iterable[str]) -> tuple[Assignment, ...]:
    """Parse every `--set`, in order. Raises UsageError, also when two of them set the same key."""
    parsed = tuple(parse_assignment(text) for text in texts)
    _refuse_twice("--set", [str(assignment) for assignment in parsed])
    return parsed


def parse_images(texts: Iterable[str]) -> Mapping[str, str]:
    """Parse every `--image` into references by name. Raises UsageError, also for a repeated name."""
    parsed = [parse_image(text) for text in texts]
    _refuse_twice("--image", [name for name, _ in parsed])
    return dict(parsed)


def _refuse_twice(option: str, keys: list[str]) -> None:
    for key in keys:
        if keys.count(key) > 1:
            raise UsageError(f"{option} {key} is given more than once")


def _text_value(text: str) -> str | None:
    """The text without quotes around it; None for null."""
    stripped = text.strip()
    if stripped in _NULLS:
        return None
    if stripped[:1] in ("'", '"'):
        try:
            quoted = _loaded(stripped, ("",))
        except ValueError:
            return stripped
        return quoted if isinstance(quoted, str) else stripped
    return stripped if stripped else text


def _yaml_value(key: str, path: tuple[str, ...], text: str, is_text: bool | None) -> Any:
    stripped = text.strip()
    if not stripped:
        return text
    try:
        value = _loaded(text, path)
    except ValueError:
        raise UsageError(
            f"--set {key} cannot be understood: the value is not valid YAML",
            "put text in quotes: --set 'key=\"value\"'",
        ) from None
    # For a key of unknown type, `arn:...:KEY::` is text and not an object.
    objects = is_text is None and isinstance(value, dict) and stripped[0] != "{"
    return stripped if objects and list(cast(dict[Any, Any], value).values()) == [None] else value


def _loaded(text: str, path: tuple[str, ...]) -> Any:
    from ruamel.yaml.error import YAMLError

    from orchestrator.config import scalars

    try:
        return scalars.loaded(text, path, holds_text)
    except (YAMLError, TypeError, KeyError, AttributeError, IndexError, AssertionError, RecursionError):
        raise ValueError("the value is not valid YAML") from None


def _checked(key: str, value: Any, path: tuple[str, ...], depth: int = 0) -> Any:
    if depth > 16:
        raise UsageError(f"--set {key} cannot be used: the value is nested too deeply or refers to itself")
    if isinstance(value, dict):
        items = cast(dict[Any, Any], value).items()
        return {str(name): _checked(key, item, (*path, str(name)), depth + 1) for name, item in items}
    if isinstance(value, list):
        members = enumerate(cast(list[Any], value))
        return [_checked(key, item, (*path, f"[{index}]"), depth + 1) for index, item in members]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _checked_number(key, value, path)
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, date):
        return value.isoformat()
    raise UsageError(f"--set {key} cannot be used: the type {type(value).__name__} is not allowed in a configuration")


def _checked_number(key: str, value: float, path: tuple[str, ...]) -> float | str:
    if not math.isfinite(value):
        raise UsageError(f"--set {key} cannot be used: {value} is not a finite number")
    if isinstance(value, int) and abs(value) >= _WIDEST:
        raise UsageError(f"--set {key} cannot be used: the number is too large for some programs", "put it in quotes")
    # A stack file with such a long number for a text key would be refused when it is read.
    return str(value) if abs(value) >= _LONG and holds_text(path) else value
