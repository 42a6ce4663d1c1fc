"""Availability zones of a region, of an account and of an existing network."""

from __future__ import annotations

import runpy
from collections.abc import Mapping
from typing import Any

import pytest

from pulumi_django.network import zones
from pulumi_django.program.config import ConfigError
from pulumi_django.testing import Mocks, SimulatedResource, SimulationResult, simulate
from pulumi_django.testing.resource import zones_of
from tests.support.projects import ROOT

LIST_ZONES = "aws:index/getAvailabilityZones:getAvailabilityZones"
READ_RESOURCES = "pulumi:pulumi:readStackResourceOutputs"


def base(
    region: str,
    kind: str = "ad-hoc",
    *,
    network: str | None = None,
    prior: Mapping[str, SimulatedResource] | None = None,
    mocks: Mocks | None = None,
) -> SimulationResult:
    config = {"aws:region": region, "django-base:kind": kind, "django-base:domain_name": "example.com"}
    if network is not None:
        config["django-base:network"] = network

    def program() -> None:
        runpy.run_path(str(ROOT / "projects/base/__main__.py"), run_name="__main__")

    return simulate(
        program,
        project="django-base",
        stack="dev",
        config=config,
        prior=prior,
        mocks=mocks or Mocks(region=region),
    )


def state(result: SimulationResult) -> dict[str, SimulatedResource]:
    return {resource.urn: resource for resource in result.resources}


def subnet_zones(result: SimulationResult) -> list[str]:
    """The zones of the public subnets, in the order of the subnets."""
    found = [r for r in result.of_type("aws:ec2/subnet:Subnet") if "-public-" in r.name]
    return [str(r.inputs["availabilityZone"]) for r in sorted(found, key=lambda r: r.name)]


def answering(region: str, zone_ids: Mapping[str, str]) -> Mocks:
    answer: dict[str, Any] = {"id": region, "names": list(zone_ids), "zoneIds": list(zone_ids.values())}
    return Mocks(region=region, invokes={LIST_ZONES: lambda _args: answer})


@pytest.mark.parametrize(
    ("region", "kind", "expected"),
    [
        ("ap-northeast-1", "ad-hoc", ["ap-northeast-1a", "ap-northeast-1c"]),
        ("ap-northeast-1", "prod", ["ap-northeast-1a", "ap-northeast-1c", "ap-northeast-1d"]),
        ("ca-central-1", "prod", ["ca-central-1a", "ca-central-1b", "ca-central-1d"]),
        ("us-west-1", "prod", ["us-west-1a", "us-west-1b"]),
        ("us-east-1", "ad-hoc", ["us-east-1a", "us-east-1b"]),
        ("eu-west-1", "prod", ["eu-west-1a", "eu-west-1b", "eu-west-1c"]),
    ],
)
def test_a_base_uses_the_first_zones_of_its_region(region: str, kind: str, expected: list[str]) -> None:
    assert subnet_zones(base(region, kind)) == expected


def test_zones_are_those_of_the_region_that_the_account_can_use() -> None:
    asked = [invoke.args for invoke in base("eu-west-1").invokes if invoke.token == LIST_ZONES]
    assert asked == [{"state": "available", "filters": [{"name": "opt-in-status", "values": ["opt-in-not-required"]}]}]


def test_an_account_with_other_zone_letters_gets_its_own_zones() -> None:
    mocks = answering("us-west-1", {"us-west-1b": "usw1-az3", "us-west-1c": "usw1-az1"})
    assert subnet_zones(base("us-west-1", mocks=mocks)) == ["us-west-1b", "us-west-1c"]


def test_zones_without_fargate_are_not_used() -> None:
    old_account = {"us-east-1a": "use1-az3", "us-east-1b": "use1-az1", "us-east-1c": "use1-az2"}
    assert subnet_zones(base("us-east-1", mocks=answering("us-east-1", old_account))) == ["us-east-1b", "us-east-1c"]
    tokyo = {"ap-northeast-1a": "apne1-az4", "ap-northeast-1b": "apne1-az3", "ap-northeast-1c": "apne1-az1"}
    found = subnet_zones(base("ap-northeast-1", mocks=answering("ap-northeast-1", tokyo)))
    assert found == ["ap-northeast-1a", "ap-northeast-1c"]


