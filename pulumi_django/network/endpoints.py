"""VPC endpoints, with which private subnets reach AWS services without internet access."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from pulumi_django.data.admission import group_for_clients
from pulumi_django.rules.partitions import endpoint_service

HTTPS_PORT = 443

# The services that a Fargate task without internet access needs: its image (api, dkr and, by the gateway endpoint, S3),
# its log, its secrets and parameters, ECS Exec, and its role in the SDKs.
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/vpc-endpoints.html
ISOLATED_ENDPOINTS = ("ecr.api", "ecr.dkr", "logs", "secretsmanager", "ssm", "ssmmessages", "sts")

# The services that receive most of the traffic of tasks. Endpoints save the NAT charges.
USUAL_ENDPOINTS = ("ecr.api", "ecr.dkr", "logs", "secretsmanager")


@dataclass(frozen=True, kw_only=True)
class InterfaceEndpointsArgs:
    region: str
    """AWS region."""

    vpc_id: pulumi.Input[str]
    """VPC of the endpoints."""

    subnet_ids: pulumi.Input[Sequence[pulumi.Input[str]]]
    """Private subnets, one in each zone that gets the endpoints."""

    client_security_group_id: pulumi.Input[str]
    """The only security group whose members can use the endpoints."""

    services: Sequence[str]
    """AWS services by their part of `com.amazonaws.<region>.<service>`, for example `ecr.dkr` or `sqs`."""

    def __post_init__(self) -> None:
        check_services(self.services)


def check_services(services: Sequence[str], name: str = "services") -> None:
    """Raise ValueError for text that is not a service, for a repeated service, and for services with a gateway
    endpoint."""
    for service in services:
        if not re.fullmatch(r"[a-z0-9]+([.-][a-z0-9]+)*", service) or service.startswith("com.amazonaws."):
            raise ValueError(f"{name} has {service!r}: write a service like 'ecr.dkr', without com.amazonaws.<region>")
        if service in ("s3", "dynamodb"):
            raise ValueError(f"{name} has {service!r}: use its free gateway endpoint instead")
    if len(set(services)) < len(services):
        raise ValueError(f"{name} is {list(services)}: name each service once")


class InterfaceEndpoints(pulumi.ComponentResource):
    """Interface endpoints: an address in the VPC for each service, under the service's usual name, for one security
    group."""

    security_group_id: pulumi.Output[str]
    """Security group of the endpoints."""

    def __init__(self, name: str, args: InterfaceEndpointsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:endpoints:InterfaceEndpoints", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        group = group_for_clients(
            name,
            vpc_id=args.vpc_id,
            purpose="AWS services, from the tasks only",
            clients=args.client_security_group_id,
            port=HTTPS_PORT,
            rule="from-app",
            description="HTTPS from the tasks",
            opts=child,
        )
        for service in sorted(args.services):
            aws.ec2.VpcEndpoint(
                f"{name}-{service.replace('.', '-')}",
                vpc_id=args.vpc_id,
                service_name=endpoint_service(service, args.region),
                vpc_endpoint_type="Interface",
                subnet_ids=args.subnet_ids,
                security_group_ids=[group.id],
                private_dns_enabled=True,
                opts=child,
            )
        self.security_group_id = group.id
        self.register_outputs({"security_group_id": self.security_group_id})
