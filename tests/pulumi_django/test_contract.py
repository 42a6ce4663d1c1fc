"""The contract between a base and its applications."""

from __future__ import annotations

import asyncio
from typing import Any

import pulumi
import pytest

from pulumi_django import contract as contracts
from pulumi_django.contract import (
    OPTIONAL,
    REQUIRED,
    BaseContract,
    ContractError,
    from_outputs,
    require_images,
    require_kind,
    to_outputs,
)
from pulumi_django.rules.kinds import Kind
from pulumi_django.testing import simulate

OUTPUTS: dict[str, Any] = {
    "contract_version": 1,
    "kind": "ad-hoc",
    "base_stack_name": "dev",
    "region": "us-east-1",
    "vpc_id": "vpc-1",
    "public_subnet_ids": ["subnet-1"],
    "private_subnet_ids": ["subnet-2"],
    "alb_sg_id": "sg-1",
    "app_sg_id": "sg-2",
    "listener_arn": "arn:listener",
    "alb_arn_suffix": "app/dev/1",
    "alb_dns_name": "dev.elb.amazonaws.com",
    "alb_zone_id": "Z1",
    "database_host": "db",
    "database_port": 5432,
    "database_master_secret_arn": "arn:secret",
}


def read(changes: dict[str, Any] | None = None) -> BaseContract:
    outputs = {key: value for key, value in {**OUTPUTS, **(changes or {})}.items() if value is not None}
    return from_outputs(outputs, base="dev", app="alpha")


def test_the_names_are_the_published_ones() -> None:
    assert set(REQUIRED) == set(OUTPUTS)
    assert set(OPTIONAL) == {
        "office_hours",
        "domain_name",
        "hosted_zone_id",
        "assets_bucket_name",
        "redis_host",
        "redis_port",
        "service_discovery_namespace_id",
        "service_discovery_namespace_name",
        "bastion_instance_id",
        "alarm_topic_arn",
        "database_reader_host",
        "database_instance_id",
        "database_cluster_id",
        "redis_tls",
        "redis_cluster_mode",
        "redis_auth_secret_arn",
        "redis_replication_group_id",
        "kms_key_arn",
        "isolated",
        "private_subnet_count",
        "own_certificate",
        "task_role_arn",
        "execution_role_arn",
        "database_role_arn",
        "platform_role_arn",
    }


def test_a_contract_is_read_as_it_was_exported() -> None:
    contract = read({"domain_name": "example.com", "something_else": 1})
    assert contract.kind is Kind.AD_HOC
    assert contract.domain_name == "example.com"
    assert contract.redis_host is None
    assert to_outputs(contract) == {**OUTPUTS, "domain_name": "example.com"}


def test_a_missing_value_is_reported_with_both_stacks_and_the_remedy() -> None:
    with pytest.raises(ContractError) as refused:
        read({"vpc_id": None, "app_sg_id": None})
    assert str(refused.value) == (
        "alpha cannot use dev: dev does not export vpc_id, app_sg_id; run `orchestrator update-base dev` (or "
        "`pulumi up` in projects/base) and then alpha again"
    )


def test_a_newer_contract_is_refused() -> None:
    with pytest.raises(ContractError) as refused:
        read({"contract_version": 2})
    assert str(refused.value) == (
        "alpha cannot use dev: dev has version 2 of the contract and this program knows 1; upgrade pulumi-django "
        "where alpha is deployed"
    )


@pytest.mark.parametrize("given", [5432.0, 5432, "5432"])
def test_a_port_is_whole_however_the_base_exports_it(given: object) -> None:
    contract = read({"database_port": given, "redis_port": given})
    assert [repr(contract.database_port), repr(contract.redis_port)] == ["5432", "5432"]


