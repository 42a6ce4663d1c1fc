"""`sleep` and `wake`: environments by a flag in their configuration and an update, bases by stopping their database server.

An environment that is asleep runs no task and loses nothing: its configuration still holds its counts, so waking restores
exactly those. Environments go to sleep before their base and wake after it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from orchestrator.config.assignments import Assignment
from orchestrator.errors import OperationFailedError, RefusedError
from orchestrator.lifecycle import UpdateEnv, refusals
from orchestrator.model import Kind, RunReport, Scope
from orchestrator.operations import app_stack, openings
from orchestrator.operations.aws import targets
from orchestrator.operations.aws.clients import ApiCall, Clients
from orchestrator.operations.aws.errors import explained
from orchestrator.operations.aws.reach import for_base, for_target
from orchestrator.operations.aws.targets import BaseTarget, Target
from orchestrator.operations.events import Note, Observer, ignore
from orchestrator.operations.openings import Opening
from pulumi_django.deploying.polling import patiently, pauses

if TYPE_CHECKING:
    from orchestrator.lifecycle.context import Context
    from orchestrator.lifecycle.registry import Registry

# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_StopInstance.html
RESTART_DAYS = 7
START_SECONDS = 1800.0


class Want(StrEnum):
    """The wanted state."""

    SLEEP = "sleep"
    WAKE = "wake"


@dataclass(frozen=True, kw_only=True)
class Rest:
    """The steps of a `sleep` or `wake`."""

    want: Want
    update: UpdateEnv | None
    """The update that puts environments to sleep or wakes them; None when no environment changes."""

    bases: tuple[BaseTarget, ...]
    """Bases whose database server stops after that update, or starts before it."""

    settled: tuple[str, ...]
    """Environments that are already in the requested state."""

    openings: tuple[Opening, ...] = ()
    """Bases and environments that open outside their office hours, or stay open beyond them; bases first."""


class ServerState(StrEnum):
    """The state of a database server after `stop` or `start`."""

    STOPPING = "stopping"
    """It stops within minutes."""

    STOPPED = "stopped"
    """It was stopped before."""

    STARTED = "started"
    RUNNING = "running"
    """It ran before."""


@dataclass(frozen=True, kw_only=True)
class ServerResult:
    """The database server of one base."""

    base: str
    server: str
    """Identifier of the instance or cluster in RDS."""

    state: ServerState

    @property
    def note(self) -> str | None:
        """A remark for the user."""
        if self.state in (ServerState.STOPPING, ServerState.STOPPED):
            return f"AWS starts {self.server} again after {RESTART_DAYS} days; its storage still costs money"
        return None


@dataclass(frozen=True, kw_only=True)
class Rested:
    """A database server that was stopped or started."""

    server: ServerResult
    calls: tuple[ApiCall, ...] | None
    """The calls that the simulation recorded; None on AWS."""


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A base or an environment that is open outside its office hours."""

    opening: Opening
    calls: tuple[ApiCall, ...] | None
    """The calls that the simulation recorded; None on AWS."""


@dataclass(frozen=True, kw_only=True)
class RestResult:
    """The result of a `sleep` or `wake`."""

    settled: tuple[str, ...]
    """Environments that were already in the requested state."""

    report: RunReport | None
    """The update of the environments; None when no environment changed."""

    servers: tuple[ServerResult, ...]
    opened: tuple[Opened, ...] = ()

    @property
    def exit_code(self) -> int:
        """The report's exit code; 0 without one."""
        return 0 if self.report is None else self.report.exit_code


