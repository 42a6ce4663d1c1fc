"""Functions that several commands use. Heavy modules are imported when a command runs, so that `--help` stays fast."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from orchestrator.cli.options import Common, PlanFormatName

if TYPE_CHECKING:
    from orchestrator.cli.one_environment import EnvironmentCommand
    from orchestrator.cli.session import Session
    from orchestrator.config.assignments import Assignment
    from orchestrator.console import Console
    from orchestrator.lifecycle import Request
    from orchestrator.operations.health.verdicts import Check


def session_of(common: Common) -> Session:
    """The session of one command."""
    from orchestrator.cli.session import Session

    return Session(common)


def carry_out(common: Common, request: Any) -> None:
    """Carry out a request and leave with its exit code."""
    end(session_of(common).carry_out(request))


def destroy(common: Common, request: Request, *, dry_run: bool) -> None:
    """Destroy, or with `dry_run` show what would be destroyed, and leave with the exit code."""
    session = session_of(common)
    end(session.preview_destroy(request) if dry_run else session.carry_out(request))


def preview(common: Common, request: Any, folder: Path | None, format_: PlanFormatName) -> None:
    """Preview a request; with a folder, save the plan in it."""
    preview_in(session_of(common), request, folder, format_)


def preview_in(session: Session, request: Any, folder: Path | None, format_: PlanFormatName) -> None:
    """`preview` in a session that exists already."""
    if folder is None:
        end(session.do(session.orchestrator.prepare(request), plan_format=format_.value).exit_code)
        return
    job = session.orchestrator.prepare_plan(request, folder)
    report = session.do(job, plan_format=format_.value)
    if session.orchestrator.save_plan(job, request, report):
        session.console.note(f"the plan is saved in {folder}: `orchestrator apply {folder}` carries it out")
    end(report.exit_code)


def needs_extra(command: str, extra: str, *modules: str) -> None:
    """Check that the modules of an optional extra are installed. Raises EngineUnavailableError."""
    from importlib.util import find_spec

    from orchestrator.errors import EngineUnavailableError

    missing = [name for name in modules if find_spec(name) is None]
    if missing:
        raise EngineUnavailableError(
            f"`{command}` cannot run: {' and '.join(missing)} is not installed",
            f"run `pip install 'pulumi-django[{extra}]'`",
        )


def duration_of(text: str | None) -> timedelta | None:
    """The duration of an option; None when the option is not given. Raises UsageError."""
    from orchestrator.config.durations import parse_duration

    return None if text is None else parse_duration(text)


def end(code: int) -> None:
    """End the command with this exit code."""
    if code:
        raise typer.Exit(code)


def printed(session: Session, found: dict[str, Any], text: str) -> None:
    """Print a result: one JSON document with --json, else the notice and the text."""
    if session.common.as_json:
        session.console.document(found)
    else:
        shown(session, text)


def shown(session: Session, text: str) -> None:
    """Print a result as text, after the notice."""
    if session.notice:
        session.console.note(f"{session.notice}\n")
    session.console.table(text)


def assignments_of(texts: Sequence[str] | None) -> tuple[Assignment, ...]:
    """The assignments of `--set`. Raises UsageError, also when two of them set the same key."""
    from orchestrator.config.assignments import parse_assignments

    return parse_assignments(texts or ())


def values_of(texts: Sequence[str] | None) -> dict[str, Any]:
    """The configuration values of `--set`, by key. Raises UsageError as `assignments_of`."""
    return {str(assignment): assignment.value for assignment in assignments_of(texts)}


def images_of(texts: Sequence[str] | None) -> dict[str, str]:
    """The references of `--image`, by name of the image. Raises UsageError."""
    from orchestrator.config.assignments import parse_images

    return dict(parse_images(texts or ()))


def on_environment(common: Common, name: str) -> EnvironmentCommand:
    """A command that works on one environment."""
    from orchestrator.cli.one_environment import EnvironmentCommand

    return EnvironmentCommand(common, name)


def shown_checks(console: Console, found: Iterable[Check]) -> list[Check]:
    """The checks; each is printed as soon as it is done."""
    from orchestrator.rendering import operation_text

    seen: list[Check] = []
    for check in found:
        seen.append(check)
        if not console.as_json:
            console.table(operation_text.check(check, console.width))
    return seen


def code_of_checks(found: Sequence[Check]) -> int:
    """The exit code of `doctor` and `smoke`."""
    from orchestrator.operations.health import verdicts

    return verdicts.exit_code(found)
