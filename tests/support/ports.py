"""Ports for the servers of tests."""

from __future__ import annotations

import os
import random
import socket

FIRST, LAST = 20_000, 32_000
"""Linux gives out ports from 32768 on to everything that names none, also between the choice of a port and its use."""


def _own() -> list[int]:
    """The ports of this worker of pytest-xdist in any order. Another worker never chooses one of them."""
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    count = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    own = list(range(FIRST + number, LAST, count))
    random.SystemRandom().shuffle(own)
    return own


_OWN = _own()


def free_port() -> int:
    """A port on which nothing listens. It is chosen once."""
    while True:
        port = _OWN.pop()
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("", port))
            except OSError:
                continue
        return port
