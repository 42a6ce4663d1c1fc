"""Copies of an environment's database: dumps in its own bucket, and clones on its server.

A task of two containers transfers dumps. One container has PostgreSQL's tools and the database's address and password. The
other one has the AWS CLI; the application's role gives it the bucket. The task definition is made from the environment's
own ones for this run and deleted afterwards. Only that task sees the password, and no signed URL exists.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.errors import OperationFailedError, UsageError
from orchestrator.operations.aws import ecs as services
from orchestrator.operations.aws.clients import Clients
from orchestrator.operations.aws.targets import Target
from orchestrator.operations.database import scripts
from orchestrator.operations.events import Note, Observer
from orchestrator.operations.tasks import TaskRun, run_family
from orchestrator.recovery.tagged_resources import MANAGED_BY, MANAGED_BY_TAG
from pulumi_django.ecs.database_task import ENTRY_POINT

if TYPE_CHECKING:
    from mypy_boto3_ecs.type_defs import TaskDefinitionTypeDef

DATABASE = "database"
"""Container, and last part of the family, of the tasks for the database."""

TRANSFER = "transfer"
_ENTRY_POINTS = {DATABASE: list(ENTRY_POINT), TRANSFER: ["aws"]}
"""These replace the image's own: another image with the same programs may have no entry point, or a different one."""

TRANSFER_IMAGE = "public.ecr.aws/aws-cli/aws-cli:2.27.50"
IMAGE_VARIABLE = "ORCHESTRATOR_AWS_CLI_IMAGE"
"""Environment variable for another image of the AWS CLI, for subnets that cannot reach the public registry."""

FOLDER = "dumps"
BUCKET_VARIABLE = "S3_BUCKET_NAME"
_VOLUME = "dump"

# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-task-storage.html
STORAGE_GIB = 100
CPU, MEMORY = "1024", "2048"


@dataclass(frozen=True, kw_only=True)
class Dump:
    """A dump in a bucket, or a file on this machine."""

    source: str
    """`s3://bucket/key`, or the path."""

    environment: str | None = None
    """The environment of its data, if known."""

    kind: str | None = None
    size_bytes: int | None = None
    file: str | None = None
    """Path of its copy on this machine."""

    @property
    def place(self) -> tuple[str, str]:
        """Its bucket and key."""
        return parse(self.source)


def parse(source: str) -> tuple[str, str]:
    """Return bucket and key of `s3://bucket/key`. Raises UsageError."""
    bucket, slash, key = source.removeprefix("s3://").partition("/")
    if not source.startswith("s3://") or not bucket or not slash or not key or key.endswith("/"):
        raise UsageError(f"{source!r} is not the address of a dump", "write s3://BUCKET/KEY")
    return bucket, key


def family(target: Target) -> str:
    """Return the family of tasks for the database. Raises OperationFailedError when the environment has none."""
    name = f"{target.environment}-{DATABASE}"
    if name not in target.outputs.task_families:
        raise OperationFailedError(
            f"{target.environment} has no task {name}: another version of pulumi-django created it",
            f"run `orchestrator update-env {target.environment}`",
        )
    return name


def dump(target: Target, clients: Clients, observer: Observer, to: str | None) -> tuple[Dump, TaskRun]:
    """Write a dump into the environment's bucket. Raises OperationFailedError; UsageError when `to` exists or has no
    folder.
    """
    if to is not None and os.path.lexists(to):
        raise UsageError(f"the dump cannot be written to {to}: the path exists", "choose another file")
    if to is not None and not Path(to).absolute().parent.is_dir():
        raise UsageError(f"the dump cannot be written to {to}: its folder does not exist", "create the folder first")
    setting = _Setting(target, clients)
    key = f"{FOLDER}/{target.environment}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.dump"
    written = Dump(source=f"s3://{setting.bucket}/{key}", environment=target.environment, kind=target.outputs.kind)
    task = setting.run(observer, scripts.dump(), _upload(written))
    s3 = clients.client("s3")
    size = int(s3.head_object(Bucket=setting.bucket, Key=key)["ContentLength"])
    if to is not None and not clients.simulated:
        _download(s3, setting.bucket, key, to)
    done = Dump(source=written.source, environment=written.environment, kind=written.kind, size_bytes=size, file=to)
    return done, task


