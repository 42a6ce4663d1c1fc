"""`Pulumi.<stack>.yaml`: read, checked, changed and written without the CLI. Comments and secrets stay as they are.

`pulumi up` and `pulumi config` in the project folder use the same files.
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
"""First line of a generated file. A file without this line, or a file in git, is kept when its stack is destroyed."""

TOP_LEVEL_KEYS = ("config", "encryptionsalt", "encryptedkey", "secretsprovider", "environment")
_OF_ONE_STACK = ("encryptionsalt", "encryptedkey", "secretsprovider")
_MOST_LINES = 10
_CONFIG_KEY = re.compile(r"[^:\s]+(:[^:\s]+)?")


@dataclass(frozen=True, kw_only=True)
class ConfigSnapshot:
    """The configuration of a stack at one moment, by full key (`django-app:base`, `aws:region`)."""

    values: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Plain values, with SECRET_MASK in place of encrypted parts."""

    secret_keys: frozenset[str] = frozenset()
    """Keys whose value is encrypted in whole or in part."""

    def wire(self) -> dict[str, str]:
        """The values as Pulumi passes them to a program: text unchanged, null as empty text, everything else as JSON."""
        return {key: values.wire(value) for key, value in self.values.items()}


class StackConfig:
    """One `Pulumi.<stack>.yaml` in memory, with changes that are not written yet."""

    def __init__(self, project: Project, stack: str, original: str | None, document: CommentedMap) -> None:
        self.project = project
        self.stack = stack
        self.original = original
        """Text of the file when it was read; None without a file."""

        self.notes: tuple[str, ...] = ()
        """Sentences for the user about a configuration that was copied from a template."""

        self._document = document
        self._before = values.fingerprint(document)
        self._changes: list[Callable[[StackConfig], None]] = []
        self.assigned: list[Assignment] = []
        """The values of the command, in their order."""

    @classmethod
    def load(cls, project: Project, stack: str, other_projects: Collection[str] = ()) -> StackConfig:
        """Read and check the file. Without a file the configuration is empty.

        `other_projects` are the Pulumi names of the other projects: their keys are refused in this file.
        Raises SettingsError with file, line and key.
        """
        path = config_path(project, stack)
        original = yaml_files.read_text(path)
        document = yaml_files.parse(path, original or "")
        _Checker(path, project.name, other_projects).check(document)
        return cls(project, stack, original, document)

    @classmethod
    def parse(cls, project: Project, stack: str, text: str) -> StackConfig:
        """A configuration from text instead of its file. Raises SettingsError."""
        document = yaml_files.parse(config_path(project, stack), text)
        return cls(project, stack, text, document)

    @classmethod
    def from_template(cls, project: Project, stack: str, other_projects: Collection[str] = ()) -> StackConfig:
        """A new configuration for `stack`, copied from the template of the project.

        Encrypted values and encryption settings are left out, because their key belongs to the template's stack, and so are
        values that only one environment can have (`templates`). Raises SettingsError, also for a template without a file.
        """
        if project.template is None:
            return cls(project, stack, None, CommentedMap())
        template = cls.load(project, project.template, other_projects)
        if template.original is None:
            raise SettingsError(
                f"the template {project.template!r} of the project {project.key} has no file: "
                f"{config_path(project, project.template)} does not exist",
                f"create that file, or set another template for [projects.{project.key}] in orchestrator.toml",
            )
        refuse_unquoted(project, template.path, template.original)
        copied = templates.copied(values.mapping(template._document.get("config")), project, project.template)
        kept = {key: value for key, value in template._document.items() if key not in (*_OF_ONE_STACK, "config")}
        made = cls(project, stack, None, CommentedMap({**values.without_comments(kept), "config": copied.config}))
        made.notes = tuple(templates.notes(copied, stack, project.template))
        return made

    @property
    def path(self) -> Path:
        """Path of the file."""
        return config_path(self.project, self.stack)

    @property
    def exists(self) -> bool:
        """Whether the file existed when it was read."""
        return self.original is not None

    @property
    def generated(self) -> bool:
        """Whether the orchestrator generated the file."""
        return is_generated(self.original)

    @property
    def secrets_provider(self) -> Mapping[str, Any] | None:
        """The encryption settings of the file in the form of a state; None without such settings."""
        said = {key: str(self._document[key]) for key in _OF_ONE_STACK if self._document.get(key)}
        if "encryptionsalt" in said:
            return {"type": "passphrase", "state": {"salt": said["encryptionsalt"]}}
        if "secretsprovider" in said:
            state = {"url": said["secretsprovider"], "encryptedkey": said.get("encryptedkey", "")}
            return {"type": "cloud", "state": state}
        return None

    def get(self, key: str) -> Any:
        """The plain value of a key in the project's namespace; None when absent or encrypted.

        Empty text is None too, because Pulumi writes it for null when it creates a stack.
        """
        value = self.snapshot().values.get(f"{self.project.name}:{key}")
        return None if value in (SECRET_MASK, "") else value

    @property
    def asleep(self) -> bool:
        """Whether the stack is to sleep. Pulumi reads `True` and the text `true` alike."""
        return str(self.get("asleep")).lower() == "true"

    def set(self, key: str, value: Any) -> None:
        """Set a top-level key in the project's namespace."""
        self.assign(Assignment(namespace=None, path=(key,), value=value))

    def assign(self, assignment: Assignment) -> None:
        """Set a value and create the objects that contain it. None removes the key.

        Raises SettingsError when the current value is encrypted, or when a value on the path is not an object.
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
                    f"{self.path}: {'.'.join(keys[: depth + 1])} is encrypted and cannot be set as plain text",
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
                    f"{self.path}: {'.'.join(keys[: depth + 1])} is not an object, so {keys[-1]} cannot be set in it"
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
        """Copy the encryption settings of another configuration, so that values encrypted with it stay readable."""
        self._changes.append(lambda config: config.take_encryption(text))
        other = yaml_files.parse(self.path, text)
        for key in _OF_ONE_STACK:
            if key in other:
                self._document[key] = other[key]

    def snapshot(self) -> ConfigSnapshot:
        """The configuration, including changes that are not written yet."""
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
        """The text that `write` writes: the original text without changes, else with the same comments and order."""
        if self.original is not None and values.fingerprint(self._document) == self._before:
            return self.original
        text = yaml_files.dump(self._document, self.original or "")
        return text if self.exists or text.startswith(GENERATED_MARK) else f"{GENERATED_MARK}\n{text}"

    @property
    def changed(self) -> bool:
        """Whether `write` would change the file."""
        return self.text() != self.original if self.exists else bool(self._document)

    def rebased(self) -> StackConfig:
        """The same changes applied to the current file, which another process has written. Raises SettingsError."""
        now = StackConfig.load(self.project, self.stack)
        for change in self._changes:
            change(now)
        return now

    def without_file(self) -> StackConfig:
        """The same configuration without its file, which another process has removed."""
        now = StackConfig(self.project, self.stack, None, self._document)
        now._changes = list(self._changes)
        return now

    def write(self) -> None:
        """Replace the file in one step. Raises SettingsError."""
        yaml_files.write_text(self.path, self.text())

    def restore(self) -> None:
        """Restore the file to its content when it was read. Raises SettingsError."""
        if self.original is not None:
            yaml_files.write_text(self.path, self.original)
            return
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            raise SettingsError(f"{self.path} cannot be removed: {error.strerror or error}") from None


def is_generated(text: str | None) -> bool:
    """Whether the orchestrator generated a file with this text."""
    return (text or "").startswith(GENERATED_MARK)


def config_path(project: Project, stack: str) -> Path:
    """Path of a stack's configuration file."""
    return project_file.read(project.path).stack_folder / f"Pulumi.{stack}.yaml"


