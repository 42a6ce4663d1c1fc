"""The zones of a base's network, for programs: the zones of its subnets, or else zones of the account."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pulumi
import pulumi_aws as aws

from pulumi_django.base.options import ExistingVpcOptions, NetworkOptions
from pulumi_django.network import zones
from pulumi_django.program import config
from pulumi_django.program.config import ConfigError

READ_RESOURCES = "pulumi:pulumi:readStackResourceOutputs"
"""The engine's function that reads a stack's state. It leaves no trace in the state; with a StackReference a base would count
as its own reader."""

_SUBNET = "awsx:ec2:Vpc$aws:ec2/vpc:Vpc$aws:ec2/subnet:Subnet"
_STACK = "pulumi:pulumi:Stack"


@dataclass(frozen=True, kw_only=True)
class _Place:
    """The keys on which the choice of zones depends."""

    network: NetworkOptions = field(default_factory=NetworkOptions)
    existing_vpc: ExistingVpcOptions | None = None


async def account_zones(base: str, region: str, provider: aws.Provider, *, at: str | None = None) -> list[str] | None:
    """Return the zones for the network of a base, in order; None when its configuration names them or an existing VPC.

    An existing network keeps its zones even when AWS now lists others, because another list would replace its subnets and
    the resources in them. `at` is the key that contains the base's arguments.
    """
    try:
        place = config.load(_Place, partial=True, at=at)
    except ConfigError:
        return None  # the next call reads the whole configuration and reports this too
    if place.network.zones is not None or place.existing_vpc is not None:
        return None
    kept, complete = await _kept(base)
    if kept and complete:
        return [kept[number] for number in sorted(kept)]
    return zones.completed(kept, await _listed(region, provider))


async def _kept(base: str) -> tuple[dict[int, str], bool]:
    """Return the zones of the network's subnets in the state, and whether any update of the stack has finished."""
    name = f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}"
    answer = await pulumi.runtime.invoke_async(READ_RESOURCES, {"stackName": name})
    found: Mapping[str, Any] = answer.get("outputs") or {}
    subnets = [
        (resource, str(_outputs(outputs).get("availabilityZone") or ""))
        for urn, outputs in found.items()
        for _, _, chain, resource in [urn.split("::", 3)]
        if chain.endswith(_SUBNET) and resource.startswith(f"{base}-network-public-")
    ]
    finished = any(urn.split("::", 3)[2] == _STACK and bool(_outputs(outputs)) for urn, outputs in found.items())
    return zones.of_subnets(subnets), finished


def _outputs(value: Any) -> Mapping[str, Any]:
    return cast(Mapping[str, Any], value.get("outputs", value) if isinstance(value, dict) else {})


async def _listed(region: str, provider: aws.Provider) -> list[str]:
    """Return the zones that the account can use, without local zones."""
    listed = aws.get_availability_zones_output(
        state="available",
        filters=[{"name": "opt-in-status", "values": ["opt-in-not-required"]}],
        opts=pulumi.InvokeOutputOptions(provider=provider),
    )
    answer: Any = await listed.future()
    names: Sequence[str] = answer.names
    ids: Sequence[str] = answer.zone_ids
    return zones.usable(region, dict(zip(names, ids, strict=True)))
