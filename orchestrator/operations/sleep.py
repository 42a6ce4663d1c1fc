"""`sleep` and `wake`: environments by a flag in their configuration and an update, bases by stopping their database server.

An environment that sleeps runs no task and loses nothing; what it was stands in its configuration, so waking brings back
exactly that. Environments go to sleep before their base and wake after it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from orchestrator.config.assignments import Assignment
from orchestrator.errors import OperationFailedError, OrchestratorError, RefusedError
from orchestrator.lifecycle import UpdateEnv, refusals
from orchestrator.model import Kind, Scope
from orchestrator.operations import application
from orchestrator.operations.aws import bases
from orchestrator.operations.aws.bases import BaseTarget
from orchestrator.operations.aws.clients import Clients
from orchestrator.operations.aws.errors import explained
from orchestrator.operations.aws.reach import clients_for as clients_for_base
from orchestrator.operations.observer import Note, Observer, ignore
from pulumi_django.deploying.polling import patiently, pauses

if TYPE_CHECKING:
    from orchestrator.lifecycle.context import Context
    from orchestrator.lifecycle.registry import Registry

# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_StopInstance.html
RESTART_DAYS = 7
START_SECONDS = 1800.0


class Want(StrEnum):
    """What is to become of the named ones."""

    SLEEP = "sleep"
    WAKE = "wake"


@dataclass(frozen=True, kw_only=True)
class Rest:
    """What `sleep` or `wake` comes to."""

    want: Want
    update: UpdateEnv | None
    """The update that puts environments to sleep or wakes them; None when there are none, or all are as wanted."""

    bases: tuple[BaseTarget, ...]
    """Bases whose database server is stopped after that update, or started before it."""

    settled: tuple[str, ...]
    """Environments that are as wanted already."""


class ServerState(StrEnum):
    """What `stop` and `start` found and left."""

    STOPPING = "stopping"
    """It was asked to stop, and does so within minutes."""

    STOPPED = "stopped"
    """It did not run already."""

    STARTED = "started"
    RUNNING = "running"
    """It ran already."""


@dataclass(frozen=True, kw_only=True)
class ServerResult:
    """The database server of one base."""

    base: str
    server: str
    """Identifier of the instance or cluster in RDS."""

    state: ServerState

    @property
    def note(self) -> str | None:
        """What has to be known about it."""
        if self.state in (ServerState.STOPPING, ServerState.STOPPED):
            return (
                f"AWS starts {self.server} again by itself after {RESTART_DAYS} days; its storage is paid for meanwhile"
            )
        return None


def sleeping(context: Context) -> frozenset[str]:
    """Names of the environments that sleep, by their configurations; one whose configuration is broken is none of them."""
    found: set[str] = set()
    for environment in context.registry().environments.values():
        with contextlib.suppress(OrchestratorError):
            if application.of(context, environment).asleep:
                found.add(environment.name)
    return frozenset(found)


def prepare(context: Context, names: Sequence[str], want: Want, *, allow_prod: bool = False) -> Rest:
    """What it comes to that these environments and bases sleep, or are awake. Nothing is touched.

    Raises UnknownStackError; UsageError for a name that comes twice; RefusedError for a base on which somebody is awake,
    and for a production base without `allow_prod`.
    """
    refusals.unless_named(names)
    registry = context.registry()
    found = [registry.named(name) for name in names]
    environments = [deployment.name for deployment in found if deployment.scope is Scope.ENVIRONMENT]
    targets = tuple(bases.find(context, it.name) for it in found if it.scope is Scope.BASE)
    for base in targets:
        _check_base(context, registry, base, environments, want, allow_prod=allow_prod)
    update, settled = _update(context, environments, want)
    return Rest(want=want, update=update, bases=targets, settled=settled)


def _check_base(
    context: Context,
    registry: Registry,
    base: BaseTarget,
    environments: Sequence[str],
    want: Want,
    *,
    allow_prod: bool,
) -> None:
    if base.kind is Kind.PROD and not allow_prod:
        raise RefusedError(f"{base.name} is production: nothing was touched", "add --allow-prod")
    _server(base)
    if want is Want.WAKE:
        return
    awake = [
        name
        for name in base.environments
        if name not in environments and not application.of(context, registry.environments[name]).asleep
    ]
    if awake:
        raise RefusedError(
            f"the base {base.name} cannot sleep: {', '.join(awake)} {'is' if len(awake) == 1 else 'are'} awake on it",
            f"put everything to sleep together: `orchestrator sleep {' '.join([*environments, *awake, base.name])}`",
        )


def _update(context: Context, environments: Sequence[str], want: Want) -> tuple[UpdateEnv | None, tuple[str, ...]]:
    """The update of those that are not as wanted, and the names of the others."""
    names: list[str] = []
    settled: list[str] = []
    assignments: dict[str, Assignment] = {}
    for name in environments:
        app = application.find(context, name)
        if app.asleep is (want is Want.SLEEP):
            settled.append(name)
            continue
        names.append(name)
        # None takes the key away: awake is what a configuration without it means.
        assignment = app.assignment("asleep", True if want is Want.SLEEP else None)
        assignments[str(assignment)] = assignment
    update = UpdateEnv(names=tuple(names), assignments=tuple(assignments.values())) if names else None
    return update, tuple(settled)


def check_servers(
    context: Context, rest: Rest, clients_for: Callable[[BaseTarget], Clients] = clients_for_base
) -> None:
    """The environments' databases can be reached: the release before waking needs them. Raises RefusedError."""
    registry, starting = context.registry(), {base.name for base in rest.bases}
    names = rest.update.names if rest.update else ()
    for name in sorted({registry.environments[environment].record.base or "" for environment in names} - starting):
        if name not in registry.bases:
            continue
        base = bases.find(context, name)
        with explained(base.aws):
            if running(base.outputs, clients_for(base)) is False:
                raise RefusedError(
                    f"the database server of {name} does not run: {', '.join(names)} cannot work without it",
                    f"wake both: `orchestrator wake {' '.join([name, *names])}`",
                )


