"""The children of `awsx.ec2.Vpc`, with the names, parents and addresses of the real component."""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pulumi_django.testing.resource import zones_of

TYPE = "awsx:ec2:Vpc"
_KINDS = ("Public", "Private", "Isolated")


@dataclass(frozen=True)
class Child:
    """The part of a registered child that further children and the outputs need."""

    urn: str
    id: str


Register = Callable[[str, str, str, Mapping[str, Any]], Child]
"""Function that registers a child: type, name, parent URN, inputs."""


def register_children(
    name: str, urn: str, inputs: Mapping[str, Any], register: Register, region: str
) -> dict[str, Any]:
    """Register the component's children below `urn` and return its outputs (children as `Child`)."""
    return _Vpc(name, urn, inputs, register, region).outputs()


class _Vpc:
    def __init__(self, name: str, urn: str, inputs: Mapping[str, Any], register: Register, region: str) -> None:
        self._name, self._register, self._tags = name, register, dict(inputs.get("tags") or {})
        zones = inputs.get("availabilityZoneNames")
        count = int(inputs.get("numberOfAvailabilityZones") or 3)
        self._zones: list[str] = list(zones) if zones else list(zones_of(region))[:count]
        self._nat = (inputs.get("natGateways") or {}).get("strategy") or "OnePerAz"
        self._specs: list[Mapping[str, Any]] = inputs.get("subnetSpecs") or [{"type": "Private"}, {"type": "Public"}]
        self._specs = sorted(self._specs, key=lambda spec: spec["type"] != "Public")
        self._network = ipaddress.ip_network(inputs.get("cidrBlock") or "10.0.0.0/16")
        self._subnets: dict[str, list[Child]] = {kind: [] for kind in _KINDS}
        self._tables: list[Child] = []
        self._routes: list[Child] = []
        self._associations: list[Child] = []
        self._eips: list[Child] = []
        self._nats: list[Child] = []
        self._vpc = register(
            "aws:ec2/vpc:Vpc",
            name,
            urn,
            {
                "cidrBlock": str(self._network),
                "enableDnsHostnames": True,
                "enableDnsSupport": True,
                "tags": self._named(name),
            },
        )
        self._gateway = register(
            "aws:ec2/internetGateway:InternetGateway",
            name,
            self._vpc.urn,
            {"vpcId": self._vpc.id, "tags": self._named(name)},
        )
        per_zone = self._network.prefixlen + math.ceil(math.log2(len(self._zones)))
        for number, (zone, block) in enumerate(
            zip(self._zones, self._network.subnets(new_prefix=per_zone), strict=False), start=1
        ):
            self._zone(number, zone, block)

    def outputs(self) -> dict[str, Any]:
        subnets = [subnet for kind in _KINDS for subnet in self._subnets[kind]]
        return {
            "vpcId": self._vpc.id,
            "vpc": self._vpc,
            "internetGateway": self._gateway,
            "subnets": subnets,
            **{f"{kind.lower()}Subnets": self._subnets[kind] for kind in _KINDS},
            **{f"{kind.lower()}SubnetIds": [subnet.id for subnet in self._subnets[kind]] for kind in _KINDS},
            "routeTables": self._tables,
            "routes": self._routes,
            "routeTableAssociations": self._associations,
            "eips": self._eips,
            "natGateways": self._nats,
            "vpcEndpoints": [],
        }

    def _named(self, name: str, **more: str) -> dict[str, str]:
        return {**self._tags, "Name": name, **more}

    def _zone(self, number: int, zone: str, block: Any) -> None:
        needed = math.ceil(math.log2(len(self._specs))) if len(self._specs) > 1 else 1
        prefix = max([int(spec.get("cidrMask") or 0) for spec in self._specs] + [block.prefixlen + needed])
        for spec, cidr in zip(self._specs, block.subnets(new_prefix=prefix), strict=False):
            self._subnet(number, zone, spec, str(cidr))

    def _subnet(self, number: int, zone: str, spec: Mapping[str, Any], cidr: str) -> None:
        kind = spec["type"]
        name = f"{self._name}-{spec.get('name') or kind.lower()}-{number}"
        tags = self._named(name, SubnetType=kind)
        subnet = self._register(
            "aws:ec2/subnet:Subnet",
            name,
            self._vpc.urn,
            {
                "vpcId": self._vpc.id,
                "availabilityZone": zone,
                "cidrBlock": cidr,
                "mapPublicIpOnLaunch": kind == "Public",
                "tags": tags,
            },
        )
        table = self._register("aws:ec2/routeTable:RouteTable", name, subnet.urn, {"vpcId": self._vpc.id, "tags": tags})
        association = {"routeTableId": table.id, "subnetId": subnet.id}
        self._associations.append(
            self._register("aws:ec2/routeTableAssociation:RouteTableAssociation", name, table.urn, association)
        )
        self._subnets[kind].append(subnet)
        self._tables.append(table)
        if kind == "Public":
            self._route(name, table, {"gatewayId": self._gateway.id})
            if self._nat == "OnePerAz" or (self._nat == "Single" and number == 1):
                self._nat_gateway(f"{self._name}-{number}", subnet)
        elif kind == "Private" and self._nats:
            self._route(name, table, {"natGatewayId": self._nats[-1 if self._nat == "OnePerAz" else 0].id})

    def _route(self, name: str, table: Child, target: Mapping[str, Any]) -> None:
        inputs = {"routeTableId": table.id, "destinationCidrBlock": "0.0.0.0/0", **target}
        self._routes.append(self._register("aws:ec2/route:Route", name, table.urn, inputs))

    def _nat_gateway(self, name: str, subnet: Child) -> None:
        tags = self._named(name)
        eip = self._register("aws:ec2/eip:Eip", name, subnet.urn, {"tags": tags})
        self._eips.append(eip)
        inputs = {"subnetId": subnet.id, "allocationId": eip.id, "tags": tags}
        self._nats.append(self._register("aws:ec2/natGateway:NatGateway", name, subnet.urn, inputs))
