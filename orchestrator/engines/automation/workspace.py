"""Workspaces of the Automation API that run their commands with `Cli`. They create and remove stacks.

Operations (up, preview, destroy, refresh) use `Cli` directly: the methods of the API run three more commands after each update
for facts that are already in the event log and the checkpoint.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pulumi import automation
from pulumi.automation import CommandResult, LocalWorkspace, PulumiCommand

from orchestrator.engines.automation.pulumi_cli import Cli


class CommandFailedError(Exception):
    """A command of a workspace failed; `text` is its output."""

    def __init__(self, text: str) -> None:
        super().__init__("a command of the Pulumi CLI failed")
        self.text = text


class _Command(PulumiCommand):
    """Runs the commands of a workspace with `Cli`, which has checked the version before."""

    def __init__(self, cli: Cli) -> None:
        self.command, self.version, self._cli = "pulumi", None, cli

    def run(
        self,
        args: list[str],
        cwd: str,
        additional_env: Mapping[str, str],
        on_output: Any = None,
        on_error: Any = None,
    ) -> CommandResult:
        del on_output, on_error  # not needed for the short commands of workspaces
        finished = self._cli.run(args, Path(cwd), environment=additional_env)
        if finished.code != 0:
            raise CommandFailedError(finished.text)
        return CommandResult(stdout=finished.output, stderr=finished.errors, code=finished.code)


def open_workspace(
    cli: Cli, folder: Path, environment: Mapping[str, str], secrets_provider: str | None
) -> automation.Workspace:
    """The project folder as a workspace of the Automation API. Its methods raise CommandFailedError."""
    return LocalWorkspace(
        work_dir=str(folder),
        env_vars=dict(environment),
        secrets_provider=secrets_provider,
        pulumi_command=_Command(cli),
    )
