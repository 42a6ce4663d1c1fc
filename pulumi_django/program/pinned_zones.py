"""The zones of a base's network, for programs: the zones of its subnets, or else zones of the account."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pulumi_aws as aws

from pulumi_django.base.options import ExistingVpcOptions, NetworkOptions
from pulumi_django.network import zones
from pulumi_django.program import config, own_state
from pulumi_django.program.config import ConfigError

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
    return await kept_or_listed(base, region, provider)


async def kept_or_listed(base: str, region: str, provider: pulumi.ProviderResource | None) -> list[str]:
    """Return the zones of the base's network in the state, or else zones of the account; None is the default provider."""
    kept, complete = await _kept(base)
    if kept and complete:
        return [kept[number] for number in sorted(kept)]
    return zones.completed(kept, await _listed(region, provider))


async def _kept(base: str) -> tuple[dict[int, str], bool]:
    """Return the zones of the network's subnets in the state, and whether any update of the stack has finished."""
    found = await own_state.resources()
    subnets = [
        (resource.name, str(resource.outputs.get("availabilityZone") or ""))
        for resource in found
        if resource.types.endswith(_SUBNET) and resource.name.startswith(f"{base}-network-public-")
    ]
    finished = any(resource.types == _STACK and bool(resource.outputs) for resource in found)
    return zones.of_subnets(subnets), finished


async def _listed(region: str, provider: pulumi.ProviderResource | None) -> list[str]:
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
