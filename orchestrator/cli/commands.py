"""The commands: each parses, asks the API, prints. Whatever is heavy is imported when a command runs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.options import (
    BaseOption,
    Common,
    GraphFormatName,
    ImageOption,
    KindOption,
    NameArgument,
    NamesArgument,
    OptionalNameArgument,
    OwnerOption,
    PlanFormatName,
    PlanFormatOption,
    SavePlanOption,
    SetOption,
    TtlOption,
    with_common,
)

if TYPE_CHECKING:
    from orchestrator.cli.session import Session
    from orchestrator.config.assignments import Assignment

START, CHANGE, LOOK, END = "Start here", "Change", "Look", "Clean up"


def register(app: typer.Typer) -> None:
    """Add the commands in the order of a user's journey."""
    for name, panel, command in (
        ("create-env", START, create_env),
        ("create-base", START, create_base),
        ("preview-env", START, preview_env),
        ("preview-base", START, preview_base),
        ("apply", START, apply),
        ("update-env", CHANGE, update_env),
        ("update-base", CHANGE, update_base),
        ("list", LOOK, list_),
        ("show", LOOK, show),
        ("outputs", LOOK, outputs),
        ("graph", LOOK, graph),
        ("cost", LOOK, cost),
        ("schema", LOOK, schema_),
        ("destroy-env", END, destroy_env),
        ("destroy-base", END, destroy_base),
    ):
        working = panel is not LOOK
        app.command(name, rich_help_panel=panel)(with_common(command, working=working))


def create_env(
    common: Common,
    names: NamesArgument,
    base: BaseOption = None,
    image: ImageOption = None,
    set_: SetOption = None,
    owner: OwnerOption = None,
    ttl: TtlOption = None,
    smoke: Annotated[bool, typer.Option("--smoke", help="End with the questions of `smoke`.")] = False,
) -> None:
    """Create environments; their base too, when it is configured and not there yet.

    Running it again continues where it stopped, and changes nothing when all is there.

    Example: orchestrator create-env alpha --base dev
    """
    from orchestrator.lifecycle import CreateEnv

    request = CreateEnv(
        names=tuple(names),
        base=base,
        images=_images(image),
        assignments=_assignments(set_),
        owner=owner,
        ttl=_duration(ttl),
    )
    session = session_of(common)
    report = session.do(session.orchestrator.prepare(request), quiet_document=smoke)
    code = report.exit_code
    if smoke:
        from orchestrator.cli.health import smoke_all
        from orchestrator.rendering import operation_documents

        found, code = smoke_all(session, names) if not code else ([], code)
        if common.as_json:
            session.console.document(operation_documents.smoked_report(report, found))
    end(code)


def create_base(
    common: Common, name: NameArgument, kind: KindOption = None, set_: SetOption = None, owner: OwnerOption = None
) -> None:
    """Create a base: what environments share.

    Example: orchestrator create-base dev --kind ad-hoc
    """
    from orchestrator.lifecycle import CreateBase
    from orchestrator.model import Kind

    chosen = Kind(kind.value) if kind else None
    _carry_out(common, CreateBase(name=name, kind=chosen, assignments=_assignments(set_), owner=owner))


def preview_env(
    common: Common,
    name: NameArgument,
    base: BaseOption = None,
    image: ImageOption = None,
    set_: SetOption = None,
    save_plan: SavePlanOption = None,
    format_: PlanFormatOption = PlanFormatName.TEXT,
) -> None:
    """Show what creating or updating an environment would do, also before its base exists.

    Example: orchestrator preview-env alpha --base dev --save-plan plan
    """
    from orchestrator.lifecycle import PreviewEnv

    request = PreviewEnv(name=name, base=base, images=_images(image), assignments=_assignments(set_))
    _preview(common, request, save_plan, format_)


def preview_base(
    common: Common,
    name: NameArgument,
    kind: KindOption = None,
    set_: SetOption = None,
    save_plan: SavePlanOption = None,
    format_: PlanFormatOption = PlanFormatName.TEXT,
) -> None:
    """Show what creating or updating a base would do."""
    from orchestrator.lifecycle import PreviewBase
    from orchestrator.model import Kind

    chosen = Kind(kind.value) if kind else None
    request = PreviewBase(name=name, kind=chosen, assignments=_assignments(set_))
    _preview(common, request, save_plan, format_)


def apply(
    common: Common,
    directory: Annotated[Path, typer.Argument(help="Folder of a saved plan.", show_default=False)],
) -> None:
    """Carry out exactly a plan that a preview saved; refused when program, configuration or state moved since."""
    session = session_of(common)
    end(session.do(session.orchestrator.prepare_apply(directory)).exit_code)


def update_env(common: Common, names: NamesArgument, image: ImageOption = None, set_: SetOption = None) -> None:
    """Bring environments in line with their configuration; deploys an image with --image.

    Example: orchestrator update-env alpha --image backend=registry.example.com/shop:1.4.2
    """
    from orchestrator.lifecycle import UpdateEnv

    _carry_out(common, UpdateEnv(names=tuple(names), images=_images(image), assignments=_assignments(set_)))


def update_base(
    common: Common,
    names: NamesArgument,
    with_envs: Annotated[bool, typer.Option("--with-envs", help="Then update the environments on them.")] = False,
    set_: SetOption = None,
) -> None:
    """Bring bases in line with their configuration."""
    from orchestrator.lifecycle import UpdateBase

    _carry_out(common, UpdateBase(names=tuple(names), with_envs=with_envs, assignments=_assignments(set_)))


