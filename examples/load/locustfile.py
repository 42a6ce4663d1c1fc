"""Visitors of the shop in examples/shop: most look at the products, some order one.

    orchestrator smoke alpha --load 60s --users 20 --locust-file examples/load/locustfile.py

Each new visitor makes sure that there is a product. Orders make work for the Celery worker.
"""

from __future__ import annotations

import os
import random
import re
from typing import Any

from locust import HttpUser, between, task

HOST_HEADER = os.environ.get("LOAD_HOST_HEADER")
"""Host of the requests, where the name of the environment cannot be resolved: `orchestrator local` without a browser."""

ORDER = re.compile(r"/products/(\d+)/orders/")
SECONDS = 20
"""Time for an answer."""


class Visitor(HttpUser):
    """A visitor who waits for some seconds between two pages."""

    wait_time = between(0.5, 2)

    def on_start(self) -> None:
        """Look at the page, which sets the cookie for forms, and add a product if there is none."""
        if HOST_HEADER:
            self.client.headers["Host"] = HOST_HEADER
        if not self.products():
            self.post("/products/", "/products/", {"name": "Tea", "price_cents": "300"})

    @task(8)
    def look(self) -> None:
        """Look at the products."""
        self.products()

    @task(2)
    def order(self) -> None:
        """Order a product, and look at the order."""
        numbers = self.products()
        if numbers:
            self.post(f"/products/{random.choice(numbers)}/orders/", "/products/[number]/orders/", {})

    @task(1)
    def reports(self) -> None:
        """Look at the reports that beat's task writes."""
        self.client.get("/reports/", timeout=SECONDS)

    def products(self) -> list[str]:
        """The numbers of the products on the page."""
        return ORDER.findall(self.client.get("/", timeout=SECONDS).text or "")

    def post(self, path: str, name: str, data: dict[str, Any]) -> None:
        """Send a form. Orders are counted under one name, whatever their number."""
        token = self.client.cookies.get("csrftoken", "")
        headers = {"X-CSRFToken": token, "Cookie": f"csrftoken={token}", "Referer": f"{self.host}/"}
        # A redirect leads to the host of the answer, which this machine may not resolve.
        sent = self.client.post(path, data, headers=headers, name=name, allow_redirects=False, timeout=SECONDS)
        if sent.status_code == 302 and sent.headers["Location"].startswith("/orders/"):
            self.client.get(sent.headers["Location"], name="/orders/[number]/", timeout=SECONDS)
