"""Commands that run after every service has the new version: once for each version, or once in an environment's life."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi


@dataclass(frozen=True, kw_only=True)
class Step:
    """A command, run in a task of the release's definition."""

    name: str
    """Last part of the record's name, for example `after-release`."""

    setting: str
    """Key of the configuration, for messages: `release.after_command`."""

    command: Sequence[str]
    once: bool
    """Run only for the first version of an environment."""


class ReleaseStep(pulumi.ComponentResource):
    """Record of a command that succeeded. `ReleaseGate.step` creates it. It has no child resources.

    The engine writes it only after the command has succeeded, so the next update runs a command that failed again.
    """

    def __init__(
        self, name: str, step: Step, definition: pulumi.Input[str], *, waits: bool, opts: pulumi.ResourceOptions
    ) -> None:
        recorded: dict[str, pulumi.Input[Any]] = {
            "command": list(step.command),
            **({} if step.once else {"taskDefinition": definition}),
            # The next update that releases and waits finds the difference and runs the command.
            **({"waits": True} if waits else {}),
        }
        super().__init__("pulumi-django:ecs:ReleaseStep", name, recorded, opts)
        self.register_outputs({})


def is_due(step: Step, new: Mapping[str, Any], old: Mapping[str, Any] | None) -> bool:
    """Return whether creating (`old` is None) or updating the record runs the command."""
    if new.get("waits"):
        return False
    return not step.once or old is None or bool(old.get("waits"))


class DatabaseRecord(pulumi.ComponentResource):
    """Record of the database that the database task ensured. `ReleaseGate.database` creates it. It has no child resources.

    The task runs again only when its definition (server, names, extensions) or a secret with the password has changed.
    """

    def __init__(
        self,
        name: str,
        definition: pulumi.Input[str],
        secret_versions: Sequence[pulumi.Input[str]],
        *,
        waits: bool,
        opts: pulumi.ResourceOptions,
    ) -> None:
        recorded: dict[str, pulumi.Input[Any]] = {
            "taskDefinition": definition,
            "secretVersions": list(secret_versions),
            **({"waits": True} if waits else {}),
        }
        super().__init__("pulumi-django:ecs:DatabaseRecord", name, recorded, opts)
        self.register_outputs({})
