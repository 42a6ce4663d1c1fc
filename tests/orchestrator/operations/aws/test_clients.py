"""Clients of operations: real ones like the stack's provider, and simulated ones that record calls."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ParamValidationError

from orchestrator.operations.aws.clients import ApiCall, RecordingClients, WakefulClock
from orchestrator.operations.aws.reach import for_target
from pulumi_django.deploying.aws_access import AwsAccess
from pulumi_django.deploying.polling import Cancelled
from tests.support.operations import target

ACCESS = AwsAccess(region="eu-west-1")


def test_an_environment_on_aws_gets_clients_with_its_region_and_endpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    access = AwsAccess(region="eu-west-1", endpoints={"ecs": "http://127.0.0.1:1"})
    clients = for_target(target(aws=access))
    assert not clients.simulated
    ecs = clients.client("ecs")
    assert (ecs.meta.endpoint_url, ecs.meta.region_name) == ("http://127.0.0.1:1", "eu-west-1")
    assert clients.client("ecs") is ecs


def test_an_environment_of_the_simulation_gets_clients_that_only_take_note() -> None:
    clients = for_target(target(notice="simulation: nothing is created in AWS"))
    assert clients.simulated
    found: Any = clients.client("ecs").describe_services(cluster="alpha-cluster", services=["alpha-gunicorn"])
    assert [service["serviceName"] for service in found["services"]] == ["alpha-gunicorn"]
    assert clients.calls == [
        ApiCall(
            service="ecs",
            operation="DescribeServices",
            parameters={"cluster": "alpha-cluster", "services": ["alpha-gunicorn"]},
        )
    ]


def test_a_recorded_call_without_an_answer_is_answered_by_nothing() -> None:
    clients = RecordingClients(ACCESS, {})
    assert clients.client("ecs").list_tasks(cluster="x")["taskArns"] == []
    assert clients.client("logs").describe_log_groups()["logGroups"] == []
    assert clients.client("s3").list_buckets()["Buckets"] == []
    assert [call.operation for call in clients.calls] == ["ListTasks", "DescribeLogGroups", "ListBuckets"]


def test_a_malformed_recorded_call_is_refused() -> None:
    with pytest.raises(ParamValidationError, match="Missing required parameter"):
        RecordingClients(ACCESS, {}).client("ecs").run_task(cluster="x")


def test_a_call_that_is_repeated_while_waiting_is_noted_once() -> None:
    clients = RecordingClients(ACCESS, {})
    for _ in range(3):
        clients.client("ecs").describe_tasks(cluster="x", tasks=["t"])
    assert len(clients.calls) == 1


def test_recorded_time_passes_only_during_waits() -> None:
    clock = RecordingClients(ACCESS, {}).clock
    began = clock.now()
    clock.sleep(600)
    assert clock.now() - began == 600


def test_a_woken_clock_ends_one_sleep_and_then_continues() -> None:
    clock = WakefulClock()
    clock.wake()
    with pytest.raises(Cancelled):
        clock.sleep(600)
    clock.sleep(0)


def test_a_secret_value_is_not_kept_in_the_note() -> None:
    clients = RecordingClients(ACCESS, {})
    clients.client("secretsmanager").put_secret_value(SecretId="x", SecretString="hunter2")
    clients.client("ssm").put_parameter(Name="/x", Value="hunter2", Type="SecureString")
    assert [dict(call.parameters) for call in clients.calls] == [
        {"SecretId": "x", "SecretString": "[secret]"},
        {"Name": "/x", "Value": "[secret]", "Type": "SecureString"},
    ]
