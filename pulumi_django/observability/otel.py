"""Traces: a collector beside each Django container receives them over OpenTelemetry and sends them to X-Ray."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi

from pulumi_django.ecs.sidecar import Sidecar
from pulumi_django.rules.aws_rules import check_image, shown

CONTAINER = "otel-collector"
# Releases: https://gallery.ecr.aws/aws-observability/aws-otel-collector
DEFAULT_COLLECTOR_IMAGE = "public.ecr.aws/aws-observability/aws-otel-collector:v0.43.3"
HTTP_PORT = 4318
_CONFIG_VARIABLE = "AOT_CONFIG_CONTENT"

# Only the task's own containers reach the collector, over `localhost`. No security group rule admits others.
_CONFIG = f"""\
extensions:
  health_check:
receivers:
  otlp:
    protocols:
      http:
        endpoint: localhost:{HTTP_PORT}
processors:
  batch:
    timeout: 1s
exporters:
  awsxray:
    region: {{region}}
service:
  extensions: [health_check]
  pipelines:
    traces:
      receivers: [otlp]
      processors: [batch]
      exporters: [awsxray]
"""

STATEMENTS: Sequence[Mapping[str, Any]] = (
    # These actions support no resources.
    # https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsx-ray.html
    {
        "Sid": "Traces",
        "Effect": "Allow",
        "Action": ["xray:PutTraceSegments", "xray:PutTelemetryRecords"],
        "Resource": ["*"],
    },
)
"""IAM statements that the role of the tasks needs."""


@dataclass(frozen=True, kw_only=True)
class TracingOptions:
    image: str = DEFAULT_COLLECTOR_IMAGE
    """Image of the AWS distribution of the OpenTelemetry collector. Subnets without internet access need an image in
    ECR."""

    memory_mib: int = 128
    """Memory of the task in MiB that is reserved for the collector."""

    sample_percent: float = 5.0
    """Percentage of requests that are traced, above 0 and up to 100. X-Ray bills by trace."""

    def __post_init__(self) -> None:
        check_image("image", self.image)
        if not 0 < self.sample_percent <= 100:
            raise ValueError(f"sample_percent is {shown(self.sample_percent)}: it must be above 0 and at most 100 %")


def collector(options: TracingOptions, region: str) -> Sidecar:
    """Return the collector. It is not essential: when it stops, traces are lost and requests continue."""
    return Sidecar(
        image=options.image,
        # AWS's own collector reads the variable by default. Other collectors need the command.
        command=[f"--config=env:{_CONFIG_VARIABLE}"],
        env={_CONFIG_VARIABLE: _CONFIG.format(region=region)},
        memory_mib=options.memory_mib,
        essential=False,
        health_command=["/healthcheck"],
    )


def variables(options: TracingOptions, environment: str, service: str) -> dict[str, pulumi.Input[str]]:
    """Return the variables with the collector's address and the service's name, for OpenTelemetry's Python SDK.
    https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
    """
    return {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://localhost:{HTTP_PORT}",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_LOGS_EXPORTER": "none",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_RESOURCE_ATTRIBUTES": f"deployment.environment.name={environment}",
        "OTEL_SERVICE_NAME": f"{environment}-{service}",
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
        "OTEL_TRACES_SAMPLER_ARG": f"{options.sample_percent / 100:g}",
    }
