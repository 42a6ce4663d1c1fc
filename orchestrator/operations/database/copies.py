"""Dumps of an environment's database, in its own bucket.

A task of two containers carries them: one with PostgreSQL's tools, which may reach the database, and one with the AWS CLI,
which has the application's role and so the bucket. Its definition is made of the environment's own ones for this one run
and deleted afterwards. So nobody but that task sees the password, and no signed address stands anywhere.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.errors import OperationFailedError, UsageError
from orchestrator.operations.aws import ecs as services
from orchestrator.operations.aws.clients import Clients
from orchestrator.operations.aws.target import Target
from orchestrator.operations.database import scripts
from orchestrator.operations.database.tasks import TaskRun, run_family
from orchestrator.operations.observer import Note, Observer
from pulumi_django.ecs.database_task import ENTRY_POINT

if TYPE_CHECKING:
    from mypy_boto3_ecs.type_defs import TaskDefinitionTypeDef

DATABASE = "database"
"""Container, and last part of the family, of the tasks that work on the database."""

TRANSFER = "transfer"
_ENTRY_POINTS = {DATABASE: list(ENTRY_POINT), TRANSFER: ["aws"]}
"""Not the image's own: another image with the same programs may have none, or another one."""

TRANSFER_IMAGE = "public.ecr.aws/aws-cli/aws-cli:2.27.50"
IMAGE_VARIABLE = "ORCHESTRATOR_AWS_CLI_IMAGE"
"""Environment variable with another image of the AWS CLI, for subnets that cannot reach the public one."""

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
    """Whose data it holds, as far as it says."""

    kind: str | None = None
    size_bytes: int | None = None
    file: str | None = None
    """Where it was also written on this machine."""

    @property
    def place(self) -> tuple[str, str]:
        """Bucket and key."""
        return parse(self.source)


def parse(source: str) -> tuple[str, str]:
    """Bucket and key of `s3://bucket/key`. Raises UsageError."""
    bucket, slash, key = source.removeprefix("s3://").partition("/")
    if not source.startswith("s3://") or not bucket or not slash or not key or key.endswith("/"):
        raise UsageError(f"{source!r} names no dump: s3://BUCKET/KEY is wanted")
    return bucket, key


def family(target: Target) -> str:
    """The family of tasks that may work on the server. Raises OperationFailedError when the environment has none."""
    name = f"{target.environment}-{DATABASE}"
    if name not in target.outputs.task_families:
        raise OperationFailedError(
            f"{target.environment} has no task {name}: it was made by another version of pulumi-django",
            f"run `orchestrator update-env {target.environment}`",
        )
    return name


def dump(target: Target, clients: Clients, observer: Observer, to: str | None) -> tuple[Dump, TaskRun]:
    """Write a dump into the environment's bucket. Raises OperationFailedError; UsageError when `to` is there already."""
    if to is not None and os.path.lexists(to):
        raise UsageError(f"the dump cannot be written to {to}: there is something already", "name another file")
    setting = _Setting(target, clients)
    key = f"{FOLDER}/{target.environment}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.dump"
    written = Dump(source=f"s3://{setting.bucket}/{key}", environment=target.environment, kind=target.outputs.kind)
    task = setting.run(observer, scripts.dump(), _upload(written), first=DATABASE)
    s3 = clients.client("s3")
    size = int(s3.head_object(Bucket=setting.bucket, Key=key)["ContentLength"])
    if to is not None and target.notice is None:
        _download(s3, setting.bucket, key, to)
    done = Dump(source=written.source, environment=written.environment, kind=written.kind, size_bytes=size, file=to)
    return done, task


def look(source: str, target: Target, clients: Clients) -> Dump:
    """What a dump says of itself. Raises UsageError when it is not there."""
    if not source.startswith("s3://"):
        path = Path(source)
        if not path.is_file():
            raise UsageError(f"there is no dump {source}: it is no file", "give a file, or s3://BUCKET/KEY")
        return Dump(source=source, size_bytes=path.stat().st_size)
    bucket, key = parse(source)
    s3 = clients.client("s3")
    try:
        head = s3.head_object(Bucket=bucket, Key=key)
    except s3.exceptions.ClientError as error:
        if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") != 404:
            raise
        raise UsageError(
            f"there is no dump {source}", f"make one: `orchestrator db dump {target.environment}`"
        ) from None
    said: Mapping[str, str] = head.get("Metadata", {})
    return Dump(
        source=source,
        environment=said.get("environment"),
        kind=said.get("kind"),
        size_bytes=int(head["ContentLength"]),
    )


def restore(found: Dump, target: Target, clients: Clients, observer: Observer) -> TaskRun:
    """Replace the environment's database by the dump, which is brought into its bucket for that time."""
    setting = _Setting(target, clients)
    near = _brought(found, setting.bucket, target, clients, observer)
    try:
        return setting.run(observer, scripts.restore(), ["s3", "cp", near.source, scripts.DUMP_FILE], first=TRANSFER)
    finally:
        if near is not found:
            delete(near, clients)


