"""Containers that can write nowhere but below `/tmp`: what breaks in cannot change the program."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Each task has its own, on its encrypted ephemeral storage.
VOLUME = "tmp"
PATH = "/tmp"
PREPARING = "prepare-tmp"
"""Name of the container that makes `/tmp` writable for every user, and ends."""


def read_only(own: Mapping[str, Any], containers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The containers of a task whose own container `own` cannot write to its image, the preparing one last.

    A new volume belongs to root, so a container of the same image opens it first.
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/bind-mounts.html
    """
    mount = {"sourceVolume": VOLUME, "containerPath": PATH, "readOnly": False}
    ready = {"containerName": PREPARING, "condition": "SUCCESS"}
    locked = {
        **own,
        "readonlyRootFilesystem": True,
        "mountPoints": [mount],
        "dependsOn": [*own.get("dependsOn", []), ready],
    }
    log = own["logConfiguration"]
    preparing = {
        "name": PREPARING,
        "image": own["image"],
        "essential": False,
        "user": "0",
        "entryPoint": ["chmod"],
        "command": ["1777", PATH],
        "environment": [],
        "secrets": [],
        "readonlyRootFilesystem": True,
        "mountPoints": [mount],
        "logConfiguration": {**log, "options": {**log["options"], "awslogs-stream-prefix": PREPARING}},
    }
    return [locked, *(container for container in containers if container is not own), preparing]
