"""Orphans are deleted in order, with retries and one result for each, on an emulated AWS."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from orchestrator.recovery import arns
from orchestrator.recovery.adoption import NotFound, find_pending
from orchestrator.recovery.deleters import DELETERS
from orchestrator.recovery.deletion import Deletion, Outcome, delete_orphans
from orchestrator.recovery.orphans import Orphan, OrphanSearch, find_orphans
from tests.support import aws_operations as make_operations
from tests.support import aws_resources as make
from tests.support.aws import client, pairs
from tests.support.aws_catalog import LISTED, TAGGED
from tests.support.deployments import TAGS, deployment, pending

PROD = {**TAGS, "kind": "prod"}


@pytest.fixture(autouse=True)
def _aws() -> Iterator[None]:
    with mock_aws():
        yield


def search() -> OrphanSearch:
    return find_orphans(client, lambda: [])


def delete(**options: Any) -> tuple[Deletion, ...]:
    return delete_orphans(search().orphans, client, sleep=lambda _seconds: None, **options)


def orphan(arn: str, type_: str, **tags: str) -> Orphan:
    return Orphan(arn=arn, type=type_, tags={**TAGS, **tags}, environment="alpha", base="dev")


GOES = [name for name in TAGGED if name in LISTED]


@pytest.mark.parametrize("name", GOES)
def test_every_type_is_deleted_among_related_resources(name: str) -> None:
    TAGGED[name][1](TAGS)
    deletions = delete()
    assert deletions
    assert [item for item in deletions if item.outcome is not Outcome.DELETED] == []
    assert search().orphans == ()


def test_a_whole_environment_is_deleted_in_order() -> None:
    for name in ("service", "listener_rule", "nat_gateway", "role", "database", "ingress_from_group"):
        TAGGED[name][1](TAGS)
    told: list[str] = []
    deletions = delete(report=lambda deletion: told.append(deletion.orphan.type))
    assert {item.outcome for item in deletions} == {Outcome.DELETED}
    assert search().orphans == ()
    assert told == [item.orphan.type for item in deletions]
    places = [DELETERS[type_][0] for type_ in told]
    assert places == sorted(places)
    order = ["ecs:service", "ecs:cluster", "elasticloadbalancing:loadbalancer", "rds:db", "ec2:natgateway"]
    assert [type_ for type_ in dict.fromkeys(told) if type_ in order] == order
    assert told[-2:] == ["ec2:vpc", "iam:role"]


def test_groups_whose_rules_name_each_other_are_deleted() -> None:
    ec2 = client("ec2")
    groups = [
        ec2.create_security_group(GroupName=name, Description="x", TagSpecifications=make.spec("security-group", TAGS))[
            "GroupId"
        ]
        for name in ("a", "b")
    ]
    for one, other in (groups, reversed(groups)):
        ec2.authorize_security_group_ingress(
            GroupId=one,
            IpPermissions=[{"IpProtocol": "tcp", "FromPort": 1, "ToPort": 1, "UserIdGroupPairs": [{"GroupId": other}]}],
        )
    assert {item.outcome for item in delete()} == {Outcome.DELETED}
    assert search().orphans == ()


def test_a_role_is_deleted_with_its_policies_and_profile_and_a_bucket_with_every_version() -> None:
    iam, s3 = client("iam"), client("s3")
    make.role(TAGS)
    make.instance_profile(TAGS)
    arn, _ = make.policy(TAGS)
    iam.add_role_to_instance_profile(InstanceProfileName="dev-bastion", RoleName="alpha-task-1")
    iam.attach_role_policy(RoleName="alpha-task-1", PolicyArn=arn)
    iam.put_role_policy(RoleName="alpha-task-1", PolicyName="own", PolicyDocument=make.DENY)
    make.bucket(TAGS)
    s3.put_bucket_versioning(Bucket="alpha-assets-1", VersioningConfiguration={"Status": "Enabled"})
    for body in (b"1", b"2"):
        s3.put_object(Bucket="alpha-assets-1", Key="a", Body=body)
    s3.delete_object(Bucket="alpha-assets-1", Key="a")
    assert {item.outcome for item in delete()} == {Outcome.DELETED}
    assert search().orphans == ()


def test_production_keeps_its_data() -> None:
    arn, _ = make.secret(PROD)
    make.database(PROD)
    make.bucket(PROD)
    client("s3").put_object(Bucket="alpha-assets-1", Key="a", Body=b"1")
    results = {item.orphan.arn: item for item in delete()}
    kept = results["arn:aws:s3:::alpha-assets-1"]
    assert (kept.outcome, kept.reason) == (
        Outcome.KEPT,
        "it is a bucket of production and contains objects: empty it first",
    )
    assert client("s3").list_objects_v2(Bucket="alpha-assets-1")["KeyCount"] == 1
    assert client("secretsmanager").describe_secret(SecretId=arn)["DeletedDate"]
    snapshots = client("rds").describe_db_snapshots()["DBSnapshots"]
    assert [snapshot["DBSnapshotIdentifier"] for snapshot in snapshots] == ["dev-rds-orphan"]


def test_an_ad_hoc_database_leaves_no_snapshot_and_a_secret_is_deleted_at_once() -> None:
    arn, _ = make.secret(TAGS)
    make.database(TAGS)
    delete()
    assert client("rds").describe_db_snapshots()["DBSnapshots"] == []
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        client("secretsmanager").describe_secret(SecretId=arn)


def test_deletion_protection_is_never_switched_off() -> None:
    make.database(TAGS)
    client("rds").modify_db_instance(DBInstanceIdentifier="dev-rds", DeletionProtection=True)
    (result,) = delete()
    assert result.outcome is Outcome.FAILED
    assert "Cannot delete protected DB Instance" in str(result.reason)


class Refusing:
    """A client whose calls fail with one error code after another, then succeed."""

    def __init__(self, *codes: str) -> None:
        self.codes = list(codes)
        self.calls: list[str] = []

    def __getattr__(self, operation: str) -> Any:
        def call(**parameters: Any) -> dict[str, Any]:
            self.calls.append(str(next(iter(parameters.values()))))
            if self.codes:
                raise ClientError({"Error": {"Code": self.codes.pop(0), "Message": "held"}}, operation)
            return {}

        return call


TOPIC = orphan("arn:aws:sns:us-east-1:1:t", "sns:topic")
SUBNET = orphan("arn:aws:ec2:us-east-1:1:subnet/subnet-1", "ec2:subnet")


def test_a_resource_in_use_is_retried_after_a_pause() -> None:
    refusing, pauses = Refusing("DependencyViolation", "Throttling"), list[float]()
    (result,) = delete_orphans([SUBNET], lambda _service: refusing, sleep=pauses.append)
    assert result.outcome is Outcome.DELETED
    assert pauses == [20, 20]


def test_a_resource_that_stays_in_use_fails_with_the_reason_when_time_is_up() -> None:
    refusing, pauses = Refusing(*["DependencyViolation"] * 99), list[float]()
    (result,) = delete_orphans([SUBNET], lambda _service: refusing, sleep=pauses.append, patience_seconds=60)
    assert (result.outcome, result.reason) == (Outcome.FAILED, "DependencyViolation: held")
    assert pauses == [20, 20, 20]


def test_a_failure_stops_nothing_and_is_not_tried_again() -> None:
    refusing = Refusing("AccessDenied")
    results = delete_orphans([SUBNET, TOPIC], lambda _service: refusing, sleep=lambda _seconds: None)
    assert [(item.orphan, item.outcome) for item in results] == [(TOPIC, Outcome.FAILED), (SUBNET, Outcome.DELETED)]
    assert results[0].reason == "AccessDenied: held"


@pytest.mark.parametrize("code", ["InvalidSubnetID.NotFound", "NoSuchEntity", "ResourceNotFoundException", "404"])
def test_a_resource_that_no_longer_exists_counts_as_deleted(code: str) -> None:
    (result,) = delete_orphans([SUBNET], lambda _service: Refusing(code))
    assert result.outcome is Outcome.DELETED


def test_a_type_that_is_not_deleted_from_here_is_kept() -> None:
    snapshot = orphan("arn:aws:rds:us-east-1:1:snapshot:mine", "rds:snapshot")
    (result,) = delete_orphans([snapshot], lambda _service: Refusing())
    assert (result.outcome, result.reason) == (Outcome.KEPT, "deleting rds:snapshot is not supported")


def test_nothing_to_delete_is_nothing_done() -> None:
    assert delete_orphans([], client) == ()


def test_a_scalable_target_and_a_topic_of_the_same_environment_go_first_and_last() -> None:
    make.service(TAGS)
    scaling = client("application-autoscaling")
    scaling.register_scalable_target(
        ServiceNamespace="ecs",
        ResourceId="service/alpha-cluster/alpha-web",
        ScalableDimension="ecs:service:DesiredCount",
        MinCapacity=1,
        MaxCapacity=2,
    )
    (target,) = scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"]
    found = orphan(target["ScalableTargetARN"], "application-autoscaling:scalable-target")
    results = delete_orphans([*search().orphans, found], client, sleep=lambda _seconds: None)
    assert results[0].orphan == found
    assert scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"] == []


def test_a_distribution_is_switched_off_first() -> None:
    cloudfront = client("cloudfront")
    config = {
        "CallerReference": "1",
        "Comment": "x",
        "Enabled": True,
        "Origins": {"Quantity": 1, "Items": [{"Id": "o", "DomainName": "o.s3.amazonaws.com"}]},
        "DefaultCacheBehavior": {"TargetOriginId": "o", "ViewerProtocolPolicy": "https-only"},
    }
    tagged = {"DistributionConfig": config, "Tags": {"Items": pairs(TAGS)}}
    cloudfront.create_distribution_with_tags(DistributionConfigWithTags=tagged)
    assert [item.outcome for item in delete()] == [Outcome.DELETED]
    assert search().orphans == ()


ACCOUNT = "us-east-1:123456789012"


@pytest.mark.parametrize(
    ("name", "arn"),
    [
        ("access_point", f"arn:aws:elasticfilesystem:{ACCOUNT}:access-point/{{id}}"),
        ("file_system", f"arn:aws:elasticfilesystem:{ACCOUNT}:file-system/{{id}}"),
        ("aurora", f"arn:aws:rds:{ACCOUNT}:cluster:{{id}}"),
        ("email_identity", f"arn:aws:ses:{ACCOUNT}:identity/{{id}}"),
        ("event_rule", f"arn:aws:events:{ACCOUNT}:rule/{{id}}"),
        ("listener", "{id}"),
        ("listener_rule", "{id}"),
        ("log_destination", f"arn:aws:logs:{ACCOUNT}:delivery-destination:{{id}}"),
        ("parameter_group", f"arn:aws:rds:{ACCOUNT}:pg:{{id}}"),
        ("repository", f"arn:aws:ecr:{ACCOUNT}:repository/{{id}}"),
        ("subnet_group", f"arn:aws:rds:{ACCOUNT}:subgrp:{{id}}"),
        ("web_acl", f"arn:aws:wafv2:{ACCOUNT}:regional/webacl/dev-web/{{id}}"),
    ],
)
def test_a_type_that_the_emulator_does_not_list_is_deleted_too(name: str, arn: str) -> None:
    type_, maker = TAGGED[name]
    id_, inputs = maker(TAGS)
    (result,) = delete_orphans([orphan(arn.format(id=id_), arns.type_of(arn.format(id=id_)))], client)
    assert (result.outcome, result.reason) == (Outcome.DELETED, None)
    (found,) = find_pending(deployment(pending(type_, "it", **inputs)), client)
    assert isinstance(found, NotFound)


def test_a_file_system_goes_with_its_addresses_and_that_of_production_stays() -> None:
    make.mount_target(TAGS)
    (files,) = client("efs").describe_file_systems()["FileSystems"]
    arn = f"arn:aws:elasticfilesystem:{ACCOUNT}:file-system/{files['FileSystemId']}"
    of_production = {"kind": "prod"}
    (kept,) = delete_orphans([orphan(arn, "elasticfilesystem:file-system", **of_production)], client)
    assert (kept.outcome, str(kept.reason)[:36]) == (Outcome.KEPT, "it is a file system of production: d")
    assert client("efs").describe_file_systems()["FileSystems"]
    (gone,) = delete_orphans([orphan(arn, "elasticfilesystem:file-system")], client, sleep=lambda _seconds: None)
    assert gone.outcome is Outcome.DELETED
    assert client("efs").describe_file_systems()["FileSystems"] == []


def test_a_repository_of_production_with_images_is_kept() -> None:
    make_operations.repository(PROD)
    client("ecr").put_image(
        repositoryName="shop",
        imageTag="1",
        imageManifest='{"schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json", '
        '"config": {"mediaType": "application/vnd.docker.container.image.v1+json", "size": 1, "digest": "sha256:1"}, '
        '"layers": []}',
    )
    shop = orphan(f"arn:aws:ecr:{ACCOUNT}:repository/shop", "ecr:repository", kind="prod")
    (result,) = delete_orphans([shop], client)
    assert (result.outcome, result.reason) == (
        Outcome.KEPT,
        "it is a repository of production and contains images: empty it first",
    )
