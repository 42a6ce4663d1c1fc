"""Retries while another operation holds a stack's lock, for as long as the user allows."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from orchestrator.errors import InterruptedRunError, StackLockedError

T = TypeVar("T")

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 5.0


class Patience:
    """The time for which work is tried again while another operation holds a stack's lock.

    `tell` gets one message for each owner of the lock.
    """

    def __init__(
        self, seconds: float, tell: Callable[[str], None], *, stopped: Callable[[], bool] = lambda: False
    ) -> None:
        self._tell, self._stopped = tell, stopped
        self._deadline, self._pause, self._told = time.monotonic() + seconds, FIRST_PAUSE_SECONDS, ""

    def wait(self, error: StackLockedError) -> None:
        """Wait before the next try. Raises `error` when the time is up, and InterruptedRunError as soon as `stopped` returns
        true."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise error
        if self._told != error.message:
            self._tell(f"waiting: {error.message}")
            self._told = error.message
        until = time.monotonic() + min(self._pause, left)
        while (left := until - time.monotonic()) > 0:
            if self._stopped():
                raise InterruptedRunError("not started: the run was interrupted while it waited")
            time.sleep(min(left, 0.2))
        self._pause = min(self._pause * 1.5, LONGEST_PAUSE_SECONDS)


def retry_while_locked(
    work: Callable[[], T],
    seconds: float,
    *,
    tell: Callable[[str], None],
    stopped: Callable[[], bool] = lambda: False,
) -> T:
    """Call `work` again while it raises StackLockedError, with the patience of these arguments (`Patience`)."""
    patience = Patience(seconds, tell, stopped=stopped)
    while True:
        try:
            return work()
        except StackLockedError as error:
            patience.wait(error)
