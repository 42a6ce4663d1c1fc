"""Everything that `init` learns from a repository."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from orchestrator.onboarding import (
    application_source,
    celery_source,
    container_files,
    django_project,
    requirements_source,
    settings_source,
    source_tree,
    urls_source,
)
from orchestrator.onboarding.celery_source import CelerySource
from orchestrator.onboarding.container_files import ContainerFiles
from orchestrator.onboarding.django_project import DjangoProject
from orchestrator.onboarding.findings import Finding
from orchestrator.onboarding.python_source import Module, Variable, constant, parse
from orchestrator.onboarding.settings_source import Settings
from orchestrator.onboarding.source_tree import SourceTree

_SERVERS = ("daphne", "uvicorn", "hypercorn")
_OTHER_SERVERS = (*_SERVERS, "uwsgi", "waitress-serve", "granian", "mod_wsgi-express", "unitd")
_EXTENSIONS = {
    "TrigramExtension": "pg_trgm",
    "HStoreExtension": "hstore",
    "CITextExtension": "citext",
    "UnaccentExtension": "unaccent",
    "BtreeGinExtension": "btree_gin",
    "BtreeGistExtension": "btree_gist",
    "CryptoExtension": "pgcrypto",
    "BloomExtension": "bloom",
    "VectorExtension": "vector",
}
"""https://docs.djangoproject.com/en/5.2/ref/contrib/postgres/operations/, and that of pgvector."""


@dataclass(frozen=True, kw_only=True)
class Survey:
    """Facts about a repository and its Django project."""

    repository: SourceTree
    project: DjangoProject
    settings: Settings
    name: Finding
    """Name for images and projects."""

    wsgi: Finding | None
    """WSGI module, with `:object` when that is not `application`."""

    asgi: Finding | None
    server: Finding | None
    """ASGI server among the requirements, when the project has an ASGI module and uses Channels."""

    celery: CelerySource
    health: Finding | None
    extensions: tuple[Finding, ...]
    containers: ContainerFiles
    requirements: dict[str, Finding]
    backends: tuple[Finding, ...]
    """Database engine, storages, and layer of Channels."""

    code_variables: Mapping[str, tuple[str, Variable]]
    """File and place of the environment variables that code outside the settings reads."""

    @property
    def needs_redis(self) -> bool:
        """Whether the project uses Redis: for Celery, the cache, or Channels."""
        known = {"redis", "django-redis", "channels-redis", "celery", "django-rq", "hiredis"}
        return bool(self.celery.app or known & {*self.requirements} or "REDIS_URL" in self.settings.variables)

    @property
    def own_server(self) -> list[str]:
        """The words of the image's command, if it runs another server than gunicorn, or a script that must run one, because
        gunicorn is not installed; none for a shell command."""
        docker = self.containers.dockerfile
        text = str(docker.command.value) if docker and docker.command else ""
        if re.search(r"[;&|$`<>]", text):
            return []
        words = shlex.split(text, posix=True) if text.count("'") % 2 == 0 and text.count('"') % 2 == 0 else []
        program = (
            words[2] if words[:1] == ["python"] and words[1:2] == ["-m"] and len(words) > 2 else "".join(words[:1])
        )
        if PurePosixPath(program).name in _OTHER_SERVERS:
            return words
        known = {"gunicorn"} & {*self.requirements} or "gunicorn" in (
            self.repository.text(docker.path) or "" if docker else ""
        )
        return words if program.endswith(".sh") and self.requirements and not known else []

    @property
    def script_variables(self) -> Mapping[str, tuple[str, Variable]]:
        """File and place of the variables that the image needs before Django starts."""
        return self.containers.dockerfile.variables if self.containers.dockerfile else {}

    @property
    def variables(self) -> Mapping[str, tuple[str, Variable]]:
        """File and place of every variable: of the settings, of the script that starts the image, and of other code."""
        found = {**self.settings.variables}
        for name, (file, variable) in (*self.script_variables.items(), *self.code_variables.items()):
            if name not in found or (variable.required and not found[name][1].required):
                found[name] = (file, variable)
        return found

    @property
    def is_async(self) -> bool:
        """Whether the web service runs an ASGI server."""
        return self.server is not None and self.asgi is not None

    def findings(self) -> Iterable[Finding]:
        """Every fact, in the order of the report."""
        yield self.name
        yield self.project.settings
        found = (self.wsgi, self.asgi, self.server)
        yield from (each for each in found if each)
        yield from self.backends
        yield from (each for each in (self.celery.app,) if each)
        yield from self.celery.queues
        docker = self.containers.dockerfile
        image = (docker.stage, docker.port, docker.user, docker.command) if docker else ()
        yield from (each for each in (self.celery.beat, self.health, *self.extensions, *image) if each)


