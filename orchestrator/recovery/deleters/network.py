"""Deletes EC2 instances, the resources of a VPC, then the VPC."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.recovery import arns
from orchestrator.recovery.aws import Aws
from orchestrator.recovery.deleters.deleter import Deleter
from orchestrator.recovery.orphans import Orphan


def _ec2(operation: str, parameter: str, *, several: bool = False) -> Deleter:
    def delete(aws: Aws, orphan: Orphan) -> None:
        from botocore.exceptions import ClientError

        id_ = arns.last_name(orphan.arn)
        answer: Any = getattr(aws.client("ec2"), operation)(**{parameter: [id_] if several else id_})
        # Operations on several resources succeed and list their failures here.
        for item in (answer or {}).get("Unsuccessful") or ():
            raise ClientError({"Error": item["Error"]}, operation)

    return delete


def _security_group(aws: Aws, orphan: Orphan) -> None:
    """Delete the rules first: rules that refer to each other's groups would block both groups."""
    id_ = arns.last_name(orphan.arn)
    _revoke(aws, Filters=[{"Name": "group-id", "Values": [id_]}])
    aws.client("ec2").delete_security_group(GroupId=id_)


def _security_group_rule(aws: Aws, orphan: Orphan) -> None:
    _revoke(aws, SecurityGroupRuleIds=[arns.last_name(orphan.arn)])


def _revoke(aws: Aws, **wanted: Any) -> None:
    client = aws.client("ec2")
    for rule in list(aws.all("ec2", "describe_security_group_rules", "SecurityGroupRules", **wanted)):
        revoke = client.revoke_security_group_egress if rule["IsEgress"] else client.revoke_security_group_ingress
        revoke(GroupId=rule["GroupId"], SecurityGroupRuleIds=[rule["SecurityGroupRuleId"]])


def _internet_gateway(aws: Aws, orphan: Orphan) -> None:
    client, id_ = aws.client("ec2"), arns.last_name(orphan.arn)
    for gateway in aws.all("ec2", "describe_internet_gateways", "InternetGateways", InternetGatewayIds=[id_]):
        for attached in gateway.get("Attachments") or ():
            client.detach_internet_gateway(InternetGatewayId=id_, VpcId=attached["VpcId"])
    client.delete_internet_gateway(InternetGatewayId=id_)


def _route_table(aws: Aws, orphan: Orphan) -> None:
    client, id_ = aws.client("ec2"), arns.last_name(orphan.arn)
    for table in aws.all("ec2", "describe_route_tables", "RouteTables", RouteTableIds=[id_]):
        for association in table.get("Associations") or ():
            if not association.get("Main"):
                client.disassociate_route_table(AssociationId=association["RouteTableAssociationId"])
    client.delete_route_table(RouteTableId=id_)


DELETERS: Mapping[str, tuple[int, Deleter]] = {
    "ec2:elastic-ip": (71, _ec2("release_address", "AllocationId")),
    "ec2:instance": (45, _ec2("terminate_instances", "InstanceIds", several=True)),
    "ec2:internet-gateway": (85, _internet_gateway),
    "ec2:key-pair": (46, _ec2("delete_key_pair", "KeyPairId")),
    "ec2:launch-template": (46, _ec2("delete_launch_template", "LaunchTemplateId")),
    "ec2:natgateway": (70, _ec2("delete_nat_gateway", "NatGatewayId")),
    "ec2:network-acl": (91, _ec2("delete_network_acl", "NetworkAclId")),
    "ec2:route-table": (86, _route_table),
    "ec2:security-group": (81, _security_group),
    "ec2:security-group-rule": (80, _security_group_rule),
    "ec2:subnet": (90, _ec2("delete_subnet", "SubnetId")),
    "ec2:volume": (47, _ec2("delete_volume", "VolumeId")),
    "ec2:vpc": (95, _ec2("delete_vpc", "VpcId")),
    "ec2:vpc-endpoint": (70, _ec2("delete_vpc_endpoints", "VpcEndpointIds", several=True)),
    "ec2:vpc-flow-log": (72, _ec2("delete_flow_logs", "FlowLogIds", several=True)),
}
"""Position in the order (lowest first) and deleter, by type."""
