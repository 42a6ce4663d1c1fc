"""Grants of the deploy role for network, load balancers and delivery. Pure data.

The list contains the calls of the providers over the whole life of the projects, which a test compares, and the further
actions that AWS checks. It names each action. The role changes a resource only when the resource has the projects' tag or one
of their names. New resources must get the tag.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pulumi_django.account.grants import MANAGED_BY, MANAGED_BY_TAG, NEW, Adopts, Grant, new, own, tagging
from pulumi_django.account.service_grants import FILES, SERVICES, STORAGE
from pulumi_django.account.workload_grants import COMPUTE, DATA, ROLES

__all__ = ["GRANTS", "MANAGED_BY", "MANAGED_BY_TAG"]

_ELB = "arn:aws:elasticloadbalancing:{region}:*:*"


def _ec2(*types: str) -> tuple[str, ...]:
    return tuple(f"arn:aws:ec2:{{region}}:*:{type_}/*" for type_ in types)


_NEW_EC2 = (
    "elastic-ip",
    "instance",
    "internet-gateway",
    "launch-template",
    "natgateway",
    "route-table",
    "security-group",
    "subnet",
    "volume",
    "vpc",
    "vpc-endpoint",
    "vpc-flow-log",
)

_NETWORK = (
    # EC2's Describe actions support no resources.
    Grant(
        "ec2",
        "DescribeAddresses DescribeAddressesAttribute DescribeAvailabilityZones DescribeImages DescribeInstanceAttribute "
        "DescribeInstanceCreditSpecifications DescribeInstanceTypes DescribeInstances DescribeInternetGateways "
        "DescribeLaunchTemplateVersions DescribeLaunchTemplates DescribeNatGateways DescribeNetworkAcls "
        "DescribeNetworkInterfaces DescribePrefixLists DescribeRouteTables DescribeSecurityGroupRules "
        "DescribeSecurityGroups DescribeSubnets DescribeTags DescribeVolumes DescribeVpcAttribute DescribeVpcEndpoints "
        "DescribeFlowLogs DescribeVpcs GetInstanceUefiData",
    ),
    new(
        "ec2",
        "AllocateAddress CreateFlowLogs CreateInternetGateway CreateLaunchTemplate CreateNatGateway CreateRouteTable "
        "CreateSecurityGroup CreateSubnet CreateVolume CreateVpc CreateVpcEndpoint RunInstances",
        *_ec2(*_NEW_EC2),
    ),
    # Resources in which or from which new ones are created, and existing resources.
    own(
        "ec2",
        "AssociateAddress AssociateRouteTable AttachInternetGateway AttachVolume AuthorizeSecurityGroupEgress "
        "AuthorizeSecurityGroupIngress CreateFlowLogs CreateLaunchTemplateVersion CreateNatGateway CreateNetworkInterface CreateRoute "
        "CreateRouteTable CreateSecurityGroup CreateSubnet CreateTags CreateVpcEndpoint DeleteFlowLogs "
        "DeleteInternetGateway DeleteLaunchTemplate DeleteNatGateway DeleteRoute DeleteRouteTable DeleteSecurityGroup "
        "DeleteSubnet DeleteTags DeleteVolume DeleteVpc DeleteVpcEndpoints DetachInternetGateway DetachVolume "
        "DisassociateAddress DisassociateRouteTable ModifyInstanceAttribute ModifyLaunchTemplate "
        "ModifySecurityGroupRules ModifySubnetAttribute ModifyVolume ModifyVpcAttribute ModifyVpcEndpoint "
        "ReleaseAddress RevokeSecurityGroupEgress RevokeSecurityGroupIngress RunInstances StartInstances StopInstances "
        "TerminateInstances",
        "arn:aws:ec2:{region}:*:*",
    ),
    # Parts of checked resources: images belong to AWS, and interfaces and rules belong to their owner.
    Grant("ec2", "RunInstances", (*_ec2("network-interface", "volume"), "arn:aws:ec2:{region}::image/*")),
    Grant("ec2", "AssociateAddress DisassociateAddress", _ec2("network-interface")),
    # EFS creates and deletes the interfaces of mount targets, which have no tags, with the permissions of the caller.
    Grant("ec2", "CreateNetworkInterface DeleteNetworkInterface", _ec2("network-interface")),
    Grant(
        "ec2",
        "AuthorizeSecurityGroupEgress AuthorizeSecurityGroupIngress ModifySecurityGroupRules",
        _ec2("security-group-rule"),
    ),
    tagging(
        "ec2",
        "CreateTags",
        "AllocateAddress AuthorizeSecurityGroupEgress AuthorizeSecurityGroupIngress CreateFlowLogs CreateInternetGateway "
        "CreateLaunchTemplate CreateNatGateway CreateRouteTable CreateSecurityGroup CreateSubnet CreateVolume CreateVpc "
        "CreateVpcEndpoint RunInstances",
        "arn:aws:ec2:{region}:*:*",
    ),
    # A new VPC's default group has no tags, so the permission to adopt it covers every group.
    Grant("ec2", "CreateTags", _ec2("security-group"), True, NEW, Adopts.ANYTHING),
)

_DISCOVERY = (
    new("servicediscovery", "CreatePrivateDnsNamespace"),
    new("servicediscovery", "CreateService", "arn:aws:servicediscovery:{region}:*:service/*"),
    own(
        "servicediscovery",
        "CreateService DeleteNamespace DeleteService GetNamespace GetService ListInstances UpdateService",
    ),
    # These support no resources. Tags alone do no harm, because namespaces with services or instances cannot be deleted.
    new("servicediscovery", "TagResource"),
    Grant("servicediscovery", "GetOperation ListNamespaces ListTagsForResource UntagResource"),
    # Hosted zones have no region. CreatePrivateDnsNamespace creates a zone with the permissions of the caller.
    Grant("route53", "CreateHostedZone ListHostedZones ListHostedZonesByName", regional=False),
    Grant(
        "route53",
        "ChangeResourceRecordSets",
        ("arn:aws:route53:::hostedzone/{zone}",),
        regional=False,
        # No NS and no MX records, with which a domain could be taken over.
        condition={
            "ForAllValues:StringEquals": {"route53:ChangeResourceRecordSetsRecordTypes": ["A", "AAAA", "CNAME"]},
        },
    ),
    Grant(
        "route53",
        "DeleteHostedZone GetChange GetHostedZone ListResourceRecordSets ListTagsForResource",
        ("arn:aws:route53:::hostedzone/*", "arn:aws:route53:::change/*"),
        regional=False,
    ),
)

_ENTRY = (
    Grant(
        "elasticloadbalancing",
        "DescribeCapacityReservation DescribeListenerAttributes DescribeListenerCertificates DescribeListeners DescribeLoadBalancerAttributes "
        "DescribeLoadBalancers DescribeRules DescribeTags DescribeTargetGroupAttributes DescribeTargetGroups "
        "DescribeTargetHealth",
    ),
    new(
        "elasticloadbalancing",
        "CreateLoadBalancer CreateTargetGroup",
        *(f"arn:aws:elasticloadbalancing:{{region}}:*:{kind}/*" for kind in ("loadbalancer", "targetgroup")),
    ),
    tagging("elasticloadbalancing", "AddTags", "CreateListener CreateLoadBalancer CreateRule CreateTargetGroup", _ELB),
    own(
        "elasticloadbalancing",
        "AddListenerCertificates AddTags CreateListener CreateRule DeleteListener DeleteLoadBalancer DeleteRule DeleteTargetGroup ModifyListener "
        "ModifyListenerAttributes ModifyLoadBalancerAttributes ModifyRule ModifyTargetGroup ModifyTargetGroupAttributes "
        "RemoveListenerCertificates RemoveTags SetRulePriorities SetSecurityGroups SetSubnets",
        _ELB,
    ),
    new("acm", "RequestCertificate", regional=False, adopts=Adopts.ANYTHING),
    new("acm", "AddTagsToCertificate", "arn:aws:acm:*:*:certificate/*", regional=False, adopts=Adopts.ANYTHING),
    own(
        "acm",
        "DeleteCertificate DescribeCertificate ListTagsForCertificate",
        "arn:aws:acm:*:*:certificate/*",
        regional=False,
    ),
    Grant(
        "autoscaling",
        "DescribeAutoScalingGroups DescribeInstanceRefreshes DescribePolicies DescribeScalingActivities DescribeTags",
    ),
    new(
        "autoscaling",
        "CreateAutoScalingGroup CreateOrUpdateTags",
        "arn:aws:autoscaling:{region}:*:autoScalingGroup:*:autoScalingGroupName/{prefix}*",
        adopts=Adopts.UNNAMED,
    ),
    own(
        "autoscaling",
        "AttachLoadBalancerTargetGroups CancelInstanceRefresh DeleteAutoScalingGroup DeletePolicy DeleteTags "
        "PutScalingPolicy SetInstanceProtection StartInstanceRefresh UpdateAutoScalingGroup",
        "arn:aws:autoscaling:{region}:*:*",
    ),
)

_DISTRIBUTION = "arn:aws:cloudfront::*:distribution/*"
_DELIVERY = (
    # CloudFront has no region; certificates and firewalls of distributions are in us-east-1. Their creation supports no resources.
    new("cloudfront", "CreateDistribution", regional=False, adopts=Adopts.ANYTHING),
    new("cloudfront", "TagResource", _DISTRIBUTION, regional=False, adopts=Adopts.ANYTHING),
    Grant(
        "cloudfront",
        "CreateCachePolicy CreateFunction CreateOriginAccessControl CreateResponseHeadersPolicy",
        regional=False,
        adopts=Adopts.ANYTHING,
    ),
    Grant(
        "cloudfront",
        "DeleteCachePolicy DeleteFunction DeleteOriginAccessControl DeleteResponseHeadersPolicy PublishFunction "
        "UpdateCachePolicy UpdateFunction UpdateOriginAccessControl UpdateResponseHeadersPolicy",
        (
            "arn:aws:cloudfront::*:cache-policy/*",
            "arn:aws:cloudfront::*:function/{prefix}*",
            "arn:aws:cloudfront::*:origin-access-control/*",
            "arn:aws:cloudfront::*:response-headers-policy/*",
        ),
        regional=False,
        adopts=Adopts.ANYTHING,
    ),
    Grant(
        "cloudfront",
        "DescribeFunction GetCachePolicy GetDistribution GetDistributionConfig GetFunction GetOriginAccessControl "
        "GetResponseHeadersPolicy ListTagsForResource",
        ("arn:aws:cloudfront::*:*",),
        regional=False,
    ),
    own(
        "cloudfront",
        "AllowVendedLogDeliveryForResource CreateInvalidation DeleteDistribution TagResource UntagResource "
        "UpdateDistribution",
        _DISTRIBUTION,
        regional=False,
    ),
    # Access logs of distributions, which CloudWatch delivers to a bucket.
    Grant(
        "logs",
        "CreateDelivery DeleteDelivery DeleteDeliveryDestination DeleteDeliverySource GetDelivery "
        "GetDeliveryDestination GetDeliverySource ListTagsForResource PutDeliveryDestination PutDeliverySource TagResource",
        (
            "arn:aws:logs:*:*:delivery:*",
            "arn:aws:logs:*:*:delivery-source:{prefix}*",
            "arn:aws:logs:*:*:delivery-destination:{prefix}*",
        ),
        regional=False,
    ),
    new("wafv2", "CreateWebACL TagResource", "arn:aws:wafv2:*:*:*/webacl/{prefix}*-firewall-*/*", regional=False),
    # AWS's managed rule sets of a firewall.
    Grant("wafv2", "CreateWebACL UpdateWebACL", ("arn:aws:wafv2:*:*:*/managedruleset/*/*",), regional=False),
    own(
        "wafv2",
        "AssociateWebACL DeleteWebACL GetWebACL GetWebACLForResource ListTagsForResource TagResource UntagResource "
        "UpdateWebACL",
        "arn:aws:wafv2:*:*:*",
        regional=False,
    ),
    # A firewall does not see the tags of the protected resource.
    Grant("elasticloadbalancing", "SetWebACL"),
    Grant(
        "wafv2",
        "AssociateWebACL DisassociateWebACL GetWebACLForResource",
        ("arn:aws:elasticloadbalancing:{region}:*:loadbalancer/app/{prefix}*-alb/*",),
    ),
    Grant("cloudwatch", "DescribeAlarms", ("arn:aws:cloudwatch:{region}:*:alarm:*",)),
    # ECS watches a deployment with alarms that have the name of the service.
    new(
        "cloudwatch",
        "PutMetricAlarm TagResource",
        *(f"arn:aws:cloudwatch:{{region}}:*:alarm:{{prefix}}*{end}" for end in ("-???????", "_deployment_errors")),
    ),
    own(
        "cloudwatch",
        "DeleteAlarms ListTagsForResource PutMetricAlarm TagResource UntagResource",
        "arn:aws:cloudwatch:{region}:*:alarm:*",
    ),
    Grant(
        "cloudwatch",
        "DeleteDashboards GetDashboard ListTagsForResource PutDashboard",
        ("arn:aws:cloudwatch::*:dashboard/{prefix}*-dashboard-???????",),
    ),
)

GRANTS: Mapping[str, Sequence[Grant]] = {
    "network": _NETWORK,
    "discovery": _DISCOVERY,
    "entry": _ENTRY,
    "compute": COMPUTE,
    "data": (*DATA, *FILES),
    "storage": STORAGE,
    "services": SERVICES,
    "delivery": _DELIVERY,
    "roles": ROLES,
}
"""Grants by policy."""
