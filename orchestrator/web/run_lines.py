"""The types of the lines in the record of a run, which `orchestrator.lifecycle.run_record` writes."""

from __future__ import annotations

from typing import Literal

import msgspec

from orchestrator.config.documents import Moment
from orchestrator.engines.processes import Process
from orchestrator.model import ChangeCounts, ChangeOp, Operation, Status


class Line(msgspec.Struct, frozen=True, kw_only=True, tag_field="event"):
    """The first name of every line. Names that `--events` also writes have the same meaning."""

    time: Moment


class Begun(Line, frozen=True, kw_only=True, tag="begun"):
    """The first line: the run and its process."""

    version: Literal[1]
    command: str
    engine: str
    operation: Operation
    operator: str | None
    names: list[str]
    """The bases and environments of the run."""

    process: Process


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """A stack of the plan."""

    project: str
    stack: str
    exists: bool


class Plan(Line, frozen=True, kw_only=True, tag="plan"):
    """The stacks of the run and their order are known."""

    operation: Operation
    units: list[Planned]


class Started(Line, frozen=True, kw_only=True, tag="started"):
    """The work on a stack begins."""

    project: str
    stack: str
    operation: Operation
    expected: int | None


class Resource(Line, frozen=True, kw_only=True, tag="resource"):
    """The change of a resource begins or ends."""

    project: str
    stack: str
    type: str
    name: str
    op: ChangeOp
    phase: Literal["started", "done", "failed"]


class Message(Line, frozen=True, kw_only=True, tag="message"):
    """A message, which may belong to one stack."""

    project: str | None
    stack: str | None
    severity: Literal["info", "warning", "error"]
    message: str


class Finished(Line, frozen=True, kw_only=True, tag="finished"):
    """The work on a stack ends."""

    project: str
    stack: str
    operation: Operation
    status: Status
    reason: str | None
    hint: str | None
    duration_seconds: float
    counts: ChangeCounts


class Ended(Line, frozen=True, kw_only=True, tag="ended"):
    """The last line: the exit code, and the error of a run that ended without a report."""

    exit_code: int
    message: str | None = None
    hint: str | None = None


Lines = Begun | Plan | Started | Resource | Message | Finished | Ended
