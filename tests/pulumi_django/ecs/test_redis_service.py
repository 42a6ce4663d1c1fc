"""The environment's own Redis: its command, run by a real server without Docker's image."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest

from pulumi_django.ecs.redis_service import REDIS_PORT, RedisService, RedisServiceArgs
from pulumi_django.ecs.service import ServicePlacement
from pulumi_django.ecs.task import ContainerSetup
from pulumi_django.testing import simulate
from tests.support.ports import free_port
from tests.support.waiting import LONG, until


def command() -> list[str]:
    """What the container runs."""

    def program() -> None:
        RedisService(
            "redis",
            RedisServiceArgs(
                placement=ServicePlacement(
                    environment="alpha", cluster_arn="cluster", subnet_ids=["subnet-1"], security_group_ids=["sg-1"]
                ),
                container=ContainerSetup(image="valkey", execution_role_arn="role", region="us-east-1"),
                namespace_id="ns-1",
                namespace_name="dev.local",
            ),
        )

    definition = simulate(program).of_type("aws:ecs/taskDefinition:TaskDefinition")[0]
    return json.loads(definition.inputs["containerDefinitions"])[0]["command"]


def address() -> str | None:
    """An address of this machine that is not the loopback's; None when it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            return None
        return str(probe.getsockname()[0])


def asked(host: str, port: int, *lines: str) -> str:
    """What the server answers to inline commands."""
    until(lambda: _listens(host, port))
    with socket.create_connection((host, port), timeout=LONG) as connection:
        connection.sendall("".join(f"{line}\r\n" for line in (*lines, "QUIT")).encode())
        return b"".join(iter(lambda: connection.recv(65536), b"")).decode()


def _listens(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=LONG).close()
    except ConnectionRefusedError:
        return False
    return True


@pytest.mark.skipif(shutil.which("redis-server") is None, reason="redis-server is not installed")
def test_a_server_without_configuration_serves_other_machines_and_keeps_nothing_on_disk(tmp_path: Path) -> None:
    host = address()
    if host is None or host.startswith("127."):
        pytest.skip("this machine has no address but the loopback's")
    port = free_port()
    words = [str(port) if word == str(REDIS_PORT) else word for word in command()]
    server = subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.DEVNULL)
    try:
        answer = asked(host, port, "PING", "SET key value", "CONFIG GET maxmemory", "CONFIG GET maxmemory-policy")
    finally:
        server.terminate()
        server.wait(timeout=LONG)

    assert answer.startswith("+PONG\r\n+OK\r\n")
    assert str(384 * 1024 * 1024) in answer
    assert "volatile-lru" in answer
    assert list(tmp_path.iterdir()) == []


def test_the_command_names_its_port_address_and_mode_instead_of_the_images_own() -> None:
    words = command()
    given = dict(pairwise(words))
    assert (given["--port"], given["--bind"], given["--protected-mode"]) == (str(REDIS_PORT), "0.0.0.0", "no")
