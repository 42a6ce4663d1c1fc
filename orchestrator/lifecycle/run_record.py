"""The records of runs: a file for each run below `.orchestrator/runs`, which `orchestrator serve` follows.

A line is one event. The first line says which process runs, so that a killed run is recognized; the last line has the result.
Lines have no outputs and no property values, so a record contains no secret value. A record that cannot be written does not
stop the run.
"""

from __future__ import annotations

import json
import logging
import os
import re
import secrets
import threading
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from orchestrator.config import documents
from orchestrator.config.atomic_files import create_private_folder
from orchestrator.engines import processes
from orchestrator.engines.processes import Process
from orchestrator.errors import OrchestratorError
from orchestrator.events import Diagnostic, Event, Observer, PlanReady, ResourceEvent, UnitFinished, UnitStarted
from orchestrator.lifecycle.job import Job
from orchestrator.model import ChangeOp, Unit

FOLDER = "runs"
VERSION = 1
KEPT = 20
"""Number of records; a new run removes the oldest of those that have ended."""

MOST_BYTES = 2 * 1024**2
"""Size of a record after which only results follow. An environment of 100 resources needs about 40 KiB."""

MOST_CHARACTERS = 4000
"""Characters of a message or a reason."""

_NAME = re.compile(r"\d{8}T\d{12}-\d+-[0-9a-f]{8}\.jsonl")
"""Start, process id and a random number."""

_LEFT_OVER_SECONDS = 3600.0
_LONGEST_LINE = 64 * 1024
_NO_CHANGE = (ChangeOp.SAME, ChangeOp.READ, ChangeOp.REFRESH)
_INTERRUPTED = 130

Line = Mapping[str, Any]
"""One line as plain values, data classes, enumerations and times. `orchestrator.web.run_lines` has the types of the lines."""

log = logging.getLogger(__name__)


class RunRecord:
    """The record of one run. Safe to call from several threads, also after its end."""

    def __init__(self, folder: Path, begun: Line) -> None:
        self._guard = threading.Lock()
        self._descriptor: int | None = None
        self._path = folder / f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{os.getpid()}-{secrets.token_hex(4)}.jsonl"
        self._size, self._full = 0, False
        try:
            _prepare(folder)
            self._descriptor = _created(self._path, _encoded(begun))
        except OSError as error:
            log.debug("the events of this run are not recorded: %s (%s)", error.strerror or error, folder)

    def write(self, event: Event) -> None:
        """Add an event. Resources that do not change are left out."""
        line = _line(event) if self._descriptor is not None else None
        if line is None:
            return
        if self._size < MOST_BYTES or line["event"] == "finished":
            self._append(line)
        elif not self._full:
            self._full = True
            text = f"only results follow: the record of this run has {MOST_BYTES // 1024**2} MiB"
            self._append(
                {"project": None, "stack": None, **line, "event": "message", "severity": "info", "message": text}
            )

    def observer(self, job: Job, changed: set[Unit]) -> Observer:
        """The observer of a run: it writes each event, and adds the units whose resources change to `changed`."""

        def listen(event: Event) -> None:
            if isinstance(event, ResourceEvent) and _is_change(event):
                changed.add(event.unit)
            self.write(event)
            job.context.observer(event)

        return listen

    def end(self, exit_code: int, message: str | None = None, hint: str | None = None) -> None:
        """Write the result, and close the record. A second result is ignored."""
        self._append(
            {
                "event": "ended",
                "time": datetime.now(UTC),
                "exit_code": exit_code,
                "message": _short(message),
                "hint": _short(hint),
            }
        )
        with self._guard:
            self._close()

    def _append(self, line: Line) -> None:
        content = _encoded(line)
        with self._guard:
            if self._descriptor is None:
                return
            self._size += len(content)
            try:
                _write(self._descriptor, content)
            except OSError as error:
                self._close()
                with suppress(OSError):  # without its result the record would say that the run goes on
                    self._path.unlink()
                log.debug("the events of this run are no longer recorded: %s", error.strerror or error)

    def _close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


@contextmanager
def recorded(job: Job) -> Generator[RunRecord]:
    """The record of a run, from its first event to its result."""
    record = RunRecord(job.context.settings.state_dir / FOLDER, _begun(job))
    try:
        yield record
    except OrchestratorError as error:
        record.end(error.exit_code, error.message, error.hint)
        raise
    except KeyboardInterrupt:
        record.end(_INTERRUPTED, "interrupted")
        raise
    except BaseException as error:  # also an interrupt ends the record, so that no page waits for it
        record.end(1, f"{type(error).__name__}: this is a bug in the orchestrator")
        raise
    finally:
        record.end(1, "the run has no result")


