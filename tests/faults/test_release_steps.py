"""The database task and the commands after the rollouts, on the real engine: each runs when it is due, and once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.test_rollouts import Breaking, Stack
from tests.support.fake_ecs import container
from tests.support.standin.aws_server import serving
from tests.support.standin.cloud import Cloud

pytestmark = pytest.mark.engine

PROGRAM = """
import os

import pulumi
import pulumi_aws as aws

from pulumi_django.deploying.gate import ReleaseGate
from pulumi_django.deploying.gate_arguments import ReleaseGateArgs
from pulumi_django.deploying.release_steps import Step

version = os.environ["VERSION"]
arn = "arn:aws:ecs:us-east-1:123456789012:task-definition"
gate = ReleaseGate(
    "alpha",
    ReleaseGateArgs(
        cluster="alpha",
        subnet_ids=["s"],
        security_group_ids=["g"],
        database_task_definition_arn=f"{arn}/alpha-database:{os.environ['DATABASE']}",
        release_task_definition_arn=f"{arn}/alpha-backend_update:{version}",
    ),
)
ready = gate.database(["v1"], awake=True)
gate.step(Step(name="on-create", setting="on_create", command=["seed"], once=True), awake=True)
gate.step(Step(name="after-release", setting="release.after_command", command=["after"], once=False), awake=True)
service = aws.ecs.Service(
    "web",
    name="web",
    cluster="alpha",
    task_definition=f"{arn}/web:{version}",
    desired_count=1,
    opts=pulumi.ResourceOptions(hooks=gate.binding, depends_on=[ready]),
)
gate.confirm("web", service)
"""


class Account(Breaking):
    """Notes the tasks that run, and fails those whose command is in `failing`."""

    def __init__(self, cloud: Cloud) -> None:
        super().__init__(cloud)
        self.ran: list[str] = []
        self.failing: set[str] = set()

    def _containers(self, task_definition: str) -> list[dict[str, Any]]:
        return [container(task_definition.rsplit("/", 1)[-1].partition(":")[0])]

    def _RunTask(self, parameters: Any) -> dict[str, Any]:
        overrides = parameters.get("overrides", {}).get("containerOverrides", [{}])
        words = overrides[0].get("command", ["database"])
        self.ran.append(f"{words[-1]} with web {self.versions.get('web', '-')}")
        answer = super()._RunTask(parameters)
        if words[-1] in self.failing:
            self.tasks[answer["tasks"][0]["taskArn"]].life.exit_code = 1
        return answer

    def since(self) -> list[str]:
        """The tasks since the last look."""
        ran, self.ran = self.ran, []
        return ran


@pytest.fixture
def here(tmp_path: Path) -> Iterator[tuple[Stack, Account]]:
    cloud = Cloud(tmp_path / "cloud.json")
    account = Account(cloud)
    with serving(cloud, account) as address:
        yield Stack(tmp_path, address, PROGRAM), account


def test_each_task_runs_when_it_is_due_in_its_order_and_again_only_after_a_failure(here: tuple[Stack, Account]) -> None:
    stack, account = here
    account.failing = {"seed"}
    code, said = stack.up(1, DATABASE="1")
    assert code != 0
    assert "the command of on_create failed; the services keep running the new version" in said
    first = account.since()
    assert first[:2] == ["database with web -", "--no-input with web -"]
    assert "seed with web web:1" in first[2:], "the commands run after the rollout"

    account.failing = set()
    code, said = stack.up(1)
    assert code == 0, said
    assert "seed with web web:1" in account.since()

    code, said = stack.up(1)
    assert code == 0, said
    assert account.since() == []

    code, said = stack.up(2)
    assert code == 0, said
    assert account.since() == ["--no-input with web web:1", "after with web web:2"], "no database task for a new image"

    code, said = stack.up(2, DATABASE="2")
    assert code == 0, said
    assert account.since() == ["database with web web:2"]
