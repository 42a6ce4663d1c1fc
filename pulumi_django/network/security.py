"""The two security groups that a base shares with its environments."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

ANYWHERE = "0.0.0.0/0"
FIRST_TASK_PORT, LAST_PORT = 80, 65535


@dataclass(frozen=True, kw_only=True)
class SecurityGroupsArgs:
    vpc_id: pulumi.Input[str]
    """VPC of the base."""

    https: bool
    """Whether the load balancer listens on port 443 besides 80."""


class SecurityGroups(pulumi.ComponentResource):
    """The security group of the load balancer, and the group of all tasks.

    The tasks' group admits no traffic. Each environment adds its own group, which admits the load balancer to its container
    ports only. The database and the endpoints admit members of the tasks' group.
    """

    alb_sg_id: pulumi.Output[str]
    """Id of the load balancer's group."""

    app_sg_id: pulumi.Output[str]
    """Id of the group of all tasks."""

    def __init__(self, name: str, args: SecurityGroupsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:security:SecurityGroups", name, None, opts)
        alb = self._group(f"{name}-alb", args, "load balancer, open to the internet")
        app = self._group(f"{name}-app", args, "tasks of the environments")
        self._alb_rules(name, args, alb, app)
        self._app_rules(name, app)
        self.alb_sg_id, self.app_sg_id = alb.id, app.id
        self.register_outputs({"alb_sg_id": self.alb_sg_id, "app_sg_id": self.app_sg_id})

    def _group(self, name: str, args: SecurityGroupsArgs, what: str) -> aws.ec2.SecurityGroup:
        return aws.ec2.SecurityGroup(
            name,
            vpc_id=args.vpc_id,
            description=f"{name}: {what}",
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _alb_rules(
        self, name: str, args: SecurityGroupsArgs, alb: aws.ec2.SecurityGroup, app: aws.ec2.SecurityGroup
    ) -> None:
        child = pulumi.ResourceOptions(parent=self)
        for scheme, port in (("http", 80), ("https", 443)) if args.https else (("http", 80),):
            aws.vpc.SecurityGroupIngressRule(
                f"{name}-alb-{scheme}",
                security_group_id=alb.id,
                cidr_ipv4=ANYWHERE,
                ip_protocol="tcp",
                from_port=port,
                to_port=port,
                description=f"{scheme.upper()} from anywhere",
                opts=child,
            )
        aws.vpc.SecurityGroupEgressRule(
            f"{name}-alb-to-app",
            security_group_id=alb.id,
            referenced_security_group_id=app.id,
            ip_protocol="tcp",
            from_port=FIRST_TASK_PORT,
            to_port=LAST_PORT,
            description="Container ports of the tasks",
            opts=child,
        )

    def _app_rules(self, name: str, app: aws.ec2.SecurityGroup) -> None:
        # Applications call third parties (mail, payment, monitoring) on any port.
        aws.vpc.SecurityGroupEgressRule(
            f"{name}-app-out",
            security_group_id=app.id,
            cidr_ipv4=ANYWHERE,
            ip_protocol="-1",
            description="Anywhere",
            opts=pulumi.ResourceOptions(parent=self),
        )
