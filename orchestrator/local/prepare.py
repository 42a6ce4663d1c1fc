"""Everything that is checked and computed before the first process of an environment starts."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from orchestrator.config.settings import Settings
from orchestrator.errors import RefusedError, UsageError
from orchestrator.local import (
    addresses,
    backing,
    binaries,
    declaration,
    folder,
    layout,
    routes,
    secret_values,
    steps,
    tasks,
)
from orchestrator.local.addresses import Addresses
from orchestrator.local.backing import PostgresServer
from orchestrator.local.declaration import Declaration
from orchestrator.local.folder import StateFolder
from orchestrator.local.layout import Layout
from orchestrator.local.programs import LocalContainer, LocalService, Programs, Surroundings
from orchestrator.local.routes import Routes
from orchestrator.local.secret_values import MadeSecrets, SecretValues
from orchestrator.local.steps import LocalStep
from orchestrator.local.tasks import Tasks

DEFAULT_PORT = 8080
_NOT_HERE = "CloudFront, autoscaling, TLS of the load balancer and exec sessions exist on AWS only"


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """The programs to run."""

    name: str
    code: Path | None = None
    """Working copy; None is the nearest folder with `manage.py`, from the working folder up to the root of the repository."""

    python: Path | None = None
    """Python of the working copy; None is that of VIRTUAL_ENV, else of `.venv` in the working copy, else the current one."""

    port: int = DEFAULT_PORT
    """Port of the front door."""

    database_url: str | None = field(default=None, repr=False)
    """A PostgreSQL server with a role that may create roles and databases; None starts one."""

    redis_url: str | None = field(default=None, repr=False)
    """A Redis; None starts one."""

    values: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    """The user's own values of variables."""

    commands: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    """The user's own commands by container."""

    reload: bool = False
    """Start services again when a file of the working copy changes."""

    def __post_init__(self) -> None:
        if not 0 < self.port < 65536:
            raise UsageError(f"port {self.port} is not valid: a port is 1 to 65535", "choose another port with --port")


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """An environment that can start."""

    wanted: Wanted
    declaration: Declaration
    tasks: Tasks
    routes: Routes
    layout: Layout
    folder: StateFolder
    code: Path
    secrets: SecretValues = field(repr=False)
    services: Sequence[LocalService] = field(repr=False)
    database: LocalContainer | None = field(repr=False)
    release: LocalContainer | None = field(repr=False)
    steps: Sequence[LocalStep] = field(repr=False)
    postgres: PostgresServer | None = field(repr=False)
    redis: Path | None
    """Program of the Redis that stands for the cache of the base."""

    redis_token: str | None = field(repr=False)
    notes: Sequence[str] = ()

    @property
    def urls(self) -> dict[str, str]:
        """The addresses of the environment by host name, its own first. Names with `*` have no address."""
        declared = urlsplit(str(self.declaration.outputs.get("url"))).hostname or ""
        domain = self.declaration.base_outputs.get("domain_name")
        own = addresses.local_host(declared, domain, self.declaration.environment)
        hosts = sorted((host for host in self.routes.hosts if "*" not in host), key=lambda host: host != own)
        hosts = hosts or [f"{self.declaration.environment}.localhost"]
        return {host: f"http://{host}:{self.wanted.port}" for host in hosts}

    @property
    def url(self) -> str:
        """The address of the environment."""
        return next(iter(self.urls.values()))

    @property
    def web(self) -> str:
        """The short name of the web service."""
        behind = [each.name for each in self.tasks.services if each.targets] or [self.tasks.services[0].name]
        names = self.declaration.outputs.get("service_names") or behind
        return str(names[0]).removeprefix(f"{self.declaration.environment}-")

    @property
    def containers(self) -> tuple[str, ...]:
        """The names that log lines have."""
        before = [each for each in (self.database, self.release) if each is not None]
        after = [each.container for each in self.steps]
        return tuple(each.program.name for each in (*before, *after, *(c for s in self.services for c in s.containers)))


