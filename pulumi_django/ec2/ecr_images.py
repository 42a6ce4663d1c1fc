"""Which images a host fetches from ECR, and the ARNs of their repositories. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from pulumi_django.ec2.compose_variables import UNKNOWN

# Registries that Ubuntu 24.04's credential helper knows, by the suffix of their host names.
# https://github.com/awslabs/amazon-ecr-credential-helper/blob/v0.7.1/ecr-login/api/client.go
_PARTITIONS = {
    "amazonaws.com": "aws",
    "amazonaws.com.cn": "aws-cn",
    "c2s.ic.gov": "aws-iso",
    "sc2s.sgov.gov": "aws-iso-b",
    "cloud.adc-e.uk": "aws-iso-e",
    "csp.hci.ic.gov": "aws-iso-f",
}
_GOVCLOUD = "us-gov-"
_REGISTRY = re.compile(r"(?P<account>\d{12})\.dkr[.-]ecr(?:-fips)?\.(?P<region>[a-z0-9-]+)\.(?P<suffix>[a-z0-9.-]+)")
_REPOSITORY = re.compile(r"[a-z0-9]+(?:[._/-]+[a-z0-9]+)*")
_ARN = re.compile(r"arn:(?P<partition>aws[a-z-]*):ecr:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):repository/\S+")


@dataclass(frozen=True, kw_only=True)
class EcrRepository:
    """A repository that images come from."""

    registry: str
    """Host name of its registry."""

    arn: str


def repository(image: str) -> EcrRepository | None:
    """The repository of an image in ECR; None for an image from elsewhere.

    Raises ValueError for a registry of ECR from which a host cannot fetch.
    """
    registry, _, rest = image.partition("/")
    found = _REGISTRY.fullmatch(registry)
    if not found:
        return None
    suffix, region = found["suffix"], found["region"]
    if suffix not in _PARTITIONS or "dkr-ecr" in registry:
        raise ValueError(
            f"{registry} is a registry that the host cannot log in to: it knows registries such as "
            f"{found['account']}.dkr.ecr.{region}.amazonaws.com"
        )
    name = re.split(r"[:@]", rest, maxsplit=1)[0]
    if not _REPOSITORY.fullmatch(name):
        raise ValueError(f"{image!r} does not name a repository")
    partition = "aws-us-gov" if region.startswith(_GOVCLOUD) else _PARTITIONS[suffix]
    return EcrRepository(registry=registry, arn=f"arn:{partition}:ecr:{region}:{found['account']}:repository/{name}")


def is_undetermined(image: str) -> bool:
    """Whether variables decide from which repository an image comes; a tag or digest may be one."""
    last = image.rindex("/") if "/" in image else 0
    tag = re.search(r"[:@]", image[last:])
    return UNKNOWN in (image[: last + tag.start()] if tag else image)


def declared(arns: Iterable[str]) -> list[EcrRepository]:
    """Repositories that the caller names; ValueError for what is no ARN of a repository."""
    found: list[EcrRepository] = []
    for arn in arns:
        parts = _ARN.fullmatch(arn)
        suffixes = {partition: suffix for suffix, partition in _PARTITIONS.items()} | {"aws-us-gov": "amazonaws.com"}
        if not parts or parts["partition"] not in suffixes:
            raise ValueError(
                f"ecr_repository_arns has {arn!r}: it is written like "
                "'arn:aws:ecr:us-east-1:123456789012:repository/shop'"
            )
        host = f"{parts['account']}.dkr.ecr.{parts['region']}.{suffixes[parts['partition']]}"
        found.append(EcrRepository(registry=host, arn=arn))
    return found
