"""References to existing secrets and parameters: their form in the configuration, in ECS and in IAM."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from pulumi_django.rules.partitions import of_region

SECRET_PREFIX = "secretsmanager:"
PARAMETER_PREFIX = "ssm:"
FORMS = (
    "'secretsmanager:<name>', 'secretsmanager:<name>:<JSON key>', 'ssm:<parameter name>', or the ARN of either, that of a "
    "secret with ':<JSON key>::' for one key"
)
SECRET_ARN = "arn:aws:secretsmanager:<region>:<account>:secret:<name>"
PARAMETER_ARN = "arn:aws:ssm:<region>:<account>:parameter/<name>"
SECRET_VIA_PARAMETER = "/aws/reference/secretsmanager/"
"""Prefix of parameters that are secrets. SSM reads these secrets for the caller.
https://docs.aws.amazon.com/systems-manager/latest/userguide/integration-ps-secretsmanager.html"""

# https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html; Secrets of RDS contain '!'.
_SECRET_NAME = re.compile(r"[A-Za-z0-9/_+=.@!-]{1,512}")
# https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html: a name with a path is absolute.
_PARAMETER_NAME = re.compile(r"(/[A-Za-z0-9_.-]+)+|[A-Za-z0-9_.-]+")
# Secrets Manager treats such an end as the random suffix of a complete ARN, even when the name ends so.
# https://docs.aws.amazon.com/secretsmanager/latest/userguide/troubleshoot.html#ARN_secretnamehyphen
_SUFFIX = re.compile(r"-[A-Za-z0-9]{6}")
_SUFFIX_PATTERN = "-??????"
_SHOWABLE = re.compile(r"[A-Za-z0-9_./:@!*-]*")


@dataclass(frozen=True)
class ByArn:
    """A secret or parameter by its ARN, optionally with JSON key and version for ECS."""

    value_from: str

    @property
    def arn(self) -> str:
        """ARN for a policy. For a secret it has the random suffix, or a pattern for it."""
        if ":secret:" not in self.value_from:
            return self.value_from
        arn = ":".join(self.value_from.split(":")[:7])
        return arn if _SUFFIX.fullmatch(arn[-7:]) else f"{arn}{_SUFFIX_PATTERN}"


@dataclass(frozen=True)
class SecretByName:
    """A secret in Secrets Manager, in the environment's region."""

    name: str
    json_key: str | None = None
    version: str = ":"
    """Stage and id of the version, separated by a colon."""


@dataclass(frozen=True)
class ParameterByName:
    """A parameter in SSM, in the environment's region."""

    name: str


Reference = ByArn | SecretByName | ParameterByName


@dataclass(frozen=True)
class Resolved:
    """A reference in the form of ECS and IAM."""

    value_from: pulumi.Input[str]
    """`valueFrom` of a container's secret."""

    arns: Sequence[pulumi.Input[str]]
    """ARNs that the execution role must be able to read."""


def parse(text: str) -> Reference:
    """Return the reference in a text. Raises ValueError with the possible forms."""
    if text.startswith("arn:"):
        return _by_arn(text)
    if text.startswith(SECRET_PREFIX):
        return _secret_by_name(text)
    name = text.removeprefix(PARAMETER_PREFIX)
    if text.startswith(PARAMETER_PREFIX) and not name.startswith("/") and "/" in name:
        name = f"/{name}"
    if not _PARAMETER_NAME.fullmatch(name):
        raise ValueError(f"{_shown(text)} is not a reference to a secret: write {FORMS}")
    return ParameterByName(name)


def _by_arn(text: str) -> ByArn:
    parts = text.split(":", 5)
    service = parts[2] if len(parts) == 6 else ""
    if service not in ("secretsmanager", "ssm"):
        raise ValueError(f"{_shown(text)} is not a reference to a secret: write {FORMS}")
    _, partition, _, region, account, resource = parts
    try:
        own = of_region(region)
    except ValueError as error:
        raise ValueError(f"{_shown(text)} is not a reference to a secret: its {error}") from None
    wanted = SECRET_ARN if service == "secretsmanager" else PARAMETER_ARN
    if partition != own:
        raise ValueError(f"{_shown(text)} is not a reference to a secret: ARNs of {region} begin with 'arn:{own}:'")
    if not re.fullmatch(r"\d{12}", account):
        raise ValueError(f"{_shown(text)} is not a reference to a secret: an account has 12 digits, as in '{wanted}'")
    if service == "ssm":
        _check_parameter(text, resource)
    else:
        _check_secret(text, resource)
    return ByArn(text)


def _check_parameter(text: str, resource: str) -> None:
    name = resource.removeprefix("parameter")
    if name == resource or not name.startswith("/") or not _PARAMETER_NAME.fullmatch(name):
        raise ValueError(
            f"{_shown(text)} is not a reference to a secret: the ARN of a parameter is '{PARAMETER_ARN}', without a version or a label"
        )


