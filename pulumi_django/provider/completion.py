"""The arguments of bases and environments that are not inputs. A program in Python passes them itself: the contract of the base, zones
and priorities from the stack's state, the access to AWS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import pulumi

from pulumi_django import contract
from pulumi_django.contract import BaseContract
from pulumi_django.program import own_state, pinned_zones, project
from pulumi_django.program.config import ConfigError
from pulumi_django.program.reading import Later, Mismatch
from pulumi_django.provider.inputs import InputsError, camel

BASE, BASE_STACK = "base", "baseStack"

CONTRACT = "contract"
"""Output of a base with its contract. A stack whose output has this name is a base too."""

_FIELDS = {camel(field.name): field.name for field in fields(BaseContract)}


@dataclass(frozen=True, kw_only=True)
class Call:
    """A component that a program asks for."""

    name: str
    inputs: Mapping[str, Any]
    """Settled inputs."""

    options: pulumi.ResourceOptions

    @property
    def provider(self) -> pulumi.ProviderResource | None:
        """The caller's own AWS provider; None is the default provider."""
        providers = self.options.providers
        return providers.get("aws") if isinstance(providers, Mapping) else None


async def of_base(call: Call) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the inputs of a base, and its fields that are not inputs. Raises InputsError."""
    inputs = dict(call.inputs)
    if "region" not in inputs:
        inputs["region"] = _region()
    region, network = _plain("region", inputs["region"]), inputs.get("network")
    named = isinstance(network, Mapping) and "zones" in network
    if named or "existingVpc" in inputs or not isinstance(region, str):
        return inputs, {"account_zones": None}
    return inputs, {"account_zones": await pinned_zones.kept_or_listed(call.name, region, call.provider)}


async def of_app(call: Call, bases: Mapping[str, BaseContract]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the inputs of an environment, and its fields that are not inputs. `bases` are the bases of the program by URN.
    Raises InputsError and ContractError."""
    inputs = {key: value for key, value in call.inputs.items() if key not in (BASE, BASE_STACK)}
    given: dict[str, Any] = {} if "aws" in inputs else {"aws": _access(call)}
    given["base"] = await _base(call, bases)
    return inputs, {**given, **await own_state.routing()}


def _region() -> str:
    try:
        return project.region()
    except ConfigError:
        raise InputsError([("region", "is missing: set it, or the stack's aws:region")]) from None


def _access(call: Call) -> Any:
    if call.provider is not None:
        text = (
            "is missing: the component has a provider of its own, and the release needs the same access to AWS, so set for "
            "example the provider's profile and region here too"
        )
        raise InputsError([("aws", text)])
    return project.aws_access()


async def _base(call: Call, bases: Mapping[str, BaseContract]) -> BaseContract:
    if (BASE in call.inputs) == (BASE_STACK in call.inputs):
        both = "set" if BASE in call.inputs else "missing"
        text = f"and {BASE_STACK} are both {both}: set {BASE} for a base of this program, or {BASE_STACK} for one in another stack"
        raise InputsError([(BASE, text)])
    if BASE_STACK in call.inputs:
        return await _of_stack(call, _plain(BASE_STACK, call.inputs[BASE_STACK]))
    urn = _plain(BASE, call.inputs[BASE])
    if isinstance(urn, str) and urn in bases:
        return bases[urn]
    text = f"is not an AdHocBase or ProdBase of this program: pass the resource, or set {BASE_STACK} for a base in another stack"
    raise InputsError([(BASE, text)])


async def _of_stack(call: Call, stack: Any) -> BaseContract:
    if not isinstance(stack, str) or len([part for part in stack.split("/") if part]) != 3:
        raise InputsError([(BASE_STACK, f"is {stack!r}: it must be organization/project/stack")])
    # The SDK knows only the URN of a parent outside the plugin, and would ask it whether it is protected.
    options = pulumi.ResourceOptions(parent=call.options.parent, protect=False)
    reference = pulumi.StackReference(f"{call.name}-base", stack_name=stack, opts=options)
    outputs = await contract.read_outputs(reference)
    if not outputs:
        details = await reference.get_output_details(CONTRACT)
        found = details.value or details.secret_value
        if isinstance(found, Mapping):
            outputs = {_FIELDS[key]: value for key, value in found.items() if key in _FIELDS}
    return contract.from_outputs(outputs, base=stack, app=call.name)


def _plain(key: str, value: Any) -> Any:
    try:
        return value.plain() if isinstance(value, Later) else value
    except Mismatch as mismatch:
        raise InputsError([(key, str(mismatch))]) from None
