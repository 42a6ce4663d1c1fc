"""The history of simulated stacks, as Pulumi keeps it for real ones: one line of JSON for each operation."""

from __future__ import annotations

import functools
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from orchestrator.config import documents, yaml_files
from orchestrator.config.projects import Project
from orchestrator.config.stack_config import StackConfig, config_path
from orchestrator.engines.history import DAMAGED, FAILED, SUCCEEDED, UPDATE, Entry
from orchestrator.engines.protocol import UnitRequest
from orchestrator.errors import OrchestratorError
from orchestrator.model import ChangeCounts, Operation

KINDS = {Operation.UP: UPDATE, Operation.REFRESH: "refresh"}
"""Kinds of the recorded operations. A destruction removes the history with its stack, as with Pulumi."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class _Line:
    """One operation."""

    kind: str
    started: documents.Moment
    ended: documents.Moment
    result: str
    message: str
    commit: str | None = None
    config: str = ""
    """Text of the stack's configuration file."""

    changes: Mapping[str, int] | None = None
    reason: str | None = None


def add(
    file: Path,
    project: Project,
    request: UnitRequest,
    *,
    started: datetime,
    ended: datetime,
    counts: ChangeCounts,
    reason: str | None,
) -> None:
    """Append an operation that ended. A history that cannot be written changes nothing else."""
    changes = {name: number for name, number in vars(counts).items() if number}
    line = {
        "kind": KINDS[request.operation],
        "started": started.isoformat(timespec="milliseconds"),
        "ended": ended.isoformat(timespec="milliseconds"),
        "result": FAILED if reason else SUCCEEDED,
        "message": request.message or "",
        "commit": request.record.commit if request.record else None,
        "config": yaml_files.read_text(config_path(project, request.unit.stack)) or "",
        "changes": changes,
        "reason": reason,
    }
    try:
        with open(file, "a", encoding="utf-8") as history:
            history.write(json.dumps(line) + "\n")
    except OSError:
        log.debug("the history of a simulated stack could not be written", exc_info=True)


def read(file: Path, project: Project, stack: str, newest: int | None = None) -> tuple[Entry, ...]:
    """The entries of a history, oldest first; none without a readable file."""
    try:
        lines = documents.read(file).splitlines()
    except OSError:
        return ()
    numbered: Sequence[tuple[int, bytes]] = list(enumerate(lines, 1))
    return tuple(_entry(number, line, project, stack) for number, line in (numbered[-newest:] if newest else numbered))


def _entry(number: int, text: bytes, project: Project, stack: str) -> Entry:
    try:
        line = documents.decoded(_Line, text)
        values, secret = _config(project, stack, line.config)
    except (documents.DamagedError, OrchestratorError) as error:
        return Entry(number=number, id=str(number), kind="", result=DAMAGED, reason=str(error))
    return Entry(
        number=number,
        id=str(number),
        kind=line.kind,
        started=line.started,
        ended=line.ended,
        result=line.result,
        message=line.message,
        environment={"git.head": line.commit} if line.commit else {},
        config=values,
        secrets=dict.fromkeys(secret, "unknown"),
        changes=line.changes or {},
        reason=line.reason,
    )


@functools.lru_cache(maxsize=256)
def _config(project: Project, stack: str, text: str) -> tuple[Mapping[str, Any], frozenset[str]]:
    found = StackConfig.parse(project, stack, text).snapshot()
    return found.values, found.secret_keys
