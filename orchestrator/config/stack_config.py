"""`Pulumi.<stack>.yaml`: read, checked, changed and written without the CLI, so that comments stay and secrets are not touched.

The same files are what `pulumi up` and `pulumi config` in the project folder use.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from ruamel.yaml.comments import CommentedMap

from orchestrator.config import project_file, scalars, templates, values, yaml_files
from orchestrator.config.assignments import Assignment
from orchestrator.config.projects import Project
from orchestrator.config.text_keys import holds_text
from orchestrator.errors import SettingsError
from orchestrator.model import SECRET_MASK

GENERATED_MARK = "# Written by the orchestrator, which removes this file again when it destroys the stack."
"""First line of a file that we made. Without this line, or checked in to git, a file outlives its stack."""

TOP_LEVEL_KEYS = ("config", "encryptionsalt", "encryptedkey", "secretsprovider", "environment")
_OF_ONE_STACK = ("encryptionsalt", "encryptedkey", "secretsprovider")
_DEEPEST = 32
_MOST_LINES = 10
_CONFIG_KEY = re.compile(r"[^:\s]+(:[^:\s]+)?")


@dataclass(frozen=True, kw_only=True)
class ConfigSnapshot:
    """A stack's configuration at one moment, by full key (`django-app:base`, `aws:region`)."""

    values: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Plain values; encrypted parts are replaced by SECRET_MASK."""

    secret_keys: frozenset[str] = frozenset()
    """Keys that are encrypted, or hold something encrypted."""

    def wire(self) -> dict[str, str]:
        """The values as Pulumi hands them to a program: text as it is, null as empty text, everything else as JSON."""
        return {key: values.wire(value) for key, value in self.values.items()}


class StackConfig:
    """One `Pulumi.<stack>.yaml` in memory: what it says, and changes that are not written yet."""

    def __init__(self, project: Project, stack: str, original: str | None, document: CommentedMap) -> None:
        self.project = project
        self.stack = stack
        self.original = original
        """Text of the file on disk; None when there is none."""

        self.notes: tuple[str, ...] = ()
        """What the user should know of a configuration that was made from a template."""

        self._document = document
        self._before = values.fingerprint(document)
        self._changes: list[Callable[[StackConfig], None]] = []

    @classmethod
    def load(cls, project: Project, stack: str, other_projects: Collection[str] = ()) -> StackConfig:
        """Read and check the file; an absent one is an empty configuration.

        `other_projects` are the Pulumi names of the graph's other projects: their keys do not belong into this file.
        Raises SettingsError with file, line and key.
        """
        path = config_path(project, stack)
        original = yaml_files.read_text(path)
        document = yaml_files.parse(path, original or "")
        _Checker(path, project.name, other_projects).check(document)
        return cls(project, stack, original, document)

    @classmethod
    def parse(cls, project: Project, stack: str, text: str) -> StackConfig:
        """A configuration that is not on disk. Raises SettingsError."""
        document = yaml_files.parse(config_path(project, stack), text)
        return cls(project, stack, text, document)

    @classmethod
    def from_template(cls, project: Project, stack: str, other_projects: Collection[str] = ()) -> StackConfig:
        """A new configuration for `stack`, like that of the project's template stack without what is another stack's own.

        Left out are encrypted values (their key is the other stack's), the encryption settings, and what only one
        environment can have (`templates`). Raises SettingsError as `load` does, and when the project names a template that has no file.
        """
        if project.template is None:
            return cls(project, stack, None, CommentedMap())
        template = cls.load(project, project.template, other_projects)
        if template.original is None:
            raise SettingsError(
                f"the project {project.key} has the template {project.template!r}: "
                f"there is no {config_path(project, project.template)}",
                f"write that file, or name another template for [projects.{project.key}] in orchestrator.toml",
            )
        refuse_unquoted(project, template.path, template.original)
        copied = templates.copied(values.mapping(template._document.get("config")), project, project.template)
        kept = {key: value for key, value in template._document.items() if key not in (*_OF_ONE_STACK, "config")}
        made = cls(project, stack, None, CommentedMap({**values.without_comments(kept), "config": copied.config}))
        made.notes = tuple(templates.notes(copied, stack, project.template))
        return made

    @property
    def path(self) -> Path:
        """The file."""
        return config_path(self.project, self.stack)

    @property
    def exists(self) -> bool:
        """Whether the file was there when it was read."""
        return self.original is not None

    @property
    def generated(self) -> bool:
        """Whether the orchestrator made the file."""
        return (self.original or "").startswith(GENERATED_MARK)

    @property
    def secrets_provider(self) -> Mapping[str, Any] | None:
        """What the file says of the encryption of its secret values, as a state says it; None when it says nothing."""
        said = {key: str(self._document[key]) for key in _OF_ONE_STACK if self._document.get(key)}
        if "encryptionsalt" in said:
            return {"type": "passphrase", "state": {"salt": said["encryptionsalt"]}}
        if "secretsprovider" in said:
            state = {"url": said["secretsprovider"], "encryptedkey": said.get("encryptedkey", "")}
            return {"type": "cloud", "state": state}
        return None

    def get(self, key: str) -> Any:
        """The plain value of one of the project's own keys; None when absent or encrypted.

        Empty text is None too: Pulumi writes it for null when it makes the stack.
        """
        value = self.snapshot().values.get(f"{self.project.name}:{key}")
        return None if value in (SECRET_MASK, "") else value

    def set(self, key: str, value: Any) -> None:
        """Set one of the project's own top-level keys."""
        self.assign(Assignment(namespace=None, path=(key,), value=value))

    def assign(self, assignment: Assignment) -> None:
        """Set a value, making the objects on the way to it; None takes the key away.

        Raises SettingsError when the value or an object on the way is encrypted, or is no object.
        """
        self._changes.append(lambda config: config.assign(assignment))
        if assignment.value is not None and self._document.get("config") is None:
            self._document["config"] = CommentedMap()
        at = values.mapping(self._document.get("config"))
        keys = [self._top_key(at, assignment), *assignment.path[1:]]
        for depth, key in enumerate(keys):
            current, last = at.get(key), depth == len(keys) - 1
            if values.is_secret(current) or (last and values.holds_secret(current)):
                raise SettingsError(
                    f"{self.path}: {'.'.join(keys[: depth + 1])} is encrypted and cannot be set in plain",
                    f"use `pulumi config set --secret` in {self.project.path}",
                )
            if last:
                break
            if current is None:
                if assignment.value is None:
                    return
                at[key] = CommentedMap()
            elif not isinstance(current, CommentedMap):
                raise SettingsError(
                    f"{self.path}: {'.'.join(keys[: depth + 1])} is no object: {keys[-1]} has no place in it"
                )
            at = values.mapping(at[key])
        if assignment.value is None:
            at.pop(keys[-1], None)
        elif keys[-1] not in at or not values.same(at[keys[-1]], assignment.value):
            at[keys[-1]] = values.quoted(assignment.value)
            templates.mark(at, keys[-1], assignment.remark)

    def _top_key(self, config: Mapping[str, Any], assignment: Assignment) -> str:
        first = assignment.path[0]
        if assignment.namespace in (None, self.project.name):
            return first if first in config else f"{self.project.name}:{first}"
        return f"{assignment.namespace}:{first}"

    def take_encryption(self, text: str) -> None:
        """Encrypt this stack's secrets as that configuration does: what was encrypted with it stays readable."""
        self._changes.append(lambda config: config.take_encryption(text))
        other = yaml_files.parse(self.path, text)
        for key in _OF_ONE_STACK:
            if key in other:
                self._document[key] = other[key]

    def snapshot(self) -> ConfigSnapshot:
        """The configuration as it is now, changes included."""
        found: dict[str, Any] = {}
        secret: set[str] = set()
        for key, value in values.mapping(self._document.get("config")).items():
            full = key if ":" in key else f"{self.project.name}:{key}"
            found[full] = values.plain(value)
            if values.holds_secret(value):
                secret.add(full)
        found = project_file.with_defaults(self.project.path, found)
        return ConfigSnapshot(values=found, secret_keys=frozenset(secret))

    def text(self) -> str:
        """The file as it would be written: the same text when nothing changed, else with comments and order kept."""
        if self.original is not None and values.fingerprint(self._document) == self._before:
            return self.original
        text = yaml_files.dump(self._document, self.original or "")
        return text if self.exists or text.startswith(GENERATED_MARK) else f"{GENERATED_MARK}\n{text}"

    @property
    def changed(self) -> bool:
        """Whether `write` would write anything."""
        return self.text() != self.original if self.exists else bool(self._document)

    def rebased(self) -> StackConfig:
        """The same changes on the file as it is now, which somebody else wrote meanwhile. Raises SettingsError."""
        now = StackConfig.load(self.project, self.stack)
        for change in self._changes:
            change(now)
        return now

    def without_file(self) -> StackConfig:
        """The same configuration, whose file somebody else removed meanwhile."""
        now = StackConfig(self.project, self.stack, None, self._document)
        now._changes = list(self._changes)
        return now

    def write(self) -> None:
        """Write the file in one step: a reader, or a crash, sees the old one or the new one. Raises SettingsError."""
        yaml_files.write_text(self.path, self.text())

    def restore(self) -> None:
        """Bring the file on disk back to what it was when it was read. Raises SettingsError."""
        if self.original is not None:
            yaml_files.write_text(self.path, self.original)
            return
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            raise SettingsError(f"{self.path} cannot be removed: {error.strerror or error}") from None


def config_path(project: Project, stack: str) -> Path:
    """The file of a stack's configuration."""
    return project_file.read(project.path).stack_folder / f"Pulumi.{stack}.yaml"


def configured_stacks(project: Project) -> tuple[str, ...]:
    """Names of the stacks that have a configuration file, alphabetical; empty when the folder cannot be read."""
    try:
        folder = project_file.read(project.path).stack_folder
        names = [entry.name for entry in os.scandir(folder) if entry.is_file()]
    except OSError:
        return ()
    found = (re.fullmatch(r"Pulumi\.(.+)\.yaml", name) for name in names)
    return tuple(sorted(match[1] for match in found if match))


def read_snapshot(project: Project, stack: str, file: Path | None = None) -> ConfigSnapshot:
    """What an engine hands to a program; `file` stands in for the stack's own file.

    Raises SettingsError, also for values that would not come back as they are written.
    """
    path = file or config_path(project, stack)
    text = yaml_files.read_text(path)
    document = yaml_files.parse(path, text or "")
    _Checker(path, project.name, ()).check(document)
    refuse_unquoted(project, path, text)
    snapshot = StackConfig(project, stack, text, document).snapshot()
    project_file.check(project.path, path, snapshot.values, snapshot.secret_keys)
    return snapshot


def refuse_unquoted(project: Project, path: Path, text: str | None) -> None:
    """Refuse values in a stack file's text that would not come back as they are written. Raises SettingsError."""

    def is_text(keys: scalars.Path) -> bool | None:
        namespace, _, name = keys[0].rpartition(":")
        if namespace in ("", project.name):
            return holds_text((name, *keys[1:]), project.scope)
        return None

    found = scalars.problems(text or "", is_text)
    if found:
        first, others = found[0], [str(problem.line) for problem in found[1:]]
        key = ".".join(first.path).replace(".[", "[")
        also = f"; look also at line {', '.join(others[:_MOST_LINES])}" if others else ""
        raise SettingsError(f"{path}:{first.line}: {key} {first.reason}", f"{first.hint}{also}")


@dataclass(frozen=True)
class _Checker:
    """Checks a parsed file; every message says file, line and key."""

    path: Path
    project: str
    others: Collection[str]

    def check(self, document: CommentedMap) -> None:
        for key in document:
            if key not in TOP_LEVEL_KEYS:
                close = difflib.get_close_matches(str(key), TOP_LEVEL_KEYS, n=1, cutoff=0.6)
                hint = f"did you mean `{close[0]}`?" if close else "the stack's values belong under `config:`"
                raise self._error(document, key, "is not a key of a stack's configuration", hint)
        config = document.get("config")
        if config is None:
            return
        if not isinstance(config, CommentedMap):
            raise self._error(document, "config", "is not a mapping: keys such as `aws:region` are wanted")
        budget = [values.MOST_VALUES]
        for key, value in config.items():
            self._key(config, key)
            try:
                values.measure(value, _DEEPEST, budget)
            except ValueError as error:
                raise self._error(config, key, str(error)) from None

    def _key(self, config: CommentedMap, key: Any) -> None:
        if not isinstance(key, str) or not _CONFIG_KEY.fullmatch(key):
            raise self._error(config, key, f"is not a configuration key: `{self.project}:name` is wanted")
        namespace, colon, name = key.rpartition(":")
        if not colon or namespace == self.project:
            if name in config and f"{self.project}:{name}" in config:
                raise self._error(config, key, f"is given twice: with and without `{self.project}:`")
            return
        close = difflib.get_close_matches(namespace, [self.project], n=1, cutoff=0.85)
        if namespace in self.others or close:
            raise self._error(
                config, key, f"is in the namespace {namespace!r}: this project's is {self.project!r}",
                f"did you mean `{self.project}:{name}`?",
            )  # fmt: skip

    def _error(self, mapping: CommentedMap, key: Any, problem: str, hint: str | None = None) -> SettingsError:
        try:
            where = f"{self.path}:{cast(Any, mapping).lc.key(key)[0] + 1}"
        except (KeyError, TypeError, AttributeError):
            where = str(self.path)
        return SettingsError(f"{where}: {key} {problem}", hint)
