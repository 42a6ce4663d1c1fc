"""References to values of the stack in text: `"{S3_BUCKET_NAME}"` in `extra_env` is the bucket's name. Pure.

* `{NAME}` is the value of the variable NAME in the stack's Django containers. A name has letters, digits and underscores.
* `{{` and `}}` are single braces: `{{NAME}}` is the text `{NAME}`. A `}}` that closes two open braces stays unchanged, so
  `{"a": {"b": 1}}` needs no change.
* Every other brace stays unchanged, as in `[0-9]{4}`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

# Values can be Pulumi Outputs. They pass through unchanged.
Value = Any

_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_TOKEN = re.compile(
    rf"\{{\{{(?P<doubled>{_NAME})\}}\}}"
    rf"|(?P<dollar>\$?)\{{(?P<name>{_NAME})\}}"
    # Text that resembles a name: `{ NAME }`, `{S3-BUCKET}`.
    r"|(?<!\{)\{(?P<almost>[\w .-]*[A-Za-z][\w .-]*)\}(?!\})"
    r"|(?P<brace>\{\{|\}\}|\{|\})"
)
_WHOLE = re.compile(rf"\{{({_NAME})\}}")


@dataclass(frozen=True)
class Reference:
    """A reference to a value of the stack in a text."""

    name: str


Part = str | Reference


def parse(text: str, where: str) -> list[Part]:
    """Return the literal parts and the references of a text, in order.

    `where` is the setting in messages, such as `extra_env.BUCKET`. Raises ValueError for `${NAME}`, and for text in braces
    that resembles a name.
    """
    parts: list[Part] = []
    opened: list[str] = []
    end = 0
    for match in _TOKEN.finditer(text):
        brace = match["brace"]
        parts += [text[end : match.start()], _brace(brace, opened) if brace else _named(match, where)]
        end = match.end()
    parts.append(text[end:])
    return [part for part in parts if part != ""]


def whole_reference(text: str) -> str | None:
    """Return the name when the whole text is one reference; None otherwise."""
    found = _WHOLE.fullmatch(text)
    return found[1] if found else None


@dataclass(frozen=True, kw_only=True)
class StackValues:
    """The values to which references can refer."""

    plain: Mapping[str, Value]
    """Value by name; None when this environment has no such value."""

    secret: Collection[str] = field(default_factory=frozenset[str])
    """Names of the variables that containers receive as secrets."""

    join: Callable[[Sequence[Value]], Value]
    """Function that joins values, which can be Outputs."""

    def filled(self, text: str, where: str) -> Value:
        """Return the text with the stack's values. Raises ValueError for an unknown or secret name."""
        parts = [self._value(part, where) if isinstance(part, Reference) else part for part in parse(text, where)]
        if len(parts) == 1:
            return parts[0]
        if all(isinstance(part, str) for part in parts):
            return "".join(parts)
        return self.join(parts)

    def all_filled(self, texts: Mapping[str, Any], where: str) -> dict[str, Value]:
        """Return the mapping with each text filled in. Other values stay unchanged."""
        return {
            name: self.filled(text, f"{where}.{name}") if isinstance(text, str) else text
            for name, text in texts.items()
        }

    def _value(self, reference: Reference, where: str) -> Value:
        name = reference.name
        if name in self.secret:
            raise ValueError(
                f"{where} refers to {{{name}}}, which is a secret: secrets never become plain variables, so move it to "
                f'extra_secrets, where "{{{name}}}" is allowed'
            )
        if name not in self.plain:
            raise ValueError(
                f"{where} refers to {{{name}}}: {self._nearest(name)}; for the text itself write {{{{{name}}}}}"
            )
        value = self.plain[name]
        if value is None:
            raise ValueError(
                f"{where} refers to {{{name}}}: this environment has no such value; remove the reference, or configure "
                "the part that provides it"
            )
        return value

    def _nearest(self, name: str) -> str:
        names = sorted(self.plain)
        upper = {known.upper(): known for known in names}
        close = difflib.get_close_matches(name.upper(), upper, n=1, cutoff=0.6)
        if close:
            return f"the stack has no value of that name, did you mean {{{upper[close[0]]}}}?"
        return f"the stack has no value of that name, it has {', '.join(names)}"


def _named(match: re.Match[str], where: str) -> Part:
    name, almost = match["name"], match["almost"]
    if match["doubled"]:
        return f"{{{match['doubled']}}}"
    if almost:
        raise ValueError(
            f"{where} contains {{{almost}}}, which is not a reference: a name has letters, digits and underscores without "
            f"spaces; for the text itself write {{{{{almost}}}}}"
        )
    if match["dollar"]:
        raise ValueError(
            f"{where} contains ${{{name}}}: write {{{name}}} without the dollar sign for the stack's value, or "
            f"${{{{{name}}}}} for the text itself"
        )
    return Reference(name)


def _brace(brace: str, opened: list[str]) -> str:
    """Return the text of a brace after those in `opened`, and update `opened`."""
    if brace.startswith("{"):
        opened.append(brace)
        return "{"
    if brace == "}":
        if opened[-1:] == ["{"]:
            opened.pop()
        return "}"
    if opened[-2:] == ["{", "{"]:  # the end of two objects, as in JSON
        del opened[-2:]
        return "}}"
    if opened:
        opened.pop()
    return "}"
