"""The private DNS namespace in which environments find their own Redis."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from pulumi_django.rules import naming


@dataclass(frozen=True, kw_only=True)
class ServiceDiscoveryArgs:
    namespace: str
    """DNS name of the namespace, for example `dev-sd-ns`."""

    vpc_id: pulumi.Input[str]
    """VPC in which its names are known."""

    def __post_init__(self) -> None:
        naming.check_length("namespace name", self.namespace, naming.NAMESPACE_NAME_LIMIT)


class ServiceDiscovery(pulumi.ComponentResource):
    """A Cloud Map namespace."""

    namespace_id: pulumi.Output[str]
    """Id of the namespace."""

    namespace_name: str
    """Its DNS name."""

    def __init__(self, name: str, args: ServiceDiscoveryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:service_discovery:ServiceDiscovery", name, None, opts)
        namespace = aws.servicediscovery.PrivateDnsNamespace(
            name,
            name=args.namespace,
            vpc=args.vpc_id,
            description=f"{name}: names of the environments' own services",
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.namespace_id, self.namespace_name = namespace.id, args.namespace
        self.register_outputs({"namespace_id": self.namespace_id, "namespace_name": self.namespace_name})
