"""One-off tasks that ask an image of the application about its migrations, before any service has that image."""

from __future__ import annotations

import base64
import contextlib
import zlib
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from orchestrator.config import documents
from orchestrator.errors import OperationFailedError
from orchestrator.operations.aws import ecs as services
from orchestrator.operations.aws.clients import Clients
from orchestrator.operations.aws.targets import Target
from orchestrator.operations.events import LogLine, Observer
from orchestrator.operations.tasks import hint_of, runner
from orchestrator.recovery.tagged_resources import MANAGED_BY, MANAGED_BY_TAG
from pulumi_django.deploying.release_tasks import STARTED_BY
from pulumi_django.deploying.task_runner import RunningTask, TaskError, TaskRequest, TaskTimeout

if TYPE_CHECKING:
    from mypy_boto3_ecs.type_defs import TaskDefinitionTypeDef

SCRIPT = Path(__file__).with_name("in_image.py")
MARK = "@@orchestrator "
"""Beginning of the lines that the script prints."""

TIMEOUT_SECONDS = 900.0
STARTED_BY_CHECK = f"{STARTED_BY}-check"
_COPIED = ("cpu", "memory", "volumes", "taskRoleArn", "executionRoleArn", "runtimePlatform", "ephemeralStorage")
_NOT_COPIED = ("dependsOn", "healthCheck", "portMappings", "links")


@dataclass(frozen=True, kw_only=True)
class Question:
    """A question about the migrations of an image."""

    what: str
    """`state` or `plan`."""

    image: str | None
    """The image; None is the one that the services run."""


def words_of(what: str, release_command: Sequence[str]) -> list[str]:
    """Return the command that runs the script in the image, with the Python of the release command."""
    manage = next((at for at, word in enumerate(release_command) if word.endswith("manage.py")), None)
    prefix = list(release_command[:manage]) if manage else ["python"]
    folder = str(PurePosixPath(release_command[manage]).parent) if manage else "."
    packed = base64.b85encode(zlib.compress(SCRIPT.read_bytes(), 9)).decode()
    path = f"import sys;sys.path.insert(0,{folder!r});" if folder != "." else ""
    code = f"{path}import base64,zlib;exec(zlib.decompress(base64.b85decode({packed!r})))"
    return [*prefix, "-c", code, what]


def ask(
    questions: Sequence[Question],
    release_command: Sequence[str],
    target: Target,
    clients: Clients,
    observer: Observer,
) -> list[list[dict[str, Any]]]:
    """Return the lines of each answer. The tasks run at the same time.

    In the simulation no task runs, and the answers are empty. Raises OperationFailedError when a task does not succeed.
    """
    place = _Place(target, clients)
    with contextlib.ExitStack() as stack:
        definitions = [stack.enter_context(place.definition(question.image)) for question in questions]
        heard: list[list[dict[str, Any]]] = [[] for _ in questions]
        tasks = [
            place.start(definition, words_of(question.what, release_command), _reader(lines, observer))
            for question, definition, lines in zip(questions, definitions, heard, strict=True)
        ]
        for finish in tasks:
            finish()
    for question, lines in zip(questions, heard, strict=True):
        if not clients.simulated and not any(line.get("kind") == "done" for line in lines):
            raise OperationFailedError(
                f"the migrations of {question.image or 'the running image'} are not known: its task printed no result",
                "the service's log configuration must be awslogs, and its image must have the application's Django project",
            )
    return heard


def _reader(lines: list[dict[str, Any]], observer: Observer) -> Observer:
    """An observer that takes the lines of the script and passes on everything else."""

    def hear(event: Any) -> None:
        if not isinstance(event, LogLine) or not event.text.startswith(MARK):
            observer(event)
            return
        with contextlib.suppress(ValueError):  # the application printed into the same line
            found = documents.json_value(event.text.removeprefix(MARK))
            if isinstance(found, dict):
                lines.append(found)  # pyright: ignore[reportUnknownArgumentType]

    return hear


class _Place:
    """The release's task definition, and copies of it with other images."""

    def __init__(self, target: Target, clients: Clients) -> None:
        self._target, self._clients, self._ecs = target, clients, clients.client("ecs")
        self._release = self._described(target.outputs.release_task_family)
        self._container = _first(self._release)
        self._running: str | None = None

    def _described(self, definition: str) -> TaskDefinitionTypeDef:
        found: TaskDefinitionTypeDef = self._ecs.describe_task_definition(taskDefinition=definition)["taskDefinition"]
        return found

    @property
    def running_image(self) -> str:
        """The image of the web service."""
        if self._running is None:
            service = self._target.service()
            found = services.the_service(self._clients, self._target, service)
            definition = self._described(found.get("taskDefinition", ""))
            containers = definition.get("containerDefinitions", [])
            own = next((c for c in containers if c.get("name") == service.short), _first(definition))
            self._running = str(own.get("image", ""))
        return self._running

    @contextlib.contextmanager
    def definition(self, image: str | None) -> Generator[str]:
        """A task definition with that image while the block runs."""
        wanted = image or self.running_image
        if wanted == self._container.get("image"):
            yield str(self._release.get("taskDefinitionArn", self._target.outputs.release_task_family))
            return
        definition = self._registered(wanted)
        try:
            yield definition
        finally:
            # An inactive definition costs nothing, and not every role may delete one.
            with contextlib.suppress(self._ecs.exceptions.ClientError):
                self._ecs.deregister_task_definition(taskDefinition=definition)
                self._ecs.delete_task_definitions(taskDefinitions=[definition])

    def _registered(self, image: str) -> str:
        container = {name: value for name, value in self._container.items() if name not in _NOT_COPIED}
        copied: Mapping[str, Any] = {name: value for name in _COPIED if (value := self._release.get(name))}
        answer = self._ecs.register_task_definition(
            family=f"{self._target.outputs.release_task_family}-check",
            networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"],
            containerDefinitions=[{**container, "image": image}],
            # The deploy role may register only definitions with the tag of this project.
            tags=[
                {"key": key, "value": value} for key, value in {**self._target.tags, MANAGED_BY_TAG: MANAGED_BY}.items()
            ],
            **copied,
        )
        return str(answer["taskDefinition"]["taskDefinitionArn"])

    def start(self, definition: str, command: Sequence[str], observer: Observer) -> Callable[[], None]:
        """Start a task, and return a function that follows it to its end."""
        outputs = self._target.outputs
        run = runner(self._clients, observer, "migrations")
        request = TaskRequest(
            cluster=outputs.cluster_name,
            task_definition=definition,
            subnet_ids=outputs.task_subnet_ids,
            security_group_ids=outputs.task_security_group_ids,
            command=command,
            started_by=STARTED_BY_CHECK,
        )
        task = run.start(request)
        return lambda: self._finish(run.follow, task)

    def _finish(self, follow: Callable[..., Any], task: RunningTask) -> None:
        try:
            end = follow(task, timeout_seconds=TIMEOUT_SECONDS).end
        except TaskTimeout as error:
            raise OperationFailedError(f"the migrations were not compared: {error}") from error
        except TaskError as error:
            if error.__cause__ is not None:
                raise
            raise OperationFailedError(f"the migrations were not compared: {error}") from error
        if not end.succeeded:
            log = "".join(f"\n  {line}" for line in (task.log.last if task.log else ()))
            raise OperationFailedError(f"the migrations were not compared: task {task.id} {end}{log}", hint_of(end))


def _first(definition: TaskDefinitionTypeDef) -> Mapping[str, Any]:
    containers = definition.get("containerDefinitions", [])
    return next((dict(c) for c in containers if c.get("essential", True)), {})
