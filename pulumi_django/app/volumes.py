"""The volumes of an environment: file systems that the tasks of Django's image share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi

from pulumi_django.app.arguments import AppArgs
from pulumi_django.app.environment import Environment
from pulumi_django.contract import ContractError
from pulumi_django.data.file_system import FileSystem, FileSystemArgs, FileSystemSettings
from pulumi_django.ecs import volumes as task_volumes
from pulumi_django.ecs.read_only import AGENT_PATHS, PATH, volume
from pulumi_django.ecs.roles import Statement, allow
from pulumi_django.ecs.volumes import EfsVolume
from pulumi_django.rules import naming
from pulumi_django.rules.fields import passed
from pulumi_django.rules.partitions import of_region

RESERVED = ("database", *(volume(path) for path in (PATH, *AGENT_PATHS)))
"""Names of volumes that a task, or the environment on a developer's machine, has already."""

Volumes = Mapping[str, FileSystem]
"""File systems by the name of the volume."""


def check(name: str, args: AppArgs) -> None:
    """Raise ValueError or ContractError for volumes, mounts and limits that cannot work."""
    for volume_name in args.volumes:
        naming.check_service_name(volume_name, "volumes", "volume")
        if volume_name in RESERVED:
            raise ValueError(f"volumes has {volume_name!r}, a name that tasks use themselves: give it another")
    if args.volumes and subnet_count(args) is None:
        raise ContractError(
            f"{name} cannot have volumes: its base {args.base.base_stack_name} does not export private_subnet_count; run "
            f"`orchestrator update-base {args.base.base_stack_name}` first"
        )
    for key, mounts in args.mounts.items():
        own = args.sized.get(key)
        if mounts and key.partition(".")[0] == "frontend":
            raise ValueError(f"{key}.mounts is set: only tasks with Django's image have rights on volumes")
        task_volumes.check(key, mounts, own.ulimits if own is not None else {}, args.volumes)
        needed = (PATH, *(AGENT_PATHS if args.exec_enabled else ())) if args.read_only_root and own is not None else ()
        for path in sorted({*needed} & {mount.path for mount in mounts.values()}):
            raise ValueError(f"{key}.mounts has {path}, which read_only_root needs: choose another path")


def subnet_count(args: AppArgs) -> int | None:
    """Return the number of the base's private subnets; None when a base of an older version does not name it."""
    subnets = args.base.private_subnet_ids
    return len(subnets) if isinstance(subnets, list | tuple) else args.base.private_subnet_count


def create(env: Environment, client_security_group_id: pulumi.Input[str]) -> Volumes:
    """Create the file systems, which only the environment's own tasks reach."""
    return {
        name: FileSystem(
            f"{env.name}-{name}-files",
            FileSystemArgs(
                vpc_id=env.base.vpc_id,
                subnet_ids=env.base.private_subnet_ids,
                subnet_count=subnet_count(env.args) or 0,
                client_security_group_id=client_security_group_id,
                kms_key_arn=env.base.kms_key_arn,
                **passed(FileSystemSettings, options),
            ),
            env.opts,
        )
        for name, options in sorted(env.args.volumes.items())
    }


def mountable(volumes: Volumes) -> dict[str, EfsVolume]:
    """Return the file systems for task definitions."""
    return {
        name: EfsVolume(file_system_id=files.file_system_id, access_point_id=files.access_point_id)
        for name, files in volumes.items()
    }


def statements(args: AppArgs, volumes: Volumes) -> Sequence[Statement]:
    """Return the rights of the tasks: each file system through its access point, to write where a mount writes."""
    return _statements(args, {name: (it.file_system_arn, it.access_point_arn) for name, it in volumes.items()})


def largest_statements(args: AppArgs) -> Sequence[Statement]:
    """Return statements of the size that these will have, before any file system exists."""
    region = args.base.region
    start = f"arn:{of_region(region)}:elasticfilesystem:{region}:{'0' * 12}"
    example = (f"{start}:file-system/fs-{'0' * 17}", f"{start}:access-point/fsap-{'0' * 17}")
    return _statements(args, dict.fromkeys(args.volumes, example))


def _statements(args: AppArgs, arns: Mapping[str, tuple[Any, Any]]) -> list[Statement]:
    used = [(name, mount) for mounts in args.mounts.values() for name, mount in mounts.items()]
    rights = (
        ("Volumes", "elasticfilesystem:ClientMount", {name for name, _ in used}),
        ("VolumesWrite", "elasticfilesystem:ClientWrite", {name for name, mount in used if not mount.read_only}),
    )
    return [
        {
            **allow(sid, [action], [arns[name][0] for name in sorted(names)]),
            "Condition": {
                "StringEquals": {"elasticfilesystem:AccessPointArn": [arns[name][1] for name in sorted(names)]}
            },
        }
        for sid, action, names in rights
        if names
    ]
