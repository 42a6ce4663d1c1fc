"""AWS's partitions: the form of ARNs, host names and principals in a region. Pure."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

SUPPORTED = ("aws", "aws-cn", "aws-us-gov", "aws-eusc")
"""Partitions that the components support. The isolated partitions of the US and British governments have other
services."""

# Services whose VPC endpoints in these partitions have another prefix than com.amazonaws.
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

# The principals of all other services end in amazonaws.com.
# https://docs.amazonaws.cn/en_us/aws/latest/userguide/iam.html
_CHINESE_PRINCIPALS = frozenset({"ec2", "logs"})


@dataclass(frozen=True)
class Partition:
    """A group of AWS regions with separate accounts."""

    id: str
    """Second part of its ARNs: `aws`, `aws-cn`, `aws-us-gov` or `aws-eusc`."""

    dns_suffix: str
    """End of its host names, for example `amazonaws.com.cn`."""


COMMERCIAL = Partition("aws", "amazonaws.com")
"""Partition of regions that the installed botocore does not know."""

_REGION = r"[a-z]{2}-[a-z]+-\d"


@functools.cache
def partition(region: str) -> Partition:
    """Return the partition of a region. Raises ValueError for partitions that the components do not support."""
    found = _named(region)
    if found is None:
        raise ValueError(f"region is {region!r}: write a region like eu-west-1")
    if found.id not in SUPPORTED:
        raise ValueError(
            f"region is {region!r}: it belongs to the partition {found.id}, and this library supports "
            f"{', '.join(SUPPORTED)}"
        )
    return found


def of_region(region: str) -> str:
    """Return the second part of the ARNs of a region."""
    return partition(region).id


def principal(service: str, region: str) -> str:
    """Return the principal of an AWS service: `ec2.amazonaws.com` for `ec2`, in China `ec2.amazonaws.com.cn`."""
    own = partition(region)
    kind = service.partition(".")[0]
    suffix = own.dns_suffix if own.id == "aws-cn" and kind in _CHINESE_PRINCIPALS else "amazonaws.com"
    return f"{service}.{suffix}"


def ec2_principal(dns_suffix: str) -> str:
    """Return the principal of EC2 for the DNS suffix of a partition."""
    return f"ec2.{dns_suffix if dns_suffix.endswith('.cn') else 'amazonaws.com'}"


def region_of_zone(zone: str) -> str:
    """Return the region of a zone: `eu-west-1` for `eu-west-1a` and for the local zone `eu-west-1-abc-1a`."""
    found = re.match(r"[a-z]+(-[a-z]+)+-\d+", zone)
    return found.group() if found else zone


def endpoint_service(service: str, region: str) -> str:
    """Return the service name of a VPC endpoint: `com.amazonaws.eu-west-1.ecr.api`."""
    prefix, services = _ENDPOINT_PREFIXES.get(of_region(region), ("", frozenset[str]()))
    return f"{prefix if service in services else 'com.amazonaws'}.{region}.{service}"


def check_has(region: str, service: str, option: str) -> None:
    """Raise ValueError when the partition of the region lacks a service that the option needs. Only `aws` has all
    services."""
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
    # Read without botocore, whose import takes longer than all rules together.
    botocore = find_spec("botocore")
    file = Path(botocore.origin if botocore and botocore.origin else "botocore").parent / "data" / "partitions.json"
    return json.loads(file.read_text(encoding="utf-8"))["partitions"]
