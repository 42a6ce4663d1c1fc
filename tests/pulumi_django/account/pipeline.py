"""The roles of a pipeline, as the tests judge them: simulated, and read back from their policies."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from typing import Any

from pulumi_django import AccountBootstrap, AccountBootstrapArgs, DeployOptions, RepositoryOptions
from pulumi_django.testing import SimulationResult, simulate

DEPLOY, PLAN = "repo:example/shop:environment:production", "repo:example/shop:pull_request"
Statements = tuple[Mapping[str, Any], ...]


@functools.cache
def account(*, name_prefix: str = "", may_adopt: bool = False) -> SimulationResult:
    """An account whose pipeline has both roles."""
    deploy = DeployOptions(
        subjects=[DEPLOY], plan_subjects=[PLAN], name_prefix=name_prefix, may_adopt=may_adopt, regions=["us-east-1"]
    )
    args = AccountBootstrapArgs(region="us-east-1", repositories={"shop": RepositoryOptions()}, deploy=deploy)
    return simulate(lambda: AccountBootstrap("acme", args) and None, project="django-bootstrap", stack="account")


def statements(result: SimulationResult, role: str) -> Statements:
    """All statements of one role, `deploy` or `plan`, attached and inline, without its boundary."""
    policies = [*result.of_type("aws:iam/policy:Policy"), *result.of_type("aws:iam/rolePolicy:RolePolicy")]
    own = [p for p in policies if p.name.startswith(f"acme-{role}-") and not p.name.endswith("-boundary")]
    return tuple(statement for policy in own for statement in json.loads(policy.inputs["policy"])["Statement"])


def boundary(result: SimulationResult) -> Statements:
    """Return the permissions boundary of the roles that the pipeline creates."""
    policy = result.one("aws:iam/policy:Policy", "acme-deploy-boundary")
    return tuple(json.loads(policy.inputs["policy"])["Statement"])


def state(result: SimulationResult) -> tuple[str, str]:
    """ARNs of the state's bucket and key."""
    return result.one("aws:s3/bucket:Bucket").outputs["arn"], result.one("aws:kms/key:Key").outputs["arn"]
