"""The results of `local` as JSON documents and as text. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.local.facade import Composed, DownResult
from orchestrator.local.state import LocalServiceState, LocalState
from orchestrator.rendering.columns import Column, aligned, table
from orchestrator.rendering.document import plain
from orchestrator.rendering.document_types import Document


@dataclass(frozen=True, kw_only=True)
class LocalStateDocument(Document):
    """An environment that runs on this machine."""

    environment: str
    url: str
    code: str
    started: str
    pid: int
    services: list[LocalServiceState]


@dataclass(frozen=True, kw_only=True)
class LocalRunDocument(Document):
    """A command that ran on this machine."""

    environment: str
    exit_code: int


@dataclass(frozen=True, kw_only=True)
class LocalDownDocument(Document):
    """An environment that was stopped on this machine."""

    result: DownResult


@dataclass(frozen=True, kw_only=True)
class LocalComposeDocument(Document):
    """An environment as a compose file."""

    result: Composed


def compose_document(made: Composed) -> dict[str, Any]:
    """The document of `local compose`."""
    return plain(LocalComposeDocument(notice=None, result=made))


def composed(made: Composed) -> str:
    """The next steps with a compose file."""
    rows = [("values", made.env_file), ("next", f"docker compose --env-file {made.env_file} up")]
    if made.unknown:
        rows.append(("note", f"only AWS has the values of {', '.join(made.unknown)}, so they are made up in that file"))
    return aligned(rows)


def state_document(found: LocalState) -> dict[str, Any]:
    """The document of `local ps`, without the fields that only other commands need."""
    shown = {name: value for name, value in vars(found).items() if name not in ("variables", "web")}
    return plain(LocalStateDocument(notice=None, **shown))


def run_document(environment: str, code: int) -> dict[str, Any]:
    """The document of `local run`."""
    return plain(LocalRunDocument(notice=None, environment=environment, exit_code=code))


def down_document(result: DownResult) -> dict[str, Any]:
    """The document of `local down`."""
    return plain(LocalDownDocument(notice=None, result=result))


def state_text(found: LocalState, width: int | None = None) -> str:
    """The services of an environment on this machine."""
    columns = [Column(title=name) for name in ("service", "status", "pid", "address", "restarts", "reason")]
    rows = [
        (
            each.container,
            each.status,
            str(each.pid or "-"),
            each.address or "-",
            str(each.restarts),
            each.reason or "-",
        )
        for each in found.services
    ]
    head = aligned([("url", found.url), ("code", found.code), ("started", found.started), ("pid", str(found.pid))])
    return f"{head}\n{table(columns, rows, width)}"


def begun(environment: str, code: str, notes: Sequence[str]) -> str:
    """The beginning of `local up`."""
    rows = [("local", f"{environment} from {code}"), *(("note", note) for note in notes)]
    return aligned(rows)


def started(environment: str, urls: Mapping[str, str]) -> str:
    """The addresses of a running environment, and what to do next."""
    rows = [("url", url) for url in urls.values()]
    rows += [
        ("next", f"orchestrator local run {environment} -- python manage.py createsuperuser"),
        ("", f"orchestrator local ps {environment}"),
        ("", "Ctrl-C stops everything"),
    ]
    return aligned(rows)


def down_text(result: DownResult) -> str:
    """The end of an environment on this machine."""
    if result.data_removed:
        return f"{result.environment} {'was stopped' if result.stopped else 'did not run'}; its data here is removed\n"
    return f"{result.environment} was stopped\n"
