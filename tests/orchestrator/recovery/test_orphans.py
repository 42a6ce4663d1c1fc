"""Tagged resources that no stack has, on an emulated AWS."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from orchestrator.recovery.orphans import Orphan, find_orphans
from tests.support.aws import client, pairs
from tests.support.aws_catalog import LISTED, TAGGED
from tests.support.aws_resources import bucket, database, instance, nat_gateway, role, secret, topic
from tests.support.deployments import TAGS, deployment, pending, resource


@pytest.fixture(autouse=True)
def _aws() -> Iterator[None]:
    with mock_aws():
        yield


def types(*deployments: dict[str, Any], base: str | None = None) -> list[str]:
    search = find_orphans(client, lambda: deployments, base=base)
    assert search.problems == ()
    return [orphan.type for orphan in search.orphans]


@pytest.mark.parametrize(("name", "arn_type"), LISTED.items())
def test_a_resource_is_an_orphan_exactly_when_no_stack_has_it(name: str, arn_type: str) -> None:
    type_, make = TAGGED[name]
    make(TAGS)
    orphans = find_orphans(client, lambda: []).orphans
    mine = {orphan.arn for orphan in orphans if orphan.type == arn_type}
    assert mine
    known = [{**resource(type_, arn, "some-id"), "outputs": {"arn": arn}} for arn in mine]
    after = find_orphans(client, lambda: [deployment(resources=tuple(known))]).orphans
    assert {orphan.arn for orphan in orphans} - {orphan.arn for orphan in after} == mine


def test_an_orphan_tells_where_it_comes_from() -> None:
    arn, _ = topic(TAGS)
    search = find_orphans(client, lambda: [])
    assert search.orphans == (Orphan(arn=arn, type="sns:topic", tags=TAGS, environment="alpha", base="dev"),)
    assert search.orphans[0].name == "dev-alarms"


def test_other_peoples_resources_are_never_orphans() -> None:
    topic({"base": "dev", "managed-by": "terraform"})
    client("sns").create_topic(Name="by-hand")
    client("iam").create_role(RoleName="by-hand", AssumeRolePolicyDocument="{}")
    assert types() == []


def test_a_search_can_be_limited_to_one_base() -> None:
    topic(TAGS)
    client("sns").create_topic(Name="other", Tags=pairs({**TAGS, "base": "qa"}))
    role({**TAGS, "base": "qa"})
    assert types() == ["sns:topic", "iam:role", "sns:topic"]
    assert types(base="dev") == ["sns:topic"]
    assert types(base="qa") == ["iam:role", "sns:topic"]


def test_a_resource_without_an_arn_in_the_state_is_matched_by_its_id() -> None:
    id_, _ = nat_gateway(TAGS)
    assert "ec2:natgateway" in types()
    assert "ec2:natgateway" not in types(deployment(resources=(resource("aws:ec2/natGateway:NatGateway", "n", id_),)))


def test_an_id_matches_only_within_its_service() -> None:
    bucket(TAGS)
    assert types(deployment(resources=(resource("aws:iam/role:Role", "r", "alpha-assets-1"),))) == ["s3:bucket"]
    assert types(deployment(resources=(resource("aws:s3/bucket:Bucket", "b", "alpha-assets-1"),))) == []


def test_a_resource_that_may_belong_to_a_pending_create_is_not_an_orphan() -> None:
    topic(TAGS)
    assert types(deployment(pending("aws:sns/topic:Topic", "t", name="dev-alarms"))) == []
    assert types(deployment(pending("aws:sqs/queue:Queue", "q"))) == ["sns:topic"]
    assert types(deployment(pending("aws:sns/topic:Topic", "t"), tags={**TAGS, "environment": "beta"})) == ["sns:topic"]


def test_a_resource_that_waits_for_deletion_in_a_state_is_not_an_orphan() -> None:
    arn, _ = topic(TAGS)
    assert types(deployment(resources=({**resource("aws:sns/topic:Topic", "t", arn), "delete": True},))) == []


def test_states_are_read_after_aws_to_include_resources_created_meanwhile() -> None:
    def deployments() -> list[dict[str, Any]]:
        return [deployment(resources=(resource("aws:sns/topic:Topic", "t", topic(TAGS)[0]),))]

    assert find_orphans(client, deployments).orphans == ()


def test_a_deleted_resource_that_is_still_listed_is_not_an_orphan() -> None:
    instance_id, _ = instance(TAGS)
    client("ec2").terminate_instances(InstanceIds=[instance_id])
    gateway, _ = nat_gateway(TAGS)
    client("ec2").delete_nat_gateway(NatGatewayId=gateway)
    arn, _ = secret(TAGS)
    client("secretsmanager").delete_secret(SecretId=arn)
    found = types()
    assert "ec2:instance" not in found
    assert "ec2:natgateway" not in found
    assert found.count("secretsmanager:secret") == 1


def test_a_part_of_another_resource_is_not_an_orphan() -> None:
    client("secretsmanager").create_secret(
        Name="rds!db-1", SecretString="x", Tags=pairs({**TAGS, "aws:secretsmanager:owningService": "rds"})
    )
    id_, _ = instance(TAGS)
    client("ec2").create_tags(Resources=[id_], Tags=[{"Key": "aws:autoscaling:groupName", "Value": "dev-instances"}])
    assert "ec2:instance" not in types()
    client("ec2").terminate_instances(InstanceIds=[id_])
    database(TAGS)
    client("rds").create_db_snapshot(DBSnapshotIdentifier="mine", DBInstanceIdentifier="dev-rds", Tags=pairs(TAGS))
    assert [type_ for type_ in types() if not type_.startswith("ec2:")] == ["rds:db", "rds:snapshot"]


def test_a_failed_search_is_reported_and_hides_no_other_orphan() -> None:
    arn, _ = topic(TAGS)

    def some(service: str) -> Any:
        if service == "iam":
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "ListRoles")
        return client(service)

    search = find_orphans(some, lambda: [])
    assert [orphan.arn for orphan in search.orphans] == [arn]
    assert search.problems == (
        "IAM roles could not be searched: AccessDenied: no",
        "IAM policies could not be searched: AccessDenied: no",
        "IAM instance profiles could not be searched: AccessDenied: no",
    )


def test_more_resources_than_a_page_holds_are_all_found() -> None:
    for number in range(130):
        client("sns").create_topic(Name=f"topic-{number}", Tags=pairs(TAGS))
    assert types() == ["sns:topic"] * 130
