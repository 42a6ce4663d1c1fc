"""The outputs of a program that are not known yet, in a form for which the SDK can wait cheaply."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any


class OutputsInFlight(set[Any]):
    """The set in which the SDK keeps the outputs that it waits for at the end of a program.

    The SDK copies and clears the set, waits for the first output of the copy, and puts the others back, again and again.
    For a program with thousands of outputs that is half of its run. Here the copy has only what matters to the SDK: the
    outputs that failed, or one future that ends when an output fails or when none is left.
    """

    def __init__(self) -> None:
        super().__init__()
        self._failed: list[asyncio.Future[Any]] = []
        self._signal: asyncio.Future[None] | None = None

    def add(self, output: asyncio.Future[Any]) -> None:
        if output is self._signal:
            return
        super().add(output)
        output.add_done_callback(self._ended)

    def discard(self, output: Any) -> None:
        super().discard(output)
        self._notify()

    def remove(self, output: asyncio.Future[Any]) -> None:
        super().remove(output)
        self._notify()

    def __iter__(self) -> Iterator[asyncio.Future[Any]]:
        failed = [output for output in self._failed if output in self]
        if failed:
            return iter(failed)
        if self._signal is None or self._signal.done():
            self._signal = asyncio.get_running_loop().create_future()
        return iter([self._signal])

    def clear(self) -> None:
        """Remove the outputs that failed, which the SDK has then copied. The others are still in flight."""
        for output in self._failed:
            super().discard(output)
        self._failed.clear()

    def _ended(self, output: asyncio.Future[Any]) -> None:
        if output.cancelled() or output.exception() is not None:
            self._failed.append(output)
            self._notify()

    def _notify(self) -> None:
        if (self._failed or not self) and self._signal is not None and not self._signal.done():
            self._signal.set_result(None)
