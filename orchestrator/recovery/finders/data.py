"""Finds resources with data: databases, caches, buckets, queues, secrets, keys, parameters, logs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from orchestrator.recovery import arns
from orchestrator.recovery.aws import Aws, is_absent, tags_of
from orchestrator.recovery.finders.candidate import Candidate, Finder, Inputs, text

GOING = ("deleting", "deleted")


def _rds(operation: str, key: str, parameter: str, field: str, id_: str, arn: str) -> Finder:
    def find(aws: Aws, inputs: Inputs) -> Iterable[Candidate]:
        name = text(inputs, field)
        if name is None:
            return
        for item in aws.all("rds", operation, key, **{parameter: name}):
            if _status(item) not in GOING:
                tags = aws.client("rds").list_tags_for_resource(ResourceName=item[arn])["TagList"]
                yield Candidate(id=item[id_], tags=tags_of(tags))

    return find


def _elasticache(operation: str, key: str, parameter: str, field: str, id_: str) -> Finder:
    def find(aws: Aws, inputs: Inputs) -> Iterable[Candidate]:
        name = text(inputs, field)
        if name is None:
            return
        for item in aws.all("elasticache", operation, key, **{parameter: name}):
            if _status(item) not in GOING:
                yield Candidate(id=item[id_], tags=_cache_tags(aws, item.get("ARN")))

    return find


def _cache_tags(aws: Aws, arn: str | None) -> dict[str, str]:
    from botocore.exceptions import ClientError

    try:
        answer: Any = aws.client("elasticache").list_tags_for_resource(ResourceName=arn) if arn else {}
    except ClientError:
        # A cache that is still being created does not return its tags. Its name is sufficient.
        return {}
    return tags_of(answer.get("TagList"))


def _status(item: Mapping[str, Any]) -> str:
    return str(item.get("DBInstanceStatus") or item.get("Status") or "")


def _secret(aws: Aws, inputs: Inputs) -> Iterable[Candidate]:
    name = text(inputs, "name")
    wanted = [{"Key": "name", "Values": [name]}]
    for secret in aws.all("secretsmanager", "list_secrets", "SecretList", Filters=wanted) if name else ():
        # The filter matches prefixes.
        if secret["Name"] == name and not secret.get("DeletedDate"):
            yield Candidate(id=secret["ARN"], tags=tags_of(secret.get("Tags")))


def _bucket(aws: Aws, inputs: Inputs) -> Iterable[Candidate]:
    from botocore.exceptions import ClientError

    client, name = aws.client("s3"), text(inputs, "bucket")
    if name is None:
        return
    try:
        client.head_bucket(Bucket=name)
        tags = tags_of(client.get_bucket_tagging(Bucket=name)["TagSet"])
    except ClientError as error:
        if "NoSuchTagSet" not in str(error):
            if is_absent(error):
                return
            raise
        # Tags are set with a separate call after the bucket.
        tags = {}
    yield Candidate(id=name, tags=tags)


def _topic(aws: Aws, inputs: Inputs) -> Iterable[Candidate]:
    for topic in aws.all("sns", "list_topics", "Topics"):
        if arns.name_of(topic["TopicArn"]) == inputs.get("name"):
            tags = aws.client("sns").list_tags_for_resource(ResourceArn=topic["TopicArn"])["Tags"]
            yield Candidate(id=topic["TopicArn"], tags=tags_of(tags))


def _queue(aws: Aws, inputs: Inputs) -> Iterable[Candidate]:
    client, name = aws.client("sqs"), text(inputs, "name")
    for url in client.list_queues(QueueNamePrefix=name).get("QueueUrls") or () if name else ():
        if url.rpartition("/")[2] == name:
            yield Candidate(id=url, tags=tags_of(client.list_queue_tags(QueueUrl=url).get("Tags")))


def _key(aws: Aws, _inputs: Inputs) -> Iterable[Candidate]:
    from botocore.exceptions import ClientError

    client = aws.client("kms")
    for key in aws.all("kms", "list_keys", "Keys"):
        try:
            about: Mapping[str, Any] = client.describe_key(KeyId=key["KeyId"])["KeyMetadata"]
            if about.get("KeyManager", "CUSTOMER") == "CUSTOMER" and about.get("KeyState") != "PendingDeletion":
                tags = tags_of(client.list_resource_tags(KeyId=key["KeyId"])["Tags"])
                yield Candidate(id=key["KeyId"], tags=tags, distinct=False)
        except ClientError as error:
            # The policy of a key may deny access; such a key is not one of ours.
            if "AccessDenied" not in str(error):
                raise


def _alias(aws: Aws, inputs: Inputs) -> Iterable[Candidate]:
    for alias in aws.all("kms", "list_aliases", "Aliases"):
        if alias["AliasName"] == inputs.get("name"):
            yield Candidate(id=alias["AliasName"], tags=None)


def _parameter(aws: Aws, inputs: Inputs) -> Iterable[Candidate]:
    name = text(inputs, "name")
    wanted = [{"Key": "Name", "Option": "Equals", "Values": [name]}]
    for item in aws.all("ssm", "describe_parameters", "Parameters", ParameterFilters=wanted) if name else ():
        tags = aws.client("ssm").list_tags_for_resource(ResourceType="Parameter", ResourceId=item["Name"])["TagList"]
        yield Candidate(id=item["Name"], tags=tags_of(tags))


def _log_group(aws: Aws, inputs: Inputs) -> Iterable[Candidate]:
    name = text(inputs, "name")
    for group in aws.all("logs", "describe_log_groups", "logGroups", logGroupNamePrefix=name) if name else ():
        if group["logGroupName"] == name:
            arn = str(group["arn"]).removesuffix(":*")
            tags = aws.client("logs").list_tags_for_resource(resourceArn=arn).get("tags")
            yield Candidate(id=group["logGroupName"], tags=tags_of(tags))


def _file_system(aws: Aws, _inputs: Inputs) -> Iterable[Candidate]:
    for item in aws.all("efs", "describe_file_systems", "FileSystems"):
        if item.get("LifeCycleState") not in GOING:
            yield Candidate(id=item["FileSystemId"], tags=tags_of(item.get("Tags")), distinct=False)


def _access_point(aws: Aws, inputs: Inputs) -> Iterable[Candidate]:
    files = text(inputs, "fileSystemId")
    for item in aws.all("efs", "describe_access_points", "AccessPoints", FileSystemId=files) if files else ():
        if item.get("LifeCycleState") not in GOING:
            yield Candidate(id=item["AccessPointId"], tags=tags_of(item.get("Tags")))


def _mount_target(aws: Aws, inputs: Inputs) -> Iterable[Candidate]:
    files = text(inputs, "fileSystemId")
    for item in aws.all("efs", "describe_mount_targets", "MountTargets", FileSystemId=files) if files else ():
        if item.get("SubnetId") == inputs.get("subnetId") and item.get("LifeCycleState") not in GOING:
            yield Candidate(id=item["MountTargetId"], tags=None)


FINDERS: Mapping[str, Finder] = {
    "aws:cloudwatch/logGroup:LogGroup": _log_group,
    "aws:efs/accessPoint:AccessPoint": _access_point,
    "aws:efs/fileSystem:FileSystem": _file_system,
    "aws:efs/mountTarget:MountTarget": _mount_target,
    "aws:elasticache/cluster:Cluster": _elasticache(
        "describe_cache_clusters", "CacheClusters", "CacheClusterId", "clusterId", "CacheClusterId"
    ),
    "aws:elasticache/parameterGroup:ParameterGroup": _elasticache(
        "describe_cache_parameter_groups",
        "CacheParameterGroups",
        "CacheParameterGroupName",
        "name",
        "CacheParameterGroupName",
    ),
    "aws:elasticache/replicationGroup:ReplicationGroup": _elasticache(
        "describe_replication_groups",
        "ReplicationGroups",
        "ReplicationGroupId",
        "replicationGroupId",
        "ReplicationGroupId",
    ),
    "aws:elasticache/subnetGroup:SubnetGroup": _elasticache(
        "describe_cache_subnet_groups", "CacheSubnetGroups", "CacheSubnetGroupName", "name", "CacheSubnetGroupName"
    ),
    "aws:elasticache/user:User": _elasticache("describe_users", "Users", "UserId", "userId", "UserId"),
    "aws:elasticache/userGroup:UserGroup": _elasticache(
        "describe_user_groups", "UserGroups", "UserGroupId", "userGroupId", "UserGroupId"
    ),
    "aws:kms/alias:Alias": _alias,
    "aws:kms/key:Key": _key,
    "aws:rds/cluster:Cluster": _rds(
        "describe_db_clusters",
        "DBClusters",
        "DBClusterIdentifier",
        "clusterIdentifier",
        "DBClusterIdentifier",
        "DBClusterArn",
    ),
    "aws:rds/clusterInstance:ClusterInstance": _rds(
        "describe_db_instances",
        "DBInstances",
        "DBInstanceIdentifier",
        "identifier",
        "DBInstanceIdentifier",
        "DBInstanceArn",
    ),
    "aws:rds/clusterParameterGroup:ClusterParameterGroup": _rds(
        "describe_db_cluster_parameter_groups",
        "DBClusterParameterGroups",
        "DBClusterParameterGroupName",
        "name",
        "DBClusterParameterGroupName",
        "DBClusterParameterGroupArn",
    ),
    # The provider uses the constant id `db-...` and not the name.
    "aws:rds/instance:Instance": _rds(
        "describe_db_instances", "DBInstances", "DBInstanceIdentifier", "identifier", "DbiResourceId", "DBInstanceArn"
    ),
    "aws:rds/parameterGroup:ParameterGroup": _rds(
        "describe_db_parameter_groups",
        "DBParameterGroups",
        "DBParameterGroupName",
        "name",
        "DBParameterGroupName",
        "DBParameterGroupArn",
    ),
    "aws:rds/subnetGroup:SubnetGroup": _rds(
        "describe_db_subnet_groups",
        "DBSubnetGroups",
        "DBSubnetGroupName",
        "name",
        "DBSubnetGroupName",
        "DBSubnetGroupArn",
    ),
    "aws:s3/bucket:Bucket": _bucket,
    "aws:s3/bucketV2:BucketV2": _bucket,
    "aws:secretsmanager/secret:Secret": _secret,
    "aws:sns/topic:Topic": _topic,
    "aws:sqs/queue:Queue": _queue,
    "aws:ssm/parameter:Parameter": _parameter,
}
