"""Single checks in AWS of what a create needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

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
        found = {str(each["Name"]) for each in ssm.get_parameters(Names=[name, name[1:]])["Parameters"]}
        exists = bool(found & {name, name[1:]})
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
