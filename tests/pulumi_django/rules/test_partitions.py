"""China, GovCloud and the European Sovereign Cloud: the right ARNs, principals and names, or a refusal at once."""

from __future__ import annotations

import functools
import json
from typing import Any

import pytest

from pulumi_django import (
    AdHocApp,
    AdHocAppArgs,
    AdHocBase,
    AdHocBaseArgs,
    CdnOptions,
    ExecSessionOptions,
    NetworkOptions,
    ProdBase,
    ProdBaseArgs,
    ReleaseOptions,
    ScheduledCommandOptions,
    SqsOptions,
    WorkerOptions,
    contract,
)
from pulumi_django.account import deploy_policy
from pulumi_django.account.deploy_policy import Scope
from pulumi_django.rules import partitions
from pulumi_django.testing import Mocks, SimulationResult, simulate
from pulumi_django.testing.resource import zones_of

PARTITIONS = {
    "cn-north-1": "aws-cn",
    "us-gov-west-1": "aws-us-gov",
    "eusc-de-east-1": "aws-eusc",
    "eu-west-1": "aws",
}


def base(region: str, *, kind: str = "ad-hoc", **options: Any) -> SimulationResult:
    def program() -> None:
        given: dict[str, Any] = {
            "region": region,
            "account_zones": list(zones_of(region)),
            "domain_name": "example.com",
        }
        made = (
            ProdBase("dev", ProdBaseArgs(**given, **options))
            if kind == "prod"
            else AdHocBase("dev", AdHocBaseArgs(**given, **options))
        )
        contract.export(made.contract)

    return simulate(program, config={"aws:region": region}, mocks=Mocks(region=region), stack="dev")


@functools.cache
def isolated(region: str) -> SimulationResult:
    return base(region, network=NetworkOptions(nat="none"), shared_roles=True)


def environment(region: str, on: SimulationResult, **changes: Any) -> SimulationResult:
    suffix = partitions.partition(region).dns_suffix
    values: dict[str, Any] = {
        "base": contract.from_outputs(dict(on.outputs), base="dev", app="alpha"),
        "backend_image": f"123456789012.dkr.ecr.{region}.{suffix}/shop:v1",
        "settings_module": "shop.settings",
        **changes,
    }
    return simulate(
        lambda: contract.export(AdHocApp("alpha", AdHocAppArgs(**values)).outputs),
        mocks=Mocks(region=region),
        config={"aws:region": region},
        stack="alpha",
    )


def everything(region: str) -> list[SimulationResult]:
    """Return bases of both kinds, and an environment with most options."""
    plain = base(region)
    app = environment(
        region,
        plain,
        redis=None,
        sqs=SqsOptions(),
        workers={"default": WorkerOptions()},
        exec_sessions=ExecSessionOptions(),
        extra_secrets={"A": "/app/a", "B": "secretsmanager:b:k"},
        scheduled_commands={"clear": ScheduledCommandOptions(command=("true",), schedule="rate(1 day)")},
    )
    return [plain, app, base(region, kind="prod", shared_roles=True)]


@pytest.mark.parametrize("region", ["cn-north-1", "us-gov-west-1", "eusc-de-east-1"])
def test_every_arn_belongs_to_the_partition_of_the_region(region: str) -> None:
    for result in everything(region):
        for resource in result.resources:
            text = json.dumps([resource.inputs, resource.outputs], default=str).replace("arn:aws:logs:us-east-1:", "")
            assert "arn:aws:" not in text, f"{resource.type} {resource.name}: {text}"


def test_principals_of_china_are_its_own_where_it_has_them() -> None:
    assert partitions.principal("ec2", "cn-north-1") == "ec2.amazonaws.com.cn"
    assert partitions.principal("logs.cn-north-1", "cn-north-1") == "logs.cn-north-1.amazonaws.com.cn"
    assert partitions.principal("ecs-tasks", "cn-north-1") == "ecs-tasks.amazonaws.com"
    for region in ("us-gov-west-1", "eusc-de-east-1", "eu-west-1"):
        assert partitions.principal("ec2", region) == "ec2.amazonaws.com"
    china = base("cn-north-1")
    trust = json.loads(china.one("aws:iam/role:Role", "dev-bastion-role").inputs["assumeRolePolicy"])
    assert trust["Statement"][0]["Principal"] == {"Service": "ec2.amazonaws.com.cn"}


