"""The log of an environment on this machine: the lines of all services in one file."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Collection, Iterator
from datetime import datetime
from pathlib import Path

from orchestrator.local.folder import StateFolder
from orchestrator.operations.events import LogLine

MOST_BYTES = 20 * 1024 * 1024
"""Size at which the file becomes the older of two."""

_PAUSE_SECONDS = 0.2


class Journal:
    """Writes the lines of one run."""

    def __init__(self, folder: StateFolder) -> None:
        self._folder = folder
        self._file = folder.log.open("w", encoding="utf-8")
        folder.log.chmod(0o600)
        _older(folder).unlink(missing_ok=True)

    def write(self, line: LogLine) -> None:
        """Write one line."""
        at = line.at.isoformat() if line.at else None
        self._file.write(json.dumps({"service": line.service, "at": at, "text": line.text}) + "\n")
        self._file.flush()
        if self._file.tell() > MOST_BYTES:
            self._file.close()
            with contextlib.suppress(OSError):
                self._folder.log.rename(_older(self._folder))
            self._file = self._folder.log.open("w", encoding="utf-8")
            self._folder.log.chmod(0o600)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def names(folder: StateFolder) -> tuple[str, ...]:
    """The containers that wrote lines, in alphabetical order."""
    return tuple(sorted({line.service for line in lines(folder, (), follow=False, runs=lambda: False)}))


def lines(
    folder: StateFolder, services: Collection[str], *, follow: bool, runs: Callable[[], bool]
) -> Iterator[LogLine]:
    """The lines of these services, or of all; with `follow` new ones until nothing runs any more."""
    for path in (_older(folder), folder.log):
        with contextlib.suppress(FileNotFoundError), path.open(encoding="utf-8") as file:
            while True:
                begin = file.tell()
                text = file.readline()
                if text.endswith("\n"):
                    line = _line(text)
                    if line is not None and (not services or line.service in services):
                        yield line
                    continue
                file.seek(begin)
                if not (follow and path == folder.log and runs()):
                    break
                time.sleep(_PAUSE_SECONDS)


def _line(text: str) -> LogLine | None:
    try:
        found = json.loads(text)
        at = datetime.fromisoformat(found["at"]) if found["at"] else None
        return LogLine(service=found["service"], text=found["text"], at=at)
    except (ValueError, KeyError, TypeError):
        return None


def _older(folder: StateFolder) -> Path:
    return folder.log.with_suffix(".1.jsonl")
