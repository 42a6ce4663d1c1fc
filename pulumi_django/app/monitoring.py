"""Alarms, dashboard and recorded shell sessions of an environment, and the KMS key that they need."""

from __future__ import annotations

import pulumi

from pulumi_django.app.backing import Backing
from pulumi_django.app.environment import Environment
from pulumi_django.app.options import AlarmOptions
from pulumi_django.app.services import Services
from pulumi_django.data.encryption import EncryptionKey, EncryptionKeyArgs
from pulumi_django.ecs.cluster import Cluster
from pulumi_django.ecs.exec_sessions import ExecSessions, ExecSessionsArgs, ExecSessionSettings
from pulumi_django.ecs.web_service import WebComponent
from pulumi_django.observability.alarms import EnvironmentAlarms, EnvironmentAlarmsArgs
from pulumi_django.observability.dashboard import Dashboard, DashboardArgs
from pulumi_django.observability.metrics import Watched, queue_metric
from pulumi_django.observability.topic import AlarmTopic, AlarmTopicArgs
from pulumi_django.rules.fields import passed
from pulumi_django.rules.kinds import Kind


def key_arn(env: Environment) -> pulumi.Input[str] | None:
    """Return the base's KMS key, or create one where recorded sessions or an own topic need one.

    An ad-hoc environment that needs one always has its own. Its base may have got a key later, and deleting the
    environment's key would make the recorded sessions unreadable.
    """
    needed = env.args.exec_sessions is not None or _has_own_topic(env)
    if not needed or (env.base.kms_key_arn is not None and env.kind is not Kind.AD_HOC):
        return env.base.kms_key_arn
    args = EncryptionKeyArgs(account_id=env.base.account_id, region=env.base.region)
    return EncryptionKey(f"{env.name}-key", args, env.opts).arn


def exec_sessions(env: Environment, key: pulumi.Input[str] | None) -> ExecSessions | None:
    """Create the records of shell sessions, if the arguments have them."""
    options = env.args.exec_sessions
    if options is None or key is None:
        return None
    args = ExecSessionsArgs(
        environment=env.name,
        region=env.base.region,
        kms_key_arn=key,
        force_destroy=True,
        **passed(ExecSessionSettings, options),
    )
    return ExecSessions(f"{env.name}-exec", args, env.opts)


def watch(
    env: Environment, cluster: Cluster, services: Services, backing: Backing, key: pulumi.Input[str] | None
) -> None:
    """Create the alarms and the dashboard of the arguments."""
    web = {name: part for name, part in services.services.items() if isinstance(part, WebComponent)}
    watched = Watched(
        cluster_name=cluster.cluster_name,
        services={name: part.service_name for name, part in services.services.items()},
        load_balancer=env.base.alb_arn_suffix,
        target_groups={
            name if index == 0 else f"{name}-{index}": suffix
            for name, part in web.items()
            for index, suffix in enumerate(part.target_group_arn_suffixes)
        },
        queues={queue: queue_metric(name) for queue, name in backing.queue_names.items()},
    )
    if env.args.alarms is not None:
        _alarms(env, watched, env.args.alarms, key)
    if env.args.dashboard:
        _dashboard(env, watched)


def _has_own_topic(env: Environment) -> bool:
    options = env.args.alarms
    if options is None or options.topic_arn is not None:
        return False
    return bool(options.emails) or env.base.alarm_topic_arn is None


def _alarms(env: Environment, watched: Watched, options: AlarmOptions, key: pulumi.Input[str] | None) -> None:
    topic = options.topic_arn if options.topic_arn is not None else env.base.alarm_topic_arn
    if _has_own_topic(env) or topic is None:
        own = AlarmTopicArgs(account_id=env.base.account_id, kms_key_arn=key, emails=options.emails)
        topic = AlarmTopic(f"{env.name}-alarm-topic", own, env.opts).topic_arn
    args = EnvironmentAlarmsArgs(
        topic_arn=topic,
        **passed(Watched, watched),
        thresholds=options,
    )
    EnvironmentAlarms(f"{env.name}-alarms", args, env.opts)


def _dashboard(env: Environment, watched: Watched) -> None:
    args = DashboardArgs(
        environment=env.name,
        region=env.base.region,
        **passed(Watched, watched),
        database_instance_id=env.base.database_instance_id,
        database_cluster_id=env.base.database_cluster_id,
    )
    Dashboard(f"{env.name}-dashboard", args, env.opts)
