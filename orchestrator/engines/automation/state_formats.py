"""The formats of state files: plain JSON, or JSON compressed with gzip or Zstandard. Pure.

The CLI writes the format that PULUMI_DIY_BACKEND_GZIP or PULUMI_DIY_BACKEND_ZSTD selects. It reads every format by its content,
not by its name. When a stack has files of several formats, the newest counts (pkg/backend/diy/state.go).
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterable, Mapping
from io import BytesIO

import zstandard

from orchestrator.config.documents import MOST_BYTES, size
from orchestrator.errors import StateError

PACKED = (".gz", ".zst")
FORMS = tuple(f".json{packed}" for packed in ("", *PACKED))
BESIDE = frozenset({"attrs", "bak", "lock", "old", "orig", "swp", "tmp"})
"""Endings of files beside a state that are not state files."""

OTHER_FORMS = (".yaml", ".yml")
"""Other endings that the CLI lists as stacks but cannot read."""


_PIECE = 512
"""Bytes to unpack in one step: a block of Zstandard holds up to 128 KiB in four bytes."""


class UnknownFormatError(StateError):
    """A state file has an unknown format."""


def stack_of(file: str) -> tuple[str, bool] | None:
    """The stack of a file in a project's state folder, and whether the format is known.

    None for a file that is not a state: a backup, a copy of the CLI, tags.
    """
    for form in FORMS:
        if file.endswith(form):
            return file.removesuffix(form), True
    for form in OTHER_FORMS:
        if file.endswith(form):
            return file.removesuffix(form), False
    stack, found, form = file.partition(".json.")
    last = form.rpartition(".")[2]
    if not found or not form or last in BESIDE or last.isdigit() or not form.isalnum():
        return None
    return stack, False


def stacks_of(files: Iterable[str]) -> dict[str, list[str]]:
    """The state files of each stack by name. Files of unknown formats are included only for stacks without others."""
    known: dict[str, list[str]] = {}
    unknown: dict[str, list[str]] = {}
    for file in files:
        found = stack_of(file)
        if found:
            (known if found[1] else unknown).setdefault(found[0], []).append(file)
    return {**unknown, **known}


def unpacked(content: bytes, file: str) -> bytes:
    """The unpacked text of a state file, whose first bytes show the format. Raises StateError."""
    unpack = next((unpack for start, unpack in _MAGIC.items() if content.startswith(start)), None)
    try:
        text = content if unpack is None else unpack(content)
    except (OSError, EOFError, zlib.error, zstandard.ZstdError) as error:
        raise StateError(
            f"the state is damaged: {file} cannot be unpacked",
            f"restore it from the backup beside it ({file.rpartition('/')[2]}.bak) or a newer one in .pulumi/backups",
        ) from error
    if len(text) > MOST_BYTES:
        raise StateError(f"the state cannot be read: {file} has more than {size(MOST_BYTES)} after unpacking")
    return text


def _of_gzip(content: bytes) -> bytes:
    with gzip.open(BytesIO(content)) as file:
        return file.read(MOST_BYTES + 1)


def _of_zstandard(content: bytes) -> bytes:
    unpacking, text = zstandard.ZstdDecompressor().decompressobj(), bytearray()
    for start in range(0, len(content), _PIECE):
        text += unpacking.decompress(content[start : start + _PIECE])
        if unpacking.eof or len(text) > MOST_BYTES:
            return bytes(text)
    raise EOFError("the content is truncated")


_MAGIC: Mapping[bytes, Callable[[bytes], bytes]] = {
    b"\x1f\x8b": _of_gzip,
    b"\x28\xb5\x2f\xfd": _of_zstandard,
}
