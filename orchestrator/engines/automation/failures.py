"""What a failed CLI command means for a user: one sentence and a hint, from its words and its events. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from orchestrator.errors import (
    EngineUnavailableError,
    OperationFailedError,
    OrchestratorError,
    StackLockedError,
    StateError,
    UnknownStackError,
)
from orchestrator.model import Unit

_TRACEBACK = "Traceback (most recent call last)"
_LONGEST = 2000

_KNOWN: Sequence[tuple[str, type[OrchestratorError], str, str]] = (
    (
        r"passphrase must be set|unable to find either `?PULUMI_CONFIG_PASSPHRASE",
        EngineUnavailableError,
        "the stack's secrets cannot be read: no passphrase is set",
        "export PULUMI_CONFIG_PASSPHRASE, or PULUMI_CONFIG_PASSPHRASE_FILE with the name of a file that holds it",
    ),
    (
        r"incorrect passphrase",
        EngineUnavailableError,
        "the stack's secrets cannot be read: the passphrase is wrong",
        "set PULUMI_CONFIG_PASSPHRASE to the one with which the stack was made",
    ),
    (
        r"No valid credential sources found|Unable to locate credentials|could not be found.*credentials|InvalidClientTokenId|ExpiredToken",
        EngineUnavailableError,
        "AWS does not know who you are: no valid credentials",
        "log in (`aws sso login`, or set AWS_PROFILE), then run the command again",
    ),
    (
        r"unable to open state directory|PULUMI_ACCESS_TOKEN must be set|not logged in|error: problem logging in",
        EngineUnavailableError,
        "the place where Pulumi keeps its state cannot be reached",
        "run `pulumi login`, or set `backend` below [pulumi] in orchestrator.toml",
    ),
    (
        r"no space left on device|read-only file system|permission denied.*\.pulumi",
        StateError,
        "the state could not be written",
        "make room or mend the permissions of the state's folder, then run the command again: it continues",
    ),
    (
        r"failed to load stack tags",
        StateError,
        "the stack's tags cannot be read",
        "delete the stack's .pulumi-tags file beside its state, then run the command again: an update writes it anew",
    ),
    (
        r"failed to load checkpoint|unsupported checkpoint version|snapshot integrity",
        StateError,
        "the stack's state is damaged",
        "copy the newest backup from .pulumi/backups over it, then run the command again",
    ),
)


def explained(
    unit: Unit, text: str, errors: Sequence[tuple[str | None, str]] = (), existing: int = 0
) -> OrchestratorError:
    """The error that a failed command stands for.

    `text` is what it printed, `errors` are (URN, text) of its error events, `existing` is how many resources
    the stack has now.
    """
    everything = "\n".join([text, *(message for _urn, message in errors)])
    if "^C received" in text:
        return OperationFailedError(
            f"{unit} failed: somebody else told the engine to stop", "run the same command again: it continues"
        )
    if "the stack is currently locked by" in everything:
        return StackLockedError(
            f"{unit} is locked: another operation is at work on it", "wait until it ends, then run the command again"
        )
    if re.search(r"no stack named|unknown stack|stack '.*' not found", everything):
        said = _sentence(everything, r"(?:no stack named|unknown stack|stack '.*' not found)[^\n]*")
        return UnknownStackError(f"{unit}: {said}", "`orchestrator list` shows what exists")
    for pattern, kind, what, hint in _KNOWN:
        if re.search(pattern, everything, re.IGNORECASE):
            return kind(f"{unit} failed: {what}", hint)
    if re.search(r"violates plan|is not allowed by the plan", everything):
        return OperationFailedError(
            f"{unit} was not carried out as planned: {_reasons(errors) or _last_error(text)}",
            "preview again with --save-plan and review what changed; what was done until then stays",
        )
    return OperationFailedError(
        f"{unit} failed: {_reasons(errors) or _last_error(text)}",
        f"{_exist(existing)}correct the cause, then run the same command again: it continues",
    )


def _exist(count: int) -> str:
    return f"{count} resource{' exists and stays' if count == 1 else 's exist and stay'}; " if count else ""


def _reasons(errors: Sequence[tuple[str | None, str]]) -> str:
    """The errors of resources with their names, else those of the program without its traceback."""
    own = [
        f"{urn.rpartition('::')[2]}: {_program_error(message)}"
        for urn, message in errors
        if urn and "pulumi:pulumi:Stack" not in urn
    ]
    of_program = [_program_error(message) for urn, message in errors if not urn or "pulumi:pulumi:Stack" in urn]
    return "; ".join(dict.fromkeys(own or of_program))[:_LONGEST]


def _program_error(message: str) -> str:
    """The last line of a traceback, which says what went wrong; any other message as it is."""
    if _TRACEBACK not in message:
        return message.strip()
    last = [line for line in message.strip().splitlines() if line and not line[0].isspace()]
    return last[-1].strip()


def _last_error(text: str) -> str:
    found = re.findall(r"^error: (.*)$", text, re.MULTILINE)
    return str(found[-1]) if found else (text.strip().splitlines() or ["the CLI gave no reason"])[-1]


def _sentence(text: str, pattern: str) -> str:
    found = re.search(pattern, text)
    return found.group(0).strip() if found else text.strip()
