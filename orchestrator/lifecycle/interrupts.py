"""Ctrl-C: the main thread hears it, a run decides what it means."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def heard_by(listener: Callable[[], None]) -> Generator[None]:
    """Call `listener` for each SIGINT or SIGTERM instead of raising KeyboardInterrupt or ending the process.

    Does nothing outside the main thread, where Python allows no handlers. The handlers of before come back at the end.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(_number: int, _frame: FrameType | None) -> None:
        listener()

    before: dict[signal.Signals, Any] = {}
    try:
        for number in SIGNALS:
            before[number] = signal.signal(number, handle)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
