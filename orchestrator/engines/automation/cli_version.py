"""Remembers the version of the Pulumi CLI, which takes the CLI a tenth of a second of processor time to say.

The file may be deleted at any time.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from orchestrator.config import documents
from orchestrator.config.atomic_files import create_private_folder, write_atomically

_SCRIPT = b"#!"


@dataclass(frozen=True, kw_only=True)
class _Program:
    """The file of a program."""

    path: str
    size: int
    changed: int
    number: int


@dataclass(frozen=True, kw_only=True)
class _Known:
    program: _Program
    version: str


@dataclass(frozen=True)
class Memory:
    """The version of the last used CLI, in a file."""

    file: Path

    def version(self, pulumi: str) -> str | None:
        """The version of the program at this path, if its file is the known one."""
        try:
            known = documents.decoded(_Known, documents.read(self.file))
        except (OSError, documents.DamagedError):
            return None
        return known.version if known.program == _program(pulumi) else None

    def keep(self, pulumi: str, version: str) -> None:
        """Remember the version, unless another file decides which program runs."""
        program = _program(pulumi)
        if program is not None:
            with suppress(OSError):  # a folder that cannot be written only costs time
                create_private_folder(self.file.parent)
                write_atomically(self.file, json.dumps({"program": asdict(program), "version": version}), private=True)


def _program(pulumi: str) -> _Program | None:
    """The file of the program; None for the scripts and the links of version managers, which choose a version at each start."""
    path = os.path.realpath(pulumi)
    try:
        with open(path, "rb") as file:
            status, beginning = os.fstat(file.fileno()), file.read(len(_SCRIPT))
    except OSError:
        return None
    if beginning == _SCRIPT or os.path.basename(path) != os.path.basename(pulumi):
        return None
    return _Program(path=path, size=status.st_size, changed=status.st_mtime_ns, number=status.st_ino)
