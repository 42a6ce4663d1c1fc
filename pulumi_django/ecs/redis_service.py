"""An environment's own Redis: a container, found by name in the base's namespace."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pulumi
import pulumi_aws as aws

from pulumi_django.ecs.container import NOBODY, ContainerSetup, TaskSize, logged_task
from pulumi_django.ecs.deployment import DeploymentOptions
from pulumi_django.ecs.read_only import AGENT_PATHS
from pulumi_django.ecs.service import ServicePlacement, ecs_service
from pulumi_django.rules import naming

REDIS_PORT = 6379
RECORD_TTL_SECONDS = 10
MEMORY_SHARE_PERCENT = 75
"""Part of the task's memory for data; the rest is Redis's own, and the container's."""


@dataclass(frozen=True, kw_only=True)
class RedisServiceArgs:
    service: str = "redis"
    """Name of the service."""

    placement: ServicePlacement
    """Where it runs."""

    container: ContainerSetup
    """Image and rights; Redis needs no environment."""

    namespace_id: pulumi.Input[str]
    """Cloud Map namespace of the base."""

    namespace_name: str
    """Its DNS name."""

    cpu_units: int = 256
    """CPU; 1024 are one vCPU."""

    memory_mib: int = 512
    """Memory, as Fargate offers it for that CPU."""

    running: bool = True
    """Whether it runs."""


class RedisService(pulumi.ComponentResource):
    """Broker and cache that keep nothing on disk: what is queued is lost with the task.

    Only keys with an expiry are evicted when memory is full, so a cache never pushes queued work out.
    """

    host: str
    """Host name inside the VPC."""

    service_name: pulumi.Output[str]
    """Name of the ECS service."""

    task_family: str
    """Family of its task definition."""

    log_group_name: str
    """Its log group."""

    def __init__(self, name: str, args: RedisServiceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:ecs:RedisService", name, None, opts)
        environment = args.placement.environment
        discovered_as = naming.service_name(environment, args.service)
        # It keeps nothing on disk, so it needs no user of its own, and nothing to write to but what a shell needs.
        container = replace(args.container, user=NOBODY, read_only_root=True, writable_paths=AGENT_PATHS)
        definition, logs = logged_task(name, environment, args.service, container, _size(args), self)
        registry = self._registry(name, discovered_as, args)
        service = ecs_service(
            name,
            args.service,
            args.placement,
            definition,
            desired_count=1 if args.running else 0,
            capacity="FARGATE",
            # Two at once would split the queue in two.
            deployment=DeploymentOptions(minimum_healthy_percent=0, maximum_percent=100),
            availability_zone_rebalancing="DISABLED",
            service_registries=aws.ecs.ServiceServiceRegistriesArgs(registry_arn=registry.arn),
            parent=self,
        )
        self.host = f"{discovered_as}.{args.namespace_name}"
        self.service_name, self.task_family = service.name, definition.family
        self.log_group_name = logs.group_name
        self.register_outputs(
            {
                "host": self.host,
                "service_name": self.service_name,
                "task_family": self.task_family,
                "log_group_name": self.log_group_name,
            }
        )

    def _registry(self, name: str, discovered_as: str, args: RedisServiceArgs) -> aws.servicediscovery.Service:
        return aws.servicediscovery.Service(
            f"{name}-registry",
            name=discovered_as,
            dns_config=aws.servicediscovery.ServiceDnsConfigArgs(
                namespace_id=args.namespace_id,
                routing_policy="MULTIVALUE",
                dns_records=[aws.servicediscovery.ServiceDnsConfigDnsRecordArgs(type="A", ttl=RECORD_TTL_SECONDS)],
            ),
            # ECS reports the task's health itself.
            health_check_custom_config=aws.servicediscovery.ServiceHealthCheckCustomConfigArgs(),
            # Instances that ECS has not taken out yet would block the deletion.
            force_destroy=True,
            # The empty block comes back as none, which would replace the registry in every update.
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=["healthCheckCustomConfig"]),
        )


def _size(args: RedisServiceArgs) -> TaskSize:
    megabytes = args.memory_mib * MEMORY_SHARE_PERCENT // 100
    # Nothing is left to the image: a server that was built without Docker's own change refuses every client that is not on
    # its own machine (protected mode). The address is 0.0.0.0 since servers before 6.2 do not know `*`.
    # https://redis.io/docs/latest/operate/oss_and_stack/management/security/#protected-mode
    command = ["redis-server", "--bind", "0.0.0.0", "--port", str(REDIS_PORT), "--protected-mode", "no"]
    command += ["--save", "", "--appendonly", "no"]
    command += ["--maxmemory", f"{megabytes}mb", "--maxmemory-policy", "volatile-lru"]
    return TaskSize(command=command, cpu_units=args.cpu_units, memory_mib=args.memory_mib, port=REDIS_PORT)
