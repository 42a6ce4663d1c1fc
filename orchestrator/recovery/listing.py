"""All resources in AWS with our tags: by the tagging API, and by their own lists where that API does not have them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from orchestrator.recovery import arns
from orchestrator.recovery.aws import Aws, reason, tags_of

MANAGED_BY_TAG, MANAGED_BY = "managed-by", "pulumi-django"
OWNED = frozenset({"aws:secretsmanager:owningService", "aws:autoscaling:groupName"})
"""Tags that AWS sets on what belongs to another resource: a database server's master password, a group's instances."""

PARTS_OF_OTHERS = frozenset({"ecs:task", "ecs:container-instance", "ec2:network-interface", "rds:auto-backup"})
"""Types that live and die with another resource and inherit its tags."""

AUTOMATIC_SNAPSHOT = "rds:"
"""Beginning of the names of snapshots that RDS itself makes and removes."""

EC2_FILTER_VALUES = 200
"""Values that a filter of EC2 takes at most.
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
"""How an ARN names what an id begins with; other kinds are none that we make."""

Listed = Iterator[tuple[str, dict[str, str]]]
"""ARNs with their tags."""


def tagged(aws: Aws, base: str | None) -> tuple[dict[str, dict[str, str]], list[str]]:
    """Tags by ARN of everything that carries our tags and still stands; and what could not be looked at."""
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
            problems.append(f"{name} could not be looked at: {reason(error)}")
    return found, problems


def _is_part(arn: str, tags: Mapping[str, str]) -> bool:
    type_ = arns.type_of(arn)
    if type_ in PARTS_OF_OTHERS or not OWNED.isdisjoint(tags):
        return True
    return type_ in ("rds:snapshot", "rds:cluster-snapshot") and arns.name_of(arn).startswith(AUTOMATIC_SNAPSHOT)


def _by_tagging_api(aws: Aws, wanted: Mapping[str, str]) -> Listed:
    filters = [{"Key": key, "Values": [value]} for key, value in wanted.items()]
    found = aws.all("resourcegroupstaggingapi", "get_resources", "ResourceTagMappingList", TagFilters=filters)
    # EC2's own list knows more types.
    return ((item["ResourceARN"], tags_of(item.get("Tags"))) for item in found if ":ec2:" not in item["ResourceARN"])


def _ec2(aws: Aws, _wanted: Mapping[str, str]) -> Listed:
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
    # The lists of IAM leave the tags out; this one has them, with one call for a hundred roles.
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
    # CloudFront is in the tagging API of us-east-1 only.
    for item in aws.all("cloudfront", "list_distributions", "DistributionList.Items"):
        answer = aws.client("cloudfront").list_tags_for_resource(Resource=item["ARN"])
        yield item["ARN"], tags_of(answer["Tags"].get("Items"))


def _auto_scaling_groups(aws: Aws, _wanted: Mapping[str, str]) -> Listed:
    # https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/supported-services.html: listed, never found.
    for group in aws.all("autoscaling", "describe_auto_scaling_groups", "AutoScalingGroups"):
        tags = [{"Key": tag["Key"], "Value": tag.get("Value", "")} for tag in group.get("Tags") or ()]
        # A group that is being deleted has a status, others have none.
        if not group.get("Status"):
            yield group["AutoScalingGroupARN"], tags_of(tags)


def _schedule_groups(aws: Aws, _wanted: Mapping[str, str]) -> Listed:
    for group in aws.all("scheduler", "list_schedule_groups", "ScheduleGroups"):
        if group["Name"] != "default":
            answer = aws.client("scheduler").list_tags_for_resource(ResourceArn=group["Arn"])
            yield group["Arn"], tags_of(answer.get("Tags"))


_LISTERS: Mapping[str, Callable[[Aws, Mapping[str, str]], Listed]] = {
    "the tagging API": _by_tagging_api,
    "EC2": _ec2,
    "IAM roles": _roles,
    "IAM policies": _policies,
    "IAM instance profiles": _instance_profiles,
    "Auto Scaling": _auto_scaling_groups,
    "Cloud Map": _cloud_map,
    "CloudFront": _distributions,
    "EventBridge Scheduler": _schedule_groups,
}
