"""ARNs have a type, a name, a partition and an account."""

from __future__ import annotations

import pytest

from orchestrator.recovery import arns


@pytest.mark.parametrize(
    ("arn", "type_", "name", "last"),
    [
        ("arn:aws:ec2:eu-west-1:1:vpc/vpc-1", "ec2:vpc", "vpc-1", "vpc-1"),
        ("arn:aws:ecs:eu-west-1:1:service/c/s", "ecs:service", "c/s", "s"),
        ("arn:aws:ecs:eu-west-1:1:task-definition/f:7", "ecs:task-definition", "f:7", "f:7"),
        ("arn:aws:iam::1:role/path/r", "iam:role", "path/r", "r"),
        ("arn:aws:logs:eu-west-1:1:log-group:/ecs/a/w:*", "logs:log-group", "/ecs/a/w", "w"),
        ("arn:aws:rds:eu-west-1:1:db:dev-rds", "rds:db", "dev-rds", "dev-rds"),
        ("arn:aws:rds:eu-west-1:1:snapshot:rds:dev-1", "rds:snapshot", "rds:dev-1", "rds:dev-1"),
        ("arn:aws:s3:::alpha-assets", "s3:bucket", "alpha-assets", "alpha-assets"),
        ("arn:aws:sns:eu-west-1:1:dev-alarms", "sns:topic", "dev-alarms", "dev-alarms"),
        ("arn:aws:sqs:eu-west-1:1:alpha-default", "sqs:queue", "alpha-default", "alpha-default"),
        ("arn:aws:ssm:eu-west-1:1:parameter/alpha/url", "ssm:parameter", "alpha/url", "url"),
        (
            "arn:aws:elasticloadbalancing:eu-west-1:1:listener-rule/app/a/1/2/3",
            "elasticloadbalancing:listener-rule",
            "app/a/1/2/3",
            "3",
        ),
    ],
)
def test_an_arn_has_a_type_and_a_name(arn: str, type_: str, name: str, last: str) -> None:
    assert (arns.type_of(arn), arns.name_of(arn), arns.last_name(arn)) == (type_, name, last)


@pytest.mark.parametrize(
    ("arn", "account", "partition"),
    [
        ("arn:aws:ecs:eu-west-1:123456789012:cluster/c", "123456789012", "aws"),
        ("arn:aws-cn:iam::123456789012:role/r", "123456789012", "aws-cn"),
        ("arn:aws:s3:::alpha-assets", None, "aws"),
        ("arn:aws:iam::aws:policy/ReadOnlyAccess", None, "aws"),
    ],
)
def test_an_arn_has_a_partition_and_perhaps_an_account(arn: str, account: str | None, partition: str) -> None:
    assert (arns.account(arn), arns.partition(arn)) == (account, partition)


@pytest.mark.parametrize("value", ["", "alpha", "arn:aws:s3", "urn:pulumi:a::b::c::d", None, 3, ["arn:aws:s3:::a"]])
def test_a_value_without_the_form_of_an_arn_is_none(value: object) -> None:
    assert not arns.is_arn(value)


@pytest.mark.parametrize(
    ("token", "services"),
    [
        ("aws:ecs/service:Service", ("ecs",)),
        ("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", ("ec2",)),
        ("aws:cloudwatch/logGroup:LogGroup", ("logs", "cloudwatch", "events")),
        ("aws:lb/listener:Listener", ("elasticloadbalancing",)),
    ],
)
def test_a_pulumi_type_is_of_a_service(token: str, services: tuple[str, ...]) -> None:
    assert arns.services_of(token) == services
