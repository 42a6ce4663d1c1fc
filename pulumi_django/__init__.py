"""Pulumi components for Django on AWS ECS.

Everything public is importable from here (`from pulumi_django import AdHocBase`). Names are loaded on first use, so
that the pure modules (`pulumi_django.rules.naming` and the like) can be imported without paying for the Pulumi SDK.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

# A public name stands three times, in alphabetical order: for type checkers, for `import *`, and with its module for
# the loader. A test keeps the three in step.
if TYPE_CHECKING:
    from pulumi_django.account.bootstrap import (
        AccountBootstrap,
        AccountBootstrapArgs,
        BudgetOptions,
        DeployOptions,
        MailOptions,
        RepositoryOptions,
    )
    from pulumi_django.account.budget import BudgetAlarm, BudgetAlarmArgs
    from pulumi_django.account.deploy_role import DeployRole, DeployRoleArgs
    from pulumi_django.account.mail_domain import MailDomain, MailDomainArgs
    from pulumi_django.account.plan_role import PlanRole, PlanRoleArgs
    from pulumi_django.account.repository import ImageRepository, ImageRepositoryArgs
    from pulumi_django.account.state import StateBackend, StateBackendArgs
    from pulumi_django.app.ad_hoc import AdHocApp, AdHocAppArgs
    from pulumi_django.app.options import (
        AlarmOptions,
        AppAssetsOptions,
        AppCacheOptions,
        BeatOptions,
        CdnOptions,
        ExecSessionOptions,
        FrontendOptions,
        ProdAppAssetsOptions,
        ProdFrontendOptions,
        ProdWebOptions,
        ProdWorkerOptions,
        RedisOptions,
        ReleaseOptions,
        ScheduledCommandOptions,
        ServedOptions,
        SqsOptions,
        StaticSiteOptions,
        WebOptions,
        WorkerOptions,
    )
    from pulumi_django.app.prod import ProdApp, ProdAppArgs
    from pulumi_django.base.ad_hoc import AdHocBase, AdHocBaseArgs
    from pulumi_django.base.options import (
        AccessLogOptions,
        AssetsOptions,
        AuroraOptions,
        BaseAlarmOptions,
        CacheOptions,
        DatabaseOptions,
        ExistingDatabaseOptions,
        ExistingVpcOptions,
        NetworkOptions,
        ProdAuroraOptions,
        ProdCacheOptions,
        ProdDatabaseOptions,
        ProdNetworkOptions,
    )
    from pulumi_django.base.prod import ProdBase, ProdBaseArgs
    from pulumi_django.contract import AppOutputs, BaseContract, ContractError
    from pulumi_django.data.aurora import AuroraServerless, AuroraServerlessArgs
    from pulumi_django.data.broker import SqsBroker, SqsBrokerArgs
    from pulumi_django.data.cache import ReplicationGroup, ReplicationGroupArgs
    from pulumi_django.data.encryption import EncryptionKey, EncryptionKeyArgs
    from pulumi_django.data.instance import PostgresInstance, PostgresInstanceArgs
    from pulumi_django.data.log_bucket import LogBucket, LogBucketArgs
    from pulumi_django.data.published_parameters import PublishedParameters, PublishedParametersArgs
    from pulumi_django.data.secrets import AppSecrets, AppSecretsArgs
    from pulumi_django.delivery.assets import AssetsBucket, AssetsBucketArgs
    from pulumi_django.delivery.cdn import Cdn, CdnArgs, Delivery
    from pulumi_django.delivery.firewall import Firewall, FirewallArgs, FirewallOptions
    from pulumi_django.delivery.static_site import StaticSite, StaticSiteArgs
    from pulumi_django.deploying.aws_access import AssumedRole, AwsAccess, WebIdentity
    from pulumi_django.deploying.gate import ReleaseGate, ReleaseGateArgs
    from pulumi_django.ec2.bastion import Bastion, BastionArgs
    from pulumi_django.ec2.compose_host import ComposeHost, ComposeHostArgs
    from pulumi_django.ec2.web_fleet import Ec2WebFleet, Ec2WebFleetArgs
    from pulumi_django.ecs.autoscaling import Autoscaling, AutoscalingArgs
    from pulumi_django.ecs.beat_service import BeatService, BeatServiceArgs
    from pulumi_django.ecs.cluster import Cluster, ClusterArgs
    from pulumi_django.ecs.container import ContainerSetup, TaskSize
    from pulumi_django.ecs.database_task import DatabaseTask, DatabaseTaskArgs
    from pulumi_django.ecs.deployment import DeploymentOptions
    from pulumi_django.ecs.exec_sessions import ExecSessions, ExecSessionsArgs
    from pulumi_django.ecs.frontend_service import FrontendService, FrontendServiceArgs
    from pulumi_django.ecs.management_command import ManagementCommand, ManagementCommandArgs
    from pulumi_django.ecs.redis_service import RedisService, RedisServiceArgs
    from pulumi_django.ecs.roles import ExecutionRole, ExecutionRoleArgs, TaskRole, TaskRoleArgs
    from pulumi_django.ecs.scaling import CpuSteps, QueueStep, QueueSteps, Scaling, ScheduledScaling, TrackedMetric
    from pulumi_django.ecs.scheduled_command import ScheduledCommand, ScheduledCommandArgs
    from pulumi_django.ecs.service import ServicePlacement
    from pulumi_django.ecs.sidecar import Sidecar
    from pulumi_django.ecs.task import LogGroup, LogGroupArgs, TaskDefinition, TaskDefinitionArgs
    from pulumi_django.ecs.task_security import TaskSecurityGroup, TaskSecurityGroupArgs
    from pulumi_django.ecs.web_routing import HealthCheck
    from pulumi_django.ecs.web_service import WebService, WebServiceArgs
    from pulumi_django.ecs.worker_service import WorkerService, WorkerServiceArgs
    from pulumi_django.network.certificate import Certificate, CertificateArgs
    from pulumi_django.network.discovery import ServiceDiscovery, ServiceDiscoveryArgs
    from pulumi_django.network.dns import AliasRecord, AliasRecordArgs
    from pulumi_django.network.endpoints import InterfaceEndpoints, InterfaceEndpointsArgs
    from pulumi_django.network.flow_logs import FlowLogs, FlowLogsArgs
    from pulumi_django.network.load_balancer import LoadBalancer, LoadBalancerArgs
    from pulumi_django.network.security import SecurityGroups, SecurityGroupsArgs
    from pulumi_django.network.vpc import Network, NetworkArgs
    from pulumi_django.observability.alarms import (
        AlarmThresholds,
        DatabaseAlarms,
        DatabaseAlarmsArgs,
        EnvironmentAlarms,
        EnvironmentAlarmsArgs,
        LoadBalancerAlarms,
        LoadBalancerAlarmsArgs,
    )
    from pulumi_django.observability.cache_alarms import CacheAlarms, CacheAlarmsArgs
    from pulumi_django.observability.dashboard import Dashboard, DashboardArgs
    from pulumi_django.observability.otel import TracingOptions
    from pulumi_django.observability.topic import AlarmTopic, AlarmTopicArgs
    from pulumi_django.program.config import ConfigError
    from pulumi_django.rules.kinds import Kind

__all__ = [
    "AccessLogOptions",
    "AccountBootstrap",
    "AccountBootstrapArgs",
    "AdHocApp",
    "AdHocAppArgs",
    "AdHocBase",
    "AdHocBaseArgs",
    "AlarmOptions",
    "AlarmThresholds",
    "AlarmTopic",
    "AlarmTopicArgs",
    "AliasRecord",
    "AliasRecordArgs",
    "AppAssetsOptions",
    "AppCacheOptions",
    "AppOutputs",
    "AppSecrets",
    "AppSecretsArgs",
    "AssetsBucket",
    "AssetsBucketArgs",
    "AssetsOptions",
    "AssumedRole",
    "AuroraOptions",
    "AuroraServerless",
    "AuroraServerlessArgs",
    "Autoscaling",
    "AutoscalingArgs",
    "AwsAccess",
    "BaseAlarmOptions",
    "BaseContract",
    "Bastion",
    "BastionArgs",
    "BeatOptions",
    "BeatService",
    "BeatServiceArgs",
    "BudgetAlarm",
    "BudgetAlarmArgs",
    "BudgetOptions",
    "CacheAlarms",
    "CacheAlarmsArgs",
    "CacheOptions",
    "Cdn",
    "CdnArgs",
    "CdnOptions",
    "Certificate",
    "CertificateArgs",
    "Cluster",
    "ClusterArgs",
    "ComposeHost",
    "ComposeHostArgs",
    "ConfigError",
    "ContainerSetup",
    "ContractError",
    "CpuSteps",
    "Dashboard",
    "DashboardArgs",
    "DatabaseAlarms",
    "DatabaseAlarmsArgs",
    "DatabaseOptions",
    "DatabaseTask",
    "DatabaseTaskArgs",
    "Delivery",
    "DeployOptions",
    "DeployRole",
    "DeployRoleArgs",
    "DeploymentOptions",
    "Ec2WebFleet",
    "Ec2WebFleetArgs",
    "EncryptionKey",
    "EncryptionKeyArgs",
    "EnvironmentAlarms",
    "EnvironmentAlarmsArgs",
    "ExecSessionOptions",
    "ExecSessions",
    "ExecSessionsArgs",
    "ExecutionRole",
    "ExecutionRoleArgs",
    "ExistingDatabaseOptions",
    "ExistingVpcOptions",
    "Firewall",
    "FirewallArgs",
    "FirewallOptions",
    "FlowLogs",
    "FlowLogsArgs",
    "FrontendOptions",
    "FrontendService",
    "FrontendServiceArgs",
    "HealthCheck",
    "ImageRepository",
    "ImageRepositoryArgs",
    "InterfaceEndpoints",
    "InterfaceEndpointsArgs",
    "Kind",
    "LoadBalancer",
    "LoadBalancerAlarms",
    "LoadBalancerAlarmsArgs",
    "LoadBalancerArgs",
    "LogBucket",
    "LogBucketArgs",
    "LogGroup",
    "LogGroupArgs",
    "MailDomain",
    "MailDomainArgs",
    "MailOptions",
    "ManagementCommand",
    "ManagementCommandArgs",
    "Network",
    "NetworkArgs",
    "NetworkOptions",
    "PlanRole",
    "PlanRoleArgs",
    "PostgresInstance",
    "PostgresInstanceArgs",
    "ProdApp",
    "ProdAppArgs",
    "ProdAppAssetsOptions",
    "ProdAuroraOptions",
    "ProdBase",
    "ProdBaseArgs",
    "ProdCacheOptions",
    "ProdDatabaseOptions",
    "ProdFrontendOptions",
    "ProdNetworkOptions",
    "ProdWebOptions",
    "ProdWorkerOptions",
    "PublishedParameters",
    "PublishedParametersArgs",
    "QueueStep",
    "QueueSteps",
    "RedisOptions",
    "RedisService",
    "RedisServiceArgs",
    "ReleaseGate",
    "ReleaseGateArgs",
    "ReleaseOptions",
    "ReplicationGroup",
    "ReplicationGroupArgs",
    "RepositoryOptions",
    "Scaling",
    "ScheduledCommand",
    "ScheduledCommandArgs",
    "ScheduledCommandOptions",
    "ScheduledScaling",
    "SecurityGroups",
    "SecurityGroupsArgs",
    "ServedOptions",
    "ServiceDiscovery",
    "ServiceDiscoveryArgs",
    "ServicePlacement",
    "Sidecar",
    "SqsBroker",
    "SqsBrokerArgs",
    "SqsOptions",
    "StateBackend",
    "StateBackendArgs",
    "StaticSite",
    "StaticSiteArgs",
    "StaticSiteOptions",
    "TaskDefinition",
    "TaskDefinitionArgs",
    "TaskRole",
    "TaskRoleArgs",
    "TaskSecurityGroup",
    "TaskSecurityGroupArgs",
    "TaskSize",
    "TracingOptions",
    "TrackedMetric",
    "WebIdentity",
    "WebOptions",
    "WebService",
    "WebServiceArgs",
    "WorkerOptions",
    "WorkerService",
    "WorkerServiceArgs",
]

_MODULE_OF = {
    "AccessLogOptions": "pulumi_django.base.options",
    "AccountBootstrap": "pulumi_django.account.bootstrap",
    "AccountBootstrapArgs": "pulumi_django.account.bootstrap",
    "AdHocApp": "pulumi_django.app.ad_hoc",
    "AdHocAppArgs": "pulumi_django.app.ad_hoc",
    "AdHocBase": "pulumi_django.base.ad_hoc",
    "AdHocBaseArgs": "pulumi_django.base.ad_hoc",
    "AlarmOptions": "pulumi_django.app.options",
    "AlarmThresholds": "pulumi_django.observability.alarms",
    "AlarmTopic": "pulumi_django.observability.topic",
    "AlarmTopicArgs": "pulumi_django.observability.topic",
    "AliasRecord": "pulumi_django.network.dns",
    "AliasRecordArgs": "pulumi_django.network.dns",
    "AppAssetsOptions": "pulumi_django.app.options",
    "AppCacheOptions": "pulumi_django.app.options",
    "AppOutputs": "pulumi_django.contract",
    "AppSecrets": "pulumi_django.data.secrets",
    "AppSecretsArgs": "pulumi_django.data.secrets",
    "AssetsBucket": "pulumi_django.delivery.assets",
    "AssetsBucketArgs": "pulumi_django.delivery.assets",
    "AssetsOptions": "pulumi_django.base.options",
    "AssumedRole": "pulumi_django.deploying.aws_access",
    "AuroraOptions": "pulumi_django.base.options",
    "AuroraServerless": "pulumi_django.data.aurora",
    "AuroraServerlessArgs": "pulumi_django.data.aurora",
    "Autoscaling": "pulumi_django.ecs.autoscaling",
    "AutoscalingArgs": "pulumi_django.ecs.autoscaling",
    "AwsAccess": "pulumi_django.deploying.aws_access",
    "BaseAlarmOptions": "pulumi_django.base.options",
    "BaseContract": "pulumi_django.contract",
    "Bastion": "pulumi_django.ec2.bastion",
    "BastionArgs": "pulumi_django.ec2.bastion",
    "BeatOptions": "pulumi_django.app.options",
    "BeatService": "pulumi_django.ecs.beat_service",
    "BeatServiceArgs": "pulumi_django.ecs.beat_service",
    "BudgetAlarm": "pulumi_django.account.budget",
    "BudgetAlarmArgs": "pulumi_django.account.budget",
    "BudgetOptions": "pulumi_django.account.bootstrap",
    "CacheAlarms": "pulumi_django.observability.cache_alarms",
    "CacheAlarmsArgs": "pulumi_django.observability.cache_alarms",
    "CacheOptions": "pulumi_django.base.options",
    "Cdn": "pulumi_django.delivery.cdn",
    "CdnArgs": "pulumi_django.delivery.cdn",
    "CdnOptions": "pulumi_django.app.options",
    "Certificate": "pulumi_django.network.certificate",
    "CertificateArgs": "pulumi_django.network.certificate",
    "Cluster": "pulumi_django.ecs.cluster",
    "ClusterArgs": "pulumi_django.ecs.cluster",
    "ComposeHost": "pulumi_django.ec2.compose_host",
    "ComposeHostArgs": "pulumi_django.ec2.compose_host",
    "ConfigError": "pulumi_django.program.config",
    "ContainerSetup": "pulumi_django.ecs.container",
    "ContractError": "pulumi_django.contract",
    "CpuSteps": "pulumi_django.ecs.scaling",
    "Dashboard": "pulumi_django.observability.dashboard",
    "DashboardArgs": "pulumi_django.observability.dashboard",
    "DatabaseAlarms": "pulumi_django.observability.alarms",
    "DatabaseAlarmsArgs": "pulumi_django.observability.alarms",
    "DatabaseOptions": "pulumi_django.base.options",
    "DatabaseTask": "pulumi_django.ecs.database_task",
    "DatabaseTaskArgs": "pulumi_django.ecs.database_task",
    "Delivery": "pulumi_django.delivery.cdn",
    "DeployOptions": "pulumi_django.account.bootstrap",
    "DeployRole": "pulumi_django.account.deploy_role",
    "DeployRoleArgs": "pulumi_django.account.deploy_role",
    "DeploymentOptions": "pulumi_django.ecs.deployment",
    "Ec2WebFleet": "pulumi_django.ec2.web_fleet",
    "Ec2WebFleetArgs": "pulumi_django.ec2.web_fleet",
    "EncryptionKey": "pulumi_django.data.encryption",
    "EncryptionKeyArgs": "pulumi_django.data.encryption",
    "EnvironmentAlarms": "pulumi_django.observability.alarms",
    "EnvironmentAlarmsArgs": "pulumi_django.observability.alarms",
    "ExecSessionOptions": "pulumi_django.app.options",
    "ExecSessions": "pulumi_django.ecs.exec_sessions",
    "ExecSessionsArgs": "pulumi_django.ecs.exec_sessions",
    "ExecutionRole": "pulumi_django.ecs.roles",
    "ExecutionRoleArgs": "pulumi_django.ecs.roles",
    "ExistingDatabaseOptions": "pulumi_django.base.options",
    "ExistingVpcOptions": "pulumi_django.base.options",
    "Firewall": "pulumi_django.delivery.firewall",
    "FirewallArgs": "pulumi_django.delivery.firewall",
    "FirewallOptions": "pulumi_django.delivery.firewall",
    "FlowLogs": "pulumi_django.network.flow_logs",
    "FlowLogsArgs": "pulumi_django.network.flow_logs",
    "FrontendOptions": "pulumi_django.app.options",
    "FrontendService": "pulumi_django.ecs.frontend_service",
    "FrontendServiceArgs": "pulumi_django.ecs.frontend_service",
    "HealthCheck": "pulumi_django.ecs.web_routing",
    "ImageRepository": "pulumi_django.account.repository",
    "ImageRepositoryArgs": "pulumi_django.account.repository",
    "PlanRole": "pulumi_django.account.plan_role",
    "PlanRoleArgs": "pulumi_django.account.plan_role",
    "InterfaceEndpoints": "pulumi_django.network.endpoints",
    "InterfaceEndpointsArgs": "pulumi_django.network.endpoints",
    "Kind": "pulumi_django.rules.kinds",
    "LoadBalancer": "pulumi_django.network.load_balancer",
    "LoadBalancerAlarms": "pulumi_django.observability.alarms",
    "LoadBalancerAlarmsArgs": "pulumi_django.observability.alarms",
    "LoadBalancerArgs": "pulumi_django.network.load_balancer",
    "LogBucket": "pulumi_django.data.log_bucket",
    "LogBucketArgs": "pulumi_django.data.log_bucket",
    "LogGroup": "pulumi_django.ecs.task",
    "LogGroupArgs": "pulumi_django.ecs.task",
    "MailDomain": "pulumi_django.account.mail_domain",
    "MailDomainArgs": "pulumi_django.account.mail_domain",
    "MailOptions": "pulumi_django.account.bootstrap",
    "ManagementCommand": "pulumi_django.ecs.management_command",
    "ManagementCommandArgs": "pulumi_django.ecs.management_command",
    "Network": "pulumi_django.network.vpc",
    "NetworkArgs": "pulumi_django.network.vpc",
    "NetworkOptions": "pulumi_django.base.options",
    "PostgresInstance": "pulumi_django.data.instance",
    "PostgresInstanceArgs": "pulumi_django.data.instance",
    "ProdApp": "pulumi_django.app.prod",
    "ProdAppArgs": "pulumi_django.app.prod",
    "ProdAppAssetsOptions": "pulumi_django.app.options",
    "ProdAuroraOptions": "pulumi_django.base.options",
    "ProdBase": "pulumi_django.base.prod",
    "ProdBaseArgs": "pulumi_django.base.prod",
    "ProdCacheOptions": "pulumi_django.base.options",
    "ProdDatabaseOptions": "pulumi_django.base.options",
    "ProdFrontendOptions": "pulumi_django.app.options",
    "ProdNetworkOptions": "pulumi_django.base.options",
    "ProdWebOptions": "pulumi_django.app.options",
    "ProdWorkerOptions": "pulumi_django.app.options",
    "PublishedParameters": "pulumi_django.data.published_parameters",
    "PublishedParametersArgs": "pulumi_django.data.published_parameters",
    "QueueStep": "pulumi_django.ecs.scaling",
    "QueueSteps": "pulumi_django.ecs.scaling",
    "RedisOptions": "pulumi_django.app.options",
    "RedisService": "pulumi_django.ecs.redis_service",
    "RedisServiceArgs": "pulumi_django.ecs.redis_service",
    "ReleaseGate": "pulumi_django.deploying.gate",
    "ReleaseGateArgs": "pulumi_django.deploying.gate",
    "ReleaseOptions": "pulumi_django.app.options",
    "ReplicationGroup": "pulumi_django.data.cache",
    "ReplicationGroupArgs": "pulumi_django.data.cache",
    "RepositoryOptions": "pulumi_django.account.bootstrap",
    "Scaling": "pulumi_django.ecs.scaling",
    "ScheduledCommand": "pulumi_django.ecs.scheduled_command",
    "ScheduledCommandArgs": "pulumi_django.ecs.scheduled_command",
    "ScheduledCommandOptions": "pulumi_django.app.options",
    "ScheduledScaling": "pulumi_django.ecs.scaling",
    "SecurityGroups": "pulumi_django.network.security",
    "SecurityGroupsArgs": "pulumi_django.network.security",
    "ServedOptions": "pulumi_django.app.options",
    "ServiceDiscovery": "pulumi_django.network.discovery",
    "ServiceDiscoveryArgs": "pulumi_django.network.discovery",
    "ServicePlacement": "pulumi_django.ecs.service",
    "Sidecar": "pulumi_django.ecs.sidecar",
    "SqsBroker": "pulumi_django.data.broker",
    "SqsBrokerArgs": "pulumi_django.data.broker",
    "SqsOptions": "pulumi_django.app.options",
    "StateBackend": "pulumi_django.account.state",
    "StateBackendArgs": "pulumi_django.account.state",
    "StaticSite": "pulumi_django.delivery.static_site",
    "StaticSiteArgs": "pulumi_django.delivery.static_site",
    "StaticSiteOptions": "pulumi_django.app.options",
    "TaskDefinition": "pulumi_django.ecs.task",
    "TaskDefinitionArgs": "pulumi_django.ecs.task",
    "TaskRole": "pulumi_django.ecs.roles",
    "TaskRoleArgs": "pulumi_django.ecs.roles",
    "TaskSecurityGroup": "pulumi_django.ecs.task_security",
    "TaskSecurityGroupArgs": "pulumi_django.ecs.task_security",
    "TaskSize": "pulumi_django.ecs.container",
    "TracingOptions": "pulumi_django.observability.otel",
    "TrackedMetric": "pulumi_django.ecs.scaling",
    "WebIdentity": "pulumi_django.deploying.aws_access",
    "WebOptions": "pulumi_django.app.options",
    "WebService": "pulumi_django.ecs.web_service",
    "WebServiceArgs": "pulumi_django.ecs.web_service",
    "WorkerOptions": "pulumi_django.app.options",
    "WorkerService": "pulumi_django.ecs.worker_service",
    "WorkerServiceArgs": "pulumi_django.ecs.worker_service",
}


def __getattr__(name: str) -> Any:
    try:
        module = _MODULE_OF[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    value = getattr(importlib.import_module(module), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
