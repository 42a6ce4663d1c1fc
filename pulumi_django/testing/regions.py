"""The availability zones of every region, as a new account sees them."""

from __future__ import annotations

from collections.abc import Mapping

# Zones whose letters are not simply a, b, c, and regions with another number of zones than three: letter -> zone id.
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
    """Names of the region's zones and their ids, in the order of the names."""
    letters = _IRREGULAR.get(region)
    if letters is None:
        prefix = _id_prefix(region)
        letters = {letter: f"{prefix}-az{number}" for number, letter in enumerate("abc", start=1)}
    return {f"{region}{letter}": id_ for letter, id_ in letters.items()}


def _id_prefix(region: str) -> str:
    """`usge1` of `us-gov-east-1`."""
    *places, number = region.split("-")
    parts = [_DIRECTIONS.get(place, place[:1] if place == "gov" else place) for place in places]
    return f"{''.join(parts)}{number}"
