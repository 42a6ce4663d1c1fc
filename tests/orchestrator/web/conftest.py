"""`orchestrator serve` in a process of its own, as a user starts it, and a client of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.orchestrator.dashboard.conftest import browser as browser
from tests.orchestrator.dashboard.conftest import with_two_environments
from tests.support.command_line import Here
from tests.support.ports import free_port

TOKEN = "the-token-of-these-tests"
PATIENCE = 300.0


@dataclass(frozen=True)
class Reply:
    code: int
    headers: Mapping[str, str]
    text: str

    def json(self) -> Any:
        return json.loads(self.text)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_arguments: Any) -> None:
        return None


class Served:
    """A running server: its process, its address, and requests to it."""

    def __init__(self, process: subprocess.Popen[str], port: int, folder: Path) -> None:
        self.process, self.port, self.folder = process, port, folder
        self.url = f"http://127.0.0.1:{port}"

    def get(self, path: str, **headers: str) -> Reply:
        return self.request("GET", path, None, {"Authorization": f"Bearer {TOKEN}", **headers})

    def act(self, **body: Any) -> Reply:
        return self.post(json.dumps(body).encode())

    def post(self, body: bytes, **headers: str) -> Reply:
        own = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json", "X-Orchestrator-Action": "1"}
        return self.request("POST", "/api/actions", body, {**own, **headers})

    def request(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Reply:
        asked = urllib.request.Request(f"{self.url}{path}", body, dict(headers), method=method)
        try:
            with urllib.request.build_opener(_NoRedirect).open(asked, timeout=PATIENCE) as answer:
                return Reply(answer.status, answer.headers, answer.read().decode())
        except urllib.error.HTTPError as error:
            return Reply(error.code, error.headers, error.read().decode())

    def events(self, path: str = "/api/events") -> Iterator[tuple[str, Any]]:
        """The messages of a stream, as a page gets them."""
        asked = urllib.request.Request(f"{self.url}{path}", headers={"Authorization": f"Bearer {TOKEN}"})
        with urllib.request.urlopen(asked, timeout=PATIENCE) as stream:
            kind = ""
            for line in stream:
                name, _, value = line.decode().rstrip("\r\n").partition(": ")
                kind = value if name == "event" else kind
                if name == "data":
                    yield kind, json.loads(value)

    def until_ended(self, action: Mapping[str, Any]) -> dict[str, Any]:
        """The record of an action when it has ended."""
        for kind, content in self.events():
            if kind == "action" and content["id"] == action["id"] and content["state"] in ("succeeded", "failed"):
                return content
        raise AssertionError("the stream ended")


Serve = Callable[..., Served]


@pytest.fixture
def here(tmp_path: Path, git: Path, capsys: pytest.CaptureFixture[str]) -> Here:
    """The base dev with alpha and beta."""
    assert git.is_file()
    return with_two_environments(tmp_path, capsys)


@pytest.fixture
def serve(here: Here) -> Iterator[Serve]:
    """Start servers; they end with the test."""
    started: list[subprocess.Popen[str]] = []

    def start(*options: str) -> Served:
        port = free_port()
        words = [sys.executable, "-m", "orchestrator", "serve", "--project-dir", str(here.folder), "--port", str(port)]
        process = subprocess.Popen(
            [*words, *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "ORCHESTRATOR_SERVE_TOKEN": TOKEN},
        )
        started.append(process)
        assert process.stdout is not None
        address = process.stdout.readline()
        assert address == f"http://127.0.0.1:{port}/?token={TOKEN}\n", process.communicate()
        return Served(process, port, here.folder)

    yield start
    for process in started:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE)
