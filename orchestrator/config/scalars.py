"""Values of a stack file that would not come back as they were written, most of them text that is not in quotes.

YAML readers take `1.10` for 1.1, `010` for 8 or 10, `2026-11-20` for a moment. Pulumi hands over what its reader made of them,
so such values are refused while their line is still known.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, cast

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode
from ruamel.yaml.tag import Tag

from orchestrator.config.text_keys import is_image

Path = tuple[str, ...]
LONGEST_NUMBER = 11
"""Digits of a number that may stand for text. An account's id has twelve, and readers that keep floats change longer ones."""

_TAG = "tag:yaml.org,2002:"
_WIDEST = 2**63
_LEADING_ZERO = re.compile(r"[-+]?0[0-9_]+")
_DATE = re.compile(r"\d{4}-\d{1,2}-\d{1,2}(([Tt]|[ \t]+)\d.*)?")
_NUMBER_OF_SOME = re.compile(r"[-+]?(0[XOB][0-9A-Fa-f_]+|\.[0-9][0-9_]*([eE][-+]?[0-9]+)?)")
"""What Pulumi's reader takes for a number and a strict reader of YAML 1.2 for text."""

_BASE_60 = re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?")
_WHOLE = re.compile(r"-?(0|[1-9][0-9]*)")
_BOOLEANS_OF_SOME = ("y", "n", "yes", "no", "on", "off")
_REFUSED_BOOLEANS = ("yes", "no", "on", "off")


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One value that must be put in quotes."""

    line: int
    """Line in the file, from 1."""

    path: Path
    """Keys from the top of the configuration; items of lists as `[0]`."""

    reason: str
    """The rest of a sentence that begins with the key."""

    hint: str
    """What to write instead."""


def needs_quotes(text: str) -> bool:
    """Whether text that is written without quotes is something else to some reader of YAML, 1.1 or 1.2."""
    return (
        text in ("=", "<<")
        or text.lower() in _BOOLEANS_OF_SOME
        or any(form.fullmatch(text) for form in (_DATE, _NUMBER_OF_SOME, _LEADING_ZERO, _BASE_60))
    )


def problems(text: str, is_text: Callable[[Path], bool | None]) -> tuple[Problem, ...]:
    """Every such value below `config:` of a stack file that was parsed before.

    `is_text` says whether the value at a path is text; None when that is not known.
    """
    root: Any = YAML().compose(text)
    found: list[Problem] = []
    for path, node in _scalars(_config(root), ()):
        reason, hint = None, f'write "{node.value}"'
        if node.style is None:
            reason = _reason(node, path, is_text)
        elif not node.value and len(path) > 1 and is_image(path) and is_text(path):
            # At the top Pulumi itself writes empty text for null when it makes the stack.
            reason, hint = "is an empty image: give it one, or leave the key out", "an image is registry/repository:tag"
        if reason:
            found.append(Problem(line=node.start_mark.line + 1, path=path, reason=reason, hint=hint))
    return tuple(found)


def loaded(text: str, path: Path, is_text: Callable[[Path], bool | None]) -> Any:
    """The value of a YAML text that belongs at `path`, in which everything stays text that would not come back as it is written.

    Raises what ruamel.yaml raises, also ValueError and its like.
    """
    node: Any = YAML(typ="safe", pure=True).compose(text)
    if node is None:
        return None
    for at, scalar in _scalars(node, path):
        if scalar.style is None and _reason(scalar, at, is_text):
            scalar.ctag = Tag(suffix=f"{_TAG}str")
    return cast(Any, YAML(typ="safe", pure=True)).constructor.construct_document(node)


def _config(root: Any) -> Any:
    pairs = cast("list[tuple[Any, Any]]", root.value) if isinstance(root, MappingNode) else []
    return next((value for key, value in pairs if key.value == "config"), None)


def _scalars(node: Any, path: Path, above: tuple[Any, ...] = ()) -> Iterator[tuple[Path, Any]]:
    if any(node is other for other in above):  # an alias of what it stands in
        return
    if isinstance(node, MappingNode):
        for key, value in cast("list[tuple[Any, Any]]", node.value):
            yield from _scalars(value, path if key.value == "<<" else (*path, str(key.value)), (*above, node))
    elif isinstance(node, SequenceNode):
        for index, item in enumerate(cast("list[Any]", node.value)):
            yield from _scalars(item, (*path, f"[{index}]"), (*above, node))
    elif isinstance(node, ScalarNode):
        yield path, node


def _reason(node: Any, path: Path, is_text: Callable[[Path], bool | None]) -> str | None:
    kind, source = str(node.tag).removeprefix(_TAG), str(node.value)
    reason = _never_the_same(kind, source)
    if reason is None and _changes(kind, source) and is_text(path):
        reason = _as_text(kind, source)
    return f"{reason}: put it in quotes" if reason else None


def _never_the_same(kind: str, source: str) -> str | None:
    """Why no two readers agree on the value, or some fail, whatever its key needs."""
    if kind == "timestamp" or (kind == "str" and _DATE.fullmatch(source)):
        return f"is the date {source} without quotes"
    if kind == "str" and _NUMBER_OF_SOME.fullmatch(source):
        return f"is {source} without quotes, a number to some readers and text to others"
    if kind == "int" and _LEADING_ZERO.fullmatch(source):
        return f"is {source} without quotes, and leading zeros are not the same number to all readers"
    if kind == "int" and abs(_integer(source)) >= _WIDEST:
        return f"is {source} without quotes, and no program keeps so long a number"
    if kind == "float" and not math.isfinite(_float(source)):
        return f"is {source} without quotes, and that is not a finite number"
    return None


def _changes(kind: str, source: str) -> bool:
    """Whether the text that a program gets may be another one than the file has."""
    if kind == "bool":
        return source not in ("true", "false")
    if kind == "int":
        return not _WHOLE.fullmatch(source) or source == "-0" or len(source.lstrip("-")) > LONGEST_NUMBER
    if kind == "float":
        return _shortest(source) != source
    return kind == "str" and source.lower() in _REFUSED_BOOLEANS


def _as_text(kind: str, source: str) -> str:
    if kind == "str":
        return f"is {source} without quotes, which some readers take for {'true' if source.lower() in ('yes', 'on') else 'false'}"
    if kind == "int" and _WHOLE.fullmatch(source) and source != "-0":
        return f"is {source} without quotes, a number of {len(source.lstrip('-'))} digits where text is needed"
    arrives = {"bool": source.lower, "int": lambda: str(_integer(source)), "float": lambda: _shortest(source)}[kind]()
    return f"is {source} without quotes and would arrive as {arrives}"


def _integer(source: str) -> int:
    return int(source.replace("_", "").lower(), 0)


def _float(source: str) -> float:
    plain = source.replace("_", "").lower()
    return float(plain.replace(".inf", "inf").replace(".nan", "nan"))


def _shortest(source: str) -> str:
    number = _float(source)
    return str(int(number)) if number.is_integer() and abs(number) < 1e21 else repr(number)
