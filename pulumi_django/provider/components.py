"""The components that the plugin serves, by the type of their resources."""

from __future__ import annotations

import dataclasses
import inspect
import sys
import typing
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, Literal, cast

import pulumi

import pulumi_django
from pulumi_django.contract import AppOutputs, BaseContract, to_outputs
from pulumi_django.program.reading import T, hints_of, is_output, members_of
from pulumi_django.provider.inputs import camel

PACKAGE = "pulumi-django"

BASES = ("AdHocBase", "ProdBase")
APPS = ("AdHocApp", "ProdApp")

MODULES: Mapping[str, Sequence[str]] = {
    "account": (
        "AccountBootstrap",
        "BudgetAlarm",
        "DeployRole",
        "ImageRepository",
        "MailDomain",
        "PlanRole",
        "StateBackend",
    ),
    "app": APPS,
    "app_secrets": ("AppSecrets",),
    "aurora": ("AuroraServerless",),
    "base": BASES,
    "bastion": ("Bastion",),
    "broker": ("SqsBroker",),
    "cache": ("ReplicationGroup",),
    "certificate": ("Certificate",),
    "data": ("FileSystem",),
    "database": ("PostgresInstance",),
    "delivery": ("Cdn", "DeliveryPipeline", "Firewall", "StaticSite"),
    "dns": ("AliasRecord",),
    "ec2": ("ComposeHost", "Ec2WebFleet"),
    "ecs": ("Cluster", "ExecutionRole", "LogGroup", "TaskDefinition", "TaskRole", "TaskSecurityGroup"),
    "encryption": ("EncryptionKey",),
    "endpoints": ("InterfaceEndpoints",),
    "flow_logs": ("FlowLogs",),
    "load_balancer": ("LoadBalancer",),
    "log_bucket": ("LogBucket",),
    "network": ("Network",),
    "observability": (
        "AlarmTopic",
        "CacheAlarms",
        "Dashboard",
        "DatabaseAlarms",
        "EnvironmentAlarms",
        "LoadBalancerAlarms",
    ),
    "published_parameters": ("PublishedParameters",),
    "security": ("SecurityGroups",),
    "service_discovery": ("ServiceDiscovery",),
    "storage": ("AssetsBucket",),
}
"""Public components by the module of their type. ECS services, their scaling and the tasks of a release are not among them: on their
own they would run without the release gate, whose hooks no other language can pass."""

NAMES: Mapping[str, str] = {f"{PACKAGE}:{module}:{name}": name for module, names in MODULES.items() for name in names}
"""Type of a component -> its public name."""

_ALWAYS_GIVEN = frozenset({"account_zones", "listener_priorities", "target_groups"})
"""Fields of bases and apps that the plugin reads from the stack's state."""

SCALARS = (str, int, float, bool)


@dataclasses.dataclass(frozen=True)
class Component:
    """A component of the plugin."""

    token: str
    """Type of its resources, for example `pulumi-django:app:AdHocApp`."""

    @property
    def name(self) -> str:
        """Public name of the class."""
        return NAMES[self.token]

    @property
    def cls(self) -> type[pulumi.ComponentResource]:
        return getattr(pulumi_django, self.name)

    @property
    def args(self) -> type:
        return getattr(pulumi_django, f"{self.name}Args")

    @property
    def given(self) -> frozenset[str]:
        """Fields of the arguments that are not inputs."""
        composite = _ALWAYS_GIVEN if self.name in (*BASES, *APPS) else frozenset[str]()
        own = frozenset({"base"}) if self.name in APPS else composite
        return own | composite | {name for name, hint in hints_of(self.args).items() if not expressible(hint)}

    @property
    def output_hints(self) -> dict[str, Any]:
        """Types of the outputs by the attribute's name."""
        if self.name in APPS:
            return hints_of(AppOutputs)
        if self.name in BASES:
            return {"contract": BaseContract}
        found: dict[str, Any] = {}
        for cls in reversed(self.cls.__mro__[: self.cls.__mro__.index(pulumi.ComponentResource)]):
            names = {"Output": pulumi.Output, "Input": pulumi.Input, "T": T, **vars(sys.modules[cls.__module__])}
            own = type("Hints", (), {"__annotations__": inspect.get_annotations(cls)})
            found.update(typing.get_type_hints(own, globalns=names))
        return {
            name: hint
            for name, hint in found.items()
            if not name.startswith("_") and hint is not type(None) and expressible(hint)
        }

    def outputs(self, made: pulumi.ComponentResource) -> dict[str, Any]:
        """Return the outputs of an instance, without absent values."""
        if self.name in APPS:
            return _in_camel(to_outputs(cast(Any, made).outputs))
        if self.name in BASES:
            return {"contract": _in_camel(to_outputs(cast(Any, made).contract))}
        found = {name: getattr(made, name, None) for name in self.output_hints}
        return {camel(name): value for name, value in found.items() if value is not None}


def expressible(hint: Any) -> bool:
    """Return whether other languages can write a value of this type."""
    members = [member for member in members_of(hint) if member is not type(None) and not is_output(member)]
    if not members:
        # `Output[str]`, the type of an output.
        inner = [argument for member in members_of(hint) for argument in typing.get_args(member)]
        return all(expressible(argument) for argument in inner)
    return all(_expressible(member) for member in members)


def _expressible(member: Any) -> bool:
    origin, arguments = typing.get_origin(member), typing.get_args(member)
    if member in (*SCALARS, Any) or origin is Literal:
        return True
    if isinstance(member, type) and issubclass(member, Enum):
        return True
    if dataclasses.is_dataclass(member):
        return all(
            expressible(hint) or _has_default(member, name)
            for name, hint in hints_of(member).items()
            if name in {field.name for field in dataclasses.fields(member)}
        )
    if isinstance(origin, type) and issubclass(origin, Mapping | Sequence):
        return expressible(arguments[-1])
    return False


def _has_default(cls: Any, name: str) -> bool:
    field = next(field for field in dataclasses.fields(cls) if field.name == name)
    return field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING


def _in_camel(values: Mapping[str, Any]) -> dict[str, Any]:
    return {camel(name): value.value if isinstance(value, Enum) else value for name, value in values.items()}
