"""YAML files of Pulumi projects: read with line numbers; written with the same comments, order and indentation."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from orchestrator.config.atomic_files import write_atomically
from orchestrator.errors import SettingsError


def read_text(path: Path) -> str | None:
    """The text of a file; None when it does not exist. Raises SettingsError."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path} is not valid YAML: it is not UTF-8 text ({error.reason})") from None


def parse(path: Path, text: str) -> CommentedMap:
    """The mapping in a YAML text, with comments; an empty text is an empty mapping. Raises SettingsError with file and line."""
    try:
        document: Any = _yaml(text).load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark else ""
        raise SettingsError(f"{path}{line} is not valid YAML: {_one_line(error.problem or error.context)}") from None
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


def _yaml(text: str) -> YAML:
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096
    if re.search(r"^[^#\n]*:[ \t]*\n[ \t]+- ", text, re.MULTILINE) and not re.search(r"^config:\n- ", text):
        yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml


def _one_line(problem: Any) -> str:
    return " ".join(str(problem).split())[:200]
