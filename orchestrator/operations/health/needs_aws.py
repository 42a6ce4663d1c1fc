"""Single checks in AWS of what a create needs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.operations.aws.clients import Clients
from orchestrator.operations.health import doctor_aws
from orchestrator.operations.health.doctor_aws import Place
from orchestrator.operations.health.verdicts import Check, fail, ok


@dataclass(frozen=True, kw_only=True)
class Quota:
    """A quota of Service Quotas: https://docs.aws.amazon.com/general/latest/gr/aws-service-information.html"""

    type: str
    """Type of the resources that count."""

    what: str
    service: str
    code: str
    used: Callable[[Clients], int]


def _load_balancers(clients: Clients) -> int:
    pages = clients.client("elbv2").get_paginator("describe_load_balancers").paginate()
    return sum(each["Type"] == "application" for page in pages for each in page["LoadBalancers"])


QUOTAS = (
    Quota(
        type="aws:ec2/vpc:Vpc",
        what="VPCs",
        service="vpc",
        code="L-F678F1CE",
        used=lambda clients: len(clients.client("ec2").describe_vpcs()["Vpcs"]),
    ),
    Quota(
        type="aws:ec2/eip:Eip",
        what="Elastic IP addresses",
        service="ec2",
        code="L-0263D0A3",
        used=lambda clients: len(clients.client("ec2").describe_addresses()["Addresses"]),
    ),
    Quota(
        type="aws:lb/loadBalancer:LoadBalancer",
        what="Application Load Balancers",
        service="elasticloadbalancing",
        code="L-53DA6B97",
        used=_load_balancers,
    ),
)


def room(quota: Quota, needed: int, clients: Clients) -> Check:
    """Check that the account has room for more resources of one type."""
    most = clients.client("service-quotas").get_service_quota(ServiceCode=quota.service, QuotaCode=quota.code)
    limit, used = int(most["Quota"]["Value"]), quota.used(clients)
    text = f"{used} of {limit} {quota.what} are in use, and {needed} more {'is' if needed == 1 else 'are'} needed"
    if used + needed > limit:
        return fail("quota", text, f"delete some, or ask AWS for more {quota.what} (Service Quotas, {quota.code})")
    return ok("quota", text)


FARGATE = {False: ("L-3032A538", "On-Demand"), True: ("L-36FBB829", "Spot")}
"""Codes and names of the quotas of virtual processors, by `spot`: https://docs.aws.amazon.com/general/latest/gr/ecs-service.html"""


def processors(needed: float, clients: Clients, *, spot: bool) -> Check:
    """Check that the account has room for the tasks of new environments. Used is the most of the last hour."""
    code, name = FARGATE[spot]
    quota = clients.client("service-quotas").get_service_quota(ServiceCode="fargate", QuotaCode=code)["Quota"]
    limit, used = float(quota["Value"]), doctor_aws.usage(clients, quota.get("UsageMetric")) or 0.0
    verb = "is" if needed == 1 else "are"
    text = f"{used:g} of {limit:g} {name} vCPU are in use, and {needed:g} more {verb} needed"
    if used + needed > limit:
        return fail("Fargate quota", text, f"put environments to sleep, or ask AWS for more (Service Quotas, {code})")
    return ok("Fargate quota", text)


@dataclass(frozen=True, kw_only=True)
class LinkedRole:
    """A role that AWS creates with the first resource of a service, if the caller may create it.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_aws-services-that-work-with-iam.html
    """

    types: tuple[str, ...]
    """Types of the resources that need it."""

    name: str
    service: str


LINKED_ROLES = (
    LinkedRole(types=("aws:ecs/cluster:Cluster",), name="AWSServiceRoleForECS", service="ecs.amazonaws.com"),
    LinkedRole(
        types=("aws:lb/loadBalancer:LoadBalancer",),
        name="AWSServiceRoleForElasticLoadBalancing",
        service="elasticloadbalancing.amazonaws.com",
    ),
    LinkedRole(
        types=("aws:rds/instance:Instance", "aws:rds/cluster:Cluster"),
        name="AWSServiceRoleForRDS",
        service="rds.amazonaws.com",
    ),
    LinkedRole(
        types=("aws:elasticache/replicationGroup:ReplicationGroup",),
        name="AWSServiceRoleForElastiCache",
        service="elasticache.amazonaws.com",
    ),
    LinkedRole(
        types=("aws:efs/mountTarget:MountTarget",),
        name="AWSServiceRoleForAmazonElasticFileSystem",
        service="elasticfilesystem.amazonaws.com",
    ),
    LinkedRole(
        types=("aws:appautoscaling/target:Target",),
        name="AWSServiceRoleForApplicationAutoScaling_ECSService",
        service="ecs.application-autoscaling.amazonaws.com",
    ),
    LinkedRole(
        types=("aws:autoscaling/group:Group",),
        name="AWSServiceRoleForAutoScaling",
        service="autoscaling.amazonaws.com",
    ),
)


