"""The file of `--events`: events of a run as JSON lines."""

from __future__ import annotations

import json
import os
import stat
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from orchestrator.errors import UsageError
from orchestrator.events import Event
from orchestrator.rendering import document


class EventsFile:
    """An observer that writes each event at once. Safe to call from several threads.

    A file that cannot be written any more does not stop the run: `problem` gets one sentence. Raises UsageError for a
    file that cannot be opened, and for a pipe without a reader.
    """

    def __init__(self, path: Path, problem: Callable[[str], None]) -> None:
        self._path, self._problem = path, problem
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NONBLOCK
        try:
            # Events hold names and outputs of the account: only the user may read them, also in a file that existed before.
            self._descriptor: int | None = os.open(path, flags, 0o600)
        except OSError as error:
            raise UsageError(f"--events {path} cannot be written: {error.strerror or error}") from None
        os.set_blocking(self._descriptor, True)
        if stat.S_ISREG(os.fstat(self._descriptor).st_mode):
            with suppress(OSError):  # the file of another user
                os.fchmod(self._descriptor, 0o600)
        self._guard = threading.Lock()

    def close(self) -> None:
        """Close the file."""
        with self._guard:
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None

    def write(self, event: Event) -> None:
        """Write one event as one line."""
        line = f"{json.dumps(document.event(event, datetime.now(UTC)))}\n".encode()
        with self._guard:
            if self._descriptor is None:
                return
            try:
                while line:
                    line = line[os.write(self._descriptor, line) :]
            except OSError as error:
                os.close(self._descriptor)
                self._descriptor = None
                self._problem(f"--events {self._path} is incomplete: {error.strerror or error}")
