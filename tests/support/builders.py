"""Builders of images made of shell, alone on PATH, and a registry on loopback."""

from __future__ import annotations

import base64
import json
import os
import shutil
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

DIGEST = f"sha256:{'d' * 64}"
_TOOLS = ("sh", "cat", "cp", "git", "kill", "sleep")
_BEGINNING = """#!/bin/sh
echo "{name} $*" >> {folder}/calls
"""
_CONTAINER_TOOL = """case "$1 $2" in
  "info "*) exit 0 ;;
  "login "*) cat > {folder}/password; exit 0 ;;
  "inspect "*|"image "*|"manifest rm") exit 1 ;;
esac
for word in "$@"; do last=$word; done
case "$1" in
  build) rm -rf {folder}/context; cp -RP "$last" {folder}/context; {build} ;;
  *) while [ "$1" != --digestfile ]; do shift; done; {push} ;;
esac
"""
_DOCKER = """case "$1 $2" in
  "buildx version") {version} ;;
  "buildx inspect") echo "Name: default"; echo "Driver: {driver}"; exit 0 ;;
  "info --format") {info} ;;
  "login "*) cat > {folder}/password; exit 0 ;;
  "image inspect") exit 1 ;;
esac
for word in "$@"; do last=$word; done
rm -rf {folder}/context; cp -RP "$last" {folder}/context
while [ "$1" != --metadata-file ]; do shift; done
{build}
"""


class Builders:
    """Programs that are the only ones on PATH, with the calls that they got."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        (folder / "bin").mkdir(parents=True)
        for tool in (*_TOOLS, "rm"):
            found = shutil.which(tool)
            assert found, tool
            (folder / "bin" / tool).symlink_to(found)
        monkeypatch.setenv("PATH", str(folder / "bin"))

    def container_tool(self, name: str = "buildah", *, build: str = "echo STEP 1", push: str | None = None) -> None:
        """Install podman or buildah; `build` and `push` are the shell of the two steps."""
        push = push or f'echo {DIGEST} > "$2"'
        self._install(name, _CONTAINER_TOOL.format(folder=self.folder, build=build, push=push))

    def docker(
        self,
        *,
        version: str = "exit 0",
        driver: str = "docker-container",
        info: str = "echo '[]'; exit 0",
        build: str | None = None,
    ) -> None:
        """Install docker."""
        document = json.dumps({"containerimage.digest": DIGEST})
        build = build or f"echo '#1 building'; echo '{document}' > \"$2\""
        text = _DOCKER.format(folder=self.folder, version=version, driver=driver, info=info, build=build)
        self._install("docker", text)

    def _install(self, name: str, text: str) -> None:
        file = self.folder / "bin" / name
        file.write_text(_BEGINNING.format(name=name, folder=self.folder) + text)
        file.chmod(0o755)

    @property
    def calls(self) -> list[str]:
        """The command lines."""
        file = self.folder / "calls"
        return file.read_text().splitlines() if file.exists() else []

    def call(self, *words: str) -> str:
        """The only command line that begins with these words."""
        found = [call for call in self.calls if call.startswith(" ".join(words))]
        assert len(found) == 1, self.calls
        return found[0]

    @property
    def password(self) -> str:
        """The standard input of the login."""
        return (self.folder / "password").read_text()

    @property
    def context(self) -> dict[str, str]:
        """The files that the builder saw, with their text, or the target of a link."""
        root = self.folder / "context"
        return {
            str(path.relative_to(root)): f"-> {os.readlink(path)}" if path.is_symlink() else path.read_text()
            for path in sorted(root.rglob("*"))
            if path.is_symlink() or path.is_file()
        }


@dataclass
class LoopbackRegistry:
    """The images of a registry by `NAME:TAG`, and its users."""

    images: dict[str, str] = field(default_factory=dict[str, str])
    users: Mapping[str, str] = field(default_factory=dict[str, str])
    tokens: bool = False
    """Whether it answers with a challenge for a token, as Docker Hub and GitHub do."""

    status: int | None = None
    """Status of every answer, for a registry in trouble."""

    host: str = ""
    asked: list[str] = field(default_factory=list[str])

    @contextmanager
    def served(self) -> Generator[LoopbackRegistry]:
        """Serve on a free port."""
        registry = self

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                registry.asked.append(self.path)
                name, _, tag = self.path.removeprefix("/v2/").partition("/manifests/")
                digest = registry.images.get(f"{name}:{tag}")
                given = self.headers.get("Authorization", "")
                if registry.status:
                    self._answer(registry.status, {})
                elif registry.users and not registry.accepts(given):
                    kind = f'Bearer realm="http://{registry.host}/token",service="s"' if registry.tokens else "Basic"
                    self._answer(401, {"WWW-Authenticate": kind})
                else:
                    self._answer(200 if digest else 404, {"Docker-Content-Digest": digest} if digest else {})

            def do_GET(self) -> None:
                registry.asked.append(self.path)
                user = registry.basic(self.headers.get("Authorization", ""))
                self._answer(200, {}, json.dumps({"token": f"token-of-{user}"} if user else {}))

            def _answer(self, status: int, headers: Mapping[str, str], body: str = "") -> None:
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, format: str, *args: object) -> None: ...

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"localhost:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    def basic(self, given: str) -> str | None:
        """The user of a header with the right password."""
        if not given.startswith("Basic "):
            return None
        user, _, password = base64.b64decode(given.removeprefix("Basic ")).decode().partition(":")
        return user if self.users.get(user) == password else None

    def accepts(self, given: str) -> bool:
        """Whether the header belongs to a user."""
        if self.tokens:
            return given.removeprefix("Bearer token-of-") in self.users
        return self.basic(given) is not None
