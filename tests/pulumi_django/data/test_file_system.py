"""File systems: encryption, access, backups, and invalid arguments."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pulumi_django import FileSystem, FileSystemArgs
from pulumi_django.testing import SimulationResult, simulate

FILES = "aws:efs/fileSystem:FileSystem"
COMMON: dict[str, Any] = {
    "vpc_id": "vpc-1",
    "subnet_ids": ["subnet-1", "subnet-2"],
    "subnet_count": 2,
    "client_security_group_id": "sg-tasks",
}


def files(**changes: Any) -> SimulationResult:
    return simulate(lambda: (FileSystem("alpha-media", FileSystemArgs(**{**COMMON, **changes})), None)[1])


def test_a_file_system_has_exactly_these_resources() -> None:
    result = files()
    assert {(r.type, r.name) for r in result.resources if not r.type.startswith("pulumi:")} == {
        ("pulumi-django:data:FileSystem", "alpha-media"),
        (FILES, "alpha-media"),
        ("aws:efs/accessPoint:AccessPoint", "alpha-media-access"),
        ("aws:efs/fileSystemPolicy:FileSystemPolicy", "alpha-media-policy"),
        ("aws:efs/mountTarget:MountTarget", "alpha-media-0"),
        ("aws:efs/mountTarget:MountTarget", "alpha-media-1"),
        ("aws:ec2/securityGroup:SecurityGroup", "alpha-media-sg"),
        ("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "alpha-media-from-tasks"),
    }


def test_it_is_encrypted_and_reached_over_nfs_by_the_clients_only() -> None:
    result = files(kms_key_arn="arn:aws:kms:us-east-1:123456789012:key/1")
    inputs = result.one(FILES).inputs
    assert (inputs["encrypted"], inputs["kmsKeyId"]) == (True, "arn:aws:kms:us-east-1:123456789012:key/1")
    rule = result.one("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule").inputs
    assert (rule["referencedSecurityGroupId"], rule["fromPort"], rule["toPort"]) == ("sg-tasks", 2049, 2049)
    group = result.one("aws:ec2/securityGroup:SecurityGroup").id
    targets = result.of_type("aws:efs/mountTarget:MountTarget")
    assert sorted(target.inputs["subnetId"] for target in targets) == ["subnet-1", "subnet-2"]
    assert all(target.inputs["securityGroups"] == [group] for target in targets)


def test_a_file_system_that_exists_keeps_its_key() -> None:
    """EFS would create an empty file system with the other key."""
    made = files(kms_key_arn="arn:aws:kms:us-east-1:123456789012:key/1").one(FILES)
    assert list(made.ignore_changes) == ["kmsKeyId"]


def test_no_client_comes_without_tls_and_none_without_a_role() -> None:
    (statement,) = json.loads(files().one("aws:efs/fileSystemPolicy:FileSystemPolicy").inputs["policy"])["Statement"]
    assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", {"AWS": "*"}, "*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_every_client_is_the_same_user_in_a_folder_of_its_own() -> None:
    inputs = files(uid=10, gid=20).one("aws:efs/accessPoint:AccessPoint").inputs
    assert inputs["posixUser"] == {"uid": 10, "gid": 20}
    assert inputs["rootDirectory"]["creationInfo"] == {"ownerUid": 10, "ownerGid": 20, "permissions": "0750"}


@pytest.mark.parametrize(
    ("days", "policies"),
    [
        (None, None),
        (1, [{"transitionToIa": "AFTER_1_DAY"}, {"transitionToPrimaryStorageClass": "AFTER_1_ACCESS"}]),
        (30, [{"transitionToIa": "AFTER_30_DAYS"}, {"transitionToPrimaryStorageClass": "AFTER_1_ACCESS"}]),
    ],
)
def test_files_without_access_move_to_cheaper_storage_and_back(days: int | None, policies: Any) -> None:
    assert files(infrequent_access_days=days).one(FILES).inputs.get("lifecyclePolicies") == policies


def test_backups_are_on_or_off() -> None:
    (policy,) = files(backups=True).of_type("aws:efs/backupPolicy:BackupPolicy")
    assert policy.inputs["backupPolicy"] == {"status": "ENABLED"}
    assert not files().of_type("aws:efs/backupPolicy:BackupPolicy")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"uid": -1}, "uid is -1: it must be 0 to 4294967295"),
        ({"gid": 2**32}, "gid is 4294967296: it must be 0 to 4294967295"),
        (
            {"infrequent_access_days": 2},
            "infrequent_access_days is 2: EFS has 1, 7, 14, 30, 60, 90, 180, 270, 365, or null for never",
        ),
    ],
)
def test_values_that_efs_does_not_have_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        files(**changes)
    assert str(refused.value) == message
