"""The default web command, run by the real gunicorn."""

from __future__ import annotations

import contextlib
import http.client
import importlib.util
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pulumi_django.ecs.gunicorn import KEEP_ALIVE_SECONDS, THREADS, gunicorn_command

APPLICATION = """
import time

def application(environ, start_response):
    if environ["PATH_INFO"] == "/slow":
        time.sleep(6)
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]
"""
pytestmark = pytest.mark.skipif(importlib.util.find_spec("gunicorn") is None, reason="gunicorn is not installed")


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The command serves on this port, and would kill workers that do not answer it for 2 s."""
    folder: Path = tmp_path_factory.mktemp("gunicorn")
    (folder / "shop.py").write_text(APPLICATION)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        free = int(listening.getsockname()[1])
    words = gunicorn_command("shop:application", free)
    variables = {**os.environ, "GUNICORN_CMD_ARGS": "--timeout 2 --log-level error"}
    server = subprocess.Popen([sys.executable, "-m", *words], cwd=folder, env=variables)
    try:
        _wait_until_it_listens(free)
        yield free
    finally:
        server.terminate()
        server.wait(timeout=20)


def _wait_until_it_listens(port: int) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def get(port: int, path: str, timeout: float) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


def test_health_checks_are_answered_beside_slow_requests_which_end_as_they_should(port: int) -> None:
    with ThreadPoolExecutor(THREADS - 1) as pool:
        slow = [pool.submit(get, port, "/slow", 30) for _ in range(THREADS - 1)]
        time.sleep(0.5)
        for _ in range(10):
            # The load balancer waits 4 s.
            assert get(port, "/", timeout=3) == 200
            time.sleep(0.2)
        assert not any(request.done() for request in slow)
        assert [request.result() for request in slow] == [200] * len(slow)


def test_an_idle_connection_stays_open_for_the_load_balancer(port: int) -> None:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
        connection.request("GET", "/")
        connection.getresponse().read()
        time.sleep(3)  # gunicorn's own default is 2 s
        connection.auto_open = 0  # a closed connection is not opened again
        connection.request("GET", "/")
        assert connection.getresponse().read() == b"ok"


def test_the_server_keeps_connections_longer_than_any_load_balancer() -> None:
    assert KEEP_ALIVE_SECONDS > 4000
