"""What a task's end calls for: hints by the words with which ECS gives its reasons. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pulumi_django.deploying.task_end import TaskEnd

KILLED = 137
"""Exit code of a process that got SIGKILL: https://tldp.org/LDP/abs/html/exitcodes.html."""

_TOO_SMALL = "give it a larger size (--size CPU/MEMORY for `run`, memory_mib in the configuration for services)"

# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html
_HINTS: Sequence[tuple[str, str]] = (
    (
        r"exec format error|image.*(platform|architecture)|manifest does not contain descriptor matching platform",
        "the image was built for another processor: build it for the one that `architecture` names",
    ),
    (
        r"CannotPull|pull image|failed to resolve ref|no basic auth|manifest unknown|repository does not exist",
        "see that the image's reference is right and that it was pushed; tasks need a way to its registry",
    ),
    (
        r"ResourceInitializationError.*(secret|ssm|parameter)|secretsmanager|unable to (pull|retrieve) secrets",
        "a secret that the task wants is missing, or its role may not read it: look with `orchestrator secrets list`",
    ),
    (
        r"ResourceInitializationError.*log|CreateLogStream|log (group|stream)",
        "its log group is missing or its role may not write: run `orchestrator update-env`, which makes both again",
    ),
    (
        r"[Cc]apacity is unavailable|capacity.*not available|RESOURCE:|insufficient capacity",
        "Fargate has no capacity there at the moment: try again in some minutes, or without Spot",
    ),
    (
        r"executable file not found|no such file or directory|CannotStartContainer",
        "the image has no such program: the command is looked up on the PATH inside the image",
    ),
    (r"OutOfMemory", f"it had not enough memory: {_TOO_SMALL}"),
    (r"health check", "its health check fails: look at its log, and at the path and the port that are checked"),
)


def hint_of(end: TaskEnd, *, command: bool = False) -> str | None:
    """What to do about a task's end; None when its own words and its log say all. `command`: it ran a user's command."""
    if end.interrupted:
        return "run it again; without Spot AWS does not interrupt it" if command else "ECS starts another one"
    hint = hint_of_words(end.reason)
    if hint is None and end.exit_code == KILLED:
        return f"it was killed, most often because its memory was used up: {_TOO_SMALL}"
    return hint


def hint_of_words(reason: str) -> str | None:
    """The hint for a reason in ECS's words, if there is one."""
    return next((hint for pattern, hint in _HINTS if re.search(pattern, reason, re.DOTALL)), None)
