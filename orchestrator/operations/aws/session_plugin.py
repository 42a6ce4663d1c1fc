"""AWS's session-manager-plugin, the program for shells and port forwards; started like the AWS CLI does."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from orchestrator.errors import EngineUnavailableError

PROGRAM = "session-manager-plugin"
INSTALL_HINT = (
    "install it: https://docs.aws.amazon.com/systems-manager/latest/userguide/"
    "session-manager-working-with-install-plugin.html"
)

MINIMUM_VERSION = (1, 2, 497)
"""The first version that reads a session's token from an environment variable; every user can see process arguments."""

_RESPONSE_VARIABLE = "AWS_SSM_START_SESSION_RESPONSE"
_FROM_KEYBOARD = ("SIGINT", "SIGQUIT", "SIGTSTP")
"""Signals from a terminal's keys; not every system has all of them."""


@dataclass(frozen=True, kw_only=True)
class PluginCall:
    """An open session for the plugin."""

    session: Mapping[str, Any] = field(repr=False)
    """Id, URL and token, as `ExecuteCommand` and `StartSession` return them."""

    region: str
    parameters: Mapping[str, Any]
    """Parameters of StartSession: the target; for port forwards also document and ports."""

    endpoint: str
    """URL of the AWS service."""

    profile: str | None = None

    @property
    def words(self) -> list[str]:
        """The command line, without the token."""
        parameters = json.dumps(self.parameters)
        return [PROGRAM, _RESPONSE_VARIABLE, self.region, "StartSession", self.profile or "", parameters, self.endpoint]

    @property
    def environment(self) -> dict[str, str]:
        """The environment variable with the token."""
        return {_RESPONSE_VARIABLE: json.dumps({name: value for name, value in self.session.items() if value})}


Attach = Callable[[PluginCall], int]
"""Runs a session on this terminal until it ends; returns the plugin's exit code."""


def problem() -> str | None:
    """Return why the plugin cannot be used, as a clause; None when it can."""
    if shutil.which(PROGRAM) is None:
        return f"{PROGRAM} is not installed"
    try:
        version = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, timeout=30, check=False).stdout
    except (OSError, subprocess.SubprocessError) as error:
        return f"{PROGRAM} does not answer ({error})"
    found = re.match(r"(\d+)\.(\d+)\.(\d+)", version.strip())
    if found is None or tuple(map(int, found.groups())) < MINIMUM_VERSION:
        wanted = ".".join(map(str, MINIMUM_VERSION))
        return (
            f"{PROGRAM} is too old: it is version {version.strip() or '(unknown)'}, and {wanted} or newer is required"
        )
    return None


def check() -> None:
    """Raise EngineUnavailableError unless the plugin can be used."""
    found = problem()
    if found is not None:
        raise EngineUnavailableError(f"sessions cannot be opened: {found}", INSTALL_HINT)


def attach(call: PluginCall) -> int:
    """Run a session on this terminal; Ctrl-C goes to the session, not to this process. Raises EngineUnavailableError."""
    try:
        with _deaf():
            return subprocess.run(call.words, env={**os.environ, **call.environment}, check=False).returncode
    except OSError as error:
        raise EngineUnavailableError(f"sessions cannot be opened: {error}", INSTALL_HINT) from error


@contextmanager
def _deaf() -> Generator[None]:
    """Ignore signals from the keyboard: they are for the remote shell."""
    before: dict[signal.Signals, Any] = {}
    try:
        for name in _FROM_KEYBOARD:
            number = getattr(signal, name, None)
            if number is not None:
                before[number] = signal.signal(number, signal.SIG_IGN)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
