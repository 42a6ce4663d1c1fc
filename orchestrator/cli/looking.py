"""The group Looking: lists, details, graphs, costs and smoke checks. Nothing is changed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.load import (
    AllowProdLoadOption,
    LoadOption,
    LocustFileOption,
    MostFailuresOption,
    PathsOption,
    RateOption,
    UsersOption,
    check_options,
    send,
)
from orchestrator.cli.options import (
    AllowProdOption,
    Commands,
    Common,
    EngineOption,
    EnvironmentArgument,
    GraphFormatName,
    NameArgument,
    OptionalNameArgument,
    ProjectDirOption,
    WaitOption,
)
from orchestrator.cli.shared import (
    code_of_checks,
    duration_of,
    end,
    needs_extra,
    printed,
    session_of,
    shown,
    shown_checks,
)

if TYPE_CHECKING:
    from orchestrator.cli.session import Session
    from orchestrator.rendering.operation_documents import SmokeDocument

PATIENCE = timedelta(minutes=3)
"""Longest wait for the first answer of the URL of a new environment."""


def list_(common: Common) -> None:
    """List bases and environments.

    Example: orchestrator list
    """
    session = session_of(common)
    found = session.orchestrator.list(with_cost=True)
    for project, reason in session.orchestrator.closed().items():
        session.console.warning(f"the stacks of the project {project} are not listed: {reason.message}")
    if common.as_json:
        from orchestrator.rendering import document

        session.console.document(document.listing(found, session.notice))
    else:
        from orchestrator.rendering import tables

        shown(session, tables.listing(found, datetime.now(UTC), session.console.width))


def show(common: Common, name: NameArgument) -> None:
    """Show the state, stacks and outputs of an environment or a base.

    Example: orchestrator show alpha
    """
    from orchestrator.model import Scope
    from orchestrator.rendering import document, release_text, tables

    session = session_of(common)
    deployment = session.orchestrator.show(name)
    release = session.operations.releases.running(name) if deployment.scope is Scope.ENVIRONMENT else None
    found = document.deployment(deployment, session.notice, release)
    line = release_text.release(release) if release else None
    printed(session, found, tables.details(found, session.console.width, line))


def outputs(common: Common, name: NameArgument) -> None:
    """Print the outputs of an environment or a base. Secret outputs are masked.

    Example: orchestrator outputs alpha --json
    """
    from orchestrator.rendering import document, tables

    session = session_of(common)
    found = document.named_outputs(name, session.orchestrator.outputs(name), session.notice)
    printed(session, found, tables.values(found["outputs"], width=session.console.width))


def graph(
    common: Common,
    name: OptionalNameArgument = None,
    format_: Annotated[GraphFormatName, typer.Option("--format", help="Format of the graph.")] = GraphFormatName.TEXT,
) -> None:
    """Draw bases with their environments, or the resources of one of them.

    Example: orchestrator graph alpha --format mermaid
    """
    from orchestrator.rendering import document
    from orchestrator.rendering.graph import render

    session = session_of(common)
    diagram = session.orchestrator.graph(name)
    printed(session, document.graph(diagram, session.notice), render(diagram, format_.value))


def cost(
    common: Common,
    name: OptionalNameArgument = None,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Fetch the current prices from AWS first (needs pricing:GetProducts).")
    ] = False,
    region: Annotated[
        str | None, typer.Option("--region", help="Region of the prices (default: the region of a base).")
    ] = None,
) -> None:
    """Estimate the monthly cost of bases and environments without traffic.

    Example: orchestrator cost alpha --refresh
    """
    from orchestrator.errors import UsageError
    from orchestrator.rendering import document, tables
    from orchestrator.rendering.columns import count

    if region and not refresh:
        raise UsageError("--region needs --refresh: it selects the prices to fetch", "add --refresh")
    session = session_of(common)
    if refresh:
        refreshed = session.orchestrator.refresh_prices(region, session.console.note)
        session.console.note(f"{count(len(refreshed.refreshed), 'price')} of {refreshed.table.region} fetched")
        for kept in refreshed.kept:
            session.console.warning(f"the price of {kept.row} is unchanged: {kept.reason}")
    found, prices = session.orchestrator.cost(name), session.orchestrator.prices
    text = tables.cost(found, prices, lines=name is not None, width=session.console.width)
    printed(session, document.cost(found, prices, session.notice), text)


def dashboard_(
    common: Common,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of the page: index.html, dashboard.json.")],
    drift: Annotated[bool, typer.Option("--drift", help="Also compare AWS with the states.")] = False,
    orphans: Annotated[
        bool, typer.Option("--orphans", help="Also search AWS for resources that no stack contains.")
    ] = False,
) -> None:
    """Write all bases and environments as one page, which a browser opens without a server.

    The page has states, releases, costs, locks and dependencies. Secret outputs are masked.

    Example: orchestrator dashboard --out dashboard
    """
    from orchestrator.dashboard import page
    from orchestrator.dashboard.gathering import Wanted, gather
    from orchestrator.rendering.document import plain

    session = session_of(common)
    found = gather(session.orchestrator, Wanted(drift=drift, orphans=orphans))
    file = page.write(found, out)
    printed(session, plain(found), f"{file}\n")


def serve_(
    project_dir: ProjectDirOption = None,
    engine: EngineOption = None,
    wait: WaitOption = None,
    host: Annotated[str, typer.Option("--host", metavar="ADDRESS", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", metavar="N", min=1, max=65535, help="Port to listen on.")] = 8484,
    public_host: Annotated[
        list[str] | None,
        typer.Option("--public-host", metavar="NAME", help="Further host name of the page, for example of a proxy."),
    ] = None,
    identity_header: Annotated[
        str | None,
        typer.Option("--identity-header", metavar="HEADER", help="Header in which a reverse proxy names the user."),
    ] = None,
    allow_actions: Annotated[
        bool, typer.Option("--allow-actions", help="Offer actions: deploy, sleep, wake, extend, pin, destroy.")
    ] = False,
    allow_prod: AllowProdOption = False,
    refresh: Annotated[
        str, typer.Option("--refresh", metavar="30s", help="Time after which the state is read again.")
    ] = "30s",
) -> None:
    """Serve the dashboard as a live page that follows runs, tasks and logs.

    The command prints an address with a token, which opens the page. Set ORCHESTRATOR_SERVE_TOKEN to choose the token.

    Example: orchestrator serve --allow-actions
    """
    needs_extra("serve", "web", "starlette", "uvicorn", "sse_starlette")
    from orchestrator.console import Console
    from orchestrator.web import server
    from orchestrator.web.command import options_of, warnings_of

    options = options_of(
        where=project_dir,
        engine=engine.value if engine else None,
        wait=wait,
        host=host,
        port=port,
        public_hosts=tuple(public_host or ()),
        identity_header=identity_header,
        allow_actions=allow_actions,
        allow_prod=allow_prod,
        refresh=refresh,
    )
    console = Console()
    options.orchestrator()  # settings that cannot be read end the command
    for risk in warnings_of(options):
        console.warning(risk)
    server.serve(options, lambda: console.result(f"{options.address}\n"))


def smoke_(
    common: Common,
    name: EnvironmentArgument,
    wait: Annotated[
        str | None,
        typer.Option(
            "--patience",
            metavar="DURATION",
            help="Wait up to this long for the first answer of the URL, for example 3m.",
        ),
    ] = None,
    load_for: LoadOption = None,
    users: UsersOption = None,
    rate: RateOption = None,
    paths: PathsOption = None,
    locust_file: LocustFileOption = None,
    most_failures_percent: MostFailuresOption = None,
    allow_prod: AllowProdLoadOption = False,
) -> None:
    """Check that an environment works: URL, certificate, services, migrations, workers, files and more.

    With --load, visitors send requests after the checks. The exit code is 1 when a check fails, or when too many
    requests do.

    Example: orchestrator smoke alpha --load 60s --users 20
    """
    from orchestrator.rendering import operation_documents
    from orchestrator.rendering.document import plain

    given = {"users": users, "rate": rate, "paths": paths, "locust_file": locust_file}
    values = check_options(load_for, {**given, "most_failures_percent": most_failures_percent})
    session = session_of(common)
    prepared = load_for and session.operations.prepare_load(name, load_for, allow_prod=allow_prod, **values)
    documents, code = smoke_all(session, (name,), patience=duration_of(wait) or timedelta())
    found = documents[0]
    if prepared and not code:
        check, sent = send(session, prepared)
        code = code_of_checks([check])
        found = operation_documents.loaded(found, check, sent)
    if common.as_json:
        session.console.document(plain(found))
    end(code)


def smoke_all(
    session: Session, names: Sequence[str], *, patience: timedelta = PATIENCE
) -> tuple[list[SmokeDocument], int]:
    """Run the checks of `smoke` on environments, one after the other.

    Returns a document for each environment, and the exit code. With --json no lines are printed.
    """
    from orchestrator.cli.one_environment import View
    from orchestrator.rendering import operation_documents, operation_text

    documents: list[SmokeDocument] = []
    code, view = 0, View(session.console, real=session.notice is None)
    for name in names:
        checks = session.operations.smoke(name, patience=patience, observer=view)
        found = shown_checks(session.console, checks)
        noted = session.operations.calls if session.notice else None
        if not session.common.as_json:
            session.console.note(operation_text.checks(found))
            if noted is not None and session.common.verbose:
                session.console.result(operation_text.calls(noted))
        documents.append(operation_documents.smoke(name, found, noted, session.notice))
        code = code or code_of_checks(found)
    return documents, code


GROUP = "Looking"
COMMANDS: Commands = {
    "list": (list_, False),
    "show": (show, False),
    "outputs": (outputs, False),
    "graph": (graph, False),
    "cost": (cost, False),
    "dashboard": (dashboard_, False),
    "smoke": (smoke_, False),
}
PLAIN = {"serve": serve_}
"""Commands with options of their own."""
