"""Retries while another operation holds a stack's lock, for as long as the user allows."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from orchestrator.errors import InterruptedRunError, StackLockedError

T = TypeVar("T")

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 5.0


def retry_while_locked(
    work: Callable[[], T],
    seconds: float,
    *,
    tell: Callable[[str], None],
    stopped: Callable[[], bool] = lambda: False,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> T:
    """Call `work` again while it raises StackLockedError, for up to that many seconds.

    `tell` gets one message for each owner of the lock. Raises the errors of `work`, StackLockedError when the time is up, and
    InterruptedRunError as soon as `stopped` returns true.
    """
    deadline, pause, told = clock() + seconds, FIRST_PAUSE_SECONDS, ""
    while True:
        try:
            return work()
        except StackLockedError as error:
            left = deadline - clock()
            if left <= 0:
                raise
            if told != error.message:
                tell(f"waiting: {error.message}")
                told = error.message
        _pause(min(pause, left), stopped, clock, sleep)
        pause = min(pause * 1.5, LONGEST_PAUSE_SECONDS)


def _pause(
    seconds: float, stopped: Callable[[], bool], clock: Callable[[], float], sleep: Callable[[float], None]
) -> None:
    until = clock() + seconds
    while (left := until - clock()) > 0:
        if stopped():
            raise InterruptedRunError("not started: the run was interrupted while it waited")
        sleep(min(left, 0.2))
