"""`Pulumi.yaml`: the settings of all stacks of a project: configuration, the backend, the folder of stack files.

The rules are those of the CLI (pkg/workspace/config.go, sdk/go/common/workspace/project.go).
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

from ruamel.yaml.comments import CommentedMap

from orchestrator.config import values, yaml_files
from orchestrator.errors import SettingsError
from orchestrator.model import SECRET_MASK
from pulumi_django.rules.text import as_written

NAME = "Pulumi.yaml"
_ATTRIBUTES = ("type", "description", "items", "default", "value", "secret")
_TYPES = ("string", "integer", "boolean", "array", "object")


@dataclass(frozen=True, kw_only=True)
class Declared:
    """A key below `config:`."""

    key: str
    """Full key, for example `aws:region` or `django-base:domain_name`."""

    line: int | None
    default: Any = None
    """Value for stacks without their own; None when there is no default."""

    type: str | None = None
    items: Mapping[str, Any] | None = None
    """Type of the items of an array."""

    secret: bool = False
    """Whether the value in a stack file must be encrypted."""

    own: bool = False
    """Whether the key is in the project's namespace. Only such keys have a type, and every stack needs a value."""

    @property
    def path(self) -> tuple[str, ...]:
        """The key and the names inside its object: the CLI reads `shop:web.cpu` as `cpu` in `shop:web`."""
        namespace, _, name = self.key.partition(":")
        first, *rest = name.split(".")
        return (f"{namespace}:{first}", *rest)


@dataclass(frozen=True, kw_only=True)
class ProjectFile:
    """The contents of a `Pulumi.yaml`."""

    path: Path
    name: str | None = None
    """Name of the project."""

    program: Path = field(default_factory=Path)
    """The program: a folder with a `__main__.py`, or a file. The setting `main` names it."""

    config: tuple[Declared, ...] = ()
    backend: str | None = None
    """URL of the state backend."""

    stack_folder: Path = field(default_factory=Path)
    """Folder of the `Pulumi.<stack>.yaml` files."""

    runtime: str | None = None
    """Language of the program."""

    runtime_options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    has_plugins: bool = False
    """Whether the project names plugins by their folders, which may be those of languages."""

    @property
    def program_folder(self) -> Path:
        """Folder of the program, which is the working folder while it runs."""
        found = self.program.resolve()
        return found if os.path.isdir(found) else found.parent


def read(folder: Path) -> ProjectFile:
    """Read and check the `Pulumi.yaml` of a folder; without a file all fields are empty. Raises SettingsError."""
    path = folder / NAME
    try:
        status = path.stat()
    except OSError:
        return ProjectFile(path=path, program=folder, stack_folder=folder)
    return _read(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=256)
def _read(path: Path, _changed: int, _size: int) -> ProjectFile:
    document = yaml_files.parse(path, yaml_files.read_text(path) or "")
    config, folder = document.get("config"), _text(path, document, "stackConfigDir")
    if isinstance(config, str):  # the older name of stackConfigDir
        if folder:
            raise SettingsError(f"{path}: config and stackConfigDir both name a folder", "keep stackConfigDir")
        config, folder = None, config
    name, runtime = _text(path, document, "name"), document.get("runtime")
    return ProjectFile(
        path=path,
        name=name,
        program=path.parent / (_text(path, document, "main") or "."),
        config=_declared(path, str(name), config),
        backend=_text(path, values.mapping(document.get("backend")), "url"),
        stack_folder=path.parent / (folder or "."),
        runtime=runtime if isinstance(runtime, str) else values.mapping(runtime).get("name"),
        runtime_options=values.mapping(values.mapping(runtime).get("options")),
        has_plugins="plugins" in document,
    )


def _text(path: Path, mapping: CommentedMap, key: str) -> str | None:
    """The text at a key; None when it is absent or empty. Raises SettingsError for any other value."""
    value = mapping.get(key)
    if value is None or (isinstance(value, str) and "\0" not in value):
        return str(value) if value else None
    line = _line(mapping, key)
    raise SettingsError(f"{path}{f':{line}' if line else ''}: {key} is not text", "put it in quotes")


def _declared(path: Path, project: str, config: Any) -> tuple[Declared, ...]:
    if config is None:
        return ()
    if not isinstance(config, CommentedMap):
        raise SettingsError(f"{path}: config is not a mapping", "write keys such as `aws:region` below it")
    for key in config:
        if not isinstance(key, str):
            raise SettingsError(f"{path}: config: {key} is not a configuration key", f"write `{project}:name`")
    found = [_one(path, project, config, str(key)) for key in config]
    return tuple(sorted(found, key=lambda declared: declared.key))


def _one(path: Path, project: str, config: CommentedMap, key: str) -> Declared:
    line = _line(config, key)

    def wrong(problem: str, hint: str | None = None) -> SettingsError:
        return SettingsError(f"{path}{f':{line}' if line else ''}: config: {key} {problem}", hint)

    if not re.fullmatch(r"[^:\s\[\]]+(:[^:\s\[\]]+)?", key):
        raise wrong("is not a configuration key", f"write `{project}:name`")
    written, full = config[key], key if ":" in key else f"{project}:{key}"
    own = full.startswith(f"{project}:")
    entry: dict[str, Any] = {}
    if isinstance(written, CommentedMap):
        entry = dict(written)
    elif written is not None:
        entry = {"default" if own else "value": written}
    for name in entry:
        if name not in _ATTRIBUTES:
            close = difflib.get_close_matches(str(name), _ATTRIBUTES, n=1)
            hint = f"did you mean `{close[0]}`?" if close else f"write an object below `{key}: value:`"
            raise wrong(f"has the attribute {as_written(name)}, which Pulumi does not know", hint)
    _check_attributes(entry, own, wrong)
    given = entry.get("default") if entry.get("default") is not None else entry.get("value")
    return Declared(
        key=full,
        line=line,
        default=_plain(given, wrong),
        type=entry.get("type"),
        items=entry.get("items"),
        secret=bool(entry.get("secret")),
        own=own,
    )


