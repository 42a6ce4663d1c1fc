"""The effect of changed inputs on a resource."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from pulumi_django.testing import Change, diff_resource, simulate


@dataclass
class Registered:
    type: str
    inputs: dict[str, Any]
    ignore_changes: tuple[str, ...] = ()
    replace_on_changes: tuple[str, ...] = field(default=())


TASK = "aws:ecs/taskDefinition:TaskDefinition"
SERVICE = "aws:ecs/service:Service"


@pytest.mark.parametrize(
    ("type_", "before", "after", "change"),
    [
        (TASK, {"cpu": "256"}, {"cpu": "256"}, Change("same")),
        (TASK, {"cpu": "256"}, {"cpu": "512"}, Change("replace", ("cpu",))),
        (TASK, {"tags": {}}, {"tags": {"a": "b"}}, Change("update", ("tags",))),
        (SERVICE, {"desiredCount": 1}, {"desiredCount": 2}, Change("update", ("desiredCount",))),
        (SERVICE, {"name": "a"}, {"name": "b"}, Change("replace", ("name",))),
        (
            SERVICE,
            {"serviceRegistries": {"registryArn": "a"}},
            {"serviceRegistries": {"registryArn": "b"}},
            Change("replace", ("serviceRegistries",)),
        ),
        ("aws:sns/topic:Topic", {}, {"displayName": "x"}, Change("update", ("displayName",))),
        ("some:other/thing:Thing", {"name": "a"}, {"name": "b"}, Change("update", ("name",))),
    ],
)
def test_a_change_is_what_the_provider_would_make_of_it(
    type_: str, before: dict[str, Any], after: dict[str, Any], change: Change
) -> None:
    assert diff_resource(Registered(type_, before), Registered(type_, after)) == change


def test_a_new_resource_is_created() -> None:
    assert diff_resource(None, Registered(TASK, {})) == Change("create")


def test_ignored_changes_are_no_changes() -> None:
    new = Registered(SERVICE, {"desiredCount": 5}, ignore_changes=("desiredCount",))
    assert diff_resource(Registered(SERVICE, {"desiredCount": 1}), new) == Change("same")


def test_a_resource_may_ask_for_a_replacement() -> None:
    new = Registered("some:other/thing:Thing", {"a": 2}, replace_on_changes=("a",))
    assert diff_resource(Registered("some:other/thing:Thing", {"a": 1}), new) == Change("replace", ("a",))


def test_other_default_tags_of_the_provider_update_what_carries_them() -> None:
    def provider(program_tags: dict[str, str]) -> Any:
        def program() -> None:
            import pulumi
            import pulumi_aws as aws

            own = aws.Provider("aws", region="us-east-1", default_tags={"tags": program_tags})
            options = pulumi.ResourceOptions(provider=own)
            vpc = aws.ec2.Vpc("vpc", cidr_block="10.0.0.0/16", opts=options)
            table = aws.ec2.RouteTable("table", vpc_id=vpc.id, opts=options)
            aws.ec2.Route("route", route_table_id=table.id, destination_cidr_block="0.0.0.0/0", opts=options)

        return program

    before = {resource.urn: resource for resource in simulate(provider({"team": "shop"})).resources}
    after = simulate(provider({"team": "news"}), prior=before)
    changes = {resource.name: diff_resource(before[resource.urn], resource) for resource in after.resources}
    assert changes["vpc"] == changes["table"] == Change("update", ("tagsAll",))
    assert changes["route"] == Change("same")
