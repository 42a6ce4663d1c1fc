"""The leftovers of an environment outside its stack: its database on the shared server, and pushed secrets.

`find` comes before the destroy. `before` drops the database, which needs the environment's task and network. `after`
deletes the secrets, which the services need until they are gone. A failure is reported and does not stop the destroy.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.errors import OperationFailedError, OrchestratorError
from orchestrator.operations import app_stack, secrets, sleep
from orchestrator.operations.aws import targets
from orchestrator.operations.aws.clients import Clients
from orchestrator.operations.aws.errors import explained
from orchestrator.operations.aws.reach import for_target
from orchestrator.operations.aws.targets import Target
from orchestrator.operations.database import databases
from orchestrator.operations.events import LogLine as LogLine
from orchestrator.operations.events import Note, Observer, ignore
from orchestrator.operations.tasks import run_family
from pulumi_django.rules.kinds import Kind

if TYPE_CHECKING:
    from orchestrator.lifecycle.context import Context


@dataclass(frozen=True)
class Departure:
    """An environment that is being destroyed."""

    target: Target
    clients: Clients
    last_command: Sequence[str] | None = None
    """The command of `on_destroy`."""

    def run_last_command(self, observer: Observer = ignore) -> None:
        """Run the command of `on_destroy` in a task of the release's definition.

        Raises OperationFailedError when it does not succeed.
        """
        if not self.last_command:
            return
        name, family = self.target.environment, self.target.outputs.release_task_family
        observer(Note(text=f"{name}: on_destroy runs `{shlex.join(self.last_command)}`"))
        try:
            with explained(self.target.aws):
                run_family(self.target, self.clients, observer, family, self.last_command)
        except OrchestratorError as error:
            raise OperationFailedError(
                f"{name} was not destroyed: the command of on_destroy failed: {error.message}",
                "correct the cause and run the command again, or remove the command: "
                f"`orchestrator update-env {name} --set on_destroy=null`",
            ) from error

    def before(self, observer: Observer = ignore) -> None:
        """Drop its database, except for production and while the server is stopped."""
        name = self.target.environment
        if self.target.outputs.kind == Kind.PROD:
            observer(Note(text=f"the database {self.target.outputs.database_name} stays: {name} is production"))
            return
        try:
            with explained(self.target.aws):
                awake = sleep.running(self.target.base_outputs, self.clients)
            if awake is False:
                what = f"the database {self.target.outputs.database_name} stays: its server does not run"
                observer(Note(text=what, severity="warning"))
                return
            databases.drop(self.target, self.clients, observer)
        except OrchestratorError as error:
            text = f"the database {self.target.outputs.database_name} stays: {error.message}"
            observer(Note(text=text, severity="warning"))

    def after(self, observer: Observer = ignore) -> None:
        """Delete its pushed secrets, except for production."""
        if self.target.outputs.kind == Kind.PROD:
            return
        try:
            secrets.forget(self.target, self.clients)
        except OrchestratorError as error:
            text = f"secrets of {self.target.environment} may be left: {error.message}"
            observer(Note(text=text, severity="warning"))


def find(
    context: Context, names: Sequence[str], clients_for: Callable[[Target], Clients] = for_target
) -> tuple[Departure, ...]:
    """Return the environments that have outputs; the others have no task and no network to drop a database."""
    found: list[Departure] = []
    for name in names:
        try:
            target = targets.find(context, name)
        except OrchestratorError:
            continue
        found.append(Departure(target, clients_for(target), _last_command(context, name)))
    return tuple(found)


def _last_command(context: Context, name: str) -> Sequence[str] | None:
    command = app_stack.find(context, name).get("on_destroy")
    return [str(word) for word in command] if command else None
