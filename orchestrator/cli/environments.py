"""The group Environments: create, preview, update and destroy environments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from orchestrator.cli.options import (
    BaseOption,
    BuildOption,
    Commands,
    Common,
    CreateRepositoryOption,
    DryRunOption,
    EnvironmentArgument,
    EnvironmentsArgument,
    ImageOption,
    OwnerOption,
    PlanFormatName,
    PlanFormatOption,
    SavePlanOption,
    SetOption,
    TtlOption,
)
from orchestrator.cli.shared import (
    assignments_of,
    carry_out,
    destroy,
    duration_of,
    end,
    images_of,
    preview,
    preview_in,
    session_of,
)

if TYPE_CHECKING:
    from orchestrator.cli.session import Session
    from orchestrator.lifecycle import CreateEnv, PreviewEnv


def create_env(
    common: Common,
    names: EnvironmentsArgument,
    base: BaseOption = None,
    image: ImageOption = None,
    set_: SetOption = None,
    owner: OwnerOption = None,
    ttl: TtlOption = None,
    smoke: Annotated[bool, typer.Option("--smoke", help="Run the checks of `smoke` afterwards.")] = False,
    build: BuildOption = False,
    create_repository: CreateRepositoryOption = False,
) -> None:
    """Create environments, and their base if it is configured and does not exist.

    The command can be repeated: it continues where it stopped, and changes nothing when everything exists.

    Example: orchestrator create-env alpha --base dev
    """
    from orchestrator.lifecycle import CreateEnv

    request = CreateEnv(
        names=tuple(names),
        base=base,
        images=images_of(image),
        assignments=assignments_of(set_),
        owner=owner,
        ttl=duration_of(ttl),
    )
    session = session_of(common)
    if build:
        request = _with_built(session, request, tuple(names), create_repository)
    report = session.do(session.orchestrator.prepare(request), quiet_document=smoke)
    code = report.exit_code
    if smoke:
        from orchestrator.cli.looking import smoke_all
        from orchestrator.rendering import operation_documents

        found, code = smoke_all(session, names) if not code else ([], code)
        if common.as_json:
            session.console.document(operation_documents.smoked_report(report, found))
    end(code)


def preview_env(
    common: Common,
    name: EnvironmentArgument,
    base: BaseOption = None,
    image: ImageOption = None,
    set_: SetOption = None,
    save_plan: SavePlanOption = None,
    format_: PlanFormatOption = PlanFormatName.TEXT,
    build: BuildOption = False,
    create_repository: CreateRepositoryOption = False,
) -> None:
    """Preview the creation or update of an environment. Its base need not exist.

    Example: orchestrator preview-env alpha --base dev --save-plan plan
    """
    from orchestrator.lifecycle import PreviewEnv

    request = PreviewEnv(name=name, base=base, images=images_of(image), assignments=assignments_of(set_))
    if not build:
        preview(common, request, save_plan, format_)
        return
    session = session_of(common)
    preview_in(session, _with_built(session, request, (name,), create_repository), save_plan, format_)


Built = TypeVar("Built", "CreateEnv", "PreviewEnv")


def _with_built(session: Session, request: Built, names: tuple[str, ...], create_repository: bool) -> Built:
    """The request with the images that `--build` builds and pushes."""
    from dataclasses import replace

    from orchestrator.cli.building import images_with_built

    images = images_with_built(
        session,
        names,
        request.images,
        request.assignments,
        create_repository=create_repository,
        checked=lambda named: session.orchestrator.prepare(replace(request, images=named)),
    )
    return replace(request, images=images)


def update_env(common: Common, names: EnvironmentsArgument, image: ImageOption = None, set_: SetOption = None) -> None:
    """Update environments to match their configuration.

    Example: orchestrator update-env alpha --image backend=registry.example.com/shop:1.4.2
    """
    from orchestrator.lifecycle import UpdateEnv

    carry_out(common, UpdateEnv(names=tuple(names), images=images_of(image), assignments=assignments_of(set_)))


def destroy_env(common: Common, names: EnvironmentsArgument, dry_run: DryRunOption = False) -> None:
    """Destroy environments. You type their names to confirm, or pass --yes.

    Example: orchestrator destroy-env alpha --dry-run
    """
    from orchestrator.lifecycle import DestroyEnv

    destroy(common, DestroyEnv(names=tuple(names)), dry_run=dry_run)


GROUP = "Environments"
COMMANDS: Commands = {
    "create-env": (create_env, True),
    "preview-env": (preview_env, True),
    "update-env": (update_env, True),
    "destroy-env": (destroy_env, True),
}
