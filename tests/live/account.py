"""An AWS account whose tasks are real processes, made from the task definitions that an environment declares.

ECS and CloudWatch Logs are those of `tests.support.fake_ecs`; S3 is moto's server. A container runs with exactly the command,
variables and secrets of its definition, on a real PostgreSQL.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from threading import Thread
from typing import Any

from orchestrator.local import layout, routes, secret_values, tasks
from orchestrator.local.addresses import Addresses, Place, listening
from orchestrator.local.declaration import Declaration
from orchestrator.local.folder import StateFolder
from orchestrator.local.programs import Programs, Surroundings, below
from orchestrator.local.secret_values import MadeSecrets, SecretValues
from orchestrator.local.tasks import Container
from orchestrator.operations.aws.clients import ApiCall
from orchestrator.operations.aws.targets import EnvironmentOutputs, Target
from pulumi_django.deploying.aws_access import AwsAccess
from tests.live.shop import HERE, SHOP
from tests.support import operations
from tests.support.fake_ecs import FakeAws, FakeTask, arn
from tests.support.ports import free_port
from tests.support.postgres import MASTER, Server
from tests.support.waiting import LONG

_TASK_DEFINITION = "aws:ecs/taskDefinition:TaskDefinition"


class Clock:
    """Real time with short pauses."""

    def now(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(min(seconds, 0.02))


@dataclass(kw_only=True)
class Environment:
    """The declaration of an environment, with its own values on one server."""

    declaration: Declaration
    server: Server
    folder: Path
    """Folder for its secrets and the volumes of its tasks."""

    endpoint: str
    """Address of moto's server."""

    def __post_init__(self) -> None:
        found, state = tasks.read(self.declaration), StateFolder(self.folder)
        state.create()
        url = f"postgres://{MASTER}:{self.server.password}@127.0.0.1:{self.server.port}/?sslmode=require"
        addresses = Addresses(str(self.folder), own=True)
        arranged = layout.on_this_machine(self.declaration, found, addresses, site_port=8080, database_url=url)
        made = MadeSecrets(state)
        changes = layout.changes(self.declaration, found, routes.read(self.declaration), arranged)
        secret_values.replace_generated(self.declaration, made, changes)
        master = {"username": MASTER, "password": self.server.password}
        secrets = SecretValues(self.declaration, made, changes, master)
        around = Surroundings(code=SHOP, python=Path(sys.executable), tools=[HERE / "programs", self.server.bin])
        self._programs = Programs(found, arranged, changes, secrets, state, around)
        made.save()

    @property
    def target(self) -> Target:
        outputs = {each.name: self.declaration.outputs[each.name] for each in fields(EnvironmentOutputs)}
        return operations.target(
            environment=self.name,
            outputs=EnvironmentOutputs(**outputs),
            base_outputs=self.declaration.base_outputs,
        )

    @property
    def name(self) -> str:
        return self.declaration.environment

    @property
    def bucket(self) -> str:
        web = self.definitions()[self.target.outputs.service_names[0]][0]
        return next(each["value"] for each in web["environment"] if each["name"] == "S3_BUCKET_NAME")

    def definitions(self) -> dict[str, list[dict[str, Any]]]:
        """The declared containers by family."""
        found: dict[str, list[dict[str, Any]]] = {}
        for resource in self.declaration.of_type(_TASK_DEFINITION):
            containers = resource.inputs["containerDefinitions"]
            found[resource.inputs["family"]] = json.loads(containers) if isinstance(containers, str) else containers
        return found

    def variables(self, family: str) -> dict[str, str]:
        """All variables of the first container of a family."""
        return self._programs.environment(_container(self.definitions()[family][0]))

    @contextmanager
    def started(self, family: str, port: int) -> Generator[tuple[subprocess.Popen[str], str]]:
        """Run the service of a family while the block runs, on a free port. SIGTERM ends it."""
        local = free_port()
        words = listening(self.definitions()[family][0]["command"], Place(address="127.0.0.1", ports={port: local}))
        process = subprocess.Popen(words, cwd=SHOP, env=self.variables(family), stdin=subprocess.DEVNULL, text=True)
        try:
            yield process, f"http://127.0.0.1:{local}"
        finally:
            process.terminate()
            process.wait(LONG)

    def run(self, given: Mapping[str, Any], command: Sequence[str] | None, more: Mapping[str, str]) -> Ended:
        """Run a container to its end."""
        volumes = {each["containerPath"]: each["sourceVolume"] for each in given.get("mountPoints", ())}
        places = {path: self.folder / "volumes" / volume for path, volume in volumes.items()}
        places["/tmp"] = self.folder / "tmp"
        for place in places.values():
            place.mkdir(parents=True, exist_ok=True)
        words = [*given.get("entryPoint", ()), *(command or given.get("command", ()))]
        environment = {**self._programs.environment(_container(given)), "AWS_ENDPOINT_URL": self.endpoint, **more}
        done = subprocess.run(
            [below(word, places) for word in words],
            env=environment,
            cwd=SHOP,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
        )
        return Ended(code=done.returncode, lines=done.stdout.splitlines())


def _container(given: Mapping[str, Any]) -> Container:
    return Container(
        name=given["name"],
        image=given["image"],
        environment={each["name"]: each["value"] for each in given.get("environment", ())},
        secrets={each["name"]: each["valueFrom"] for each in given.get("secrets", ())},
    )


@dataclass(frozen=True, kw_only=True)
class Ended:
    """The end of a container."""

    code: int
    lines: Sequence[str]


