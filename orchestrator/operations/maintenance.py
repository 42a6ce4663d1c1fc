"""`maintenance on` and `maintenance off`: the load balancer answers 503 for an environment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.config import documents
from orchestrator.config.assignments import Assignment
from orchestrator.errors import UsageError
from orchestrator.lifecycle.requests import UpdateEnv
from orchestrator.model import RunReport
from orchestrator.operations.app_stack import AppStack
from pulumi_django.app.maintenance import PAGE_LIMIT, MaintenanceOptions

if TYPE_CHECKING:
    from orchestrator.operations.aws.targets import Target


@dataclass(frozen=True, kw_only=True)
class MaintenanceResult:
    """An environment that entered or left maintenance."""

    environment: str
    on: bool
    since: str | None
    allow: tuple[str, ...]
    report: RunReport


def turn_on(
    target: Target,
    app: AppStack,
    update: Callable[[UpdateEnv], RunReport],
    now: datetime,
    *,
    page: Path | None = None,
    allow: Sequence[str] = (),
) -> MaintenanceResult:
    """Answer 503 for the environment, except to requests from `allow`. `page` is a file with the page.

    Raises UsageError for a page or an address that cannot be used.
    """
    text = None if page is None else _page(page)
    before = app.get("maintenance", "since")
    since = str(before or now.isoformat(timespec="seconds"))
    try:
        MaintenanceOptions(page=text, allow=tuple(allow), since=since)
    except ValueError as error:
        raise UsageError(f"{target.environment} was not changed: {error}") from None
    value: dict[str, Any] = {"since": since}
    value |= {"page": text} if text else {}
    value |= {"allow": list(allow)} if allow else {}
    report = update(UpdateEnv(names=(target.environment,), assignments=(_assignment(app, value),)))
    return MaintenanceResult(environment=target.environment, on=True, since=since, allow=tuple(allow), report=report)


def turn_off(target: Target, app: AppStack, update: Callable[[UpdateEnv], RunReport]) -> MaintenanceResult:
    """Let all requests reach the services again."""
    report = update(UpdateEnv(names=(target.environment,), assignments=(_assignment(app, None),)))
    return MaintenanceResult(environment=target.environment, on=False, since=None, allow=(), report=report)


def _assignment(app: AppStack, value: Any) -> Assignment:
    return Assignment(namespace=app.config.project.name, path=("maintenance",), value=value, origin="the options")


def _page(path: Path) -> str:
    try:
        text = documents.text(path, PAGE_LIMIT)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        hint = f"the load balancer answers with at most {PAGE_LIMIT} bytes: refer to larger files by URL"
        raise UsageError(f"the page {path} cannot be used: {reason}", hint) from None
    if not text.strip():
        raise UsageError(f"the page {path} is empty", "leave out --page for the page of this program")
    return text
