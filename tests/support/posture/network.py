"""VPC, subnets, security groups."""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_django.testing import SimulatedResource
from tests.support.posture.world import World, check, wrong

ANYWHERE = ("0.0.0.0/0", "::/0")
INGRESS, EGRESS = "aws:vpc:SecurityGroupIngressRule", "aws:vpc:SecurityGroupEgressRule"

wrong("group-open-to-the-world", INGRESS, lambda rule: rule.get("cidrIpv4", rule.get("cidrIpv6")) in ANYWHERE)
wrong(
    "group-open-to-addresses",
    INGRESS,
    lambda rule: rule.get("cidrIpv4", rule.get("cidrIpv6")) not in (None, *ANYWHERE),
)
wrong("group-open-on-every-port", INGRESS, lambda rule: rule["ipProtocol"] == "-1")
wrong("group-lets-out-anywhere", EGRESS, lambda rule: rule.get("cidrIpv4", rule.get("cidrIpv6")) in ANYWHERE)
wrong("rule-without-description", INGRESS, lambda rule: not rule.get("description"))
wrong("egress-rule-without-description", EGRESS, lambda rule: not rule.get("description"))
wrong("group-without-description", "aws:ec2:SecurityGroup", lambda group: not group.get("description"))
wrong(
    "group-with-inline-rules",
    "aws:ec2:SecurityGroup",
    lambda group: any(group.get(kind) for kind in ("ingress", "egress")),
)
wrong("subnet-gives-public-addresses", "aws:ec2:Subnet", lambda subnet: subnet.get("mapPublicIpOnLaunch"))


@check("default-group-open")
def default_group(world: World) -> Iterator[SimulatedResource]:
    for vpc in world.all("aws:ec2:Vpc"):
        adopted = world.attached("aws:ec2:DefaultSecurityGroup", vpc, "vpcId")
        if not adopted or any(group.inputs.get("ingress") or group.inputs.get("egress") for group in adopted):
            yield vpc


@check("vpc-without-flow-logs")
def flow_logs(world: World) -> Iterator[SimulatedResource]:
    for vpc in world.all("aws:ec2:Vpc"):
        if not world.attached("aws:ec2:FlowLog", vpc, "vpcId"):
            yield vpc


@check("default-network-acl")
def network_acl(world: World) -> Iterator[SimulatedResource]:
    """The VPC's own ACL lets everything pass."""
    for vpc in world.all("aws:ec2:Vpc"):
        if not world.attached("aws:ec2:DefaultNetworkAcl", vpc, "vpcId"):
            yield vpc


@check("endpoint-for-every-principal")
def endpoint_policy(world: World) -> Iterator[SimulatedResource]:
    for endpoint in world.all("aws:ec2:VpcEndpoint"):
        if not endpoint.inputs.get("policy"):
            yield endpoint
