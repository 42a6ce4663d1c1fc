"""Reads checkpoints: resources, outputs, references, pending operations. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypedDict

from orchestrator.engines import records
from orchestrator.engines.automation.backend_answers import Ending
from orchestrator.model import (
    SECRET_MASK,
    Outputs,
    OutputValue,
    StackResource,
    StackStatus,
    StackSummary,
    Unit,
)
from pulumi_django.rules.wire import SECRET, SIGNATURE

STACK_TYPE = "pulumi:pulumi:Stack"
REFERENCE_TYPE = "pulumi:pulumi:StackReference"
_IDENTITY = ("urn", "id", "inputs", "outputs", "parent", "provider", "dependencies", "protect", "delete", "external")
PROVIDER_TYPE = "pulumi:providers:aws"
DEFAULT_PROVIDER = re.compile(r"::pulumi:providers:[^:]+::default(_|$)")
"""The engine creates these for itself and does not display or count them."""


class Head(TypedDict):
    """The part of a checkpoint that a list of stacks needs, as JSON."""

    resources: int
    """Number of resources, as the engine counts them."""

    unfinished: list[str]
    outputs: dict[str, Any]
    time: str | None
    references: list[str]


def is_secret(value: Any) -> bool:
    """Whether a wire value is or contains a secret."""
    if isinstance(value, dict):
        return value.get(SIGNATURE) == SECRET or any(is_secret(item) for item in value.values())
    return isinstance(value, list) and any(is_secret(item) for item in value)


def masked(value: Any) -> Any:
    """A wire value with all secrets masked."""
    if isinstance(value, dict):
        if value.get(SIGNATURE) == SECRET:
            return SECRET_MASK
        return {key: masked(item) for key, item in value.items()}
    return [masked(item) for item in value] if isinstance(value, list) else value


def outputs(stack: Mapping[str, Any] | None) -> Outputs:
    """Outputs of the stack resource. The value of a secret is its envelope."""
    found: Mapping[str, Any] = (stack or {}).get("outputs") or {}
    return {name: OutputValue(value=value, secret=is_secret(value)) for name, value in found.items()}


def digest(latest: Mapping[str, Any] | None) -> str | None:
    """A text that changes whenever resources or pending operations change; None without a checkpoint.

    Secrets are ignored, because every update encrypts them again, and so are the times that the engine records.
    """
    if latest is None:
        return None
    resources = [{key: masked(r.get(key)) for key in _IDENTITY} for r in latest.get("resources") or []]
    said = [resources, masked(latest.get("pending_operations") or [])]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def references(latest: Mapping[str, Any]) -> frozenset[str]:
    """The names of the stacks to which a checkpoint contains a StackReference."""
    return frozenset(str(r.get("id")) for r in latest.get("resources") or [] if r["type"] == REFERENCE_TYPE)


def has_secret_outputs(latest: Mapping[str, Any]) -> bool:
    """Whether a stack has secret outputs."""
    stack = next((r for r in latest.get("resources") or [] if r["type"] == STACK_TYPE), None)
    return any(output.secret for output in outputs(stack).values())


def head(latest: Mapping[str, Any]) -> Head:
    """The part of a checkpoint (`latest`) that a list of stacks needs, as JSON."""
    resources: list[Mapping[str, Any]] = latest.get("resources") or []
    pending: list[Mapping[str, Any]] = latest.get("pending_operations") or []
    stack = next((r for r in resources if r["type"] == STACK_TYPE), None)
    return {
        "resources": sum(map(_is_counted, resources)),
        "unfinished": [f"{item['type']} {item['resource']['urn'].rpartition('::')[2]}" for item in pending],
        "outputs": (stack or {}).get("outputs") or {},
        "time": (latest.get("manifest") or {}).get("time") if resources else None,
        "references": [str(r.get("id")) for r in resources if r["type"] == REFERENCE_TYPE],
    }


def _is_counted(resource: Mapping[str, Any]) -> bool:
    """Whether the engine counts a resource as created or unchanged: it reads some, and has default providers for itself."""
    return not resource.get("external") and DEFAULT_PROVIDER.search(resource["urn"]) is None


def summary(unit: Unit, seen: Head, tags: Mapping[str, str] | None, *, locked: bool, end: Ending) -> StackSummary:
    """The summary of a stack, from the `head` of its checkpoint, its tags (None: damaged), its lock and its last operation."""
    unfinished: list[str] = seen["unfinished"]
    # Outputs are written last: without outputs and without a finished operation, the program never ended.
    cut_off = bool(seen["resources"]) and (end.cut_off or (end.never and not seen["outputs"]))
    problem = "unfinished: the engine of the last operation died" if cut_off else None
    return StackSummary(
        unit=unit,
        status=_status(seen["resources"], bool(unfinished) or cut_off, locked, end.failed),
        record=records.from_tags(tags or {}),
        record_lost=tags is None,
        outputs=outputs(seen),
        resource_count=seen["resources"],
        last_update=_moment(seen["time"]),
        problem=f"unfinished: {', '.join(unfinished)}" if unfinished else problem,
        references=tuple(seen["references"]),
        finished=end.finished,
        going=end.destroying and (end.failed or cut_off or bool(unfinished)),
    )


def _status(count: int, pending: bool, locked: bool, failed: bool) -> StackStatus:
    if locked:
        return StackStatus.UPDATING
    if pending:
        return StackStatus.INCOMPLETE
    if failed:
        return StackStatus.FAILED
    return StackStatus.READY if count else StackStatus.EMPTY


def resources(latest: Mapping[str, Any]) -> tuple[StackResource, ...]:
    """The resources of a checkpoint."""
    return tuple(
        StackResource(
            urn=item["urn"],
            type=item["type"],
            name=item["urn"].rpartition("::")[2],
            id=item.get("id"),
            parent=item.get("parent"),
            dependencies=tuple(item.get("dependencies") or ()),
            protect=item.get("protect", False),
            retain_on_delete=item.get("retainOnDelete", False),
            inputs=masked(item.get("inputs") or {}),
        )
        for item in latest.get("resources") or []
    )


def region(latest: Mapping[str, Any]) -> str | None:
    """The region of the stack's own AWS provider; None without a provider, as in a stack whose first update was cut off."""
    providers = [item for item in latest.get("resources") or () if item["type"] == PROVIDER_TYPE]
    regions = {str(found) for item in providers if (found := (item.get("inputs") or {}).get("region"))}
    return regions.pop() if len(regions) == 1 else None


def _moment(text: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(_microseconds(str(text))).astimezone()
    except (TypeError, ValueError):
        return None


def _microseconds(text: str) -> str:
    """Go writes nanoseconds, Python reads microseconds."""
    whole, dot, rest = text.partition(".")
    digits = len(rest) - len(rest.lstrip("0123456789"))
    return f"{whole}{dot}{rest[: min(digits, 6)]}{rest[digits:]}" if dot else text
