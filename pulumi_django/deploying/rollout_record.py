"""The record of a service's last finished rollout, a component without resources in AWS."""

from __future__ import annotations

from typing import Any

import pulumi
import pulumi_aws as aws


class Rollout(pulumi.ComponentResource):
    """Record of the last finished rollout of a service. `ReleaseGate.confirm` creates it. It has no child resources."""

    def __init__(
        self,
        name: str,
        service: aws.ecs.Service,
        awake: pulumi.Input[bool],
        opts: pulumi.ResourceOptions | None = None,
        *,
        seen: bool = True,
    ) -> None:
        recorded: dict[str, pulumi.Input[Any]] = {
            "cluster": service.cluster,
            "service": service.id,
            "taskDefinition": service.task_definition,
            "triggers": service.triggers,
            # Not the count itself, because autoscaling changes it.
            "awake": awake,
            # The next update that waits finds the difference and checks the rollout.
            **({} if seen else {"seen": False}),
        }
        super().__init__("pulumi-django:ecs:Rollout", name, recorded, opts)
        self.register_outputs({})
