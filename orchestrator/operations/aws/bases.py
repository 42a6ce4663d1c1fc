"""The base that an operation works on: its outputs, who stands on it, and how its AWS is reached."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from orchestrator.errors import UnknownStackError
from orchestrator.model import UNKNOWN, Kind
from orchestrator.operations.aws.target import access_of
from pulumi_django.deploying.aws_access import AwsAccess

if TYPE_CHECKING:
    from orchestrator.lifecycle.context import Context
    from orchestrator.lifecycle.registry import Deployment


@dataclass(frozen=True, kw_only=True)
class BaseTarget:
    """A base that exists, and the AWS it lives in."""

    name: str
    kind: Kind
    notice: str | None
    """What every output of the engine that made it says; None when it works on AWS."""

    outputs: Mapping[str, Any] = field(repr=False)
    """Plain outputs, by the names of the contract; without secret ones."""

    environments: tuple[str, ...] = ()
    """Who stands on it."""

    aws: AwsAccess = field(default_factory=AwsAccess)
    """Region, profile, endpoints and role of the stack's AWS provider."""


def find(context: Context, name: str) -> BaseTarget:
    """The base of that name. Raises UnknownStackError, also when it was not created to its end."""
    base: Deployment = context.registry().base(name)
    outputs = {key: out.value for key, out in base.outputs.items() if not out.secret and out.value != UNKNOWN}
    if not outputs:
        raise UnknownStackError(
            f"{name} has no outputs: it was not created to its end", f"finish it: `orchestrator create-base {name}`"
        )
    return BaseTarget(
        name=base.name,
        kind=base.record.kind,
        notice=context.engine.notice,
        outputs=outputs,
        environments=base.environments,
        aws=access_of(context, base, outputs.get("region")),
    )
