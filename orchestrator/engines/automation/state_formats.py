"""The forms that a state file can have: plain, or packed with gzip or Zstandard. Pure.

The CLI writes the form that PULUMI_DIY_BACKEND_GZIP or PULUMI_DIY_BACKEND_ZSTD asks for, and reads any: it looks at the
content, not at the name. When a stack has files of several forms the newest counts (pkg/backend/diy/state.go).
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterable, Mapping

import zstandard

from orchestrator.errors import StateError

PACKED = (".gz", ".zst")
FORMS = tuple(f".json{packed}" for packed in ("", *PACKED))
BESIDE = frozenset({"attrs", "bak", "lock", "old", "orig", "swp", "tmp"})
"""Ends of files that lie beside a state and are none."""

OTHER_FORMS = (".yaml", ".yml")
"""The CLI lists such files as stacks, too, but cannot read them."""


class UnknownFormatError(StateError):
    """A state file has a form that this program does not know and so cannot read."""


def stack_of(file: str) -> tuple[str, bool] | None:
    """The stack that a file of a project's state folder belongs to, and whether its form is known.

    None for a file that is no state: a backup, a copy that the CLI keeps, tags.
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
    """The state files of each stack, by its name; a stack whose only files are of unknown forms has them."""
    known: dict[str, list[str]] = {}
    unknown: dict[str, list[str]] = {}
    for file in files:
        found = stack_of(file)
        if found:
            (known if found[1] else unknown).setdefault(found[0], []).append(file)
    return {**unknown, **known}


def unpacked(content: bytes, file: str) -> bytes:
    """The text of a state file, by what its content begins with. Raises StateError."""
    unpack = next((unpack for start, unpack in _MAGIC.items() if content.startswith(start)), None)
    try:
        return content if unpack is None else unpack(content)
    except (OSError, EOFError, zlib.error, zstandard.ZstdError) as error:
        raise StateError(
            f"the state is damaged: {file} cannot be unpacked",
            f"copy the backup beside it ({file.rpartition('/')[2]}.bak) over it, or a newer one from .pulumi/backups",
        ) from error


def _of_zstandard(content: bytes) -> bytes:
    unpacking = zstandard.ZstdDecompressor().decompressobj()
    text = unpacking.decompress(content)
    if not unpacking.eof:
        raise EOFError("it is cut off")
    return text


_MAGIC: Mapping[bytes, Callable[[bytes], bytes]] = {
    b"\x1f\x8b": gzip.decompress,
    b"\x28\xb5\x2f\xfd": _of_zstandard,
}
