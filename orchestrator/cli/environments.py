"""The group Environments: create, preview, update and destroy environments."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli.options import (
    BaseOption,
    Commands,
    Common,
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
from orchestrator.cli.shared import assignments_of, carry_out, destroy, duration_of, end, images_of, preview, session_of


def create_env(
    common: Common,
    names: EnvironmentsArgument,
    base: BaseOption = None,
    image: ImageOption = None,
    set_: SetOption = None,
    owner: OwnerOption = None,
    ttl: TtlOption = None,
    smoke: Annotated[bool, typer.Option("--smoke", help="Then run the checks of `smoke`.")] = False,
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
) -> None:
    """Preview the creation or update of an environment. Its base need not exist.

    Example: orchestrator preview-env alpha --base dev --save-plan plan
    """
    from orchestrator.lifecycle import PreviewEnv

    request = PreviewEnv(name=name, base=base, images=images_of(image), assignments=assignments_of(set_))
    preview(common, request, save_plan, format_)


def update_env(common: Common, names: EnvironmentsArgument, image: ImageOption = None, set_: SetOption = None) -> None:
    """Update environments to their configuration.

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
