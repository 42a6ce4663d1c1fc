"""Whole stacks, and the common functions of Pulumi programs: provider, tags, the base's contract. Components do not use them.

The function of a stack loads its components when it is called, so the program of a base does not pay for those of an
environment.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from inspect import signature
from typing import Any

import pulumi
import pulumi_aws as aws

from pulumi_django import contract
from pulumi_django.contract import BaseContract
from pulumi_django.contract import from_wire as from_wire
from pulumi_django.deploying.aws_access import AwsAccess
from pulumi_django.policies import role_boundary
from pulumi_django.program import config
from pulumi_django.program.config import ConfigError, stack_config
from pulumi_django.rules import aws_config as provider_config
from pulumi_django.rules.aws_config import AwsConfigError
from pulumi_django.rules.kinds import Kind
from pulumi_django.rules.partitions import partition
from pulumi_django.rules.wire import BASE_OUTPUTS_VARIABLE as BASE_OUTPUTS_VARIABLE

BASE_PROJECT = "django-base"

MANAGED_BY = "pulumi-django"


@dataclass(frozen=True, kw_only=True)
class RoleSettings:
    """Keys of every project whose resources have roles."""

    permissions_boundary: str | None = None
    """ARN of the IAM policy that becomes the boundary of every role, which also gets the path of the policy: the output
    `permissions_boundary_arn` of projects/bootstrap. None sets neither."""


@dataclass(frozen=True, kw_only=True)
class BaseSettings(RoleSettings):
    """Keys of projects/base besides the base's arguments."""

    kind: Kind = Kind.AD_HOC
    """Kind of the base: `ad-hoc` or `prod`. The other keys depend on it."""

    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    """Tags of all resources, besides `base`, `kind` and `managed-by`."""


@dataclass(frozen=True, kw_only=True)
class AppSettings(RoleSettings):
    """Keys of projects/app besides the application's arguments."""

    base: str
    """Name of the base."""

    base_project: str | None = None
    """Name in the `Pulumi.yaml` of the base. None is the name in the program, `django-base` unless it passes another one."""

    kind: Kind | None = None
    """Required kind of the environment; None uses the kind of its base."""

    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    """Tags of all resources, besides `environment`, `base`, `kind` and `managed-by`."""


@dataclass(frozen=True, kw_only=True)
class BootstrapSettings:
    """Keys of projects/bootstrap besides the bootstrap's arguments."""

    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    """Tags of all resources, besides `managed-by`."""


@dataclass(frozen=True, kw_only=True)
class StandaloneSettings(RoleSettings):
    """Keys of projects/standalone. `base` and `app` contain the arguments of the base and the application."""

    base: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Arguments of the base."""

    app: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Arguments of the application."""

    domain_name: str | None = None
    """The same as `base.domain_name`, in one line for `pulumi new` and `pulumi config set`."""

    backend_image: str | None = None
    """The same as `app.backend_image`."""

    settings_module: str | None = None
    """The same as `app.settings_module`."""

    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    """Tags of all resources."""


def aws_config() -> dict[str, Any]:
    """Return the stack's `aws:*` configuration by key without the prefix, with typed values. Raises ConfigError."""
    try:
        return provider_config.of_stack(stack_config())
    except AwsConfigError as error:
        raise ConfigError(error.problems, pulumi.get_stack()) from None


def aws_access() -> AwsAccess:
    """Return the access of hooks to AWS, the same as that of the stack's provider. Raises ConfigError for unsupported
    keys."""
    try:
        return AwsAccess.from_config(aws_config())
    except AwsConfigError as error:
        raise ConfigError(error.problems, pulumi.get_stack()) from None


