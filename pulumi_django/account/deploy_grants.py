"""Which actions the deploy role needs, on what. Pure data.

The list follows from the calls that the providers make over the whole life of the projects, which a test compares it with,
and from what AWS asks of the caller on top. Actions are named one by one. What exists is deleted only when it carries the tag
that the projects put on everything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MANAGED_BY_TAG, MANAGED_BY = "managed-by", "pulumi-django"

# Policies of AWS that components attach to roles; others cannot be attached.
ATTACHABLE_POLICIES = (
    "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore",
    "arn:aws:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole",
)
# Services that may be given a role.
PASS_TO = (
    "ec2.amazonaws.com",
    "ecs-tasks.amazonaws.com",
    "monitoring.rds.amazonaws.com",
    "scheduler.amazonaws.com",
    "vpc-flow-logs.amazonaws.com",
)
# Made by AWS when an account uses a service for the first time.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_aws-services-that-work-with-iam.html
LINKED_SERVICES = (
    "autoscaling",
    "ecs",
    "ecs.application-autoscaling",
    "elasticache",
    "elasticloadbalancing",
    "rds",
)


@dataclass(frozen=True)
class Grant:
    """Actions of one service."""

    service: str
    actions: str
    """Names without the service, separated by blanks."""

    resources: Sequence[str] = ("*",)
    """ARN patterns; `{region}` is filled in for each region."""

    regional: bool = True
    """Whether the grant holds in the deploy role's regions only."""

    condition: Mapping[str, Mapping[str, Any]] | None = None
    """Further conditions."""


def _own(service: str, actions: str, *resources: str, regional: bool = True) -> Grant:
    """Actions on what carries the projects' tag."""
    tagged = {"StringEquals": {f"aws:ResourceTag/{MANAGED_BY_TAG}": MANAGED_BY}}
    return Grant(service, actions, resources, regional, tagged)


_EC2 = "arn:aws:ec2:{region}:*:*"
_ELB = "arn:aws:elasticloadbalancing:{region}:*:*"
_RDS = "arn:aws:rds:{region}:*:*"
_ECS = "arn:aws:ecs:{region}:*:*"
_ROLE, _PROFILE = "arn:aws:iam::*:role/*", "arn:aws:iam::*:instance-profile/*"

