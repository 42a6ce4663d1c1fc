"""An environment as operations see it, on the scripted ECS or wherever a test's clients lead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from orchestrator.model import OutputValue, Record, Unit
from orchestrator.operations.aws.clients import ApiCall
from orchestrator.operations.aws.targets import EnvironmentOutputs, Target
from orchestrator.operations.events import Event, LogLine
from pulumi_django.deploying.aws_access import AwsAccess
from pulumi_django.deploying.polling import Clock
from pulumi_django.rules.kinds import Kind
from tests.support.fake_ecs import CLUSTER, REGION, FakeAws
from tests.support.workspace import Workspace

SERVICES = ("gunicorn", "web-ui", "default", "beat", "redis")
OUTPUTS = EnvironmentOutputs(
    url="https://alpha.example.com",
    environment="alpha",
    kind="ad-hoc",
    base_stack_name="dev",
    cluster_name=CLUSTER,
    service_names=tuple(f"alpha-{name}" for name in SERVICES),
    task_families=tuple(f"alpha-{name}" for name in (*SERVICES, "backend_update", "database")),
    log_groups={name: f"/ecs/alpha/{name}" for name in (*SERVICES, "backend_update", "database")},
    release_task_family="alpha-backend_update",
    task_subnet_ids=("subnet-1", "subnet-2"),
    task_security_group_ids=("sg-app", "sg-alpha"),
    database_name="alpha-db",
    exec_command="aws ecs execute-command --cluster alpha-cluster",
)
BASE_OUTPUTS = {
    "region": REGION,
    "base_stack_name": "dev",
    "kind": "ad-hoc",
    "database_host": "dev-db.example.com",
    "database_port": 5432,
    "database_master_secret_arn": f"arn:aws:secretsmanager:{REGION}:123456789012:secret:master",
    "bastion_instance_id": "i-0123456789abcdef0",
}


ALPHA, DEV = Unit("app", "alpha"), Unit("base", "dev")


def target(**changes: Any) -> Target:
    """The environment alpha on AWS; `changes` are attributes of Target."""
    alpha = Target(
        environment="alpha",
        engine="pulumi",
        notice=None,
        outputs=OUTPUTS,
        base_outputs=BASE_OUTPUTS,
        aws=AwsAccess(region=REGION),
    )
    return replace(alpha, **changes)


def make_alpha(workspace: Workspace, **outputs: Any) -> None:
    """Alpha and its base are there; `outputs` replace alpha's."""
    # The region of the workspace's stack files.
    base = {name: OutputValue(value=value) for name, value in {**BASE_OUTPUTS, "region": "eu-west-1"}.items()}
    base["token"] = OutputValue(value="s3cret", secret=True)
    workspace.engine.has(DEV, outputs=base, record=Record(kind=Kind.AD_HOC))
    plain = {field.name: getattr(OUTPUTS, field.name) for field in fields(OUTPUTS)}
    app = {name: OutputValue(value=value) for name, value in {**plain, **outputs}.items() if value is not None}
    workspace.engine.has(ALPHA, outputs=app, record=Record(kind=Kind.AD_HOC, base="dev"))


@dataclass
class ScriptedClients:
    """Clients of the scripted ECS, with its clock."""

    aws: FakeAws
    access: AwsAccess = field(default_factory=lambda: AwsAccess(region=REGION))
    simulated: bool = False
    calls: Sequence[ApiCall] = ()

    @property
    def clock(self) -> Clock:
        return self.aws.clock

    def client(self, service: str) -> Any:
        return self.aws.client(service)


@dataclass
class Heard:
    """An observer that keeps what it hears."""

    events: list[Event] = field(default_factory=list[Event])

    def __call__(self, event: Event) -> None:
        self.events.append(event)

    @property
    def lines(self) -> list[str]:
        """The lines of logs."""
        return [event.text for event in self.of(LogLine)]

    def of(self, kind: type[Any]) -> list[Any]:
        """The events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]
