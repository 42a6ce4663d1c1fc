"""A file system on EFS that the tasks of one environment share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pulumi
import pulumi_aws as aws

from pulumi_django.data.admission import group_for_clients

NFS_PORT = 2049
ThroughputMode = Literal["elastic", "bursting"]

# https://docs.aws.amazon.com/efs/latest/ug/API_LifecyclePolicy.html
INFREQUENT_DAYS = (1, 7, 14, 30, 60, 90, 180, 270, 365)
# https://docs.aws.amazon.com/efs/latest/ug/API_PosixUser.html
MOST_ID = 2**32 - 1
_FOLDER, _PERMISSIONS = "/files", "0750"


@dataclass(frozen=True, kw_only=True)
class FileSystemSettings:
    uid: int = 1000
    """User that owns all files, 0 to 4294967295. Containers read and write as this user, whatever their own user is. Choose it
    before the first file: files keep their owner, and another user cannot read them."""

    gid: int = 1000
    """Group that owns all files, 0 to 4294967295."""

    throughput_mode: ThroughputMode = "elastic"
    """`elastic` bills reads and writes by the GB. `bursting` bills storage only, and a small file system is slow after some
    hours of use."""

    infrequent_access_days: int | None = 30
    """Days without access after which a file moves to cheaper storage: 1, 7, 14, 30, 60, 90, 180, 270 or 365. The first access
    moves it back. None moves no file."""

    backups: bool = False
    """Whether AWS Backup keeps a backup of each day for 35 days."""

    protect: bool = False
    """Whether Pulumi refuses to delete the file system."""

    def __post_init__(self) -> None:
        for name, value in (("uid", self.uid), ("gid", self.gid)):
            if not 0 <= value <= MOST_ID:
                raise ValueError(f"{name} is {value}: it must be 0 to {MOST_ID}")
        days = self.infrequent_access_days
        if days is not None and days not in INFREQUENT_DAYS:
            allowed = ", ".join(map(str, INFREQUENT_DAYS))
            raise ValueError(f"infrequent_access_days is {days}: EFS has {allowed}, or null for never")


@dataclass(frozen=True, kw_only=True)
class FileSystemArgs(FileSystemSettings):
    vpc_id: pulumi.Input[str]
    """VPC of the clients."""

    subnet_ids: pulumi.Input[Sequence[pulumi.Input[str]]]
    """Subnets of the clients, one in each zone."""

    subnet_count: int
    """Number of these subnets."""

    client_security_group_id: pulumi.Input[str]
    """Security group of the clients, the only ones that reach the file system."""

    kms_key_arn: pulumi.Input[str] | None = None
    """KMS key of the files. None uses EFS's own key. A file system that exists keeps its key."""


class FileSystem(pulumi.ComponentResource):
    """An encrypted file system that clients reach in every zone, over TLS, with the rights of their role, through one access
    point."""

    file_system_id: pulumi.Output[str]
    """Id of the file system."""

    file_system_arn: pulumi.Output[str]
    """ARN of the file system."""

    access_point_id: pulumi.Output[str]
    """Id of the access point, which gives every client the same user."""

    access_point_arn: pulumi.Output[str]
    """ARN of the access point."""

    def __init__(self, name: str, args: FileSystemArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:data:FileSystem", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        files = aws.efs.FileSystem(
            name,
            encrypted=True,
            kms_key_id=args.kms_key_arn,
            throughput_mode=args.throughput_mode,
            lifecycle_policies=_lifecycle(args.infrequent_access_days),
            tags={"Name": name},
            # EFS cannot change the key: a file system that exists keeps its own, because another would be an empty one.
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect, ignore_changes=["kmsKeyId"]),
        )
        self.file_system_id, self.file_system_arn = files.id, files.arn
        self._access_point(name, args)
        if args.backups:
            enabled = aws.efs.BackupPolicyBackupPolicyArgs(status="ENABLED")
            aws.efs.BackupPolicy(f"{name}-backups", file_system_id=files.id, backup_policy=enabled, opts=child)
        aws.efs.FileSystemPolicy(f"{name}-policy", file_system_id=files.id, policy=_policy(files.arn), opts=child)
        self._mount_targets(name, args, child)
        self.register_outputs(
            {
                "file_system_id": self.file_system_id,
                "file_system_arn": self.file_system_arn,
                "access_point_id": self.access_point_id,
                "access_point_arn": self.access_point_arn,
            }
        )

    def _access_point(self, name: str, args: FileSystemArgs) -> None:
        point = aws.efs.AccessPoint(
            f"{name}-access",
            file_system_id=self.file_system_id,
            posix_user=aws.efs.AccessPointPosixUserArgs(uid=args.uid, gid=args.gid),
            root_directory=aws.efs.AccessPointRootDirectoryArgs(
                path=_FOLDER,
                creation_info=aws.efs.AccessPointRootDirectoryCreationInfoArgs(
                    owner_uid=args.uid, owner_gid=args.gid, permissions=_PERMISSIONS
                ),
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.access_point_id, self.access_point_arn = point.id, point.arn

    def _mount_targets(self, name: str, args: FileSystemArgs, child: pulumi.ResourceOptions) -> None:
        """Create an address in each subnet, which only the clients reach."""
        group = group_for_clients(
            name,
            vpc_id=args.vpc_id,
            purpose="file system",
            clients=args.client_security_group_id,
            port=NFS_PORT,
            rule="from-tasks",
            description="NFS from tasks",
            opts=child,
        )
        subnets = pulumi.Output.from_input(args.subnet_ids)
        for index in range(args.subnet_count):
            aws.efs.MountTarget(
                f"{name}-{index}",
                file_system_id=self.file_system_id,
                subnet_id=subnets.apply(lambda ids, index=index: ids[index]),
                security_groups=[group.id],
                opts=child,
            )


def _lifecycle(days: int | None) -> list[aws.efs.FileSystemLifecyclePolicyArgs] | None:
    if days is None:
        return None
    plural = "DAY" if days == 1 else "DAYS"
    return [
        aws.efs.FileSystemLifecyclePolicyArgs(transition_to_ia=f"AFTER_{days}_{plural}"),
        aws.efs.FileSystemLifecyclePolicyArgs(transition_to_primary_storage_class="AFTER_1_ACCESS"),
    ]


def _policy(arn: pulumi.Output[str]) -> pulumi.Output[str]:
    """Return the policy of the file system. Without one, every client that reaches it may do everything; with one, IAM decides.
    https://docs.aws.amazon.com/efs/latest/ug/iam-access-control-nfs-efs.html
    """
    never = {
        "Sid": "OnlyEncrypted",
        "Effect": "Deny",
        "Principal": {"AWS": "*"},
        "Action": "*",
        "Resource": arn,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    return pulumi.Output.json_dumps({"Version": "2012-10-17", "Statement": [never]})
