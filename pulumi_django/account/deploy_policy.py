"""What the deploy role may do, as IAM documents. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from pulumi_django.account.deploy_grants import GRANTS, Grant
from pulumi_django.rules.partitions import of_region, principal

# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
POLICY_LIMIT_CHARACTERS = 6144
POLICIES_PER_ROLE = 10


def documents(regions: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The policy documents, by group."""
    return _in_partition(regions[0], _documents(regions)) if regions else _documents(regions)


def _in_partition(region: str, found: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The grants are written for the partition `aws`; in another one every ARN begins otherwise."""
    text = json.dumps(found).replace('"arn:aws:', f'"arn:{of_region(region)}:')
    return json.loads(text.replace('"ec2.amazonaws.com"', f'"{principal("ec2", region)}"'))


def _documents(regions: Sequence[str]) -> dict[str, dict[str, Any]]:
    return {
        group: {"Version": "2012-10-17", "Statement": [_statement(grant, regions) for grant in grants]}
        for group, grants in GRANTS.items()
    }


def _statement(grant: Grant, regions: Sequence[str]) -> dict[str, Any]:
    condition = {operator: dict(tests) for operator, tests in (grant.condition or {}).items()}
    if grant.regional:
        condition.setdefault("StringEquals", {})["aws:RequestedRegion"] = list(regions)
    resources = [
        pattern.format(region=region)
        for pattern in grant.resources
        for region in (regions if "{region}" in pattern else ("",))
    ]
    return {
        "Effect": "Allow",
        "Action": [f"{grant.service}:{action}" for action in grant.actions.split()],
        "Resource": resources,
        **({"Condition": condition} if condition else {}),
    }
