"""The answers of AWS in a healthy environment, for environments of the simulation.

With these answers an operation makes the same calls in the same order as on AWS.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from orchestrator.operations.aws.clients import DEFAULT_REGION, Answer
from orchestrator.operations.aws.targets import Service, Target

ACCOUNT = "123456789012"
_STARTED_AGO = timedelta(minutes=5)
"""Age of the running tasks; the last ones of the version before ended a minute later."""


def answers(target: Target) -> dict[str, Answer]:
    """Return the answers for an environment by `service.Operation`."""
    ecs = _Ecs(target)
    return {
        "ecs.DescribeServiceDeployments": ecs.paused,
        "ecs.DescribeServices": ecs.services,
        "ecs.DescribeTaskDefinition": ecs.task_definition,
        "ecs.DescribeTasks": ecs.tasks,
        "ecs.ListServiceDeployments": ecs.deployments,
        "ecs.ListTasks": ecs.listed,
        "ecs.RegisterTaskDefinition": ecs.register,
        "ecs.RunTask": ecs.run,
        "logs.FilterLogEvents": _log_lines,
        "logs.GetLogEvents": lambda _: {"events": [], "nextForwardToken": "f/0", "nextBackwardToken": "b/0"},
        **answers_of_base(target.base_outputs),
    }


def _log_lines(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The lines of a service that has just started."""
    group = str(parameters["logGroupName"])
    service = group.rsplit("/", 1)[-1]
    begin = int(datetime.now(UTC).timestamp() * 1000) - 2000
    lines = (f"{service} starts", f"{service} is ready")
    events = [
        {"eventId": f"{group}/{number}", "timestamp": begin + number, "message": line, "logStreamName": f"{service}/0"}
        for number, line in enumerate(lines)
    ]
    return {"events": events}


def answers_of_base(outputs: Mapping[str, Any]) -> dict[str, Answer]:
    """Return the answers for a base by `service.Operation`."""
    region = str(outputs.get("region", DEFAULT_REGION))
    secret = f"arn:aws:secretsmanager:{region}:{ACCOUNT}:secret:"
    return {
        "ec2.DescribeInstances": lambda _: {"Reservations": [{"Instances": [{"State": {"Name": "running"}}]}]},
        "rds.DescribeDBClusters": lambda _: {"DBClusters": [{"Status": "available"}]},
        "rds.DescribeDBInstances": lambda _: {"DBInstances": [{"DBInstanceStatus": "available"}]},
        "secretsmanager.CreateSecret": lambda given: {"ARN": f"{secret}{given['Name']}-abcdef"},
        "ssm.DescribeInstanceInformation": lambda _: {"InstanceInformationList": [{"PingStatus": "Online"}]},
        "sts.GetCallerIdentity": lambda _: {"Account": ACCOUNT, "Arn": f"arn:aws:iam::{ACCOUNT}:user/nobody"},
    }