def look(source: str, target: Target, clients: Clients) -> Dump:
    """Return a dump and its metadata. Raises UsageError when it does not exist."""
    if not source.startswith("s3://"):
        path = Path(source)
        if not path.is_file():
            raise UsageError(f"there is no dump {source}: it is not a file", "give a file, or s3://BUCKET/KEY")
        return Dump(source=source, size_bytes=path.stat().st_size)
    bucket, key = parse(source)
    s3 = clients.client("s3")
    try:
        head = s3.head_object(Bucket=bucket, Key=key)
    except s3.exceptions.ClientError as error:
        if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") != 404:
            raise
        raise UsageError(
            f"there is no dump {source}", f"create one: `orchestrator db dump {target.environment}`"
        ) from None
    metadata: Mapping[str, str] = head.get("Metadata", {})
    return Dump(
        source=source,
        environment=metadata.get("environment"),
        kind=metadata.get("kind"),
        size_bytes=int(head["ContentLength"]),
    )


def restore(found: Dump, target: Target, clients: Clients, observer: Observer) -> TaskRun:
    """Replace the environment's database by the dump. A dump outside its bucket is copied there for this time."""
    setting = _Setting(target, clients)
    near = _brought(found, setting.bucket, target, clients, observer)
    try:
        transfer = ["s3", "cp", near.source, scripts.DUMP_FILE]
        return setting.run(observer, scripts.restore(), transfer, first=TRANSFER)
    finally:
        if near is not found:
            delete(near, clients)


def clone(source: str, target: Target, clients: Clients, observer: Observer) -> TaskRun:
    """Replace the environment's database by a copy of another one on its server."""
    # Not in the environment's own task, which has nowhere to write and less storage.
    return _Setting(target, clients).run(observer, scripts.clone(source))


def delete(found: Dump, clients: Clients) -> None:
    """Delete a dump from its bucket."""
    bucket, key = found.place
    clients.client("s3").delete_object(Bucket=bucket, Key=key)


def _brought(found: Dump, bucket: str, target: Target, clients: Clients, observer: Observer) -> Dump:
    """Return the dump if it is in that bucket, else a copy of it there: the task can read no other bucket."""
    s3 = clients.client("s3")
    key = f"{FOLDER}/incoming-{target.environment}-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}.dump"
    if not found.source.startswith("s3://"):
        observer(Note(text=f"{found.source} is copied to the bucket {bucket} while it is restored"))
        _upload_file(s3, found.source, bucket, key)
    elif found.place[0] != bucket:
        observer(Note(text=f"the dump is copied to the bucket {bucket} while it is restored"))
        s3.copy({"Bucket": found.place[0], "Key": found.place[1]}, bucket, key)
    else:
        return found
    return Dump(source=f"s3://{bucket}/{key}")


