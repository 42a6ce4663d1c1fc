"""Waiting for somebody else's operation on a stack to end, for as long as the user allows."""

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
    """Do `work`, and again while it raises StackLockedError, for at most so many seconds.

    `tell` hears once of each owner that is waited for. Raises what `work` raises, the lock's error when time is up, and
    InterruptedRunError as soon as `stopped` is true.
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
            raise InterruptedRunError("not begun: the run was interrupted while it waited")
        sleep(min(left, 0.2))
