"""The programs of an environment on this machine: each container as a process with the variables of its task definition."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.errors import RefusedError, UsageError
from orchestrator.local.addresses import Changes, Place, listening, within_task
from orchestrator.local.certificates import Certificates
from orchestrator.local.folder import StateFolder
from orchestrator.local.layout import Layout, aws_endpoint, is_redis, ports_changed
from orchestrator.local.processes import Program
from orchestrator.local.secret_values import SecretValues
from orchestrator.local.tasks import Container, Service, Task, Tasks

_KEPT = ("HOME", "LANG", "LC_ALL", "LC_CTYPE", "LOGNAME", "SHELL", "TERM", "TZ", "USER")
"""Variables of this process that every program gets. All others come from the task definition."""


@dataclass(frozen=True, kw_only=True)
class LocalContainer:
    """A container that runs as a process."""

    service: str
    program: Program
    from_code: bool
    """Whether it runs the working copy."""


@dataclass(frozen=True, kw_only=True)
class LocalService:
    """A service on this machine."""

    service: Service
    place: Place
    containers: Sequence[LocalContainer]
    """The containers that run here, in the order of their start."""


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """The values that all programs of an environment share."""

    code: Path
    """The working copy."""

    python: Path
    """The Python that runs the working copy."""

    tools: Sequence[Path]
    """Folders of psql and redis-server."""

    commands: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    """The user's own commands by container."""

    values: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    """The user's own values of variables."""

    @property
    def path(self) -> str:
        """The search path: the Python's folder first."""
        return os.pathsep.join([str(self.python.parent), *map(str, self.tools), os.environ.get("PATH", os.defpath)])


class Programs:
    """Makes programs of containers."""

    def __init__(
        self,
        tasks: Tasks,
        layout: Layout,
        changes: Changes,
        secrets: SecretValues,
        folder: StateFolder,
        around: Surroundings,
    ) -> None:
        self._tasks, self._layout, self._changes, self._secrets = tasks, layout, changes, secrets
        self._folder, self._around = folder, around
        self.made_up: set[str] = set()
        """Secret variables that only AWS knows, and that got a made-up value."""

        self.skipped: dict[str, str] = {}
        """Containers that cannot run here, with the reason."""

    def services(self) -> tuple[LocalService, ...]:
        """The services with their containers. Raises RefusedError when a program of the working copy is missing."""
        tasks = [self._tasks.database, self._tasks.release, *(service.task for service in self._tasks.services)]
        known = [container.name for task in tasks if task for container in task.containers]
        for name in self._around.commands:
            if name not in known:
                raise UsageError(
                    f"--command names the container {name}, which does not exist", f"containers are {', '.join(known)}"
                )
        given = self._layout.redis_url is not None
        return tuple(self._service(each) for each in self._tasks.services if not (given and is_redis(each)))

    def task(self, task: Task | None) -> LocalContainer | None:
        """The first container of a one-off task; None when it has no command."""
        if task is None or not task.containers[0].words:
            return None
        return self._container(task.family, task.containers[0], Place(address="127.0.0.1", ports={}))

    def _service(self, service: Service) -> LocalService:
        place = self._layout.services[service.short]
        containers = _in_order(service.task.containers)
        shared = place if len(containers) > 1 else None
        found = [self._container(service.short, each, place, shared) for each in containers]
        return LocalService(service=service, place=place, containers=[each for each in found if each is not None])

    def _container(
        self, service: str, container: Container, place: Place, shared: Place | None = None
    ) -> LocalContainer | None:
        own = self._around.commands.get(container.name)
        from_code = own is not None or container.image == self._tasks.code_image
        words = list(own or container.words)
        if not words:
            self.skipped[container.name] = "its command is in its image"
            return None
        if shutil.which(words[0], path=self._around.path) is None:
            if from_code:
                raise RefusedError(
                    f"{container.name} cannot run here: {words[0]} is not installed in {self._around.python.parent.parent}",
                    "install the requirements of the working copy there, or pass --python",
                )
            self.skipped[container.name] = f"{words[0]} is not installed"
            return None
        return LocalContainer(
            service=service,
            program=self._program(container, words, place, shared),
            from_code=from_code,
        )

    def _program(self, container: Container, words: Sequence[str], place: Place, shared: Place | None) -> Program:
        return Program(
            name=container.name,
            words=listening([self._text(container, word, shared) for word in words], place),
            environment=self.environment(container, shared),
            folder=self._around.code,
            stop_seconds=container.stop_seconds,
            open_files=container.open_files,
        )

    def environment(self, container: Container, shared: Place | None = None) -> dict[str, str]:
        """All variables of the container's process. `shared` is the place of a task that has other containers too."""
        temporary = self._folder.temporary(container.name)
        temporary.mkdir(parents=True, exist_ok=True)
        found = {name: os.environ[name] for name in _KEPT if name in os.environ}
        found |= {"PATH": self._around.path, "TMPDIR": str(temporary), "PYTHONUNBUFFERED": "1"}
        if self._around.python.parent.name == "bin":
            found["VIRTUAL_ENV"] = str(self._around.python.parent.parent)
        found |= self._aws()
        if self._layout.cache is not None and self._layout.redis_url is None:
            found["SSL_CERT_FILE"] = str(Certificates(self._folder.certificates).bundle)
        for name, value in container.environment.items():
            found[name] = ports_changed(name, self._text(container, value, shared), self._layout)
        for name, reference in container.secrets.items():
            found[name] = self._secret(name, reference)
        return {**found, **self._around.values}

    def _secret(self, name: str, reference: str) -> str:
        value = self._secrets.value(reference)
        if value is None:
            if name not in self._around.values:
                self.made_up.add(name)
            return self._secrets.made_up(name)
        return value

    def _aws(self) -> dict[str, str]:
        """Invalid credentials for the server that answers for AWS, so that no program reaches the real one."""
        return {
            "AWS_ENDPOINT_URL": aws_endpoint(self._layout),
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def _text(self, container: Container, text: str, shared: Place | None) -> str:
        """A text of the declaration with the places, the private `/tmp` and the volumes of this machine."""
        folders = {"/tmp": self._folder.temporary(container.name)}
        for path, volume in container.mounts.items():
            folders[path] = self._folder.volume(volume)
            folders[path].mkdir(parents=True, exist_ok=True)
        if shared is not None:
            text = within_task(text, shared)  # first, since the places of other parts can be on 127.0.0.1 too
        return below(self._changes.applied(text), folders)


def below(text: str, folders: Mapping[str, Path]) -> str:
    """The text with other folders in place of those of a container, and of all that is below them."""
    local = {path.rstrip("/"): str(folder) for path, folder in folders.items()}
    # In one pass, so that a folder of this machine is not replaced again. A folder in another one comes first.
    paths = "|".join(re.escape(path) for path in sorted(local, key=len, reverse=True))
    return re.sub(rf"(?<![\w/.-])(?:{paths})(?=/|$|[\s:,;\"'])", lambda found: local[found[0]], text)


def _in_order(containers: Sequence[Container]) -> list[Container]:
    """The containers, each after those that start first."""
    left, found = list(containers), []
    names = {container.name for container in containers}
    while left:
        done = {container.name for container in found}
        ready = [each for each in left if {*each.starts_after} & names <= done] or left
        found += ready
        left = [each for each in left if each not in ready]
    return found
