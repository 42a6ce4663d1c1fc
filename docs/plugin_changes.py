"""Changes of the plugin's schema that break programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_TEXT = ("description", "deprecationMessage")


def breaking(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return a line for each change from `before` to `after` that breaks a program: something that was removed or has another
    type, and inputs that became required."""
    found: list[str] = []
    for token, old in before.get("resources", {}).items():
        new = after.get("resources", {}).get(token)
        if new is None:
            found.append(f"{token} is gone")
            continue
        found += _members(token, old.get("inputProperties", {}), new.get("inputProperties", {}), "input")
        found += _members(token, old.get("properties", {}), new.get("properties", {}), "output")
        found += _required(token, old, new, "requiredInputs")
    for token, old in before.get("types", {}).items():
        new = after.get("types", {}).get(token)
        if new is None:
            found.append(f"{token} is gone")
            continue
        found += _members(token, old.get("properties", {}), new.get("properties", {}), "member")
        found += _required(token, old, new, "required")
        values = [each["value"] for each in new.get("enum", ())]
        found += [
            f"{token} has no value {each['value']}" for each in old.get("enum", ()) if each["value"] not in values
        ]
    return sorted(found)


def _members(token: str, old: Mapping[str, Any], new: Mapping[str, Any], kind: str) -> Iterator[str]:
    for name, specification in old.items():
        if name not in new:
            yield f"{token} has no {kind} {name}"
        elif _type(specification) != _type(new[name]):
            yield f"{token}: the {kind} {name} has another type"


def _required(token: str, old: Mapping[str, Any], new: Mapping[str, Any], key: str) -> Iterator[str]:
    for name in sorted(set(new.get(key, ())) - set(old.get(key, ()))):
        yield f"{token}: {name} is required now"


def _type(specification: Any) -> Any:
    if isinstance(specification, Mapping):
        return {key: _type(value) for key, value in specification.items() if key not in _TEXT}
    return [_type(item) for item in specification] if isinstance(specification, list) else specification
