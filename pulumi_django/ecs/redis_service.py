"""An environment's own Redis: a container with a DNS name in a Cloud Map namespace."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pulumi
import pulumi_aws as aws

from pulumi_django.ecs.read_only import AGENT_PATHS
from pulumi_django.ecs.service import ServiceArgs, ServiceComponent, ecs_service
from pulumi_django.ecs.task import NOBODY, Sized, TaskSize, logged_task
from pulumi_django.rules import naming

REDIS_PORT = 6379
RECORD_TTL_SECONDS = 10
MEMORY_SHARE_PERCENT = 75
"""Part of the task's memory for data; Redis itself and the container use the rest."""


@dataclass(frozen=True, kw_only=True)
class RedisServiceArgs(Sized, ServiceArgs):
    service: str = "redis"

    namespace_id: pulumi.Input[str]
    """Id of the Cloud Map namespace in which Redis has its name."""

    namespace_name: str
    """DNS name of the namespace."""

    running: bool = True
    """Whether the service has its task."""


class RedisService(ServiceComponent):
    """Broker and cache that keep nothing on disk: queued messages are lost with the task.

    Only keys with an expiry are evicted when memory is full, so a cache never removes queued messages.
    """

    host: str
    """Host name inside the VPC."""

    def __init__(self, name: str, args: RedisServiceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:ecs:RedisService", name, None, opts)
        environment = args.placement.environment
        discovered_as = naming.service_name(environment, args.service)
        # It keeps nothing on disk, so it needs no user of its own, and writes only to the folders of a shell's agent.
        container = replace(args.container, user=NOBODY, read_only_root=True, writable_paths=AGENT_PATHS)
        definition, logs = logged_task(name, environment, args.service, container, _size(args), self)
        registry = self._registry(name, discovered_as, args)
        service = ecs_service(
            name,
            args,
            definition,
            desired_count=1 if args.running else 0,
            capacity="FARGATE",
            # Two tasks at once would divide the queue between them.
            single=True,
            service_registries=aws.ecs.ServiceServiceRegistriesArgs(registry_arn=registry.arn),
            parent=self,
        )
        self.host = f"{discovered_as}.{args.namespace_name}"
        self.register_outputs({"host": self.host, **self._export(service, definition, logs)})

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
            # Instances that ECS has not removed yet would block the deletion.
            force_destroy=True,
            # AWS returns no block for the empty one, which would replace the registry in every update.
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=["healthCheckCustomConfig"]),
        )


def _size(args: RedisServiceArgs) -> TaskSize:
    megabytes = args.memory_mib * MEMORY_SHARE_PERCENT // 100
    # The command sets everything itself: a server that was built without Docker's own change refuses every client on
    # another machine (protected mode). The address is 0.0.0.0 because servers before 6.2 do not know `*`.
    # https://redis.io/docs/latest/operate/oss_and_stack/management/security/#protected-mode
    command = ["redis-server", "--bind", "0.0.0.0", "--port", str(REDIS_PORT), "--protected-mode", "no"]
    command += ["--save", "", "--appendonly", "no"]
    command += ["--maxmemory", f"{megabytes}mb", "--maxmemory-policy", "volatile-lru"]
    return TaskSize(command=command, cpu_units=args.cpu_units, memory_mib=args.memory_mib, port=REDIS_PORT)
