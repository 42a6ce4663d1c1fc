"""A compose file as compose reads it: YAML with its tags, variables filled in, `extends` resolved. Pure."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.composer import ComposerError
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

UNKNOWN = "\0"
"""Placeholder in a filled text for a variable whose value only the host has.

https://docs.docker.com/reference/compose-file/interpolation/
"""

_REFERENCE = re.compile(r"\$(?:\$|(?P<name>[A-Za-z_][A-Za-z0-9_]*)|(?P<brace>\{))")
_BODY = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?:(?P<operator>:?[-+?])(?P<operand>.*))?", re.DOTALL)


def filled(text: str, *, host_has_variables: bool) -> str:
    """Return the text as compose reads it on the host, with `UNKNOWN` for values that only the host has.

    On a host without variables every variable is unset. On a host with variables a default counts as the value. Raises
    ValueError for invalid syntax, and for a required variable that the host does not have.
    """
    parts, at = list[str](), 0
    while found := _REFERENCE.search(text, at):
        parts.append(text[at : found.start()])
        at = found.end()
        if found["brace"]:
            end = _closing(text, at)
            parts.append(_braced(text[at:end], host_has_variables=host_has_variables))
            at = end + 1
        elif found["name"]:
            parts.append(UNKNOWN if host_has_variables else "")
        else:
            parts.append("$")
    return "".join([*parts, text[at:]])


def _closing(text: str, start: int) -> int:
    depth, at = 1, start
    while at < len(text):
        if text.startswith("${", at):
            depth, at = depth + 1, at + 1
        elif text[at] == "}":
            depth -= 1
            if not depth:
                return at
        at += 1
    raise ValueError(f"{text!r} has a variable without a closing brace: write a dollar sign as $$")


def _braced(body: str, *, host_has_variables: bool) -> str:
    found = _BODY.fullmatch(body)
    if not found:
        raise ValueError(f"{'${' + body + '}'!r} is not a variable: write a dollar sign as $$")
    operator, operand = found["operator"] or "", found["operand"] or ""
    if operator.endswith("?") and not host_has_variables:
        raise ValueError(
            f"{found['name']} is a required variable, and the host has no variables: set environment_secret_arn, or write a default"
        )
    if operator.endswith("-"):
        return filled(operand, host_has_variables=host_has_variables)
    return UNKNOWN if host_has_variables else ""


FILE_NAME = "compose.yaml"
"""Name of the compose file on the host."""

# Lists of a service that `extends` extends. Every other value replaces.
_ADDED = ("configs", "env_file", "label_file", "profiles", "secrets", "security_opt", "volumes")


@dataclass(frozen=True)
class _Tagged:
    """A value below `!reset` or `!override`. https://docs.docker.com/reference/compose-file/merge/"""

    tag: str
    value: Any


class _Constructor(SafeConstructor):
    """A constructor that ignores unknown tags, as compose does."""

    def construct_tagged(self, suffix: str, node: Node) -> Any:
        value: Any
        if isinstance(node, MappingNode):
            value = self.construct_mapping(node, deep=True)
        elif isinstance(node, SequenceNode):
            value = self.construct_sequence(node, deep=True)
        else:
            value = self.construct_scalar(node)
        return _Tagged(suffix, value) if suffix in ("reset", "override") else value


_Constructor.add_multi_constructor("!", _Constructor.construct_tagged)


