"""All resources in AWS that have our tags and still exist."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from orchestrator.recovery import arns
from orchestrator.recovery.aws import Aws, reason, tags_of

MANAGED_BY_TAG, MANAGED_BY = "managed-by", "pulumi-django"
OWNED = frozenset({"aws:secretsmanager:owningService", "aws:autoscaling:groupName"})
"""Tags that AWS sets on parts of other resources: the password of a database server, the instances of a group."""

PARTS_OF_OTHERS = frozenset({"ecs:task", "ecs:container-instance", "ec2:network-interface", "rds:auto-backup"})
"""Types that are created and deleted with another resource and inherit its tags."""

AUTOMATIC_SNAPSHOT = "rds:"
"""Prefix of the names of snapshots that RDS creates and removes."""

EC2_FILTER_VALUES = 200
"""Largest number of values in an EC2 filter.
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html"""

EC2_KINDS = {
    "acl": "network-acl",
    "eipalloc": "elastic-ip",
    "fl": "vpc-flow-log",
    "i": "instance",
    "igw": "internet-gateway",
    "key": "key-pair",
    "lt": "launch-template",
    "nat": "natgateway",
    "rtb": "route-table",
    "sg": "security-group",
    "sgr": "security-group-rule",
    "subnet": "subnet",
    "vol": "volume",
    "vpc": "vpc",
    "vpce": "vpc-endpoint",
}
"""Types in ARNs by the prefix of an id, for the types that this package creates."""

Listed = Iterator[tuple[str, dict[str, str]]]
"""ARNs and their tags."""


def tagged(aws: Aws, base: str | None) -> tuple[dict[str, dict[str, str]], list[str]]:
    """Tags by ARN of all resources with our tags, and the searches that failed."""
    from botocore.exceptions import BotoCoreError, ClientError

    wanted = {MANAGED_BY_TAG: MANAGED_BY, **({"base": base} if base else {})}
    found: dict[str, dict[str, str]] = {}
    problems: list[str] = []
    for name, lister in _LISTERS.items():
        try:
            for arn, tags in lister(aws, wanted):
                if wanted.items() <= tags.items() and not _is_part(arn, tags):
                    found[arn.removesuffix(":*")] = tags
        except (BotoCoreError, ClientError) as error:
            problems.append(f"{name} could not be searched: {reason(error)}")
    return found, problems


def _is_part(arn: str, tags: Mapping[str, str]) -> bool:
    type_ = arns.type_of(arn)
    if type_ in PARTS_OF_OTHERS or not OWNED.isdisjoint(tags):
        return True
    return type_ in ("rds:snapshot", "rds:cluster-snapshot") and arns.name_of(arn).startswith(AUTOMATIC_SNAPSHOT)


def _by_tagging_api(aws: Aws, wanted: Mapping[str, str]) -> Listed:
    filters = [{"Key": key, "Values": [value]} for key, value in wanted.items()]
    found = aws.all("resourcegroupstaggingapi", "get_resources", "ResourceTagMappingList", TagFilters=filters)
    # The list of EC2 has more types.
    return ((item["ResourceARN"], tags_of(item.get("Tags"))) for item in found if ":ec2:" not in item["ResourceARN"])


def _ec2_resources(aws: Aws, _wanted: Mapping[str, str]) -> Listed:
    client = aws.client("ec2")
    who = aws.client("sts").get_caller_identity()
    ours = [{"Name": "key", "Values": [MANAGED_BY_TAG]}, {"Name": "value", "Values": [MANAGED_BY]}]
    ids = [item["ResourceId"] for item in aws.all("ec2", "describe_tags", "Tags", Filters=ours)]
    for start in range(0, len(ids), EC2_FILTER_VALUES):
        by_id = [{"Name": "resource-id", "Values": ids[start : start + EC2_FILTER_VALUES]}]
        tags: dict[str, list[Mapping[str, str]]] = {}
        for item in aws.all("ec2", "describe_tags", "Tags", Filters=by_id):
            tags.setdefault(item["ResourceId"], []).append({"Key": item["Key"], "Value": item["Value"]})
        for id_, items in tags.items():
            kind = EC2_KINDS.get(id_.partition("-")[0])
            if kind:
                partition = arns.partition(who["Arn"])
                yield f"arn:{partition}:ec2:{client.meta.region_name}:{who['Account']}:{kind}/{id_}", tags_of(items)


def _roles(aws: Aws, _wanted: Mapping[str, str]) -> Listed:
    # The lists of IAM have no tags. This operation has them, with one call for a hundred roles.
    for role in aws.all("iam", "get_account_authorization_details", "RoleDetailList", Filter=["Role"]):
        yield role["Arn"], tags_of(role.get("Tags"))


def _policies(aws: Aws, _wanted: Mapping[str, str]) -> Listed:
    for policy in aws.all("iam", "list_policies", "Policies", Scope="Local"):
        yield policy["Arn"], tags_of(list(aws.all("iam", "list_policy_tags", "Tags", PolicyArn=policy["Arn"])))


def _instance_profiles(aws: Aws, _wanted: Mapping[str, str]) -> Listed:
    for profile in aws.all("iam", "list_instance_profiles", "InstanceProfiles"):
        answer = aws.client("iam").get_instance_profile(InstanceProfileName=profile["InstanceProfileName"])
        yield profile["Arn"], tags_of(answer["InstanceProfile"].get("Tags"))


def _cloud_map(aws: Aws, _wanted: Mapping[str, str]) -> Listed:
    for operation, key in (("list_services", "Services"), ("list_namespaces", "Namespaces")):
        for item in aws.all("servicediscovery", operation, key):
            answer = aws.client("servicediscovery").list_tags_for_resource(ResourceARN=item["Arn"])
            yield item["Arn"], tags_of(answer.get("Tags"))


def _distributions(aws: Aws, _wanted: Mapping[str, str]) -> Listed:
    # Only the tagging API of us-east-1 has CloudFront.
    for item in aws.all("cloudfront", "list_distributions", "DistributionList.Items"):
        answer = aws.client("cloudfront").list_tags_for_resource(Resource=item["ARN"])
        yield item["ARN"], tags_of(answer["Tags"].get("Items"))


def _auto_scaling_groups(aws: Aws, _wanted: Mapping[str, str]) -> Listed:
    # https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/supported-services.html: documented as supported, but never returned.
    for group in aws.all("autoscaling", "describe_auto_scaling_groups", "AutoScalingGroups"):
        tags = [{"Key": tag["Key"], "Value": tag.get("Value", "")} for tag in group.get("Tags") or ()]
        # Only a group that is being deleted has a status.
        if not group.get("Status"):
            yield group["AutoScalingGroupARN"], tags_of(tags)


def _schedule_groups(aws: Aws, _wanted: Mapping[str, str]) -> Listed:
    for group in aws.all("scheduler", "list_schedule_groups", "ScheduleGroups"):
        if group["Name"] != "default":
            answer = aws.client("scheduler").list_tags_for_resource(ResourceArn=group["Arn"])
            yield group["Arn"], tags_of(answer.get("Tags"))


_LISTERS: Mapping[str, Callable[[Aws, Mapping[str, str]], Listed]] = {
    "the tagging API": _by_tagging_api,
    "EC2": _ec2_resources,
    "IAM roles": _roles,
    "IAM policies": _policies,
    "IAM instance profiles": _instance_profiles,
    "Auto Scaling": _auto_scaling_groups,
    "Cloud Map": _cloud_map,
    "CloudFront": _distributions,
    "EventBridge Scheduler": _schedule_groups,
}


GOING = ("deleting", "deleted")

_Alive = Callable[[Aws, Sequence[str]], Iterable[str]]
"""Returns the ARNs, all of one type, of resources that still exist."""


def still_there(aws: Aws, found: Iterable[str]) -> tuple[set[str], list[str]]:
    """The ARNs of resources that still exist, and the searches that failed.

    The tagging API lists some deleted resources for an hour or more. A resource that cannot be checked counts as existing.
    """
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
            problems.append(f"{type_}: existence could not be checked: {reason(error)}")
    return alive, problems


def _ec2(operation: str, key: str, id_: str, gone: tuple[str, ...] = ()) -> _Alive:
    """Check with the list of the type, without resources in one of the states `gone`."""

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
    # The list does not have secrets that are scheduled for deletion.
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
    # A volume in use belongs to its instance.
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
    "elasticfilesystem:file-system": _not_going(
        "efs", "describe_file_systems", "FileSystems", "FileSystemId", "LifeCycleState"
    ),
    "kms:key": _keys,
    "rds:cluster": _not_going("rds", "describe_db_clusters", "DBClusters", "DBClusterIdentifier", "Status"),
    "rds:db": _not_going("rds", "describe_db_instances", "DBInstances", "DBInstanceIdentifier", "DBInstanceStatus"),
    "secretsmanager:secret": _secrets,
}
