"""Documents from disk: read with limits on size and nesting, and decoded into typed models.

A document can be damaged, edited by hand, or written by someone else. So no reader waits for a pipe, reads a device
without end, or spends seconds on nesting, and a wrong document is reported with the place in it.
"""

from __future__ import annotations

import errno
import json
import os
import re
import stat
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import Annotated, Any, BinaryIO, TypeVar, cast

import msgspec

T = TypeVar("T")

Moment = Annotated[datetime, msgspec.Meta(tz=True)]
"""A time with its zone."""

ProcessId = Annotated[int, msgspec.Meta(ge=0, lt=2**31)]

MOST_BYTES = 16 * 1024**2
"""Largest document. The state of an environment has less than 1 MiB."""

DEEPEST = 100
"""Deepest nesting of JSON."""

_KINDS = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
_STEP: Mapping[int, int] = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_NO_BRACKETS = bytes(set(range(256)) - set(_STEP))
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|$)?', re.DOTALL)
_BYTE = re.compile(r" \(byte (\d+)\)$")


class DamagedError(ValueError):
    """A document does not have its format. The message is a phrase with the place, for example `line 2, column 5`."""


@contextmanager
def opened(path: Path) -> Generator[BinaryIO]:
    """A regular file, opened for reading. Raises OSError as `read`."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except ValueError:  # a NUL, or text that is not Unicode
        raise OSError(errno.EINVAL, "its name is not a file name", str(path)) from None
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):  # `open` would accept a pipe
        os.close(descriptor)
        raise OSError(errno.EINVAL, f"it is {_KINDS.get(stat.S_IFMT(mode), 'a device')}, not a file", str(path))
    with open(descriptor, "rb") as file:
        yield file


def read(path: Path, most: int = MOST_BYTES) -> bytes:
    """The content of a regular file of at most `most` bytes.

    Raises OSError, also for a folder, a device, a pipe, a larger file and a name that no file can have.
    """
    with opened(path) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise OSError(errno.EFBIG, f"it has more than {size(most)}", str(path))
    return content


def text(path: Path, most: int = MOST_BYTES) -> str:
    """The content of a UTF-8 file, with line ends as `\\n`. Raises OSError as `read`, and UnicodeDecodeError."""
    return read(path, most).decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")


def json_value(content: bytes | str) -> Any:
    """The value of JSON text from elsewhere. Raises ValueError, also when it is nested too deeply for Python's reader."""
    try:
        return json.loads(content)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def decoded(kind: type[T], content: bytes) -> T:
    """The JSON document as an instance of `kind`, a dataclass or another type. Unknown keys are ignored.

    Raises DamagedError.
    """
    if _deepest(content) > DEEPEST:
        raise DamagedError(f"it is nested more than {DEEPEST} levels deep")
    try:
        return cast(T, _decoder(kind).decode(content))
    except msgspec.ValidationError as error:
        raise _mistyped(error) from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise DamagedError(_syntax(content, str(error))) from None
    except UnicodeDecodeError:
        raise DamagedError("it is not UTF-8 text") from None


def converted(kind: type[T], document: Any) -> T:
    """A decoded document as an instance of `kind`, as `decoded`. Raises DamagedError."""
    try:
        return msgspec.convert(document, kind)
    except msgspec.ValidationError as error:
        raise _mistyped(error) from None


def size(count: int) -> str:
    """A number of bytes with its unit."""
    return f"{count // 1024**2} MiB" if count >= 1024**2 else f"{count // 1024} KiB"


@cache
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)


def _deepest(content: bytes) -> int:
    """The depth of the document. Brackets within strings count only when the rest would be too deep."""
    depth = _depth(content)
    return depth if depth <= DEEPEST else _depth(_STRING.sub(b"", content))


def _depth(content: bytes) -> int:
    return max(accumulate(map(_STEP.__getitem__, content.translate(None, _NO_BRACKETS))), default=0)


def _syntax(content: bytes, problem: str) -> str:
    """The place and the problem of a text that is not JSON."""
    found = _BYTE.search(problem)
    at = int(found[1]) if found else len(content)
    line, column = content.count(b"\n", 0, at) + 1, at - content.rfind(b"\n", 0, at)
    what = _lowered(_BYTE.sub("", problem)).removeprefix("JSON is malformed: ")
    return f"line {line}, column {column}: it is not JSON ({what})"


def _mistyped(error: msgspec.ValidationError) -> DamagedError:
    """The error with its JSON path first: `$.head.tags: expected `str`, got `int``."""
    problem, _, path = str(error).rpartition(" - at ")
    return DamagedError(f"{path.strip('`')}: {_lowered(problem)}" if problem else f"$: {_lowered(path)}")


def _lowered(sentence: str) -> str:
    return sentence if sentence[:2].isupper() else sentence[:1].lower() + sentence[1:]