def destroy_env(common: Common, names: NamesArgument) -> None:
    """Destroy environments, after their names were typed (or --yes)."""
    from orchestrator.lifecycle import DestroyEnv

    _carry_out(common, DestroyEnv(names=tuple(names)))


def destroy_base(
    common: Common,
    names: NamesArgument,
    cascade: Annotated[bool, typer.Option("--cascade", help="Destroy the environments on them first.")] = False,
) -> None:
    """Destroy bases; refused while environments stand on them, unless --cascade."""
    from orchestrator.lifecycle import DestroyBase

    _carry_out(common, DestroyBase(names=tuple(names), cascade=cascade))


def list_(common: Common) -> None:
    """List bases and the environments on them."""
    from orchestrator.rendering import document, tables

    session = session_of(common)
    found = session.orchestrator.list(with_cost=True)
    printed(
        session,
        document.listing(found, session.notice),
        tables.listing(found, datetime.now(UTC), session.console.width),
    )


def show(common: Common, name: NameArgument) -> None:
    """Show one environment or base: state, stacks, outputs. `base/NAME` is the base when both have the name."""
    from orchestrator.rendering import document, tables

    session = session_of(common)
    found = document.deployment(session.orchestrator.show(name), session.notice)
    printed(session, found, tables.details(found, session.console.width))


def outputs(common: Common, name: NameArgument) -> None:
    """Print the outputs of one environment or base; secret ones are masked."""
    from orchestrator.rendering import document, tables

    session = session_of(common)
    found = document.named_outputs(name, session.orchestrator.outputs(name), session.notice)
    printed(session, found, tables.values(found["outputs"], width=session.console.width))


def graph(
    common: Common,
    name: OptionalNameArgument = None,
    format_: Annotated[GraphFormatName, typer.Option("--format", help="How to draw it.")] = GraphFormatName.TEXT,
) -> None:
    """Draw what stands on what, or with a name the resources of one environment or base."""
    from orchestrator.rendering import document
    from orchestrator.rendering.graph import render

    session = session_of(common)
    diagram = session.orchestrator.graph(name)
    printed(session, document.graph(diagram, session.notice), render(diagram, format_.value))


def cost(
    common: Common,
    name: OptionalNameArgument = None,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="First ask AWS for today's prices (needs pricing:GetProducts).")
    ] = False,
    region: Annotated[str | None, typer.Option("--region", help="Region of the prices; else that of a base.")] = None,
) -> None:
    """Estimate what bases and environments cost a month while they merely exist.

    Example: orchestrator cost alpha --refresh
    """
    from orchestrator.errors import UsageError
    from orchestrator.rendering import document, tables

    if region and not refresh:
        raise UsageError("--region belongs to --refresh: prices are asked for one region", "add --refresh")
    session = session_of(common)
    if refresh:
        refreshed = session.orchestrator.refresh_prices(region, session.console.note)
        session.console.note(f"{len(refreshed.refreshed)} prices of {refreshed.table.region} are of today")
        for kept in refreshed.kept:
            session.console.warning(f"the price of {kept.row} stays as it was: {kept.reason}")
    found, prices = session.orchestrator.cost(name), session.orchestrator.prices
    text = tables.cost(found, prices, lines=name is not None, width=session.console.width)
    printed(session, document.cost(found, prices, session.notice), text)


def schema_(
    common: Common,
    name: Annotated[
        str | None, typer.Argument(help="Name of the document; nothing shows all.", show_default=False)
    ] = None,
) -> None:
    """Print the JSON Schema of what --json and --events write."""
    import json

    from orchestrator.console import Console
    from orchestrator.errors import UsageError
    from orchestrator.rendering.schema import SCHEMAS, schema

    if name is not None and name not in SCHEMAS:
        raise UsageError(f"there is no document {name!r}", f"documents are {', '.join(SCHEMAS)}")
    found = schema(name) if name else {each: schema(each) for each in SCHEMAS}
    Console(quiet=common.quiet).result(json.dumps(found, indent=2) + "\n")


def session_of(common: Common) -> Session:
    """What a command works with."""
    from orchestrator.cli.session import Session

    return Session(common)


def _carry_out(common: Common, request: Any) -> None:
    end(session_of(common).carry_out(request))


def _preview(common: Common, request: Any, folder: Path | None, format_: PlanFormatName) -> None:
    session = session_of(common)
    if folder is None:
        end(session.do(session.orchestrator.prepare(request), plan_format=format_.value).exit_code)
        return
    job = session.orchestrator.prepare_plan(request, folder)
    report = session.do(job, plan_format=format_.value)
    if session.orchestrator.save_plan(job, request, report):
        session.console.note(f"the plan is saved: `orchestrator apply {folder}` carries out exactly this")
    end(report.exit_code)


def _duration(text: str | None) -> timedelta | None:
    from orchestrator.config.durations import parse_duration

    return None if text is None else parse_duration(text)


def end(code: int) -> None:
    """Leave the command with that exit code."""
    if code:
        raise typer.Exit(code)


def printed(session: Session, found: dict[str, Any], text: str) -> None:
    """Print a result as a document or for people, after the notice."""
    if session.common.as_json:
        session.console.document(found)
        return
    if session.notice:
        session.console.note(f"{session.notice}\n")
    session.console.result(text)


def _assignments(texts: Sequence[str] | None) -> tuple[Assignment, ...]:
    from orchestrator.config.assignments import parse_assignment

    return tuple(parse_assignment(text) for text in texts or ())


def _images(texts: Sequence[str] | None) -> dict[str, str]:
    from orchestrator.config.assignments import parse_images

    return dict(parse_images(texts or ()))
