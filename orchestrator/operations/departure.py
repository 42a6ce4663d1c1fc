"""What an environment leaves behind that its stack knows nothing of: its database on the shared server, pushed secrets.

`find` before the destroy, `before` it and `after` it: the database needs the environment's task and network, and its
services need their secrets, until they are gone. What cannot be cleared is said and keeps nobody from being destroyed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.errors import OrchestratorError
from orchestrator.operations import secrets, sleep
from orchestrator.operations.aws import target as targets
from orchestrator.operations.aws.clients import Clients
from orchestrator.operations.aws.errors import explained
from orchestrator.operations.aws.reach import for_target
from orchestrator.operations.aws.target import Target
from orchestrator.operations.database import databases
from orchestrator.operations.observer import Note, Observer, ignore
from pulumi_django.rules.kinds import Kind

if TYPE_CHECKING:
    from orchestrator.lifecycle.context import Context


@dataclass(frozen=True)
class Departure:
    """One environment that goes."""

    target: Target
    clients: Clients

    def before(self, observer: Observer = ignore) -> None:
        """Drop its database; production's stays, as does one whose server does not run."""
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
        """Delete the secrets that were pushed for it; production's stay."""
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
    """Those of the environments that were finished once; the others have neither task nor network to clear with."""
    found: list[Departure] = []
    for name in names:
        try:
            target = targets.find(context, name)
        except OrchestratorError:
            continue
        found.append(Departure(target, clients_for(target)))
    return tuple(found)
