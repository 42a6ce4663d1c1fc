"""Availability zones for a new network, and the zones of an existing network. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

LEAST_ZONES = 2

# Ids of the zones in which Fargate runs, in regions where it does not run in all.
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/AWS_Fargate-Regions.html
FARGATE_ZONES: Mapping[str, frozenset[str]] = {
    "ap-northeast-1": frozenset({"apne1-az1", "apne1-az2", "apne1-az4"}),
    "cn-north-1": frozenset({"cnn1-az1", "cnn1-az2"}),
    "us-west-1": frozenset({"usw1-az1", "usw1-az3"}),
}
# An old zone of us-east-1 without db.t4g and cache.t4g. Its letter depends on the account and can be `a`.
TOO_OLD = frozenset({"use1-az3"})

# Regions in which some accounts lack one of the first three letters. A component makes no requests to AWS, so here the
# zones must be named.
# https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-availability-zones.html
IRREGULAR_REGIONS = frozenset({"ap-northeast-1", "ca-central-1", "cn-north-1", "us-west-1"})


def by_letter(region: str, count: int) -> list[str]:
    """Return the region's first zones, from `a` on. Raises ValueError where some accounts lack them."""
    if region in IRREGULAR_REGIONS:
        raise ValueError(
            f"network.zones is missing: the zones of {region} depend on the account, so name at least {LEAST_ZONES} of "
            f"those that `aws ec2 describe-availability-zones --region {region}` lists"
        )
    return [f"{region}{letter}" for letter in "abcdef"[:count]]


def usable(region: str, ids_by_name: Mapping[str, str]) -> list[str]:
    """Return the names of the listed zones in which Fargate runs, sorted.

    Raises ValueError for fewer than two.
    """
    wanted = FARGATE_ZONES.get(region)
    names = sorted(
        name for name, id_ in ids_by_name.items() if id_ not in TOO_OLD and (wanted is None or id_ in wanted or not id_)
    )
    if len(names) < LEAST_ZONES:
        raise ValueError(
            f"{region} has {', '.join(names) or 'no zone'} for this account: a load balancer and a database need "
            f"{LEAST_ZONES} zones, so choose another region, or ask AWS to enable more zones"
        )
    return names


def of_subnets(names_and_zones: Iterable[tuple[str, str]]) -> dict[int, str]:
    """Return the zone at each position of a network, from the names of its subnets (`dev-network-public-2` is the
    second)."""
    found: dict[int, str] = {}
    for name, zone in names_and_zones:
        number = name.rpartition("-")[2]
        if number.isdecimal() and zone:
            found[int(number)] = zone
    return found


def completed(kept: Mapping[int, str], listed: Sequence[str]) -> list[str]:
    """Return the zones of a network after an interrupted update: existing ones stay, and other listed zones fill the
    gaps."""
    others = [zone for zone in listed if zone not in kept.values()]
    places = max([*kept, len(listed)], default=0)
    filled: list[str] = []
    for place in range(1, places + 1):
        zone = kept.get(place) or (others.pop(0) if others else None)
        if zone is not None:
            filled.append(zone)
    return filled
