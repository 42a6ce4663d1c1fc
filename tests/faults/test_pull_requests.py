"""A pull request whose migration fails, on the real engine: a red run, the reason in its comment, and the old version serves.

By the command, and by the workflow of `ci init` under `act`.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.test_release_steps import Account
from tests.orchestrator.conftest import git as git
from tests.support.act import Runner, needs_act
from tests.support.arena import SETTINGS, Arena
from tests.support.forge import FakeForge, running, sha
from tests.support.standin.aws_server import serving
from tests.support.standin.cloud import Cloud

pytestmark = pytest.mark.engine

PROGRAM = """
import pulumi
import pulumi_aws as aws

from pulumi_django.deploying.gate import ReleaseGate
from pulumi_django.deploying.gate_arguments import ReleaseGateArgs

config = pulumi.Config()
base = config.require("base")
pulumi.StackReference(f"organization/chaos-base/{base}").require_output("arn")
version = int(config.require("backend_image").rpartition(":")[2], 16)
arn = "arn:aws:ecs:us-east-1:123456789012:task-definition"
gate = ReleaseGate(
    pulumi.get_stack(),
    ReleaseGateArgs(
        cluster="preview",
        subnet_ids=["s"],
        security_group_ids=["g"],
        release_task_definition_arn=f"{arn}/backend_update:{version}",
    ),
)
service = aws.ecs.Service(
    "web",
    name="web",
    cluster="preview",
    task_definition=f"{arn}/web:{version}",
    desired_count=1,
    opts=pulumi.ResourceOptions(hooks=gate.binding),
)
gate.confirm("web", service)
pulumi.export("url", f"https://{pulumi.get_stack()}.example.com")
pulumi.export("base_stack_name", base)
"""
TABLE = '\n[pull_requests]\nbase = "dev"\nimages = {backend = "shop:{commit}"}\nsmoke = false\n'


@pytest.fixture
def here(tmp_path: Path) -> Iterator[tuple[Arena, Account, FakeForge]]:
    folder = tmp_path / "infrastructure"
    folder.mkdir()
    cloud = Cloud(folder / "cloud.json")
    account = Account(cloud)
    with serving(cloud, account) as address, running() as forge:
        arena = Arena(folder, address)
        arena.program("app").write_text(PROGRAM, encoding="utf-8")
        (folder / "orchestrator.toml").write_text(SETTINGS + TABLE, encoding="utf-8")
        arena.env |= forge.environment()
        yield arena, account, forge
        assert arena.settle(), "processes were left over"


def test_a_failing_migration_is_red_with_its_reason_and_the_old_version_serves(
    here: tuple[Arena, Account, FakeForge],
) -> None:
    arena, account, forge = here
    forge.pull(7, commit=sha(1))
    opened = arena.run("pr", "sync", "--number", "7")
    assert opened.code == 0, opened.text
    assert account.versions == {"web": "web:1"}

    account.failing = {"--no-input"}
    forge.pull(7, commit=sha(2))
    pushed = arena.run("pr", "sync", "--number", "7")
    assert pushed.code == 1
    assert "migrate --no-input" in pushed.told
    assert account.versions == {"web": "web:1"}
    (comment,) = forge.says(7)
    assert comment.splitlines()[1] == "### Environment `pr-7` was not updated"
    assert "migrate" in comment
    states = {entry["sha"]: entry["states"][-1][0] for entry in forge.deployments.values()}
    assert states == {sha(1): "success", sha(2): "failure"}

    account.failing = set()
    mended = arena.run("pr", "sync", "--number", "7")
    assert mended.code == 0, mended.text
    assert account.versions == {"web": "web:2"}
    (comment,) = forge.says(7)
    assert comment.splitlines()[1] == "### Environment `pr-7` is up to date"


@pytest.fixture
def workflow(here: tuple[Arena, Account, FakeForge], git: Path, tmp_path_factory: pytest.TempPathFactory) -> Runner:
    """The workflows of a git repository with the stacks in `infrastructure`, on a machine with the CLI and the stand-in."""
    assert git.is_file()
    arena, _, forge = here
    subprocess.run(["git", "init", "-q", "-b", "main", str(arena.folder.parent)], check=True)
    # The workflow sets what comes from the repository and its run.
    repository = {"PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE", *forge.environment()}
    machine = {k: v for k, v in arena.env.items() if os.environ.get(k) != v and k not in repository}
    variables = {"PULUMI_BACKEND_URL": arena.env["PULUMI_BACKEND_URL"]}
    return Runner(arena.folder, forge, tmp_path_factory.mktemp("home"), machine, variables)


@needs_act
def test_the_workflow_is_red_with_the_reason_while_the_old_version_serves_and_green_when_it_is_mended(
    here: tuple[Arena, Account, FakeForge], workflow: Runner
) -> None:
    _, account, forge = here
    forge.pull(7, commit=sha(1))
    opened = workflow.pull("opened")
    assert opened.returncode == 0, opened.stdout + opened.stderr
    assert account.versions == {"web": "web:1"}
    (first,) = forge.comments
    assert forge.says(7)[0].splitlines()[1] == "### Environment `pr-7` is ready"

    account.failing = {"--no-input"}
    forge.pull(7, commit=sha(2))
    pushed = workflow.pull("synchronize")
    assert pushed.returncode == 1, pushed.stdout + pushed.stderr
    assert "Job failed" in pushed.stdout + pushed.stderr
    assert account.versions == {"web": "web:1"}, "the old version serves"
    assert [*forge.comments] == [first]
    said = forge.says(7)[0]
    assert said.splitlines()[1] == "### Environment `pr-7` was not updated"
    assert "migrate --no-input" in said, "the reason is in the comment"

    account.failing = set()
    mended = workflow.pull("synchronize")
    assert mended.returncode == 0, mended.stdout + mended.stderr
    assert account.versions == {"web": "web:2"}
    assert [*forge.comments] == [first]
    assert forge.says(7)[0].splitlines()[1] == "### Environment `pr-7` is up to date"
