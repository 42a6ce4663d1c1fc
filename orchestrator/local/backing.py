"""The servers that an environment needs: PostgreSQL, the Redis of a base, and moto's server for S3 and SQS."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import OperationFailedError, RefusedError
from orchestrator.local.addresses import Place, free_port
from orchestrator.local.binaries import INSTALL, Postgres
from orchestrator.local.certificates import Certificates
from orchestrator.local.folder import StateFolder
from orchestrator.local.processes import Process, Program, Supervisor
from orchestrator.local.tls_door import TlsDoor

SUPERUSER = "rdsadmin"
"""As on RDS, where the master role is not a superuser."""

START_SECONDS = 60
_PAUSE_SECONDS = 0.05


_EXTENSIONS = r"""
SELECT format('CREATE EXTENSION IF NOT EXISTS %I CASCADE', name)
  FROM pg_available_extensions JOIN pg_available_extension_versions USING (name)
 WHERE version = default_version AND NOT trusted AND name = ANY (string_to_array(:'extensions', ',')) \gexec
"""
# A new database is a copy of template1.
_MASTER = rf"""
\getenv master MASTER_NAME
\getenv password MASTER_PASSWORD
\getenv database APP_DATABASE
\getenv extensions APP_EXTENSIONS
SELECT format('CREATE ROLE %I LOGIN CREATEDB CREATEROLE', :'master')
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'master') \gexec
ALTER ROLE :"master" PASSWORD :'password';
{_EXTENSIONS}
SELECT EXISTS (SELECT FROM pg_database WHERE datname = :'database') AS exists \gset
\if :exists
\connect :"database"
{_EXTENSIONS}
\endif
"""


@dataclass(frozen=True, kw_only=True)
class PostgresServer:
    """The database server of a base."""

    binaries: Postgres
    folder: StateFolder
    place: Place
    port: int
    """Declared port."""

    superuser_password: str
    master: Mapping[str, str]
    """Name and password of the master role."""

    database: str = ""
    """Name of the environment's database."""

    extensions: Sequence[str] = ()
    """Extensions that the database task creates."""

    def check(self) -> None:
        """Raise RefusedError when the data belongs to another version, or the server's user cannot reach its folder."""
        version = self.folder.database / "PG_VERSION"
        if version.exists() and (has := version.read_text(encoding="utf-8").strip()) != self.binaries.major:
            raise RefusedError(
                f"PostgreSQL {self.binaries.major} cannot read the data of {self.folder.path.name}: PostgreSQL {has} wrote it",
                f"remove it with `orchestrator local down {self.folder.path.name} --data`, or install PostgreSQL {has}",
            )
        user = self.binaries.user
        if user is None:
            return
        done = subprocess.run(
            ["test", "-x", str(self.folder.path)],
            user=user.user,
            group=user.group,
            extra_groups=[],
            cwd="/",
            check=False,
        )
        if done.returncode:
            raise RefusedError(
                f"PostgreSQL cannot run here: its user {user.name} cannot enter {self.folder.path}",
                "set XDG_STATE_HOME to a folder that it can enter",
            )

    async def start(self, supervisor: Supervisor, certificates: Certificates) -> Process:
        """Start the server, and create the data folder first when there is none."""
        data = self.folder.database
        if not (data / "PG_VERSION").exists():
            await self._create(supervisor)
        self._configure(certificates)
        process = await supervisor.start(
            Program(
                name="postgres",
                words=[str(self.binaries.folder / "postgres"), "-D", str(data)],
                environment=self._environment(),
                folder=data,
                stop_signal=signal.SIGINT,  # ends connections; SIGTERM would wait for them
                user=self.binaries.user,
            )
        )
        address, port = self.place.address, self.place.port(self.port)
        ready = [str(self.binaries.folder / "pg_isready"), "-q", "-h", address, "-p", str(port)]
        await until(process, "PostgreSQL", lambda: _succeeds(ready, self._environment()))
        await self._master(supervisor)
        return process

    async def _create(self, supervisor: Supervisor) -> None:
        """Create the data folder. It appears in one step, so that a kill leaves none that is half made."""
        data, new = self.folder.database, self.folder.path / "postgres.new"
        shutil.rmtree(new, ignore_errors=True)
        shutil.rmtree(data, ignore_errors=True)
        new.mkdir(mode=0o700)
        password = new / "password"
        with open(os.open(password, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8") as file:
            file.write(self.superuser_password)
        self._owned(new, password)
        words = ["-D", str(new / "data"), "-U", SUPERUSER, "--pwfile", str(password), "--auth=scram-sha-256"]
        words += ["--encoding=UTF8", "--locale=C.UTF-8" if sys.platform == "linux" else "--locale=C", "--no-sync"]
        process = await supervisor.finish(
            Program(
                name="postgres",
                words=[str(self.binaries.folder / "initdb"), *words],
                environment=self._environment(),
                folder=new,
                user=self.binaries.user,
            )
        )
        if process.code:
            raise failed("initdb failed", process, "see the lines above")
        (new / "data").rename(data)
        shutil.rmtree(new)

    def _configure(self, certificates: Certificates) -> None:
        data = self.folder.database
        for source, name in ((certificates.certificate, "server.crt"), (certificates.key, "server.key")):
            target = data / name
            target.unlink(missing_ok=True)
            with open(os.open(target, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
                file.write(source.read_bytes())
            self._owned(target)
        own = data / "local.conf"
        lines = [
            f"listen_addresses = '{self.place.address}'",
            f"port = {self.place.port(self.port)}",
            "unix_socket_directories = ''",
            "ssl = on",
            "synchronous_commit = off",  # the data of one developer
            "max_connections = 200",
            "log_min_messages = fatal",
        ]
        own.write_text("\n".join(lines) + "\n", encoding="utf-8")
        access = data / "pg_hba.conf"
        access.write_text("hostssl all all 0.0.0.0/0 scram-sha-256\n", encoding="utf-8")
        main = data / "postgresql.conf"
        text = main.read_text(encoding="utf-8")
        if "include_if_exists 'local.conf'" not in text:
            main.write_text(f"{text}\ninclude_if_exists 'local.conf'\n", encoding="utf-8")
        self._owned(own, access, main)

    async def _master(self, supervisor: Supervisor) -> None:
        """Create the master role, which may create roles and databases and is not a superuser.

        On RDS it may also create extensions that PostgreSQL leaves to superusers, so the superuser creates those here.
        """
        environment = {
            **self._environment(),
            "PGPASSWORD": self.superuser_password,
            "MASTER_NAME": self.master["username"],
            "MASTER_PASSWORD": self.master["password"],
            "APP_DATABASE": self.database,
            "APP_EXTENSIONS": ",".join(self.extensions),
        }
        connection = f"host={self.place.address} port={self.place.port(self.port)} user={SUPERUSER} dbname=template1"
        words = [str(self.binaries.folder / "psql"), "--no-psqlrc", "-q", "-v", "ON_ERROR_STOP=1", "-d", connection]
        script = self.folder.path / "master.sql"
        script.write_text(_MASTER, encoding="utf-8")
        program = Program(name="postgres", words=[*words, "-f", str(script)], environment=environment, folder=Path("/"))
        process = await supervisor.finish(program)
        if process.code:
            raise failed("the master role could not be created", process, "see the lines above")

    def _environment(self) -> dict[str, str]:
        return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC", "HOME": "/"}

    def _owned(self, *files: Path) -> None:
        if self.binaries.user:
            for file in files:
                os.chown(file, self.binaries.user.user, self.binaries.user.group)


async def start_redis(
    supervisor: Supervisor, program: Path, folder: StateFolder, place: Place, port: int, token: str | None
) -> tuple[Process, TlsDoor | None]:
    """Start the Redis of a base; with an auth token behind TLS."""
    outer = place.port(port)
    inner = outer if token is None else free_port(place.address)
    lines = [f"bind {place.address}", f"port {inner}", 'save ""', "appendonly no", f"dir {folder.path}"]
    if token is not None:
        lines.append(f"requirepass {token}")
    file = folder.path / "redis.conf"
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as written:
        written.write("\n".join(lines) + "\n")
    process = await supervisor.start(
        Program(name="cache", words=[str(program), str(file)], environment={"PATH": os.defpath}, folder=folder.path)
    )
    await until(process, "Redis", lambda: answers(place.address, inner))
    if token is None:
        return process, None
    door = TlsDoor(Certificates(folder.certificates), place.address, outer, inner)
    await door.open()
    return process, door


def check_aws_server() -> None:
    """Raise RefusedError when moto's server is not installed."""
    if importlib.util.find_spec("moto") is None or importlib.util.find_spec("flask") is None:
        raise RefusedError("S3 and SQS cannot run here: moto's server is not installed", INSTALL)


async def start_aws(supervisor: Supervisor, place: Place, port: int) -> Process:
    """Start moto's server. Its data is in memory."""
    local = place.port(port)
    process = await supervisor.start(
        Program(
            name="aws",
            words=[sys.executable, "-m", "moto.server", "-H", place.address, "-p", str(local)],
            environment={
                **{name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ},
                "HOME": "/",
                "MOTO_CALL_RESET_API": "false",
            },
            folder=Path("/"),
            stop_seconds=5,
        )
    )
    await until(process, "moto's server", lambda: answers(place.address, local))
    return process


async def until(process: Process, what: str, ready: Callable[[], Awaitable[bool]]) -> None:
    """Wait until `ready` returns True. Raises OperationFailedError when the process ends first, or never gets there."""
    for _ in range(int(START_SECONDS / _PAUSE_SECONDS)):
        if await ready():
            return
        if process.code is not None:
            await process.wait()
            raise failed(f"{what} ended with exit code {process.code}", process, "see the lines above")
        await asyncio.sleep(_PAUSE_SECONDS)
    raise failed(f"{what} does not answer after {START_SECONDS} s", process, "see the lines above")


async def answers(address: str, port: int) -> bool:
    """Whether something listens there."""
    try:
        _, writer = await asyncio.open_connection(address, port)
    except OSError:
        return False
    writer.close()
    return True


async def _succeeds(words: list[str], environment: Mapping[str, str]) -> bool:
    process = await asyncio.create_subprocess_exec(
        *words, env=dict(environment), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    return await process.wait() == 0


def failed(what: str, process: Process, hint: str) -> OperationFailedError:
    """The error of a failed process, with the last line that it wrote."""
    last = next((line for line in reversed(process.last) if line.strip()), None)
    return OperationFailedError(f"{what}{f': {last.strip()}' if last else ''}", hint)
