"""What the bases of both kinds are put together from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import pulumi
import pulumi_aws as aws

from pulumi_django import naming
from pulumi_django.certificate import Certificate, CertificateArgs
from pulumi_django.database import PostgresInstance, PostgresInstanceArgs
from pulumi_django.kinds import Kind
from pulumi_django.load_balancer import LoadBalancer, LoadBalancerArgs
from pulumi_django.network import Nat, Network, NetworkArgs
from pulumi_django.security import SecurityGroups, SecurityGroupsArgs


class _NetworkOptions(Protocol):
    @property
    def zones(self) -> Sequence[str] | None: ...
    @property
    def cidr_block(self) -> str: ...
    @property
    def nat(self) -> Nat: ...
    @property
    def interface_endpoints(self) -> Sequence[str]: ...


class _DatabaseOptions(Protocol):
    @property
    def engine_version(self) -> str: ...
    @property
    def instance_class(self) -> str: ...
    @property
    def storage_gib(self) -> int: ...
    @property
    def max_storage_gib(self) -> int: ...
    @property
    def backup_retention_days(self) -> int: ...


def check_domain(domain_name: str | None, hosted_zone_id: str | None, certificate_arn: str | None, dns: bool) -> None:
    """ValueError when domain, zone and certificate do not go together."""
    if domain_name is None:
        for name, value in (("hosted_zone_id", hosted_zone_id), ("certificate_arn", certificate_arn)):
            if value is not None:
                raise ValueError(f"{name} is {value!r} without a domain_name: set both, or none for an HTTP-only base")
        return
    if domain_name != domain_name.lower().strip(".") or "." not in domain_name or "*" in domain_name:
        raise ValueError(f"domain_name is {domain_name!r}: it is a lower-case domain such as 'example.com'")
    if not dns and certificate_arn is None:
        raise ValueError("dns is off and certificate_arn is missing: without records in Route 53 none can be issued")
    if not dns and hosted_zone_id is not None:
        raise ValueError(f"dns is off and hosted_zone_id is {hosted_zone_id!r}: leave the zone out, or switch dns on")


@dataclass(frozen=True)
class Domain:
    """A base's domain and where its records and certificate come from."""

    name: str | None
    hosted_zone_id: str | None
    certificate_arn: str | None
    dns: bool


@dataclass(frozen=True)
class Web:
    """How requests reach the environments."""

    groups: SecurityGroups
    balancer: LoadBalancer
    domain_name: str | None
    hosted_zone_id: pulumi.Input[str] | None


def network(name: str, region: str, options: _NetworkOptions, *, zones: int, opts: pulumi.ResourceOptions) -> Network:
    """The VPC, in the region's first `zones` zones unless others are named."""
    return Network(
        f"{name}-network",
        NetworkArgs(
            region=region,
            zones=options.zones or [f"{region}{letter}" for letter in "abcdef"[:zones]],
            cidr_block=options.cidr_block,
            nat=options.nat,
            interface_endpoints=options.interface_endpoints,
        ),
        opts,
    )


def web(
    name: str,
    net: Network,
    domain: Domain,
    *,
    idle_timeout_seconds: int,
    deletion_protection: bool = False,
    opts: pulumi.ResourceOptions,
) -> Web:
    """Security groups, certificate and load balancer."""
    zone = _hosted_zone(domain, opts)
    groups = SecurityGroups(f"{name}-sg", SecurityGroupsArgs(vpc_id=net.vpc_id, https=domain.name is not None), opts)
    balancer = LoadBalancer(
        naming.load_balancer_name(name),
        LoadBalancerArgs(
            public_subnet_ids=net.public_subnet_ids,
            security_group_id=groups.alb_sg_id,
            certificate_arn=_certificate(name, domain, zone, opts),
            idle_timeout_seconds=idle_timeout_seconds,
            deletion_protection=deletion_protection,
        ),
        opts,
    )
    return Web(groups, balancer, domain.name, zone)


def _hosted_zone(domain: Domain, opts: pulumi.ResourceOptions) -> pulumi.Input[str] | None:
    if domain.name is None or not domain.dns:
        return None
    if domain.hosted_zone_id is not None:
        return domain.hosted_zone_id
    return aws.route53.get_zone_output(
        name=domain.name, private_zone=False, opts=pulumi.InvokeOutputOptions(parent=opts.parent)
    ).zone_id


def _certificate(
    name: str, domain: Domain, zone: pulumi.Input[str] | None, opts: pulumi.ResourceOptions
) -> pulumi.Input[str] | None:
    if domain.certificate_arn is not None or domain.name is None or zone is None:
        return domain.certificate_arn
    certificate = CertificateArgs(domain_name=domain.name, hosted_zone_id=zone)
    return Certificate(f"{name}-certificate", certificate, opts).arn


def database(
    name: str,
    net: Network,
    groups: SecurityGroups,
    options: _DatabaseOptions,
    *,
    opts: pulumi.ResourceOptions,
    **more: Any,
) -> PostgresInstance:
    """The PostgreSQL server; `more` are further arguments of PostgresInstanceArgs."""
    return PostgresInstance(
        f"{name}-database",
        PostgresInstanceArgs(
            identifier=naming.rds_identifier(name),
            vpc_id=net.vpc_id,
            subnet_ids=net.private_subnet_ids,
            client_security_group_id=groups.app_sg_id,
            engine_version=options.engine_version,
            instance_class=options.instance_class,
            storage_gib=options.storage_gib,
            max_storage_gib=options.max_storage_gib,
            backup_retention_days=options.backup_retention_days,
            **more,
        ),
        opts,
    )


def contract_values(
    name: str, kind: Kind, region: str, net: Network, entry: Web, server: PostgresInstance
) -> dict[str, Any]:
    """The values of the contract that every base has."""
    return {
        "kind": kind,
        "base_stack_name": name,
        "region": region,
        "vpc_id": net.vpc_id,
        "public_subnet_ids": net.public_subnet_ids,
        "private_subnet_ids": net.private_subnet_ids,
        "alb_sg_id": entry.groups.alb_sg_id,
        "app_sg_id": entry.groups.app_sg_id,
        "listener_arn": entry.balancer.listener_arn,
        "alb_arn_suffix": entry.balancer.arn_suffix,
        "alb_dns_name": entry.balancer.dns_name,
        "alb_zone_id": entry.balancer.zone_id,
        "domain_name": entry.domain_name,
        "hosted_zone_id": entry.hosted_zone_id,
        "database_host": server.host,
        "database_port": server.port,
        "database_master_secret_arn": server.master_secret_arn,
    }
