"""ARNs: the type, name, account and partition of the resource that an ARN names. Pure.

`botocore.utils.ArnParser` divides an ARN into its fields. The resource field has another form for each service
(`type/name`, `type:name` or the bare name), which no library reads.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeGuard

WHOLE_NAME = {"s3": "bucket", "sns": "topic", "sqs": "queue"}
"""Services whose ARNs end with the bare name, with the type of those resources."""

SERVICES: Mapping[str, tuple[str, ...]] = {
    "appautoscaling": ("application-autoscaling",),
    "cloudwatch": ("logs", "cloudwatch", "events"),
    "efs": ("elasticfilesystem",),
    "lb": ("elasticloadbalancing",),
    "vpc": ("ec2",),
}
"""Modules of Pulumi's AWS package whose names differ from the service in the ARN."""


def is_arn(value: Any) -> TypeGuard[str]:
    """Return whether a value is text with the form of an ARN."""
    from botocore.utils import ArnParser

    return ArnParser.is_arn(value)


def service(arn: str) -> str:
    """Return `ecs` for `arn:aws:ecs:...`."""
    return _field(arn, "service")


def partition(arn: str) -> str:
    """Return `aws` for `arn:aws:ecs:...`."""
    return _field(arn, "partition")


def account(arn: str) -> str | None:
    """The account of an ARN; None for ARNs without one, such as those of buckets and of policies that AWS manages."""
    found = _field(arn, "account")
    return found if re.fullmatch(r"\d{12}", found) else None


def type_of(arn: str) -> str:
    """Return `ecs:service` for `arn:aws:ecs:eu-west-1:123456789012:service/alpha-cluster/alpha-web`."""
    found = service(arn)
    return f"{found}:{WHOLE_NAME.get(found) or _type_and_name(arn)[0]}"


def name_of(arn: str) -> str:
    """The part after the type: `alpha-cluster/alpha-web` for `...:service/alpha-cluster/alpha-web`."""
    if service(arn) in WHOLE_NAME:
        return _field(arn, "resource")
    return _type_and_name(arn)[1].removesuffix(":*")


def last_name(arn: str) -> str:
    """The last part of a name with a path: `alpha-web`."""
    return name_of(arn).rpartition("/")[2]


def services_of(token: str) -> tuple[str, ...]:
    """ARN services of a Pulumi type: `("ec2",)` for `aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule`."""
    module = token.split(":")[1].partition("/")[0] if token.count(":") > 1 else ""
    return SERVICES.get(module, (module,))


def _field(arn: str, name: str) -> str:
    from botocore.utils import ArnParser

    return ArnParser().parse_arn(arn)[name]


def _type_and_name(arn: str) -> tuple[str, str]:
    """The two parts around the first slash or colon of the resource."""
    kind, *name = re.split("[/:]", _field(arn, "resource"), maxsplit=1)
    return kind, "".join(name)
