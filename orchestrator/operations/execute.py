"""`exec`: a shell or another command in a running task of a service."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.errors import OperationFailedError, RefusedError, UsageError
from orchestrator.operations.aws import ecs as services
from orchestrator.operations.aws import session_plugin
from orchestrator.operations.aws.clients import Clients
from orchestrator.operations.aws.errors import explained
from orchestrator.operations.aws.session_plugin import Attach, PluginCall
from orchestrator.operations.aws.targets import Service, Target
from orchestrator.operations.events import Note, Observer, ignore
from pulumi_django.deploying.task_runner import task_id

if TYPE_CHECKING:
    from mypy_boto3_ecs import ECSClient
    from mypy_boto3_ecs.type_defs import ContainerTypeDef, ServiceTypeDef, TaskTypeDef
    from mypy_boto3_iam import IAMClient

DEFAULT_COMMAND = ("bash",)

AGENT = "ExecuteCommandAgent"
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html
AGENT_ACTIONS = (
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
)


@dataclass(frozen=True, kw_only=True)
class OpenShell:
    """The container and the command."""

    command: tuple[str, ...] = DEFAULT_COMMAND
    service: str | None = None
    """None is the web service."""

    task: str | None = None
    """Id of a task, or the beginning of one; None chooses a healthy task."""


@dataclass(frozen=True, kw_only=True)
class Shell:
    """A container that takes commands."""

    service: str
    cluster: str
    task: str
    """Id of the task."""

    container: str
    runtime_id: str
    command: str
    """The words, quoted for a shell."""

    aws_command: str
    """The command for the AWS CLI."""


@dataclass(frozen=True, kw_only=True)
class ShellResult:
    """A session that ended."""

    shell: Shell
    code: int
    """Exit code of the plugin, not of the command."""


def locate(request: OpenShell, target: Target, clients: Clients, observer: Observer = ignore) -> Shell:
    """Return the container of the most recently started healthy task of the newest version.

    Raises UsageError for an unknown service or task, OperationFailedError when no task runs, RefusedError when its
    container takes no commands.
    """
    service = target.service(request.service)
    with explained(target.aws):
        found = services.the_service(clients, target, service)
        task = _task(request, target, clients, service, found)
        containers = task.get("containers", [])
        container: ContainerTypeDef = next((c for c in containers if c.get("name") == service.short), {})
        problems = _problems(target, clients, service, found, task, container)
    if problems:
        what = "; ".join(what for what, _ in problems)
        hints = dict.fromkeys(hint for _, hint in problems if hint)
        raise RefusedError(f"no command can be run in {service.name}: {what}", "; ".join(hints) or None)
    if task.get("healthStatus") == "UNHEALTHY":
        observer(Note(text=f"task {_id(task)} is unhealthy, like all others", severity="warning"))
    return _shell(request, target, service, task, container)


def run(
    request: OpenShell,
    target: Target,
    clients: Clients,
    observer: Observer = ignore,
    *,
    attach: Attach = session_plugin.attach,
) -> ShellResult:
    """Run the command on this terminal until it ends.

    Raises the errors of `locate`, and EngineUnavailableError without the session-manager-plugin.
    """
    rehearsing = clients.simulated
    plugin = None if rehearsing else session_plugin.problem()
    try:
        shell = locate(request, target, clients, observer)
    except RefusedError as refused:
        if plugin is None:
            raise
        both = "; ".join(filter(None, (refused.hint, session_plugin.INSTALL_HINT)))
        raise RefusedError(f"{refused.message}; {plugin}", both) from refused
    if plugin is not None:
        session_plugin.check()
    with explained(target.aws):
        call = _opened(shell, target, clients)
    return ShellResult(shell=shell, code=0 if rehearsing else attach(call))


def _opened(shell: Shell, target: Target, clients: Clients) -> PluginCall:
    ecs: ECSClient = clients.client("ecs")
    try:
        answer = ecs.execute_command(
            cluster=shell.cluster, task=shell.task, container=shell.container, command=shell.command, interactive=True
        )
    except ecs.exceptions.TargetNotConnectedException as error:
        raise OperationFailedError(
            f"no command can be run in task {shell.task}: its agent is not connected",
            "try again in a few seconds; if that does not help, check that the task role allows ssmmessages and that the "
            "subnets can reach it",
        ) from error
    meta: Any = ecs.meta
    return PluginCall(
        session={**answer.get("session", {})},
        region=meta.region_name,
        parameters={"Target": f"ecs:{shell.cluster}_{shell.task}_{shell.runtime_id}"},
        endpoint=meta.endpoint_url,
        profile=target.aws.profile,
    )


def _task(request: OpenShell, target: Target, clients: Clients, service: Service, found: ServiceTypeDef) -> TaskTypeDef:
    running = [
        task
        for task in services.tasks(clients, target, service)
        if task.get("lastStatus") == "RUNNING" and task.get("desiredStatus") == "RUNNING"
    ]
    if not running:
        raise _nothing_runs(target, service, found)
    if request.task:
        named = [task for task in running if _id(task).startswith(request.task)]
        if not named:
            raise UsageError(
                f"{service.name} has no running task {request.task}",
                f"it has {', '.join(_id(task) for task in running)}",
            )
        return named[0]
    newest = found.get("taskDefinition")

    def worth(task: TaskTypeDef) -> tuple[bool, bool, bool]:
        """Order healthy before unchecked before unhealthy, then by version; the list begins with the newest task."""
        health = task.get("healthStatus")
        return (health == "UNHEALTHY", health != "HEALTHY", task.get("taskDefinitionArn") != newest)

    return min(running, key=worth)


def _nothing_runs(target: Target, service: Service, found: ServiceTypeDef) -> OperationFailedError:
    name = target.environment
    if target.rest:
        return OperationFailedError(
            f"no task of {service.name} runs: {name} is {target.rest}", f"wake it: `orchestrator wake {name}`"
        )
    if not found.get("desiredCount"):
        return OperationFailedError(
            f"no task of {service.name} runs: its desired count is 0",
            f"run one: `orchestrator scale {name} {service.short}=1`",
        )
    return OperationFailedError(
        f"no task of {service.name} runs, but its desired count is {found.get('desiredCount')}",
        f"find the reason: `orchestrator ps {name}` and `orchestrator logs {name} --service {service.short} --previous`",
    )


def _problems(
    target: Target,
    clients: Clients,
    service: Service,
    found: ServiceTypeDef,
    task: TaskTypeDef,
    container: ContainerTypeDef,
) -> list[tuple[str, str]]:
    """Return the problems, each with a hint."""
    name = target.environment
    if not found.get("enableExecuteCommand"):
        how = f"`orchestrator update-env {name} --set exec_enabled=true`"
        return [("exec is not enabled on the service", f"enable it: {how}")]
    if not task.get("enableExecuteCommand"):
        how = f"`aws ecs update-service --cluster {target.outputs.cluster_name} --service {service.name} --force-new-deployment`"
        return [(f"task {_id(task)} was started before exec was enabled", f"start a new one: {how}")]
    agent = next((a for a in container.get("managedAgents", []) if a.get("name") == AGENT), {})
    if agent.get("lastStatus") == "RUNNING":
        return []
    status, reason = agent.get("lastStatus", "absent").lower(), agent.get("reason")
    what = f"the agent in task {_id(task)} is {status}{f' ({reason})' if reason else ''}"
    denied = _denied(clients, task)
    if denied:
        role, actions = denied
        return [(f"{what}: the task role {role} does not allow {', '.join(actions)}", f"allow it, then {_again(name)}")]
    return [
        (what, "the agent of a new task takes a few seconds; otherwise check that the subnets can reach ssmmessages")
    ]


def _denied(clients: Clients, task: TaskTypeDef) -> tuple[str, list[str]] | None:
    """Return the task's role and its missing actions; None when none is missing or IAM does not allow the call."""
    from botocore.exceptions import ClientError

    ecs: ECSClient = clients.client("ecs")
    described = ecs.describe_task_definition(taskDefinition=task.get("taskDefinitionArn", ""))
    role = described["taskDefinition"].get("taskRoleArn")
    if not role:
        return "(none)", list(AGENT_ACTIONS)
    iam: IAMClient = clients.client("iam")
    try:
        answer = iam.simulate_principal_policy(PolicySourceArn=role, ActionNames=list(AGENT_ACTIONS))
    except ClientError:
        return None
    lacks = [r["EvalActionName"] for r in answer.get("EvaluationResults", []) if r["EvalDecision"] != "allowed"]
    return (role.rsplit("/", 1)[-1], lacks) if lacks else None


def _again(environment: str) -> str:
    return f"`orchestrator update-env {environment} --set exec_enabled=true` and start new tasks"


def _shell(
    request: OpenShell, target: Target, service: Service, task: TaskTypeDef, container: ContainerTypeDef
) -> Shell:
    cluster, command = target.outputs.cluster_name, shlex.join(request.command)
    where = ["--region", target.aws.region] if target.aws.region else []
    where += ["--profile", target.aws.profile] if target.aws.profile else []
    words = ["aws", "ecs", "execute-command", *where, "--cluster", cluster, "--task", _id(task)]
    words += ["--container", service.short, "--interactive", "--command", command]
    return Shell(
        service=service.short,
        cluster=cluster,
        task=_id(task),
        container=service.short,
        runtime_id=container.get("runtimeId", ""),
        command=command,
        aws_command=shlex.join(words),
    )


def _id(task: TaskTypeDef) -> str:
    return task_id(task.get("taskArn", ""))
