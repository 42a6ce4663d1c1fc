"""Secrets and parameters that are there already, as configuration names them, and as ECS and IAM want them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

SECRET_PREFIX = "secretsmanager:"
PARAMETER_PREFIX = "ssm:"
FORMS = (
    "'secretsmanager:<name>', 'secretsmanager:<name>:<JSON key>', 'ssm:<parameter name>', or the ARN of either, that of a "
    "secret with ':<JSON key>::' for one key"
)
_ARN_PARTS = 7
"""Parts of a secret's ARN between colons; what follows is the JSON key, version stage and version id of ECS."""


@dataclass(frozen=True)
class ByArn:
    """A secret or parameter by its ARN, with what ECS allows behind it."""

    value_from: str

    @property
    def arn(self) -> str:
        """The ARN that a policy names."""
        if ":secret:" not in self.value_from:
            return self.value_from
        return ":".join(self.value_from.split(":")[:_ARN_PARTS])


@dataclass(frozen=True)
class SecretByName:
    """A secret in Secrets Manager, in the environment's region."""

    name: str
    json_key: str | None = None


@dataclass(frozen=True)
class ParameterByName:
    """A parameter in SSM, in the environment's region."""

    name: str


Reference = ByArn | SecretByName | ParameterByName


@dataclass(frozen=True)
class Resolved:
    """A reference as ECS and IAM want it."""

    value_from: pulumi.Input[str]
    """`valueFrom` of a container's secret."""

    arn: pulumi.Input[str]
    """What the execution role must be allowed to read."""


def parse(text: str) -> Reference:
    """The reference that a text means; ValueError that shows what is possible."""
    if text.startswith("arn:"):
        if ":secretsmanager:" in text or ":ssm:" in text:
            return ByArn(text)
    elif text.startswith(SECRET_PREFIX):
        name, _, key = text.removeprefix(SECRET_PREFIX).partition(":")
        if name:
            return SecretByName(name, key or None)
    elif text.startswith(PARAMETER_PREFIX):
        name = text.removeprefix(PARAMETER_PREFIX)
        if name and ":" not in name:
            return ParameterByName(name)
    raise ValueError(f"{text!r} names no secret: give {FORMS}")


class Resolver:
    """Resolves references for the region and account of one parent's provider."""

    def __init__(self, region: str, parent: pulumi.Resource) -> None:
        self._region = region
        self._options = pulumi.InvokeOutputOptions(parent=parent)

    def resolve(self, text: str) -> Resolved:
        """What a reference means. A secret's name is looked up, since ECS wants its whole ARN; its value is not read."""
        match parse(text):
            case ByArn() as by_arn:
                return Resolved(by_arn.value_from, by_arn.arn)
            case SecretByName(name=name, json_key=key):
                arn = aws.secretsmanager.get_secret_output(name=name, opts=self._options).arn
                return Resolved(pulumi.Output.concat(arn, f":{key}::") if key else arn, arn)
            case ParameterByName(name=name):
                account = aws.get_caller_identity_output(opts=self._options).account_id
                path = name.removeprefix("/")
                arn = pulumi.Output.concat(f"arn:aws:ssm:{self._region}:", account, f":parameter/{path}")
                return Resolved(arn, arn)


def check(references: Sequence[str]) -> None:
    """ValueError for the first text that names no secret."""
    for text in references:
        parse(text)
