"""Interrupts of a run: Ctrl-C in the main thread, and `Interrupter` for the other threads."""

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

    Does nothing outside the main thread, where Python allows no handlers. Restores the previous handlers at the end.
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


class Interrupter:
    """Interrupts a run from another thread, as Ctrl-C does from the terminal. Call it once per Ctrl-C."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[], None]] = []

    def __call__(self) -> None:
        for listener in list(self._listeners):
            listener()

    def listen(self, listener: Callable[[], None]) -> None:
        """Call the listener at each interrupt from now on."""
        self._listeners.append(listener)

    def forget(self, listener: Callable[[], None]) -> None:
        """Call the listener no longer."""
        self._listeners.remove(listener)