def prepare(
    context: Context, names: Sequence[str], want: Want, *, allow_prod: bool = False, until: str | None = None
) -> Rest:
    """Check which environments and bases change, and how. Nothing is changed. `until` is that of `openings.prepare`.

    Raises UnknownStackError; UsageError for a repeated name; RefusedError for a base with an environment that stays awake,
    and for a production base without `allow_prod`.
    """
    refusals.unless_named(names)
    registry = context.registry()
    found = [registry.named(name) for name in names]
    environments = [deployment.name for deployment in found if deployment.scope is Scope.ENVIRONMENT]
    bases = tuple(targets.find_base(context, it.name) for it in found if it.scope is Scope.BASE)
    for base in bases:
        _check_base(context, registry, base, environments, want, allow_prod=allow_prod)
    update, settled = _update(context, environments, want)
    opening: tuple[Opening, ...] = ()
    if want is Want.WAKE:
        opening = openings.prepare(context, sorted(found, key=lambda it: it.scope is Scope.ENVIRONMENT), until)
        openings.check_bases(context, opening, [base.name for base in bases])
    settled = tuple(name for name in settled if name not in {each.name for each in opening})
    return Rest(want=want, update=update, bases=bases, settled=settled, openings=opening)


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
        raise RefusedError(f"nothing was changed: {base.name} is production", "add --allow-prod")
    _server(base)
    if want is Want.WAKE:
        return
    awake = [
        name
        for name in base.environments
        if name not in environments and not app_stack.of(context, registry.environments[name]).asleep
    ]
    if awake:
        raise RefusedError(
            f"the base {base.name} was not put to sleep: {', '.join(awake)} {'is' if len(awake) == 1 else 'are'} awake on it",
            f"put them to sleep together: `orchestrator sleep {' '.join([*environments, *awake, base.name])}`",
        )


def _update(context: Context, environments: Sequence[str], want: Want) -> tuple[UpdateEnv | None, tuple[str, ...]]:
    """Return the update of the environments that change, and the names of the others."""
    names: list[str] = []
    settled: list[str] = []
    assignments: dict[str, Assignment] = {}
    for name in environments:
        app = app_stack.find(context, name)
        if app.asleep is (want is Want.SLEEP):
            settled.append(name)
            continue
        names.append(name)
        # None removes the key: an environment without it is awake.
        assignment = app.assignment("asleep", True if want is Want.SLEEP else None)
        assignments[str(assignment)] = assignment
    update = UpdateEnv(names=tuple(names), assignments=tuple(assignments.values())) if names else None
    return update, tuple(settled)


def check_servers(context: Context, rest: Rest, clients_for: Callable[[BaseTarget], Clients] = for_base) -> None:
    """Check that the environments' database servers run: the release needs them. Raises RefusedError."""
    registry, starting = context.registry(), {base.name for base in rest.bases}
    opened = tuple(each.name for each in rest.openings if each.scope is Scope.ENVIRONMENT)
    names = tuple(dict.fromkeys((*(rest.update.names if rest.update else ()), *opened)))
    for name in sorted({registry.environments[environment].record.base or "" for environment in names} - starting):
        if name not in registry.bases:
            continue
        base = targets.find_base(context, name)
        with explained(base.aws):
            if running(base.outputs, clients_for(base)) is False:
                raise RefusedError(
                    f"{', '.join(names)} cannot wake: the database server of {name} does not run",
                    f"wake both: `orchestrator wake {' '.join([name, *names])}`",
                )


