"""Fills in the variables of a compose file as far as their values are known before a host exists. Pure.

https://docs.docker.com/reference/compose-file/interpolation/
"""

from __future__ import annotations

import re

UNKNOWN = "\0"
"""Stands in a filled text for a variable whose value only the host knows."""

_REFERENCE = re.compile(r"\$(?:\$|(?P<name>[A-Za-z_][A-Za-z0-9_]*)|(?P<brace>\{))")
_BODY = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?:(?P<operator>:?[-+?])(?P<operand>.*))?", re.DOTALL)


def filled(text: str, *, host_has_variables: bool) -> str:
    """The text as compose reads it on the host, or `UNKNOWN` where a variable's value is not known here.

    A host without variables reads every variable as unset. On another one a default counts as the value. Raises
    ValueError for what compose does not understand, and for a required variable that the host does not have.
    """
    parts, at = list[str](), 0
    while found := _REFERENCE.search(text, at):
        parts.append(text[at : found.start()])
        at = found.end()
        if found["brace"]:
            end = _closing(text, at)
            parts.append(_braced(text[at:end], host_has_variables=host_has_variables))
            at = end + 1
        elif found["name"]:
            parts.append(UNKNOWN if host_has_variables else "")
        else:
            parts.append("$")
    return "".join([*parts, text[at:]])


def _closing(text: str, start: int) -> int:
    depth, at = 1, start
    while at < len(text):
        if text.startswith("${", at):
            depth, at = depth + 1, at + 1
        elif text[at] == "}":
            depth -= 1
            if not depth:
                return at
        at += 1
    raise ValueError(f"{text!r} opens a variable that it does not close: write a dollar sign as $$")


def _braced(body: str, *, host_has_variables: bool) -> str:
    found = _BODY.fullmatch(body)
    if not found:
        raise ValueError(f"{'${' + body + '}'!r} is no variable: write a dollar sign as $$")
    operator, operand = found["operator"] or "", found["operand"] or ""
    if operator.endswith("?") and not host_has_variables:
        raise ValueError(
            f"{found['name']} is a required variable, and the host has none: set environment_secret_arn, or write a default"
        )
    if operator.endswith("-"):
        return filled(operand, host_has_variables=host_has_variables)
    return UNKNOWN if host_has_variables else ""
