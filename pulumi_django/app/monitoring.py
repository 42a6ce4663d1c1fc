"""How an environment is watched: alarms and their topic, dashboard, key, recorded sessions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pulumi

from pulumi_django.app.options import AlarmOptions, ExecSessionOptions
from pulumi_django.contract import BaseContract
from pulumi_django.data.encryption import EncryptionKey, EncryptionKeyArgs
from pulumi_django.ecs.exec_sessions import ExecSessions, ExecSessionsArgs
from pulumi_django.observability.alarms import EnvironmentAlarms, EnvironmentAlarmsArgs
from pulumi_django.observability.dashboard import Dashboard, DashboardArgs
from pulumi_django.observability.metrics import Metric
from pulumi_django.observability.topic import AlarmTopic, AlarmTopicArgs


@dataclass(frozen=True, kw_only=True)
class Watched:
    """What there is to watch in an environment."""

    name: str
    base: BaseContract
    cluster_name: pulumi.Input[str]
    services: Mapping[str, pulumi.Input[str]]
    """Name within the environment -> name of the ECS service."""

    target_groups: Mapping[str, pulumi.Input[str]]
    """Web service -> suffix of its target group's ARN."""

    queues: Mapping[str, Metric] = field(default_factory=dict[str, Metric])
    """Queue -> how many messages wait in it."""


def has_own_topic(base: BaseContract, options: AlarmOptions | None) -> bool:
    """Whether the alarms need a topic of the environment's own."""
    return options is not None and options.topic_arn is None and (bool(options.emails) or base.alarm_topic_arn is None)


def key_arn(
    name: str,
    base: BaseContract,
    *,
    needed: bool,
    opts: pulumi.ResourceOptions,
) -> pulumi.Input[str] | None:
    """The base's key, or one of the environment's own where something needs one."""
    if base.kms_key_arn is not None or not needed:
        return base.kms_key_arn
    return EncryptionKey(f"{name}-key", EncryptionKeyArgs(account_id=base.account_id, region=base.region), opts).arn


def exec_sessions(
    name: str,
    base: BaseContract,
    options: ExecSessionOptions | None,
    key: pulumi.Input[str] | None,
    opts: pulumi.ResourceOptions,
) -> ExecSessions | None:
    """Where shell sessions are written down, when they are."""
    if options is None or key is None:
        return None
    args = ExecSessionsArgs(
        environment=name,
        region=base.region,
        kms_key_arn=key,
        retention_days=options.retention_days,
        bucket=options.bucket,
        force_destroy=True,
    )
    return ExecSessions(f"{name}-exec", args, opts)


def alarms(
    watched: Watched,
    options: AlarmOptions,
    key: pulumi.Input[str] | None,
    opts: pulumi.ResourceOptions,
) -> EnvironmentAlarms:
    """The alarms, and their topic where neither base nor user has one."""
    topic = options.topic_arn if options.topic_arn is not None else watched.base.alarm_topic_arn
    if has_own_topic(watched.base, options) or topic is None:
        args = AlarmTopicArgs(account_id=watched.base.account_id, kms_key_arn=key, emails=options.emails)
        topic = AlarmTopic(f"{watched.name}-alarm-topic", args, opts).topic_arn
    return EnvironmentAlarms(
        f"{watched.name}-alarms",
        EnvironmentAlarmsArgs(
            topic_arn=topic,
            cluster_name=watched.cluster_name,
            services=watched.services,
            load_balancer=watched.base.alb_arn_suffix,
            target_groups=watched.target_groups,
            queues=watched.queues,
            thresholds=options,
        ),
        opts,
    )


def dashboard(watched: Watched, opts: pulumi.ResourceOptions) -> Dashboard:
    """The dashboard."""
    return Dashboard(
        f"{watched.name}-dashboard",
        DashboardArgs(
            environment=watched.name,
            region=watched.base.region,
            cluster_name=watched.cluster_name,
            services=watched.services,
            load_balancer=watched.base.alb_arn_suffix,
            target_groups=watched.target_groups,
            queues=watched.queues,
            database_instance_id=watched.base.database_instance_id,
            database_cluster_id=watched.base.database_cluster_id,
        ),
        opts,
    )
