"""ECS and CloudWatch Logs that follow a script on a clock of their own, so that minutes of a rollout take no time.

The clients are real boto3 clients, with their validation of parameters, paginators and exception classes; only the
sending is replaced. moto has these APIs too, but its tasks do not run and its deployments do not roll.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import boto3

REGION = "us-east-1"
ACCOUNT = "123456789012"
CLUSTER = "alpha-cluster"

# One session, since reading the service descriptions takes longer than any test.
_SESSION: Any = boto3.Session(aws_access_key_id="x", aws_secret_access_key="x", region_name=REGION)


def arn(kind: str, name: str) -> str:
    return f"arn:aws:ecs:{REGION}:{ACCOUNT}:{kind}/{name}"


class FakeClock:
    """Time that only passes when somebody sleeps."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.slept: list[float] = []

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds


@dataclass(kw_only=True)
class Life:
    """What becomes of the next task that is run: seconds count from RunTask, or from the start of the container."""

    invisible: float = 0
    """DescribeTasks does not know the task for so long."""

    starts: float | None = 3
    """When the container starts; None for a task that never starts and stops at `ends`."""

    ends: float = 8
    exit_code: int | None = 0
    reason: str = "Essential container in task exited"
    container_reason: str | None = None
    stop_code: str = "EssentialContainerExited"
    log: Sequence[tuple[float, str]] = ()
    """Seconds since RunTask at which CloudWatch shows the line, and the line."""


@dataclass(kw_only=True)
class FakeTask:
    arn: str
    created: float
    life: Life
    request: Mapping[str, Any]
    stopped: float | None = None
    stop_reason: str = ""


