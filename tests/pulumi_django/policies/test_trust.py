"""Trust policies."""

from __future__ import annotations

import json

import pulumi

from pulumi_django.policies.trust import account_of, trust_policy
from pulumi_django.testing import simulate

ARN = "arn:aws:ecs:us-east-1:123456789012:cluster/alpha-cluster"


def test_a_service_assumes_a_role_for_one_account_only() -> None:
    def program() -> None:
        pulumi.export("policy", trust_policy("ecs-tasks.amazonaws.com", account_of(ARN)))

    assert json.loads(simulate(program).outputs["policy"])["Statement"] == [
        {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"Service": "ecs-tasks.amazonaws.com"},
            "Condition": {"StringEquals": {"aws:SourceAccount": "123456789012"}},
        }
    ]


def test_a_service_that_does_not_send_the_account_has_no_condition() -> None:
    def program() -> None:
        pulumi.export("policy", trust_policy("ec2.amazonaws.com"))

    assert "Condition" not in json.loads(simulate(program).outputs["policy"])["Statement"][0]