def delete(found: Dump, clients: Clients) -> None:
    """Delete a dump from its bucket."""
    bucket, key = found.place
    clients.client("s3").delete_object(Bucket=bucket, Key=key)


def _brought(found: Dump, bucket: str, target: Target, clients: Clients, observer: Observer) -> Dump:
    """The dump itself when it is in that bucket, else a copy of it there: the task may read no other."""
    s3 = clients.client("s3")
    key = f"{FOLDER}/incoming-{target.environment}-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}.dump"
    if not found.source.startswith("s3://"):
        observer(Note(text=f"{found.source} goes to the bucket {bucket} for the time of the restore"))
        _upload_file(s3, found.source, bucket, key)
    elif found.place[0] != bucket:
        observer(Note(text=f"the dump is copied to the bucket {bucket} for the time of the restore"))
        s3.copy({"Bucket": found.place[0], "Key": found.place[1]}, bucket, key)
    else:
        return found
    return Dump(source=f"s3://{bucket}/{key}")


def _download(s3: Any, bucket: str, key: str, to: str) -> None:
    """The object as a file that appears when it is whole. Others on this machine have no business in the data."""
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
    except Boto3Error as error:  # which hides what AWS said in its text
        raise OperationFailedError(f"{file} could not be stored in the bucket {bucket}: {error}") from error


def _upload(written: Dump) -> list[str]:
    metadata = f"environment={written.environment},kind={written.kind}"
    return ["s3", "cp", scripts.DUMP_FILE, written.source, "--metadata", metadata, "--only-show-errors"]


class _Setting:
    """What the environment's own task definitions say, for one more that is made of them."""

    def __init__(self, target: Target, clients: Clients) -> None:
        self._target, self._clients, self._ecs = target, clients, clients.client("ecs")
        web = services.the_service(clients, target, target.service())
        self._web = self._described(web.get("taskDefinition", ""))
        self._database = self._described(family(target))
        self.bucket = _bucket(self._web, target)

    def run(self, observer: Observer, database: list[str], transfer: list[str], *, first: str) -> TaskRun:
        """Run both containers, the `first` one to its end before the other begins."""
        own = next((dict(c) for c in self._database.get("containerDefinitions", []) if c.get("name") == DATABASE), {})
        containers: list[Any] = [
            _container(own, DATABASE, database, first),
            _container(own, TRANSFER, transfer, first),
        ]
        definition = self._registered(containers)
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
            self._ecs.delete_task_definitions(taskDefinitions=[definition])

    @property
    def _family(self) -> str:
        return f"{self._target.environment}-{DATABASE}-copy"

    def _described(self, definition: str) -> TaskDefinitionTypeDef:
        found: TaskDefinitionTypeDef = self._ecs.describe_task_definition(taskDefinition=definition)["taskDefinition"]
        return found

    def _registered(self, containers: list[Any]) -> str:
        more: dict[str, Any] = {
            "taskRoleArn": self._web.get("taskRoleArn"),
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
            **{name: value for name, value in more.items() if value},
        )
        return str(answer["taskDefinition"]["taskDefinitionArn"])


def _container(own: Mapping[str, Any], name: str, command: list[str], first: str) -> dict[str, Any]:
    """One of the two; only the one with PostgreSQL's tools gets the database's address and password."""
    made: dict[str, Any] = {
        "name": name,
        "image": own.get("image", "") if name == DATABASE else os.environ.get(IMAGE_VARIABLE, TRANSFER_IMAGE),
        "entryPoint": _ENTRY_POINTS[name],
        "command": command,
        # The first one ends before the task does, and the other one waits for its success.
        "essential": name != first,
        "mountPoints": [{"sourceVolume": _VOLUME, "containerPath": scripts.DUMP_FILE.rpartition("/")[0]}],
        "logConfiguration": own.get("logConfiguration", {}),
    }
    if name == DATABASE:
        made |= {"environment": own.get("environment", []), "secrets": own.get("secrets", [])}
    if name != first:
        made["dependsOn"] = [{"containerName": first, "condition": "SUCCESS"}]
    return made


def _bucket(web: TaskDefinitionTypeDef, target: Target) -> str:
    """The bucket that the application is told of."""
    for container in web.get("containerDefinitions", []):
        for variable in container.get("environment", []):
            if variable.get("name") == BUCKET_VARIABLE and variable.get("value"):
                return str(variable.get("value"))
    raise OperationFailedError(
        f"{target.environment} has no bucket for dumps: its web service has no variable {BUCKET_VARIABLE}",
        f"run `orchestrator update-env {target.environment}`",
    )
