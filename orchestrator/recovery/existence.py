"""Which of the resources that AWS lists still exist."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from orchestrator.recovery import arns
from orchestrator.recovery.aws import Aws, reason

GOING = ("deleting", "deleted")

_Alive = Callable[[Aws, Sequence[str]], Iterable[str]]
"""Those of the ARNs, all of one type, that still exist."""


def still_there(aws: Aws, found: Iterable[str]) -> tuple[set[str], list[str]]:
    """Those of the ARNs that are not deleted already: the tagging API goes on listing some for an hour and more.
    What cannot be looked at counts as there, and is told."""
    from botocore.exceptions import BotoCoreError, ClientError

    by_type: dict[str, list[str]] = {}
    for arn in found:
        by_type.setdefault(arns.type_of(arn), []).append(arn)
    alive: set[str] = set()
    problems: list[str] = []
    for type_, listed in by_type.items():
        try:
            alive.update(_ALIVE[type_](aws, listed) if type_ in _ALIVE else listed)
        except (BotoCoreError, ClientError) as error:
            alive.update(listed)
            problems.append(f"whether each {type_} still exists could not be looked at: {reason(error)}")
    return alive, problems


def _ec2(operation: str, key: str, id_: str, gone: tuple[str, ...] = ()) -> _Alive:
    """Those that the list of their type has, and not in one of the states `gone`."""

    def alive(aws: Aws, found: Sequence[str]) -> Iterable[str]:
        ids = {arns.last_name(arn): arn for arn in found}
        for item in aws.all("ec2", operation, key):
            if item[id_] in ids and str(item.get("State", "")).lower() not in gone:
                yield ids[item[id_]]

    return alive


def _instances(aws: Aws, found: Sequence[str]) -> Iterable[str]:
    ids = {arns.last_name(arn): arn for arn in found}
    for reservation in aws.all("ec2", "describe_instances", "Reservations"):
        for instance in reservation["Instances"]:
            if instance["InstanceId"] in ids and instance["State"]["Name"] not in ("shutting-down", "terminated"):
                yield ids[instance["InstanceId"]]


def _clusters(aws: Aws, found: Sequence[str]) -> Iterable[str]:
    for start in range(0, len(found), 100):
        answer = aws.client("ecs").describe_clusters(clusters=list(found[start : start + 100]))
        yield from (item["clusterArn"] for item in answer["clusters"] if item.get("status") != "INACTIVE")


def _services(aws: Aws, found: Sequence[str]) -> Iterable[str]:
    from botocore.exceptions import ClientError

    for arn in found:
        cluster = arns.name_of(arn).partition("/")[0]
        try:
            answer = aws.client("ecs").describe_services(cluster=cluster, services=[arn])
        except ClientError as error:
            if "ClusterNotFound" in str(error):
                continue
            raise
        yield from (item["serviceArn"] for item in answer["services"] if item.get("status") == "ACTIVE")


def _task_definitions(aws: Aws, found: Sequence[str]) -> Iterable[str]:
    for family in sorted({arns.name_of(arn).rpartition(":")[0] for arn in found}):
        active = set(aws.all("ecs", "list_task_definitions", "taskDefinitionArns", familyPrefix=family))
        yield from (arn for arn in found if arn in active)


def _secrets(aws: Aws, found: Sequence[str]) -> Iterable[str]:
    # The list leaves out what is scheduled for deletion.
    there = {item["ARN"] for item in aws.all("secretsmanager", "list_secrets", "SecretList")}
    return [arn for arn in found if arn in there]


def _not_going(service: str, operation: str, key: str, parameter: str, status: str) -> _Alive:
    def alive(aws: Aws, found: Sequence[str]) -> Iterable[str]:
        for arn in found:
            for item in aws.all(service, operation, key, **{parameter: arns.name_of(arn)}):
                if item.get(status) != "deleting":
                    yield arn

    return alive


def _keys(aws: Aws, found: Sequence[str]) -> Iterable[str]:
    for arn in found:
        if aws.client("kms").describe_key(KeyId=arn)["KeyMetadata"]["KeyState"] != "PendingDeletion":
            yield arn


_ALIVE: Mapping[str, _Alive] = {
    "ec2:elastic-ip": _ec2("describe_addresses", "Addresses", "AllocationId"),
    "ec2:instance": _instances,
    "ec2:internet-gateway": _ec2("describe_internet_gateways", "InternetGateways", "InternetGatewayId"),
    "ec2:launch-template": _ec2("describe_launch_templates", "LaunchTemplates", "LaunchTemplateId"),
    "ec2:natgateway": _ec2("describe_nat_gateways", "NatGateways", "NatGatewayId", GOING),
    "ec2:network-acl": _ec2("describe_network_acls", "NetworkAcls", "NetworkAclId"),
    "ec2:route-table": _ec2("describe_route_tables", "RouteTables", "RouteTableId"),
    "ec2:security-group": _ec2("describe_security_groups", "SecurityGroups", "GroupId"),
    "ec2:security-group-rule": _ec2("describe_security_group_rules", "SecurityGroupRules", "SecurityGroupRuleId"),
    "ec2:subnet": _ec2("describe_subnets", "Subnets", "SubnetId"),
    # A disk that is in use belongs to its instance.
    "ec2:volume": _ec2("describe_volumes", "Volumes", "VolumeId", (*GOING, "in-use", "creating")),
    "ec2:vpc": _ec2("describe_vpcs", "Vpcs", "VpcId"),
    "ec2:vpc-endpoint": _ec2("describe_vpc_endpoints", "VpcEndpoints", "VpcEndpointId", GOING),
    "ec2:vpc-flow-log": _ec2("describe_flow_logs", "FlowLogs", "FlowLogId"),
    "ecs:cluster": _clusters,
    "ecs:service": _services,
    "ecs:task-definition": _task_definitions,
    "elasticache:replicationgroup": _not_going(
        "elasticache", "describe_replication_groups", "ReplicationGroups", "ReplicationGroupId", "Status"
    ),
    "kms:key": _keys,
    "rds:cluster": _not_going("rds", "describe_db_clusters", "DBClusters", "DBClusterIdentifier", "Status"),
    "rds:db": _not_going("rds", "describe_db_instances", "DBInstances", "DBInstanceIdentifier", "DBInstanceStatus"),
    "secretsmanager:secret": _secrets,
}
