"""Translates a failed CLI command into an error with one sentence and a hint. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from orchestrator.engines.program_lines import sentence, wrapped_in
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
_WRAPPED = re.compile(r"^\w+ has risen: ")

_KNOWN: Sequence[tuple[str, type[OrchestratorError], str, str]] = (
    (
        r"passphrase must be set|unable to find either `?PULUMI_CONFIG_PASSPHRASE",
        EngineUnavailableError,
        "the stack's secrets cannot be read: no passphrase is set",
        "set PULUMI_CONFIG_PASSPHRASE, or PULUMI_CONFIG_PASSPHRASE_FILE to a file with the passphrase",
    ),
    (
        r"incorrect passphrase",
        EngineUnavailableError,
        "the stack's secrets cannot be read: the passphrase is wrong",
        "set PULUMI_CONFIG_PASSPHRASE to the passphrase with which the stack was created",
    ),
    (
        r"No valid credential sources found|Unable to locate credentials|could not be found.*credentials|InvalidClientTokenId|ExpiredToken",
        EngineUnavailableError,
        "AWS rejected the credentials",
        "log in (`aws sso login`, or set AWS_PROFILE), then run the command again",
    ),
    (
        r"unable to open state directory|PULUMI_ACCESS_TOKEN must be set|not logged in|error: problem logging in",
        EngineUnavailableError,
        "the Pulumi state backend cannot be reached",
        "run `pulumi login`, or set `backend` below [pulumi] in orchestrator.toml",
    ),
    (
        r"no space left on device|read-only file system|permission denied.*\.pulumi",
        StateError,
        "the state could not be written",
        "free disk space or fix the permissions of the state's folder, then run the command again: it continues",
    ),
    (
        r"failed to load stack tags",
        StateError,
        "the stack's tags cannot be read",
        "delete the stack's .pulumi-tags file beside its state, then run the command again: an update writes it again",
    ),
    (
        r"failed to load checkpoint|unsupported checkpoint version|snapshot integrity",
        StateError,
        "the stack's state is damaged",
        "copy the newest backup from .pulumi/backups over it, then run the command again",
    ),
)


def explained(
    unit: Unit,
    text: str,
    errors: Sequence[tuple[str | None, str]] = (),
    existing: int = 0,
    *,
    program: Path | None = None,
) -> OrchestratorError:
    """The error for a failed command.

    `text` is its output, `errors` are (URN, text) of its error events, `existing` is the number of resources of the stack,
    `program` is the folder of its program.
    """
    everything = "\n".join([text, *(message for _urn, message in errors)])
    if "^C received" in text:
        return OperationFailedError(
            f"{unit.stack} failed: another process interrupted the engine", "run the same command again: it continues"
        )
    if "the stack is currently locked by" in everything:
        return StackLockedError(
            f"{unit.stack} is locked: another operation is running on it",
            "wait until it ends, then run the command again",
        )
    if re.search(r"no stack named|unknown stack|stack '.*' not found", everything):
        said = _sentence(everything, r"(?:no stack named|unknown stack|stack '.*' not found)[^\n]*")
        return UnknownStackError(f"{unit.stack}: {said}", "`orchestrator list` shows the existing stacks")
    for pattern, kind, what, hint in _KNOWN:
        if re.search(pattern, everything, re.IGNORECASE):
            return kind(f"{unit.stack} failed: {what}", hint)
    if re.search(r"violates plan|is not allowed by the plan", everything):
        return OperationFailedError(
            f"{unit.stack} did not follow its plan: {_reasons(errors, program) or _last_error(text)}",
            "preview again with --save-plan and review the changes; changes made so far stay",
        )
    return OperationFailedError(
        f"{unit.stack} failed: {_reasons(errors, program) or _last_error(text)}",
        f"{_exist(existing)}fix the cause, then run the same command again: it continues",
    )


def _exist(count: int) -> str:
    return f"{count} resource{' exists and stays' if count == 1 else 's exist and stay'}; " if count else ""


def _reasons(errors: Sequence[tuple[str | None, str]], program: Path | None) -> str:
    """The errors of resources with their names, or else the errors of the program without traceback."""
    own = [
        f"{urn.rpartition('::')[2]}: {_program_error(message, program)}"
        for urn, message in errors
        if urn and "pulumi:pulumi:Stack" not in urn
    ]
    of_program = [
        _program_error(message, program) for urn, message in errors if not urn or "pulumi:pulumi:Stack" in urn
    ]
    return "; ".join(dict.fromkeys(own or of_program))[:_LONGEST]


def _program_error(message: str, program: Path | None) -> str:
    """The last line of a traceback, with the line of the program; any other message unchanged."""
    if _TRACEBACK not in message:
        return message.strip()
    last = [line for line in message.strip().splitlines() if line and not line[0].isspace()]
    said = last[-1].strip()
    if _WRAPPED.match(said):
        # The lines before it show the inputs, which can be long, and secret.
        return f"{wrapped_in(message.rpartition('  File ')[2])}{_WRAPPED.sub('', said)}"
    return sentence(said, message, program)


def _last_error(text: str) -> str:
    found = re.findall(r"^error: (.*)$", text, re.MULTILINE)
    return str(found[-1]) if found else (text.strip().splitlines() or ["the CLI gave no reason"])[-1]


def _sentence(text: str, pattern: str) -> str:
    found = re.search(pattern, text)
    return found.group(0).strip() if found else text.strip()
