"""Deletes resources with data. Data of production is kept: a final snapshot, a time in which a secret can be restored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.recovery import arns
from orchestrator.recovery.aws import Aws
from orchestrator.recovery.deleters.deleter import Deleter, KeptError, is_production
from orchestrator.recovery.orphans import Orphan

RECOVERY_DAYS = 30
"""Days in which a secret or key of production can be restored, the maximum in AWS.
https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DeleteSecret.html"""

KEY_DAYS = 7
"""Shortest waiting period before a key is deleted, in days.
https://docs.aws.amazon.com/kms/latest/APIReference/API_ScheduleKeyDeletion.html"""

BATCH = 1000
"""Largest number of objects that S3 deletes with one call."""


def _last_snapshot(orphan: Orphan, key: str) -> dict[str, Any]:
    name = f"{orphan.name}-orphan"
    return {key: name, "SkipFinalSnapshot": False} if is_production(orphan) else {"SkipFinalSnapshot": True}


def _database(aws: Aws, orphan: Orphan) -> None:
    client = aws.client("rds")
    for database in aws.all("rds", "describe_db_instances", "DBInstances", DBInstanceIdentifier=orphan.name):
        # An instance of a cluster cannot have its own snapshot.
        member = bool(database.get("DBClusterIdentifier"))
        options = {} if member else _last_snapshot(orphan, "FinalDBSnapshotIdentifier")
        client.delete_db_instance(DBInstanceIdentifier=orphan.name, **options)


def _database_cluster(aws: Aws, orphan: Orphan) -> None:
    options = _last_snapshot(orphan, "FinalDBSnapshotIdentifier")
    aws.client("rds").delete_db_cluster(DBClusterIdentifier=orphan.name, **options)


def _cache(aws: Aws, orphan: Orphan) -> None:
    last = {"FinalSnapshotIdentifier": f"{orphan.name}-orphan"} if is_production(orphan) else {}
    aws.client("elasticache").delete_replication_group(ReplicationGroupId=orphan.name, **last)


def _cache_cluster(aws: Aws, orphan: Orphan) -> None:
    for cluster in aws.all("elasticache", "describe_cache_clusters", "CacheClusters", CacheClusterId=orphan.name):
        if cluster.get("ReplicationGroupId"):
            raise KeptError(f"it is deleted with its replication group {cluster['ReplicationGroupId']}")
    aws.client("elasticache").delete_cache_cluster(CacheClusterId=orphan.name)


def _bucket(aws: Aws, orphan: Orphan) -> None:
    client = aws.client("s3")
    batch: list[dict[str, str]] = []
    for versions in ("Versions", "DeleteMarkers"):
        for item in aws.all("s3", "list_object_versions", versions, Bucket=orphan.name):
            if is_production(orphan):
                raise KeptError("it is a bucket of production and contains objects: empty it first")
            batch.append({"Key": item["Key"], "VersionId": item["VersionId"]})
    for start in range(0, len(batch), BATCH):
        objects = {"Objects": batch[start : start + BATCH], "Quiet": True}
        client.delete_objects(Bucket=orphan.name, Delete=objects)
    client.delete_bucket(Bucket=orphan.name)


def _file_system(aws: Aws, orphan: Orphan) -> None:
    if is_production(orphan):
        raise KeptError(
            "it is a file system of production: delete it in the console of EFS when its files are not needed"
        )
    client = aws.client("efs")
    for target in aws.all("efs", "describe_mount_targets", "MountTargets", FileSystemId=orphan.name):
        client.delete_mount_target(MountTargetId=target["MountTargetId"])
    # It is in use while its mount targets go, and is tried again then.
    client.delete_file_system(FileSystemId=orphan.name)


def _access_point(aws: Aws, orphan: Orphan) -> None:
    if is_production(orphan):
        raise KeptError("it is the way to a file system of production")
    aws.client("efs").delete_access_point(AccessPointId=orphan.name)


def _secret(aws: Aws, orphan: Orphan) -> None:
    keep = {"RecoveryWindowInDays": RECOVERY_DAYS} if is_production(orphan) else {"ForceDeleteWithoutRecovery": True}
    aws.client("secretsmanager").delete_secret(SecretId=orphan.arn, **keep)


def _key(aws: Aws, orphan: Orphan) -> None:
    days = RECOVERY_DAYS if is_production(orphan) else KEY_DAYS
    aws.client("kms").schedule_key_deletion(KeyId=orphan.name, PendingWindowInDays=days)


def _queue(aws: Aws, orphan: Orphan) -> None:
    client = aws.client("sqs")
    client.delete_queue(QueueUrl=client.get_queue_url(QueueName=orphan.name)["QueueUrl"])


