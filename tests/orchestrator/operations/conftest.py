"""An emulated AWS account with alpha's log groups and cluster."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from moto import mock_aws

from orchestrator.operations.aws.clients import AwsClients
from orchestrator.operations.aws.targets import Target
from tests.support.fake_ecs import CLUSTER, FakeClock
from tests.support.operations import OUTPUTS, target


@dataclass
class Account:
    """moto behind the clients that operations use, and a clock that does not wait."""

    target: Target = field(default_factory=target)
    clock: FakeClock = field(default_factory=FakeClock)

    def __post_init__(self) -> None:
        self.clients = AwsClients(self.target.aws, self.clock)
        self.logs: Any = self.clients.client("logs")
        self.ecs: Any = self.clients.client("ecs")

    def write(self, service: str, task: str, *lines: tuple[float, str]) -> None:
        """Lines of a task's container, each so many seconds ago."""
        group, stream = f"/ecs/alpha/{service}", f"{service}/{service}/{task}"
        known = self.logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=stream)["logStreams"]
        if not known:
            self.logs.create_log_stream(logGroupName=group, logStreamName=stream)
        now = datetime.now(UTC).timestamp()
        events = [{"timestamp": int((now - ago) * 1000), "message": text} for ago, text in lines]
        self.logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)

    def create_services(self) -> None:
        """Every service, with one wanted task, which moto does not start."""
        for service in self.target.services:
            image = {"name": service.short, "image": f"registry.example.com/{service.short}:1", "memory": 512}
            self.ecs.register_task_definition(family=service.name, containerDefinitions=[image])
            self.ecs.create_service(
                cluster=CLUSTER, serviceName=service.name, taskDefinition=service.name, desiredCount=1
            )


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    with mock_aws():
        account = Account()
        for group in OUTPUTS.log_groups.values():
            account.logs.create_log_group(logGroupName=group)
        account.ecs.create_cluster(clusterName=CLUSTER)
        yield account
