"""What people write after `--set` and `--image`, as data. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, cast

from orchestrator.errors import UsageError

_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_NAMESPACE = re.compile(r"[A-Za-z][A-Za-z0-9._-]*")
_IMAGE_NAME = re.compile(r"[a-z][a-z0-9_-]*")
_LONGEST_VALUE = 100_000
_SET_HINT = "write for example --set web.desired_count=2 or --set aws:region=eu-west-1"
_IMAGE_HINT = "write for example --image backend=registry.example.com/shop/backend:1.4.2"


_IMAGE_PATHS = {"redis": ("redis", "image")}
"""Where an application keeps an image that is not `NAME_image`."""


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """One value for a stack's configuration."""

    namespace: str | None
    """`aws` in `aws:region`; None for the project's own keys."""

    path: tuple[str, ...]
    """The key, then the keys within its object: `web.cpu_units` is `("web", "cpu_units")`."""

    value: Any = field(repr=False)
    """Text, number, boolean, list or object; None takes the key away."""

    remark: str | None = None
    """Comment behind the value, which says where it comes from."""

    def __str__(self) -> str:
        return f"{self.namespace}:{'.'.join(self.path)}" if self.namespace else ".".join(self.path)


def parse_assignment(text: str) -> Assignment:
    """`key=value`, `key.inner=value` or `namespace:key=value`.

    The value is YAML: `3` is a number, `true` a boolean, `"3"` text, `{a: 1}` an object, `null` takes the key away;
    nothing at all is empty text. Raises UsageError, which does not repeat the value.
    """
    key, equals, value = text.partition("=")
    if not equals:
        raise _bad_key(key)
    return make_assignment(key, _yaml_value(key, value))


def make_assignment(key: str, value: Any) -> Assignment:
    """The assignment of a plain value to a key such as `region`, `web.cpu_units` or `aws:region`. Raises UsageError."""
    namespace, colon, dotted = key.rpartition(":")
    path = tuple(dotted.split("."))
    if not all(_KEY.fullmatch(part) for part in path) or (colon and not _NAMESPACE.fullmatch(namespace)):
        raise _bad_key(key)
    return Assignment(namespace=namespace or None, path=path, value=_checked(key, value, 0))


def _bad_key(key: str) -> UsageError:
    return UsageError(f"--set {key!r} cannot be understood: KEY=VALUE is wanted", _SET_HINT)


def parse_image(text: str) -> tuple[str, str]:
    """`NAME=REFERENCE` as (name, reference). Raises UsageError."""
    name, equals, reference = text.partition("=")
    if not equals or not _IMAGE_NAME.fullmatch(name):
        raise UsageError(f"--image {text!r} cannot be understood: NAME=REFERENCE is wanted", _IMAGE_HINT)
    if (
        not reference
        or len(reference) > 512
        or any(letter.isspace() or not letter.isprintable() for letter in reference)
    ):
        raise UsageError(f"--image {text!r} cannot be used: {reference!r} is not an image reference", _IMAGE_HINT)
    return name, reference


def image_assignment(name: str, reference: str) -> Assignment:
    """The configuration value that an image reference is: `backend` is `backend_image`."""
    return Assignment(namespace=None, path=_IMAGE_PATHS.get(name, (f"{name}_image",)), value=reference)


def parse_assignments(texts: Iterable[str]) -> tuple[Assignment, ...]:
    """Every `--set`, in the given order. Raises UsageError, also when two of them set one key."""
    parsed = tuple(parse_assignment(text) for text in texts)
    _refuse_twice("--set", [str(assignment) for assignment in parsed])
    return parsed


def parse_images(texts: Iterable[str]) -> Mapping[str, str]:
    """Every `--image`, as references by name. Raises UsageError, also when a name comes twice."""
    parsed = [parse_image(text) for text in texts]
    _refuse_twice("--image", [name for name, _ in parsed])
    return dict(parsed)


def _refuse_twice(option: str, keys: list[str]) -> None:
    for key in keys:
        if keys.count(key) > 1:
            raise UsageError(f"{option} {key} is given twice: give it once")


def _yaml_value(key: str, text: str) -> Any:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    if not text.strip():
        return text
    if len(text) > _LONGEST_VALUE:
        raise UsageError(f"--set {key} cannot be used: the value is longer than {_LONGEST_VALUE} characters")
    try:
        value = YAML(typ="safe", pure=True).load(text)
    except (YAMLError, ValueError, TypeError, KeyError, AttributeError, IndexError, AssertionError, RecursionError):
        raise UsageError(
            f"--set {key} cannot be understood: the value is not valid YAML",
            "put text in quotes: --set 'key=\"value\"'",
        ) from None
    return text.strip() if isinstance(value, date) else value


def _checked(key: str, value: Any, depth: int) -> Any:
    if depth > 16:
        raise UsageError(f"--set {key} cannot be used: the value is nested too deeply, or refers to itself")
    if isinstance(value, dict):
        items = cast(dict[Any, Any], value).items()
        return {str(name): _checked(key, item, depth + 1) for name, item in items}
    if isinstance(value, list):
        return [_checked(key, item, depth + 1) for item in cast(list[Any], value)]
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, date):
        return value.isoformat()
    raise UsageError(
        f"--set {key} cannot be used: a value of type {type(value).__name__} has no place in a configuration"
    )
