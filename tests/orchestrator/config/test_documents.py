"""Documents from disk: limits on kind, size and nesting, and the place of a damage."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestrator.config import documents
from orchestrator.config.documents import DEEPEST, DamagedError


@dataclass(frozen=True, kw_only=True)
class Shop:
    name: str
    sizes: dict[str, int]
    tags: tuple[str, ...] = ()


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("/dev/zero", "it is a device, not a file"),
        ("/dev/full", "it is a device, not a file"),
        (".", "it is a folder, not a file"),
        ("pipe", "it is a pipe, not a file"),
        ("large", "it has more than 16 MiB"),
        ("a\0b", "its name is not a file name"),
        ("\ud800", "its name is not a file name"),
        ("x" * 300, "File name too long"),
    ],
)
def test_only_a_file_of_limited_size_is_read(tmp_path: Path, name: str, problem: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    with (tmp_path / "large").open("wb") as file:
        file.truncate(documents.MOST_BYTES + 1)
    with pytest.raises(OSError, match=r".") as refused:
        documents.read(tmp_path / name)
    assert refused.value.strerror == problem


def test_the_largest_file_is_read(tmp_path: Path) -> None:
    with (tmp_path / "large").open("wb") as file:
        file.truncate(documents.MOST_BYTES)
    assert len(documents.read(tmp_path / "large")) == documents.MOST_BYTES


def test_line_ends_of_other_systems_become_those_of_this_one(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"a\r\nb\rc\n")
    assert documents.text(tmp_path / "file") == "a\nb\nc\n"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "line 1, column 1: it is not JSON (input data was truncated)"),
        (b'{"name": "a",\n "sizes": nope}', "line 2, column 15: it is not JSON (invalid character)"),
        (b'{"name": "a", "sizes": {"x": "1"}}', "$.sizes[...]: expected `int`, got `str`"),
        (b'{"name": "a", "sizes": {}, "tags": ["b", 1]}', "$.tags[1]: expected `str`, got `int`"),
        (b'{"sizes": {}}', "$: object missing required field `name`"),
        (b"[]", "$: expected `object`, got `array`"),
        (b'{"name": "\\ud800", "sizes": {}}', "column"),
        (b'{"name": "\xff", "sizes": {}}', "it is not UTF-8 text"),
        (b'{"name": "a", "sizes": {"x": ' + b"9" * 5000 + b"}}", "$.sizes[...]: integer value out of range"),
        (b"[" * 1_000_000, f"it is nested more than {DEEPEST} levels deep"),
        (b'{"name": ' * 1_000_000, f"it is nested more than {DEEPEST} levels deep"),
    ],
)
def test_a_damaged_document_is_refused_with_the_place(content: bytes, problem: str) -> None:
    with pytest.raises(DamagedError) as damaged:
        documents.decoded(Shop, content)
    assert problem in str(damaged.value)


def test_a_document_becomes_an_instance_and_other_keys_are_ignored() -> None:
    content = (
        b'{"name": "'
        + b"[{" * DEEPEST
        + b'\\"", "sizes": {"x": 1}, "tags": ["b"], "more": '
        + b"[" * 90
        + b"]" * 90
        + b"}"
    )
    shop = documents.decoded(Shop, content)
    assert (shop.sizes, shop.tags) == ({"x": 1}, ("b",))


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, b'{"a":' * 100_000])
def test_json_text_from_elsewhere_is_a_value_or_a_value_error(text: str | bytes) -> None:
    assert documents.json_value('{"a": [1]}') == {"a": [1]}
    with pytest.raises(ValueError):  # noqa: PT011 - json's own message, or ours
        documents.json_value(text)
