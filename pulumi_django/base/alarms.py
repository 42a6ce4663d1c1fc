"""The alarms of a base, and their thresholds."""

from __future__ import annotations

from typing import Protocol

import pulumi

from pulumi_django.base import parts
from pulumi_django.base.options import AuroraOptions, BaseAlarmOptions, DatabaseOptions, ExistingDatabaseOptions
from pulumi_django.data.cache import ReplicationGroup
from pulumi_django.data.postgres import DatabaseServer
from pulumi_django.observability.alarms import (
    CacheAlarms,
    CacheAlarmsArgs,
    DatabaseAlarms,
    DatabaseAlarmsArgs,
    LoadBalancerAlarms,
    LoadBalancerAlarmsArgs,
)
from pulumi_django.observability.topic import AlarmTopic, AlarmTopicArgs
from pulumi_django.rules.sizing import instance_class_memory_gib

MANY, FEW = 0.8, 0.1
"""Share of the connections that is too high, and share of free storage that is too low."""

# LEAST(memory in bytes / 9531392, 5000)
# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Limits.html#RDS_Limits.MaxConnections
MOST_CONNECTIONS = 5000
CONNECTIONS_PER_GIB = 1024**3 / 9531392
# Limit of a server that may shrink to half an ACU or sleep.
# https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-serverless-v2.setting-capacity.html
MOST_CONNECTIONS_OF_THE_SMALLEST = 2000
GIB_PER_ACU = 2
SMALLEST_ACU = 0.5


class AlarmedBase(Protocol):
    """The arguments of a base that its alarms depend on."""

    @property
    def alarms(self) -> BaseAlarmOptions | None: ...
    @property
    def database(self) -> DatabaseOptions: ...
    @property
    def aurora(self) -> AuroraOptions | None: ...
    @property
    def existing_database(self) -> ExistingDatabaseOptions | None: ...


def check(args: AlarmedBase) -> None:
    """Raise ValueError for an alarm whose threshold is neither given nor known."""
    if args.alarms is not None:
        _connections(args, args.alarms)


def make(
    name: str,
    args: AlarmedBase,
    account_id: pulumi.Input[str],
    guards: parts.Guards,
    web: parts.Web,
    database: DatabaseServer,
    cache: ReplicationGroup | None,
    *,
    opts: pulumi.ResourceOptions,
) -> AlarmTopic:
    """Create the topic, and the alarms that notify it."""
    options = args.alarms or BaseAlarmOptions()
    given = AlarmTopicArgs(account_id=account_id, kms_key_arn=guards.key_arn, emails=options.emails)
    topic = AlarmTopic(f"{name}-alarms", given, opts)
    balancer = LoadBalancerAlarmsArgs(
        topic_arn=topic.topic_arn, load_balancer=web.balancer.arn_suffix, errors=options.load_balancer_errors
    )
    LoadBalancerAlarms(f"{name}-alb", balancer, opts)
    if database.instance_id is not None or database.cluster_id is not None:
        server = DatabaseAlarmsArgs(
            topic_arn=topic.topic_arn,
            instance_id=database.instance_id,
            cluster_id=database.cluster_id,
            cpu_percent=options.database_cpu_percent,
            free_storage_gib=options.database_free_storage_gib or FEW * args.database.storage_gib,
            connections=_connections(args, options),
        )
        DatabaseAlarms(f"{name}-database", server, opts)
    if cache is not None:
        nodes = CacheAlarmsArgs(
            topic_arn=topic.topic_arn,
            node_ids=cache.node_ids,
            memory_percent=options.cache_memory_percent,
            cpu_percent=options.cache_cpu_percent,
        )
        CacheAlarms(f"{name}-cache", nodes, opts)
    return topic


def _connections(args: AlarmedBase, options: BaseAlarmOptions) -> int:
    if options.database_connections is not None:
        return options.database_connections
    if args.aurora is not None:
        return int(MANY * _aurora_connections(args.aurora))
    existing = args.existing_database
    if existing is not None:
        if existing.instance_id is None and existing.cluster_id is None:
            return 1  # without a metric there is no alarm
        raise ValueError(
            "alarms.database_connections is missing: the limit of existing_database is unknown, so give a number"
        )
    memory = instance_class_memory_gib(args.database.instance_class)
    if memory is None:
        raise ValueError(
            f"alarms.database_connections is missing: the memory of {args.database.instance_class} is unknown, so give a number"
        )
    return int(MANY * min(memory * CONNECTIONS_PER_GIB, MOST_CONNECTIONS))


def _aurora_connections(aurora: AuroraOptions) -> float:
    most = MOST_CONNECTIONS_OF_THE_SMALLEST if aurora.min_acu <= SMALLEST_ACU else MOST_CONNECTIONS
    return min(aurora.max_acu * GIB_PER_ACU * CONNECTIONS_PER_GIB, most)
