"""The JSON documents of commands that work on one environment or examine one. Pure.

Results that consist of plain values are part of a document as they are: their dataclasses define the document too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Generic, TypeVar

from orchestrator.model import RunReport
from orchestrator.operations.aws.clients import ApiCall
from orchestrator.operations.deploy import Crash, DeployResult
from orchestrator.operations.events import LogLine
from orchestrator.operations.health.load import LoadResult
from orchestrator.operations.health.verdicts import Check, exit_code
from orchestrator.operations.ps import ServiceState
from orchestrator.operations.releases.migrations import PendingMigration
from orchestrator.operations.scale import Scaled
from orchestrator.operations.secrets import PushResult
from orchestrator.operations.sleep import RestResult, ServerResult, ServerState
from orchestrator.rendering.document import plain, run_report
from orchestrator.rendering.document_types import Document, Report, Versioned

_RANDOM_PARAMETERS = frozenset({"clientToken"})

ResultT = TypeVar("ResultT")


@dataclass(frozen=True, kw_only=True)
class OutcomeDocument(Document, Generic[ResultT]):
    """The result of a command; in the simulation the calls of AWS's API that it would make."""

    environment: str
    result: ResultT | None
    calls: list[ApiCall] | None


def outcome(environment: str, result: object, made: Sequence[ApiCall] | None, notice: str | None) -> dict[str, Any]:
    """The document of a command's result; `made` are the calls of the simulation, None on AWS."""
    return plain(OutcomeDocument(notice=notice, environment=environment, result=result, calls=calls(made)))


def calls(made: Sequence[ApiCall] | None) -> list[ApiCall] | None:
    """The calls without parameters that are random."""
    if made is None:
        return None
    return [replace(call, parameters=parameters(call)) for call in made]


def parameters(call: ApiCall) -> dict[str, Any]:
    """The parameters of a call, except random ones."""
    return {name: value for name, value in call.parameters.items() if name not in _RANDOM_PARAMETERS}


@dataclass(frozen=True, kw_only=True)
class LoggedLine(LogLine, Versioned):
    """One line of a log."""


def line(found: LogLine) -> str:
    """One line of a log as one line of JSON."""
    return json.dumps(plain(LoggedLine(**vars(found)))) + "\n"


@dataclass(frozen=True, kw_only=True)
class LogLinesDocument(Document):
    """The newest lines of a log, oldest first."""

    environment: str
    lines: tuple[LogLine, ...]
    left_out: int
    """Number of older lines that were read and are not in the document."""


def log_lines(environment: str, found: Sequence[LogLine], most: int, notice: str | None) -> dict[str, Any]:
    """The document of the newest `most` lines."""
    kept = tuple(found[-most:])
    document = LogLinesDocument(notice=notice, environment=environment, lines=kept, left_out=len(found) - len(kept))
    return plain(document)


@dataclass(frozen=True, kw_only=True)
class SmokeDocument(Document):
    """The checks of one environment."""

    environment: str
    exit_code: int
    checks: list[Check]
    calls: list[ApiCall] | None


def smoke(
    environment: str, checks: Sequence[Check], made: Sequence[ApiCall] | None, notice: str | None
) -> SmokeDocument:
    """The document of `smoke`."""
    return SmokeDocument(
        notice=notice, environment=environment, exit_code=exit_code(checks), checks=[*checks], calls=calls(made)
    )


@dataclass(frozen=True, kw_only=True)
class LoadedSmoke(SmokeDocument):
    """The checks of one environment, and the load that followed."""

    load: LoadResult | None
    """None in the simulation, which sends none."""


def loaded(found: SmokeDocument, check: Check, sent: LoadResult | None) -> LoadedSmoke:
    """The document of `smoke --load`: the load is its last check."""
    checks = [*found.checks, check]
    return LoadedSmoke(
        notice=found.notice,
        environment=found.environment,
        exit_code=exit_code(checks),
        checks=checks,
        calls=found.calls,
        load=sent,
    )


@dataclass(frozen=True, kw_only=True)
class DoctorDocument(Document):
    """The checks of this machine, and of the base or environment if one is named."""

    name: str | None
    exit_code: int
    checks: list[Check]