@pytest.mark.parametrize(
    ("region", "service", "expected"),
    [
        ("cn-north-1", "ecr.api", "cn.com.amazonaws.cn-north-1.ecr.api"),
        ("cn-north-1", "sts", "cn.com.amazonaws.cn-north-1.sts"),
        ("cn-northwest-1", "logs", "com.amazonaws.cn-northwest-1.logs"),
        ("eusc-de-east-1", "ecr.dkr", "eu.amazonaws.eusc-de-east-1.ecr.dkr"),
        ("eusc-de-east-1", "logs", "com.amazonaws.eusc-de-east-1.logs"),
        ("us-gov-west-1", "ecr.api", "com.amazonaws.us-gov-west-1.ecr.api"),
        ("eu-west-1", "sqs", "com.amazonaws.eu-west-1.sqs"),
    ],
)
def test_endpoints_are_called_as_their_region_calls_them(region: str, service: str, expected: str) -> None:
    assert partitions.endpoint_service(service, region) == expected


def test_an_isolated_network_in_china_gets_endpoints_that_exist() -> None:
    names = {r.inputs["serviceName"] for r in isolated("cn-north-1").of_type("aws:ec2/vpcEndpoint:VpcEndpoint")}
    assert {"com.amazonaws.cn-north-1.s3", "cn.com.amazonaws.cn-north-1.ecr.dkr"} <= names


def test_an_isolated_base_takes_images_of_its_partitions_registry_only() -> None:
    on = isolated("cn-north-1")
    client = "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/psql:17"
    options: dict[str, Any] = {"redis": None, "workers": {}, "beat": None}
    options["release"] = ReleaseOptions(database_client_image=client)
    assert environment("cn-north-1", on, **options).resources
    with pytest.raises(contract.ContractError, match="reach only ECR in cn-north-1"):
        environment("cn-north-1", on, **options, backend_image="123456789012.dkr.ecr.cn-north-1.amazonaws.com/shop:v1")


@pytest.mark.parametrize(
    ("region", "principal"),
    [
        ("us-gov-west-1", {"AWS": "arn:aws-us-gov:iam::048591011584:root"}),
        ("cn-north-1", {"AWS": "arn:aws-cn:iam::638102146993:root"}),
        ("eu-west-1", {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"}),
    ],
)
def test_the_principal_that_writes_the_logs_of_load_balancers_has_permission(
    region: str, principal: dict[str, str]
) -> None:
    result = base(region, kind="prod")
    policies = [json.loads(r.inputs["policy"])["Statement"] for r in result.of_type("aws:s3/bucketPolicy:BucketPolicy")]
    found = [s["Principal"] for policy in policies for s in policy if s["Sid"] == "LoadBalancers"]
    assert found == [principal]


@pytest.mark.parametrize("region", ["us-iso-east-1", "us-isob-east-1", "us-isof-south-1", "eu-isoe-west-1"])
def test_a_partition_that_is_not_supported_is_refused_at_once(region: str) -> None:
    with pytest.raises(ValueError, match=rf"region is '{region}': it belongs to the partition aws-iso"):
        AdHocBaseArgs(region=region)


@pytest.mark.parametrize("region", ["", "Ireland", "eu-west-1a", "eu_west_1"])
def test_text_that_is_no_region_is_refused_at_once(region: str) -> None:
    with pytest.raises(ValueError, match="write a region like eu-west-1"):
        AdHocBaseArgs(region=region)


def test_a_region_that_is_newer_than_the_library_belongs_to_the_usual_partition() -> None:
    assert partitions.of_region("nz-north-1") == "aws"


def test_cloudfront_is_refused_where_it_does_not_exist() -> None:
    on = base("us-gov-west-1")
    with pytest.raises(ValueError, match="cdn is set and the region is us-gov-west-1: CloudFront is not available"):
        environment("us-gov-west-1", on, cdn=CdnOptions())


@pytest.mark.parametrize(("region", "partition"), PARTITIONS.items())
def test_the_deploy_role_reaches_resources_of_its_own_partition(region: str, partition: str) -> None:
    text = json.dumps(deploy_policy.documents(Scope(regions=[region], boundary_arn="", may_adopt=True)))
    assert {part.split(":")[0] for part in text.split('"arn:')[1:]} == {partition}
    assert ('"ec2.amazonaws.com.cn"' in text) is (partition == "aws-cn")


@pytest.mark.parametrize(
    ("zone", "region"),
    [("eu-west-1a", "eu-west-1"), ("us-gov-west-1b", "us-gov-west-1"), ("us-west-2-lax-1a", "us-west-2")],
)
def test_a_zone_names_its_region(zone: str, region: str) -> None:
    assert partitions.region_of_zone(zone) == region
