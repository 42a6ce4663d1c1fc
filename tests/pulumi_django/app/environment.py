"""The contract of a production base for tests, and functions that read an environment's resources."""

from __future__ import annotations

import functools
import json
from typing import Any

from pulumi_django import BaseContract, Kind, ProdApp, ProdAppArgs, ProdWebOptions, contract
from pulumi_django.testing import SimulatedResource, SimulationResult, simulate

SERVICE = "aws:ecs/service:Service"
TASK_DEFINITION = "aws:ecs/taskDefinition:TaskDefinition"
RULE = "aws:lb/listenerRule:ListenerRule"
TARGET = "aws:appautoscaling/target:Target"
POLICY = "aws:appautoscaling/policy:Policy"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
TARGET_GROUP = "aws:lb/targetGroup:TargetGroup"
REDIS_SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:prod-redis-AbCdEf"

BASE: dict[str, Any] = {
    "kind": Kind.PROD,
    "base_stack_name": "prod",
    "region": "us-east-1",
    "vpc_id": "vpc-1",
    "public_subnet_ids": ["subnet-1"],
    "private_subnet_ids": ["subnet-2", "subnet-3"],
    "alb_sg_id": "sg-alb",
    "app_sg_id": "sg-app",
    "listener_arn": "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/prod/1/2",
    "alb_arn_suffix": "app/prod/1",
    "alb_dns_name": "prod.elb.amazonaws.com",
    "alb_zone_id": "Z1",
    "domain_name": "example.com",
    "hosted_zone_id": "Z2",
    "database_host": "prod-rds.internal",
    "database_port": 5432,
    "database_master_secret_arn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:rds!master",
    "assets_bucket_name": "prod-assets",
    "redis_host": "prod-redis.internal",
    "redis_port": 6379,
    "redis_tls": True,
    "redis_cluster_mode": False,
    "redis_auth_secret_arn": REDIS_SECRET,
    "alarm_topic_arn": "arn:aws:sns:us-east-1:123456789012:prod-alarms",
    "kms_key_arn": "arn:aws:kms:us-east-1:123456789012:key/1",
}


def prod_arguments(base: dict[str, Any] | None = None, **changes: Any) -> ProdAppArgs:
    """Arguments of an environment on that base."""
    values: dict[str, Any] = {
        "base": BaseContract(**{**BASE, **(base or {})}),
        "backend_image": "app-backend:v1",
        "frontend_image": "app-frontend:v1",
        "settings_module": "backend.settings.production",
        "web": ProdWebOptions(paths=("/api/*", "/admin/*", "/graphql/*", "/mtv/*")),
        "listener_slot": 0,
        **changes,
    }
    return ProdAppArgs(**values)


def prod(base: dict[str, Any] | None = None, **changes: Any) -> SimulationResult:
    """The environment `shop`. The usual one is simulated once."""
    return simulated(base, **changes) if base or changes else usual()


@functools.cache
def usual() -> SimulationResult:
    """The environment without changes."""
    return simulated()


def simulated(base: dict[str, Any] | None = None, **changes: Any) -> SimulationResult:
    """The environment, simulated again."""
    return simulate(
        lambda: contract.export(ProdApp("shop", prod_arguments(base, **changes)).outputs),
        project="django-app",
        stack="shop",
    )


def containers(result: SimulationResult, service: str) -> list[dict[str, Any]]:
    """Return the container definitions of a service's task."""
    definition = next(r for r in result.of_type(TASK_DEFINITION) if r.inputs["family"] == f"shop-{service}")
    return json.loads(definition.inputs["containerDefinitions"])


def environment(result: SimulationResult, service: str = "gunicorn") -> dict[str, str]:
    """Plain variables of a service's own container."""
    return {item["name"]: item["value"] for item in containers(result, service)[0]["environment"]}


def secrets(result: SimulationResult, service: str = "gunicorn") -> dict[str, str]:
    """Secret variables of a service's own container, by reference."""
    return {item["name"]: item["valueFrom"] for item in containers(result, service)[0]["secrets"]}


def service(result: SimulationResult, name: str) -> SimulatedResource:
    """The ECS service of that name."""
    return next(r for r in result.of_type(SERVICE) if r.inputs["name"] == f"shop-{name}")


def statements(result: SimulationResult, policy: str) -> dict[str, dict[str, Any]]:
    """Statements of an inline policy by their ids."""
    document = json.loads(result.one("aws:iam/rolePolicy:RolePolicy", policy).inputs["policy"])
    return {statement["Sid"]: statement for statement in document["Statement"]}