def configured_stacks(project: Project) -> tuple[str, ...]:
    """Names of the stacks with a configuration file, in alphabetical order; empty when the folder cannot be read."""
    try:
        folder = project_file.read(project.path).stack_folder
        names = [entry.name for entry in os.scandir(folder) if entry.is_file()]
    except OSError:
        return ()
    found = (re.fullmatch(r"Pulumi\.(.+)\.yaml", name) for name in names)
    return tuple(sorted(match[1] for match in found if match))


def read_snapshot(project: Project, stack: str, file: Path | None = None) -> ConfigSnapshot:
    """The configuration that an engine passes to a program. `file` replaces the stack's own file.

    Raises SettingsError, also for values that YAML readers change.
    """
    path = file or config_path(project, stack)
    text = yaml_files.read_text(path)
    document = yaml_files.parse_read_only(path, text or "")
    _Checker(path, project.name, ()).check(document)
    refuse_unquoted(project, path, text)
    snapshot = StackConfig(project, stack, text, document).snapshot()
    project_file.check(project.path, path, snapshot.values, snapshot.secret_keys)
    return snapshot


def refuse_unquoted(project: Project, path: Path, text: str | None) -> None:
    """Refuse values in the text of a stack file that YAML readers change. Raises SettingsError."""

    def is_text(keys: scalars.Path) -> bool | None:
        namespace, _, name = keys[0].rpartition(":")
        if namespace in ("", project.name):
            return holds_text((name, *keys[1:]), project.scope)
        return None

    found = scalars.problems(text or "", is_text)
    if found:
        first, others = found[0], [str(problem.line) for problem in found[1:]]
        key = ".".join(first.path).replace(".[", "[")
        also = f"; see also line {', '.join(others[:_MOST_LINES])}" if others else ""
        raise SettingsError(f"{path}:{first.line}: {key} {first.reason}", f"{first.hint}{also}")


