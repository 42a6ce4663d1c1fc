"""Containers that can write only to a few folders, such as `/tmp`: an attacker cannot change the program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

PATH = "/tmp"
# The agent of ECS Exec runs as root in the container, and writes to these folders.
# https://github.com/aws/containers-roadmap/issues/1359
AGENT_PATHS = ("/managed-agents", "/var/lib/amazon/ssm", "/var/log/amazon/ssm")
PREPARING = "prepare-tmp"
"""Name of the container that gives every user write access to `/tmp` and then ends."""


def volume(path: str) -> str:
    """Return the name of the volume at `path`. Each task has its own, on its encrypted ephemeral storage."""
    return path.strip("/").replace("/", "-")


def read_only(
    own: Mapping[str, Any], containers: list[dict[str, Any]], writable_paths: Sequence[str]
) -> list[dict[str, Any]]:
    """Return the containers of a task whose own container `own` can write only below `writable_paths`. If `/tmp` is one of
    these, the last container prepares it.

    A new volume belongs to root, so a container of the same image first makes `/tmp` writable.
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/bind-mounts.html
    """
    mounts = [*(_mount(path) for path in writable_paths), *own.get("mountPoints", [])]
    locked = {**own, "readonlyRootFilesystem": True, "mountPoints": mounts}
    others = [container for container in containers if container is not own]
    if PATH not in writable_paths:
        return [locked, *others]
    ready = {"containerName": PREPARING, "condition": "SUCCESS"}
    return [{**locked, "dependsOn": [*own.get("dependsOn", []), ready]}, *others, _preparing(own)]


def _mount(path: str) -> dict[str, Any]:
    return {"sourceVolume": volume(path), "containerPath": path, "readOnly": False}


def _preparing(own: Mapping[str, Any]) -> dict[str, Any]:
    log = own["logConfiguration"]
    return {
        "name": PREPARING,
        "image": own["image"],
        "essential": False,
        "user": "0",
        "entryPoint": ["chmod"],
        "command": ["1777", PATH],
        "environment": [],
        "secrets": [],
        "readonlyRootFilesystem": True,
        "mountPoints": [_mount(PATH)],
        "logConfiguration": {**log, "options": {**log["options"], "awslogs-stream-prefix": PREPARING}},
    }
