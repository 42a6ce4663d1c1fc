"""Finds the resources of a VPC and EC2 instances."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from typing import Any

from orchestrator.recovery.aws import Aws, filters, tags_of
from orchestrator.recovery.finders.candidate import Candidate, Finder, Inputs, text

ROUTE_DESTINATIONS = {
    "destinationCidrBlock": "DestinationCidrBlock",
    "destinationIpv6CidrBlock": "DestinationIpv6CidrBlock",
    "destinationPrefixListId": "DestinationPrefixListId",
}
RULE_PROPERTIES = {
    "ipProtocol": "IpProtocol",
    "fromPort": "FromPort",
    "toPort": "ToPort",
    "cidrIpv4": "CidrIpv4",
    "cidrIpv6": "CidrIpv6",
    "prefixListId": "PrefixListId",
}
ALIVE_INSTANCES = ["pending", "running", "stopping", "stopped"]


def _listed(operation: str, key: str, id_: str, given: Mapping[str, str], *, distinct: bool, **always: Any) -> Finder:
    """A finder with EC2 filters; `given` maps each filter to the input with its value."""

    def find(aws: Aws, inputs: Inputs) -> Iterable[Candidate]:
        values = {name: text(inputs, field) for name, field in given.items()}
        alone = distinct and None not in values.values()
        for item in aws.all("ec2", operation, key, Filters=filters(**values, **always)):
            yield Candidate(id=item[id_], tags=tags_of(item.get("Tags")), distinct=alone)

    return find


def _instance(aws: Aws, inputs: Inputs) -> Iterable[Candidate]:
    wanted = filters(
        instance_state_name=ALIVE_INSTANCES,
        subnet_id=text(inputs, "subnetId"),
        image_id=text(inputs, "ami"),
        instance_type=text(inputs, "instanceType"),
    )
    for reservation in aws.all("ec2", "describe_instances", "Reservations", Filters=wanted):
        for instance in reservation["Instances"]:
            yield Candidate(id=instance["InstanceId"], tags=tags_of(instance.get("Tags")), distinct=False)


def _internet_gateway(aws: Aws, inputs: Inputs) -> Iterable[Candidate]:
    # A gateway is created first and attached to its VPC with a second call.
    for gateway in aws.all("ec2", "describe_internet_gateways", "InternetGateways"):
        attached = [item.get("VpcId") for item in gateway.get("Attachments") or ()]
        if not attached or inputs.get("vpcId") in attached:
            distinct = bool(attached)
            yield Candidate(id=gateway["InternetGatewayId"], tags=tags_of(gateway.get("Tags")), distinct=distinct)


def _nat_gateway(aws: Aws, inputs: Inputs) -> Iterable[Candidate]:
    wanted = filters(subnet_id=text(inputs, "subnetId"), state=["pending", "available"])
    allocation = inputs.get("allocationId")
    for gateway in aws.all("ec2", "describe_nat_gateways", "NatGateways", Filters=wanted):
        addresses = [item.get("AllocationId") for item in gateway.get("NatGatewayAddresses") or ()]
        if allocation is None or allocation in addresses:
            distinct = allocation is not None
            yield Candidate(id=gateway["NatGatewayId"], tags=tags_of(gateway.get("Tags")), distinct=distinct)


def _elastic_ip(aws: Aws, _inputs: Inputs) -> Iterable[Candidate]:
    for address in aws.client("ec2").describe_addresses()["Addresses"]:
        if address.get("AllocationId"):
            yield Candidate(id=address["AllocationId"], tags=tags_of(address.get("Tags")), distinct=False)


def _elastic_ip_association(aws: Aws, inputs: Inputs) -> Iterable[Candidate]:
    allocation = text(inputs, "allocationId")
    for address in aws.client("ec2").describe_addresses()["Addresses"] if allocation else ():
        if address.get("AllocationId") == allocation and address.get("AssociationId"):
            wanted = inputs.get("instanceId") or inputs.get("networkInterfaceId")
            if wanted in (address.get("InstanceId"), address.get("NetworkInterfaceId")):
                yield Candidate(id=address["AssociationId"], tags=None)


def _volume(aws: Aws, inputs: Inputs) -> Iterable[Candidate]:
    wanted = filters(availability_zone=text(inputs, "availabilityZone"))
    for volume in aws.all("ec2", "describe_volumes", "Volumes", Filters=wanted):
        if volume["State"] not in ("deleting", "deleted"):
            yield Candidate(id=volume["VolumeId"], tags=tags_of(volume.get("Tags")), distinct=False)


def _route(aws: Aws, inputs: Inputs) -> Iterable[Candidate]:
    table = text(inputs, "routeTableId")
    for field, name in ROUTE_DESTINATIONS.items():
        destination = text(inputs, field)
        if destination is None:
            continue
        for found in aws.all("ec2", "describe_route_tables", "RouteTables", RouteTableIds=[table]):
            if any(route.get(name) == destination for route in found.get("Routes") or ()):
                # A route has no id in AWS; the provider computes one.
                yield Candidate(id=f"r-{table}{zlib.crc32(destination.encode())}", tags=None)


def _route_table_association(aws: Aws, inputs: Inputs) -> Iterable[Candidate]:
    for table in aws.all("ec2", "describe_route_tables", "RouteTables", RouteTableIds=[text(inputs, "routeTableId")]):
        for association in table.get("Associations") or ():
            target = association.get("SubnetId") or association.get("GatewayId")
            if target and target in (inputs.get("subnetId"), inputs.get("gatewayId")):
                yield Candidate(id=association["RouteTableAssociationId"], tags=None)


def _security_group_rule(*, egress: bool) -> Finder:
    def find(aws: Aws, inputs: Inputs) -> Iterable[Candidate]:
        wanted = filters(group_id=text(inputs, "securityGroupId"))
        for rule in aws.all("ec2", "describe_security_group_rules", "SecurityGroupRules", Filters=wanted):
            if rule.get("IsEgress") is egress and _same_rule(rule, inputs):
                yield Candidate(id=rule["SecurityGroupRuleId"], tags=tags_of(rule.get("Tags")))

    return find


def _same_rule(rule: Mapping[str, Any], inputs: Inputs) -> bool:
    group: Mapping[str, Any] = rule.get("ReferencedGroupInfo") or {}
    wanted = inputs.get("referencedSecurityGroupId")
    # A group of another account has the form account/group.
    if (wanted.rpartition("/")[2] if isinstance(wanted, str) else None) != group.get("GroupId"):
        return False
    for field, name in RULE_PROPERTIES.items():
        asked, is_ = inputs.get(field), rule.get(name)
        if field in ("fromPort", "toPort"):
            # All ports are -1 in AWS and absent in the program.
            asked, is_ = (-1 if value is None else int(value) for value in (asked, is_))
        if asked != is_:
            return False
    return True


def _flow_log(aws: Aws, inputs: Inputs) -> Iterable[Candidate]:
    target = next((value for key in ("vpcId", "subnetId", "eniId") if (value := text(inputs, key))), None)
    for log in aws.all("ec2", "describe_flow_logs", "FlowLogs", Filters=filters(resource_id=target)):
        yield Candidate(id=log["FlowLogId"], tags=tags_of(log.get("Tags")), distinct=False)


FINDERS: Mapping[str, Finder] = {
    "aws:ebs/volume:Volume": _volume,
    "aws:ec2/eip:Eip": _elastic_ip,
    "aws:ec2/eipAssociation:EipAssociation": _elastic_ip_association,
    "aws:ec2/flowLog:FlowLog": _flow_log,
    "aws:ec2/instance:Instance": _instance,
    "aws:ec2/internetGateway:InternetGateway": _internet_gateway,
    "aws:ec2/launchTemplate:LaunchTemplate": _listed(
        "describe_launch_templates",
        "LaunchTemplates",
        "LaunchTemplateId",
        {"launch_template_name": "name"},
        distinct=True,
    ),
    "aws:ec2/natGateway:NatGateway": _nat_gateway,
    "aws:ec2/networkAcl:NetworkAcl": _listed(
        "describe_network_acls", "NetworkAcls", "NetworkAclId", {"vpc_id": "vpcId"}, distinct=False, default="false"
    ),
    "aws:ec2/route:Route": _route,
    "aws:ec2/routeTable:RouteTable": _listed(
        "describe_route_tables", "RouteTables", "RouteTableId", {"vpc_id": "vpcId"}, distinct=False
    ),
    "aws:ec2/routeTableAssociation:RouteTableAssociation": _route_table_association,
    "aws:ec2/securityGroup:SecurityGroup": _listed(
        "describe_security_groups",
        "SecurityGroups",
        "GroupId",
        {"vpc_id": "vpcId", "group_name": "name"},
        distinct=True,
    ),
    # Two subnets of a VPC never share addresses.
    "aws:ec2/subnet:Subnet": _listed(
        "describe_subnets", "Subnets", "SubnetId", {"vpc_id": "vpcId", "cidr_block": "cidrBlock"}, distinct=True
    ),
    "aws:ec2/vpc:Vpc": _listed("describe_vpcs", "Vpcs", "VpcId", {"cidr": "cidrBlock"}, distinct=False),
    "aws:ec2/vpcEndpoint:VpcEndpoint": _listed(
        "describe_vpc_endpoints",
        "VpcEndpoints",
        "VpcEndpointId",
        {"vpc_id": "vpcId", "service_name": "serviceName"},
        distinct=False,
        vpc_endpoint_state=["pending", "available", "pendingAcceptance"],
    ),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": _security_group_rule(egress=True),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": _security_group_rule(egress=False),
}