def linked_roles(created: Collection[str]) -> tuple[LinkedRole, ...]:
    """The roles that resources of these types need."""
    return tuple(role for role in LINKED_ROLES if set(role.types) & set(created))


def linked_role(role: LinkedRole, clients: Clients) -> Check:
    """Check that a service-linked role exists, or that the caller may create it."""
    iam, what = clients.client("iam"), "service-linked role"
    try:
        iam.get_role(RoleName=role.name)
    except iam.exceptions.NoSuchEntityException:
        caller = str(clients.client("sts").get_caller_identity()["Arn"])
        if caller.endswith(":root") or _may_create(role, _principal(caller, iam), caller, iam):
            return ok(what, f"AWS creates {role.name}")
        return fail(
            what,
            f"{role.name} does not exist, and {caller} may not create it (iam:CreateServiceLinkedRole)",
            "an administrator creates it once for the account: `aws iam create-service-linked-role --aws-service-name "
            f"{role.service}`",
        )
    return ok(what, role.name)


def _principal(caller: str, iam: Any) -> str:
    """The ARN of the user, or of the role behind a session: that of the session lacks the path of the role."""
    kind, _, name = caller.rpartition(":")[2].partition("/")
    return str(iam.get_role(RoleName=name.partition("/")[0])["Role"]["Arn"]) if kind == "assumed-role" else caller


def _may_create(role: LinkedRole, principal: str, caller: str, iam: Any) -> bool:
    partition, account = caller.split(":")[1], caller.split(":")[4]
    arn = f"arn:{partition}:iam::{account}:role/aws-service-role/{role.service}/{role.name}"
    named = {"ContextKeyName": "iam:AWSServiceName", "ContextKeyValues": [role.service], "ContextKeyType": "string"}
    results: list[Mapping[str, Any]] = iam.simulate_principal_policy(
        PolicySourceArn=principal,
        ActionNames=["iam:CreateServiceLinkedRole"],
        ResourceArns=[arn],
        ContextEntries=[named],
    )["EvaluationResults"]
    return all(result["EvalDecision"] == "allowed" for result in results)


def certificate(place: Place, clients: Clients) -> Check:
    """Check the configured certificate: its region, its existence, and the check of `doctor`."""
    arn = str(place.of_base("certificate_arn"))
    acm = clients.client("acm")
    parts, region = arn.split(":"), acm.meta.region_name
    if len(parts) > 3 and parts[3] != region:
        return fail(
            "certificate",
            f"{arn} is in {parts[3]}, and the base {place.name} in {region}",
            f"use a certificate of {region}: a load balancer takes only those of its own region",
        )
    try:
        return doctor_aws.certificate(place, clients)
    except acm.exceptions.ResourceNotFoundException:
        return fail("certificate", f"{arn} does not exist", "correct certificate_arn, or remove it")


def secret(reference: str, clients: Clients) -> Check:
    """Check that a secret or a parameter exists, by its ARN."""
    parts = reference.split(":")
    if parts[2] == "ssm":
        ssm, name = clients.client("ssm"), f"/{reference.partition(':parameter/')[2]}"
        named = {"Key": "Name", "Option": "Equals", "Values": [name, name[1:]]}
        # GetParameters would need the right to read values.
        exists = bool(ssm.describe_parameters(ParameterFilters=[named])["Parameters"])
        what = "parameter"
    else:
        manager, what = clients.client("secretsmanager"), "secret"
        try:
            manager.describe_secret(SecretId=":".join(parts[:7]))
            exists = True
        except manager.exceptions.ResourceNotFoundException:
            exists = False
    if exists:
        return ok(what, reference)
    return fail(what, f"{reference} does not exist", "create it, or correct extra_secrets")