def region() -> str:
    """Return the stack's region: `aws:region`, or else AWS_REGION or AWS_DEFAULT_REGION. Raises ConfigError without
    one, and for a text that is not a region."""
    sources = {"aws:region": aws_config().get("region")}
    sources |= {f"{name} in the environment": os.environ.get(name) for name in ("AWS_REGION", "AWS_DEFAULT_REGION")}
    source, found = next(((name, str(value)) for name, value in sources.items() if value), ("aws:region", ""))
    if not found:
        raise ConfigError(["aws:region: is missing"], pulumi.get_stack())
    try:
        partition(found)
    except ValueError as error:
        raise ConfigError([f"{source}: {error}"], pulumi.get_stack()) from None
    return found


def aws_provider(
    *,
    environment: str | None = None,
    base: str | None = None,
    kind: Kind | None = None,
    tags: Mapping[str, str] | None = None,
) -> aws.Provider:
    """Return the provider of all resources in the stack, with the stack's `aws:*` configuration and default tags.

    `tags` are the user's tags. They have precedence over the standard tags. Raises ConfigError for a key that the provider
    does not have.
    """
    values = aws_config()
    _check_services(values.get("endpoints", ()))
    configured: dict[str, str] = (values.pop("defaultTags", None) or {}).get("tags", {})
    named = {"base": base, "kind": kind and kind.value, "environment": environment}
    always = {"managed-by": MANAGED_BY, **{key: value for key, value in named.items() if value}}
    settings: dict[str, Any] = {_snake(key): value for key, value in values.items()}
    settings["region"] = region()
    return aws.Provider("aws", **settings, default_tags={"tags": {**always, **configured, **(tags or {})}})


def _check_services(endpoints: Sequence[Mapping[str, str]]) -> None:
    """Raise ConfigError for endpoints of unknown services, which the provider would ignore."""
    services = [name.rstrip("_") for name in signature(aws.ProviderEndpointArgs.__init__).parameters]
    unknown = {service for entry in endpoints for service in entry} - set(services)
    problems = [
        f"aws:endpoints names the service {service!r}, which the AWS provider does not know"
        + (f": did you mean {close[0]}?" if (close := difflib.get_close_matches(service, services, n=1)) else "")
        for service in sorted(unknown)
    ]
    if problems:
        raise ConfigError(problems, pulumi.get_stack())


def options(provider: aws.Provider, permissions_boundary: str | None = None) -> pulumi.ResourceOptions:
    """Return the options of a program's resources: the provider and the boundary of roles. Raises ConfigError for an invalid
    boundary."""
    if permissions_boundary is None:
        return pulumi.ResourceOptions(providers=[provider])
    try:
        bounded = role_boundary.permissions_boundary(permissions_boundary)
    except ValueError as error:
        raise ConfigError([str(error)], pulumi.get_stack()) from None
    return pulumi.ResourceOptions(providers=[provider], transformations=[bounded])


def _snake(key: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in key)


async def base_contract(base: str, app: str, *, project: str = BASE_PROJECT, also: Sequence[str] = ()) -> BaseContract:
    """Return the contract of the base `base` with the running stack `app`.

    `project` is the base's Pulumi project. `also` are further projects, whose stacks of the same name contribute outputs.
    StackReferences read the outputs, except while the base is only planned: then the orchestrator passes the known values.
    Raises ContractError.
    """
    outputs: dict[str, Any] = {}
    for part in (project, *also):
        outputs.update(await contract.read_outputs(f"{pulumi.get_organization()}/{part}/{base}"))
    return contract.from_outputs(outputs, base=base, app=app)


async def base_outputs(base: str, *, project: str = BASE_PROJECT) -> dict[str, Any]:
    """Return the outputs of the stack `base` of one project. Values that must be plain are plain; the others are
    Outputs."""
    return await contract.read_outputs(f"{pulumi.get_organization()}/{project}/{base}")