def goes_on(path: Path) -> bool | None:
    """Whether the process of a record still runs; None when this machine cannot tell. Raises OSError, DamagedError."""
    with documents.opened(path) as file:
        begun = documents.decoded(dict[str, Any], file.readline(_LONGEST_LINE))
    process = documents.converted(Process, begun.get("process"))
    return processes.runs(process, own_disk=processes.on_own_disk(path.parent))


def names_in(folder: Path) -> list[str]:
    """The file names of the records, oldest first. Raises OSError."""
    return sorted(filter(_NAME.fullmatch, os.listdir(folder)))


def _begun(job: Job) -> Line:
    return {
        "event": "begun",
        "time": datetime.now(UTC),
        "version": VERSION,
        "command": job.command,
        "engine": job.context.engine.name,
        "operation": job.operation,
        "operator": job.operator,
        "names": list(dict.fromkeys(step.unit.stack for step in job.steps if step.runs)),
        "process": processes.this_process(),
    }


def _is_change(event: ResourceEvent) -> bool:
    internal = event.type == "pulumi:pulumi:Stack" or event.type.startswith("pulumi:providers:")
    return not internal and event.op not in _NO_CHANGE


def _line(event: Event) -> Line | None:
    """The line of an event; None for a resource that does not change."""
    now = datetime.now(UTC)
    match event:
        case ResourceEvent(unit=unit):
            if event.op in _NO_CHANGE and event.phase != "failed":
                return None
            about = {"type": event.type, "name": event.name, "op": event.op, "phase": event.phase}
            return {"event": "resource", "time": now, "project": unit.project, "stack": unit.stack, **about}
        case Diagnostic(unit=unit):
            where = {"project": unit.project if unit else None, "stack": unit.stack if unit else None}
            text = {"severity": event.severity, "message": _short(event.message)}
            return {"event": "message", "time": now, **where, **text}
        case PlanReady():
            units = [
                {"project": unit.project, "stack": unit.stack, "exists": unit in event.existing} for unit in event.units
            ]
            return {"event": "plan", "time": now, "operation": event.operation, "units": units}
        case UnitStarted(unit=unit):
            about = {"operation": event.operation, "expected": event.expected}
            return {"event": "started", "time": now, "project": unit.project, "stack": unit.stack, **about}
        case UnitFinished(result=result):
            return {
                "event": "finished",
                "time": now,
                "project": result.unit.project,
                "stack": result.unit.stack,
                "operation": result.operation,
                "status": result.status,
                "reason": _short(result.reason),
                "hint": _short(result.hint),
                "duration_seconds": round(result.duration_seconds, 3),
                "counts": result.counts,
            }


def _short(text: str | None) -> str | None:
    return None if text is None else text[:MOST_CHARACTERS]


def _encoded(line: Line) -> bytes:
    try:
        return msgspec.json.encode(line) + b"\n"
    except UnicodeEncodeError:  # the output of a program may hold bytes that are not UTF-8
        text = json.dumps(msgspec.to_builtins(line), ensure_ascii=False)
        return text.encode("utf-8", "replace") + b"\n"


def _prepare(folder: Path) -> None:
    """Create the folder, which only its user can read and git ignores; remove the oldest records. Raises OSError."""
    create_private_folder(folder)
    ignored = folder.parent / ".gitignore"
    if not ignored.exists():
        ignored.write_text("*\n", encoding="utf-8")
    names = names_in(folder)
    for name in names[: max(len(names) - KEPT + 1, 0)]:
        with suppress(OSError):
            if not _is_needed(folder / name):
                (folder / name).unlink()
    for left_over in folder.glob(".*.jsonl.tmp"):  # of a process that was killed while it created its record
        with suppress(OSError):
            if time.time() - left_over.stat().st_mtime > _LEFT_OVER_SECONDS:
                left_over.unlink()


def _is_needed(path: Path) -> bool:
    try:
        return goes_on(path) is True and not _has_result(path)
    except documents.DamagedError:
        return False


def _has_result(path: Path) -> bool:
    """Whether the last line is a result, also of a run in a process that lives on."""
    with documents.opened(path) as file:
        file.seek(max(os.fstat(file.fileno()).st_size - _LONGEST_LINE, 0))
        last = file.read().rstrip(b"\n").rpartition(b"\n")[2]
    return last.startswith(b'{"event":"ended"')


def _created(path: Path, first: bytes) -> int:
    """The descriptor of a new file that appears with its first line in one step. Raises OSError."""
    temporary = path.with_name(f".{path.name}.tmp")
    descriptor = os.open(
        temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600
    )
    try:
        _write(descriptor, first)
        temporary.rename(path)
    except BaseException:  # also an interrupt leaves no file
        os.close(descriptor)
        with suppress(OSError):
            temporary.unlink()
        raise
    return descriptor


def _write(descriptor: int, content: bytes) -> None:
    while content:
        content = content[os.write(descriptor, content) :]