@dataclass(frozen=True)
class _Checker:
    """Checks a parsed file. Every message names file, line and key."""

    path: Path
    project: str
    others: Collection[str]

    def check(self, document: CommentedMap) -> None:
        for key in document:
            if key not in TOP_LEVEL_KEYS:
                close = difflib.get_close_matches(str(key), TOP_LEVEL_KEYS, n=1, cutoff=0.6)
                hint = f"did you mean `{close[0]}`?" if close else "write the values of the stack below `config:`"
                raise self._error(document, key, "is not a valid key of a stack file", hint)
        config = document.get("config")
        if config is None:
            return
        if not isinstance(config, CommentedMap):
            raise self._error(document, "config", "is not a mapping", "write keys such as `aws:region` below it")
        for key, value in config.items():
            self._key(config, key)
            try:
                values.check_types(value)
            except ValueError as error:
                raise self._error(config, key, str(error)) from None

    def _key(self, config: CommentedMap, key: Any) -> None:
        if not isinstance(key, str) or not _CONFIG_KEY.fullmatch(key):
            raise self._error(config, key, "is not a configuration key", f"write `{self.project}:name`")
        namespace, colon, name = key.rpartition(":")
        if not colon or namespace == self.project:
            if name in config and f"{self.project}:{name}" in config:
                raise self._error(config, key, f"is given twice: with and without `{self.project}:`")
            return
        close = difflib.get_close_matches(namespace, [self.project], n=1, cutoff=0.85)
        if namespace in self.others or close:
            raise self._error(
                config, key, f"is in the namespace {namespace!r}, but this project has the namespace {self.project!r}",
                f"did you mean `{self.project}:{name}`?",
            )  # fmt: skip

    def _error(self, mapping: CommentedMap, key: Any, problem: str, hint: str | None = None) -> SettingsError:
        try:
            where = f"{self.path}:{cast(Any, mapping).lc.key(key)[0] + 1}"
        except (KeyError, TypeError, AttributeError):
            where = str(self.path)
        return SettingsError(f"{where}: {key} {problem}", hint)
