"""Grants of the deploy role for secrets, caches, queues, topics, buckets, keys and parameters. Pure data, see
`deploy_grants`."""

from __future__ import annotations

from pulumi_django.account.grants import OWN, Adopts, Grant, new, own, tagging
from pulumi_django.account.workload_grants import BUCKETS, MASTER_SECRETS, SECRETS

_CACHE = "arn:aws:elasticache:{region}:*:"
_CACHE_NAMES = tuple(
    f"{_CACHE}{name}"
    for name in (
        "cluster:{prefix}*-redis-*",
        "parametergroup:{prefix}*-cache-*-???????",
        "replicationgroup:{prefix}*-redis",
        "subnetgroup:{prefix}*-cache-subnets-???????",
    )
)

SERVICES = (
    # RDS creates the master secret with the permissions of the caller.
    # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-secrets-manager.html
    Grant("secretsmanager", "CreateSecret DescribeSecret TagResource", MASTER_SECRETS),
    new("secretsmanager", "CreateSecret TagResource", *SECRETS),
    own(
        "secretsmanager",
        "DeleteSecret DescribeSecret GetResourcePolicy GetSecretValue PutSecretValue TagResource UntagResource "
        "UpdateSecret",
        *SECRETS,
    ),
    # `secrets push` stores values below these names, and destroying an environment deletes them. The orchestrator tags them
    # with its own name, because they belong to no stack. A name that does not exist yet has no tag.
    Grant(
        "secretsmanager",
        "CreateSecret DeleteSecret GetSecretValue PutSecretValue TagResource",
        ("arn:aws:secretsmanager:{region}:*:secret:{prefix}*/pushed*",),
    ),
    Grant(
        "ssm",
        "AddTagsToResource DeleteParameters GetParametersByPath PutParameter",
        ("arn:aws:ssm:{region}:*:parameter/{prefix}*/pushed*",),
    ),
    Grant(
        "elasticache",
        "DescribeCacheClusters DescribeCacheParameterGroups DescribeCacheParameters DescribeCacheSubnetGroups "
        "DescribeReplicationGroups ListTagsForResource",
        (f"{_CACHE}*",),
    ),
    new(
        "elasticache",
        "AddTagsToResource CreateCacheParameterGroup CreateCacheSubnetGroup CreateReplicationGroup",
        *_CACHE_NAMES,
    ),
    own(
        "elasticache",
        "AddTagsToResource CreateReplicationGroup DecreaseReplicaCount DeleteCacheParameterGroup DeleteCacheSubnetGroup "
        "DeleteReplicationGroup IncreaseReplicaCount ModifyCacheParameterGroup ModifyCacheSubnetGroup "
        "ModifyReplicationGroup ModifyReplicationGroupShardConfiguration RemoveTagsFromResource",
        f"{_CACHE}*",
    ),
    Grant("sqs", "GetQueueAttributes GetQueueUrl ListQueueTags", ("arn:aws:sqs:{region}:*:{prefix}*",)),
    new("sqs", "CreateQueue TagQueue", "arn:aws:sqs:{region}:*:{prefix}*-*", adopts=Adopts.UNNAMED),
    own("sqs", "DeleteQueue SetQueueAttributes TagQueue UntagQueue", "arn:aws:sqs:{region}:*:*"),
    new(
        "sns",
        "CreateTopic TagResource",
        *(f"arn:aws:sns:{{region}}:*:{{prefix}}*-{name}-???????" for name in ("alarms", "alarm-topic")),
    ),
    own(
        "sns",
        "DeleteTopic GetTopicAttributes ListTagsForResource SetTopicAttributes Subscribe TagResource UntagResource",
        "arn:aws:sns:{region}:*:*",
    ),
    # AWS's reference does not consistently name resources of these actions.
    Grant("sns", "GetSubscriptionAttributes Unsubscribe"),
)

