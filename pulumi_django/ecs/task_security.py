"""The security group of one environment's tasks, which keeps the environments on one base apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws


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
        for port in sorted(set(args.web_ports)):
            self._admit(f"{name}-web-{port}", group, args.alb_security_group_id, port, "From the load balancer")
        for port in sorted(set(args.internal_ports)):
            self._admit(f"{name}-own-{port}", group, group.id, port, "From tasks of the same environment")
        self.security_group_id = group.id
        self.register_outputs({"security_group_id": self.security_group_id})

    def _admit(
        self, name: str, group: aws.ec2.SecurityGroup, source: pulumi.Input[str], port: int, description: str
    ) -> None:
        aws.vpc.SecurityGroupIngressRule(
            name,
            security_group_id=group.id,
            referenced_security_group_id=source,
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            description=description,
            opts=pulumi.ResourceOptions(parent=self),
        )