class _Ecs:
    def __init__(self, target: Target) -> None:
        self._target = target
        self._region = target.aws.region or DEFAULT_REGION
        self._cluster = target.outputs.cluster_name
        self._run: dict[str, list[str]] = {}
        """Containers of each one-off task by ARN."""

        self._registered: dict[str, Mapping[str, Any]] = {}
        """Registered task definitions by family."""

        self._started = datetime.now(UTC) - _STARTED_AGO
        self._service_of = {_task_id(service.name): service for service in target.services}
        self._ended_of = {_task_id(f"{service.name} before"): service for service in target.services}

    def services(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        wanted = [_short(name) for name in parameters["services"]]
        return {"services": [self._service(s) for s in self._target.services if s.name in wanted], "failures": []}

    def _service(self, service: Service) -> dict[str, Any]:
        count = 0 if self._target.rest else 1
        definition = self._arn("task-definition", f"{service.name}:1")
        outputs = self._target.outputs
        network = {"subnets": list(outputs.task_subnet_ids), "securityGroups": list(outputs.task_security_group_ids)}
        return {
            "serviceName": service.name,
            "serviceArn": self._arn("service", f"{self._cluster}/{service.name}"),
            "clusterArn": self._arn("cluster", self._cluster),
            "status": "ACTIVE",
            "taskDefinition": definition,
            "desiredCount": count,
            "runningCount": count,
            "pendingCount": 0,
            "enableExecuteCommand": True,
            "networkConfiguration": {"awsvpcConfiguration": {**network, "assignPublicIp": "DISABLED"}},
            "loadBalancers": [],
            "events": [],
            "deployments": [
                {
                    "id": "ecs-svc/1",
                    "status": "PRIMARY",
                    "taskDefinition": definition,
                    "desiredCount": count,
                    "runningCount": count,
                    "pendingCount": 0,
                    "failedTasks": 0,
                    "rolloutState": "COMPLETED",
                    "createdAt": self._started,
                    "updatedAt": self._started,
                }
            ],
        }

    def deployments(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """The web service has one, which waits for an approval."""
        web = parameters["service"] == self._target.services[0].name
        arn = self._arn("service-deployment", f"{self._cluster}/{parameters['service']}/{_task_id('deployment')}")
        return {"serviceDeployments": [{"serviceDeploymentArn": arn}] if web else []}

    def paused(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        hook = {"hookId": _task_id("hook"), "targetType": "PAUSE", "status": "AWAITING_ACTION"}
        return {
            "serviceDeployments": [
                {
                    "serviceDeploymentArn": parameters["serviceDeploymentArns"][0],
                    "status": "IN_PROGRESS",
                    "lifecycleStage": "POST_SCALE_UP",
                    "lifecycleHookDetails": [{**hook, "timeoutAction": "ROLLBACK"}],
                }
            ]
        }

    def task_definition(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        family = _short(parameters["taskDefinition"]).split(":")[0]
        short = family.removeprefix(f"{self._target.environment}-")
        options = {
            "awslogs-group": self._target.outputs.log_groups.get(short, f"/ecs/{self._target.environment}/{short}"),
            "awslogs-region": self._region,
            "awslogs-stream-prefix": short,
        }
        known = self._target.containers.get(short, {})
        container = {
            "name": short,
            "image": known.get("image", f"{short}:latest"),
            "essential": True,
            "environment": [{"name": "S3_BUCKET_NAME", "value": "assets"}],
            "secrets": known.get("secrets", []),
            "logConfiguration": {"logDriver": "awslogs", "options": options},
        }
        return {
            "taskDefinition": {
                "taskDefinitionArn": self._arn("task-definition", f"{family}:1"),
                "family": family,
                "revision": 1,
                "cpu": "512",
                "memory": "1024",
                "containerDefinitions": [container],
                **self._registered.get(family, {}),
            }
        }

    def register(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        family = parameters["family"]
        self._registered[family] = {"containerDefinitions": parameters["containerDefinitions"]}
        return {"taskDefinition": {"taskDefinitionArn": self._arn("task-definition", f"{family}:1")}}

    def run(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        family = _short(parameters["taskDefinition"]).split(":")[0]
        arn = self._task_arn(_task_id(f"once{len(self._run) or ''}"))
        overrides = parameters.get("overrides", {}).get("containerOverrides", [])
        named = overrides[:1] or self._registered.get(family, {}).get("containerDefinitions", [])
        self._run[arn] = [each["name"] for each in named] or [family.removeprefix(f"{self._target.environment}-")]
        return {"tasks": [{"taskArn": arn, "lastStatus": "PROVISIONING"}], "failures": []}

    def listed(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """List one running and one ended task of each service."""
        services = [service.name for service in self._target.services]
        wanted = [parameters["serviceName"]] if "serviceName" in parameters else services
        stopped = parameters.get("desiredStatus") == "STOPPED"
        if "family" in parameters or (self._target.rest and not stopped):
            return {"taskArns": []}
        tasks = self._ended_of if stopped else self._service_of
        return {"taskArns": [self._task_arn(task) for task, service in tasks.items() if service.name in wanted]}

    def tasks(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        return {"tasks": [self._described(arn) for arn in parameters["tasks"]], "failures": []}

    def _described(self, arn: str) -> dict[str, Any]:
        if arn in self._run:
            return self._ended(arn, *self._run[arn])
        running = self._service_of.get(_short(arn))
        service = running or self._ended_of[_short(arn)]
        task = self._running(arn, service.short) if running else self._replaced(arn, service.short)
        definition = self._arn("task-definition", f"{service.name}:1")
        return {**task, "group": f"service:{service.name}", "taskDefinitionArn": definition}

    def _running(self, arn: str, container: str) -> dict[str, Any]:
        return {
            "taskArn": arn,
            "lastStatus": "RUNNING",
            "desiredStatus": "RUNNING",
            "healthStatus": "UNKNOWN",
            "startedAt": self._started,
            "enableExecuteCommand": True,
            "containers": [
                {
                    "name": container,
                    "lastStatus": "RUNNING",
                    "runtimeId": _short(arn),
                    "managedAgents": [{"name": "ExecuteCommandAgent", "lastStatus": "RUNNING"}],
                }
            ],
        }

    def _ended(self, arn: str, *containers: str) -> dict[str, Any]:
        return {
            "taskArn": arn,
            "lastStatus": "STOPPED",
            "startedAt": self._started,
            "stoppedAt": self._started + timedelta(minutes=1),
            "stopCode": "EssentialContainerExited",
            "stoppedReason": "Essential container in task exited",
            "containers": [{"name": container, "exitCode": 0} for container in containers],
        }

    def _replaced(self, arn: str, container: str) -> dict[str, Any]:
        """A task of the version before, which the rollout stopped."""
        return {
            **self._ended(arn, container),
            "startedAt": self._started - timedelta(days=1),
            "stopCode": "ServiceSchedulerInitiated",
            "stoppedReason": "Scaling activity initiated by deployment ecs-svc/1",
        }

    def _task_arn(self, task: str) -> str:
        return self._arn("task", f"{self._cluster}/{task}")

    def _arn(self, kind: str, name: str) -> str:
        return f"arn:aws:ecs:{self._region}:{ACCOUNT}:{kind}/{name}"


def _task_id(name: str) -> str:
    """An id like those of ECS, always the same for a name."""
    return hashlib.sha256(name.encode()).hexdigest()[:32]


def _short(arn: str) -> str:
    return arn.rsplit("/", 1)[-1]
