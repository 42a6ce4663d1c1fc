"""`doctor` and `smoke`: whether everything is there, and whether an environment works."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.commands import LOOK, end
from orchestrator.cli.options import Common, NameArgument, with_common

if TYPE_CHECKING:
    from orchestrator.cli.session import Session
    from orchestrator.console import Console
    from orchestrator.lifecycle import Context
    from orchestrator.operations.health.verdicts import Check

PATIENCE_SECONDS = 180.0
"""How long a fresh environment's url may take to answer."""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for name, command in (("doctor", doctor_), ("smoke", smoke_)):
        app.command(name, rich_help_panel=LOOK)(with_common(command))


def doctor_(
    common: Common,
    name: Annotated[
        str | None, typer.Argument(help="Environment or base, also one that is only configured.", show_default=False)
    ] = None,
) -> None:
    """Look whether everything is there: programs, backend, credentials, and what NAME needs in AWS.

    Exit code 1 when something fails; warnings are none.

    Example: orchestrator doctor alpha
    """
    from orchestrator.api import Orchestrator
    from orchestrator.console import Console
    from orchestrator.operations.health import doctor
    from orchestrator.rendering import checks, document

    console = Console(quiet=common.quiet, verbose=common.verbose, as_json=common.as_json)
    made: list[Orchestrator] = []

    def load() -> Context:
        made.append(Orchestrator(common.project_dir, engine=common.engine))
        return made[0].context

    found = _shown(console, doctor.checks(load, name))
    notice = made[0].engine.notice if made else None
    if common.as_json:
        console.document(document.one({"name": name, **checks.document(found)}, notice))
    else:
        console.note(checks.summary(found))
    end(_code(found))


def smoke_(
    common: Common,
    name: NameArgument,
    wait: Annotated[
        str | None,
        typer.Option("--patience", metavar="DURATION", help="How long its url may take to answer, for example 3m."),
    ] = None,
) -> None:
    """Ask an environment fourteen questions: url, certificate, services, migrations, worker, files, ...

    Exit code 1 when one of them fails.

    Example: orchestrator smoke alpha
    """
    from orchestrator.cli.session import Session
    from orchestrator.config.durations import parse_duration

    patience = parse_duration(wait).total_seconds() if wait else 0.0
    session = Session(common)
    documents, code = smoke_all(session, (name,), patience_seconds=patience)
    if common.as_json:
        session.console.document(documents[0])
    end(code)


def smoke_all(
    session: Session, names: Sequence[str], *, patience_seconds: float = PATIENCE_SECONDS
) -> tuple[list[dict[str, Any]], int]:
    """Smoke environments one after the other, as `create-env --smoke` and `deploy --smoke` end.

    Returns a document for each, and the exit code. Lines are printed unless stdout is one JSON document.
    """
    from orchestrator.cli.operating import View
    from orchestrator.operations import app_stack
    from orchestrator.operations.aws import targets
    from orchestrator.operations.aws.reach import for_target
    from orchestrator.operations.health import smoke
    from orchestrator.rendering import checks, document, operations

    documents: list[dict[str, Any]] = []
    code = 0
    for name in names:
        target = targets.find(session.orchestrator.context, name)
        clients, app = for_target(target), app_stack.find(session.orchestrator.context, target.environment)
        view = View(session.console, real=target.notice is None)
        found = _shown(session.console, smoke.run(target, clients, app, view, patience_seconds=patience_seconds))
        noted = clients.calls if clients.simulated else None
        if not session.common.as_json:
            session.console.note(checks.summary(found))
            if noted is not None:
                session.console.result(operations.calls(noted))
        calls = None if noted is None else operations.calls_document(noted)
        documents.append(
            document.one({"environment": target.environment, **checks.document(found), "calls": calls}, target.notice)
        )
        code = code or _code(found)
    return documents, code


def _shown(console: Console, found: Iterable[Check]) -> list[Check]:
    """The checks, each printed as soon as it is there."""
    from orchestrator.rendering import checks

    seen: list[Check] = []
    for check in found:
        seen.append(check)
        if not console.as_json:
            console.result(checks.line(check))
    return seen


def _code(found: Sequence[Check]) -> int:
    from orchestrator.operations.health import verdicts

    return verdicts.exit_code(found)
