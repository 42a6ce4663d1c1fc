"""The IAM documents of the deploy role and the plan role. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from pulumi_django.account.deploy_grants import GRANTS
from pulumi_django.account.grants import Adopts, Grant
from pulumi_django.rules.partitions import of_region, principal

T = TypeVar("T")

# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
POLICY_LIMIT_CHARACTERS = 6144
INLINE_LIMIT_CHARACTERS = 10_240
POLICIES_PER_ROLE = 10

READING = ("Describe", "Get", "List")
# A preview compares settings. It needs neither files nor log lines.
NOT_FOR_PLANS = ("s3:GetObject", "logs:GetLogEvents", "ecs:ListTasks")


@dataclass(frozen=True, kw_only=True)
class Scope:
    """The scope of a role."""

    regions: Sequence[str]
    """AWS regions."""

    boundary_arn: str
    """ARN of the permissions boundary that every role it creates must have."""

    name_prefix: str = ""
    """Prefix of the names of its bases and environments."""

    may_adopt: bool = False
    """Whether it can do actions for which AWS also requires the permission to tag resources of others."""

    hosted_zone_ids: Sequence[str] = ()
    """Ids of the Route 53 zones whose records it changes; empty allows every zone."""


def documents(scope: Scope) -> dict[str, dict[str, Any]]:
    """Return the deploy role's policy documents by group."""
    return in_partition(scope.regions, {group: _document(grants, scope) for group, grants in GRANTS.items()})


def plan_documents(scope: Scope) -> dict[str, dict[str, Any]]:
    """Return the plan role's policy documents, with the reading actions only."""
    groups = {
        "infrastructure": ("network", "discovery", "entry", "compute"),
        "data": ("data", "storage"),
        "services": ("services", "delivery", "roles"),
    }
    reading = {
        policy: [grant for group in groups_ for each in GRANTS[group] if (grant := _reading(each)) is not None]
        for policy, groups_ in groups.items()
    }
    return in_partition(scope.regions, {policy: _document(grants, scope) for policy, grants in reading.items()})


def in_partition(regions: Sequence[str], found: T) -> T:
    """Return documents for the partition `aws` with the ARNs and principals of the partition of `regions`."""
    if not regions:
        return found
    text = json.dumps(found).replace('"arn:aws:', f'"arn:{of_region(regions[0])}:')
    return json.loads(text.replace('"ec2.amazonaws.com"', f'"{principal("ec2", regions[0])}"'))


def _reading(grant: Grant) -> Grant | None:
    actions = [
        action
        for action in grant.actions.split()
        if action.startswith(READING) and f"{grant.service}:{action}" not in NOT_FOR_PLANS
    ]
    return replace(grant, actions=" ".join(actions)) if actions else None


def _document(grants: Sequence[Grant], scope: Scope) -> dict[str, Any]:
    return {
        "Version": "2012-10-17",
        "Statement": [_statement(grant, scope) for grant in grants if _given(grant, scope)],
    }


def _given(grant: Grant, scope: Scope) -> bool:
    """Return whether the role gets the grant. Grants that let it take over resources of others need a name prefix or
    `may_adopt`."""
    if scope.may_adopt or grant.adopts is Adopts.NOTHING:
        return True
    return grant.adopts is Adopts.UNNAMED and bool(scope.name_prefix)


def _statement(grant: Grant, scope: Scope) -> dict[str, Any]:
    condition = _filled(grant.condition or {}, scope)
    if grant.regional:
        condition.setdefault("StringEquals", {})["aws:RequestedRegion"] = list(scope.regions)
    return {
        "Effect": "Allow",
        "Action": [f"{grant.service}:{action}" for action in grant.actions.split()],
        "Resource": [arn for pattern in grant.resources for arn in _arns(pattern, scope)],
        **({"Condition": condition} if condition else {}),
    }


def _arns(pattern: str, scope: Scope) -> list[str]:
    # The condition on the region already limits the region.
    pattern = pattern.replace("{region}", "*").replace("{prefix}", scope.name_prefix).replace("**", "*")
    if "{zone}" not in pattern:
        return [pattern]
    return [pattern.replace("{zone}", zone) for zone in scope.hosted_zone_ids or ("*",)]


def _filled(condition: Mapping[str, Mapping[str, Any]], scope: Scope) -> dict[str, dict[str, Any]]:
    return {
        operator: {key: scope.boundary_arn if value == "{boundary}" else value for key, value in tests.items()}
        for operator, tests in condition.items()
    }
