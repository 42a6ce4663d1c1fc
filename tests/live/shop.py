"""The shop as `orchestrator local up` runs it, for the tests of this folder."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import requests

from orchestrator.errors import RefusedError
from orchestrator.local import binaries
from tests.support.ports import free_port
from tests.support.waiting import LONG, until

T = TypeVar("T")

HERE = Path(__file__).parent
SHOP = HERE.parents[1] / "examples" / "shop"


def missing(*programs: str) -> str | None:
    """Why the shop cannot run here; None when it can. `programs` are needed besides those of the shop."""
    try:
        binaries.postgres()
        binaries.redis()
    except RefusedError as error:
        return error.message
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath), "/usr/sbin"])
    absent = [name for name in ("gunicorn", "celery", *programs) if shutil.which(name, path=path) is None]
    return f"{' and '.join(absent)} is not installed" if absent else None


@dataclass
class Shop:
    """The running shop."""

    name: str
    """Name of the environment."""

    process: subprocess.Popen[str]
    port: int
    log: Path
    infrastructure: Path
    environment: dict[str, str]
    values: Path
    """Dotenv file with the values of the tests."""

    up: Sequence[str]
    """Words of its command."""

    folder: Path
    """Folder that the test and the shop's own test application share (SHOP_TEST_FOLDER)."""

    session: requests.Session = field(default_factory=requests.Session)

    @property
    def host(self) -> str:
        return f"{self.name}.localhost"

    @property
    def said(self) -> str:
        """The output of `local up` so far."""
        return self.log.read_text(encoding="utf-8")

    @property
    def left(self) -> list[int]:
        """Processes of this machine that belong to the environment, besides the orchestrator itself."""
        state = self.environment["XDG_STATE_HOME"].encode()
        return [
            int(folder.name)
            for folder in Path("/proc").iterdir()
            if folder.name.isdigit()
            and int(folder.name) not in (os.getpid(), self.process.pid)
            and _names(folder, state)
        ]

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run another command of the orchestrator."""
        return subprocess.run(
            [sys.executable, "-m", "orchestrator", *words],
            cwd=self.infrastructure,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=LONG,
        )

    def python(self, code: str) -> str:
        """Run Python with Django's settings and the variables of the web service; return its output."""
        ran = self.tried(f"import django\ndjango.setup()\n{code}")
        assert ran.returncode == 0, ran.stderr
        return ran.stdout.strip()

    def tried(self, code: str) -> subprocess.CompletedProcess[str]:
        """Run Python with the variables of the web service, however it ends."""
        return self.command("local", "run", self.name, "--", "python", "-c", code)

    def ps(self) -> dict[str, dict[str, Any]]:
        """The containers as `local ps` reports them."""
        found = json.loads(self.command("local", "ps", self.name, "--json").stdout)
        return {each["container"]: each for each in found["services"]}

    def get(self, path: str, host: str | None = None) -> requests.Response:
        # The default of `requests` follows redirects to names that only browsers resolve.
        return self.session.get(
            f"http://127.0.0.1:{self.port}{path}",
            headers={"Host": f"{host or self.host}:{self.port}"},
            allow_redirects=False,
            timeout=LONG,
        )

    def post(self, path: str, data: Any, files: Any = None, host: str | None = None) -> requests.Response:
        """Send a form. A page with a CSRF cookie comes first."""
        return self.session.post(
            f"http://127.0.0.1:{self.port}{path}",
            data,
            headers=self.form_headers(host),
            files=files,
            allow_redirects=False,
            timeout=LONG,
        )

    def websocket(self, act: Callable[[], T], origin: str | None = None) -> tuple[T, dict[str, Any]]:
        """Follow the orders on the websocket, act, and return the result of that and the message after it."""

        async def follow() -> tuple[T, dict[str, Any]]:
            headers = {"Host": f"{self.host}:{self.port}", "Origin": origin or f"http://{self.host}:{self.port}"}
            url = f"http://127.0.0.1:{self.port}/ws/orders/"
            async with aiohttp.ClientSession() as session, session.ws_connect(url, headers=headers) as socket:
                assert await socket.receive_json(timeout=LONG) == {"following": "orders"}
                result = await asyncio.to_thread(act)
                return result, await socket.receive_json(timeout=LONG)

        return asyncio.run(follow())

    def form_headers(self, host: str | None = None) -> dict[str, str]:
        # The cookie belongs to the host in the header, which `requests` does not look at.
        token = str(self.session.cookies["csrftoken"])
        return {"Host": f"{host or self.host}:{self.port}", "Cookie": f"csrftoken={token}", "X-CSRFToken": token}


@contextmanager
def running(
    name: str,
    *,
    config: str = "",
    code: Path = SHOP,
    stacks: Path = SHOP / "infrastructure",
    words: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
) -> Generator[Shop]:
    """Run an environment of the shop while the block runs.

    `config` is added to its stack file in a copy of `stacks`, `words` and `environment` to its command.
    """
    # PostgreSQL's own user must be able to enter, when root runs the tests.
    state = Path(tempfile.mkdtemp(prefix="local-"))
    state.chmod(0o755)
    infrastructure = state / "infrastructure"
    shutil.copytree(stacks, infrastructure, ignore=shutil.ignore_patterns(".*"))
    with (infrastructure / "app" / f"Pulumi.{name}.yaml").open("a", encoding="utf-8") as stack_file:
        stack_file.write(config)
    shared = state / "shared"
    shared.mkdir()
    given = {
        "SHOP_REPORT_SECONDS": "1",
        "SHOP_EXTRA_APPS": "waiting",
        "SHOP_TEST_FOLDER": str(shared),
        "PYTHONPATH": str(HERE / "apps"),
    }
    file = state / "values.env"
    file.write_text("".join(f"{key}={value}\n" for key, value in given.items()), encoding="utf-8")
    variables = {
        **{key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"},
        "PATH": os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin"]),
        "XDG_STATE_HOME": str(state),
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        **(environment or {}),
    }
    port, log = free_port(), state / "output"
    up = ["local", "up", name, "--port", str(port), "--python", sys.executable, "--env-file", str(file)]
    up += ["--code", str(code), *words]
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "orchestrator", *up],
            cwd=infrastructure,
            env=variables,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
        )
    shop = Shop(
        name=name,
        process=process,
        port=port,
        log=log,
        infrastructure=infrastructure,
        environment=variables,
        values=file,
        up=up,
        folder=shared,
    )
    try:
        until(lambda: "\nurl " in shop.said or process.poll() is not None)
        assert process.poll() is None, shop.said
        yield shop
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(state, ignore_errors=True)


def _names(process: Path, text: bytes) -> bool:
    """Whether the words or the variables of a process contain the text."""
    try:
        return any(text in (process / file).read_bytes() for file in ("cmdline", "environ"))
    except OSError:
        return False
