"""The group Life cycle: saved plans, sleep, expiry, drift, locks and orphans."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.options import (
    BaseOption,
    Commands,
    Common,
    EnvironmentsArgument,
    NameArgument,
    NamesArgument,
)
from orchestrator.cli.shared import end, printed, session_of

if TYPE_CHECKING:
    from orchestrator.cli.session import Session
    from orchestrator.operations.sleep import Rested, RestResult
    from orchestrator.rendering.operation_documents import Server

DRIFT_EXIT_CODE = 3


def apply(
    common: Common,
    directory: Annotated[Path, typer.Argument(help="Folder of a saved plan.", show_default=False)],
) -> None:
    """Carry out a plan that `preview-env` or `preview-base` saved.

    Refused when the program, the configuration or the state has changed since.

    Example: orchestrator apply plan
    """
    session = session_of(common)
    end(session.do(session.orchestrator.prepare_apply(directory)).exit_code)


def drift(
    common: Common,
    names: NamesArgument,
    fail: Annotated[bool, typer.Option("--fail", help="Exit with code 3 when there is drift.")] = False,
) -> None:
    """Compare bases and environments with AWS. Nothing is changed.

    Example: orchestrator drift alpha dev --fail
    """
    from orchestrator.lifecycle import Drift

    session = session_of(common)
    report = session.do(session.orchestrator.prepare(Drift(names=tuple(names))))
    drifted = any(result.counts.changed for result in report.results)
    end(report.exit_code or (DRIFT_EXIT_CODE if fail and drifted else 0))


def refresh(common: Common, names: NamesArgument) -> None:
    """Update the state of bases and environments to what exists in AWS.

    Example: orchestrator refresh alpha
    """
    from orchestrator.lifecycle import Refresh

    end(session_of(common).carry_out(Refresh(names=tuple(names))))


def extend(
    common: Common,
    names: EnvironmentsArgument,
    ttl: Annotated[
        str, typer.Option("--ttl", metavar="3d", help="Time until expiry, from now and from each later deploy.")
    ],
) -> None:
    """Change when environments expire.

    Example: orchestrator extend alpha --ttl 3d
    """
    from orchestrator.rendering import document, tables

    session = session_of(common)
    lives = session.orchestrator.extend(names, ttl)
    printed(session, document.lives(lives, session.notice), tables.lives(lives))


def pin(common: Common, names: EnvironmentsArgument) -> None:
    """Keep environments from expiring: `reap` does not destroy them.

    Example: orchestrator pin alpha
    """
    from orchestrator.rendering import document, tables

    session = session_of(common)
    lives = session.orchestrator.pin(names)
    printed(session, document.lives(lives, session.notice), tables.lives(lives))


def unpin(common: Common, names: EnvironmentsArgument) -> None:
    """Let pinned environments expire again.

    Example: orchestrator unpin alpha
    """
    from orchestrator.rendering import document, tables

    session = session_of(common)
    lives = session.orchestrator.unpin(names)
    printed(session, document.lives(lives, session.notice), tables.lives(lives))


def reap(
    common: Common,
    execute: Annotated[bool, typer.Option("--execute", help="Carry it out (default: only show it).")] = False,
    sleep_after: Annotated[
        str | None,
        typer.Option(
            "--sleep-after",
            metavar="8h",
            help="Put environments without requests for this long to sleep, and destroy none.",
        ),
    ] = None,
) -> None:
    """Destroy the environments that have expired, and list those that expire within two days.

    With --sleep-after, the request count of the load balancer decides instead, and idle environments are put to sleep.

    Example: orchestrator reap --execute
    """
    if sleep_after is not None:
        _put_to_sleep(common, sleep_after, execute=execute)
        return
    from orchestrator.rendering import document, tables

    session = session_of(common)
    found = session.orchestrator.reap()
    report = None
    if not common.as_json:
        printed(session, {}, tables.reaping(found, executed=execute, width=session.console.width))
    if execute:
        session.orchestrator.notify_expiring(found)
    if execute and found.job is not None:
        report = session.do(found.job, quiet_document=True)
    if common.as_json:
        session.console.document(document.reaping(found, report, session.notice))
    end(report.exit_code if report else 0)


def _put_to_sleep(common: Common, after: str, *, execute: bool) -> None:
    from orchestrator.rendering import document, tables

    session = session_of(common)
    found = session.operations.idle(after)
    report = None
    if not common.as_json:
        printed(session, {}, tables.idleness(found, executed=execute, width=session.console.width))
    if execute and found.update is not None:
        report = session.do(session.orchestrator.prepare(found.update), quiet_document=True)
    if common.as_json:
        session.console.document(document.idleness(found, report, session.notice))
    end(report.exit_code if report else 0)


def unlock(
    common: Common,
    name: NameArgument,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Also remove a lock of another machine or container, whose owner cannot be checked from here.",
        ),
    ] = False,
) -> None:
    """Remove the locks that dead processes left on a base or an environment.

    A lock that is in use is never removed.

    Example: orchestrator unlock alpha
    """
    from orchestrator.rendering import document, tables

    session = session_of(common)
    removed = session.orchestrator.unlock(name, force=force)
    printed(session, document.unlocked(removed, session.notice), tables.unlocked(name, removed))


def orphans(
    common: Common,
    base: BaseOption = None,
    delete: Annotated[
        bool, typer.Option("--delete", help="Delete them. You type their number to confirm, or pass --yes.")
    ] = False,
) -> None:
    """Find resources in AWS that have the tags of the orchestrator and belong to no stack.

    Example: orchestrator orphans --base dev
    """
    from orchestrator.recovery.deletion import Outcome
    from orchestrator.rendering import document, tables
    from orchestrator.rendering.columns import count

    session = session_of(common)
    found = session.orchestrator.orphans(base)
    deletions = ()
    if delete and found.all:
        session.console.note(tables.orphans(found, session.console.width))
        if not common.yes:
            question = (
                f"{count(len(found.all), 'resource')} of no stack in this backend will be deleted (resources of another "
                "backend in the same account look the same)"
            )
            session.console.confirm((str(len(found.all)),), question)
        deletions = session.orchestrator.delete_orphans(found, lambda it: session.console.note(tables.deletion(it)))
        printed(session, document.orphans(found, deletions), "")
    else:
        printed(session, document.orphans(found, ()), tables.orphans(found, session.console.width))
    failed = any(deletion.outcome is Outcome.FAILED for deletion in deletions)
    end(1 if failed or any(place.problems for place in found.found) else 0)


def sleep_(common: Common, names: NamesArgument) -> None:
    """Put environments to sleep; on a base, stop its database server.

    Data and configuration stay. `wake` restores the same services.

    Example: orchestrator sleep alpha beta dev
    """
    session = session_of(common)
    resting = _Resting(session)
    resting.end(session.operations.sleep(names, observer=resting.view, rested=resting.show))


def wake(
    common: Common,
    names: NamesArgument,
    until: Annotated[
        str | None,
        typer.Option(
            "--until",
            metavar="TIME",
            help="Stay open until this time of day or for this long, outside the office hours: 22:00, 3h.",
        ),
    ] = None,
) -> None:
    """Wake environments and bases, and open those that their office hours have closed.

    Without --until they close at the next regular time.

    Example: orchestrator wake dev alpha
    """
    session = session_of(common)
    resting = _Resting(session)
    resting.end(session.operations.wake(names, until=until, observer=resting.view, rested=resting.show))


class _Resting:
    """The output of `sleep` and `wake`: each database server at once, and the document at the end."""

    def __init__(self, session: Session) -> None:
        from orchestrator.cli.one_environment import View

        self._session = session
        self._servers: list[Server] = []
        self.view = View(session.console, real=session.notice is None)

    def show(self, rested: Rested) -> None:
        """Show a database server that was stopped or started."""
        from orchestrator.rendering import operation_documents, operation_text

        server, calls = rested.server, rested.calls
        if not self._session.common.as_json:
            text = operation_text.servers([server]) if calls is None else operation_text.calls(calls)
            self._session.console.result(text)
        if server.note and calls is not None:
            self._session.console.note(server.note)
        self._servers.append(operation_documents.server(server, calls))

    def end(self, result: RestResult) -> None:
        """Print the document, or what opened for a time, and leave with the exit code."""
        from orchestrator.rendering import operation_documents, operation_text

        console = self._session.console
        if self._session.common.as_json:
            console.document(operation_documents.rest(result, self._servers, self._session.notice))
        for opened in () if self._session.common.as_json else result.opened:
            if opened.calls:
                console.result(operation_text.calls(opened.calls))
        for opened in result.opened:
            console.note(opened.opening.text)
        end(result.exit_code)


GROUP = "Life cycle"
COMMANDS: Commands = {
    "apply": (apply, True),
    "sleep": (sleep_, True),
    "wake": (wake, True),
    "extend": (extend, False),
    "pin": (pin, False),
    "unpin": (unpin, False),
    "reap": (reap, True),
    "drift": (drift, True),
    "refresh": (refresh, True),
    "unlock": (unlock, False),
    "orphans": (orphans, False),
}