def prepare(settings: Settings, wanted: Wanted, where: Path) -> Prepared:
    """Return the environment ready to start. Nothing runs yet, and nothing but folders is created.

    Raises UnknownStackError, RefusedError, UsageError, SettingsError, OperationFailedError.
    """
    _check_extra()
    _check_port(wanted.port)
    code = _code(wanted, where, settings.root)
    declared = declaration.declared_apart(settings, wanted.name)
    found, rules = tasks.read(declared), routes.read(declared)
    state = folder.of_environment(declared.project, wanted.name)
    _check_settings_module(wanted.name, code, found)
    arranged = _arranged(settings, wanted, declared, found)
    made = MadeSecrets(state)
    changes = layout.changes(declared, found, rules, arranged)
    secret_values.replace_generated(declared, made, changes)
    master = _master(declared, arranged, made)
    secrets = SecretValues(declared, made, changes, master)
    postgres = _postgres(declared, found, state, arranged, made, master)
    redis = binaries.redis() if wanted.redis_url is None and _needs_redis(found, arranged) else None
    state.create()
    around = Surroundings(
        code=code,
        python=_python(wanted.python, code),
        tools=[*_client(found, postgres), *([redis.parent] if redis else [])],
        commands=wanted.commands,
        values=_values(declared, arranged, wanted.values),
    )
    programs = Programs(found, arranged, changes, secrets, state, around)
    services, after = programs.services(), steps.local(found, programs)
    database, release = programs.task(found.database), programs.task(found.release)
    made.save()
    return Prepared(
        wanted=wanted,
        declaration=declared,
        tasks=found,
        routes=layout.local_routes(declared, rules),
        layout=arranged,
        folder=state,
        code=code,
        secrets=secrets,
        services=services,
        database=database,
        release=release,
        steps=after,
        postgres=postgres,
        redis=redis if arranged.cache is not None else None,
        redis_token=secret_values.cache_token(declared, made),
        notes=_notes(found, programs, state),
    )


def _arranged(settings: Settings, wanted: Wanted, declared: Declaration, found: Tasks) -> Layout:
    return layout.on_this_machine(
        declared,
        found,
        Addresses(f"{settings.root}:{wanted.name}"),
        site_port=wanted.port,
        database_url=wanted.database_url,
        redis_url=wanted.redis_url,
    )


def _check_extra() -> None:
    missing = [name for name in ("aiohttp", "watchfiles") if importlib.util.find_spec(name) is None]
    if missing:
        raise RefusedError(f"`local` cannot run: {' and '.join(missing)} is not installed", binaries.INSTALL)
    backing.check_aws_server()


def _check_port(port: int) -> None:
    if not addresses.is_free(addresses.LOOPBACK, port):
        raise RefusedError(
            f"the front door cannot open: port {port} is taken, or this user may not listen on it",
            "stop the program that uses it, or pass --port",
        )


def _code(wanted: Wanted, where: Path, root: Path) -> Path:
    """The working copy. Raises RefusedError when there is none."""
    if wanted.code is not None:
        code = wanted.code.absolute()
        if not (code / "manage.py").is_file():
            raise RefusedError(
                f"{code} is not the working copy of {wanted.name}: it has no manage.py", "pass its folder with --code"
            )
    else:
        candidates = [each for start in (where, root) for each in _up_to_repository(start)]
        code = next((each for each in candidates if (each / "manage.py").is_file()), Path())
        if code == Path():
            raise RefusedError(
                f"there is no working copy of {wanted.name} here: no manage.py is in {where} or in a folder above it",
                "run the command in the working copy, or pass --code",
            )
    return code


def _check_settings_module(name: str, code: Path, found: Tasks) -> None:
    """Raise RefusedError when the working copy is not that of the environment."""
    module = _settings_module(found)
    path = Path(*module.split(".")) if module else None
    if path and not any(_is_module(top / path) for top in (code, code / "src")):
        raise RefusedError(
            f"{code} is not the working copy of {name}: it has no module {module}",
            "pass the right folder with --code, or correct `settings_module` in the stack file",
        )


