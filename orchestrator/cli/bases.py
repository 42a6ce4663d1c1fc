"""The group Bases: create, preview, update and destroy bases."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli.options import (
    BaseArgument,
    BasesArgument,
    Commands,
    Common,
    DryRunOption,
    KindOption,
    OwnerOption,
    PlanFormatName,
    PlanFormatOption,
    SavePlanOption,
    SetOption,
)
from orchestrator.cli.shared import assignments_of, carry_out, destroy, preview


def create_base(
    common: Common, name: BaseArgument, kind: KindOption = None, set_: SetOption = None, owner: OwnerOption = None
) -> None:
    """Create a base: the network, load balancer and database server that environments share.

    Example: orchestrator create-base dev --kind ad-hoc
    """
    from orchestrator.lifecycle import CreateBase
    from orchestrator.model import Kind

    chosen = Kind(kind.value) if kind else None
    carry_out(common, CreateBase(name=name, kind=chosen, assignments=assignments_of(set_), owner=owner))


def preview_base(
    common: Common,
    name: BaseArgument,
    kind: KindOption = None,
    set_: SetOption = None,
    save_plan: SavePlanOption = None,
    format_: PlanFormatOption = PlanFormatName.TEXT,
) -> None:
    """Preview the creation or update of a base.

    Example: orchestrator preview-base dev --set network.nat=none
    """
    from orchestrator.lifecycle import PreviewBase
    from orchestrator.model import Kind

    chosen = Kind(kind.value) if kind else None
    request = PreviewBase(name=name, kind=chosen, assignments=assignments_of(set_))
    preview(common, request, save_plan, format_)


def update_base(
    common: Common,
    names: BasesArgument,
    with_envs: Annotated[
        bool, typer.Option("--with-envs", help="Also update the environments on these bases, after them.")
    ] = False,
    set_: SetOption = None,
) -> None:
    """Update bases to match their configuration.

    Example: orchestrator update-base dev --with-envs
    """
    from orchestrator.lifecycle import UpdateBase

    carry_out(common, UpdateBase(names=tuple(names), with_envs=with_envs, assignments=assignments_of(set_)))


def destroy_base(
    common: Common,
    names: BasesArgument,
    cascade: Annotated[bool, typer.Option("--cascade", help="Destroy the environments on these bases first.")] = False,
    dry_run: DryRunOption = False,
) -> None:
    """Destroy bases. Refused while a base has environments, except with --cascade.

    Example: orchestrator destroy-base dev --cascade --dry-run
    """
    from orchestrator.lifecycle import DestroyBase

    destroy(common, DestroyBase(names=tuple(names), cascade=cascade), dry_run=dry_run)


GROUP = "Bases"
COMMANDS: Commands = {
    "create-base": (create_base, True),
    "preview-base": (preview_base, True),
    "update-base": (update_base, True),
    "destroy-base": (destroy_base, True),
}
