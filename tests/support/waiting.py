"""Waiting for what other threads and processes do."""

from __future__ import annotations

import time
from collections.abc import Callable

LONG = 300
"""Seconds after which a test that waits fails. A busy machine needs many times the usual time."""


def until(condition: Callable[[], object], what: str = "the condition did not become true") -> None:
    """Wait until the condition is true."""
    end = time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.05)
