"""Dockerfiles, compose files and Procfiles: ports, users and commands."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from orchestrator.errors import SettingsError
from orchestrator.onboarding import dockerfile_source, manifest_files
from orchestrator.onboarding.dockerfile_source import Dockerfile
from orchestrator.onboarding.findings import Finding, line_of
from orchestrator.onboarding.source_tree import SourceTree

_COMPOSE = re.compile(r"^(docker-)?compose([.-][\w.-]+)?\.ya?ml$")
_LOCAL = ("local", "dev", "test", "docs", "ci")


@dataclass(frozen=True, kw_only=True)
class ContainerFiles:
    """The facts that the files of containers show."""

    dockerfile: Dockerfile | None = None
    others: tuple[str, ...] = ()
    """More Dockerfiles, which were not chosen."""

    frontends: tuple[str, ...] = ()
    """Dockerfiles beside a `package.json`, outside the folder of the Django project."""

    commands: list[tuple[str, int | None, str]] = field(default_factory=list[tuple[str, "int | None", str]])
    """File, line and command of each process."""

    images: dict[str, Finding] = field(default_factory=dict[str, Finding])
    """Images of services beside the application, by kind: `postgres`, `redis`."""


def read(repository: SourceTree, folder: str) -> ContainerFiles:
    """Read the files of a repository whose Django project is in `folder`."""
    docker = _dockerfiles(repository, folder)
    chosen = dockerfile_source.read(repository, docker[0]) if docker else None
    commands: list[tuple[str, int | None, str]] = []
    if chosen and chosen.command:
        commands.append((chosen.path, chosen.command.line, f"{chosen.entrypoint} {chosen.command.value}".strip()))
    commands += _procfile(repository)
    images: dict[str, Finding] = {}
    for path in repository.files:
        if _COMPOSE.match(PurePosixPath(path).name):
            _compose(repository, path, commands, images)
    return ContainerFiles(
        dockerfile=chosen,
        others=tuple(docker[1:]),
        frontends=tuple(_frontends(repository, chosen)),
        commands=commands,
        images=images,
    )


def _frontends(repository: SourceTree, chosen: Dockerfile | None) -> list[str]:
    files = {*repository.files}
    return [
        path
        for path in repository.named("Dockerfile")
        if f"{PurePosixPath(path).parent}/package.json" in files and (chosen is None or path != chosen.path)
    ]


def _dockerfiles(repository: SourceTree, folder: str) -> list[str]:
    """The Dockerfiles of the application, the most likely one first; those of databases and local work are left out."""
    found = [
        path
        for path in repository.files
        if PurePosixPath(path).name.split(".")[0] == "Dockerfile" or path.endswith(".Dockerfile")
        if not re.search(r"postgres|redis|nginx|traefik|frontend|node|docs|devcontainer|/aws/", path)
    ]

    def rank(path: str) -> tuple[int, int, int, int]:
        text, name = repository.text(path) or "", PurePosixPath(path)
        django = any(word in text for word in ("manage.py", "gunicorn", "uvicorn", "python", "DJANGO_"))
        local = any(part in _LOCAL for part in re.split(r"[/._-]", path.lower()))
        inside = folder in (".", str(name.parent)) or path.startswith(f"{folder}/")
        return (not django, local, not inside, path.count("/"))

    return sorted(found, key=rank)


def _procfile(repository: SourceTree) -> list[tuple[str, int | None, str]]:
    return [
        (path, line, command)
        for path in repository.named("Procfile")
        for line, _, command in procfile(repository, path)
    ]


def procfile(repository: SourceTree, path: str) -> list[tuple[int, str, str]]:
    """Line, process and command of each line of a Procfile."""
    lines = enumerate((repository.text(path) or "").splitlines(), 1)
    found = ((number, re.match(r"^([A-Za-z0-9_-]+):\s*(.+)$", line)) for number, line in lines)
    return [(number, match[1], match[2].strip()) for number, match in found if match]


def compose_services(repository: SourceTree, path: str) -> dict[str, Mapping[str, Any]]:
    """The services of a compose file by name; none for a file that is not a compose file."""
    text = repository.text(path)
    if text is None:
        return {}
    try:
        document = manifest_files.parse(Path(path), text)
    except SettingsError as error:
        repository.unread.append(error.message)
        return {}
    services = document.get("services")
    if not isinstance(services, Mapping):
        return {}
    return {str(name): service for name, service in services.items() if isinstance(service, Mapping)}


def _compose(
    repository: SourceTree, path: str, commands: list[tuple[str, int | None, str]], images: dict[str, Finding]
) -> None:
    text = repository.text(path) or ""
    for name, service in compose_services(repository, path).items():
        line = line_of(text, f"{name}:")
        if command := command_text(service.get("command")):
            commands.append((path, line, command))
        image = str(service.get("image", ""))
        for kind in ("postgis", "postgres", "redis", "valkey", "mysql", "mariadb", "rabbitmq"):
            if re.search(rf"(^|/){kind}(:|$|/)", image):
                images.setdefault(kind, Finding(what=kind, value=image, file=path, line=line))


def command_text(command: Any) -> str:
    """A command of a compose file or manifest, a text or a list, as one text."""
    if isinstance(command, list):
        return shlex.join(map(str, command))
    return command if isinstance(command, str) else ""
