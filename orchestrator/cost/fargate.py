"""The tasks that the services of a stack run on Fargate. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.model import StackResource

SERVICE = "aws:ecs/service:Service"


@dataclass(frozen=True, kw_only=True)
class Tasks:
    """The tasks of one service."""

    count: int
    spot: bool
    vcpu: float
    """Virtual processors of one task."""

    gib: float
    architecture: str


@dataclass(frozen=True, kw_only=True)
class UnknownTask:
    """A service whose task definition is not in the stack."""

    family: str


@dataclass(frozen=True, kw_only=True)
class Fargate:
    """The task definitions of a stack by family, and the least counts of its scaled services."""

    families: Mapping[str, StackResource]
    least: Mapping[str, int]

    @classmethod
    def of(cls, resources: Sequence[StackResource]) -> Fargate:
        """Those of a stack."""
        return cls(
            families={
                str(resource.inputs.get("family")): resource
                for resource in resources
                if resource.type == "aws:ecs/taskDefinition:TaskDefinition"
            },
            least={
                str(resource.inputs.get("resourceId")).removeprefix("service/"): int(
                    resource.inputs.get("minCapacity") or 0
                )
                for resource in resources
                if resource.type == "aws:appautoscaling/target:Target"
            },
        )

    def tasks(self, inputs: Mapping[str, Any]) -> Tasks | UnknownTask | None:
        """The tasks of a service; None without one on Fargate."""
        service = f"{str(inputs.get('cluster', '')).rpartition('/')[2]}/{inputs.get('name')}"
        # The stack does not control the count of a scaled service: after sleep its inputs may still be 0.
        count = max(int(inputs.get("desiredCount") or 0), self.least.get(service, 0))
        if count == 0 or _on_instances(inputs):
            return None
        family = str(inputs.get("taskDefinition", "")).rpartition("/")[2].partition(":")[0]
        if family not in self.families:
            return UnknownTask(family=family)
        task = self.families[family].inputs
        platform: Mapping[str, Any] = task.get("runtimePlatform") or {}
        return Tasks(
            count=count,
            spot=_mostly_spot(inputs.get("capacityProviderStrategies") or ()),
            vcpu=int(task.get("cpu") or 0) / 1024,
            gib=int(task.get("memory") or 0) / 1024,
            architecture=str(platform.get("cpuArchitecture") or "X86_64"),
        )


def vcpus(resources: Sequence[StackResource], *, spot: bool) -> float:
    """The virtual processors of all tasks on spot capacity, or on demand."""
    fargate = Fargate.of(resources)
    found = [fargate.tasks(resource.inputs) for resource in resources if resource.type == SERVICE]
    return sum(each.count * each.vcpu for each in found if isinstance(each, Tasks) and each.spot is spot)


def _on_instances(inputs: Mapping[str, Any]) -> bool:
    """Whether the tasks run on EC2 instances, which have their own price."""
    providers = [str(s.get("capacityProvider")) for s in inputs.get("capacityProviderStrategies") or ()]
    return inputs.get("launchType") == "EC2" or any(not name.startswith("FARGATE") for name in providers)


def _mostly_spot(strategies: Iterable[Mapping[str, Any]]) -> bool:
    weights = {str(s.get("capacityProvider")): int(s.get("weight") or 0) for s in strategies}
    return weights.get("FARGATE_SPOT", 0) > weights.get("FARGATE", 0)
