"""Traces: the collector and the variables of the Django container."""

from __future__ import annotations

import pytest
import yaml

from pulumi_django import TracingOptions
from pulumi_django.observability import otel


def test_the_collector_listens_only_to_its_task_and_sends_traces_to_x_ray() -> None:
    config = yaml.safe_load(str(otel.collector(TracingOptions(), "eu-west-1").env["AOT_CONFIG_CONTENT"]))
    assert config["receivers"] == {"otlp": {"protocols": {"http": {"endpoint": "localhost:4318"}}}}
    assert config["exporters"] == {"awsxray": {"region": "eu-west-1"}}
    assert config["service"]["pipelines"] == {
        "traces": {"receivers": ["otlp"], "processors": ["batch"], "exporters": ["awsxray"]}
    }


def test_a_task_outlives_its_collector_and_opens_no_port() -> None:
    collector = otel.collector(TracingOptions(memory_mib=64), "us-east-1")
    # Collectors other than AWS's need the command to read the variable.
    assert collector.command == ["--config=env:AOT_CONFIG_CONTENT"]
    assert (collector.essential, collector.port, collector.memory_mib) == (False, None, 64)
    assert collector.health_command == ["/healthcheck"]


def test_django_sends_only_traces_with_the_name_of_its_service() -> None:
    variables = otel.variables(TracingOptions(sample_percent=12.5), "shop", "gunicorn")
    assert variables["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://localhost:4318"
    assert variables["OTEL_SERVICE_NAME"] == "shop-gunicorn"
    assert variables["OTEL_TRACES_SAMPLER_ARG"] == "0.125"
    assert (variables["OTEL_METRICS_EXPORTER"], variables["OTEL_LOGS_EXPORTER"]) == ("none", "none")


def test_the_tasks_may_only_put_traces() -> None:
    assert [(s["Action"], s["Resource"]) for s in otel.STATEMENTS] == [
        (["xray:PutTraceSegments", "xray:PutTelemetryRecords"], ["*"])
    ]


@pytest.mark.parametrize("percent", [0, 101])
def test_an_invalid_percentage_is_refused(percent: float) -> None:
    with pytest.raises(ValueError, match=rf"^sample_percent is {percent}: it must be above 0 and at most 100 %$"):
        TracingOptions(sample_percent=percent)
