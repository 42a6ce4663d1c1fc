"""Waiting for AWS: a clock that can be cancelled and replaced, growing pauses, retries after throttling. No Pulumi
here."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Protocol, TypeVar

T = TypeVar("T")

FIRST_PAUSE_SECONDS = 2.0
LONGEST_PAUSE_SECONDS = 5.0
PAUSE_GROWTH = 1.25

# botocore has retried each call several times before an error arrives here. These are further attempts.
PATIENCE_ATTEMPTS = 6
PATIENCE_PAUSE_SECONDS = 5.0

# Error codes of AWS services after which the same call can succeed later.
# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/CommonErrors.html
TRANSIENT_CODES = frozenset(
    {
        "InternalFailure",
        "InternalServerError",
        "RequestLimitExceeded",
        "RequestTimeout",
        "ServerException",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "TooManyRequestsException",
    }
)


class Cancelled(Exception):
    """The clock was cancelled, so waiting ends."""


class Clock(Protocol):
    """The time that waiting code uses. Tests have a clock that does not wait."""

    def now(self) -> float:
        """Return the seconds since an arbitrary moment. The value never decreases."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait. Raises `Cancelled` when the clock is cancelled."""
        ...


class SystemClock:
    """Real time. `cancel` can be called from any thread and ends a sleep at once."""

    def __init__(self) -> None:
        self._cancelled = threading.Event()

    def now(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        if self._cancelled.wait(seconds):
            raise Cancelled("cancelled while waiting for AWS")

    def cancel(self) -> None:
        self._cancelled.set()


def pauses() -> Iterator[float]:
    """Seconds between two requests: from 2 up to 5, so that short work is noticed soon and long work causes few
    requests."""
    pause = FIRST_PAUSE_SECONDS
    while True:
        yield pause
        pause = min(LONGEST_PAUSE_SECONDS, pause * PAUSE_GROWTH)


def is_transient(error: Exception) -> bool:
    """Return whether the same call can succeed later: after throttling, a server error or a lost connection."""
    from botocore.exceptions import ClientError, ConnectionError, HTTPClientError

    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return error.response.get("Error", {}).get("Code") in TRANSIENT_CODES or status >= 500
    return isinstance(error, (ConnectionError, HTTPClientError))


def patiently(call: Callable[[], T], clock: Clock) -> T:
    """Return the result of `call`, repeated after transient errors. Raises the last error when AWS stays
    unavailable."""
    for _ in range(PATIENCE_ATTEMPTS - 1):
        try:
            return call()
        except Exception as error:  # what is not transient is raised again
            if not is_transient(error):
                raise
        clock.sleep(PATIENCE_PAUSE_SECONDS)
    return call()