async def app_stack(base_project: str, also: Sequence[str]) -> None:
    """Create the environment of the running stack, and export its outputs."""
    from pulumi_django import AdHocApp, AdHocAppArgs, ProdApp, ProdAppArgs
    from pulumi_django.program import own_state

    name = pulumi.get_stack()
    settings = config.load(AppSettings, partial=True)
    base = await base_contract(settings.base, name, project=settings.base_project or base_project, also=also)
    contract.require_kind(base, settings.kind or base.kind, name)
    provider = aws_provider(environment=name, base=settings.base, kind=base.kind, tags=settings.tags)
    given = {"base": base, "aws": aws_access(), **await own_state.routing()}
    opts = options(provider, settings.permissions_boundary)
    if base.kind is Kind.PROD:
        prod = config.load(ProdAppArgs, given=given, others=AppSettings)
        contract.export(ProdApp(name, prod, opts).outputs)
    else:
        ad_hoc = config.load(AdHocAppArgs, given=given, others=AppSettings)
        contract.export(AdHocApp(name, ad_hoc, opts).outputs)


async def base_stack() -> None:
    """Create the base of the running stack, and export its contract."""
    from pulumi_django import AdHocBase, AdHocBaseArgs, ProdBase, ProdBaseArgs
    from pulumi_django.program import pinned_zones

    name, where = pulumi.get_stack(), region()
    settings = config.load(BaseSettings, partial=True)
    provider = aws_provider(base=name, kind=settings.kind, tags=settings.tags)
    given = {"region": where, "account_zones": await pinned_zones.account_zones(name, where, provider)}
    opts = options(provider, settings.permissions_boundary)
    if settings.kind is Kind.PROD:
        base = ProdBase(name, config.load(ProdBaseArgs, given=given, others=BaseSettings), opts)
    else:
        base = AdHocBase(name, config.load(AdHocBaseArgs, given=given, others=BaseSettings), opts)
    contract.export(base.contract)


async def standalone_stack() -> None:
    """Create the base and the environment of the running stack, and export the outputs of the environment."""
    from pulumi_django import AdHocApp, AdHocAppArgs, AdHocBase, AdHocBaseArgs
    from pulumi_django.program import own_state, pinned_zones

    name, where = pulumi.get_stack(), region()
    settings = config.load(StandaloneSettings)
    provider = aws_provider(environment=name, base=name, kind=Kind.AD_HOC, tags=settings.tags)
    opts = options(provider, settings.permissions_boundary)
    zones = await pinned_zones.account_zones(name, where, provider, at="base")
    of_base = {"region": where, "account_zones": zones, **_short(settings, "base", settings.base, "domain_name")}
    base = AdHocBase(name, config.load(AdHocBaseArgs, at="base", given=of_base), opts)
    short = _short(settings, "app", settings.app, "backend_image", "settings_module")
    of_app = {"base": base.contract, "aws": aws_access(), **await own_state.routing(), **short}
    app = AdHocApp(name, config.load(AdHocAppArgs, at="app", given=of_app), opts)
    contract.export(app.outputs)


def _short(settings: StandaloneSettings, at: str, arguments: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """The arguments that are set at the top of the stack file. Raises ConfigError for one that is set in both places."""
    values = {name: value for name in names if (value := getattr(settings, name)) is not None}
    twice = [
        f"{pulumi.get_project()}:{name}: is also set in {at}: remove one of them"
        for name in values
        if name in arguments
    ]
    if twice:
        raise ConfigError(twice, pulumi.get_stack())
    return values


async def bootstrap_stack() -> None:
    """Create the account's resources, and export their outputs."""
    from pulumi_django import AccountBootstrap, AccountBootstrapArgs

    settings = config.load(BootstrapSettings, partial=True)
    provider = aws_provider(tags=settings.tags)
    args = config.load(AccountBootstrapArgs, given={"region": region()}, others=BootstrapSettings)
    account = AccountBootstrap(pulumi.get_stack(), args, pulumi.ResourceOptions(providers=[provider]))
    for name, value in account.outputs().items():
        pulumi.export(name, value)
