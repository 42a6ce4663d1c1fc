"""Databases, caches, buckets, queues, logs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pulumi_django.testing import SimulatedResource
from tests.support.posture.world import World, check, wrong

WEEK_DAYS, YEAR_DAYS = 7, 365
USUAL_MASTER_NAMES = ("postgres", "admin")
BLOCKS = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")

INSTANCE, CLUSTER, MEMBER = "aws:rds:Instance", "aws:rds:Cluster", "aws:rds:ClusterInstance"


def servers(world: World) -> Iterator[SimulatedResource]:
    """Instances and clusters; a replica has its source's settings."""
    yield from (server for server in world.all(INSTANCE) if not server.inputs.get("replicateSourceDb"))
    yield from world.all(CLUSTER)


def server(finding: str, is_wrong: Any) -> None:
    check(finding)(lambda world: [each for each in servers(world) if is_wrong(each.inputs)])


server("database-unencrypted", lambda db: not db.get("storageEncrypted"))
server("database-with-short-backups", lambda db: db.get("backupRetentionPeriod", 0) < WEEK_DAYS)
server("database-deletable", lambda db: not db.get("deletionProtection"))
server("database-without-final-snapshot", lambda db: db.get("skipFinalSnapshot", False))
server("database-without-iam-login", lambda db: not db.get("iamDatabaseAuthenticationEnabled"))
server("database-with-usual-master-name", lambda db: db.get("username", db.get("masterUsername")) in USUAL_MASTER_NAMES)
server("database-without-log-export", lambda db: not db.get("enabledCloudwatchLogsExports"))
server("database-without-tags-on-snapshots", lambda db: not db.get("copyTagsToSnapshot"))
server("database-on-usual-port", lambda db: db.get("port", 5432) == 5432)
server("database-with-aws-key", lambda db: not db.get("kmsKeyId"))
server(
    "database-password-not-managed",
    lambda db: not (db.get("manageMasterUserPassword") or db.get("snapshotIdentifier")),
)

for type_ in (INSTANCE, MEMBER):
    kind = "database" if type_ == INSTANCE else "aurora"
    wrong(f"{kind}-public", type_, lambda db: db.get("publiclyAccessible"))
    wrong(f"{kind}-without-minor-upgrades", type_, lambda db: db.get("autoMinorVersionUpgrade") is False)
    wrong(f"{kind}-without-insights", type_, lambda db: not db.get("performanceInsightsEnabled"))
    wrong(
        f"{kind}-insights-with-aws-key",
        type_,
        lambda db: db.get("performanceInsightsEnabled") and not db.get("performanceInsightsKmsKeyId"),
    )
    wrong(f"{kind}-without-monitoring", type_, lambda db: not db.get("monitoringInterval"))
wrong("database-in-one-zone", INSTANCE, lambda db: not db.get("multiAz") and not db.get("replicateSourceDb"))


@check("aurora-in-one-zone")
def aurora_in_one_zone(world: World) -> Iterator[SimulatedResource]:
    for cluster in world.all(CLUSTER):
        members = [
            m
            for m in world.all(MEMBER)
            if m.inputs["clusterIdentifier"] in (cluster.id, cluster.outputs.get("clusterIdentifier"))
        ]
        if len(members) < 2:
            yield cluster


for group in ("ParameterGroup", "ClusterParameterGroup"):
    wrong(
        f"database-without-tls-{group}",
        f"aws:rds:{group}",
        lambda group: (
            {"rds.force_ssl": "1"}.items() > {p["name"]: p["value"] for p in group.get("parameters", [])}.items()
        ),
    )

CACHE = "aws:elasticache:ReplicationGroup"
wrong("cache-unencrypted", CACHE, lambda cache: not cache.get("atRestEncryptionEnabled"))
wrong("cache-with-aws-key", CACHE, lambda cache: not cache.get("kmsKeyId"))
wrong("cache-without-tls", CACHE, lambda cache: not cache.get("transitEncryptionEnabled"))
wrong("cache-without-token", CACHE, lambda cache: not (cache.get("authToken") or cache.get("userGroupIds")))
wrong("cache-without-failover", CACHE, lambda cache: not cache.get("automaticFailoverEnabled"))
wrong("cache-in-one-zone", CACHE, lambda cache: not cache.get("multiAzEnabled"))
wrong("cache-without-backups", CACHE, lambda cache: not cache.get("snapshotRetentionLimit"))
wrong("cache-without-minor-upgrades", CACHE, lambda cache: cache.get("autoMinorVersionUpgrade") in (False, "false"))


