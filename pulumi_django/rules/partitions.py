"""AWS's partitions: what ARNs, host names and principals look like in a region. Pure."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.loaders import create_loader

SUPPORTED = ("aws", "aws-cn", "aws-us-gov", "aws-eusc")
"""Partitions that the components know; the isolated ones of the US and British governments have other services."""

# Services whose names in VPC endpoints begin otherwise than com.amazonaws in these partitions.
# https://docs.amazonaws.cn/en_us/vpc/latest/privatelink/aws-services-privatelink-support.html
_CHINESE_ENDPOINTS = frozenset(
    [
        "account",
        "application-autoscaling",
        "athena",
        "autoscaling",
        "backup",
        "batch",
        "cloudformation",
        "ebs",
        "ec2",
        "ecr.api",
        "ecr.dkr",
        "eks",
        "elasticache",
        "elasticbeanstalk",
        "elasticfilesystem",
        "execute-api",
        "fsx",
        "kinesis-streams",
        "lambda",
        "monitoring",
        "polly",
        "rds",
        "rds-data",
        "redshift",
        "redshift-data",
        "sagemaker.api",
        "sagemaker.runtime",
        "securityhub",
        "servicecatalog",
        "sqs",
        "states",
        "sts",
        "sync-states",
        "synthetics",
        "transfer",
        "xray",
    ]
)
_ENDPOINT_PREFIXES: Mapping[str, tuple[str, frozenset[str]]] = {
    "aws-cn": ("cn.com.amazonaws", _CHINESE_ENDPOINTS),
    "aws-eusc": ("eu.amazonaws", frozenset({"ecr.api", "ecr.dkr", "execute-api", "securityhub"})),
}

# Everywhere else the principal of a service ends in amazonaws.com.
# https://docs.amazonaws.cn/en_us/aws/latest/userguide/iam.html
_CHINESE_PRINCIPALS = frozenset({"ec2", "logs"})


@dataclass(frozen=True)
class Partition:
    """A group of regions with accounts of its own."""

    id: str
    """Second part of its ARNs: `aws`, `aws-cn`, `aws-us-gov` or `aws-eusc`."""

    dns_suffix: str
    """End of its host names, for example `amazonaws.com.cn`."""


COMMERCIAL = Partition("aws", "amazonaws.com")
"""Where a new region belongs that the installed botocore does not know yet."""

_REGION = r"[a-z]{2}-[a-z]+-\d"


@functools.cache
def partition(region: str) -> Partition:
    """The partition of a region, by its name; ValueError for one that the components do not support."""
    found = _named(region)
    if found is None:
        raise ValueError(f"region is {region!r}: a region is named like eu-west-1")
    if found.id not in SUPPORTED:
        raise ValueError(
            f"region is {region!r}: it belongs to the partition {found.id}, and this library supports "
            f"{', '.join(SUPPORTED)}"
        )
    return found


def of_region(region: str) -> str:
    """Second part of the ARNs of a region."""
    return partition(region).id


def principal(service: str, region: str) -> str:
    """The name of an AWS service in policies: `ec2` is `ec2.amazonaws.com`, in China `ec2.amazonaws.com.cn`."""
    own = partition(region)
    kind = service.partition(".")[0]
    suffix = own.dns_suffix if own.id == "aws-cn" and kind in _CHINESE_PRINCIPALS else "amazonaws.com"
    return f"{service}.{suffix}"


def ec2_principal(dns_suffix: str) -> str:
    """The name of EC2 in policies, where only the partition's suffix is known."""
    return f"ec2.{dns_suffix if dns_suffix.endswith('.cn') else 'amazonaws.com'}"


def region_of_zone(zone: str) -> str:
    """`eu-west-1` of `eu-west-1a`, and of the local zone `eu-west-1-abc-1a`."""
    found = re.match(r"[a-z]+(-[a-z]+)+-\d+", zone)
    return found.group() if found else zone


def endpoint_service(service: str, region: str) -> str:
    """What a VPC endpoint calls a service: `com.amazonaws.eu-west-1.ecr.api`."""
    prefix, services = _ENDPOINT_PREFIXES.get(of_region(region), ("", frozenset[str]()))
    return f"{prefix if service in services else 'com.amazonaws'}.{region}.{service}"


def check_has(region: str, service: str, option: str) -> None:
    """ValueError when the partition of the region lacks a service that the option needs; only `aws` has all of them."""
    own = of_region(region)
    if own != "aws":
        raise ValueError(
            f"{option} is set and the region is {region}: {service} is not available in the partition {own}"
        )


def _named(region: str) -> Partition | None:
    for known in _partitions():
        if region in known["regions"] or re.match(known["regionRegex"], region):
            return Partition(known["id"], known["outputs"]["dnsSuffix"])
    return COMMERCIAL if re.fullmatch(_REGION, region) else None


@functools.cache
def _partitions() -> list[dict[str, Any]]:
    document: Any = create_loader().load_data("partitions")  # pyright: ignore[reportUnknownMemberType]
    return document["partitions"]
