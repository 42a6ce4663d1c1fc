"""Commands for what happens to stacks after they were made: drift, expiry, locks, orphans."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli.commands import CHANGE, END, LOOK, end, printed, session_of
from orchestrator.cli.options import BaseOption, Common, NameArgument, NamesArgument, with_common

DRIFT_EXIT_CODE = 3


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for name, panel, command, working in (
        ("refresh", CHANGE, refresh, True),
        ("extend", CHANGE, extend, False),
        ("pin", CHANGE, pin, False),
        ("unpin", CHANGE, unpin, False),
        ("unlock", CHANGE, unlock, False),
        ("drift", LOOK, drift, True),
        ("reap", END, reap, True),
        ("orphans", END, orphans, False),
    ):
        app.command(name, rich_help_panel=panel)(with_common(command, working=working))


def drift(
    common: Common,
    names: NamesArgument,
    fail: Annotated[bool, typer.Option("--fail", help="Exit with 3 when there is drift.")] = False,
) -> None:
    """Compare bases and environments with what is in AWS. Nothing is changed."""
    from orchestrator.lifecycle import Drift

    session = session_of(common)
    report = session.do(session.orchestrator.prepare(Drift(names=tuple(names))))
    drifted = any(result.counts.changed for result in report.results)
    end(report.exit_code or (DRIFT_EXIT_CODE if fail and drifted else 0))


def refresh(common: Common, names: NamesArgument) -> None:
    """Bring the state of bases and environments in line with what is in AWS."""
    from orchestrator.lifecycle import Refresh

    end(session_of(common).carry_out(Refresh(names=tuple(names))))


def extend(
    common: Common,
    names: NamesArgument,
    ttl: Annotated[str, typer.Option("--ttl", metavar="3d", help="How long from now, and from each later deploy.")],
) -> None:
    """Let environments live longer, or shorter.

    Example: orchestrator extend alpha --ttl 3d
    """
    from orchestrator.rendering import document, tables

    session = session_of(common)
    lives = session.orchestrator.extend(names, ttl)
    printed(session, document.lives(lives, session.notice), tables.lives(lives))


def pin(common: Common, names: NamesArgument) -> None:
    """Keep environments whatever their age: `reap` leaves them alone."""
    from orchestrator.rendering import document, tables

    session = session_of(common)
    lives = session.orchestrator.pin(names)
    printed(session, document.lives(lives, session.notice), tables.lives(lives))


def unpin(common: Common, names: NamesArgument) -> None:
    """Let environments expire again."""
    from orchestrator.rendering import document, tables

    session = session_of(common)
    lives = session.orchestrator.unpin(names)
    printed(session, document.lives(lives, session.notice), tables.lives(lives))


def unlock(
    common: Common,
    name: NameArgument,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Also a lock of another machine or container, whose owner cannot be looked at from here."
        ),
    ] = False,
) -> None:
    """Remove the locks that dead processes left on a base or an environment. A lock in use is never removed."""
    from orchestrator.rendering import document, tables

    session = session_of(common)
    removed = session.orchestrator.unlock(name, force=force)
    printed(session, document.unlocked(removed, session.notice), tables.unlocked(name, removed))


def reap(
    common: Common,
    execute: Annotated[bool, typer.Option("--execute", help="Do it; without it, only say what would be done.")] = False,
    sleep_after: Annotated[
        str | None,
        typer.Option(
            "--sleep-after", metavar="8h", help="Put to sleep who had no request for so long; destroys nobody."
        ),
    ] = None,
) -> None:
    """Destroy the environments that expired; says who follows within two days, and who stays and why.

    With --sleep-after it looks at the load balancer's request count instead, and puts idle environments to sleep.
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
    if execute and found.job is not None:
        report = session.do(found.job, quiet_document=True)
    if common.as_json:
        session.console.document(document.reaping(found, report, session.notice))
    end(report.exit_code if report else 0)


def _put_to_sleep(common: Common, after: str, *, execute: bool) -> None:
    from datetime import UTC, datetime

    from orchestrator.config.durations import parse_duration
    from orchestrator.operations import idle
    from orchestrator.rendering import document, tables

    session = session_of(common)
    found = idle.find(session.orchestrator.context, parse_duration(after), datetime.now(UTC))
    report = None
    if not common.as_json:
        printed(session, {}, tables.idleness(found, executed=execute, width=session.console.width))
    if execute and found.update is not None:
        report = session.do(session.orchestrator.prepare(found.update), quiet_document=True)
    if common.as_json:
        session.console.document(document.idleness(found, report, session.notice))
    end(report.exit_code if report else 0)


def orphans(
    common: Common,
    base: BaseOption = None,
    delete: Annotated[
        bool, typer.Option("--delete", help="Delete them, after their number was typed (or --yes).")
    ] = False,
) -> None:
    """Find resources in AWS that carry our tags and that no stack knows."""
    from orchestrator.recovery.deletion import Outcome
    from orchestrator.rendering import document, tables

    session = session_of(common)
    found = session.orchestrator.orphans(base)
    deletions = ()
    if delete and found.all:
        session.console.note(tables.orphans(found, session.console.width))
        if not common.yes:
            question = (
                f"{len(found.all)} resources that no stack of this backend knows will be deleted (another backend's in the "
                "same account look the same)"
            )
            session.console.confirm((str(len(found.all)),), question)
        deletions = session.orchestrator.delete_orphans(found, lambda it: session.console.note(tables.deletion(it)))
        printed(session, document.orphans(found, deletions), "")
    else:
        printed(session, document.orphans(found, ()), tables.orphans(found, session.console.width))
    failed = any(deletion.outcome is Outcome.FAILED for deletion in deletions)
    end(1 if failed or any(place.problems for place in found.found) else 0)
