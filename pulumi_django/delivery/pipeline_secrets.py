"""Variables of CodeBuild with references to secrets and parameters. CodeBuild reads the values, and masks them in its log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from pulumi_django.policies.secret_references import ByArn, ParameterByName, Resolver, parse

Variable = aws.codebuild.ProjectEnvironmentEnvironmentVariableArgs


@dataclass(frozen=True)
class Variables:
    """Variables of a project, and what its role must be able to read."""

    found: Sequence[Variable]
    arns: Sequence[pulumi.Input[str]]


def plain(values: Mapping[str, pulumi.Input[str]]) -> list[Variable]:
    """Return variables with plain values."""
    return [Variable(name=name, value=value) for name, value in values.items()]


def referring(references: Mapping[str, str], resolver: Resolver) -> Variables:
    """Return variables whose values CodeBuild reads when a build starts.

    https://docs.aws.amazon.com/codebuild/latest/APIReference/API_EnvironmentVariable.html
    """
    found: list[Variable] = []
    arns: list[pulumi.Input[str]] = []
    for name, reference in sorted(references.items()):
        resolved = resolver.resolve(reference)
        parameter = _parameter(reference)
        if parameter is None:
            found.append(Variable(name=name, type="SECRETS_MANAGER", value=resolved.value_from))
        else:
            found.append(Variable(name=name, type="PARAMETER_STORE", value=parameter))
        arns += [arn for arn in resolved.arns if arn not in arns]
    return Variables(found, arns)


def _parameter(reference: str) -> str | None:
    """Return the name of a parameter, which CodeBuild needs in place of its ARN; None for a secret."""
    match parse(reference):
        case ParameterByName(name=name):
            return name
        case ByArn(value_from=arn) if ":ssm:" in arn:
            return arn.partition(":parameter")[2]
        case _:
            return None
