"""The VPC of a base: subnets in pinned zones, and internet access."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pulumi
import pulumi_aws as aws
import pulumi_awsx as awsx

from pulumi_django.deploying import event_loop
from pulumi_django.network.zones import LEAST_ZONES

Nat = Literal["single", "per-az", "none"]

# https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html: AWS allows /16 to /28. In a VPC smaller than /20
# the subnets of three zones and two kinds are too small for the tasks of many environments.
LARGEST_PREFIX, SMALLEST_PREFIX = 16, 20
# https://datatracker.ietf.org/doc/html/rfc1918#section-3
PRIVATE_RANGES = tuple(ipaddress.IPv4Network(block) for block in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))
# The range of Docker's bridge on EC2 instances. Some services of AWS use it too.
# https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html#add-cidr-block-restrictions
DOCKER_RANGE = ipaddress.IPv4Network("172.17.0.0/16")
_STRATEGY: Mapping[Nat, awsx.ec2.NatGatewayStrategy] = {
    "single": awsx.ec2.NatGatewayStrategy.SINGLE,
    "per-az": awsx.ec2.NatGatewayStrategy.ONE_PER_AZ,
    "none": awsx.ec2.NatGatewayStrategy.NONE,
}


@dataclass(frozen=True, kw_only=True)
class NetworkSettings:
    """Options of a VPC that do not depend on its region."""

    cidr_block: str = "10.0.0.0/16"
    """Private address range of the VPC, /16 to /20."""

    peered_cidr_blocks: Sequence[str] = ()
    """Address ranges of networks that peering or VPN connects with the VPC. They must not overlap `cidr_block`."""

    nat: Nat = "single"
    """NAT gateways of the private subnets: one (`single`), one in each zone (`per-az`) or `none`. With `none` tasks reach only
    AWS services, through endpoints, and images must come from ECR."""

    def __post_init__(self) -> None:
        check_cidr_block(self.cidr_block)
        check_overlap(self.cidr_block, self.peered_cidr_blocks)


@dataclass(frozen=True, kw_only=True)
class NetworkArgs(NetworkSettings):
    region: str
    """AWS region, for example `us-east-1`."""

    zones: Sequence[str]
    """Names of the availability zones, at least two. They are fixed, because AWS can list zones in another order
    later."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_zones(self.region, self.zones)


def check_cidr_block(cidr_block: str) -> None:
    """Raise ValueError for an address range that a VPC cannot have, or that is too small."""
    network = _network("cidr_block", cidr_block)
    if network.prefixlen > SMALLEST_PREFIX:
        raise ValueError(
            f"cidr_block is {cidr_block!r}: it is too small: allowed is /{LARGEST_PREFIX} to /{SMALLEST_PREFIX}"
        )
    if network.prefixlen < LARGEST_PREFIX:
        raise ValueError(
            f"cidr_block is {cidr_block!r}: it is too large: allowed is /{LARGEST_PREFIX} to /{SMALLEST_PREFIX}"
        )
    if not any(network.subnet_of(private) for private in PRIVATE_RANGES):
        raise ValueError(f"cidr_block is {cidr_block!r}: it is not a private range (10/8, 172.16/12, 192.168/16)")
    if network.overlaps(DOCKER_RANGE):
        raise ValueError(f"cidr_block is {cidr_block!r}: it overlaps {DOCKER_RANGE}, which Docker uses on every host")


def check_overlap(cidr_block: str, peered_cidr_blocks: Sequence[str]) -> None:
    """Raise ValueError when a connected network overlaps the VPC."""
    for peered in peered_cidr_blocks:
        if _network("peered_cidr_blocks", peered).overlaps(ipaddress.IPv4Network(cidr_block)):
            raise ValueError(f"cidr_block is {cidr_block!r}: it overlaps {peered!r} of peered_cidr_blocks")


def _network(name: str, cidr_block: str) -> ipaddress.IPv4Network:
    try:
        return ipaddress.IPv4Network(cidr_block)
    except ValueError as error:
        raise ValueError(f"{name} is {cidr_block!r}: {error}") from None


def check_zones(region: str, zones: Sequence[str]) -> None:
    """Raise ValueError for fewer than two zones, a repeated zone, and a zone of another region."""
    if len(set(zones)) < LEAST_ZONES:
        raise ValueError(f"zones is {list(zones)}: a load balancer and a database need two different zones")
    if len(set(zones)) < len(zones):
        raise ValueError(f"zones is {list(zones)}: name each zone once")
    for zone in zones:
        if not zone.startswith(region) or zone == region:
            raise ValueError(f"zones has {zone!r}: zones of {region} have names like {region}a")


class Network(pulumi.ComponentResource):
    """A VPC with public and private subnets in every zone. No subnet assigns public addresses by itself.

    With nat `none` its tasks need `InterfaceEndpoints`.
    """

    vpc_id: pulumi.Output[str]
    """Id of the VPC."""

    public_subnet_ids: pulumi.Output[Sequence[str]]
    """Ids of the public subnets, one in each zone, with a route to the internet gateway."""

    private_subnet_ids: pulumi.Output[Sequence[str]]
    """Ids of the private subnets, one in each zone, for tasks and data."""

    def __init__(self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:network:Network", name, None, opts)
        vpc = self._vpc(name, args)
        self.vpc_id = vpc.vpc_id
        self.public_subnet_ids = vpc.public_subnet_ids
        self.private_subnet_ids = vpc.isolated_subnet_ids if args.nat == "none" else vpc.private_subnet_ids
        self._gateway_endpoint(name, args, vpc)
        self._close_default_group(name)
        self.register_outputs(
            {
                "vpc_id": self.vpc_id,
                "public_subnet_ids": self.public_subnet_ids,
                "private_subnet_ids": self.private_subnet_ids,
            }
        )

    def _vpc(self, name: str, args: NetworkArgs) -> awsx.ec2.Vpc:
        event_loop.watch()
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
            opts=pulumi.ResourceOptions(parent=self, transforms=[_no_public_addresses]),
        )

    def _close_default_group(self, name: str) -> None:
        """Remove all rules of the VPC's default group, which resources without a security group get."""
        aws.ec2.DefaultSecurityGroup(
            f"{name}-default-sg",
            vpc_id=self.vpc_id,
            ingress=[],
            egress=[],
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _gateway_endpoint(self, name: str, args: NetworkArgs, vpc: awsx.ec2.Vpc) -> None:
        """Create the free gateway endpoint of S3, so that image layers and assets cause no NAT charges."""
        aws.ec2.VpcEndpoint(
            f"{name}-s3",
            vpc_id=vpc.vpc_id,
            # Unlike interface endpoints, gateway endpoints have the same name in every partition.
            service_name=f"com.amazonaws.{args.region}.s3",
            vpc_endpoint_type="Gateway",
            route_table_ids=vpc.route_tables.apply(lambda tables: [table.id for table in tables or []]),
            opts=pulumi.ResourceOptions(parent=self),
        )


def _no_public_addresses(args: pulumi.ResourceTransformArgs) -> pulumi.ResourceTransformResult | None:
    """Turn off automatic public addresses. NAT gateways and load balancers request their own."""
    if args.type_ != "aws:ec2/subnet:Subnet":
        return None
    props: dict[str, Any] = {**args.props, "mapPublicIpOnLaunch": False}
    return pulumi.ResourceTransformResult(props=props, opts=args.opts)
