"""Strategies for bad input: odd values, and damaged copies of valid documents."""

from __future__ import annotations

import json
import re
from typing import Any

from hypothesis import strategies as st
from ruamel.yaml import YAML

ODD = [
    *("", " ", "\0", "\n", "\ud800", "~nosuch", "~", "null", "true", "NaN", "1e400", "-1", "0", "007", "é", "\u202e", "x" * 300),
    *("9" * 400, "9" * 5000, "[" * 2000, "{a: " * 500, "- " * 500, "&a [*a]", "*a", "<<: *a", "!!python/object:os.system x"),
    *("/dev/zero", "/dev/full", "../..", "a" * 70000, "'", '"', "[]", "{}", "2026-01-01", "0x1F", "1:30", "=", "%", "$", "|", ">"),
    *("a.b.c", "arn:aws:iam::1:role/x", "${X}", "{DB_HOST}", "*.example.com", "xn--", "\\", "\t", "#", "@", "`"),
]  # fmt: skip
ODD_JSON: list[Any] = [
    None,
    True,
    -1,
    10**400,
    1.5,
    "",
    "\0",
    "x" * 300,
    [],
    {},
    [[]],
    {"a": 1},
    [None],
    "9" * 5000,
    2**63,
]

odd = st.sampled_from(ODD) | st.text(max_size=30)
_TOKEN = re.compile(r"[\w./@-]+|\"[^\"]*\"|[^\s\w]")


@st.composite
def damaged(draw: st.DrawFn, text: str) -> str:
    """The text with one to three changes."""
    for _ in range(draw(st.integers(1, 3))):
        change = draw(st.sampled_from(["replace", "replace", "insert", "delete", "cut", "repeat", "swap"]))
        tokens = list(_TOKEN.finditer(text)) or [re.compile("").match(text)]
        token = draw(st.sampled_from(tokens))
        assert token is not None
        if change == "replace":
            text = text[: token.start()] + draw(odd) + text[token.end() :]
        elif change == "insert":
            text = text[: token.start()] + draw(odd) + text[token.start() :]
        elif change == "delete":
            text = text[: token.start()] + text[token.end() + draw(st.integers(0, 20)) :]
        elif change == "cut":
            text = text[: token.start()]
        elif change == "repeat":
            text = (
                text[: token.end()]
                + text[token.start() : token.end()] * draw(st.sampled_from([1, 3, 2000]))
                + text[token.end() :]
            )
        else:
            lines = text.split("\n")
            draw(st.randoms(use_true_random=False)).shuffle(lines)
            text = "\n".join(lines)
        text = text[:400_000]
    return text


@st.composite
def damaged_json(draw: st.DrawFn, text: str) -> str:
    """The JSON text with one to three values replaced, removed or added; sometimes no JSON at all."""
    if draw(st.integers(0, 3)) == 0:
        return draw(damaged(text))
    document = json.loads(text)
    for _ in range(draw(st.integers(1, 3))):
        places = list(_places(document))
        if not places:
            break
        holder, key = draw(st.sampled_from(places))
        change = draw(st.sampled_from(["replace", "remove", "rename"]))
        if change == "replace":
            holder[key] = draw(st.sampled_from(ODD_JSON) | odd)
        elif change == "remove":
            del holder[key]
        elif isinstance(holder, dict):
            holder[draw(odd)] = holder.pop(key)
    return json.dumps(document)


def damaged_yaml(text: str) -> st.SearchStrategy[str]:
    """The text with changes, or the same document as JSON, which is YAML too, with other values."""
    return damaged(text) | damaged_json(json.dumps(YAML(typ="safe", pure=True).load(text)))


def _places(value: Any) -> Any:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield value, key
        yield from _places(item)
