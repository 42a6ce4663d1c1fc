"""Names and values as files hold them: dotenv, or one JSON object. Pure; messages never repeat a value."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from orchestrator.errors import UsageError

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
NAME_RULE = "a letter or underscore, then letters, digits and underscores"
MOST_CHARACTERS = 1_000_000
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", '"': '"', "$": "$", "`": "`"}


def parse(text: str, source: str) -> dict[str, str]:
    """The values by name; JSON when the text begins with `{`, else dotenv. Raises UsageError naming `source` and line.

    Dotenv: `NAME=value`, also after `export`; `#` begins a comment; 'single quotes' keep everything as it is, in "double
    quotes" `\\n` is a line end; both may span lines. Nothing is substituted: `$` is a dollar sign.
    """
    if len(text) > MOST_CHARACTERS:
        raise UsageError(f"{source} cannot be read: it has more than {MOST_CHARACTERS} characters")
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    found = _json(text, source) if text.lstrip().startswith("{") else _Lines(text, source).parse()
    if not found:
        raise UsageError(f"{source} holds no values: lines such as NAME=value, or one JSON object, are wanted")
    return found


def check_name(name: str, where: str) -> str:
    """The name itself; UsageError when it cannot name an environment variable."""
    if not _NAME.fullmatch(name):
        raise UsageError(f"{where}: {name!r} cannot name a variable: a name has {NAME_RULE}")
    return name


def _json(text: str, source: str) -> dict[str, str]:
    try:
        document = json.loads(text, object_pairs_hook=lambda pairs: _once(pairs, source))
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", None)
        where = f"{source}:{line}" if line else source
        raise UsageError(f"{where}: this is not valid JSON: {getattr(error, 'msg', 'nested too deeply')}") from None
    return {check_name(name, source): _text(name, value, source) for name, value in document.items()}


def _once(pairs: Iterable[tuple[str, Any]], source: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise UsageError(f"{source}: {name} is given twice: give it once")
        found[name] = value
    return found


def _text(name: str, value: Any, source: str) -> str:
    """A JSON value as a variable carries it; objects and lists as JSON, as applications read them."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        raise UsageError(f"{source}: {name} is null: give it a value, or leave it out")
    return json.dumps(value, separators=(",", ":"))


class _Lines:
    def __init__(self, text: str, source: str) -> None:
        self._text, self._source = text, source
        self._at = 0

    def parse(self) -> dict[str, str]:
        found: dict[str, str] = {}
        while self._at < len(self._text):
            line, start = self._rest_of_line(), self._at
            stripped = line.strip()
            if not stripped or stripped.startswith("#"):
                self._at += len(line) + 1
                continue
            name, equals, _ = line.partition("=")
            name = re.sub(r"^export\s+", "", name.strip())
            if not equals:
                raise self._error(start, "has no `=`: NAME=value is wanted")
            if not _NAME.fullmatch(name):  # it may be a piece of a value, such as a key over several lines
                raise self._error(start, f"does not begin with a name ({NAME_RULE}); quote values of several lines")
            if name in found:
                raise self._error(start, f"gives {name} a second time: give it once")
            self._at += line.index("=") + 1
            found[name] = self._value(name)
        return found

    def _rest_of_line(self) -> str:
        end = self._text.find("\n", self._at)
        return self._text[self._at : end if end >= 0 else len(self._text)]

    def _value(self, name: str) -> str:
        line = self._rest_of_line()
        lead = line.lstrip(" \t")
        self._at += len(line) - len(lead)
        if lead[:1] in ("'", '"'):
            return self._quoted(name, lead[0])
        self._at += len(lead) + 1
        # A comment begins after a blank only: passwords and URLs contain `#`.
        return re.split(r"(?:^|\s)#", lead, maxsplit=1)[0].strip()

    def _quoted(self, name: str, quote: str) -> str:
        start = self._at
        at, value = start + 1, list[str]()
        while at < len(self._text) and self._text[at] != quote:
            letter = self._text[at]
            if quote == '"' and letter == "\\" and at + 1 < len(self._text):
                at += 1
                letter = _ESCAPES.get(self._text[at], f"\\{self._text[at]}")
            value.append(letter)
            at += 1
        if at >= len(self._text):
            raise self._error(start, f"opens a quote for {name} that is never closed")
        self._at = at + 1
        rest = self._rest_of_line()
        if rest.strip() and not rest.strip().startswith("#"):
            raise self._error(start, f"has something after the closing quote of {name}")
        self._at += len(rest) + 1
        return "".join(value)

    def _where(self, at: int) -> str:
        return f"{self._source}:{self._text.count(chr(10), 0, at) + 1}"

    def _error(self, at: int, problem: str) -> UsageError:
        return UsageError(f"{self._where(at)}: the line {problem}")
