"""The finder of each resource type, and the types that need none."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.recovery.finders import containers, data, identity, network, operations
from orchestrator.recovery.finders.candidate import Candidate as Candidate
from orchestrator.recovery.finders.candidate import Finder

FINDERS: Mapping[str, Finder] = {
    **containers.FINDERS,
    **data.FINDERS,
    **identity.FINDERS,
    **network.FINDERS,
    **operations.FINDERS,
}
"""By Pulumi type token."""

_SETTING = "it is a setting of another resource: creating it again writes the same value"

REPEATABLE: Mapping[str, str] = {
    "aws:secretsmanager/secretVersion:SecretVersion": "creating it again writes a newer version of the same value",
    "aws:acm/certificateValidation:CertificateValidation": "it only waits and creates nothing in AWS",
    **dict.fromkeys(
        (
            "aws:autoscaling/lifecycleHook:LifecycleHook",
            "aws:autoscaling/policy:Policy",
            "aws:cloudwatch/logMetricFilter:LogMetricFilter",
            "aws:ec2/defaultNetworkAcl:DefaultNetworkAcl",
            "aws:ec2/defaultRouteTable:DefaultRouteTable",
            "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
            "aws:ec2/volumeAttachment:VolumeAttachment",
            "aws:ecr/lifecyclePolicy:LifecyclePolicy",
            "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders",
            "aws:efs/backupPolicy:BackupPolicy",
            "aws:efs/fileSystemPolicy:FileSystemPolicy",
            "aws:lb/listenerCertificate:ListenerCertificate",
            "aws:lb/targetGroupAttachment:TargetGroupAttachment",
            "aws:s3/bucketAcl:BucketAcl",
            "aws:s3/bucketCorsConfiguration:BucketCorsConfiguration",
            "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
            "aws:s3/bucketLogging:BucketLogging",
            "aws:s3/bucketNotification:BucketNotification",
            "aws:s3/bucketObject:BucketObject",
            "aws:s3/bucketObjectv2:BucketObjectv2",
            "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
            "aws:s3/bucketPolicy:BucketPolicy",
            "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
            "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
            "aws:s3/bucketVersioning:BucketVersioning",
            "aws:secretsmanager/secretPolicy:SecretPolicy",
            "aws:sns/topicPolicy:TopicPolicy",
            "aws:sns/topicSubscription:TopicSubscription",
            "aws:sqs/queuePolicy:QueuePolicy",
            "aws:sqs/redriveAllowPolicy:RedriveAllowPolicy",
            "aws:sqs/redrivePolicy:RedrivePolicy",
            "aws:wafv2/webAclAssociation:WebAclAssociation",
        ),
        _SETTING,
    ),
}
"""Types whose create can run twice without leftovers, with the reason."""
