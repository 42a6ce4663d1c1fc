"""What the stacks know: the resources in their states, and those that unfinished creates may have made. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.recovery import arns
from orchestrator.recovery.adoption import pending_creates
from orchestrator.recovery.aws import Tags


@dataclass(frozen=True, kw_only=True)
class Known:
    """Resources that some stack knows."""

    arns: frozenset[str]
    ids: frozenset[tuple[str, str]]
    """ARN service and id: several resources, a NAT gateway among them, have no ARN in the state."""

    unfinished: tuple[tuple[tuple[str, ...], Tags], ...]
    """ARN services and tags of pending creates. Their resources are adopted, not deleted."""

    def has(self, arn: str, tags: Tags) -> bool:
        """Whether a stack knows the resource, or may know it once its unfinished operation is run again."""
        service = arns.service(arn)
        if arn in self.arns or any((service, name) in self.ids for name in (arns.name_of(arn), arns.last_name(arn))):
            return True
        return any(
            service in services and wanted and wanted.items() <= dict(tags).items()
            for services, wanted in self.unfinished
        )


def known_resources(deployments: Iterable[Mapping[str, Any]]) -> Known:
    """What the given deployments (checkpoints' `latest`, or exported ones) know; resources that wait for their deletion
    included."""
    found_arns: set[str] = set()
    ids: set[tuple[str, str]] = set()
    unfinished: list[tuple[tuple[str, ...], Tags]] = []
    for deployment in deployments:
        for resource in deployment.get("resources") or ():
            id_, arn = resource.get("id"), (resource.get("outputs") or {}).get("arn")
            for value in (id_, arn):
                if arns.is_arn(value):
                    found_arns.add(value.removesuffix(":*"))
            if isinstance(id_, str) and not arns.is_arn(id_):
                ids.update((service, id_) for service in arns.services_of(resource["type"]))
        for create in pending_creates(deployment):
            unfinished.append((arns.services_of(create.type), create.tags))
    return Known(arns=frozenset(found_arns), ids=frozenset(ids), unfinished=tuple(unfinished))
