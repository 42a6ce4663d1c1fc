"""The place of a configuration value that a program refuses: an option of the command, a line of a file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml.comments import CommentedMap

from orchestrator.config import project_file, yaml_files
from orchestrator.config.stack_config import StackConfig, config_path
from orchestrator.errors import OperationFailedError, OrchestratorError

_VARIABLE = re.compile(r"^\s*(\w+) in the environment: ", re.MULTILINE)
_SCALARS = (str, int, float, bool)


def with_source(error: OrchestratorError, config: StackConfig) -> OrchestratorError:
    """The refusal of a program, with a hint that names the place of the refused value."""
    if not isinstance(error, OperationFailedError):
        return error
    message = error.message.replace(f" (file {config.path.name})", "")
    return type(error)(message, f"correct {_place(message, config)}, then run the same command again")


@dataclass(frozen=True)
class _Value:
    """A value with its keys, from the full key (`django-app:web`) to the last one."""

    keys: tuple[str, ...]
    value: Any
    place: str

    def is_shown(self, said: str) -> bool:
        """Whether the message has the value itself and its last key."""
        shown = str(self.value).lower()
        known = isinstance(self.value, _SCALARS) and shown and _has(said.lower(), shown)
        return bool(known and _has(said, self.keys[-1].rpartition(":")[2]))

    def is_named(self, said: str) -> bool:
        """Whether the message has the whole path of the value."""
        return re.search(rf"{re.escape('.'.join(self.keys))}(?![\w.]*\w)", said) is not None


def _has(said: str, word: str) -> bool:
    return re.search(rf"(?<![\w.]){re.escape(word)}(?![\w]|\.\w)", said) is not None


def _place(said: str, config: StackConfig) -> str:
    """The place of the value that the message shows, else of the key that it names; without one the file, and the program."""
    variable = _VARIABLE.search(said)
    if variable:
        return f"{variable[1]} in the environment"
    places = (*_given(config), *_written(config), *_defaults(config))
    shown = (value.place for value in places if value.is_shown(said))
    named = (value.place for value in places if value.is_named(said))
    return next(shown, None) or next(named, None) or f"{_file(config)} or the program"


def _given(config: StackConfig) -> Iterator[_Value]:
    """The values of this command."""
    for assignment in reversed(config.assigned):
        keys = (f"{assignment.namespace or config.project.name}:{assignment.path[0]}", *assignment.path[1:])
        place = assignment.origin or f"--set {assignment}"
        yield from _inside(keys, assignment.value, place)
        # A program refuses an unknown object by its own key: `web` for `--set web.desired_count=2`.
        yield from (_Value(keys[:end], None, place) for end in range(len(keys) - 1, 0, -1))


def _written(config: StackConfig) -> Iterator[_Value]:
    """The values of the stack's file, or of the template for a new stack."""
    file = _file(config)
    document = yaml_files.parse(file, yaml_files.read_text(file) or "").get("config")
    for keys, value, line in _lines(document):
        full = keys[0] if ":" in keys[0] else f"{config.project.name}:{keys[0]}"
        yield _Value((full, *keys[1:]), value, f"{file}:{line}")


def _defaults(config: StackConfig) -> Iterator[_Value]:
    file = project_file.read(config.project.path)
    for declared in file.config:
        if declared.default is not None:
            yield from _inside(declared.path, declared.default, f"{file.path}:{declared.line}")


def _file(config: StackConfig) -> Path:
    """The file from which the command read the configuration."""
    template = config.project.template
    return config.path if config.exists or template is None else config_path(config.project, template)


def _inside(keys: tuple[str, ...], value: Any, place: str) -> Iterator[_Value]:
    """A value and all values inside it, at one place."""
    if isinstance(value, Mapping):
        for key, inner in value.items():  # pyright: ignore[reportUnknownVariableType]
            yield from _inside((*keys, str(key)), inner, place)  # pyright: ignore[reportUnknownArgumentType]
    yield _Value(keys, value, place)


def _lines(value: Any, above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any, int]]:
    """Keys, value and line of everything in a mapping, inner values first."""
    if isinstance(value, CommentedMap):
        for key, inner in value.items():
            keys = (*above, str(key))
            yield from _lines(inner, keys)
            yield keys, inner, value.lc.key(key)[0] + 1
