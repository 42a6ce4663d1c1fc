"""The Locust file of `smoke --load`. Only Locust imports it: Locust changes the standard library's sockets."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterator

from locust import HttpUser, constant_throughput, task

PATHS: list[str] = json.loads(os.environ["LOAD_PATHS"])
SECONDS = float(os.environ["LOAD_ANSWER_SECONDS"])
HOST_HEADER = os.environ.get("LOAD_HOST_HEADER")
"""Host of the requests, for an environment whose name this machine cannot resolve."""


class Visitor(HttpUser):
    """Requests one path after the other, at a steady rate."""

    wait_time = constant_throughput(float(os.environ["LOAD_RATE_PER_USER"]))

    def on_start(self) -> None:
        """Begin with the first path."""
        self.paths: Iterator[str] = itertools.cycle(PATHS)
        self.client.headers["User-Agent"] = "orchestrator-smoke"
        if HOST_HEADER:
            self.client.headers["Host"] = HOST_HEADER

    @task
    def visit(self) -> None:
        """Request the next path."""
        self.client.get(next(self.paths), timeout=SECONDS)