@dataclass(kw_only=True)
class FakeAws:
    """The emulated account: give it lives for tasks and frames for services, then use `client`."""

    clock: FakeClock = field(default_factory=FakeClock)
    lives: list[Life] = field(default_factory=list[Life])
    """One for each RunTask to come; a task without one succeeds."""

    tasks: dict[str, FakeTask] = field(default_factory=dict[str, FakeTask])
    containers: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    """Of every task definition; by default one that logs to CloudWatch."""

    image: str = ""
    """Image of the default container."""

    frames: list[tuple[float, Mapping[str, Any] | None]] = field(
        default_factory=list[tuple[float, Mapping[str, Any] | None]]
    )
    """Seconds and what DescribeServices says of the service from then on; None for a service it does not know."""

    after_update: list[tuple[float, Mapping[str, Any] | None]] = field(
        default_factory=list[tuple[float, Mapping[str, Any] | None]]
    )
    """The frames from an UpdateService on; seconds count from there."""

    deployments: list[tuple[float, Mapping[str, Any]]] = field(default_factory=list[tuple[float, Mapping[str, Any]]])
    """Seconds and the newest deployment of a service whose deployments move traffic, from then on."""

    stopped: list[tuple[float, Mapping[str, Any]]] = field(default_factory=list[tuple[float, Mapping[str, Any]]])
    """Seconds and a task of the service that has ended by then."""

    running: list[Mapping[str, Any]] = field(default_factory=list[Mapping[str, Any]])
    """Tasks of services that run all the time."""

    answers: dict[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    """What other operations are answered."""

    streams: dict[str, list[tuple[float, str]]] = field(default_factory=dict[str, list[tuple[float, str]]])
    """Lines of further log streams by name."""

    errors: dict[str, list[tuple[str, str]]] = field(default_factory=dict[str, list[tuple[str, str]]])
    """Code and message of the errors that the next calls of an operation get."""

    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list[tuple[str, dict[str, Any]]])

    def __post_init__(self) -> None:
        self.began = self.clock.now()

    def client(self, service: str) -> Any:
        client = _SESSION.client(service)
        client.meta.events.register("before-call.*.*", self._answer)
        return client

    def called(self, operation: str) -> list[dict[str, Any]]:
        """Parameters of the calls of one operation."""
        return [parameters for name, parameters in self.calls if name == operation]

    def task(self, number: int = 0) -> FakeTask:
        return list(self.tasks.values())[number]

    def _answer(self, model: Any, params: Mapping[str, Any], **_: Any) -> tuple[Any, dict[str, Any]]:
        operation = model.name
        body = params["body"]
        parameters = dict(body) if isinstance(body, Mapping) else json.loads(body)
        self.calls.append((operation, parameters))
        if self.errors.get(operation):
            return self._error(*self.errors[operation].pop(0))
        if operation in self.answers:
            return _Http(200), {**self.answers[operation], "ResponseMetadata": {"HTTPStatusCode": 200}}
        answer = getattr(self, f"_{operation}")(parameters)
        if isinstance(answer, tuple):
            return self._error(*answer)
        return _Http(200), {**answer, "ResponseMetadata": {"HTTPStatusCode": 200}}

    def _error(self, code: str, message: str) -> tuple[Any, dict[str, Any]]:
        return _Http(400), {
            "Error": {"Code": code, "Message": message},
            "ResponseMetadata": {"HTTPStatusCode": 400},
        }

    def _DescribeTaskDefinition(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        more = {"image": self.image} if self.image else {}
        containers = self.containers or [container(_role(parameters["taskDefinition"]), **more)]
        return {"taskDefinition": {"containerDefinitions": containers}}

    def _RunTask(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        task = arn("task", f"{CLUSTER}/{len(self.tasks) + 1:032x}")
        life = self.lives.pop(0) if self.lives else Life()
        self.tasks[task] = FakeTask(arn=task, created=self.clock.now(), life=life, request=parameters)
        return {"tasks": [{"taskArn": task, "lastStatus": "PROVISIONING"}], "failures": []}

    def _StopTask(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        task = self.tasks[parameters["task"]]
        task.stopped, task.stop_reason = self.clock.now(), parameters["reason"]
        return {"task": self._described(task)}

    def _DescribeTasks(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        found: list[Mapping[str, Any]] = []
        missing: list[Mapping[str, str]] = []
        for wanted in parameters["tasks"]:
            task = self.tasks.get(wanted)
            others = [*self.running, *(task for _, task in self.stopped)]
            ended = next((t for t in others if t["taskArn"] == wanted), None)
            if ended:
                found.append(ended)
            elif task and self.clock.now() - task.created >= task.life.invisible:
                found.append(self._described(task))
            else:
                missing.append({"arn": wanted, "reason": "MISSING"})
        return {"tasks": found, "failures": missing}

    def _ListTasks(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        if "family" not in parameters:
            now, wanted = self.clock.now() - self.began, parameters.get("serviceName")
            ended = [task for at, task in self.stopped if at <= now]
            found = self.running if parameters["desiredStatus"] == "RUNNING" else ended
            return {"taskArns": [t["taskArn"] for t in found if _is_of(t, wanted)]}
        family = f"/{parameters['family']}:"
        alive = [t for t in self.tasks.values() if self._described(t)["lastStatus"] != "STOPPED"]
        return {"taskArns": [t.arn for t in alive if family in t.request["taskDefinition"]]}

    def _DescribeServices(self, parameters: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        now = self.clock.now() - self.began
        frame = [service for at, service in self.frames if at <= now][-1]
        return {"services": [frame] if frame else [], "failures": []}

    def _ListServiceDeployments(self, _: Mapping[str, Any]) -> dict[str, Any]:
        now = self.clock.now() - self.began
        begun = [deployment for at, deployment in self.deployments if at <= now]
        return {"serviceDeployments": [{"serviceDeploymentArn": d["arn"], "createdAt": n} for n, d in enumerate(begun)]}

    def _DescribeServiceDeployments(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        now = self.clock.now() - self.began
        wanted = parameters["serviceDeploymentArns"][0]
        found = [d for at, d in self.deployments if at <= now and d["arn"] == wanted][-1]
        return {
            "serviceDeployments": [
                {
                    "serviceDeploymentArn": found["arn"],
                    "targetServiceRevision": {"arn": found["taskDefinition"]},
                    "status": found["status"],
                    "lifecycleStage": found.get("stage", ""),
                    "statusReason": found.get("reason", ""),
                    "lifecycleHookDetails": found.get("hooks", []),
                }
            ]
        }

    def _DescribeServiceRevisions(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        # The double's revisions are called like the task definitions that they have.
        return {"serviceRevisions": [{"taskDefinition": parameters["serviceRevisionArns"][0]}]}

    def _ExecuteCommand(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        session = {"sessionId": "ecs-1", "streamUrl": "wss://example.com", "tokenValue": "t0ken"}
        return {"session": session, "taskArn": parameters["task"], "containerName": parameters["container"]}

    def _UpdateService(self, parameters: Mapping[str, Any]) -> dict[str, Any] | tuple[str, str]:  # noqa: ARG002
        """From now on the frames of a redeployment, if there are any, begin."""
        if self.after_update:
            now = self.clock.now() - self.began
            self.frames = [(now + at, service) for at, service in self.after_update]
        return {"service": {}}

    def _GetLogEvents(self, parameters: Mapping[str, Any]) -> dict[str, Any] | tuple[str, str]:
        now, name = self.clock.now(), parameters["logStreamName"]
        task = next((t for t in self.tasks.values() if name.endswith(t.arn.rsplit("/", 1)[-1])), None)
        shift, lines = (task.created, task.life.log) if task else (self.began, self.streams.get(name, ()))
        visible = [line for at, line in lines if shift + at <= now]
        if not visible:
            return "ResourceNotFoundException", "The specified log stream does not exist."
        first = int(parameters.get("nextToken", "f/0").removeprefix("f/"))
        return {"events": [{"message": line} for line in visible[first:]], "nextForwardToken": f"f/{len(visible)}"}

    def _described(self, task: FakeTask) -> dict[str, Any]:
        age, life = self.clock.now() - task.created, task.life
        started = life.starts is not None and age >= life.starts
        ended = task.stopped is not None or age >= life.ends
        state = "STOPPED" if ended else "RUNNING" if started else "PENDING" if age >= 1 else "PROVISIONING"
        described: dict[str, Any] = {
            "taskArn": task.arn,
            "lastStatus": state,
            "startedBy": task.request.get("startedBy"),
            "containers": [{"name": _role(task.request["taskDefinition"])}],
        }
        if started:
            described["startedAt"] = 1.0
        if ended:
            described |= {"stopCode": life.stop_code, "stoppedReason": life.reason}
            if started and life.exit_code is not None:
                described["containers"][0]["exitCode"] = life.exit_code
            if life.container_reason:
                described["containers"][0]["reason"] = life.container_reason
        return described


def _is_of(task: Mapping[str, Any], service: str | None) -> bool:
    """Whether a task belongs to the service; one that does not say whose it is belongs to all."""
    return service is None or task.get("group") in (None, f"service:{service}")


@dataclass
class _Http:
    status_code: int


def _role(task_definition: str) -> str:
    """The name of the container of a task definition, which is its family without the environment."""
    return task_definition.rsplit("/", 1)[-1].split(":")[0].removeprefix("alpha-")


def container(name: str, **more: Any) -> dict[str, Any]:
    """A container definition that logs as ours do."""
    options = {
        "awslogs-group": f"/ecs/alpha/{name}",
        "awslogs-region": REGION,
        "awslogs-stream-prefix": name,
    }
    return {"name": name, "essential": True, "logConfiguration": {"logDriver": "awslogs", "options": options}, **more}


def deployment(revision: str, **more: Any) -> dict[str, Any]:
    """A deployment of one wanted task as DescribeServices shows it: primary, complete, all running."""
    return {
        "id": f"ecs-svc/{revision}",
        "status": "PRIMARY",
        "taskDefinition": arn("task-definition", f"alpha-gunicorn:{revision}"),
        "desiredCount": 1,
        "runningCount": 1,
        "pendingCount": 0,
        "rolloutState": "COMPLETED",
        "createdAt": 1_000_000.0,
        **more,
    }


def service(*deployments: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """A service behind a load balancer with these deployments, the newest first."""
    return {
        "serviceName": "alpha-gunicorn",
        "status": "ACTIVE",
        "desiredCount": deployments[0]["desiredCount"] if deployments else 1,
        "deployments": list(deployments),
        "loadBalancers": [{"targetGroupArn": "tg"}],
        "events": [],
        **more,
    }


def crashed(number: int, revision: str, **more: Any) -> dict[str, Any]:
    """A stopped task of the deployment of that revision, which exited with code 1."""
    task: dict[str, Any] = {
        "taskArn": arn("task", f"{CLUSTER}/crash{number}"),
        "taskDefinitionArn": arn("task-definition", f"alpha-gunicorn:{revision}"),
        "startedBy": f"ecs-svc/{revision}",
        "lastStatus": "STOPPED",
        "startedAt": 1_000_000.0,
        "stopCode": "EssentialContainerExited",
        "stoppedReason": "Essential container in task exited",
        "containers": [{"name": "gunicorn", "exitCode": 1}],
    }
    return task | more


def running(number: int, revision: str, **more: Any) -> dict[str, Any]:
    """A running task of the service on that revision, in which commands can be run."""
    agent = {"name": "ExecuteCommandAgent", "lastStatus": "RUNNING"}
    task: dict[str, Any] = {
        "taskArn": arn("task", f"{CLUSTER}/{number:032x}"),
        "taskDefinitionArn": arn("task-definition", f"alpha-gunicorn:{revision}"),
        "group": "service:alpha-gunicorn",
        "lastStatus": "RUNNING",
        "desiredStatus": "RUNNING",
        "healthStatus": "UNKNOWN",
        "enableExecuteCommand": True,
        "startedAt": datetime.fromtimestamp(1_000_000 + number, UTC),
        "containers": [{"name": "gunicorn", "runtimeId": f"runtime-{number}", "managedAgents": [agent]}],
    }
    return task | more