GRANTS: Mapping[str, Sequence[Grant]] = {
    "network": (
        # EC2's and the load balancers' Describe actions know no resources.
        Grant(
            "ec2",
            "DescribeAddresses DescribeAddressesAttribute DescribeAvailabilityZones DescribeImages DescribeInstanceAttribute "
            "DescribeInstanceCreditSpecifications DescribeInstanceTypes DescribeInstances DescribeInternetGateways "
            "DescribeLaunchTemplateVersions DescribeLaunchTemplates DescribeNatGateways DescribeNetworkAcls "
            "DescribeNetworkInterfaces DescribePrefixLists DescribeRouteTables DescribeSecurityGroupRules "
            "DescribeSecurityGroups DescribeSubnets DescribeTags DescribeVolumes DescribeVpcAttribute DescribeVpcEndpoints "
            "DescribeFlowLogs DescribeVpcs GetInstanceUefiData",
        ),
        Grant(
            "ec2",
            "AllocateAddress AssociateAddress AssociateRouteTable AttachInternetGateway AttachVolume "
            "AuthorizeSecurityGroupEgress AuthorizeSecurityGroupIngress CreateFlowLogs CreateInternetGateway CreateLaunchTemplate "
            "CreateLaunchTemplateVersion CreateNatGateway CreateRoute CreateRouteTable CreateSecurityGroup CreateSubnet "
            "CreateTags CreateVolume CreateVpc CreateVpcEndpoint RevokeSecurityGroupEgress RevokeSecurityGroupIngress "
            "RunInstances",
            (_EC2,),
        ),
        _own(
            "ec2",
            "DeleteFlowLogs DeleteInternetGateway DeleteLaunchTemplate DeleteNatGateway DeleteRoute DeleteRouteTable DeleteSecurityGroup "
            "DeleteSubnet DeleteTags DeleteVolume DeleteVpc DeleteVpcEndpoints DetachInternetGateway DetachVolume "
            "DisassociateAddress DisassociateRouteTable ModifyInstanceAttribute ModifyLaunchTemplate "
            "ModifySecurityGroupRules ModifySubnetAttribute ModifyVolume ModifyVpcAttribute ModifyVpcEndpoint ReleaseAddress "
            "StartInstances StopInstances TerminateInstances",
            _EC2,
        ),
        Grant(
            "servicediscovery",
            "CreatePrivateDnsNamespace CreateService DeleteNamespace DeleteService GetNamespace GetOperation GetService "
            "ListInstances ListNamespaces ListTagsForResource TagResource UntagResource UpdateService",
        ),
        # Hosted zones have no region. Making a private namespace makes a zone in the caller's name.
        Grant(
            "route53",
            "CreateHostedZone ListHostedZones ListHostedZonesByName",
            regional=False,
        ),
        Grant(
            "route53",
            "ChangeResourceRecordSets DeleteHostedZone GetChange GetHostedZone ListResourceRecordSets ListTagsForResource",
            ("arn:aws:route53:::hostedzone/*", "arn:aws:route53:::change/*"),
            regional=False,
        ),
    ),
    "entry": (
        Grant(
            "elasticloadbalancing",
            "DescribeCapacityReservation DescribeListenerAttributes DescribeListenerCertificates DescribeListeners DescribeLoadBalancerAttributes "
            "DescribeLoadBalancers DescribeRules DescribeTags DescribeTargetGroupAttributes DescribeTargetGroups "
            "DescribeTargetHealth",
        ),
        Grant(
            "elasticloadbalancing",
            "AddListenerCertificates AddTags CreateListener CreateLoadBalancer CreateRule CreateTargetGroup",
            (_ELB,),
        ),
        _own(
            "elasticloadbalancing",
            "DeleteListener DeleteLoadBalancer DeleteRule DeleteTargetGroup ModifyListener ModifyListenerAttributes "
            "ModifyLoadBalancerAttributes ModifyRule ModifyTargetGroup ModifyTargetGroupAttributes RemoveListenerCertificates RemoveTags "
            "SetRulePriorities SetSecurityGroups SetSubnets",
            _ELB,
        ),
        Grant("acm", "AddTagsToCertificate RequestCertificate", ("arn:aws:acm:*:*:certificate/*",), regional=False),
        Grant(
            "acm",
            "DeleteCertificate DescribeCertificate ListTagsForCertificate",
            ("arn:aws:acm:*:*:certificate/*",),
            regional=False,
        ),
        Grant(
            "autoscaling",
            "DescribeAutoScalingGroups DescribeInstanceRefreshes DescribePolicies DescribeScalingActivities DescribeTags",
        ),
        Grant(
            "autoscaling",
            "AttachLoadBalancerTargetGroups CancelInstanceRefresh CreateAutoScalingGroup CreateOrUpdateTags "
            "DeleteAutoScalingGroup DeletePolicy DeleteTags PutScalingPolicy SetInstanceProtection StartInstanceRefresh "
            "UpdateAutoScalingGroup",
            ("arn:aws:autoscaling:{region}:*:*",),
        ),
    ),
    "compute": (
        # These know no resources.
        Grant(
            "ecs",
            "DeregisterTaskDefinition DescribeTaskDefinition ListClusters ListTaskDefinitions ListTasks",
        ),
        Grant(
            "ecs",
            "CreateCluster CreateService DescribeClusters DescribeServices DescribeTasks ExecuteCommand "
            "ListTagsForResource PutClusterCapacityProviders RegisterTaskDefinition RunTask StopTask TagResource",
            (_ECS,),
        ),
        _own("ecs", "DeleteCluster DeleteService UntagResource UpdateCluster UpdateService", _ECS),
        Grant(
            "application-autoscaling",
            "DeleteScalingPolicy DeleteScheduledAction DeregisterScalableTarget DescribeScalableTargets "
            "DescribeScalingPolicies DescribeScheduledActions ListTagsForResource PutScalingPolicy PutScheduledAction "
            "RegisterScalableTarget TagResource UntagResource",
        ),
        Grant("logs", "DescribeLogGroups"),
        Grant(
            "logs",
            "CreateLogGroup FilterLogEvents GetLogEvents ListTagsForResource PutRetentionPolicy TagResource",
            ("arn:aws:logs:{region}:*:log-group:*",),
        ),
        _own("logs", "DeleteLogGroup DeleteRetentionPolicy UntagResource", "arn:aws:logs:{region}:*:log-group:*"),
        Grant("ssm", "GetParameter GetParameters", ("arn:aws:ssm:{region}::parameter/aws/service/*",)),
    ),
    "data": (
        Grant(
            "rds",
            "AddTagsToResource CreateDBCluster CreateDBClusterParameterGroup CreateDBInstance CreateDBInstanceReadReplica "
            "CreateDBParameterGroup CreateDBSubnetGroup DescribeDBClusterParameterGroups DescribeDBClusterParameters "
            "DescribeDBClusters DescribeDBInstances DescribeDBParameterGroups DescribeDBParameters DescribeDBSubnetGroups DescribeGlobalClusters "
            "ListTagsForResource",
            (_RDS,),
        ),
        _own(
            "rds",
            "CreateDBClusterSnapshot CreateDBSnapshot DeleteDBCluster DeleteDBClusterParameterGroup DeleteDBInstance "
            "DeleteDBParameterGroup DeleteDBSubnetGroup ModifyDBCluster ModifyDBClusterParameterGroup ModifyDBInstance "
            "DisableHttpEndpoint EnableHttpEndpoint ModifyDBParameterGroup ModifyDBSubnetGroup RebootDBInstance RemoveTagsFromResource",
            _RDS,
        ),
        # RDS makes the master secret in the caller's name.
        # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-secrets-manager.html
        Grant(
            "secretsmanager",
            "CreateSecret DescribeSecret GetResourcePolicy GetSecretValue PutSecretValue TagResource UpdateSecret",
            ("arn:aws:secretsmanager:{region}:*:secret:*",),
        ),
        _own("secretsmanager", "DeleteSecret UntagResource", "arn:aws:secretsmanager:{region}:*:secret:*"),
        Grant(
            "s3",
            "CreateBucket GetAccelerateConfiguration GetBucketAcl GetBucketCORS GetBucketLocation GetBucketLogging "
            "GetBucketObjectLockConfiguration GetBucketOwnershipControls GetBucketPolicy GetBucketPublicAccessBlock "
            "GetBucketRequestPayment GetBucketTagging GetBucketVersioning GetBucketWebsite GetEncryptionConfiguration "
            "GetLifecycleConfiguration GetReplicationConfiguration ListBucket ListBucketVersions PutBucketCORS "
            "PutBucketLogging PutBucketOwnershipControls PutBucketPolicy PutBucketPublicAccessBlock PutBucketTagging "
            "PutBucketVersioning PutEncryptionConfiguration PutLifecycleConfiguration DeleteBucket DeleteBucketPolicy "
            "DeleteObject DeleteObjectVersion",
            ("arn:aws:s3:::*",),
        ),
    ),
    "services": (
        Grant(
            "elasticache",
            "AddTagsToResource CreateCacheParameterGroup CreateCacheSubnetGroup CreateReplicationGroup "
            "DescribeCacheClusters DescribeCacheParameterGroups DescribeCacheParameters DescribeCacheSubnetGroups "
            "DescribeReplicationGroups ListTagsForResource",
            ("arn:aws:elasticache:{region}:*:*",),
        ),
        _own(
            "elasticache",
            "DecreaseReplicaCount DeleteCacheParameterGroup DeleteCacheSubnetGroup DeleteReplicationGroup "
            "IncreaseReplicaCount ModifyCacheParameterGroup ModifyCacheSubnetGroup ModifyReplicationGroup "
            "ModifyReplicationGroupShardConfiguration RemoveTagsFromResource",
            "arn:aws:elasticache:{region}:*:*",
        ),
        Grant(
            "sqs",
            "CreateQueue GetQueueAttributes GetQueueUrl ListQueueTags SetQueueAttributes TagQueue",
            ("arn:aws:sqs:{region}:*:*",),
        ),
        _own("sqs", "DeleteQueue UntagQueue", "arn:aws:sqs:{region}:*:*"),
        Grant(
            "sns",
            "CreateTopic GetSubscriptionAttributes GetTopicAttributes ListTagsForResource SetTopicAttributes Subscribe "
            "TagResource Unsubscribe",
            ("arn:aws:sns:{region}:*:*",),
        ),
        _own("sns", "DeleteTopic UntagResource", "arn:aws:sns:{region}:*:*"),
        # A key must exist before it has a tag, and making one knows no resources.
        Grant("kms", "CreateKey TagResource", ("*",)),
        _own(
            "kms",
            "CreateAlias CreateGrant Decrypt DeleteAlias DescribeKey EnableKeyRotation Encrypt GenerateDataKey GetKeyPolicy "
            "GetKeyRotationStatus ListResourceTags PutKeyPolicy ScheduleKeyDeletion UntagResource UpdateKeyDescription",
            "arn:aws:kms:{region}:*:key/*",
        ),
        Grant("kms", "CreateAlias DeleteAlias UpdateAlias", ("arn:aws:kms:{region}:*:alias/*",)),
        Grant("kms", "ListAliases"),
    ),
    "delivery": (
        # CloudFront has no region; certificates and firewalls of distributions are in us-east-1.
        Grant(
            "cloudfront",
            "AllowVendedLogDeliveryForResource CreateCachePolicy CreateDistribution CreateFunction CreateOriginAccessControl "
            "CreateResponseHeadersPolicy DeleteCachePolicy DeleteFunction DeleteOriginAccessControl DeleteResponseHeadersPolicy DescribeFunction GetCachePolicy GetDistribution GetDistributionConfig "
            "GetFunction GetOriginAccessControl GetResponseHeadersPolicy ListTagsForResource PublishFunction TagResource "
            "UpdateCachePolicy UpdateFunction UpdateOriginAccessControl UpdateResponseHeadersPolicy",
            ("arn:aws:cloudfront::*:*",),
            regional=False,
        ),
        _own(
            "cloudfront",
            "CreateInvalidation DeleteDistribution UntagResource UpdateDistribution",
            "arn:aws:cloudfront::*:distribution/*",
            regional=False,
        ),
        # Access logs of distributions, which CloudWatch hands to a bucket.
        Grant(
            "logs",
            "CreateDelivery DeleteDelivery DeleteDeliveryDestination DeleteDeliverySource GetDelivery "
            "GetDeliveryDestination GetDeliverySource PutDeliveryDestination PutDeliverySource TagResource",
            ("arn:aws:logs:*:*:delivery*",),
            regional=False,
        ),
        Grant(
            "wafv2",
            "AssociateWebACL CreateWebACL DisassociateWebACL GetWebACL GetWebACLForResource ListTagsForResource "
            "TagResource",
            ("arn:aws:wafv2:*:*:*", _ELB),
            regional=False,
        ),
        _own("wafv2", "DeleteWebACL UntagResource UpdateWebACL", "arn:aws:wafv2:*:*:*", regional=False),
        Grant(
            "cloudwatch",
            "DeleteAlarms DeleteDashboards DescribeAlarms GetDashboard ListTagsForResource PutDashboard PutMetricAlarm "
            "TagResource UntagResource",
            ("arn:aws:cloudwatch:{region}:*:alarm:*", "arn:aws:cloudwatch::*:dashboard/*"),
        ),
        Grant(
            "scheduler",
            "CreateSchedule CreateScheduleGroup DeleteSchedule DeleteScheduleGroup GetSchedule GetScheduleGroup "
            "ListTagsForResource TagResource UntagResource UpdateSchedule",
            ("arn:aws:scheduler:{region}:*:*",),
        ),
        Grant(
            "ssm",
            "AddTagsToResource DeleteParameter GetParameter GetParameters ListTagsForResource PutParameter "
            "RemoveTagsFromResource",
            ("arn:aws:ssm:{region}:*:parameter/*",),
        ),
        # Describing parameters knows no resources.
        Grant("ssm", "DescribeParameters"),
    ),
    "roles": (
        # The provider asks who it is.
        Grant("iam", "GetUser", ("arn:aws:iam::*:user/*",), regional=False),
        Grant(
            "iam",
            "AddRoleToInstanceProfile CreateInstanceProfile CreateRole GetInstanceProfile GetRole GetRolePolicy "
            "ListAttachedRolePolicies ListInstanceProfilesForRole ListRolePolicies PutRolePolicy TagInstanceProfile TagRole "
            "UpdateAssumeRolePolicy",
            (_ROLE, _PROFILE),
            regional=False,
        ),
        Grant(
            "iam",
            "AttachRolePolicy DetachRolePolicy",
            (_ROLE,),
            regional=False,
            condition={"ArnEquals": {"iam:PolicyARN": list(ATTACHABLE_POLICIES)}},
        ),
        _own(
            "iam",
            "DeleteInstanceProfile DeleteRole DeleteRolePolicy RemoveRoleFromInstanceProfile UntagRole",
            _ROLE,
            _PROFILE,
            regional=False,
        ),
        Grant(
            "iam",
            "PassRole",
            (_ROLE,),
            regional=False,
            condition={"StringEquals": {"iam:PassedToService": list(PASS_TO)}},
        ),
        Grant(
            "iam",
            "CreateServiceLinkedRole",
            ("arn:aws:iam::*:role/aws-service-role/*",),
            regional=False,
            condition={
                "StringEquals": {"iam:AWSServiceName": [f"{service}.amazonaws.com" for service in LINKED_SERVICES]}
            },
        ),
    ),
}
