"""A delivery pipeline, simulated, and its parts as tests judge them."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from typing import Any

from pulumi_django import (
    AccountBootstrap,
    AccountBootstrapArgs,
    DeliveryPipeline,
    DeliveryPipelineArgs,
    DeployOptions,
    PipelineBuildOptions,
    PipelineNoticeOptions,
    PipelineSourceOptions,
    PipelineStageOptions,
    RepositoryOptions,
)
from pulumi_django.testing import SimulationResult, simulate
from tests.support.posture import World

ACCOUNT, REGION = "123456789012", "us-east-1"
TASKS = ("build", "staging", "plan", "production")
ROLES = (*TASKS, "pipeline")
DEPLOY, LIVE, PLAN = (f"arn:aws:iam::{ACCOUNT}:role/{name}" for name in ("deploy-staging", "deploy-live", "plan"))
IMAGES = f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/shop-backend"
CHAT = f"arn:aws:chatbot::{ACCOUNT}:chat-configuration/slack-channel/deploys"


def arguments(**changes: Any) -> DeliveryPipelineArgs:
    """The arguments of a usual pipeline, with changes."""
    usual: dict[str, Any] = {
        "region": REGION,
        "source": PipelineSourceOptions(repository="acme/shop"),
        "staging": PipelineStageOptions(environment="staging", deploy_role_arn=DEPLOY),
        "production": PipelineStageOptions(environment="live", deploy_role_arn=LIVE),
        "plan_role_arn": PLAN,
        "repository_arns": [IMAGES],
        "backend_url": "s3://acme-state?region=us-east-1",
        "secrets": {"PULUMI_CONFIG_PASSPHRASE": "secretsmanager:shop-passphrase"},
    }
    return DeliveryPipelineArgs(**{**usual, **changes})


def pipeline(name: str = "shop", **changes: Any) -> SimulationResult:
    """A pipeline with these arguments."""
    return simulate(lambda: DeliveryPipeline(name, arguments(**changes)) and None, project="delivery", stack="shop")


@functools.cache
def usual() -> SimulationResult:
    """The usual pipeline."""
    return pipeline()


def project(result: SimulationResult, task: str) -> Mapping[str, Any]:
    """The inputs of a project."""
    return result.one("aws:codebuild/project:Project", f"shop-{task}").inputs


def buildspec(result: SimulationResult, task: str) -> Mapping[str, Any]:
    """The buildspec of a project."""
    return json.loads(project(result, task)["source"]["buildspec"])


def variables(result: SimulationResult, task: str) -> dict[str, tuple[str, str]]:
    """Kind and value of the variables of a project."""
    found = project(result, task)["environment"]["environmentVariables"]
    return {each["name"]: (each.get("type", "PLAINTEXT"), each["value"]) for each in found}


def commands(result: SimulationResult, task: str) -> list[str]:
    """All commands of a project in their order."""
    phases = buildspec(result, task)["phases"]
    return [command for phase in ("install", "build") for command in phases[phase]["commands"]]


def statements(result: SimulationResult, role: str) -> tuple[Mapping[str, Any], ...]:
    """The statements of a role."""
    policy = result.one("aws:iam/rolePolicy:RolePolicy", f"shop-{role}").inputs["policy"]
    return tuple(json.loads(policy)["Statement"])


@functools.cache
def world() -> World:
    """A pipeline with the bootstrap that trusts it."""

    def program() -> None:
        deploy = DeployOptions(trusted_roles=["shop-staging", "shop-production"], plan_trusted_roles=["shop-plan"])
        account = AccountBootstrapArgs(region=REGION, repositories={"shop-backend": RepositoryOptions()}, deploy=deploy)
        AccountBootstrap("acme", account)
        DeliveryPipeline("shop", arguments(notices=PipelineNoticeOptions(emails=["ops@example.com"], chat_arns=[CHAT])))

    return World.of(simulate(program, project="delivery", stack="shop"))


@functools.cache
def alone() -> World:
    """A pipeline with every receiver of notices and every secret, without the bootstrap."""
    return World.of(
        pipeline(
            notices=PipelineNoticeOptions(emails=["ops@example.com"], chat_arns=[CHAT]),
            build=PipelineBuildOptions(docker_hub_secret="secretsmanager:hub", secrets={"PIP_TOKEN": "ssm:/pip/token"}),
        )
    )