def load(text: str, *, host_has_variables: bool) -> dict[str, Any]:
    """Return the document with the known variables filled in. Raises ValueError."""
    yaml = YAML(typ="safe", pure=True)
    yaml.Constructor = _Constructor
    try:
        document: Any = yaml.load(text)
    except ComposerError as error:
        if "single document" in str(error.context):
            raise ValueError("it has several YAML documents: keep one") from None
        raise ValueError(f"it is not YAML ({error.problem})") from None
    except MarkedYAMLError as error:
        where = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ValueError(f"it is not YAML{where} ({error.problem})") from None
    except (YAMLError, ValueError, RecursionError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise ValueError(f"it is not YAML ({reason})") from None
    if not isinstance(document, dict):
        raise ValueError("it has no services")
    try:
        return _filled(document, (), host_has_variables=host_has_variables)
    except RecursionError:
        raise ValueError("it is nested too deeply, or an alias contains itself") from None


def _filled(value: Any, place: tuple[str, ...], *, host_has_variables: bool) -> Any:
    match value:
        case _Tagged():
            return _Tagged(value.tag, _filled(value.value, place, host_has_variables=host_has_variables))
        case str():
            try:
                return filled(value, host_has_variables=host_has_variables)
            except ValueError as error:
                raise ValueError(f"{'.'.join(place)}: {error}") from None
        case dict():
            return {k: _filled(v, (*place, str(k)), host_has_variables=host_has_variables) for k, v in value.items()}
        case list():
            return [_filled(v, (*place, str(i)), host_has_variables=host_has_variables) for i, v in enumerate(value)]
        case date() if not place[0].startswith("x-"):
            raise ValueError(f"{'.'.join(place)} is a date: compose accepts only text here, so put it in quotes")
        case _:
            return value


def services(document: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return every service, merged with the service that it extends. Raises ValueError for other files and missing
    services."""
    included = untagged(document.get("include"))
    if included:
        raise ValueError(
            f"it includes {_first_path(included)}: only this file is on the host, so write everything into it"
        )
    found = untagged(document.get("services"))
    if not isinstance(found, dict) or not found:
        raise ValueError("it has no services")
    for name, service in found.items():
        if not isinstance(name, str):
            raise ValueError(f"its service {name!r} has a name that is not text: put it in quotes")
        if not isinstance(untagged(service), dict):
            raise ValueError(f"its service {name!r} is not a mapping")
    # `!reset` removes a service or key.
    kept = {name: untagged(value) for name, value in found.items() if not _is_reset(value)}
    whole = {name: _extended(name, kept, ()) for name in kept}
    return {name: plain(service) for name, service in whole.items()}


def section(document: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the entries of another top-level section of the file."""
    found = plain(document.get(name))
    return found if isinstance(found, dict) else {}


def plain(value: Any) -> Any:
    """Return the value without tags, and without values that `!reset` removes."""
    match value:
        case _Tagged():
            return None if value.tag == "reset" else plain(value.value)
        case dict():
            return {key: plain(item) for key, item in value.items() if not _is_reset(item)}
        case list():
            return [plain(item) for item in value if not _is_reset(item)]
        case _:
            return value


def untagged(value: Any) -> Any:
    """Return the value without its own tag."""
    return value.value if isinstance(value, _Tagged) else value


def listed(value: Any) -> list[Any]:
    """Return the value as a list, because compose accepts a single entry for a list of one."""
    return value if isinstance(value, list) else [] if value is None else [value]


def _is_reset(value: Any) -> bool:
    return isinstance(value, _Tagged) and value.tag == "reset"


def _first_path(included: Any) -> str:
    first = listed(included)[0]
    path = listed(first.get("path"))[:1] if isinstance(first, dict) else [first]
    return repr(path[0]) if path else "another file"


def _extended(name: str, known: Mapping[str, dict[str, Any]], above: tuple[str, ...]) -> dict[str, Any]:
    service = known[name]
    extends = None if _is_reset(service.get("extends")) else untagged(service.get("extends"))
    if extends is None:
        return service
    file = extends.get("file") if isinstance(extends, dict) else None
    if file is not None and posixpath.normpath(str(file)) != FILE_NAME:
        raise ValueError(f"its service {name!r} extends a service of {file!r}: only this file is on the host")
    parent = extends.get("service") if isinstance(extends, dict) else extends
    if not isinstance(parent, str) or parent not in known:
        raise ValueError(f"its service {name!r} extends {parent!r}, which does not exist")
    if name in above:
        raise ValueError(f"its services {', '.join(map(repr, above))} extend each other")
    return _merged(_extended(parent, known, (*above, name)), service)


def _merged(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    whole = {**base, **{key: value for key, value in own.items() if key != "extends"}}
    for key in _ADDED:
        if key in base and key in own and not isinstance(own[key], _Tagged):
            before = [] if _is_reset(base[key]) else listed(untagged(base[key]))
            added = listed(own[key])
            if key == "volumes":  # a mount at the same target replaces the other
                places = {target_of(entry) for entry in added}
                before = [entry for entry in before if target_of(entry) not in places]
            whole[key] = [*before, *added]
    return whole


def target_of(mount: Any) -> str:
    """Return the path of a volume in the container."""
    if isinstance(mount, dict):
        return str(mount.get("target", ""))
    parts = str(mount).split(":")
    return parts[1] if len(parts) > 1 else parts[0]