def run(
    rest: Rest,
    context: Context,
    carry_out: Callable[[UpdateEnv], RunReport],
    observer: Observer = ignore,
    *,
    clients_for: Callable[[BaseTarget], Clients] = for_base,
    clients_of: Callable[[Target], Clients] = for_target,
    rested: Callable[[Rested], None] | None = None,
) -> RestResult:
    """Put everything to sleep, or wake it, in order. Servers keep running when the update fails.

    `rested` gets each database server as soon as it was stopped or started.

    Raises RefusedError when an environment wakes whose server is stopped, OperationFailedError.
    """
    for name in rest.settled:
        observer(Note(text=f"{name} is {'asleep' if rest.want is Want.SLEEP else 'awake'} already"))

    def each(operation: Callable[[BaseTarget, Clients, Observer], ServerResult]) -> tuple[ServerResult, ...]:
        results: list[ServerResult] = []
        for base in rest.bases:
            clients = clients_for(base)
            results.append(operation(base, clients, observer))
            if rested is not None:
                rested(Rested(server=results[-1], calls=tuple(clients.calls) if clients.simulated else None))
        return tuple(results)

    servers: tuple[ServerResult, ...] = ()
    if rest.want is Want.WAKE:
        check_servers(context, rest, clients_for)
        servers = each(start)
    report = carry_out(rest.update) if rest.update is not None else None
    if report is not None and report.exit_code != 0:
        return RestResult(settled=rest.settled, report=report, servers=servers)
    if rest.want is Want.SLEEP:
        servers = each(stop)
    opened = tuple(_opened(each, context, clients_for, clients_of) for each in rest.openings)
    return RestResult(settled=rest.settled, report=report, servers=servers, opened=opened)


def _opened(
    opening: Opening,
    context: Context,
    clients_for: Callable[[BaseTarget], Clients],
    clients_of: Callable[[Target], Clients],
) -> Opened:
    if opening.scope is Scope.BASE:
        base = targets.find_base(context, opening.name)
        aws, clients, carry_out = base.aws, clients_for(base), openings.open_base
    else:
        target = targets.find(context, opening.name)
        aws, clients, carry_out = target.aws, clients_of(target), openings.open_environment
    with explained(aws):
        carry_out(context, opening, clients)
    return Opened(opening=opening, calls=tuple(clients.calls) if clients.simulated else None)


def stop(base: BaseTarget, clients: Clients, observer: Observer = ignore) -> ServerResult:
    """Stop a base's database server as soon as its state allows it. Raises OperationFailedError."""
    server = _server(base)
    with explained(base.aws):
        status = server.settle(clients, observer, wanted=("available", "stopped", "stopping"))
        if status != "available":
            return ServerResult(base=base.name, server=server.identifier, state=ServerState.STOPPED)
        server.call(clients, "stop")
    return ServerResult(base=base.name, server=server.identifier, state=ServerState.STOPPING)


def start(base: BaseTarget, clients: Clients, observer: Observer = ignore) -> ServerResult:
    """Start a base's database server and wait until it is available. Raises OperationFailedError."""
    server = _server(base)
    with explained(base.aws):
        status = server.settle(clients, observer, wanted=("available", "stopped"))
        if status == "available":
            return ServerResult(base=base.name, server=server.identifier, state=ServerState.RUNNING)
        server.call(clients, "start")
        server.settle(clients, observer, wanted=("available",))
    return ServerResult(base=base.name, server=server.identifier, state=ServerState.STARTED)


def running(base_outputs: Mapping[str, Any], clients: Clients) -> bool | None:
    """Return whether the database server of a base runs; None when the base exports no server."""
    server = _named(base_outputs)
    return None if server is None else server.status(clients) not in ("stopped", "stopping")


def _server(base: BaseTarget) -> _Server:
    server = _named(base.outputs)
    if server is None:
        raise RefusedError(
            f"the base {base.name} has no database server of its own: there is nothing to stop or start",
            f"if Pulumi manages its server, run `orchestrator update-base {base.name}` once to export it",
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
    """An instance or a cluster of RDS; their APIs differ only in names."""

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
        """Wait for one of these states, and report each state before it."""
        deadline, pause, reported = clients.clock.now() + START_SECONDS, pauses(), ""
        while True:
            status = self.status(clients)
            if status in wanted:
                return status
            if status != reported:
                observer(Note(text=f"database server {self.identifier}: {status}"))
                reported = status
            if clients.clock.now() >= deadline:
                raise OperationFailedError(
                    f"the database server {self.identifier} is still {status} after {START_SECONDS / 60:g} minutes",
                    "check its events in RDS, then run the command again",
                )
            clients.clock.sleep(next(pause))