def test_a_port_that_is_known_later_is_whole_stays_secret_and_stays_unknown() -> None:
    seen: dict[str, BaseContract] = {}

    def program() -> None:
        seen["known"] = read({"database_port": pulumi.Output.from_input(5432.0)})
        seen["secret"] = read({"database_port": pulumi.Output.secret(5432.0)})
        for name, contract in seen.items():
            pulumi.export(name, pulumi.Output.from_input(contract.database_port).apply(repr))

    result = simulate(program)
    assert result.outputs == {"known": "5432", "secret": "5432"}
    assert result.secret_outputs == {"secret"}


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"database_port": "http"}, "database_port of dev is 'http': it must be a whole number"),
        ({"redis_port": 6379.5}, "redis_port of dev is 6379.5: it must be a whole number"),
        ({"isolated": "maybe"}, "isolated of dev is 'maybe': it must be true or false"),
        ({"contract_version": "new"}, "contract_version of dev: 'new' is not a whole number"),
    ],
)
def test_a_value_of_another_type_is_refused_with_both_stacks_and_the_fix(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(ContractError) as refused:
        read(changes)
    assert str(refused.value) == (
        f"alpha cannot use dev: {problem}; run `orchestrator update-base dev` (or `pulumi up` in projects/base) and "
        "then alpha again"
    )


def test_true_and_false_may_be_text_and_the_text_false_is_not_true() -> None:
    contract = read({"redis_tls": "false", "redis_cluster_mode": "true", "isolated": False})
    assert (contract.redis_tls, contract.redis_cluster_mode, contract.isolated) == (False, True, False)


def test_an_output_without_a_value_is_an_absent_one() -> None:
    assert from_outputs({**OUTPUTS, "redis_port": None}, base="dev", app="alpha").redis_port is None


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ContractError, match="alpha cannot use dev: dev has the unknown kind 'mainframe'"):
        read({"kind": "mainframe"})


def test_a_base_of_the_other_kind_is_refused() -> None:
    with pytest.raises(ContractError) as refused:
        require_kind(read({"kind": "prod"}), Kind.AD_HOC, "alpha")
    assert str(refused.value) == (
        "alpha has the kind ad-hoc and its base dev has the kind prod: use a base of the kind ad-hoc, or change the "
        "kind of alpha"
    )


ECR = "123456789012.dkr.ecr.us-east-1.amazonaws.com/shop:v1"


def test_isolated_subnets_take_images_from_the_regions_own_registry_only() -> None:
    isolated = read({"isolated": True})
    require_images(isolated, "alpha", [ECR])
    for image in ("public.ecr.aws/docker/library/postgres:17", ECR.replace("us-east-1", "eu-west-1"), "shop"):
        with pytest.raises(ContractError) as refused:
            require_images(isolated, "alpha", [ECR, image])
        assert str(refused.value) == (
            f"alpha cannot run the image {image} on dev: its subnets are isolated and reach only ECR in us-east-1; push "
            "the image there, or give the base a NAT gateway"
        )


def test_with_a_route_to_the_internet_images_come_from_anywhere() -> None:
    require_images(read({"isolated": False}), "alpha", ["postgres:17"])
    require_images(read(), "alpha", ["postgres:17"])


class Stack:
    """A StackReference of a base whose database password is secret."""

    def __init__(self, outputs: dict[str, Any], secret: tuple[str, ...] = ()) -> None:
        self._outputs, self._secret = outputs, secret

    async def get_output_details(self, name: str) -> pulumi.StackReferenceOutputDetails:
        value = self._outputs.get(name)
        if name in self._secret:
            return pulumi.StackReferenceOutputDetails(secret_value=value)
        return pulumi.StackReferenceOutputDetails(value=value)

    def get_output(self, name: str) -> Any:
        value = self._outputs[name]
        return value if isinstance(value, int) else f"the reference's {name}"


def read_from(outputs: dict[str, Any], *secret: str) -> BaseContract:
    reference: Any = Stack(outputs, secret)
    return asyncio.run(contracts.read(reference, base="dev", app="alpha"))


def test_a_contract_is_read_from_a_stack_values_that_decide_plainly_and_the_others_as_outputs_of_the_reference() -> (
    None
):
    found = read_from({**OUTPUTS, "domain_name": "example.com", "not_of_the_contract": 1})
    assert (found.kind, found.region, found.domain_name) == (Kind.AD_HOC, "us-east-1", "example.com")
    assert (found.vpc_id, found.database_host) == ("the reference's vpc_id", "the reference's database_host")
    assert found.redis_host is None


def test_the_errors_of_a_contract_name_both_stacks() -> None:
    with pytest.raises(
        ContractError, match="alpha cannot use dev: that stack has no outputs, so it does not exist yet"
    ):
        read_from({})
    without = {name: value for name, value in OUTPUTS.items() if name != "vpc_id"}
    with pytest.raises(
        ContractError, match="alpha cannot use dev: dev does not export vpc_id; run `orchestrator update-base dev`"
    ):
        read_from(without)


def test_a_secret_value_of_a_stack_stays_secret() -> None:
    found: list[bool] = []

    async def program() -> None:
        reference: Any = Stack(OUTPUTS, ("database_host",))
        host: Any = (await contracts.read(reference, base="dev", app="alpha")).database_host
        found.append(await host.is_secret())

    simulate(program)
    assert found == [True]