def test_an_account_with_one_zone_is_refused_with_what_it_has() -> None:
    with pytest.raises(ValueError, match="us-west-1 has us-west-1a for this account"):
        base("us-west-1", mocks=answering("us-west-1", {"us-west-1a": "usw1-az3"}))


@pytest.mark.parametrize("kind", ["ad-hoc", "prod"])
def test_a_network_keeps_its_zones_when_aws_lists_others(kind: str) -> None:
    before = base("ap-northeast-1", kind)
    listed = {f"ap-northeast-1{letter}": "apne1-az1" for letter in "bcd"}
    after = base("ap-northeast-1", kind, prior=state(before), mocks=answering("ap-northeast-1", listed))
    assert subnet_zones(after) == subnet_zones(before)
    assert {r.id for r in after.of_type("aws:ec2/subnet:Subnet")} == {
        r.id for r in before.of_type("aws:ec2/subnet:Subnet")
    }


def test_a_network_in_the_first_letters_keeps_its_zones() -> None:
    before = base("ap-northeast-1", network='{"zones": ["ap-northeast-1a", "ap-northeast-1b"]}')
    after = base("ap-northeast-1", prior=state(before))
    assert subnet_zones(after) == ["ap-northeast-1a", "ap-northeast-1b"]
    assert LIST_ZONES not in [invoke.token for invoke in after.invokes], "an existing network needs no list"


def test_a_network_of_two_zones_does_not_grow_when_its_region_does() -> None:
    before = base("us-west-1", "prod")
    third = {**zones_of("us-west-1"), "us-west-1c": "usw1-az1"}
    after = base("us-west-1", "prod", prior=state(before), mocks=answering("us-west-1", third))
    assert subnet_zones(after) == ["us-west-1a", "us-west-1b"]


def test_an_interrupted_first_update_continues_in_its_zones() -> None:
    half = {
        urn: resource
        for urn, resource in state(base("us-east-1", network='{"zones": ["us-east-1c", "us-east-1d"]}')).items()
        if "Subnet" in resource.type and resource.name.endswith("-1")
    }
    assert subnet_zones(base("us-east-1", prior=half)) == ["us-east-1c", "us-east-1a"]


def test_named_zones_are_used_without_a_look_up() -> None:
    result = base("eu-west-1", network='{"zones": ["eu-west-1c", "eu-west-1b"]}', prior=state(base("eu-west-1")))
    assert subnet_zones(result) == ["eu-west-1c", "eu-west-1b"]
    assert not {LIST_ZONES, READ_RESOURCES} & {invoke.token for invoke in result.invokes}


def test_all_problems_of_a_configuration_are_reported_before_any_call_to_aws() -> None:
    with pytest.raises(ConfigError, match=r"(?s)network\.nat.*network\.zoness|network\.zoness.*network\.nat"):
        base("eu-west-1", network='{"nat": "twice", "zoness": []}')


@pytest.mark.parametrize("region", ["ap-northeast-1", "ca-central-1", "us-west-1", "cn-north-1"])
def test_a_component_requires_zones_where_letters_depend_on_the_account(region: str) -> None:
    with pytest.raises(ValueError, match=rf"network.zones is missing.*describe-availability-zones --region {region}"):
        zones.by_letter(region, 2)


def test_a_half_made_network_is_filled_with_other_zones_only() -> None:
    assert zones.completed({2: "r-1a"}, ["r-1a", "r-1b", "r-1c"]) == ["r-1b", "r-1a", "r-1c"]
    assert zones.completed({}, ["r-1a", "r-1b"]) == ["r-1a", "r-1b"]


def test_the_number_of_a_subnet_is_its_position() -> None:
    assert zones.of_subnets([("dev-network-public-2", "b"), ("dev-network-public-1", "a"), ("odd", "c")]) == {
        1: "a",
        2: "b",
    }


@pytest.mark.parametrize(
    ("region", "ids"),
    [
        ("us-gov-west-1", ["usgw1-az1", "usgw1-az2", "usgw1-az3"]),
        ("cn-northwest-1", ["cnnw1-az1", "cnnw1-az2", "cnnw1-az3"]),
        ("ap-southeast-3", ["apse3-az1", "apse3-az2", "apse3-az3"]),
        ("eu-central-1", ["euc1-az1", "euc1-az2", "euc1-az3"]),
    ],
)
def test_the_simulation_has_plausible_zones_everywhere(region: str, ids: list[str]) -> None:
    assert list(zones_of(region).values()) == ids