def buckets_lacking(finding: str, type_: str, is_right: Any = lambda _: True) -> None:
    """Adds a check for buckets without a fitting resource of that type."""

    def find(world: World) -> Iterator[SimulatedResource]:
        for bucket in world.all("aws:s3:Bucket"):
            if not any(is_right(other.inputs) for other in world.attached(f"aws:s3:{type_}", bucket, "bucket")):
                yield bucket

    check(finding)(find)


buckets_lacking("bucket-may-be-public", "BucketPublicAccessBlock", lambda block: all(block.get(b) for b in BLOCKS))
buckets_lacking(
    "bucket-with-acls",
    "BucketOwnershipControls",
    lambda owner: owner["rule"]["objectOwnership"] == "BucketOwnerEnforced",
)
buckets_lacking("bucket-unencrypted", "BucketServerSideEncryptionConfiguration")
buckets_lacking(
    "bucket-with-aws-key",
    "BucketServerSideEncryptionConfiguration",
    lambda sse: sse["rules"][0]["applyServerSideEncryptionByDefault"]["sseAlgorithm"] == "aws:kms",
)
buckets_lacking(
    "bucket-without-tls", "BucketPolicy", lambda policy: '"aws:SecureTransport": "false"' in policy["policy"]
)
buckets_lacking("bucket-unversioned", "BucketVersioning")
buckets_lacking("bucket-without-lifecycle", "BucketLifecycleConfiguration")
buckets_lacking("bucket-without-access-log", "BucketLogging")
buckets_lacking("bucket-without-object-lock", "BucketObjectLockConfiguration")
buckets_lacking("bucket-without-replication", "BucketReplicationConfig")
buckets_lacking("bucket-without-events", "BucketNotification")

LOG_GROUP = "aws:cloudwatch:LogGroup"
wrong("log-kept-forever", LOG_GROUP, lambda group: not group.get("retentionInDays"))
wrong("log-kept-for-less-than-a-year", LOG_GROUP, lambda group: 0 < group.get("retentionInDays", 0) < YEAR_DAYS)
wrong("log-with-aws-key", LOG_GROUP, lambda group: not group.get("kmsKeyId"))

wrong("topic-unencrypted", "aws:sns:Topic", lambda topic: not topic.get("kmsMasterKeyId"))
wrong(
    "queue-unencrypted",
    "aws:sqs:Queue",
    lambda queue: not (queue.get("kmsMasterKeyId") or queue.get("sqsManagedSseEnabled")),
)
wrong("queue-with-aws-key", "aws:sqs:Queue", lambda queue: not queue.get("kmsMasterKeyId"))


@check("queue-without-tls-policy")
def queue_without_tls(world: World) -> Iterator[SimulatedResource]:
    for queue in world.all("aws:sqs:Queue"):
        policies = world.attached("aws:sqs:QueuePolicy", queue, "queueUrl")
        if not any('"aws:SecureTransport": "false"' in str(policy.inputs["policy"]) for policy in policies):
            yield queue


wrong("cache-in-default-subnets", CACHE, lambda cache: not cache.get("subnetGroupName"))
wrong("database-in-default-subnets", CLUSTER, lambda db: not db.get("dbSubnetGroupName"))


@check("data-unprotected")
def unprotected(world: World) -> Iterator[SimulatedResource]:
    """What holds data and that Pulumi would delete without asking."""
    for type_ in (INSTANCE, CLUSTER, CACHE):
        yield from (each for each in world.all(type_) if not each.protect)


FILES = "aws:efs:FileSystem"
wrong("files-unencrypted", FILES, lambda files: not files.get("encrypted"))
wrong("files-with-aws-key", FILES, lambda files: not files.get("kmsKeyId"))


@check("files-without-backups")
def files_without_backups(world: World) -> Iterator[SimulatedResource]:
    for files in world.all(FILES):
        if not world.attached("aws:efs:BackupPolicy", files, "fileSystemId"):
            yield files


@check("files-for-every-client")
def files_for_every_client(world: World) -> Iterator[SimulatedResource]:
    for files in world.all(FILES):
        if not world.attached("aws:efs:FileSystemPolicy", files, "fileSystemId"):
            yield files


wrong(
    "files-with-root",
    "aws:efs:AccessPoint",
    lambda point: point.get("posixUser", {}).get("uid", 0) == 0,
)
