"""Availability zones: which ones a network takes, and which ones keep an existing network where it is. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

LEAST_ZONES = 2

# Zones, by their ids, in which Fargate runs no tasks although they are open to everyone else.
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/AWS_Fargate-Regions.html
FARGATE_ZONES: Mapping[str, frozenset[str]] = {
    "ap-northeast-1": frozenset({"apne1-az1", "apne1-az2", "apne1-az4"}),
    "cn-north-1": frozenset({"cnn1-az1", "cnn1-az2"}),
    "us-west-1": frozenset({"usw1-az1", "usw1-az3"}),
}
# An old zone of us-east-1 whose machines are older than those of db.t4g and cache.t4g; an account may call it `a`.
TOO_OLD = frozenset({"use1-az3"})

# Regions in which some accounts lack a zone among the first three letters. A component asks AWS nothing, so here
# somebody must name the zones.
# https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-availability-zones.html
IRREGULAR_REGIONS = frozenset({"ap-northeast-1", "ca-central-1", "cn-north-1", "us-west-1"})


def by_letter(region: str, count: int) -> list[str]:
    """The region's first zones, from `a` on; ValueError where they do not exist in every account."""
    if region in IRREGULAR_REGIONS:
        raise ValueError(
            f"network.zones is missing: accounts differ in the zones of {region}, so name at least {LEAST_ZONES} of those "
            f"that `aws ec2 describe-availability-zones --region {region}` lists"
        )
    return [f"{region}{letter}" for letter in "abcdef"[:count]]


def usable(region: str, ids_by_name: Mapping[str, str]) -> list[str]:
    """Names of the zones in which Fargate runs, in the order of their names, out of those that AWS lists.

    ValueError when fewer than two are left.
    """
    wanted = FARGATE_ZONES.get(region)
    names = sorted(
        name for name, id_ in ids_by_name.items() if id_ not in TOO_OLD and (wanted is None or id_ in wanted or not id_)
    )
    if len(names) < LEAST_ZONES:
        raise ValueError(
            f"{region} has {', '.join(names) or 'no zone'} for this account: a load balancer and a database need "
            f"{LEAST_ZONES} zones, so choose another region, or have AWS open one to the account"
        )
    return names


def of_subnets(names_and_zones: Iterable[tuple[str, str]]) -> dict[int, str]:
    """The zone of each place in a network, out of the names of its subnets (`dev-network-public-2` is the second)."""
    found: dict[int, str] = {}
    for name, zone in names_and_zones:
        number = name.rpartition("-")[2]
        if number.isdecimal() and zone:
            found[int(number)] = zone
    return found


def completed(kept: Mapping[int, str], listed: Sequence[str]) -> list[str]:
    """The zones of a network that an interrupted update left half made: what exists stays, other zones fill the gaps."""
    others = [zone for zone in listed if zone not in kept.values()]
    places = max([*kept, len(listed)], default=0)
    filled: list[str] = []
    for place in range(1, places + 1):
        zone = kept.get(place) or (others.pop(0) if others else None)
        if zone is not None:
            filled.append(zone)
    return filled
