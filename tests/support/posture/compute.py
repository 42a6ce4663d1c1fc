"""Tasks, services, clusters, instances."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from pulumi_django.testing import SimulatedResource
from tests.support.posture.world import World, check, wrong

SECRET_NAME = re.compile(r"(PASSWORD|SECRET|TOKEN|API_KEY|PRIVATE_KEY|DSN)(?!_(NAME|ARN))")

wrong(
    "task-with-public-address",
    "aws:ecs:Service",
    lambda service: service["networkConfiguration"].get("assignPublicIp"),
)
wrong("shell-in-tasks", "aws:ecs:Service", lambda service: service.get("enableExecuteCommand"))
wrong(
    "cluster-without-insights",
    "aws:ecs:Cluster",
    lambda cluster: cluster["settings"][0]["value"] not in ("enabled", "enhanced"),
)
wrong("task-on-old-platform", "aws:ecs:Service", lambda service: service.get("platformVersion", "LATEST") != "LATEST")
wrong("task-in-host-network", "aws:ecs:TaskDefinition", lambda task: task.get("networkMode") != "awsvpc")
wrong(
    "task-mounts-files-without-tls-and-role",
    "aws:ecs:TaskDefinition",
    lambda task: any(
        files.get("transitEncryption") != "ENABLED" or files.get("authorizationConfig", {}).get("iam") != "ENABLED"
        for volume in task.get("volumes") or ()
        if (files := volume.get("efsVolumeConfiguration"))
    ),
)
wrong("task-shares-processes", "aws:ecs:TaskDefinition", lambda task: task.get("pidMode") is not None)

wrong(
    "instance-without-imdsv2",
    "aws:ec2:Instance",
    lambda instance: instance.get("metadataOptions", {}).get("httpTokens") != "required",
)
wrong(
    "instance-with-public-address", "aws:ec2:Instance", lambda instance: instance.get("associatePublicIpAddress", True)
)
wrong(
    "instance-with-open-disk",
    "aws:ec2:Instance",
    lambda instance: not instance.get("rootBlockDevice", {}).get("encrypted"),
)
wrong("instance-without-monitoring", "aws:ec2:Instance", lambda instance: not instance.get("monitoring"))
wrong("instance-without-ebs-optimisation", "aws:ec2:Instance", lambda instance: not instance.get("ebsOptimized"))
wrong("instance-with-key-pair", "aws:ec2:Instance", lambda instance: instance.get("keyName"))


def containers(finding: str, is_wrong: Callable[[dict[str, Any]], object]) -> None:
    """Adds a check of every container of every task definition."""

    def find(world: World) -> Iterator[SimulatedResource]:
        for task in world.all("aws:ecs:TaskDefinition"):
            if any(is_wrong(container) for container in json.loads(task.inputs["containerDefinitions"])):
                yield task

    check(finding)(find)


containers("container-privileged", lambda container: container.get("privileged"))
containers("container-with-writable-root", lambda container: not container.get("readonlyRootFilesystem"))
containers("container-user-of-the-image", lambda container: container.get("user") in (None, "0", "root"))
containers("container-without-log", lambda container: "logConfiguration" not in container)
containers(
    "container-with-plain-secret",
    lambda container: any(
        SECRET_NAME.search(item["name"]) and item["value"] for item in container.get("environment", [])
    ),
)
containers(
    "container-with-added-capabilities",
    lambda container: container.get("linuxParameters", {}).get("capabilities", {}).get("add"),
)
