"""The VPC of a base: subnets in pinned zones, the way out, and endpoints for AWS services."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pulumi
import pulumi_aws as aws
import pulumi_awsx as awsx

Nat = Literal["single", "per-az", "none"]

# https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html: a VPC is /16 to /28; below /20 the subnets of
# three zones and two kinds are too small for the tasks of many environments.
LARGEST_PREFIX, SMALLEST_PREFIX = 16, 20
HTTPS_PORT = 443

# What a Fargate task needs when nothing leads out of its subnet: its image (api, dkr and, by the gateway, S3), its log,
# its secrets, and ECS Exec.
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/vpc-endpoints.html
ISOLATED_ENDPOINTS = ("ecr.api", "ecr.dkr", "logs", "secretsmanager", "ssmmessages")

_STRATEGY: Mapping[Nat, awsx.ec2.NatGatewayStrategy] = {
    "single": awsx.ec2.NatGatewayStrategy.SINGLE,
    "per-az": awsx.ec2.NatGatewayStrategy.ONE_PER_AZ,
    "none": awsx.ec2.NatGatewayStrategy.NONE,
}


@dataclass(frozen=True, kw_only=True)
class NetworkArgs:
    region: str
    """AWS region, for example `us-east-1`."""

    zones: Sequence[str]
    """Availability zones by name, at least two; pinned, since AWS may list them in another order another day."""

    cidr_block: str = "10.0.0.0/16"
    """Private addresses of the VPC, /16 to /20."""

    nat: Nat = "single"
    """The way out of the private subnets: one NAT gateway (`single`), one in each zone (`per-az`), or `none`: then tasks
    reach only AWS services, through endpoints, and images must come from ECR."""

    interface_endpoints: Sequence[str] = ()
    """AWS services, as in `com.amazonaws.<region>.<service>`, that get an interface endpoint in every zone. With nat
    `none` the ones that tasks cannot do without are added."""

    def __post_init__(self) -> None:
        check_cidr_block(self.cidr_block)
        if len(set(self.zones)) < 2:
            raise ValueError(f"zones is {list(self.zones)}: a load balancer and a database need two different zones")
        for zone in self.zones:
            if not zone.startswith(self.region) or zone == self.region:
                raise ValueError(f"zones has {zone!r}: a zone of {self.region} is named like {self.region}a")

    @property
    def endpoints(self) -> list[str]:
        """The services with an interface endpoint, in name order."""
        needed = ISOLATED_ENDPOINTS if self.nat == "none" else ()
        return sorted({*needed, *self.interface_endpoints})


def check_cidr_block(cidr_block: str) -> None:
    """ValueError when a VPC cannot have these addresses, or too few of them."""
    try:
        network = ipaddress.IPv4Network(cidr_block)
    except ValueError as error:
        raise ValueError(f"cidr_block is {cidr_block!r}: {error}") from None
    if not LARGEST_PREFIX <= network.prefixlen <= SMALLEST_PREFIX:
        raise ValueError(f"cidr_block is {cidr_block!r}: it is /{LARGEST_PREFIX} to /{SMALLEST_PREFIX}")
    if not network.is_private:
        raise ValueError(f"cidr_block is {cidr_block!r}: it is no private range (10/8, 172.16/12, 192.168/16)")


class Network(pulumi.ComponentResource):
    """A VPC with public and private subnets in every zone."""

    vpc_id: pulumi.Output[str]
    """Id of the VPC."""

    public_subnet_ids: pulumi.Output[Sequence[str]]
    """One subnet in each zone with a route to the internet gateway."""

    private_subnet_ids: pulumi.Output[Sequence[str]]
    """One subnet in each zone for tasks and data."""

    def __init__(self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:network:Network", name, None, opts)
        vpc = self._vpc(name, args)
        self.vpc_id = vpc.vpc_id
        self.public_subnet_ids = vpc.public_subnet_ids
        self.private_subnet_ids = vpc.isolated_subnet_ids if args.nat == "none" else vpc.private_subnet_ids
        self._gateway_endpoint(name, args, vpc)
        self._interface_endpoints(name, args)
        self.register_outputs(
            {
                "vpc_id": self.vpc_id,
                "public_subnet_ids": self.public_subnet_ids,
                "private_subnet_ids": self.private_subnet_ids,
            }
        )

    def _vpc(self, name: str, args: NetworkArgs) -> awsx.ec2.Vpc:
        inner = awsx.ec2.SubnetType.ISOLATED if args.nat == "none" else awsx.ec2.SubnetType.PRIVATE
        return awsx.ec2.Vpc(
            name,
            cidr_block=args.cidr_block,
            availability_zone_names=list(args.zones),
            enable_dns_hostnames=True,
            enable_dns_support=True,
            nat_gateways=awsx.ec2.NatGatewayConfigurationArgs(strategy=_STRATEGY[args.nat]),
            subnet_strategy=awsx.ec2.SubnetAllocationStrategy.AUTO,
            subnet_specs=[
                awsx.ec2.SubnetSpecArgs(type=awsx.ec2.SubnetType.PUBLIC),
                awsx.ec2.SubnetSpecArgs(type=inner),
            ],
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _gateway_endpoint(self, name: str, args: NetworkArgs, vpc: awsx.ec2.Vpc) -> None:
        """S3 without NAT charges: image layers and assets come this way. Gateway endpoints cost nothing."""
        aws.ec2.VpcEndpoint(
            f"{name}-s3",
            vpc_id=vpc.vpc_id,
            service_name=f"com.amazonaws.{args.region}.s3",
            vpc_endpoint_type="Gateway",
            route_table_ids=vpc.route_tables.apply(lambda tables: [table.id for table in tables or []]),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _interface_endpoints(self, name: str, args: NetworkArgs) -> None:
        if not args.endpoints:
            return
        child = pulumi.ResourceOptions(parent=self)
        group = aws.ec2.SecurityGroup(
            f"{name}-endpoints-sg",
            vpc_id=self.vpc_id,
            description=f"{name}: endpoints of AWS services, from inside the VPC only",
            opts=child,
        )
        # The tasks' group is made from this network, so the rule names the VPC's addresses instead of a group.
        aws.vpc.SecurityGroupIngressRule(
            f"{name}-endpoints-from-vpc",
            security_group_id=group.id,
            cidr_ipv4=args.cidr_block,
            ip_protocol="tcp",
            from_port=HTTPS_PORT,
            to_port=HTTPS_PORT,
            description="HTTPS from inside the VPC",
            opts=child,
        )
        for service in args.endpoints:
            aws.ec2.VpcEndpoint(
                f"{name}-{service.replace('.', '-')}",
                vpc_id=self.vpc_id,
                service_name=f"com.amazonaws.{args.region}.{service}",
                vpc_endpoint_type="Interface",
                subnet_ids=self.private_subnet_ids,
                security_group_ids=[group.id],
                private_dns_enabled=True,
                opts=child,
            )