@dataclass(kw_only=True)
class Account(FakeAws):
    """The account of some environments."""

    environments: Sequence[Environment]
    images: Mapping[str, Mapping[str, str]] = field(default_factory=dict[str, Mapping[str, str]])
    """Variables that an image has, by its tag."""

    def __post_init__(self) -> None:
        self.clock = Clock()  # type: ignore[assignment]
        super().__post_init__()
        self._of: dict[str, Environment] = {}
        self._known: dict[str, list[dict[str, Any]]] = {}
        self._ended: dict[str, dict[str, Ended]] = {}
        self._threads: dict[str, Thread] = {}
        self._clients: dict[str, Any] = {}
        for each in self.environments:
            self._known |= each.definitions()
            self._of[each.name] = each

    def client(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = self._s3() if service == "s3" else super().client(service)
        return self._clients[service]

    def _s3(self) -> Any:
        import boto3

        session = boto3.Session(aws_access_key_id="x", aws_secret_access_key="x", region_name="us-east-1")
        return session.client("s3", endpoint_url=self.environments[0].endpoint)

    def clients(self) -> LiveClients:
        """Clients of operations."""
        return LiveClients(aws=self)

    def released(self, family: str, image: str) -> str:
        """Register a family again with the tag of another image. Return its name."""
        containers = [{**each, "image": f"shop:{image}"} for each in self._known[family]]
        self._known[f"{family}:{image}"] = containers
        return arn("task-definition", f"{family}:{image}")

    def _DescribeServices(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        network = {"awsvpcConfiguration": {"subnets": ["subnet-1"], "securityGroups": ["sg-1"]}}
        return {
            "services": [
                {
                    "serviceName": name,
                    "status": "ACTIVE",
                    "taskDefinition": arn("task-definition", f"{name}:1"),
                    "networkConfiguration": network,
                    "desiredCount": 1,
                }
                for name in parameters["services"]
            ],
            "failures": [],
        }

    def _containers(self, definition: str) -> list[dict[str, Any]]:
        name = definition.rpartition("/")[2]
        return self._known.get(name) or self._known[name.partition(":")[0]]

    def _DescribeTaskDefinition(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        name = parameters["taskDefinition"]
        return {"taskDefinition": {"taskDefinitionArn": name, "containerDefinitions": self._containers(name)}}

    def _RegisterTaskDefinition(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        name = f"{parameters['family']}:{len(self._known)}"
        self._known[name] = parameters["containerDefinitions"]
        return {"taskDefinition": {"taskDefinitionArn": arn("task-definition", name)}}

    def _DeregisterTaskDefinition(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        del self._known[parameters["taskDefinition"].rpartition("/")[2]]
        return {"taskDefinition": {}}

    def _DeleteTaskDefinitions(self, _: Mapping[str, Any]) -> dict[str, Any]:
        return {"taskDefinitions": [], "failures": []}

    def _RunTask(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        answer = super()._RunTask(parameters)
        name = answer["tasks"][0]["taskArn"]
        self._ended[name] = {}
        self._threads[name] = Thread(target=self._run, args=(self.tasks[name],), daemon=True)
        self._threads[name].start()
        return answer

    def _run(self, task: FakeTask) -> None:
        """Run the containers one after another. One that waits for the success of another starts only then."""
        overrides = task.request.get("overrides", {}).get("containerOverrides", [])
        commands = {each["name"]: each["command"] for each in overrides}
        containers = self._containers(task.request["taskDefinition"])
        family = task.request["taskDefinition"].rpartition("/")[2]
        environment = self._of[family.partition("-")[0]]
        ended = self._ended[task.arn]
        for given in sorted(containers, key=lambda each: len(each.get("dependsOn", ()))):
            needed = [each["containerName"] for each in given.get("dependsOn", ()) if each["condition"] == "SUCCESS"]
            if all(ended[name].code == 0 for name in needed if name in ended):
                more = self.images.get(given["image"].rpartition(":")[2], {})
                ended[given["name"]] = environment.run(given, commands.get(given["name"]), more)

    def _described(self, task: FakeTask) -> dict[str, Any]:
        runs = self._threads[task.arn].is_alive()
        names = [each["name"] for each in self._containers_of(task)]
        codes = {name: end.code for name, end in self._ended[task.arn].items()}
        return {
            "taskArn": task.arn,
            "lastStatus": "RUNNING" if runs else "STOPPED",
            "startedBy": task.request.get("startedBy"),
            "startedAt": 1.0,
            **({} if runs else {"stopCode": "EssentialContainerExited", "stoppedReason": "Essential container exited"}),
            "containers": [{"name": name, **({"exitCode": codes[name]} if name in codes else {})} for name in names],
        }

    def _containers_of(self, task: FakeTask) -> list[dict[str, Any]]:
        return self._containers(task.request["taskDefinition"])

    def _GetLogEvents(self, parameters: Mapping[str, Any]) -> dict[str, Any] | tuple[str, str]:
        _, name, task = parameters["logStreamName"].rsplit("/", 2)
        found = next(ended for key, ended in self._ended.items() if key.endswith(task))
        if name not in found:
            return "ResourceNotFoundException", "The specified log stream does not exist."
        first = int(parameters.get("nextToken", "f/0").removeprefix("f/"))
        lines = found[name].lines
        return {"events": [{"message": line} for line in lines[first:]], "nextForwardToken": f"f/{len(lines)}"}


@dataclass
class LiveClients:
    """Clients of operations in such an account."""

    aws: Account
    access: AwsAccess = field(default_factory=AwsAccess)
    simulated: bool = False
    calls: Sequence[ApiCall] = ()

    @property
    def clock(self) -> Any:
        return self.aws.clock

    def client(self, service: str) -> Any:
        return self.aws.client(service)
