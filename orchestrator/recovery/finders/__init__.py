"""How each resource type is found in AWS, and which types need not be found."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.recovery.finders import containers, data, identity, network
from orchestrator.recovery.finders.candidate import Candidate as Candidate
from orchestrator.recovery.finders.candidate import Finder

FINDERS: Mapping[str, Finder] = {
    **containers.FINDERS,
    **data.FINDERS,
    **identity.FINDERS,
    **network.FINDERS,
}
"""By Pulumi type token."""

_SETTING = "it is a setting of another resource: making it again writes the same"

REPEATABLE: Mapping[str, str] = {
    "aws:ecs/taskDefinition:TaskDefinition": "a task definition is never adopted: the next update registers a revision "
    "of its own, the one that may be left over runs nothing and costs nothing",
    "aws:secretsmanager/secretVersion:SecretVersion": "making it again writes a newer version of the same value",
    "aws:acm/certificateValidation:CertificateValidation": "it only waits and makes nothing in AWS",
    **dict.fromkeys(
        (
            "aws:appautoscaling/policy:Policy",
            "aws:appautoscaling/scheduledAction:ScheduledAction",
            "aws:appautoscaling/target:Target",
            "aws:autoscaling/lifecycleHook:LifecycleHook",
            "aws:cloudwatch/dashboard:Dashboard",
            "aws:cloudwatch/eventRule:EventRule",
            "aws:cloudwatch/eventTarget:EventTarget",
            "aws:cloudwatch/logMetricFilter:LogMetricFilter",
            "aws:cloudwatch/logResourcePolicy:LogResourcePolicy",
            "aws:cloudwatch/metricAlarm:MetricAlarm",
            "aws:ec2/defaultNetworkAcl:DefaultNetworkAcl",
            "aws:ec2/defaultRouteTable:DefaultRouteTable",
            "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
            "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders",
            "aws:iam/rolePolicy:RolePolicy",
            "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
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
        ),
        _SETTING,
    ),
}
"""Types whose create may run twice without leaving two of a thing, each with the reason."""