STORAGE = (
    Grant(
        "s3",
        "CreateBucket GetAccelerateConfiguration GetBucketAcl GetBucketCORS GetBucketLocation GetBucketLogging "
        "GetBucketObjectLockConfiguration GetBucketOwnershipControls GetBucketPolicy GetBucketPublicAccessBlock "
        "GetBucketRequestPayment GetBucketTagging GetBucketVersioning GetBucketWebsite GetEncryptionConfiguration "
        "GetLifecycleConfiguration GetReplicationConfiguration ListBucket ListBucketVersions PutBucketCORS "
        "PutBucketLogging PutBucketOwnershipControls PutBucketPolicy PutBucketPublicAccessBlock PutBucketTagging "
        "PutBucketVersioning PutEncryptionConfiguration PutLifecycleConfiguration DeleteBucket DeleteBucketPolicy",
        BUCKETS,
    ),
    # Empty a bucket of an environment, and manage files of a static site.
    Grant("s3", "DeleteObject DeleteObjectVersion GetObject PutObject", tuple(f"{bucket}/*" for bucket in BUCKETS)),
    # A key must exist before it has a tag, and CreateKey supports no resources.
    new("kms", "CreateKey TagResource", adopts=Adopts.ANYTHING),
    own(
        "kms",
        "CreateAlias Decrypt DeleteAlias DescribeKey EnableKeyRotation Encrypt GenerateDataKey GetKeyPolicy "
        "GetKeyRotationStatus ListResourceTags PutKeyPolicy ScheduleKeyDeletion TagResource UntagResource "
        "UpdateAlias UpdateKeyDescription",
        "arn:aws:kms:{region}:*:key/*",
    ),
    # Databases and caches create their own KMS grants.
    Grant(
        "kms",
        "CreateGrant",
        ("arn:aws:kms:{region}:*:key/*",),
        condition={"Bool": {"kms:GrantIsForAWSResource": "true"}, **OWN},
    ),
    # An alias alone gives no access, because AWS also checks the permission on its key.
    Grant("kms", "CreateAlias DeleteAlias UpdateAlias", ("arn:aws:kms:{region}:*:alias/{prefix}*",)),
    Grant("kms", "ListAliases"),
    # The role of a schedule limits its actions.
    Grant(
        "scheduler",
        "CreateSchedule DeleteSchedule GetSchedule UpdateSchedule",
        ("arn:aws:scheduler:{region}:*:schedule/*/{prefix}*",),
    ),
    Grant(
        "scheduler",
        "CreateScheduleGroup DeleteScheduleGroup GetScheduleGroup ListTagsForResource TagResource UntagResource",
        ("arn:aws:scheduler:{region}:*:schedule-group/{prefix}*-*",),
    ),
    # Values are plain text below `/{stack}/`. Parameters of others are neither read nor overwritten.
    new("ssm", "AddTagsToResource PutParameter", "arn:aws:ssm:{region}:*:parameter/{prefix}*", adopts=Adopts.UNNAMED),
    own(
        "ssm",
        "AddTagsToResource DeleteParameter GetParameter GetParameters ListTagsForResource PutParameter "
        "RemoveTagsFromResource",
        "arn:aws:ssm:{region}:*:parameter/{prefix}*",
    ),
    # DescribeParameters supports no resources.
    Grant("ssm", "DescribeParameters"),
)

_FILES = "arn:aws:elasticfilesystem:{region}:*:*"

FILES = (
    # CreateFileSystem supports no resources.
    new("elasticfilesystem", "CreateFileSystem"),
    tagging("elasticfilesystem", "TagResource", "CreateAccessPoint CreateFileSystem", _FILES),
    own(
        "elasticfilesystem",
        "CreateAccessPoint CreateMountTarget DeleteAccessPoint DeleteFileSystem DeleteFileSystemPolicy DeleteMountTarget "
        "DescribeMountTargetSecurityGroups ModifyMountTargetSecurityGroups PutBackupPolicy PutFileSystemPolicy "
        "PutLifecycleConfiguration TagResource UntagResource UpdateFileSystem",
        _FILES,
    ),
    Grant(
        "elasticfilesystem",
        "DescribeAccessPoints DescribeBackupPolicy DescribeFileSystemPolicy DescribeFileSystems "
        "DescribeLifecycleConfiguration DescribeMountTargets ListTagsForResource",
        (_FILES,),
    ),
)
