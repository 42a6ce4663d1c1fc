"""Values of a stack file that YAML readers change, mostly text without quotes.

Readers of YAML read `1.10` as 1.1, `010` as 8 or 10, `2026-11-20` as a date. Pulumi passes on the result of its reader, so such
values are refused while their line is known.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode
from ruamel.yaml.tag import Tag

from orchestrator.config.text_keys import is_image

Path = tuple[str, ...]
LONGEST_NUMBER = 11
"""Most digits of a number that is allowed where text is needed. Account ids have twelve, and some readers change longer numbers."""

_TAG = "tag:yaml.org,2002:"
_WIDEST = 2**63
_LEADING_ZERO = re.compile(r"[-+]?0[0-9_]+")
_DATE = re.compile(r"\d{4}-\d{1,2}-\d{1,2}(([Tt]|[ \t]+)\d.*)?")
_NUMBER_OF_SOME = re.compile(r"[-+]?(0[XOB][0-9A-Fa-f_]+|\.[0-9][0-9_]*([eE][-+]?[0-9]+)?)")
"""Text that is a number for Pulumi's reader and text for a strict reader of YAML 1.2."""

_BASE_60 = re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?")
_WHOLE = re.compile(r"-?(0|[1-9][0-9]*)")
_BOOLEANS_OF_SOME = ("y", "n", "yes", "no", "on", "off")
_REFUSED_BOOLEANS = ("yes", "no", "on", "off")


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One value that needs quotes."""

    line: int
    """Line in the file, counted from 1."""

    path: Path
    """Keys from the top of the configuration; items of lists as `[0]`."""

    reason: str
    """The rest of a sentence that begins with the key."""

    hint: str
    """The text to write instead."""


def needs_quotes(text: str) -> bool:
    """Whether some reader of YAML 1.1 or 1.2 reads the text without quotes as another type."""
    return (
        text in ("=", "<<")
        or text.lower() in _BOOLEANS_OF_SOME
        or any(form.fullmatch(text) for form in (_DATE, _NUMBER_OF_SOME, _LEADING_ZERO, _BASE_60))
    )


def problems(text: str, is_text: Callable[[Path], bool | None]) -> tuple[Problem, ...]:
    """Find such values below `config:` in the text of a stack file that is valid YAML.

    `is_text` returns whether the value at a path is text; None when unknown.
    """
    found: list[Problem] = []
    for path, node in _scalars(_config(_nodes(text)), ()):
        reason, hint = None, f'write "{node.value}"'
        if node.style is None:
            reason = _reason(node, path, is_text)
        elif not node.value and len(path) > 1 and is_image(path) and is_text(path):
            # At the top level Pulumi itself writes empty text for null when it creates a stack.
            reason, hint = "is an empty image", "write registry/repository:tag, or remove the key"
        if reason:
            found.append(Problem(line=node.start_mark.line + 1, path=path, reason=reason, hint=hint))
    return tuple(found)


@lru_cache(maxsize=64)
def _nodes(text: str) -> Any:
    """The nodes of a text. One command checks the text of a stack file up to four times."""
    return YAML().compose(text)


def loaded(text: str, path: Path, is_text: Callable[[Path], bool | None]) -> Any:
    """The value of a YAML text for the key `path`, in which values that readers change stay text.

    Raises the errors of ruamel.yaml, which include ValueError.
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
    if any(node is other for other in above):  # an alias of a node that contains it
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
    """The reason why readers disagree on the value or fail, for every type of key."""
    if kind == "timestamp" or (kind == "str" and _DATE.fullmatch(source)):
        return f"is the date {source} without quotes"
    if kind == "str" and _NUMBER_OF_SOME.fullmatch(source):
        return f"is {source} without quotes, which is a number for some readers and text for others"
    if kind == "int" and _LEADING_ZERO.fullmatch(source):
        return f"is {source} without quotes, and readers disagree on numbers with leading zeros"
    if kind == "int" and abs(_integer(source)) >= _WIDEST:
        return f"is {source} without quotes, and the number is too large for some programs"
    if kind == "float" and not math.isfinite(_float(source)):
        return f"is {source} without quotes, and that is not a finite number"
    return None


def _changes(kind: str, source: str) -> bool:
    """Whether a program may get a different text than the file contains."""
    if kind == "bool":
        return source not in ("true", "false")
    if kind == "int":
        return not _WHOLE.fullmatch(source) or source == "-0" or len(source.lstrip("-")) > LONGEST_NUMBER
    if kind == "float":
        return _shortest(source) != source
    return kind == "str" and source.lower() in _REFUSED_BOOLEANS


def _as_text(kind: str, source: str) -> str:
    if kind == "str":
        return f"is {source} without quotes, which some readers read as {'true' if source.lower() in ('yes', 'on') else 'false'}"
    if kind == "int" and _WHOLE.fullmatch(source) and source != "-0":
        return f"is {source} without quotes, a number of {len(source.lstrip('-'))} digits where text is needed"
    arrives = {"bool": source.lower, "int": lambda: str(_integer(source)), "float": lambda: _shortest(source)}[kind]()
    return f"is {source} without quotes and would become {arrives}"


def _integer(source: str) -> int:
    return int(source.replace("_", "").lower(), 0)


def _float(source: str) -> float:
    plain = source.replace("_", "").lower()
    return float(plain.replace(".inf", "inf").replace(".nan", "nan"))


def _shortest(source: str) -> str:
    number = _float(source)
    return str(int(number)) if number.is_integer() and abs(number) < 1e21 else repr(number)
