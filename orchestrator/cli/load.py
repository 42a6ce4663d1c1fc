"""The options of `smoke --load`, and its run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from orchestrator.cli.session import Session
    from orchestrator.operations.health.load import LoadResult, PreparedLoad
    from orchestrator.operations.health.verdicts import Check

LoadOption = Annotated[
    str | None,
    typer.Option(
        "--load",
        metavar="DURATION",
        help="Send requests for this long after the checks, for example 60s, at most 1h (needs the extra load).",
    ),
]
UsersOption = Annotated[
    int | None,
    typer.Option("--users", metavar="N", help="Visitors at once, for --load (default: 10).", show_default=False),
]
RateOption = Annotated[
    float | None,
    typer.Option(
        "--rate",
        metavar="N",
        help="Requests per second of all visitors, for --load (default: one for each visitor).",
        show_default=False,
    ),
]
PathsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--path",
        metavar="PATH",
        help="Path that visitors request, for --load; can be repeated (default: /).",
        show_default=False,
    ),
]
LocustFileOption = Annotated[
    Path | None,
    typer.Option(
        "--locust-file",
        metavar="FILE",
        help="Locust file with visitors of your own, for --load.",
        show_default=False,
    ),
]
MostFailuresOption = Annotated[
    float | None,
    typer.Option(
        "--most-failures",
        metavar="PERCENT",
        help="Largest part of the requests that may fail, for --load (default: 1).",
        show_default=False,
    ),
]
AllowProdLoadOption = Annotated[
    bool, typer.Option("--allow-prod", envvar="ORCHESTRATOR_ALLOW_PROD", help="Allow load on production.")
]


def check_options(duration: str | None, given: dict[str, Any]) -> dict[str, Any]:
    """The values of the other options, which need --load. Raises UsageError."""
    from orchestrator.errors import UsageError

    values = {name: value for name, value in given.items() if value is not None}
    if duration is None and values:
        raise UsageError(f"{_option(next(iter(values)))} needs --load", "add for example --load 60s")
    for name in ("rate", "paths"):
        if "locust_file" in values and name in values:
            raise UsageError(
                f"{_option(name)} does not go with --locust-file", "the Locust file has paths and waiting times"
            )
    return values


def _option(name: str) -> str:
    return {"paths": "--path", "most_failures_percent": "--most-failures"}.get(name, f"--{name.replace('_', '-')}")


def send(session: Session, prepared: PreparedLoad) -> tuple[Check, LoadResult | None]:
    """Send the load and print the figures. The result is None in the simulation."""
    from orchestrator.config.durations import format_duration
    from orchestrator.rendering import operation_text

    request, tell = prepared.request, session.console.note if session.common.verbose else _ignore
    session.console.note(f"load      {request.users} visitors for {format_duration(request.duration)}")
    found = prepared.run(tell)
    check = prepared.check(found)
    if not session.common.as_json:
        if found:
            session.console.table(operation_text.load(found, session.console.width))
        session.console.table(operation_text.check(check, session.console.width))
    return check, found


def _ignore(line: str) -> None:
    """Show nothing."""