def _parameter(aws: Aws, orphan: Orphan) -> None:
    # The ARN omits the leading slash of hierarchical names.
    name = f"/{orphan.name}" if "/" in orphan.name else orphan.name
    aws.client("ssm").delete_parameter(Name=name)


def _role(aws: Aws, orphan: Orphan) -> None:
    client, name = aws.client("iam"), arns.last_name(orphan.arn)
    for profile in aws.all("iam", "list_instance_profiles_for_role", "InstanceProfiles", RoleName=name):
        client.remove_role_from_instance_profile(InstanceProfileName=profile["InstanceProfileName"], RoleName=name)
    for attached in aws.all("iam", "list_attached_role_policies", "AttachedPolicies", RoleName=name):
        client.detach_role_policy(RoleName=name, PolicyArn=attached["PolicyArn"])
    for policy in aws.all("iam", "list_role_policies", "PolicyNames", RoleName=name):
        client.delete_role_policy(RoleName=name, PolicyName=policy)
    client.delete_role(RoleName=name)


def _policy(aws: Aws, orphan: Orphan) -> None:
    client = aws.client("iam")
    for version in aws.all("iam", "list_policy_versions", "Versions", PolicyArn=orphan.arn):
        if not version["IsDefaultVersion"]:
            client.delete_policy_version(PolicyArn=orphan.arn, VersionId=version["VersionId"])
    client.delete_policy(PolicyArn=orphan.arn)


def _instance_profile(aws: Aws, orphan: Orphan) -> None:
    client, name = aws.client("iam"), arns.last_name(orphan.arn)
    for role in client.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]["Roles"]:
        client.remove_role_from_instance_profile(InstanceProfileName=name, RoleName=role["RoleName"])
    client.delete_instance_profile(InstanceProfileName=name)


def _repository(aws: Aws, orphan: Orphan) -> None:
    # Only `force` deletes a repository with images.
    try:
        aws.client("ecr").delete_repository(repositoryName=orphan.name, force=not is_production(orphan))
    except aws.client("ecr").exceptions.RepositoryNotEmptyException as error:
        raise KeptError("it is a repository of production and contains images: empty it first") from error


def _by_name(service: str, operation: str, parameter: str) -> Deleter:
    def delete(aws: Aws, orphan: Orphan) -> None:
        getattr(aws.client(service), operation)(**{parameter: orphan.name})

    return delete


def _by_arn(service: str, operation: str, parameter: str) -> Deleter:
    def delete(aws: Aws, orphan: Orphan) -> None:
        getattr(aws.client(service), operation)(**{parameter: orphan.arn})

    return delete


DELETERS: Mapping[str, tuple[int, Deleter]] = {
    "acm:certificate": (60, _by_arn("acm", "delete_certificate", "CertificateArn")),
    "ecr:repository": (62, _repository),
    "elasticache:cluster": (51, _cache_cluster),
    "elasticache:parametergroup": (
        53,
        _by_name("elasticache", "delete_cache_parameter_group", "CacheParameterGroupName"),
    ),
    "elasticache:replicationgroup": (50, _cache),
    "elasticache:subnetgroup": (53, _by_name("elasticache", "delete_cache_subnet_group", "CacheSubnetGroupName")),
    "elasticache:user": (55, _by_name("elasticache", "delete_user", "UserId")),
    "elasticache:usergroup": (54, _by_name("elasticache", "delete_user_group", "UserGroupId")),
    "elasticfilesystem:access-point": (51, _access_point),
    "elasticfilesystem:file-system": (52, _file_system),
    "iam:instance-profile": (96, _instance_profile),
    "iam:policy": (98, _policy),
    "iam:role": (97, _role),
    "kms:key": (99, _key),
    "logs:log-group": (61, _by_name("logs", "delete_log_group", "logGroupName")),
    "rds:cluster": (51, _database_cluster),
    "rds:cluster-pg": (
        53,
        _by_name("rds", "delete_db_cluster_parameter_group", "DBClusterParameterGroupName"),
    ),
    "rds:db": (50, _database),
    "rds:pg": (53, _by_name("rds", "delete_db_parameter_group", "DBParameterGroupName")),
    "rds:subgrp": (53, _by_name("rds", "delete_db_subnet_group", "DBSubnetGroupName")),
    "s3:bucket": (62, _bucket),
    "secretsmanager:secret": (63, _secret),
    "ses:identity": (66, _by_name("sesv2", "delete_email_identity", "EmailIdentity")),
    "sns:topic": (64, _by_arn("sns", "delete_topic", "TopicArn")),
    "sqs:queue": (64, _queue),
    "ssm:parameter": (65, _parameter),
}
"""Position in the order (lowest first) and deleter, by type."""
