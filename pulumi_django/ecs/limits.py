"""AWS's limits on documents that grow with configuration: policies and task definitions. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html: all inline policies of a role together,
# without whitespace.
INLINE_POLICY_CHARACTERS = 10_240
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-quotas.html
TASK_DEFINITION_BYTES = 65_536
CONTAINERS_PER_TASK = 10


def document(statements: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the policy with these statements."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def check_inline_policy(what: str, text: str) -> str:
    """Return the policy. Raises ValueError if IAM refuses its size; `what` begins the message, such as `the role alpha-task`."""
    size = len("".join(text.split()))
    if size > INLINE_POLICY_CHARACTERS:
        raise ValueError(
            f"{what} needs inline policies of {size} characters: IAM allows {INLINE_POLICY_CHARACTERS} for one role"
        )
    return text


def check_task_definition(family: str, text: str) -> str:
    """Return the container definitions. Raises ValueError if ECS refuses their size."""
    size = len(text.encode())
    if size > TASK_DEFINITION_BYTES:
        raise ValueError(
            f"the task definition {family} has {size} bytes: ECS allows {TASK_DEFINITION_BYTES} (64 KiB); keep large values "
            "in a file or in the keys of a secret that the application reads itself"
        )
    return text


def check_container_count(family: str, count: int) -> None:
    """Raise ValueError for more containers than a task can have."""
    if count > CONTAINERS_PER_TASK:
        raise ValueError(
            f"the task definition {family} has {count} containers: ECS allows {CONTAINERS_PER_TASK}, so remove sidecars"
        )


def at_least(value: Any) -> str:
    """Return the shortest JSON that a document can become: an Output, whose value is not known yet, counts as empty."""
    return json.dumps(_known(value), separators=(",", ":"), ensure_ascii=False)


def _known(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _known(item) for key, item in value.items()}
    if isinstance(value, str | int | float | bool) or value is None:
        return value
    if isinstance(value, Sequence):
        return [_known(item) for item in value]
    return ""
