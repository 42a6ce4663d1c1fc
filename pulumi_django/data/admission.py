"""Security groups that admit one group of clients to one TCP port, and allow no outgoing traffic."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws


def group_for_clients(
    name: str,
    *,
    vpc_id: pulumi.Input[str],
    purpose: str,
    clients: pulumi.Input[str],
    port: int,
    rule: str,
    description: str,
    opts: pulumi.ResourceOptions,
) -> aws.ec2.SecurityGroup:
    """Create the group `NAME-sg` with the rule `NAME-RULE` for the group `clients`."""
    group = aws.ec2.SecurityGroup(f"{name}-sg", vpc_id=vpc_id, description=f"{name}: {purpose}", opts=opts)
    admit(f"{name}-{rule}", group.id, clients, port, description, opts)
    return group


def admit(
    name: str,
    group: pulumi.Input[str],
    clients: pulumi.Input[str],
    port: int,
    description: str,
    opts: pulumi.ResourceOptions,
) -> aws.vpc.SecurityGroupIngressRule:
    """Create the rule that lets the group `clients` reach a port of the members of `group`."""
    return aws.vpc.SecurityGroupIngressRule(
        name,
        security_group_id=group,
        referenced_security_group_id=clients,
        ip_protocol="tcp",
        from_port=port,
        to_port=port,
        description=description,
        opts=opts,
    )