def survey(root: Path) -> Survey:
    """Read a repository. Raises UsageError and RefusedError."""
    repository = source_tree.read(root)
    project = django_project.find(repository)
    settings = settings_source.read(project.tree, str(project.settings.value))
    containers = container_files.read(repository, project.folder)
    requirements = requirements_source.read(repository)
    asgi = _application(project, settings, "ASGI_APPLICATION", "asgi")
    urls = settings.value("ROOT_URLCONF") or f"{project.package}.urls"
    return Survey(
        repository=repository,
        project=project,
        settings=settings,
        name=_name(root, project),
        wsgi=_application(project, settings, "WSGI_APPLICATION", "wsgi"),
        asgi=asgi,
        server=_asgi_server(requirements, settings) if asgi else None,
        celery=celery_source.read(project.tree, settings, containers.commands),
        health=urls_source.health_path(project.tree, str(urls)),
        extensions=tuple(_extensions(project.tree, settings)),
        containers=containers,
        requirements=requirements,
        backends=tuple(settings_source.backends(settings)),
        code_variables=application_source.variables(project.tree, [module.path for module in settings.modules]),
    )


def _application(project: DjangoProject, settings: Settings, setting: str, name: str) -> Finding | None:
    value = settings.value(setting)
    if isinstance(value, str) and "." in value:
        module, _, variable = value.rpartition(".")
        given = module if variable == "application" else f"{module}:{variable}"
        return settings.finding(f"{name.upper()} module", given, setting)
    files = [path for path in project.tree.named(f"{name}.py") if parse(project.tree, path)]
    own = next((path for path in files if path.split("/")[0] == project.package), files[0] if files else None)
    return Finding(what=f"{name.upper()} module", value=django_project.module_name(own), file=own) if own else None


def _asgi_server(requirements: dict[str, Finding], settings: Settings) -> Finding | None:
    """The ASGI server of a project with Channels. Without Channels, gunicorn runs the WSGI module."""
    if "channels" not in {*requirements, *settings.list("INSTALLED_APPS")}:
        return None
    found = next((requirements[name] for name in _SERVERS if name in requirements), None)
    return found and Finding(what="ASGI server", value=found.value, file=found.file, line=found.line)


def _name(root: Path, project: DjangoProject) -> Finding:
    """The name of the git remote's repository, else of the folder, in the form of Pulumi projects and image repositories."""
    remote = _remote(root)
    if remote:
        return Finding(what="name", value=as_name(PurePosixPath(remote).stem), file=".git/config")
    folder = as_name(root.resolve().name)
    return Finding(what="name", value=folder or as_name(project.package) or "app", guess="the name of the folder")


def as_name(text: str) -> str:
    """A text as a name of letters, digits and hyphens that begins with a letter; up to 20 characters."""
    plain = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    return re.sub(r"^[^a-z]+", "", plain)[:20].rstrip("-")


def _remote(root: Path) -> str | None:
    try:
        answer = subprocess.run(
            ["git", "-C", str(root), "remote", "get-url", "origin"],
            capture_output=True,
            text=True,
            check=False,
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return None
    return answer.stdout.strip() if answer.returncode == 0 else None


def _extensions(tree: SourceTree, settings: Settings) -> Iterable[Finding]:
    """Extensions of PostgreSQL that migrations create, and PostGIS."""
    seen: set[str] = set()
    if "django.contrib.gis" in settings.list("INSTALLED_APPS") or any("postgis" in text for text in settings.text):
        seen.add("postgis")
        yield settings.finding("extension", "postgis", "INSTALLED_APPS")
    for path in tree.files:
        if "/migrations/" not in path or not path.endswith(".py") or "Extension" not in (tree.text(path) or ""):
            continue
        module = parse(tree, path)
        for name, line in _created(module) if module else ():
            if name not in seen:
                seen.add(name)
                yield Finding(what="extension", value=name, file=path, line=line)


def _created(module: Module) -> Iterable[tuple[str, int]]:
    """The extensions that the operations of a migration create, each with its line."""
    for operation, extension in _EXTENSIONS.items():
        yield from ((extension, call.lineno) for call in module.calls(operation))
    for call in module.calls("CreateExtension"):
        name = constant(call.args[0]) if call.args else None
        if isinstance(name, str):
            yield name, call.lineno
