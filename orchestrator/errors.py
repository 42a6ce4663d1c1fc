"""Every error that the orchestrator raises on purpose.

OrchestratorError                 a user can act on it; printed as `error: ...` and `hint: ...`, exit code 1
├── UsageError                    the words of the command are wrong; exit code 2
├── SettingsError                 `orchestrator.toml` or a `Pulumi.*.yaml` cannot be used
├── GraphError                    the project graph has a cycle or names a project that is not there
├── UnknownStackError             a base or an environment of that name does not exist
├── RefusedError                  a rule forbids the operation; nothing was touched
│   └── ConfirmationError         the user said no, or nobody could be asked
├── EngineUnavailableError        the engine cannot work here: no CLI, too old, no state, no passphrase, no credentials
├── StackLockedError              somebody else is at work on the stack
├── StateError                    the recorded state is damaged or cannot be written
│   └── UnreadableStateError      a file of the state cannot be read; it may be whole
├── OperationFailedError          an operation began and did not succeed; some resources may exist
└── InterruptedRunError           Ctrl-C; exit code 130
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


class OrchestratorError(Exception):
    """Base of all expected errors.

    `message` is one sentence of the form `{what happened}: {why}` without a final period; `hint` says what to do, or
    is None when there is nothing to do. Neither ever holds a secret.
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
    """A configuration file is missing, malformed or holds a value that cannot be used; names file, line and key."""


class GraphError(OrchestratorError):
    """The projects of `orchestrator.toml` do not form a graph that can be ordered."""


class UnknownStackError(OrchestratorError):
    """No base or environment has that name."""


class RefusedError(OrchestratorError):
    """A rule forbids the operation; it was checked before anything was touched."""


class ConfirmationError(RefusedError):
    """The operation needed a confirmation that was not given."""


class EngineUnavailableError(OrchestratorError):
    """The engine cannot work on this machine or with this backend."""


@dataclass(frozen=True, kw_only=True)
class LockOwner:
    """Who holds a stack's lock: the engine process, as the lock itself says."""

    username: str
    hostname: str
    pid: int
    since: datetime | None
    alive: bool | None
    """Whether the process runs; None when that cannot be known from here: another machine, another container."""

    def __str__(self) -> str:
        since = f", since {self.since:%Y-%m-%d %H:%M:%S %Z}" if self.since else ""
        return f"{self.username}@{self.hostname} (pid {self.pid}{since})"


class StackLockedError(OrchestratorError):
    """The stack is locked; `owner` is None when the backend does not say by whom."""

    def __init__(self, message: str, hint: str | None = None, *, owner: LockOwner | None = None) -> None:
        super().__init__(message, hint)
        self.owner = owner


class StateError(OrchestratorError):
    """State on disk or in the backend is damaged, unreadable or cannot be written."""


class UnreadableStateError(StateError):
    """This user may not read a file of the state, or cannot now; nothing is known to be wrong with it."""


class OperationFailedError(OrchestratorError):
    """An operation on one unit began and failed. The unit's result carries what was done until then."""


class InterruptedRunError(OrchestratorError):
    """The user interrupted the run; whatever was in flight was finished and recorded."""

    exit_code = 130
