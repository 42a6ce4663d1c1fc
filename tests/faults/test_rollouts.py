"""The update after one in which one of several services failed, on the real engine."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.fake_ecs import deployment, service
from tests.support.standin import plugins
from tests.support.standin.aws_server import SERVICE, AwsOfTheCloud, credentials, serving
from tests.support.standin.cloud import Cloud

pytestmark = pytest.mark.engine

ROOT = Path(__file__).parents[2]
NAMES = ("beat", "web", "worker")
PROGRAM = """
import os

import pulumi
import pulumi_aws as aws

from pulumi_django.deploying.gate import ReleaseGate
from pulumi_django.deploying.gate_arguments import ReleaseGateArgs

gate = ReleaseGate(
    "alpha",
    ReleaseGateArgs(cluster="alpha", subnet_ids=["s"], security_group_ids=["g"], release_command=None),
)
for name in ("beat", "web", "worker"):
    service = aws.ecs.Service(
        name,
        name=name,
        cluster="alpha",
        task_definition=f"arn:aws:ecs:us-east-1:123456789012:task-definition/{name}:{os.environ['VERSION']}",
        desired_count=1,
        opts=pulumi.ResourceOptions(hooks=gate.binding),
    )
    gate.confirm(name, service)
"""


class Breaking(AwsOfTheCloud):
    """ECS rolls back a service on a version that is broken; others run what they are asked to."""

    def __init__(self, cloud: Cloud) -> None:
        super().__init__(cloud)
        self.broken: set[str] = set()
        self.runs: dict[str, str] = {}
        self._asked: dict[str, str] = {}

    def _DescribeServices(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        found = self._state(SERVICE, "id", parameters["services"][0])
        name, wanted = found["name"], found["taskDefinition"]
        if self._asked.get(name) != wanted:
            self._asked[name] = wanted
            self._deploy(name, wanted)
        back = {"rolloutStateReason": "circuit breaker: rolling back"} if self._asked[name] != self.runs[name] else {}
        now = deployment("1", id=f"ecs-svc/{self.runs[name]}", taskDefinition=self.runs[name], **back)
        return {"services": [service(now, serviceName=name)], "failures": []}

    def _UpdateService(self, parameters: Mapping[str, Any]) -> dict[str, Any] | tuple[str, str]:
        self._deploy(parameters["service"].rsplit("/", 1)[-1], parameters["taskDefinition"])
        return {"service": {}}

    def _deploy(self, name: str, wanted: str) -> None:
        if _short(wanted) not in self.broken:
            self.runs[name] = wanted

    @property
    def versions(self) -> dict[str, str]:
        return {name: _short(runs) for name, runs in sorted(self.runs.items())}


def _short(task_definition: str) -> str:
    return task_definition.rsplit("/", 1)[-1]


class Stack:
    """A program on the real engine and the account that its hooks see."""

    def __init__(self, folder: Path, address: str, program: str = PROGRAM) -> None:
        self._folder = folder / "program"
        self._folder.mkdir()
        (folder / "state").mkdir()
        (self._folder / "__main__.py").write_text(program)
        (self._folder / "Pulumi.yaml").write_text(
            f"name: program\nruntime: {{name: python, options: {{virtualenv: {Path(sys.executable).parents[1]}}}}}\n"
            f"backend: {{url: 'file://{folder / 'state'}'}}\n"
        )
        self._variables = {**os.environ, **credentials(address), "PYTHONPATH": str(ROOT)}
        plugins.install(folder, folder / "cloud.json", self._variables.__setitem__)
        self._pulumi("stack", "init", "alpha")
        self._pulumi("config", "set", "aws:region", "us-east-1")

    def up(self, version: int, **variables: str) -> tuple[int, str]:
        """Exit code, and what it says."""
        self._variables |= {"VERSION": str(version), **variables}
        done = self._pulumi("up", "--yes", "--skip-preview", "--color", "never", check=False)
        return done.returncode, done.stdout + done.stderr

    def _pulumi(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["pulumi", *words, "--non-interactive"],
            cwd=self._folder,
            env=self._variables,
            capture_output=True,
            text=True,
            timeout=300,
            check=check,
        )


class BreakingStack(Stack):
    """A stack on an account that rolls back broken versions."""

    def __init__(self, folder: Path, account: Breaking, address: str) -> None:
        super().__init__(folder, address)
        self.account = account


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[BreakingStack]:
    cloud = Cloud(tmp_path / "cloud.json")
    account = Breaking(cloud)
    with serving(cloud, account) as address:
        yield BreakingStack(tmp_path, account, address)


def on(version: int) -> dict[str, str]:
    return {name: f"{name}:{version}" for name in NAMES}


def test_after_a_failed_rollout_all_run_the_version_before_and_the_next_update_finishes_the_work(
    stack: BreakingStack,
) -> None:
    assert stack.up(1)[0] == 0
    assert stack.account.versions == on(1)

    stack.account.broken.add("web:2")
    code, said = stack.up(2)
    assert code != 0
    assert stack.account.versions == on(1)
    assert "the rollout of web failed and ECS rolled it back" in said
    assert "beat: rolled back to beat:1, runs 1 on beat:1 (1 desired)" in said
    assert "worker: rolled back to worker:1, runs 1 on worker:1 (1 desired)" in said

    # Nothing in the program has changed; the cause was elsewhere.
    stack.account.broken.clear()
    code, said = stack.up(2)
    assert code == 0, said
    assert stack.account.versions == on(2)

    code, said = stack.up(2)
    assert code == 0
    assert "7 unchanged" in said


def test_a_second_try_that_fails_too_leaves_all_on_the_version_before(stack: BreakingStack) -> None:
    assert stack.up(1)[0] == 0
    stack.account.broken.add("web:2")
    assert stack.up(2)[0] != 0

    code, said = stack.up(2)

    assert code != 0
    assert "the rollout of web failed" in said
    assert stack.account.versions == on(1)