def _check_attributes(entry: Mapping[str, Any], own: bool, wrong: Any) -> None:
    default, value, kind = entry.get("default"), entry.get("value"), entry.get("type")
    if default is not None and value is not None:
        raise wrong("has both `default` and `value`", "keep one of them")
    if kind is not None and kind not in _TYPES:
        raise wrong(f"has the type {as_written(kind)}: valid types are {', '.join(_TYPES)}")
    if not own and (kind is not None or default is not None):
        raise wrong("is in another namespace: only `value` is allowed there, no `default` and no `type`")
    if not own and value is None:
        raise wrong("has no `value`")
    if kind == "array":
        _check_items(entry.get("items"), wrong)
    if kind is not None and default is not None and not _fits(kind, entry.get("items"), values.plain(default)):
        raise wrong(f"has a default that is not of the type {_full_name(kind, entry.get('items'))}")


def _check_items(items: Any, wrong: Any) -> None:
    if not isinstance(items, Mapping) or cast(Mapping[str, Any], items).get("type") not in _TYPES:
        raise wrong("is an array without `items`", "add the type of the items, for example `items: {type: string}`")
    found = cast(Mapping[str, Any], items)
    if found["type"] == "array":
        _check_items(found.get("items"), wrong)


def _plain(value: Any, wrong: Any) -> Any:
    try:
        values.check_types(value)
    except ValueError as error:
        raise wrong(str(error)) from None
    if _has_date(value):
        raise wrong("contains a date, which YAML readers change", "put it in quotes")
    return values.plain(value)


def _has_date(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(_has_date(item) for item in cast(Mapping[str, Any], value).values())
    if isinstance(value, list):
        return any(_has_date(item) for item in cast(list[Any], value))
    return isinstance(value, date)


def with_defaults(folder: Path, own: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a stack, by full key, completed with the defaults of the project. Raises SettingsError."""
    found = dict(own)
    for declared in read(folder).config:
        if declared.default is not None and not _is_there(found, declared.path):
            _put(found, declared)
    return found


def check(folder: Path, stack_file: Path, own: Mapping[str, Any], secret: frozenset[str]) -> None:
    """Refuse what the CLI refuses: a missing value and a value of the wrong type.

    `own` are the values of the stack and the project, `secret` the keys with encrypted values. Raises
    SettingsError.
    """
    file = read(folder)
    for declared in file.config:
        if not declared.own:
            continue
        if not _is_there(own, declared.path):
            raise SettingsError(
                f"{stack_file}: {declared.key} is missing: {file.path.name} declares it without a default",
                f"run `pulumi config set {declared.key} VALUE`",
            )
        if declared.secret and declared.path[0] not in secret:
            raise SettingsError(
                f"{stack_file}: {declared.key} is not encrypted: {file.path.name} declares it secret",
                f"run `pulumi config set --secret {declared.key}`",
            )
        value = _at(own, declared.path)
        masked = declared.path[0] in secret and value == SECRET_MASK
        if declared.type and not masked and not _fits(declared.type, declared.items, _as_text(value)):
            kind = _full_name(declared.type, declared.items)
            raise SettingsError(
                f"{stack_file}: {declared.key} does not have the type {kind} that {file.path.name} declares"
            )


def _is_there(found: Mapping[str, Any], path: tuple[str, ...]) -> bool:
    at: Any = found
    for name in path:
        if not isinstance(at, Mapping) or name not in at:
            return False
        at = cast(Mapping[str, Any], at)[name]
    return True


def _at(found: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    at: Any = found
    for name in path:
        at = at[name]
    return at


def _put(found: dict[str, Any], declared: Declared) -> None:
    *way, last = declared.path
    at = found
    for name in way:
        below = at.get(name, {})
        if not isinstance(below, dict):
            raise SettingsError(f"{declared.key} in {NAME} cannot be used: {name} is not an object in the stack file")
        at[name] = dict(cast(dict[str, Any], below))
        at = at[name]
    at[last] = declared.default


def _fits(kind: str, items: Mapping[str, Any] | None, value: Any) -> bool:
    if kind == "string":
        return isinstance(value, str)
    if kind == "integer":
        whole = isinstance(value, int | float) and not isinstance(value, bool) and value == int(value)
        return whole or (isinstance(value, str) and re.fullmatch(r"[+-]?\d+", value) is not None)
    if kind == "boolean":
        return isinstance(value, bool) or value in ("true", "false")
    if kind == "object":
        return isinstance(value, dict)
    if not isinstance(value, list) or not items:
        return False
    return all(_fits(str(items.get("type")), items.get("items"), item) for item in cast(list[Any], value))


def _as_text(value: Any) -> Any:
    """A value as the CLI compares it: everything except lists and objects is text."""
    return value if isinstance(value, list | dict) else values.wire(value)


def _full_name(kind: str, items: Mapping[str, Any] | None) -> str:
    return f"array<{_full_name(str(items.get('type')), items.get('items'))}>" if items else kind


def _line(mapping: CommentedMap, key: str) -> int | None:
    try:
        return int(cast(Any, mapping).lc.key(key)[0]) + 1
    except (KeyError, TypeError, AttributeError):
        return None
