"""The security group of one environment's tasks, which keeps the environments on one base apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from pulumi_django.data.admission import admit


@dataclass(frozen=True, kw_only=True)
class TaskSecurityGroupArgs:
    vpc_id: pulumi.Input[str]
    """VPC of the base."""

    alb_security_group_id: pulumi.Input[str]
    """Security group of the load balancer."""

    web_ports: Sequence[int]
    """TCP ports on which the load balancer reaches containers."""

    internal_ports: Sequence[int] = ()
    """TCP ports on which the environment's tasks reach each other."""


class TaskSecurityGroup(pulumi.ComponentResource):
    """Admits only the load balancer and the environment's own tasks, each to named ports."""

    security_group_id: pulumi.Output[str]
    """Id of the group."""

    def __init__(self, name: str, args: TaskSecurityGroupArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:ecs:TaskSecurityGroup", name, None, opts)
        group = aws.ec2.SecurityGroup(
            name,
            vpc_id=args.vpc_id,
            description=f"{name}: tasks of one environment",
            opts=pulumi.ResourceOptions(parent=self),
        )
        child = pulumi.ResourceOptions(parent=self)
        for port in sorted(set(args.web_ports)):
            admit(f"{name}-web-{port}", group.id, args.alb_security_group_id, port, "From the load balancer", child)
        for port in sorted(set(args.internal_ports)):
            admit(f"{name}-own-{port}", group.id, group.id, port, "From tasks of the same environment", child)
        self.security_group_id = group.id
        self.register_outputs({"security_group_id": self.security_group_id})
