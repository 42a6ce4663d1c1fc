"""The file of `--events`: events of a run as JSON lines."""

from __future__ import annotations

import json
import os
import stat
import threading
from datetime import UTC, datetime
from pathlib import Path

from orchestrator.errors import UsageError
from orchestrator.events import Event
from orchestrator.rendering import document


class EventsFile:
    """An observer that writes each event at once. Safe to call from several threads."""

    def __init__(self, path: Path) -> None:
        try:
            # Events hold names and outputs of the account: only the user may read them, also in a file that existed before.
            self._file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8")
            if stat.S_ISREG(os.fstat(self._file.fileno()).st_mode):
                os.fchmod(self._file.fileno(), 0o600)
        except OSError as error:
            raise UsageError(f"--events {path} cannot be written: {error.strerror or error}") from None
        self._guard = threading.Lock()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def write(self, event: Event) -> None:
        """Write one event as one line."""
        line = json.dumps(document.event(event, datetime.now(UTC)))
        with self._guard:
            self._file.write(f"{line}\n")
            self._file.flush()
