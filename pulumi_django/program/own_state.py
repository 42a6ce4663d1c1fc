"""The resources of the running stack before the update, from its state, for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pulumi

from pulumi_django.ecs.web_routing import ExistingGroup

READ_RESOURCES = "pulumi:pulumi:readStackResourceOutputs"
"""The engine's function that reads a stack's state. It leaves no trace in the state; with a StackReference a stack would count
as its own reader."""

_LISTENER_RULE = "aws:lb/listenerRule:ListenerRule"
_TARGET_GROUP = "aws:lb/targetGroup:TargetGroup"


@dataclass(frozen=True, kw_only=True)
class OwnResource:
    types: str
    """Types of its parents and its own, with `$` between."""

    name: str
    outputs: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def type(self) -> str:
        """Its own type."""
        return self.types.rpartition("$")[2]


async def resources() -> list[OwnResource]:
    """Return the resources of the running stack, none for a new one."""
    name = f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}"
    answer = await pulumi.runtime.invoke_async(READ_RESOURCES, {"stackName": name})
    found: Mapping[str, Any] = answer.get("outputs") or {}
    return [
        OwnResource(types=types, name=resource, outputs=_outputs(value))
        for urn, value in found.items()
        for _, _, types, resource in [urn.split("::", 3)]
    ]


async def routing() -> dict[str, Any]:
    """Return the arguments `listener_priorities` and `target_groups` of an environment."""
    found = await resources()
    return {"listener_priorities": _priorities(found), "target_groups": _groups(found)}


def _priorities(found: Sequence[OwnResource]) -> dict[str, int]:
    return {
        resource.name: int(priority)
        for resource in found
        if resource.type == _LISTENER_RULE
        for priority in [resource.outputs.get("priority")]
        if isinstance(priority, int | float)
    }


def _groups(found: Sequence[OwnResource]) -> dict[str, ExistingGroup]:
    return {
        resource.name: ExistingGroup(name=str(name), protocol=str(protocol), port=int(port))
        for resource in found
        if resource.type == _TARGET_GROUP
        for name, protocol, port in [[resource.outputs.get(key) for key in ("name", "protocol", "port")]]
        if isinstance(port, int | float)
    }


def _outputs(value: Any) -> Mapping[str, Any]:
    return cast(Mapping[str, Any], value.get("outputs", value) if isinstance(value, dict) else {})
