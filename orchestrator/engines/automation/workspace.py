"""The Automation API on our way of running the CLI: its workspaces make and remove stacks, our `Cli` runs the commands.

Operations (up, preview, destroy, refresh) are given to the `Cli` directly: the API's own methods ask three more commands
after each update for what the event log and the checkpoint have told already.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pulumi import automation
from pulumi.automation import CommandResult, LocalWorkspace, PulumiCommand

from orchestrator.engines.automation.pulumi_cli import Cli


class CommandFailedError(Exception):
    """A command of a workspace failed; `text` is everything it said."""

    def __init__(self, text: str) -> None:
        super().__init__("a command of the Pulumi CLI failed")
        self.text = text


class _Command(PulumiCommand):
    """Runs what a workspace asks for, in a session of its own; the CLI's version was checked before."""

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
        del on_output, on_error  # nobody listens: workspaces are asked for short commands only
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
