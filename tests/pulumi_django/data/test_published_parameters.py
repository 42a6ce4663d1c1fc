"""Values of a stack as SSM parameters."""

from __future__ import annotations

import pulumi

from pulumi_django import PublishedParameters, PublishedParametersArgs
from pulumi_django.data.published_parameters import published
from pulumi_django.testing import simulate


def test_values_become_parameters_below_the_stacks_name() -> None:
    def program() -> None:
        values = {
            "vpc_id": pulumi.Output.from_input("vpc-1"),
            "subnet_ids": pulumi.Output.from_input(["a", "b"]),
            "database_port": 5432,
            "redis_tls": True,
            "log_groups/web": "/ecs/alpha/web",
        }
        PublishedParameters("p", PublishedParametersArgs(stack="dev", values=values))

    result = simulate(program)
    made = {
        r.inputs["name"]: (r.inputs["type"], r.inputs["value"]) for r in result.of_type("aws:ssm/parameter:Parameter")
    }
    assert made == {
        "/dev/vpc_id": ("String", "vpc-1"),
        "/dev/subnet_ids": ("StringList", "a,b"),
        "/dev/database_port": ("String", "5432"),
        "/dev/redis_tls": ("String", "true"),
        "/dev/log_groups/web": ("String", "/ecs/alpha/web"),
    }


def test_each_value_of_a_mapping_becomes_a_parameter() -> None:
    assert published({"a": 1, "groups": {"web": "x", "beat": "y"}}) == {"a": 1, "groups/web": "x", "groups/beat": "y"}
