"""Every error that the orchestrator raises on purpose.

OrchestratorError                 an error that a user can act on; printed as `error: ...` and `hint: ...`, exit code 1
├── UsageError                    the command line is wrong; exit code 2
├── SettingsError                 `orchestrator.toml` or a `Pulumi.*.yaml` cannot be used
├── GraphError                    the project graph has a cycle or names a project that does not exist
├── UnknownStackError             no base or environment has that name
├── RefusedError                  a rule forbids the operation; nothing was changed
│   └── ConfirmationError         the user declined, or the terminal cannot ask
├── EngineUnavailableError        the engine cannot run: no CLI, an old CLI, no state, no passphrase, no credentials
├── StackLockedError              another operation runs on the stack
├── StateError                    the recorded state is damaged or cannot be written
│   └── UnreadableStateError      a file of the state cannot be read; it may be intact
├── OperationFailedError          an operation began and failed; some resources may exist
└── InterruptedRunError           Ctrl-C; exit code 130
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


class OrchestratorError(Exception):
    """Base of all expected errors.

    `message` is one sentence of the form `{what happened}: {why}` without a final period. `hint` says what to do, or is
    None. Neither contains a secret.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(OrchestratorError):
    """The command line, or the arguments of an API call, cannot be understood."""

    exit_code = 2


class SettingsError(OrchestratorError):
    """A configuration file is missing, malformed or has an invalid value. The message names file, line and key."""


class GraphError(OrchestratorError):
    """The projects of `orchestrator.toml` cannot be put into an order."""


class UnknownStackError(OrchestratorError):
    """No base or environment has that name."""


class RefusedError(OrchestratorError):
    """A rule forbids the operation. The check runs before any change."""


class ConfirmationError(RefusedError):
    """The operation needs a confirmation and did not get it."""


class EngineUnavailableError(OrchestratorError):
    """The engine cannot run on this machine or with this backend."""


@dataclass(frozen=True, kw_only=True)
class LockOwner:
    """The engine process that holds a stack's lock, as recorded in the lock."""

    username: str
    hostname: str
    pid: int
    since: datetime | None
    alive: bool | None
    """Whether the process runs; None when this machine cannot tell, for a process on another machine or in another container."""

    @property
    def named(self) -> bool:
        """Whether the lock names its process. A lock that a full disk or a power cut emptied names none (`pid` is 0)."""
        return self.pid > 0

    def __str__(self) -> str:
        if not self.named:
            return "an unknown process (its lock is damaged)"
        since = f", since {self.since:%Y-%m-%d %H:%M:%S %Z}" if self.since else ""
        return f"{self.username}@{self.hostname} (pid {self.pid}{since})"


class StackLockedError(OrchestratorError):
    """The stack is locked; `owner` is None when the backend does not report it."""

    def __init__(self, message: str, hint: str | None = None, *, owner: LockOwner | None = None) -> None:
        super().__init__(message, hint)
        self.owner = owner


class StateError(OrchestratorError):
    """The state is damaged, unreadable or cannot be written."""


class UnreadableStateError(StateError):
    """A file of the state cannot be read, for example because of its permissions. The state may be intact."""


class OperationFailedError(OrchestratorError):
    """An operation on one unit began and failed. The unit's result lists the changes that were made."""


class InterruptedRunError(OrchestratorError):
    """The user interrupted the run. Changes in progress were finished and recorded."""

    exit_code = 130
