"""The group Releases: the history of environments, the way back, and the audit of all stacks."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli import completion
from orchestrator.cli.options import Commands, Common, DryRunOption, EnvironmentArgument, NameArgument
from orchestrator.cli.shared import duration_of, end, on_environment, printed, session_of

if TYPE_CHECKING:
    from orchestrator.cli.one_environment import EnvironmentCommand
    from orchestrator.operations.maintenance import MaintenanceResult


class LogFormatName(StrEnum):
    """Values of --format of `log`."""

    TEXT = "text"
    CSV = "csv"


def releases(
    common: Common,
    name: NameArgument,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="Number of releases.")] = 20,
    all_: Annotated[bool, typer.Option("--all", help="List all releases.")] = False,
) -> None:
    """List the releases of an environment, newest first, from the history of its stack.

    Example: orchestrator releases alpha
    """
    from orchestrator.rendering import release_documents, release_text

    session = session_of(common)
    found = session.operations.releases.list(name, None if all_ else limit)
    text = release_text.releases(found, session.console.width)
    printed(session, release_documents.releases(found, session.notice), text)


def diff(
    common: Common,
    name: NameArgument,
    before: Annotated[int, typer.Argument(metavar="BEFORE", help="Number of a release.", show_default=False)],
    after: Annotated[int, typer.Argument(metavar="AFTER", help="Number of another release.", show_default=False)],
) -> None:
    """Compare two releases: commit, images and configuration. Secrets are masked.

    Example: orchestrator diff alpha 12 14
    """
    from orchestrator.rendering import release_documents, release_text

    session = session_of(common)
    found = session.operations.releases.compare(name, before, after)
    text = release_text.comparison(found, session.console.width)
    printed(session, release_documents.comparison(found, session.notice), text)


ToOption = Annotated[
    int | None,
    typer.Option("--to", metavar="N", help="Number of the release, as in `releases`.", show_default=False),
]
PreviousOption = Annotated[
    bool,
    typer.Option("--previous", help="The newest release that succeeded and differs from the configuration (default)."),
]
CheckMigrationsOption = Annotated[
    bool,
    typer.Option("--check-migrations/--no-check-migrations", help="Compare the migrations of both images first."),
]


def rollback(
    common: Common,
    name: EnvironmentArgument,
    to: ToOption = None,
    previous: PreviousOption = False,
    with_config: Annotated[
        bool, typer.Option("--with-config", help="Take the configuration of the release too, except secrets.")
    ] = False,
    release: Annotated[
        bool, typer.Option("--release/--no-release", help="Run the release command on the older image.")
    ] = False,
    check_migrations: CheckMigrationsOption = True,
    past_irreversible: Annotated[
        bool, typer.Option("--past-irreversible", help="Roll back past migrations that cannot be reversed.")
    ] = False,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Do not wait for the rollouts.")] = False,
    dry_run: DryRunOption = False,
) -> None:
    """Return to the images of an earlier release. A running deployment is rolled back by ECS first.

    Example: orchestrator rollback alpha --to 12
    """
    from orchestrator.cli.one_environment import RolloutLines
    from orchestrator.errors import UsageError
    from orchestrator.rendering import operation_text, release_documents

    if to is not None and previous:
        raise UsageError("--to and --previous cannot be used together", "use one of them")
    work = on_environment(common, name)
    result = work.operations.releases.rollback(
        name,
        to,
        with_config=with_config,
        release=release,
        check_migrations=check_migrations,
        past_irreversible=past_irreversible,
        detach=detach,
        dry_run=dry_run,
        observer=RolloutLines(work.session, work.view),
    )
    if common.as_json:
        work.report(release_documents.rolled_back(result), "", always=True)
    elif not dry_run:
        work.report(result, operation_text.deployed(result.deploy, name, work.console.width), always=True)
    end(result.exit_code)


def log(
    common: Common,
    name: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME",
            help="Environments or bases (default: all).",
            show_default=False,
            autocompletion=completion.stacks,
        ),
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="DURATION", help="Start this long ago, for example 7d.")
    ] = None,
    limit: Annotated[int | None, typer.Option("--limit", "-n", min=1, help="Number of operations.")] = None,
    format_: Annotated[LogFormatName, typer.Option("--format", help="Format of the log.")] = LogFormatName.TEXT,
) -> None:
    """Print the operations on bases and environments, newest first: who did what, when, and with what result.

    Example: orchestrator log --since 7d --format csv
    """
    from orchestrator.errors import UsageError
    from orchestrator.rendering import release_documents, release_text

    if common.as_json and format_ is LogFormatName.CSV:
        raise UsageError("--json and --format csv cannot be used together", "use one of them")
    session = session_of(common)
    back = duration_of(since)
    start = session.orchestrator.context.clock() - back if back is not None else None
    found = session.operations.releases.log(name or (), since=start, limit=limit)
    if format_ is LogFormatName.CSV:
        session.console.result(release_text.log_csv(found))
        return
    text = release_text.log(found, session.console.width)
    printed(session, release_documents.log(found, session.notice), text)


def maintenance_on(
    common: Common,
    name: EnvironmentArgument,
    page: Annotated[
        Path | None, typer.Option("--page", metavar="FILE", help="Page of at most 1024 bytes.", show_default=False)
    ] = None,
    allow: Annotated[
        list[str] | None,
        typer.Option("--allow", metavar="CIDR", help="Address range that still reaches the services; can be repeated."),
    ] = None,
) -> None:
    """Make the load balancer answer 503 for an environment. Its services keep running.

    Example: orchestrator maintenance on alpha --allow 203.0.113.7/32
    """
    work = on_environment(common, name)
    _maintained(work, work.operations.maintenance_on(name, page=page, allow=allow or ()))


def maintenance_off(common: Common, name: EnvironmentArgument) -> None:
    """Let all requests reach the services again.

    Example: orchestrator maintenance off alpha
    """
    work = on_environment(common, name)
    _maintained(work, work.operations.maintenance_off(name))


def _maintained(work: EnvironmentCommand, result: MaintenanceResult) -> None:
    from orchestrator.rendering import release_documents

    if work.session.common.as_json:
        work.console.document(release_documents.maintenance(result, work.session.notice))
    elif result.on and not result.report.exit_code:
        work.console.note(
            f"{work.name} has answered 503 since {result.since}: `orchestrator maintenance off {work.name}` ends it"
        )
    end(result.report.exit_code)


ServicesOption = Annotated[
    list[str] | None,
    typer.Option("--service", "-s", help="Only the deployment of this service; can be repeated.", show_default=False),
]


def approve(common: Common, name: EnvironmentArgument, service: ServicesOption = None) -> None:
    """Approve deployments that wait for an approval (`deployment.pause_before`), so that they continue.

    Example: orchestrator approve live
    """
    _decide(on_environment(common, name), "approve", service)


def reject(common: Common, name: EnvironmentArgument, service: ServicesOption = None) -> None:
    """Roll back deployments that wait for an approval.

    Example: orchestrator reject live
    """
    _decide(on_environment(common, name), "reject", service)


def _decide(work: EnvironmentCommand, decision: str, services: list[str] | None) -> None:
    result = work.operations.releases.decide(work.name, decision, services or ())
    does = "goes on" if decision == "approve" else "goes back to the version before"
    text = "".join(f"{each.service} {does}: `orchestrator ps {work.name}` shows it\n" for each in result.decided)
    work.report(result, text)


GROUP = "Releases"
SUBGROUPS: Mapping[str, tuple[str, Commands]] = {
    "maintenance": (
        "Make the load balancer answer 503 for an environment.",
        {"on": (maintenance_on, True), "off": (maintenance_off, True)},
    )
}
COMMANDS: Commands = {
    "releases": (releases, False),
    "rollback": (rollback, True),
    "approve": (approve, True),
    "reject": (reject, True),
    "diff": (diff, False),
    "log": (log, False),
}