def stop(base: BaseTarget, clients: Clients, observer: Observer = ignore) -> ServerResult:
    """Stop a base's database server, after waiting until it can be stopped. Raises OperationFailedError."""
    server = _server(base)
    with explained(base.aws):
        status = server.settle(clients, observer, wanted=("available", "stopped", "stopping"))
        if status != "available":
            return ServerResult(base=base.name, server=server.identifier, state=ServerState.STOPPED)
        server.call(clients, "stop")
    return ServerResult(base=base.name, server=server.identifier, state=ServerState.STOPPING)


def start(base: BaseTarget, clients: Clients, observer: Observer = ignore) -> ServerResult:
    """Start a base's database server and wait until it takes connections. Raises OperationFailedError."""
    server = _server(base)
    with explained(base.aws):
        status = server.settle(clients, observer, wanted=("available", "stopped"))
        if status == "available":
            return ServerResult(base=base.name, server=server.identifier, state=ServerState.RUNNING)
        server.call(clients, "start")
        server.settle(clients, observer, wanted=("available",))
    return ServerResult(base=base.name, server=server.identifier, state=ServerState.STARTED)


def running(base_outputs: Mapping[str, Any], clients: Clients) -> bool | None:
    """Whether the database server of a base runs; None when the base does not say which it is."""
    server = _named(base_outputs)
    return None if server is None else server.status(clients) not in ("stopped", "stopping")


def _server(base: BaseTarget) -> _Server:
    server = _named(base.outputs)
    if server is None:
        raise RefusedError(
            f"the base {base.name} does not say which database server is its own: there is nothing to stop or start",
            f"run `orchestrator update-base {base.name}` when it is ours; a server that was there before is its owner's",
        )
    return server


def _named(outputs: Mapping[str, Any]) -> _Server | None:
    if outputs.get("database_cluster_id"):
        return _Server(str(outputs["database_cluster_id"]), "DBCluster", "db_cluster", "Status")
    if outputs.get("database_instance_id"):
        return _Server(str(outputs["database_instance_id"]), "DBInstance", "db_instance", "DBInstanceStatus")
    return None


@dataclass(frozen=True)
class _Server:
    """An instance or a cluster of RDS, which differ in the names of everything."""

    identifier: str
    kind: str
    method: str
    key: str

    def status(self, clients: Clients) -> str:
        describe = getattr(clients.client("rds"), f"describe_{self.method}s")
        answer = patiently(lambda: describe(**{f"{self.kind}Identifier": self.identifier}), clients.clock)
        return str(answer[f"{self.kind}s"][0][self.key])

    def call(self, clients: Clients, verb: str) -> None:
        getattr(clients.client("rds"), f"{verb}_{self.method}")(**{f"{self.kind}Identifier": self.identifier})

    def settle(self, clients: Clients, observer: Observer, wanted: Sequence[str]) -> str:
        """Wait for one of the wanted states, saying each state on the way."""
        deadline, pause, said = clients.clock.now() + START_SECONDS, pauses(), ""
        while True:
            status = self.status(clients)
            if status in wanted:
                return status
            if status != said:
                observer(Note(text=f"database server {self.identifier}: {status}"))
                said = status
            if clients.clock.now() >= deadline:
                raise OperationFailedError(
                    f"the database server {self.identifier} is still {status} after {START_SECONDS / 60:g} minutes",
                    "look at its events in RDS, then run the command again",
                )
            clients.clock.sleep(next(pause))