def doctor(name: str | None, checks: Sequence[Check], notice: str | None) -> dict[str, Any]:
    """The document of `doctor`."""
    return plain(DoctorDocument(notice=notice, name=name, exit_code=exit_code(checks), checks=[*checks]))


@dataclass(frozen=True, kw_only=True)
class SmokedReport(Report):
    """A run that ended with the checks of `smoke`, once for each environment."""

    smoke: list[SmokeDocument]


def smoked_report(run: RunReport, smoked: Sequence[SmokeDocument]) -> dict[str, Any]:
    """The document of `create-env --smoke`."""
    return plain(SmokedReport(**vars(run_report(run)), smoke=[*smoked]))


@dataclass(frozen=True, kw_only=True)
class Deployed:
    """A deploy: the report of the update, and the services afterwards."""

    images: Mapping[str, str]
    exit_code: int
    report: Report
    services: tuple[ServiceState, ...]
    crashes: tuple[Crash, ...]
    migrations: tuple[PendingMigration, ...] | None
    """Pending migrations of the new image; null when they were not checked."""


@dataclass(frozen=True, kw_only=True)
class SmokedDeploy(Deployed):
    """A deploy that ended with the checks of `smoke`."""

    smoke: SmokeDocument


def deployed(result: DeployResult, smoked: SmokeDocument | None = None) -> Deployed:
    """The result of `deploy`."""
    found = Deployed(
        images=result.images,
        exit_code=result.exit_code,
        report=run_report(result.report),
        services=result.services,
        crashes=result.crashes,
        migrations=result.migrations,
    )
    return found if smoked is None else SmokedDeploy(**vars(found), smoke=smoked)


@dataclass(frozen=True, kw_only=True)
class Server:
    """A database server of a base that was stopped or started."""

    base: str
    server: str
    state: ServerState
    note: str | None
    calls: list[ApiCall] | None


def server(result: ServerResult, made: Sequence[ApiCall] | None) -> Server:
    """A database server, with the calls of the simulation."""
    return Server(base=result.base, server=result.server, state=result.state, note=result.note, calls=calls(made))


@dataclass(frozen=True, kw_only=True)
class OpenedBeyondHours:
    """A base or an environment that is open outside its office hours."""

    name: str
    until: datetime
    calls: list[ApiCall] | None


@dataclass(frozen=True, kw_only=True)
class RestDocument(Document):
    """The update of environments that sleep or wake, the database servers of bases, and what opened for a time."""

    environments: Report | None
    servers: list[Server]
    opened: list[OpenedBeyondHours]


def rest(result: RestResult, servers: Sequence[Server], notice: str | None) -> dict[str, Any]:
    """The document of `sleep` and `wake`."""
    environments = None if result.report is None else run_report(result.report)
    opened = [
        OpenedBeyondHours(name=each.opening.name, until=each.opening.until, calls=calls(each.calls))
        for each in result.opened
    ]
    return plain(RestDocument(notice=notice, environments=environments, servers=[*servers], opened=opened))


@dataclass(frozen=True, kw_only=True)
class ServiceCount:
    """A service with its number of tasks, or `FEWEST..MOST`."""

    service: str
    count: str


@dataclass(frozen=True, kw_only=True)
class ScaleDocument(Document):
    """The new numbers of tasks, and the update that sets them."""

    environment: str
    services: list[ServiceCount]
    update: Report


def scale(environment: str, found: Sequence[Scaled], update: RunReport, notice: str | None) -> dict[str, Any]:
    """The document of `scale`."""
    services = [ServiceCount(service=item.service, count=str(item.count)) for item in found]
    return plain(ScaleDocument(notice=notice, environment=environment, services=services, update=run_report(update)))


@dataclass(frozen=True, kw_only=True)
class SecretsDocument(Document):
    """The stored keys, and the update that gives them to the containers, if one is needed."""

    environment: str
    result: PushResult
    update: Report | None
    calls: list[ApiCall] | None


def pushed(
    environment: str,
    result: PushResult,
    update: RunReport | None,
    made: Sequence[ApiCall] | None,
    notice: str | None,
) -> dict[str, Any]:
    """The document of `secrets push` and `secrets set`."""
    report = None if update is None else run_report(update)
    return plain(
        SecretsDocument(notice=notice, environment=environment, result=result, update=report, calls=calls(made))
    )