def _check_secret(text: str, resource: str) -> None:
    kind, *rest = resource.split(":")
    if kind != "secret" or not rest or not _SECRET_NAME.fullmatch(rest[0]):
        raise ValueError(f"{_shown(text)} is not a reference to a secret: the ARN of a secret is '{SECRET_ARN}'")
    _check_version(text, rest[1:], SECRET_ARN)


def _secret_by_name(text: str) -> SecretByName:
    name, *rest = text.removeprefix(SECRET_PREFIX).split(":")
    if not _SECRET_NAME.fullmatch(name):
        raise ValueError(f"{_shown(text)} is not a reference to a secret: write {FORMS}")
    if len(rest) == 1:
        return SecretByName(name, rest[0] or None)
    _check_version(text, rest, f"{SECRET_PREFIX}<name>")
    return SecretByName(name, rest[0] or None, ":".join(rest[1:])) if rest else SecretByName(name)


def _check_version(text: str, rest: Sequence[str], form: str) -> None:
    """Check the parts after a secret. ECS needs all three or none; a version has a stage or an id.
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html
    """
    if len(rest) not in (0, 3):
        raise ValueError(
            f"{_shown(text)} is not a reference to a secret: after the name come a JSON key, a version stage and a version id, "
            f"each of which can be empty, as in '{form}:<JSON key>::'"
        )
    if rest and rest[1] and rest[2]:
        raise ValueError(
            f"{_shown(text)} is not a reference to a secret: write a version stage or a version id, as in '{form}:<JSON key>:<stage>:'"
        )


def _shown(text: str) -> str:
    """Return the text for a message, or only its length when it can be the value of a secret."""
    return repr(text) if _SHOWABLE.fullmatch(text) else f"a text of {len(text)} characters"


class Resolver:
    """Resolves references for the region and account of one parent's provider."""

    def __init__(self, region: str, parent: pulumi.Resource) -> None:
        self._region = region
        self._options = pulumi.InvokeOutputOptions(parent=parent)
        self._secrets: dict[str, pulumi.Output[str]] = {}
        self._account: pulumi.Output[str] | None = None

    def resolve(self, text: str) -> Resolved:
        """Return the reference for ECS and IAM. The ARN of a named secret is looked up, because ECS needs it in full.
        No value is read."""
        match parse(text):
            case ByArn() as by_arn:
                return Resolved(by_arn.value_from, [by_arn.arn, *_secret_behind_arn(by_arn.arn)])
            case SecretByName(name=name, json_key=key, version=version):
                arn = self._secret(name)
                whole = key is None and version == ":"
                return Resolved(arn if whole else pulumi.Output.concat(arn, f":{key or ''}:{version}"), [arn])
            case ParameterByName(name=name):
                arn, secret = self._arn("ssm", f"parameter/{name.removeprefix('/')}"), _secret_behind(name)
                return Resolved(arn, [arn] if secret is None else [arn, self._arn("secretsmanager", secret)])

    def _secret(self, name: str) -> pulumi.Output[str]:
        """Return the complete ARN of a secret. Each secret is looked up once, even for several keys."""
        if name not in self._secrets:
            self._secrets[name] = aws.secretsmanager.get_secret_output(name=name, opts=self._options).arn
        return self._secrets[name]

    def _arn(self, service: str, resource: str) -> pulumi.Output[str]:
        if self._account is None:
            self._account = aws.get_caller_identity_output(opts=self._options).account_id
        start = f"arn:{of_region(self._region)}:{service}:{self._region}:"
        return pulumi.Output.concat(start, self._account, f":{resource}")


def _secret_behind(parameter: str) -> str | None:
    """Return the end of the ARN of a parameter's secret, with a pattern for the random suffix; None for other
    parameters."""
    if not parameter.startswith(SECRET_VIA_PARAMETER):
        return None
    return f"secret:{parameter.removeprefix(SECRET_VIA_PARAMETER)}{_SUFFIX_PATTERN}"


def _secret_behind_arn(arn: str) -> list[str]:
    parts = arn.split(":", 5)
    secret = _secret_behind(parts[5].removeprefix("parameter")) if parts[2] == "ssm" else None
    return [] if secret is None else [":".join(["arn", parts[1], "secretsmanager", *parts[3:5], secret])]


def expected_arns(text: str, region: str) -> list[str]:
    """Return ARNs of the length that a policy will contain for a reference, without a look-up."""
    place, account = f"{region}:", "0" * 12
    match parse(text):
        case ByArn() as by_arn:
            return [by_arn.arn, *_secret_behind_arn(by_arn.arn)]
        case SecretByName(name=name):
            return [f"arn:{of_region(region)}:secretsmanager:{place}{account}:secret:{name}{_SUFFIX_PATTERN}"]
        case ParameterByName(name=name):
            arn = f"arn:{of_region(region)}:ssm:{place}{account}:parameter/{name.removeprefix('/')}"
            return [arn, *_secret_behind_arn(arn)]


def check(references: Sequence[str]) -> None:
    """Raise ValueError for the first text that is not a reference to a secret."""
    for text in references:
        parse(text)