def _download(s3: Any, bucket: str, key: str, to: str) -> None:
    """Write the object to a file that appears when it is complete and that only this user can read."""
    partial = Path(f"{to}.part")
    try:
        with os.fdopen(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            s3.download_fileobj(bucket, key, file)
        partial.rename(to)
    except OSError as error:
        raise OperationFailedError(
            f"the dump could not be written to {to}: {error.strerror or error}",
            f"it is in the bucket: s3://{bucket}/{key}",
        ) from error
    finally:
        partial.unlink(missing_ok=True)


def _upload_file(s3: Any, file: str, bucket: str, key: str) -> None:
    from boto3.exceptions import Boto3Error

    try:
        s3.upload_file(file, bucket, key)
    except Boto3Error as error:  # its text holds the error of AWS
        raise OperationFailedError(f"{file} could not be stored in the bucket {bucket}: {error}") from error


def _upload(written: Dump) -> list[str]:
    metadata = f"environment={written.environment},kind={written.kind}"
    return ["s3", "cp", scripts.DUMP_FILE, written.source, "--metadata", metadata, "--only-show-errors"]


class _Setting:
    """The environment's own task definitions, and a new one that is made from them."""

    def __init__(self, target: Target, clients: Clients) -> None:
        self._target, self._clients, self._ecs = target, clients, clients.client("ecs")
        self._database = self._described(family(target))

    @cached_property
    def _web(self) -> TaskDefinitionTypeDef:
        web = services.the_service(self._clients, self._target, self._target.service())
        return self._described(web.get("taskDefinition", ""))

    @property
    def bucket(self) -> str:
        """The environment's bucket. Raises OperationFailedError."""
        return _bucket(self._web, self._target)

    def run(
        self, observer: Observer, database: list[str], transfer: list[str] | None = None, *, first: str = DATABASE
    ) -> TaskRun:
        """Run the container for the database, and the one for the transfer. The other one begins after the end of the
        `first`."""
        own = next((dict(c) for c in self._database.get("containerDefinitions", []) if c.get("name") == DATABASE), {})
        commands = {DATABASE: database} if transfer is None else {DATABASE: database, TRANSFER: transfer}
        containers: list[Any] = [
            _container(own, name, command, [*commands], first) for name, command in commands.items()
        ]
        definition = self._registered(containers, role=self._web.get("taskRoleArn") if transfer else None)
        try:
            return run_family(
                self._target,
                self._clients,
                observer,
                self._family,
                None,
                definition=definition,
                container=DATABASE,
                others=containers[1:],
            )
        finally:
            self._ecs.deregister_task_definition(taskDefinition=definition)
            # An inactive definition costs nothing, and not every role may delete one.
            with contextlib.suppress(self._ecs.exceptions.ClientError):
                self._ecs.delete_task_definitions(taskDefinitions=[definition])

    @property
    def _tags(self) -> dict[str, str]:
        return {**self._target.tags, MANAGED_BY_TAG: MANAGED_BY}

    @property
    def _family(self) -> str:
        return f"{self._target.environment}-{DATABASE}-copy"

    def _described(self, definition: str) -> TaskDefinitionTypeDef:
        found: TaskDefinitionTypeDef = self._ecs.describe_task_definition(taskDefinition=definition)["taskDefinition"]
        return found

    def _registered(self, containers: list[Any], *, role: str | None) -> str:
        more: dict[str, Any] = {
            "taskRoleArn": role,
            "executionRoleArn": self._database.get("executionRoleArn"),
            "runtimePlatform": self._database.get("runtimePlatform"),
        }
        answer = self._ecs.register_task_definition(
            family=self._family,
            networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"],
            cpu=CPU,
            memory=MEMORY,
            ephemeralStorage={"sizeInGiB": STORAGE_GIB},
            volumes=[{"name": _VOLUME}],
            containerDefinitions=containers,
            # The deploy role may register only definitions with the tag of this project.
            tags=[{"key": key, "value": value} for key, value in self._tags.items()],
            **{name: value for name, value in more.items() if value},
        )
        return str(answer["taskDefinition"]["taskDefinitionArn"])


def _container(own: Mapping[str, Any], name: str, command: list[str], names: list[str], first: str) -> dict[str, Any]:
    """Return one of the containers `names`; only the one with PostgreSQL's tools gets the database's address and password."""
    made: dict[str, Any] = {
        "name": name,
        "image": own.get("image", "") if name == DATABASE else os.environ.get(IMAGE_VARIABLE, TRANSFER_IMAGE),
        "entryPoint": _ENTRY_POINTS[name],
        "command": command,
        # The first of two ends before the task does, and the other one waits for its success.
        "essential": name != first or len(names) == 1,
        "mountPoints": [{"sourceVolume": _VOLUME, "containerPath": scripts.DUMP_FILE.rpartition("/")[0]}],
        "logConfiguration": own.get("logConfiguration", {}),
    }
    if name == DATABASE:
        made |= {"environment": own.get("environment", []), "secrets": own.get("secrets", [])}
    if name != first:
        made["dependsOn"] = [{"containerName": first, "condition": "SUCCESS"}]
    return made


def _bucket(web: TaskDefinitionTypeDef, target: Target) -> str:
    """Return the bucket in the application's environment variable."""
    for container in web.get("containerDefinitions", []):
        for variable in container.get("environment", []):
            if variable.get("name") == BUCKET_VARIABLE and variable.get("value"):
                return str(variable.get("value"))
    raise OperationFailedError(
        f"{target.environment} has no bucket for dumps: its web service has no variable {BUCKET_VARIABLE}",
        f"run `orchestrator update-env {target.environment}`",
    )
