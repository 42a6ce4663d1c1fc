"""State on S3, whose server is unreachable during an update and returns."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Generator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tests.support.arena import CREATE, TOPICS, Arena, until
from tests.support.standin.cloud import Rules

pytestmark = pytest.mark.engine


class Wire:
    """A way to a server that can be cut and mended."""

    def __init__(self, port: int) -> None:
        self._target, self._cut = port, False
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Every connection breaks, and every new one too."""
        self._cut = True
        for one in self._open:
            self._close(one)
        self._open.clear()

    def mend(self) -> None:
        self._cut = False

    def close(self) -> None:
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
                if self._cut:
                    near.close()
                    continue
                far = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                return
            self._open += [near, far]
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        self._close(source)
        self._close(sink)

    def _close(self, one: socket.socket) -> None:
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Generator[Wire]:
    for name, value in (("AWS_ACCESS_KEY_ID", "x"), ("AWS_SECRET_ACCESS_KEY", "x"), ("AWS_REGION", "us-east-1")):
        monkeypatch.setenv(name, value)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    boto3.client("s3", endpoint_url=f"http://{host}:{port}", region_name="us-east-1").create_bucket(Bucket="state")
    wire = Wire(port)
    yield wire
    wire.close()
    server.stop()


def test_an_unreachable_server_is_reported_and_the_same_command_finishes_later(
    tmp_path: Path, address: str, wire: Wire
) -> None:
    backend = f"s3://state/team?region=us-east-1&endpoint=http://127.0.0.1:{wire.port}&s3ForcePathStyle=true"
    arena = Arena(tmp_path, address, backend=backend)
    assert arena.run("create-base", "dev").code == 0
    arena.cloud.set_rules(Rules(seconds=4))
    process = arena.start(*CREATE)
    until(lambda: "one" in arena.cloud.names())
    wire.cut()
    failed = arena.end(process, 600)
    assert failed.code == 1
    assert "alpha failed: " in failed.text
    gone = arena.run("list")
    assert gone.code == 1
    assert "the state in s3://state cannot be reached" in gone.text
    wire.mend()
    arena.cloud.set_rules(Rules())
    # The engine could not take its lock away; its process is gone, which is seen.
    assert arena.run(*CREATE).code == 0
    assert arena.cloud.names() == TOPICS
    assert arena.run("destroy-base", "dev", "--cascade").code == 0
    assert arena.cloud.names() == []
    assert arena.settle()
