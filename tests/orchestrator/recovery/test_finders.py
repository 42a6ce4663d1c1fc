"""Every finder finds the resource of a pending create among others, on an emulated AWS."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from moto import mock_aws

from orchestrator.recovery.adoption import Adoption, NotFound, Undecided, find_pending
from orchestrator.recovery.finders import FINDERS, REPEATABLE
from orchestrator.recovery.state_edit import adopted_state
from tests.support.aws import client
from tests.support.aws_catalog import TAGGED, UNTAGGED
from tests.support.aws_operations import task_definition
from tests.support.aws_resources import cluster, instance, secret, topic, zone
from tests.support.deployments import TAGS, deployment, pending, resource

OTHERS = {**TAGS, "environment": "beta"}


@pytest.fixture(autouse=True)
def _aws() -> Iterator[None]:
    with mock_aws():
        yield


@pytest.mark.parametrize("name", [*TAGGED, *UNTAGGED])
def test_a_created_resource_is_found_with_its_id_in_the_state(name: str) -> None:
    type_, make = {**TAGGED, **UNTAGGED}[name]
    id_, inputs = make(TAGS)
    state = deployment(pending(type_, "it", **inputs))
    (found,) = find_pending(state, client)
    assert isinstance(found, Adoption)
    assert (found.type, found.physical_id) == (type_, id_)


@pytest.mark.parametrize("name", TAGGED)
def test_the_same_with_the_tags_of_another_environment_is_never_adopted(name: str) -> None:
    type_, make = TAGGED[name]
    _, inputs = make(OTHERS)
    (result,) = find_pending(deployment(pending(type_, "it", **inputs)), client)
    assert isinstance(result, NotFound)


@pytest.mark.parametrize("type_", FINDERS)
def test_an_empty_account_and_a_create_without_inputs_find_nothing(type_: str) -> None:
    (result,) = find_pending(deployment(pending(type_, "it")), client)
    assert not isinstance(result, Adoption)


@pytest.mark.parametrize("type_", REPEATABLE)
def test_a_type_that_can_be_created_twice_is_not_searched(type_: str) -> None:
    def no_aws(service: str) -> Any:
        raise AssertionError(service)

    (result,) = find_pending(deployment(pending(type_, "it")), no_aws)
    assert isinstance(result, NotFound)
    assert result.reason == REPEATABLE[type_]
    assert type_ not in FINDERS


def test_a_record_is_found_by_its_zone_name_and_type() -> None:
    route53 = client("route53")
    id_, _ = zone(TAGS)
    for name, kind, value in (("*.example.com", "CNAME", "a."), ("a.example.com", "A", "10.0.0.1")):
        records = {"Name": name, "Type": kind, "TTL": 60, "ResourceRecords": [{"Value": value}]}
        batch = {"Changes": [{"Action": "CREATE", "ResourceRecordSet": records}]}
        route53.change_resource_record_sets(HostedZoneId=id_, ChangeBatch=batch)
    record = "aws:route53/record:Record"
    results = find_pending(
        deployment(
            pending(record, "star", zoneId=id_, name="*.example.com", type="CNAME"),
            pending(record, "a", zoneId=id_, name="A.example.com.", type="A"),
            pending(record, "other", zoneId=id_, name="a.example.com", type="AAAA"),
        ),
        client,
    )
    ids = [getattr(result, "physical_id", None) for result in results]
    assert ids == [f"{id_}_*.example.com_CNAME", f"{id_}_a.example.com._A", None]


def test_a_resource_that_is_being_deleted_is_not_adopted() -> None:
    arn, inputs = cluster(TAGS)
    client("ecs").delete_cluster(cluster=arn)
    id_, like = instance(TAGS)
    client("ec2").terminate_instances(InstanceIds=[id_])
    made, named = secret(TAGS)
    client("secretsmanager").delete_secret(SecretId=made, RecoveryWindowInDays=7)
    results = find_pending(
        deployment(
            pending("aws:ecs/cluster:Cluster", "c", **inputs),
            pending("aws:ec2/instance:Instance", "i", **like),
            pending("aws:secretsmanager/secret:Secret", "s", **named),
        ),
        client,
    )
    assert [type(result) for result in results] == [NotFound, NotFound, NotFound]


def test_a_service_that_refuses_makes_its_resources_undecided_and_stops_nothing() -> None:
    id_, inputs = topic(TAGS)

    def some(service: str) -> Any:
        if service == "ecs":
            from botocore.exceptions import ClientError

            error = {"Error": {"Code": "AccessDeniedException", "Message": "not\nallowed"}}
            raise ClientError(error, "DescribeClusters")  # pyright: ignore[reportArgumentType]
        return client(service)

    refused, found = find_pending(
        deployment(
            pending("aws:ecs/cluster:Cluster", "c", name="alpha-cluster"), pending("aws:sns/topic:Topic", "t", **inputs)
        ),
        some,
    )
    assert isinstance(refused, Undecided)
    assert refused.reason == "AWS did not answer: AccessDeniedException: not allowed"
    assert isinstance(found, Adoption)
    assert found.physical_id == id_


def test_an_unknown_type_is_undecided_and_a_type_outside_aws_harmless() -> None:
    unknown, password = find_pending(
        deployment(pending("aws:qldb/ledger:Ledger", "l"), pending("random:index/randomPassword:RandomPassword", "p")),
        client,
    )
    assert isinstance(unknown, Undecided)
    assert unknown.reason == "this type cannot be searched in AWS"
    assert isinstance(password, NotFound)
    assert password.reason == "it exists in the state only, not in AWS"


def test_of_several_revisions_the_newest_that_no_state_knows_is_adopted_by_its_arn() -> None:
    for _ in range(4):
        task_definition(TAGS)
    arns = [f"arn:aws:ecs:us-east-1:123456789012:task-definition/alpha-web:{number}" for number in (1, 2, 3, 4)]
    client("ecs").deregister_task_definition(taskDefinition=arns[3])
    known = resource("aws:ecs/taskDefinition:TaskDefinition", "old", "alpha-web", family="alpha-web")
    known["outputs"]["arn"] = arns[0]
    state = deployment(pending("aws:ecs/taskDefinition:TaskDefinition", "web", family="alpha-web"), resources=(known,))
    (found,) = find_pending(state, client)
    assert isinstance(found, Adoption)
    assert (found.physical_id, found.outputs) == ("alpha-web", {"arn": arns[2]})
    assert adopted_state(state, [found])["resources"][-1]["outputs"] == {"family": "alpha-web", "arn": arns[2]}
