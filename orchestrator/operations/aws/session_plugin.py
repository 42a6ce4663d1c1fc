"""AWS's session-manager-plugin, the program that carries shells and port forwards; started as the AWS CLI starts it."""

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
"""The first that takes a session's token from an environment variable; arguments of a process are seen by everybody."""

_RESPONSE_VARIABLE = "AWS_SSM_START_SESSION_RESPONSE"
_FROM_KEYBOARD = ("SIGINT", "SIGQUIT", "SIGTSTP")
"""Signals that a terminal's keys send; not every system has all of them."""


@dataclass(frozen=True, kw_only=True)
class PluginCall:
    """A session that AWS has opened, for the plugin to carry."""

    session: Mapping[str, Any] = field(repr=False)
    """Its id, URL and token, as `ExecuteCommand` and `StartSession` return them."""

    region: str
    parameters: Mapping[str, Any]
    """Of StartSession: the target, and for port forwards document and ports."""

    endpoint: str
    """URL of the service that opened it."""

    profile: str | None = None

    @property
    def words(self) -> list[str]:
        """The command line; the token is not in it."""
        parameters = json.dumps(self.parameters)
        return [PROGRAM, _RESPONSE_VARIABLE, self.region, "StartSession", self.profile or "", parameters, self.endpoint]

    @property
    def environment(self) -> dict[str, str]:
        """The variable that holds the token."""
        return {_RESPONSE_VARIABLE: json.dumps({name: value for name, value in self.session.items() if value})}


Attach = Callable[[PluginCall], int]
"""Carries a session on this terminal until it ends; returns the plugin's exit code."""


def problem() -> str | None:
    """Why the plugin cannot be used, as a clause; None when it can."""
    if shutil.which(PROGRAM) is None:
        return f"{PROGRAM} is not installed"
    try:
        said = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, timeout=30, check=False).stdout
    except (OSError, subprocess.SubprocessError) as error:
        return f"{PROGRAM} does not answer ({error})"
    found = re.match(r"(\d+)\.(\d+)\.(\d+)", said.strip())
    if found is None or tuple(map(int, found.groups())) < MINIMUM_VERSION:
        wanted = ".".join(map(str, MINIMUM_VERSION))
        return f"{PROGRAM} is too old: it is {said.strip() or 'of no version'}, and {wanted} or newer is needed"
    return None


def check() -> None:
    """Raise EngineUnavailableError unless the plugin can be used."""
    found = problem()
    if found is not None:
        raise EngineUnavailableError(f"sessions cannot be carried: {found}", INSTALL_HINT)


def attach(call: PluginCall) -> int:
    """Carry a session on this terminal; Ctrl-C goes to it and not to us. Raises EngineUnavailableError."""
    try:
        with _deaf():
            return subprocess.run(call.words, env={**os.environ, **call.environment}, check=False).returncode
    except OSError as error:
        raise EngineUnavailableError(f"sessions cannot be carried: {error}", INSTALL_HINT) from error


@contextmanager
def _deaf() -> Generator[None]:
    """What the terminal sends is for the shell at its other end."""
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
