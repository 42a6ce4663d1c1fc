"""The check before a deploy: pending migrations of the new image that break running code, or lock a table."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from orchestrator.errors import OrchestratorError, RefusedError
from orchestrator.operations import app_stack
from orchestrator.operations.aws.clients import Clients
from orchestrator.operations.aws.errors import explained
from orchestrator.operations.aws.targets import Target
from orchestrator.operations.events import Note, Observer
from orchestrator.operations.releases import migrations
from orchestrator.operations.releases.migrations import PendingMigration
from pulumi_django.deploying.gate_arguments import DEFAULT_RELEASE_COMMAND

if TYPE_CHECKING:
    from orchestrator.lifecycle.context import Context

DOCS = "docs/releases.md#two-phases shows how to split it"


def check(
    image: str, target: Target, clients: Clients, context: Context, observer: Observer
) -> tuple[PendingMigration, ...]:
    """Return the pending migrations of an image. Nothing is changed.

    Raises RefusedError when one of them is dangerous and not in `[deploy] accepted_migrations`, OperationFailedError when the
    image cannot be asked.
    """
    command = app_stack.find(context, target.environment).get("release", "command") or DEFAULT_RELEASE_COMMAND
    try:
        with explained(target.aws):
            found = migrations.pending(image, command, target, clients, observer)
    except OrchestratorError as error:
        raise type(error)(
            f"{target.environment} was not deployed: {error.message}",
            "; ".join(filter(None, (error.hint, "--no-check-migrations deploys without this check"))),
        ) from error
    if not clients.simulated:
        names = ", ".join(map(str, found)) or "none"
        observer(Note(text=f"pending migrations: {names}"))
    refuse_dangers(target.environment, found, context.settings.deploy.accepted_migrations)
    return found


def refuse_dangers(environment: str, found: Sequence[PendingMigration], accepted: Collection[str]) -> None:
    """Raise RefusedError when a migration that is not accepted is dangerous."""
    dangerous = [migration for migration in found if migration.dangers and str(migration) not in accepted]
    lines = [f"  {migration}: {danger.what}" for migration in dangerous for danger in migration.dangers]
    if lines:
        names = ", ".join(map(str, dangerous))
        raise RefusedError(
            f"{environment} was not deployed: pending migrations are dangerous while the older code runs\n"
            + "\n".join(lines),
            f"{DOCS}; deploy anyway with --no-check-migrations, or add {names} to [deploy] accepted_migrations",
        )
