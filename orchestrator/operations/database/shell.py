"""`db shell`: psql as the environment's own role, in a task that ends with the session."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.errors import OperationFailedError, RefusedError
from orchestrator.operations.aws import ecs as services
from orchestrator.operations.aws import session_plugin
from orchestrator.operations.aws.clients import Clients
from orchestrator.operations.aws.errors import explained
from orchestrator.operations.aws.session_plugin import Attach, PluginCall
from orchestrator.operations.aws.targets import Target
from orchestrator.operations.database import dumps, scripts
from orchestrator.operations.events import Observer, TaskMoved, ignore
from orchestrator.operations.execute import AGENT
from orchestrator.operations.tasks import STARTED_BY, hint_of
from pulumi_django.deploying.polling import patiently, pauses
from pulumi_django.deploying.task_end import task_end
from pulumi_django.deploying.task_runner import task_id

if TYPE_CHECKING:
    from mypy_boto3_ecs import ECSClient
    from mypy_boto3_ecs.type_defs import ContainerTypeDef, FailureTypeDef, TaskTypeDef

LONGEST_SECONDS = 8 * 3600
"""Limit of a session, for example after the user's machine was switched off."""

START_SECONDS = 300.0


@dataclass(frozen=True, kw_only=True)
class DatabaseShellResult:
    """A session that ended."""

    database: str
    task: str
    code: int
    """Exit code of the plugin, not of psql."""


def run(
    target: Target, clients: Clients, observer: Observer = ignore, *, attach: Attach = session_plugin.attach
) -> DatabaseShellResult:
    """Open psql on this terminal; the task is always stopped.

    Raises OperationFailedError, RefusedError when the application's role does not allow sessions, EngineUnavailableError
    without the session-manager-plugin.
    """
    rehearsing = clients.simulated
    if not rehearsing:
        session_plugin.check()
    with explained(target.aws):
        task, ecs = _start(target, clients), clients.client("ecs")
        observer(TaskMoved(service=dumps.DATABASE, task=task_id(task), status="PROVISIONING"))
        try:
            container: ContainerTypeDef = {} if rehearsing else _ready(target, clients, observer, task)
            call = _opened(target, ecs, task, container)
            code = 0 if rehearsing else attach(call)
        finally:
            ecs.stop_task(cluster=target.outputs.cluster_name, task=task, reason="the session has ended")
    return DatabaseShellResult(database=target.outputs.database_name, task=task_id(task), code=code)


def _start(target: Target, clients: Clients) -> str:
    """Start a waiting task of the database's family with the application's role, which allows sessions."""
    ecs: ECSClient = clients.client("ecs")
    web = services.the_service(clients, target, target.service())
    if not web.get("enableExecuteCommand"):
        raise RefusedError(
            f"no shell can be opened in {target.environment}: exec is off, so its roles do not allow sessions",
            f"enable it: `orchestrator update-env {target.environment} --set exec_enabled=true`",
        )
    definition = ecs.describe_task_definition(taskDefinition=web.get("taskDefinition", ""))["taskDefinition"]
    overrides: dict[str, Any] = {
        "containerOverrides": [{"name": dumps.DATABASE, "command": ["sleep", str(LONGEST_SECONDS)]}],
        **({"taskRoleArn": definition["taskRoleArn"]} if "taskRoleArn" in definition else {}),
    }
    answer = ecs.run_task(
        cluster=target.outputs.cluster_name,
        taskDefinition=dumps.family(target),
        count=1,
        launchType="FARGATE",
        enableExecuteCommand=True,
        startedBy=STARTED_BY,
        propagateTags="TASK_DEFINITION",
        networkConfiguration={
            "awsvpcConfiguration": {
                "subnets": list(target.outputs.task_subnet_ids),
                "securityGroups": list(target.outputs.task_security_group_ids),
                "assignPublicIp": "DISABLED",
            }
        },
        overrides=overrides,  # pyright: ignore[reportArgumentType]  some keys are optional
    )
    if not answer["tasks"]:
        raise OperationFailedError(f"the task for the shell was not started: {_failures(answer['failures'])}")
    return answer["tasks"][0].get("taskArn", "")


def _ready(target: Target, clients: Clients, observer: Observer, task: str) -> ContainerTypeDef:
    """Wait until a session can be opened; return the container."""
    ecs: ECSClient = clients.client("ecs")
    deadline, pause, reported = clients.clock.now() + START_SECONDS, pauses(), "PROVISIONING"
    while True:
        answer = patiently(lambda: ecs.describe_tasks(cluster=target.outputs.cluster_name, tasks=[task]), clients.clock)
        found: TaskTypeDef = answer["tasks"][0] if answer["tasks"] else {}
        status = found.get("lastStatus", reported)
        if status != reported:
            observer(TaskMoved(service=dumps.DATABASE, task=task_id(task), status=status))
            reported = status
        if status == "STOPPED":
            end = task_end(found, dumps.DATABASE)
            raise OperationFailedError(f"the task for the shell {end}", hint_of(end))
        for container in found.get("containers", []):
            agents = container.get("managedAgents", [])
            if any(agent.get("name") == AGENT and agent.get("lastStatus") == "RUNNING" for agent in agents):
                return container
        if clients.clock.now() >= deadline:
            raise OperationFailedError(
                f"no shell could be opened: the agent of task {task_id(task)} did not start within {START_SECONDS:g} s",
                "check that the subnets can reach ssmmessages",
            )
        clients.clock.sleep(next(pause))


def _opened(target: Target, ecs: ECSClient, task: str, container: ContainerTypeDef) -> PluginCall:
    cluster = target.outputs.cluster_name
    answer = ecs.execute_command(
        cluster=cluster,
        task=task,
        container=dumps.DATABASE,
        command=shlex.join(scripts.client()),
        interactive=True,
    )
    meta: Any = ecs.meta
    return PluginCall(
        session={**answer.get("session", {})},
        region=meta.region_name,
        parameters={"Target": f"ecs:{cluster}_{task_id(task)}_{container.get('runtimeId', '')}"},
        endpoint=meta.endpoint_url,
        profile=target.aws.profile,
    )


def _failures(failures: Sequence[FailureTypeDef]) -> str:
    return "; ".join(f.get("detail") or f.get("reason") or "unknown" for f in failures) or "ECS gives no reason"
