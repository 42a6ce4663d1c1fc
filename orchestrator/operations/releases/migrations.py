"""Migrations between two images, and dangerous operations in pending ones. Django in the images reports both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from orchestrator.config.documents import DamagedError, decoded
from orchestrator.errors import OperationFailedError
from orchestrator.operations.aws.clients import Clients
from orchestrator.operations.aws.targets import Target
from orchestrator.operations.events import Observer
from orchestrator.operations.releases import image_tasks
from orchestrator.operations.releases.image_tasks import Question

Severity = Literal["breaks", "locks", "unknown"]
AFTER_DEPLOY = "after_deploy"
"""`safe` of migrations that django-safemigrate runs after the deploy."""


@dataclass(frozen=True, kw_only=True)
class MigrationBetween:
    """A migration that the running image has applied and the image of an older release does not have."""

    app: str
    name: str
    reversible: bool
    """Whether Django can reverse all its operations. Reversing a new column still deletes its data."""

    def __str__(self) -> str:
        return f"{self.app}.{self.name}"


@dataclass(frozen=True, kw_only=True)
class Danger:
    """A dangerous operation of a migration."""

    operation: str
    """Class of the operation, for example `RemoveField`."""

    number: int
    """Place of the operation in the migration, from 0."""

    severity: Severity
    """`breaks`: code that is running fails. `locks`: PostgreSQL locks the table. `unknown`: cannot be judged."""

    what: str


@dataclass(frozen=True, kw_only=True)
class PendingMigration:
    """A migration that the release would apply."""

    app: str
    name: str
    safe: str | None
    """When django-safemigrate runs it, such as `before_deploy`; None without it."""

    dangers: tuple[Danger, ...]

    def __str__(self) -> str:
        return f"{self.app}.{self.name}"


@dataclass(frozen=True, kw_only=True)
class _Line:
    """One line of the script."""

    kind: str
    app: str = ""
    name: str = ""
    names: Sequence[str] = ()
    irreversible: Sequence[str] = ()
    safe: str | None = None
    dangers: tuple[Danger, ...] = ()


def between(
    image: str, release_command: Sequence[str], target: Target, clients: Clients, observer: Observer
) -> tuple[MigrationBetween, ...]:
    """Return the applied migrations that `image` does not have, in alphabetical order.

    Raises OperationFailedError when one of the two tasks does not succeed.
    """
    questions = [Question(what="state", image=None), Question(what="state", image=image)]
    now, then = image_tasks.ask(questions, release_command, target, clients, observer)
    return compared(now, then)


def compared(now: Sequence[Mapping[str, Any]], then: Sequence[Mapping[str, Any]]) -> tuple[MigrationBetween, ...]:
    """Return the migrations between two answers to `state`."""
    current, older = _lines(now), _lines(then)
    irreversible = {(line.app, name) for line in current if line.kind == "known" for name in line.irreversible}
    known = {(line.app, name) for line in current if line.kind == "known" for name in line.names}
    applied = {(line.app, name) for line in current if line.kind == "applied" for name in line.names}
    there = {(line.app, name) for line in older if line.kind == "known" for name in line.names}
    return tuple(
        MigrationBetween(app=app, name=name, reversible=(app, name) in known - irreversible)
        for app, name in sorted((applied & known) - there)
    )


def pending(
    image: str, release_command: Sequence[str], target: Target, clients: Clients, observer: Observer
) -> tuple[PendingMigration, ...]:
    """Return the migrations of `image` that are not applied, in the order in which Django applies them.

    Raises OperationFailedError when the task does not succeed.
    """
    question = Question(what="plan", image=image)
    (answer,) = image_tasks.ask([question], release_command, target, clients, observer)
    return planned(answer, release_command)


def planned(answer: Sequence[Mapping[str, Any]], release_command: Sequence[str]) -> tuple[PendingMigration, ...]:
    """Return the migrations of an answer to `plan`.

    With `safemigrate` as release command, those that it runs after the deploy are left out.
    """
    safemigrate = any("safemigrate" in word for word in release_command)
    return tuple(
        PendingMigration(app=line.app, name=line.name, safe=line.safe, dangers=line.dangers)
        for line in _lines(answer)
        if line.kind == "pending" and not (safemigrate and line.safe == AFTER_DEPLOY)
    )


def _lines(answer: Sequence[Mapping[str, Any]]) -> list[_Line]:
    import json

    try:
        return [decoded(_Line, json.dumps(line).encode()) for line in answer]
    except DamagedError as error:
        raise OperationFailedError(f"the migrations are not known: their report is damaged ({error})") from None
