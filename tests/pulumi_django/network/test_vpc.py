"""The network of a base: NAT, endpoints, flow logs, existing VPCs, invalid addresses."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from pulumi_django import (
    AdHocBase,
    AdHocBaseArgs,
    ExistingVpcOptions,
    FlowLogs,
    FlowLogsArgs,
    InterfaceEndpoints,
    InterfaceEndpointsArgs,
    Network,
    NetworkArgs,
    NetworkOptions,
    contract,
)
from pulumi_django.network.endpoints import ISOLATED_ENDPOINTS
from pulumi_django.testing import SimulationResult, simulate

ENDPOINT = "aws:ec2/vpcEndpoint:VpcEndpoint"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
GROUP = "aws:ec2/securityGroup:SecurityGroup"
NAT = "aws:ec2/natGateway:NatGateway"
VPC: dict[str, Any] = {
    "vpc_id": "vpc-0123456789abcdef0",
    "public_subnet_ids": ["subnet-00000001", "subnet-00000002"],
    "private_subnet_ids": ["subnet-00000003", "subnet-00000004"],
}


def base(**arguments: Any) -> SimulationResult:
    def program() -> None:
        given: dict[str, Any] = {"region": "us-east-1", **arguments}
        contract.export(AdHocBase("dev", AdHocBaseArgs(**given)).contract)

    return simulate(program, project="django-base", stack="dev")


def test_no_subnet_assigns_public_addresses_and_the_default_security_group_is_closed() -> None:
    result = base()
    subnets = result.of_type("aws:ec2/subnet:Subnet")
    assert len(subnets) == 4
    assert {subnet.inputs["mapPublicIpOnLaunch"] for subnet in subnets} == {False}
    default = result.one("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup").inputs
    assert (default["ingress"], default["egress"]) == ([], [])


@pytest.mark.parametrize(("nat", "gateways"), [("single", 1), ("per-az", 2), ("none", 0)])
def test_the_number_of_nat_gateways_follows_the_option(nat: str, gateways: int) -> None:
    assert len(base(network=NetworkOptions(nat=nat)).of_type(NAT)) == gateways  # type: ignore[arg-type]


def test_isolated_subnets_get_every_endpoint_that_a_task_needs_and_the_configured_ones() -> None:
    result = base(network=NetworkOptions(nat="none", interface_endpoints=["sqs"]))
    endpoints = {r.inputs["serviceName"]: r.inputs for r in result.of_type(ENDPOINT)}
    assert set(endpoints) == {
        f"com.amazonaws.us-east-1.{service}"
        for service in ("s3", "ecr.api", "ecr.dkr", "logs", "secretsmanager", "ssm", "ssmmessages", "sts", "sqs")
    }
    assert endpoints["com.amazonaws.us-east-1.s3"]["vpcEndpointType"] == "Gateway"
    sqs = endpoints["com.amazonaws.us-east-1.sqs"]
    assert (sqs["vpcEndpointType"], sqs["privateDnsEnabled"]) == ("Interface", True)
    assert sqs["subnetIds"] == result.outputs["private_subnet_ids"]
    assert len(sqs["subnetIds"]) == 2
    assert result.outputs["isolated"] is True


def test_endpoints_admit_only_the_tasks() -> None:
    result = base(network=NetworkOptions(nat="none"))
    group = result.one(GROUP, "dev-endpoints-sg").id
    rules = [rule.inputs for rule in result.of_type(INGRESS) if rule.inputs["securityGroupId"] == group]
    assert [(r["referencedSecurityGroupId"], r["fromPort"], r["toPort"]) for r in rules] == [
        (result.outputs["app_sg_id"], 443, 443)
    ]
    assert all("cidrIpv4" not in rule for rule in rules)


def test_a_network_with_nat_has_only_the_free_endpoint_of_s3() -> None:
    result = base()
    assert [r.name for r in result.of_type(ENDPOINT)] == ["dev-network-s3"]
    assert len(result.one(ENDPOINT).inputs["routeTableIds"]) == 4
    assert result.outputs["isolated"] is False


def test_flow_logs_record_everything_and_write_to_their_own_group_only() -> None:
    result = base(network=NetworkOptions(flow_logs=True, flow_log_retention_days=90))
    flow, group = result.one("aws:ec2/flowLog:FlowLog"), result.one("aws:cloudwatch/logGroup:LogGroup", "dev-flow-logs")
    assert (flow.inputs["trafficType"], flow.inputs["vpcId"]) == ("ALL", result.outputs["vpc_id"])
    assert flow.inputs["logDestination"] == group.outputs["arn"]
    assert group.inputs["retentionInDays"] == 90
    statement = json.loads(result.one("aws:iam/rolePolicy:RolePolicy").inputs["policy"])["Statement"][0]
    assert statement["Resource"] == [group.outputs["arn"], f"{group.outputs['arn']}:*"]
    assert "*" not in "".join(statement["Action"])


def test_a_base_in_an_existing_vpc_does_not_change_it() -> None:
    result = base(existing_vpc=ExistingVpcOptions(**VPC, isolated=True))
    assert result.of_type("awsx:ec2:Vpc") == ()
    assert result.of_type(ENDPOINT) == ()
    assert {name: result.outputs[name] for name in VPC} == VPC
    assert result.outputs["isolated"] is True
    assert result.one("aws:lb/loadBalancer:LoadBalancer").inputs["subnets"] == VPC["public_subnet_ids"]
    assert result.one("aws:rds/subnetGroup:SubnetGroup").inputs["subnetIds"] == VPC["private_subnet_ids"]
    assert result.one("aws:ec2/instance:Instance").inputs["subnetId"] == VPC["private_subnet_ids"][0]


def test_two_networks_with_all_their_parts_in_one_stack_do_not_collide() -> None:
    def program() -> None:
        for name in ("one", "two"):
            network = Network(f"{name}-network", NetworkArgs(region="us-east-1", zones=["us-east-1a", "us-east-1b"]))
            FlowLogs(f"{name}-flow-logs", FlowLogsArgs(vpc_id=network.vpc_id))
            InterfaceEndpoints(
                f"{name}-endpoints",
                InterfaceEndpointsArgs(
                    region="us-east-1",
                    vpc_id=network.vpc_id,
                    subnet_ids=network.private_subnet_ids,
                    client_security_group_id="sg-app",
                    services=ISOLATED_ENDPOINTS,
                ),
            )

    assert len(simulate(program).of_type(ENDPOINT)) == 16


def of_network(**changes: Any) -> Callable[[], object]:
    given: dict[str, Any] = {"region": "us-east-1", "zones": ["us-east-1a", "us-east-1b"], **changes}
    return lambda: NetworkArgs(**given)


def of_vpc(**changes: Any) -> Callable[[], object]:
    return lambda: ExistingVpcOptions(**{**VPC, **changes})


REFUSALS: list[tuple[Callable[[], object], str]] = [
    (
        of_network(cidr_block="10.0.0.0/24"),
        "cidr_block is '10.0.0.0/24': it is too small: allowed is /16 to /20",
    ),
    (of_network(cidr_block="10.0.0.0/8"), "cidr_block is '10.0.0.0/8': it is too large: allowed is /16 to /20"),
    (of_network(cidr_block="10.0.0.1/16"), "cidr_block is '10.0.0.1/16': 10.0.0.1/16 has host bits set"),
    (
        of_network(cidr_block="8.8.0.0/16"),
        "cidr_block is '8.8.0.0/16': it is not a private range (10/8, 172.16/12, 192.168/16)",
    ),
    (
        of_network(cidr_block="127.0.0.0/16"),
        "cidr_block is '127.0.0.0/16': it is not a private range (10/8, 172.16/12, 192.168/16)",
    ),
    (
        of_network(cidr_block="172.17.0.0/20"),
        "cidr_block is '172.17.0.0/20': it overlaps 172.17.0.0/16, which Docker uses on every host",
    ),
    (
        of_network(cidr_block="10.1.0.0/16", peered_cidr_blocks=["192.168.0.0/24", "10.0.0.0/8"]),
        "cidr_block is '10.1.0.0/16': it overlaps '10.0.0.0/8' of peered_cidr_blocks",
    ),
    (
        of_network(peered_cidr_blocks=["10.0.0.0/40"]),
        "peered_cidr_blocks is '10.0.0.0/40': '40' is not a valid netmask",
    ),
    (
        of_network(zones=["us-east-1a"]),
        "zones is ['us-east-1a']: a load balancer and a database need two different zones",
    ),
    (
        of_network(zones=["us-east-1a", "us-east-1a", "us-east-1b"]),
        "zones is ['us-east-1a', 'us-east-1a', 'us-east-1b']: name each zone once",
    ),
    (
        of_network(zones=["us-east-1a", "eu-west-1a"]),
        "zones has 'eu-west-1a': zones of us-east-1 have names like us-east-1a",
    ),
    (
        lambda: NetworkOptions(interface_endpoints=["com.amazonaws.us-east-1.sqs"]),
        "interface_endpoints has 'com.amazonaws.us-east-1.sqs': write a service like 'ecr.dkr', without "
        "com.amazonaws.<region>",
    ),
    (
        lambda: NetworkOptions(interface_endpoints=["s3"]),
        "interface_endpoints has 's3': use its free gateway endpoint instead",
    ),
    (
        lambda: NetworkOptions(interface_endpoints=["sqs", "sqs"]),
        "interface_endpoints is ['sqs', 'sqs']: name each service once",
    ),
    (of_vpc(vpc_id="main"), "vpc_id has 'main': an id is written like vpc-0123456789abcdef0"),
    (
        of_vpc(private_subnet_ids=["subnet-00000003"]),
        "private_subnet_ids is ['subnet-00000003']: two subnets in different zones are needed",
    ),
    (
        of_vpc(private_subnet_ids=["subnet-00000001", "subnet-00000003"]),
        "subnet-00000001 is in both public_subnet_ids and private_subnet_ids: a subnet is either public or private",
    ),
    (
        lambda: AdHocBaseArgs(
            region="us-east-1", existing_vpc=ExistingVpcOptions(**VPC), network=NetworkOptions(nat="none")
        ),
        "existing_vpc and network are both given: a base has one of them",
    ),
]


@pytest.mark.parametrize(("make", "message"), REFUSALS, ids=[message[:40] for _make, message in REFUSALS])
def test_what_cannot_work_is_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        make()
    assert str(refused.value) == message


def test_the_retention_of_flow_logs_is_one_of_cloudwatch() -> None:
    with pytest.raises(ValueError, match=r"^flow_log_retention_days is 2: allowed are 1, 3, 5, 7, "):
        NetworkOptions(flow_log_retention_days=2)
