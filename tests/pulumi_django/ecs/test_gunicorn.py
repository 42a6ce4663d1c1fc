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

from pulumi_django.ecs.web_service import KEEP_ALIVE_SECONDS, THREADS, gunicorn_command
from tests.support.ports import free_port
from tests.support.waiting import LONG, until

APPLICATION = """
import pathlib, threading, time

def application(environ, start_response):
    if environ["PATH_INFO"] == "/slow":
        pathlib.Path(f"slow-{threading.get_ident()}").touch()
        while not pathlib.Path("end").exists():
            time.sleep(0.05)
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]
"""
TIMEOUT_SECONDS = 3
"""Time after which gunicorn kills a worker that does not answer."""

pytestmark = pytest.mark.skipif(importlib.util.find_spec("gunicorn") is None, reason="gunicorn is not installed")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gunicorn")


@pytest.fixture(scope="module")
def port(folder: Path) -> Iterator[int]:
    """The command serves on this port, and would kill workers that do not answer it for some seconds."""
    (folder / "shop.py").write_text(APPLICATION)
    free = free_port()
    words = gunicorn_command("shop:application", free)
    variables = {**os.environ, "GUNICORN_CMD_ARGS": f"--timeout {TIMEOUT_SECONDS} --log-level error"}
    server = subprocess.Popen([sys.executable, "-m", *words], cwd=folder, env=variables)
    try:
        until(lambda: _listens(free, server))
        yield free
    finally:
        server.terminate()
        server.wait(timeout=LONG)


def _listens(port: int, server: subprocess.Popen[bytes]) -> bool:
    assert server.poll() is None
    try:
        socket.create_connection(("127.0.0.1", port), timeout=LONG).close()
    except OSError:
        return False
    return True


def get(port: int, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LONG)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


def test_health_checks_are_answered_beside_slow_requests_which_end_as_they_should(port: int, folder: Path) -> None:
    with ThreadPoolExecutor(THREADS - 1) as pool:
        slow = [pool.submit(get, port, "/slow") for _ in range(THREADS - 1)]
        try:
            until(lambda: len([*folder.glob("slow-*")]) == len(slow))
            for _ in range(10):
                assert get(port, "/") == 200
            time.sleep(2 * TIMEOUT_SECONDS)
            assert get(port, "/") == 200
            assert not any(request.done() for request in slow)
        finally:
            (folder / "end").touch()
        assert [request.result() for request in slow] == [200] * len(slow)


def test_an_idle_connection_stays_open_for_the_load_balancer(port: int) -> None:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=LONG)) as connection:
        connection.request("GET", "/")
        connection.getresponse().read()
        time.sleep(3)  # gunicorn's own default is 2 s
        connection.auto_open = 0  # a closed connection is not opened again
        connection.request("GET", "/")
        assert connection.getresponse().read() == b"ok"


def test_the_server_keeps_connections_longer_than_any_load_balancer() -> None:
    assert KEEP_ALIVE_SECONDS > 4000
