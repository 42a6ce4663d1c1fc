"""File systems in a task definition, and the limits of a container's processes."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from pulumi_django.ecs import read_only

# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Ulimit.html
ULIMITS = (
    *("core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc", "rss", "rtprio"),
    *("rttime", "sigpending", "stack"),
)
MOST = 2**31 - 1
_PATH = re.compile(r"(?:/[A-Za-z0-9_.-]+)+", re.ASCII)
_SYSTEM = ("/dev", "/etc", "/proc", "/sys", "/bin", "/lib", "/sbin", "/usr")
"""Folders without which no container starts."""


@dataclass(frozen=True, kw_only=True)
class Mount:
    """The place of a volume in a container."""

    path: str
    """Folder in the container, such as `/app/media`. The volume hides the files that the image has there."""

    read_only: bool = False
    """Whether the container can only read the files."""

    def __post_init__(self) -> None:
        if not _PATH.fullmatch(self.path) or {".", ".."} & {*self.path.split("/")}:
            raise ValueError(f"path is {self.path!r}: it must be a whole path such as '/app/media'")
        if self.path in _SYSTEM:
            raise ValueError(f"path is {self.path!r}: a container needs the files that its image has there")


@dataclass(frozen=True, kw_only=True)
class Ulimit:
    """A limit of the processes in a container."""

    soft: int
    """The limit, 0 or more; -1 is no limit."""

    hard: int | None = None
    """The most to which a process can raise it. None is `soft`."""

    def __post_init__(self) -> None:
        for name, value in (("soft", self.soft), ("hard", self.highest)):
            if not -1 <= value <= MOST:
                raise ValueError(f"{name} is {value}: it must be 0 to {MOST}, or -1 for no limit")
        if self.highest != -1 and (self.soft == -1 or self.soft > self.highest):
            raise ValueError(f"soft is {self.soft} and hard is {self.highest}: soft must not exceed hard")

    @property
    def highest(self) -> int:
        """The hard limit."""
        return self.soft if self.hard is None else self.hard


@dataclass(frozen=True, kw_only=True)
class EfsVolume:
    """A file system of EFS that tasks mount through an access point, over TLS and with the rights of their role."""

    file_system_id: pulumi.Input[str]
    access_point_id: pulumi.Input[str]


def check(where: str, mounts: Mapping[str, Mount], ulimits: Mapping[str, Ulimit], volumes: Collection[str]) -> None:
    """Raise ValueError for mounts of other volumes, two at one path, and limits that do not exist. `where` is the key of the
    container in messages."""
    paths: dict[str, str] = {}
    for name, mount in mounts.items():
        if name not in volumes:
            known = ", ".join(sorted(volumes)) or "none"
            raise ValueError(f"{where}.mounts has {name!r}, and the volumes are {known}: name one of them")
        other = paths.setdefault(mount.path, name)
        if other != name:
            raise ValueError(f"{where}.mounts has {other} and {name} at {mount.path}: give each its own path")
    for name in ulimits:
        if name not in ULIMITS:
            raise ValueError(f"{where}.ulimits has {name!r}: it must be one of {', '.join(ULIMITS)}")


def mount_points(mounts: Mapping[str, Mount]) -> list[dict[str, Any]]:
    """Return the mounts in the form of ECS's API."""
    return [
        {"sourceVolume": name, "containerPath": mount.path, "readOnly": mount.read_only}
        for name, mount in sorted(mounts.items())
    ]


def ulimits(limits: Mapping[str, Ulimit]) -> list[dict[str, Any]]:
    """Return the limits in the form of ECS's API."""
    return [
        {"name": name, "softLimit": limit.soft, "hardLimit": limit.highest} for name, limit in sorted(limits.items())
    ]


def definitions(
    mounted: Collection[str], volumes: Mapping[str, EfsVolume], writable_paths: Sequence[str]
) -> list[aws.ecs.TaskDefinitionVolumeArgs] | None:
    """Return the volumes of a task: its own for `writable_paths`, then those that its containers mount."""
    own = [aws.ecs.TaskDefinitionVolumeArgs(name=read_only.volume(path)) for path in writable_paths]
    return [*own, *(_efs(name, volumes[name]) for name in sorted(mounted))] or None


def _efs(name: str, volume: EfsVolume) -> aws.ecs.TaskDefinitionVolumeArgs:
    # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/efs-volumes.html
    return aws.ecs.TaskDefinitionVolumeArgs(
        name=name,
        efs_volume_configuration=aws.ecs.TaskDefinitionVolumeEfsVolumeConfigurationArgs(
            file_system_id=volume.file_system_id,
            transit_encryption="ENABLED",
            authorization_config=aws.ecs.TaskDefinitionVolumeEfsVolumeConfigurationAuthorizationConfigArgs(
                access_point_id=volume.access_point_id, iam="ENABLED"
            ),
        ),
    )
