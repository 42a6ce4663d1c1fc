"""The query that finds each price of the table in the AWS Price List. Pure.

A query names the service, the attributes that the API compares, and a pattern for the usage type, whose prefix differs
between regions (`EU-NatGateway-Hours`). Services and attributes: `aws pricing describe-services`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from orchestrator.cost.prices import DOLLARS, PriceTable

REGION_PREFIX = r"^((EU|[A-Z]{3,4}[0-9]|[a-z]{2}-[a-z]+-[0-9])-)?"
NOT_LISTED = frozenset({"fargate_spot"})
"""Families that the Price List does not have: spot prices change every hour."""


@dataclass(frozen=True, kw_only=True)
class Query:
    """A query of the Price List."""

    service: str
    attributes: Mapping[str, str] = field(default_factory=dict[str, str])
    usage_type: re.Pattern[str] = re.compile("")
    scale: float = 1
    """The factor for the list's price per unit: 1000000 where the table has prices per million."""

    regional: bool = True
    """Whether the product has a price for each region."""


def rows(table: PriceTable) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Family and path of every price, in the order of the table."""
    for family, entries in table.families.items():
        yield from ((family, path) for path in _paths(entries))


def _paths(entries: Mapping[str, object], lead: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for key, value in entries.items():
        if isinstance(value, Mapping) and DOLLARS not in value:
            yield from _paths(value, (*lead, key))  # pyright: ignore[reportUnknownArgumentType]
        elif lead or key not in ("source", "unit"):
            yield (*lead, key)


def query(family: str, path: tuple[str, ...]) -> Query | None:
    """The query for one price; None if the list does not have it."""
    if family in _BY_SIZE:
        return _BY_SIZE[family](path)
    return _ALONE.get((family, *path))


def _usage(text: str) -> re.Pattern[str]:
    return re.compile(f"{REGION_PREFIX}{text}$")


def _of(service: str, usage: str, *, scale: float = 1, regional: bool = True, **attributes: str) -> Query:
    return Query(service=service, attributes=attributes, usage_type=_usage(usage), scale=scale, regional=regional)


def _ec2(path: tuple[str, ...]) -> Query:
    return Query(
        service="AmazonEC2",
        attributes={
            "instanceType": path[0],
            "operatingSystem": "Linux",
            "tenancy": "Shared",
            "preInstalledSw": "NA",
            "licenseModel": "No License required",
            "capacitystatus": "Used",
            "marketoption": "OnDemand",
        },
        usage_type=_usage(r"BoxUsage(:[a-z0-9.-]+)?"),
    )


def _ebs(path: tuple[str, ...]) -> Query:
    return _of("AmazonEC2", rf"EBS:VolumeUsage(\.{path[0]})?", productFamily="Storage", volumeApiName=path[0])


def _rds(path: tuple[str, ...], engine: str = "PostgreSQL") -> Query:
    return _of(
        "AmazonRDS",
        r"InstanceUsage:[a-z0-9.-]+",
        productFamily="Database Instance",
        instanceType=path[0],
        databaseEngine=engine,
        deploymentOption="Single-AZ",
    )


def _aurora(path: tuple[str, ...]) -> Query:
    return _rds(path, "Aurora PostgreSQL")


def _rds_storage(path: tuple[str, ...]) -> Query:
    usage = {"gp2": "RDS:GP2-Storage", "gp3": "RDS:GP3-Storage"}[path[0]]
    return _of("AmazonRDS", usage, productFamily="Database Storage", deploymentOption="Single-AZ", databaseEngine="Any")


def _elasticache(path: tuple[str, ...]) -> Query:
    engine, _, node = path[0].partition(".")
    return _of(
        "AmazonElastiCache",
        r"NodeUsage:[a-z0-9.-]+",
        productFamily="Cache Instance",
        instanceType=node,
        cacheEngine=engine.capitalize(),
    )


def _fargate(path: tuple[str, ...]) -> Query:
    architecture = {"X86_64": "", "ARM64": "ARM-"}[path[0]]
    unit = {"vcpu": "vCPU-Hours:perCPU", "gib": "GB-Hours"}[path[1]]
    return _of("AmazonECS", f"Fargate-{architecture}{unit}")


def _load_balancer(path: tuple[str, ...]) -> Query:
    family = f"Load Balancer-{path[0].capitalize()}"
    return _of("AWSELB", "LoadBalancerUsage", productFamily=family, locationType="AWS Region")


_BY_SIZE: Mapping[str, Callable[[tuple[str, ...]], Query]] = {
    "aurora": _aurora,
    "ebs": _ebs,
    "ec2": _ec2,
    "elasticache": _elasticache,
    "fargate": _fargate,
    "load_balancer": _load_balancer,
    "rds": _rds,
    "rds_storage": _rds_storage,
}
"""Queries of families that have a price for each size."""

_ALONE: Mapping[tuple[str, ...], Query] = {
    ("aurora_serverless", "acu"): _of(
        "AmazonRDS", "Aurora:ServerlessV2Usage", productFamily="ServerlessV2", databaseEngine="Aurora PostgreSQL"
    ),
    ("cloudfront_use", "gb_to_viewers"): _of("AmazonCloudFront", "US-DataTransfer-Out-Bytes", regional=False),
    ("cloudfront_use", "https_requests_10k"): _of(
        "AmazonCloudFront", "US-Requests-Tier2-HTTPS", scale=10_000, regional=False
    ),
    ("cloudwatch", "alarm"): _of(
        "AmazonCloudWatch", "CW:AlarmMonitorUsage", productFamily="Alarm", alarmType="Standard"
    ),
    ("cloudwatch", "dashboard"): _of(
        "AmazonCloudWatch", "DashboardsUsageHour", productFamily="Dashboard", regional=False
    ),
    ("codebuild_use", "small_minute"): _of("CodeBuild", "Build-Min:Linux:g1.small"),
    ("codebuild_use", "medium_minute"): _of("CodeBuild", "Build-Min:Linux:g1.medium"),
    ("codepipeline_use", "action_minute"): _of("AWSCodePipeline", "actionExecutionMinute"),
    ("efs_use", "gb_month"): _of(
        "AmazonEFS", "TimedStorage-ByteHrs", productFamily="Storage", storageClass="General Purpose"
    ),
    ("efs_use", "gb_read"): _of("AmazonEFS", "ETDataAccess-Bytes", accessType="Read"),
    ("efs_use", "gb_written"): _of("AmazonEFS", "ETDataAccess-Bytes", accessType="Write"),
    ("hosted_zone", "zone"): _of("AmazonRoute53", "HostedZone", productFamily="DNS Zone", regional=False),
    ("kms", "key"): _of("awskms", "KMS-Keys", productFamily="Encryption Key"),
    ("load_balancer_use", "capacity_unit_hour"): _of(
        "AWSELB", "LCUUsage", productFamily="Load Balancer-Application", locationType="AWS Region"
    ),
    ("logs_use", "gb_written"): _of("AmazonCloudWatch", "DataProcessing-Bytes", productFamily="Data Payload"),
    ("nat_gateway", "gateway"): _of("AmazonEC2", "NatGateway-Hours", productFamily="NAT Gateway"),
    ("nat_gateway_use", "gb_through"): _of("AmazonEC2", "NatGateway-Bytes", productFamily="NAT Gateway"),
    ("public_ipv4", "address"): _of("AmazonVPC", "PublicIPv4:InUseAddress"),
    ("s3_use", "gb_month"): _of("AmazonS3", "TimedStorage-ByteHrs", productFamily="Storage", volumeType="Standard"),
    ("secret", "secret"): Query(service="AWSSecretsManager", attributes={"productFamily": "Secret"}),
    ("sqs_use", "requests_million"): _of("AWSQueueService", "Requests-Tier1", scale=1_000_000),
    ("waf", "rule"): _of("awswaf", "RuleV2"),
    ("waf", "web_acl"): _of("awswaf", "WebACLV2"),
    ("vpc_endpoint", "interface"): _of("AmazonVPC", "VpcEndpoint-Hours", productFamily="VpcEndpoint"),
    ("vpc_endpoint_use", "gb_through"): _of("AmazonVPC", "VpcEndpoint-Bytes", productFamily="VpcEndpoint"),
}
