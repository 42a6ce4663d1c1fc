"""Names and values from dotenv and JSON files. Pure; messages never repeat a value."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterable
from typing import Any

from dotenv.parser import Binding, parse_stream

from orchestrator.errors import UsageError

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
NAME_RULE = "a letter or underscore, then letters, digits and underscores"
MOST_CHARACTERS = 1_000_000
# The parser needs time that grows with the square of a run of blanks.
_MOST_BLANKS = 1000

_BEGIN = re.compile(r"\s*(?:export[^\S\r\n]+)?(?P<name>[^=#\s]+)[^\S\r\n]*=[^\S\r\n]*(?P<quote>['\"]?)")
_CLOSED = {"'": re.compile(r"(?:\\.|[^'\\])*'", re.DOTALL), '"': re.compile(r'(?:\\.|[^"\\])*"', re.DOTALL)}
# compose and python-dotenv agree on these two forms, and on a `$` that begins nothing.
_REFERENCE = re.compile(r"\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<default>:-[^{}$]*)?\}")
_DOLLARS = re.compile(rf"(?P<escaped>\\\$|\$\$)|{_REFERENCE.pattern}|(?P<other>\$[A-Za-z_{{])")


def parse(text: str, source: str) -> dict[str, str]:
    """Return values by name. Text that begins with `{` is JSON, other text is dotenv. Errors name `source` and line.

    Dotenv is what python-dotenv reads: `NAME=value`, also after `export`; `#` after a blank begins a comment; 'single
    quotes' and "double quotes" may span lines. `${NAME}` and `${NAME:-default}` are filled in from the lines above, but
    not within single quotes. Other forms with a dollar sign are refused where compose and python-dotenv disagree on them.
    """
    if len(text) > MOST_CHARACTERS:
        raise UsageError(f"{source} cannot be read: it has more than {MOST_CHARACTERS} characters")
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    found = _json(text, source) if text.lstrip().startswith("{") else _Lines(text, source).parse()
    if not found:
        raise UsageError(f"{source} has no values: write lines such as NAME=value, or one JSON object")
    return found


def check_name(name: str, where: str) -> str:
    """Return the name. Raises UsageError when it is not a name of an environment variable.

    The message does not repeat it: it may be a misplaced value.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f"{where} cannot name a variable: a name has {NAME_RULE}")
    return name


def _json(text: str, source: str) -> dict[str, str]:
    try:
        document = json.loads(text, object_pairs_hook=lambda pairs: _once(pairs, source))
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", None)
        where = f"{source}:{line}" if line else source
        raise UsageError(f"{where}: this is not valid JSON: {getattr(error, 'msg', 'nested too deeply')}") from None
    return {
        check_name(name, f"{source}: key {number}"): _text(value)
        for number, (name, value) in enumerate(document.items(), 1)
    }


def _once(pairs: Iterable[tuple[str, Any]], source: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise UsageError(f"{source}: {name} is given twice: give it once")
        found[name] = value
    return found


def _text(value: Any) -> str:
    """Return the text of a JSON value; objects and lists stay JSON, as applications read them; null is empty."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else json.dumps(value, separators=(",", ":"))


class _Lines:
    def __init__(self, text: str, source: str) -> None:
        self._text, self._source = text, source
        self._found: dict[str, str] = {}
        self._unclear: list[str] = []

    def parse(self) -> dict[str, str]:
        self._check_blanks()
        at = 0
        for binding in parse_stream(io.StringIO(self._text, newline="")):
            if binding.error or binding.key is not None:
                self._take(binding, at)
            at += len(binding.original.string)
        if self._unclear:
            raise UsageError(
                f"{self._source}: programs read the dollar sign in these lines differently: {', '.join(self._unclear)}",
                "put the value in single quotes to keep it as it is, or write ${NAME} or ${NAME:-default}",
            )
        return self._found

    def _check_blanks(self) -> None:
        blanks = re.search(rf"[^\S\n]{{{_MOST_BLANKS}}}", self._text)
        if blanks:
            raise self._error(blanks.start(), f"has {_MOST_BLANKS} blanks in a row")

    def _take(self, binding: Binding, at: int) -> None:
        begin = _BEGIN.match(self._text, at)
        lead = len(binding.original.string) - len(binding.original.string.lstrip())
        name, value = binding.key, binding.value
        if binding.error:
            raise self._error(at + lead, self._problem(begin))
        if value is None:
            raise self._error(at + lead, "has no `=`: write NAME=value")
        if name is None or not _NAME.fullmatch(name):  # it may be a part of a value, such as a key over several lines
            raise self._error(at + lead, f"does not begin with a name ({NAME_RULE}); quote values of several lines")
        if name in self._found:
            raise self._error(at + lead, f"gives {name} a second time: give it once")
        if begin is not None and begin["quote"] == "'" and (closed := _CLOSED["'"].match(self._text, begin.end())):
            # python-dotenv turns two backslashes into one, compose and shells do not.
            self._found[name] = closed[0][:-1].replace("\\'", "'")
        else:
            self._found[name] = self._filled(name, value, at + lead)

    def _problem(self, begin: re.Match[str] | None) -> str:
        if begin is None:
            return "has no `=`: write NAME=value"
        if not _NAME.fullmatch(begin["name"]):
            return f"does not begin with a name ({NAME_RULE}); quote values of several lines"
        if begin["quote"] and _CLOSED[begin["quote"]].match(self._text, begin.end()):
            return f"has something after the closing quote of {begin['name']}"
        return f"opens a quote for {begin['name']} that is never closed"

    def _filled(self, name: str, value: str, at: int) -> str:
        if any(found["escaped"] or found["other"] for found in _DOLLARS.finditer(value)):
            self._unclear.append(f"{name} (line {self._line(at)})")
            return value

        def fill(reference: re.Match[str]) -> str:
            known, default = self._found.get(reference["name"]), reference["default"]
            if known is None and default is None:
                raise self._error(at, f"refers to {reference['name']} for {name}, which no line above sets")
            if default is None or known:
                return known or ""
            if known is not None:  # for an empty value compose takes the default, python-dotenv the empty value
                self._unclear.append(f"{name} (line {self._line(at)})")
            return default.removeprefix(":-")

        return _REFERENCE.sub(fill, value)

    def _line(self, at: int) -> int:
        return self._text.count("\n", 0, at) + 1

    def _error(self, at: int, problem: str) -> UsageError:
        return UsageError(f"{self._source}:{self._line(at)}: the line {problem}")