def _up_to_repository(start: Path) -> list[Path]:
    found: list[Path] = []
    for each in (start, *start.parents):
        found.append(each)
        if (each / ".git").exists():
            break
    return found


def _settings_module(found: Tasks) -> str | None:
    container = (found.release or found.services[0].task).containers[0]
    return container.environment.get("DJANGO_SETTINGS_MODULE")


def _is_module(path: Path) -> bool:
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def _python(given: Path | None, code: Path) -> Path:
    """The Python of the working copy. Raises RefusedError when the given one does not exist."""
    if given is not None:
        found = given / "bin" / "python" if given.is_dir() else given
        if not os.access(found, os.X_OK):
            raise RefusedError(
                f"{given} is neither a Python interpreter nor a virtual environment",
                "pass a program or a folder with --python",
            )
        return found.absolute()
    active = os.environ.get("VIRTUAL_ENV")
    for home in (Path(active) if active else None, code / ".venv"):
        if home is not None and os.access(home / "bin" / "python", os.X_OK):
            return (home / "bin" / "python").absolute()
    return Path(sys.executable)


def _master(declared: Declaration, arranged: Layout, made: MadeSecrets) -> dict[str, str]:
    """Name and password of the role that creates databases."""
    if arranged.database_url is not None:
        url = arranged.database_url
        return {"username": unquote(url.username or "postgres"), "password": unquote(url.password or "")}
    return {"username": secret_values.master_name(declared), "password": made.value("database/master")}


def _postgres(
    declared: Declaration,
    found: Tasks,
    state: StateFolder,
    arranged: Layout,
    made: MadeSecrets,
    master: Mapping[str, str],
) -> PostgresServer | None:
    if arranged.database_url is not None or not declared.base_outputs.get("database_host"):
        return None
    server = PostgresServer(
        binaries=binaries.postgres(),
        folder=state,
        place=arranged.database,
        port=int(declared.base_outputs.get("database_port") or layout.POSTGRES_PORT),
        superuser_password=made.value("database/superuser"),
        master=master,
        database=str(declared.outputs.get("database_name") or ""),
        extensions=tasks.extensions(found.database),
    )
    state.create()
    server.check()
    return server


def _client(found: Tasks, postgres: PostgresServer | None) -> list[Path]:
    """The folder of psql, if the database task needs it."""
    if postgres is not None:
        return [postgres.binaries.folder]
    return [binaries.psql()] if found.database is not None else []


def _needs_redis(found: Tasks, arranged: Layout) -> bool:
    return arranged.cache is not None or any(layout.is_redis(service) for service in found.services)


def _values(declared: Declaration, arranged: Layout, given: Mapping[str, str]) -> dict[str, str]:
    """The user's own values, with those that a given server needs."""
    found: dict[str, str] = {}
    if declared.base_outputs.get("domain_name") and declared.base_outputs["domain_name"] != "localhost":
        found["DOMAIN_NAME"] = "localhost"
    if arranged.database_url is not None:
        found["PGSSLMODE"] = layout.ssl_mode(arranged.database_url)
    return {**found, **given}


def _notes(found: Tasks, programs: Programs, state: StateFolder) -> list[str]:
    notes = [f"{_NOT_HERE}; S3 and SQS keep their data in memory"]
    if found.scheduled:
        notes.append(f"no schedule starts {', '.join(found.scheduled)} here: use `orchestrator local run`")
    for name, why in programs.skipped.items():
        notes.append(f"{name} does not run here: {why}; give it a command of this machine with --command {name}='...'")
    if programs.made_up:
        names = ", ".join(sorted(programs.made_up))
        notes.append(
            f"only AWS has the values of {names}, so they are made up here: write your own into {state.values}"
        )
    several = [f"{service.short} ({service.count})" for service in found.services if service.count > 1]
    if several:
        notes.append(f"one process here stands for the tasks of {', '.join(several)}")
    return notes
