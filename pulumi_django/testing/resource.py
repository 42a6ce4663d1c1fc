"""The identity of a simulated resource, and values that depend on it alone: ids, names, ARNs, zones of its region."""

from __future__ import annotations

import hashlib
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pulumi_django.rules.partitions import Partition, partition

ACCOUNT_ID = "123456789012"
REGION = "us-east-1"


@dataclass(frozen=True, kw_only=True)
class Resource:
    """A resource for which outputs are created."""

    type: str
    name: str
    inputs: Mapping[str, Any] = field(repr=False)
    seed: str
    """Identity of the physical resource: its URN and the number of its replacements."""

    revision: int = 1
    """Number of the physical resource: 1 for the first, one more after each replacement."""

    region: str = REGION
    account_id: str = ACCOUNT_ID

    def hex(self, length: int, salt: str = "") -> str:
        """Return hexadecimal digits that depend on the identity."""
        return hashlib.sha256(f"{self.seed}{salt}".encode()).hexdigest()[:length]

    def letters(self, length: int, alphabet: str = string.ascii_letters + string.digits, salt: str = "") -> str:
        """Return characters of `alphabet` that depend on the identity."""
        digits = hashlib.shake_256(f"{self.seed}{salt}".encode()).digest(length)
        return "".join(alphabet[digit % len(alphabet)] for digit in digits)

    def id(self, prefix: str) -> str:
        """Return an id in the form of EC2, `vpc-0123456789abcdef0`."""
        return f"{prefix}-0{self.hex(16)}"

    def named(self, key: str = "name", lower: bool = False) -> str:
        """Return the physical name: the input `key`, or else Pulumi's autoname of the logical name."""
        given = self.inputs.get(key)
        if isinstance(given, str) and given:
            return given
        prefix = self.inputs.get(f"{key}Prefix")
        auto = f"{prefix}{self.hex(26)}" if isinstance(prefix, str) and prefix else f"{self.name}-{self.hex(7)}"
        return auto.lower() if lower else auto

    def arn(self, service: str, resource: str, *, region: bool = True, account: bool = True) -> str:
        """Return an ARN of this account and region."""
        where = self.region if region else ""
        return f"arn:{self.partition.id}:{service}:{where}:{self.account_id if account else ''}:{resource}"

    @property
    def partition(self) -> Partition:
        """Partition of the region."""
        return partition(self.region)

    @property
    def suffix(self) -> str:
        """DNS suffix of AWS's host names in the region."""
        return self.partition.dns_suffix


Answer = tuple[str, dict[str, Any]]
"""Id, and the outputs that are added to the inputs."""


def ec2(prefix: str, kind: str) -> Callable[[Resource], Answer]:
    def build(r: Resource) -> Answer:
        id_ = r.id(prefix)
        return id_, {"arn": r.arn("ec2", f"{kind}/{id_}"), "ownerId": r.account_id}

    return build


def by_arn(service: str, path: str, *, region: bool = True, account: bool = True) -> Callable[[Resource], Answer]:
    """Return the builder of resources whose id is their ARN. `path` can contain `{name}` and `{hex}`."""

    def build(r: Resource) -> Answer:
        arn = r.arn(service, path.format(name=r.named(), hex=r.hex(16)), region=region, account=account)
        return arn, {"arn": arn, "name": r.named()}

    return build


def by_name(service: str, path: str, *, region: bool = True, key: str = "name") -> Callable[[Resource], Answer]:
    """Return the builder of resources whose id is their name."""

    def build(r: Resource) -> Answer:
        name = r.named(key)
        return name, {key: name, "arn": r.arn(service, path.format(name=name), region=region)}

    return build


# Zone id by letter, for regions whose zones are not just a, b and c.
# https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-availability-zones.html
_IRREGULAR: Mapping[str, Mapping[str, str]] = {
    "ap-northeast-1": {"a": "apne1-az4", "c": "apne1-az1", "d": "apne1-az2"},
    "ap-northeast-2": {"a": "apne2-az1", "b": "apne2-az2", "c": "apne2-az3", "d": "apne2-az4"},
    "ca-central-1": {"a": "cac1-az1", "b": "cac1-az2", "d": "cac1-az4"},
    "cn-north-1": {"a": "cnn1-az1", "b": "cnn1-az2"},
    "us-east-1": {
        "a": "use1-az6",
        "b": "use1-az1",
        "c": "use1-az2",
        "d": "use1-az4",
        "e": "use1-az3",
        "f": "use1-az5",
    },
    "us-west-1": {"a": "usw1-az3", "b": "usw1-az1"},
    "us-west-2": {"a": "usw2-az2", "b": "usw2-az1", "c": "usw2-az3", "d": "usw2-az4"},
}
_DIRECTIONS = {
    "north": "n",
    "south": "s",
    "east": "e",
    "west": "w",
    "central": "c",
    "northeast": "ne",
    "northwest": "nw",
    "southeast": "se",
    "southwest": "sw",
}


def zones_of(region: str) -> dict[str, str]:
    """Return the ids of the region's zones by name, as a new account sees them, sorted by name."""
    letters = _IRREGULAR.get(region)
    if letters is None:
        prefix = _id_prefix(region)
        letters = {letter: f"{prefix}-az{number}" for number, letter in enumerate("abc", start=1)}
    return {f"{region}{letter}": id_ for letter, id_ in letters.items()}


def _id_prefix(region: str) -> str:
    """Return the prefix of a region's zone ids: `usge1` for `us-gov-east-1`."""
    *places, number = region.split("-")
    parts = [_DIRECTIONS.get(place, place[:1] if place == "gov" else place) for place in places]
    return f"{''.join(parts)}{number}"
