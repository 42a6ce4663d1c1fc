"""Debian's `docker-registry` on loopback, and buildah with storage of its own."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.support.ports import free_port
from tests.support.waiting import LONG

_CHUNK = 65_536


def missing() -> str | None:
    """Why no image can be built and pushed here; None when it can."""
    absent = [name for name in ("buildah", "docker-registry") if shutil.which(name) is None]
    if absent:
        return f"needs Debian's buildah and docker-registry: {' and '.join(absent)} not on PATH"
    with tempfile.TemporaryDirectory(prefix="buildah-") as storage:
        environment = {**own_variables(), **buildah_environment(Path(storage))}
        probe = subprocess.run(["buildah", "info"], env=environment, capture_output=True, text=True, check=False)
    return f"buildah cannot work here: {probe.stderr.strip()}" if probe.returncode else None


def buildah_environment(folder: Path) -> dict[str, str]:
    """Variables with which buildah works in a container without rights of its own, and touches nothing of the machine."""
    storage = f'[storage]\ndriver = "vfs"\ngraphroot = "{folder}/graph"\nrunroot = "{folder}/run"\n'
    (folder / "storage.conf").write_text(storage, encoding="utf-8")
    (folder / "auth.json").write_text("{}", encoding="utf-8")
    return {
        "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"),
        "REGISTRY_AUTH_FILE": str(folder / "auth.json"),
        "BUILDAH_ISOLATION": "chroot",
    }


def copy_programs(folder: Path, *names: str) -> None:
    """Copy programs of this machine and their libraries into a root file system, in place of a base image."""
    for name in names:
        program = Path(str(shutil.which(name))).resolve()
        linked = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=True).stdout
        libraries = [Path(found) for found in re.findall(r"/\S+", linked)]
        for source, target in ((program, Path("/bin") / name), *((library, library) for library in libraries)):
            copy = folder / target.relative_to("/")
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, copy)


@dataclass
class Registry:
    """A running registry."""

    host: str
    folder: Path
    """Its files, as Docker's registry keeps them."""

    def digest(self, name: str, tag: str) -> str | None:
        """The digest of an image; None when there is none."""
        with suppress(FileNotFoundError):
            return (self._tags(name) / tag / "current" / "link").read_text(encoding="utf-8")
        return None

    def tags(self, name: str) -> list[str]:
        """The tags of a repository."""
        return sorted(folder.name for folder in self._tags(name).glob("*"))

    def document(self, digest: str) -> dict[str, Any]:
        """A manifest, or the configuration of an image."""
        return json.loads(self.text(digest))

    def text(self, digest: str) -> str:
        """The text of a manifest or of a configuration."""
        name = digest.removeprefix("sha256:")
        return (self.folder / "blobs" / "sha256" / name[:2] / name / "data").read_text(encoding="utf-8")

    def _tags(self, name: str) -> Path:
        return self.folder / "repositories" / name / "_manifests" / "tags"


@contextmanager
def registry(folder: Path, *, http: Mapping[str, Any] = {}, **settings: Any) -> Generator[Registry]:
    """Run a registry on a free port, with more settings. https://distribution.github.io/distribution/about/configuration/"""
    port = free_port()
    configuration: dict[str, Any] = {
        "version": 0.1,
        "log": {"level": "error"},
        "storage": {"filesystem": {"rootdirectory": str(folder / "data")}, **settings.pop("storage", {})},
        "http": {"addr": f"127.0.0.1:{port}", **http},
        **settings,
    }
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "registry.yml"
    file.write_text(yaml.safe_dump(configuration), encoding="utf-8")
    with (folder / "registry.log").open("w") as log:
        process = subprocess.Popen(["docker-registry", "serve", str(file)], stdout=log, stderr=subprocess.STDOUT)
    try:
        wait_for_port(port, process)
        yield Registry(host=f"localhost:{port}", folder=folder / "data" / "docker" / "registry" / "v2")
    finally:
        process.kill()
        process.wait()


def wait_for_port(port: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until a program listens."""
    end = time.monotonic() + LONG
    while time.monotonic() < end:
        assert process.poll() is None, "the program has ended"
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise AssertionError("the program does not listen")


@dataclass
class Door:
    """A way to a port on loopback: a forwarder, or a proxy for one host of the internet (CONNECT)."""

    target: int
    proxied: str | None = None
    """The host whose connections it accepts as a proxy. All others are refused."""

    most_bytes: int | None = None
    """Bytes to the target after which nothing more passes."""

    port: int = 0
    stopped: threading.Event = field(default_factory=threading.Event)
    """Set when `most_bytes` have passed."""

    @contextmanager
    def served(self) -> Generator[Door]:
        """Serve on a free port."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            self.port = server.getsockname()[1]
            threading.Thread(target=self._accept, args=(server,), daemon=True).start()
            yield self

    def _accept(self, server: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = server.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError), client:
            if self.proxied is not None:
                head = client.recv(_CHUNK).decode()
                if not head.startswith(f"CONNECT {self.proxied}:443 "):
                    client.sendall(b"HTTP/1.1 403 Forbidden\r\n\r\n")
                    return
                client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            with socket.create_connection(("127.0.0.1", self.target)) as upstream:
                back = threading.Thread(target=_copy, args=(upstream, client), daemon=True)
                back.start()
                self._forward(client, upstream)
                back.join()

    def _forward(self, client: socket.socket, upstream: socket.socket) -> None:
        while data := client.recv(_CHUNK):
            if self.most_bytes is not None:
                self.most_bytes -= len(data)
                if self.most_bytes < 0:
                    self.stopped.set()
                    return
            upstream.sendall(data)
        upstream.shutdown(socket.SHUT_WR)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(_CHUNK):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


def own_variables() -> dict[str, str]:
    """The variables of this process, without those of a proxy and of AWS."""
    left_out = ("AWS_", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")
    return {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
