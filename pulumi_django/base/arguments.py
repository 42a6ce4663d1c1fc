"""The arguments that bases of both kinds have, and the checks of values that exclude each other."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import MISSING, dataclass, fields
from typing import Any

from pulumi_django.base.options import (
    AuroraOptions,
    CacheOptions,
    DatabaseOptions,
    ExistingDatabaseOptions,
    ExistingVpcOptions,
    NetworkOptions,
)
from pulumi_django.delivery.firewall import FirewallOptions
from pulumi_django.network.vpc import check_zones
from pulumi_django.network.zones import by_letter
from pulumi_django.rules import aws_rules, host_names
from pulumi_django.rules.partitions import partition

# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html
MOST_EXTRA_CERTIFICATES = 25


@dataclass(frozen=True, kw_only=True)
class BaseArgs:
    """Arguments of both kinds."""

    USUAL_ZONES = 2
    """Number of zones of a network that names none."""

    region: str
    """AWS region, for example `us-east-1`."""

    account_zones: Sequence[str] | None = None
    """Zones that the account may use, in order. The network takes the first ones where `network.zones` names none. The
    projects read them from AWS, and keep those of an existing network. None takes the region's zones from `a` on, and
    requires `network.zones` where these do not exist in every account."""

    domain_name: str | None = None
    """Domain below which environments have their host names. None creates an HTTP-only base, for one environment."""

    hosted_zone_id: str | None = None
    """Route 53 zone of the domain. None looks it up by the domain's name, except when `dns` is off."""

    certificate_arn: str | None = None
    """Issued certificate for the domain and `*.` below it. None issues one, which needs the hosted zone."""

    extra_certificate_arns: Sequence[str] = ()
    """More issued certificates, in the base's region, for hosts that the first one does not cover: deeper names, wildcards,
    other domains. At most 25."""

    dns: bool = True
    """Whether records are created in Route 53. With `false` the domain's records are elsewhere, and `certificate_arn` is
    required."""

    network: NetworkOptions
    """VPC, zones, NAT gateways, endpoints."""

    existing_vpc: ExistingVpcOptions | None = None
    """An existing VPC instead of one of the base's own."""

    database: DatabaseOptions
    """The PostgreSQL server on RDS."""

    aurora: AuroraOptions | None = None
    """A PostgreSQL server on Aurora Serverless v2, instead of `database`."""

    existing_database: ExistingDatabaseOptions | None = None
    """An existing PostgreSQL server, instead of `database`."""

    cache: CacheOptions | None
    """A Valkey or Redis that environments share. None creates none."""

    bastion: bool = True
    """Whether the base has a host for port forwarding to the database."""

    shared_roles: bool = False
    """Whether the base has the IAM roles of all its environments' tasks, for accounts in which few people may create roles.
    These roles reach everything with the base's tag. By default each environment has roles that reach only its own."""

    firewall: FirewallOptions | None = None
    """A web application firewall before the load balancer. None creates none. AWS bills it by rule and request. Its rules
    should only count at first (`count_only`)."""

    publish_parameters: bool = False
    """Whether the stack's outputs are also written to SSM parameters `/{base}/{output}`."""

    idle_timeout_seconds: int = 60
    """Time after which the load balancer closes an idle connection, 1 to 4000 seconds."""

    def __post_init__(self) -> None:
        check_domain(self.domain_name, self.hosted_zone_id, self.certificate_arn, self.dns)
        partition(self.region)
        aws_rules.check_zone_id("hosted_zone_id", self.hosted_zone_id)
        aws_rules.check_certificate_arn("certificate_arn", self.certificate_arn)
        check_extra_certificates(self.domain_name, self.extra_certificate_arns)
        if self.existing_vpc is not None:
            self._only("existing_vpc", "network")
        if self.aurora is not None:
            self._only("aurora", "database")
        if self.existing_database is not None:
            self._only("existing_database", "database", "aurora")
        self._check_zones()

    @property
    def zones(self) -> list[str]:
        """The network's zones by name: the chosen ones, or the first ones of account or region."""
        if self.network.zones is not None:
            return list(self.network.zones)
        if self.account_zones is not None:
            return list(self.account_zones[: self.USUAL_ZONES])
        return by_letter(self.region, self.USUAL_ZONES)

    @property
    def isolated(self) -> bool:
        """Whether the private subnets have no route to the internet."""
        return self.existing_vpc.isolated if self.existing_vpc is not None else self.network.nat == "none"

    @property
    def own_certificate(self) -> bool | None:
        """Whether the base's only certificate is one that it issues itself; None on an HTTP-only base."""
        return None if self.domain_name is None else not (self.certificate_arn or self.extra_certificate_arns)

    def _only(self, name: str, *others: str) -> None:
        defaults: dict[str, Any] = {
            field.name: field.default_factory() if field.default_factory is not MISSING else field.default
            for field in fields(self)
        }
        for other in others:
            if getattr(self, other) != defaults[other]:
                raise ValueError(f"{name} and {other} are both given: a base has one of them")

    def _check_zones(self) -> None:
        aurora = self.aurora.zones if self.aurora is not None else None
        if self.existing_vpc is not None:
            if self.aurora is not None and aurora is None:
                raise ValueError("aurora has no zones and existing_vpc is given: name the zones of its private subnets")
            return
        check_zones(self.region, self.zones)
        for name, zones in (("database.replica_zones", self.database.replica_zones), ("aurora.zones", aurora or ())):
            for zone in zones:
                if zone not in self.zones:
                    raise ValueError(f"{name} has {zone!r}: the network has {', '.join(self.zones)}")


def check_domain(domain_name: str | None, hosted_zone_id: str | None, certificate_arn: str | None, dns: bool) -> None:
    """Raise ValueError when domain, zone and certificate exclude each other."""
    if domain_name is None:
        for name, value in (("hosted_zone_id", hosted_zone_id), ("certificate_arn", certificate_arn)):
            if value is not None:
                raise ValueError(f"{name} is {value!r} without a domain_name: set both, or none for an HTTP-only base")
        return
    if not host_names.is_host(domain_name):
        raise ValueError(f"domain_name is {domain_name!r}: it must be a lower-case domain such as 'example.com'")
    if not dns and certificate_arn is None:
        raise ValueError("dns is off and certificate_arn is missing: without records in Route 53 none can be issued")
    if not dns and hosted_zone_id is not None:
        raise ValueError(f"dns is off and hosted_zone_id is {hosted_zone_id!r}: leave the zone out, or switch dns on")


def check_extra_certificates(domain_name: str | None, arns: Sequence[str]) -> None:
    """Raise ValueError for certificates that the base's listener cannot take."""
    if arns and domain_name is None:
        raise ValueError("extra_certificate_arns is given without a domain_name: an HTTP-only base has no certificate")
    if len(arns) > MOST_EXTRA_CERTIFICATES or len(set(arns)) < len(arns):
        raise ValueError(
            f"extra_certificate_arns has {len(arns)} certificates: it has at most {MOST_EXTRA_CERTIFICATES}, each once"
        )
    for arn in arns:
        if not re.fullmatch(r"arn:aws[a-z-]*:(acm|iam):[a-z0-9-]*:\d{12}:(certificate|server-certificate)/.+", arn):
            raise ValueError(f"extra_certificate_arns has {arn!r}: it must be the ARN of a certificate in ACM or IAM")
