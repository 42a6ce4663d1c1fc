"""YAML files of Pulumi projects: read with line numbers; written with the same comments, order and indentation."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any, cast

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent, ScalarEvent
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.parser import RoundTripParser
from ruamel.yaml.resolver import VersionedResolver

from orchestrator.config import documents
from orchestrator.config.atomic_files import write_atomically
from orchestrator.errors import SettingsError

_SURROGATE = re.compile("[\ud800-\udfff]")
MOST_BYTES = 256 * 1024
"""Largest YAML file. ruamel.yaml reads 100 KiB in a second."""

MOST_VALUES = 10_000
"""Most keys and values of a document. An alias counts as all values that it stands for."""

DEEPEST = 32
"""Deepest nesting of a document."""


def read_text(path: Path) -> str | None:
    """The text of a file; None when it does not exist. Raises SettingsError."""
    try:
        return documents.text(path, MOST_BYTES)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path} is not valid YAML: it is not UTF-8 text ({error.reason})") from None


def parse(path: Path, text: str, *, as_text: bool = False) -> CommentedMap:
    """The mapping in a YAML text, with comments; an empty text is an empty mapping. With `as_text`, numbers, booleans and
    dates stay text.

    Raises SettingsError with file and line, also for a text that exceeds a limit.
    """
    try:
        yaml = _yaml(text)
        if as_text:
            yaml.Resolver = _TextResolver
        document: Any = yaml.load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark else ""
        raise SettingsError(f"{path}{line} is not valid YAML: {_one_line(error.problem or error.context)}") from None
    except _LimitError as error:
        raise SettingsError(f"{path}:{error.line} {error}") from None
    except YAMLError as error:
        raise SettingsError(f"{path} is not valid YAML: {_one_line(error)}") from None
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, AssertionError, RecursionError) as error:
        # ruamel.yaml raises these for some texts, such as invalid dates.
        raise SettingsError(f"{path} is not valid YAML: {_one_line(error) or type(error).__name__}") from None
    if document is None:
        return CommentedMap()
    if not isinstance(document, CommentedMap):
        raise SettingsError(f"{path}:1 is not a mapping of keys to values")
    return document


_read_only: dict[str, CommentedMap] = {}
_MOST_KEPT = 64


def parse_read_only(path: Path, text: str) -> CommentedMap:
    """The mapping as `parse` returns it, for callers that change nothing in it: equal texts are parsed once.

    One command reads a stack file up to four times. Raises SettingsError.
    """
    document = _read_only.get(text)
    if document is None:
        document = parse(path, text)
        if len(_read_only) >= _MOST_KEPT:
            _read_only.clear()
        _read_only[text] = document
    return document


def dump(document: CommentedMap, like: str) -> str:
    """The text of a document, indented like the text `like`."""
    stream = io.StringIO()
    if document:
        _yaml(like).dump(document, stream)
    return stream.getvalue()


def write_text(path: Path, text: str) -> None:
    """Replace a text file in one step. Raises SettingsError; the old file is then unchanged."""
    try:
        write_atomically(path, text)
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error.strerror or error}") from None


class _LimitError(Exception):
    """A document exceeds a limit."""

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(problem)
        self.line = line


class _LimitedParser(RoundTripParser):
    """Refuses a document at the first value beyond a limit, before time and memory are spent on it."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._count = 0
        self._open: list[tuple[str | None, int]] = []
        """Anchor and first value of each collection that is not closed."""

        self._sizes: dict[str, int] = {}
        """Values that an alias of each anchor stands for."""

    def get_event(self) -> Any:
        event: Any = super().get_event()
        if isinstance(event, CollectionStartEvent):
            self._add(event, 1)
            self._open.append((event.anchor, self._count))
            if len(self._open) > DEEPEST:
                raise _LimitError(_line(event), f"is nested too deeply: the limit is {DEEPEST} levels")
        elif isinstance(event, CollectionEndEvent):
            anchor, first = self._open.pop()
            if anchor is not None:
                self._sizes[anchor] = self._count - first + 1
        elif isinstance(event, AliasEvent):
            if any(anchor == event.anchor for anchor, _ in self._open):
                raise _LimitError(_line(event), f"has an alias that contains itself: {event.anchor}")
            self._add(event, self._sizes.get(cast(str, event.anchor), 1))
        elif isinstance(event, ScalarEvent):
            self._add(event, 1)
            if _SURROGATE.search(event.value):
                raise _LimitError(_line(event), "has a lone surrogate, which is not text")
        return event

    def _add(self, event: Any, count: int) -> None:
        self._count += count
        if self._count > MOST_VALUES:
            raise _LimitError(_line(event), f"is too large: the limit is {MOST_VALUES} values")


class _TextResolver(VersionedResolver):
    """Takes numbers, booleans and dates without quotes for text. Null and merge keys stay."""

    def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
        tag: Any = super().resolve(kind, value, implicit)
        is_text = kind is ScalarNode and not str(tag).endswith((":null", ":merge"))
        return self.DEFAULT_SCALAR_TAG if is_text else tag


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


def _yaml(text: str) -> YAML:
    yaml = YAML()
    yaml.Parser = _LimitedParser
    yaml.preserve_quotes = True
    yaml.width = 4096
    if re.search(r"^[^#\n]*:[ \t]*\n[ \t]+- ", text, re.MULTILINE) and not re.search(r"^config:\n- ", text):
        yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml


def _one_line(problem: Any) -> str:
    return " ".join(str(problem).split())[:200]
