"""Clients of operations that lead into moto, with a clock that does not wait."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from orchestrator.operations.aws.clients import ApiCall
from pulumi_django.deploying.aws_access import AwsAccess
from tests.support import aws
from tests.support.fake_ecs import FakeClock


@dataclass
class MotoClients:
    """Needs `mock_aws` around every use."""

    clock: FakeClock = field(default_factory=FakeClock)
    access: AwsAccess = field(default_factory=lambda: AwsAccess(region=aws.REGION))
    simulated: bool = False
    calls: Sequence[ApiCall] = ()

    def client(self, service: str) -> Any:
        return aws.client(service)
