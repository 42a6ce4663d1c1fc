"""The contract between a base and its applications: names, types, version. All code reads and writes it here."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, cast

import pulumi
from pulumi.output import Unknown

from pulumi_django.policies.trust import account_of
from pulumi_django.rules import office_hours
from pulumi_django.rules.kinds import Kind
from pulumi_django.rules.office_hours import OfficeHours
from pulumi_django.rules.partitions import partition
from pulumi_django.rules.text import as_written, whole_number
from pulumi_django.rules.wire import BASE_OUTPUTS_VARIABLE, SIGNATURE, UNKNOWN

CONTRACT_VERSION = 1
"""It rises when a name changes its meaning or a required name is added. A program reads its own version and older ones."""


class ContractError(pulumi.RunError):
    """A base lacks something that the application needs. The message names both, and the remedy."""


@dataclass(frozen=True, kw_only=True)
class BaseContract:
    """The outputs of a base that applications read. An optional value is None when the base has no such resource."""

    contract_version: int = CONTRACT_VERSION
    """Version of the contract with which the base was deployed."""

    kind: Kind
    """Kind of the base, and of every environment on it."""

    base_stack_name: str
    """Name of the base."""

    region: str
    """AWS region of the base."""

    vpc_id: pulumi.Input[str]
    """Id of the VPC."""

    public_subnet_ids: pulumi.Input[Sequence[pulumi.Input[str]]]
    """Subnets with a route to the internet gateway; the load balancer is in them."""

    private_subnet_ids: pulumi.Input[Sequence[pulumi.Input[str]]]
    """Subnets in which tasks run."""

    private_subnet_count: int | None = None
    """Number of these subnets, which file systems need: each has an address in each of them."""

    alb_sg_id: pulumi.Input[str]
    """Security group of the load balancer."""

    app_sg_id: pulumi.Input[str]
    """Security group of every task; the database and the endpoints admit it."""

    listener_arn: pulumi.Input[str]
    """ARN of the listener for the environments' rules: HTTPS, or HTTP on a base without a domain."""

    alb_arn_suffix: pulumi.Input[str]
    """The load balancer's dimension in CloudWatch."""

    alb_dns_name: pulumi.Input[str]
    """DNS name of the load balancer."""

    alb_zone_id: pulumi.Input[str]
    """Route 53 zone of that name, for alias records."""

    domain_name: str | None = None
    """Domain below which environments have their host names. None on an HTTP-only base."""

    hosted_zone_id: pulumi.Input[str] | None = None
    """Route 53 zone of the domain. None when its records are elsewhere."""

    own_certificate: bool | None = None
    """Whether the only certificate is one that the base issued, which covers the domain and names one label below it. None
    when that is unknown, as on an older base."""

    database_host: pulumi.Input[str]
    """Host name of the PostgreSQL server."""

    database_port: pulumi.Input[int]
    """TCP port of the PostgreSQL server."""

    database_master_secret_arn: pulumi.Input[str]
    """Secret with the JSON keys `username` and `password` of the server's master role."""

    database_reader_host: pulumi.Input[str] | None = None
    """Host name for queries that only read, if the base has read replicas or an Aurora cluster."""

    database_instance_id: pulumi.Input[str] | None = None
    """Dimension `DBInstanceIdentifier` of the server's metrics. None for Aurora and for a server outside RDS."""

    database_cluster_id: pulumi.Input[str] | None = None
    """Dimension `DBClusterIdentifier` of the server's metrics, for Aurora."""

    assets_bucket_name: pulumi.Input[str] | None = None
    """Name of the bucket that environments share, if the base has one."""

    redis_host: pulumi.Input[str] | None = None
    """Host name of the Redis that environments share, if the base has one."""

    redis_port: pulumi.Input[int] | None = None
    """TCP port of the shared Redis."""

    redis_tls: bool | None = None
    """Whether the shared Redis requires TLS: clients need a `rediss://` URL (`pulumi_django.rules.redis_url`)."""

    redis_cluster_mode: bool | None = None
    """Whether the shared Redis is sharded: it then has only database 0, and Celery cannot use it as broker."""

    redis_auth_secret_arn: pulumi.Input[str] | None = None
    """Secret with the JSON keys `AUTH_TOKEN` and `REDIS_URL_<database>` (`redis_url.secret_key`). None when clients need no
    token."""

    redis_replication_group_id: pulumi.Input[str] | None = None
    """Id of the ElastiCache replication group, with which the dimension `CacheClusterId` of its metrics begins."""

    service_discovery_namespace_id: pulumi.Input[str] | None = None
    """Id of the Cloud Map namespace for the environments' own Redis."""

    service_discovery_namespace_name: str | None = None
    """DNS name of the namespace."""

    bastion_instance_id: pulumi.Input[str] | None = None
    """Id of the EC2 instance for port forwarding to the database."""

    alarm_topic_arn: pulumi.Input[str] | None = None
    """ARN of the SNS topic of the base's alarms."""

    kms_key_arn: pulumi.Input[str] | None = None
    """KMS key of log groups, topics and secrets of this base and its environments, if the base has one."""

    office_hours: str | None = None
    """Times of the week in which the database server runs, and their time zone: `Mon-Fri 08:00-18:00 Europe/Berlin`. None: it
    always runs."""

    isolated: bool | None = None
    """Whether the private subnets have no route to the internet, only endpoints: images must then come from ECR."""

    task_role_arn: pulumi.Input[str] | None = None
    """Role of the tasks of all environments, if the base has one. Otherwise each environment has its own."""

    execution_role_arn: pulumi.Input[str] | None = None
    """Role with which ECS starts the tasks of all environments, if the base has one."""

    database_role_arn: pulumi.Input[str] | None = None
    """Role with which ECS starts the tasks that create the databases of all environments, if the base has one."""

    platform_role_arn: pulumi.Input[str] | None = None
    """Role with which EventBridge starts scheduled commands and ECS moves traffic in all environments, if the base has
    one."""

    def __post_init__(self) -> None:
        for name in _WHOLE:
            self._convert(name, whole_number, "a whole number")
        for name in _FLAGS:
            self._convert(name, _flag, "true or false")
        try:
            _ = self.hours
        except ValueError as error:
            raise ValueError(f"office_hours of {self.base_stack_name} cannot be read: {error}") from None

    def _convert(self, name: str, convert: Callable[[object], Any], needed: str) -> None:
        def converted(value: object) -> Any:
            try:
                return convert(value)
            except ValueError:
                raise ValueError(
                    f"{name} of {self.base_stack_name} is {as_written(value)}: it must be {needed}"
                ) from None

        value: object = getattr(self, name)
        if isinstance(value, pulumi.Output):
            # Secret stays secret, unknown stays unknown.
            object.__setattr__(self, name, cast("pulumi.Output[object]", value).apply(converted))
        elif value is not None and not isinstance(value, Awaitable):
            object.__setattr__(self, name, converted(value))

    @property
    def hours(self) -> OfficeHours | None:
        """`office_hours`, read."""
        return None if self.office_hours is None else office_hours.parse(self.office_hours)

    @property
    def account_id(self) -> pulumi.Output[str]:
        """AWS account of the base."""
        return account_of(self.listener_arn)


_WHOLE = ("database_port", "redis_port", "private_subnet_count")
"""Whole numbers. Pulumi's wire format carries them as floating-point numbers; here they are whole again."""

_FLAGS = ("redis_tls", "redis_cluster_mode", "isolated", "own_certificate")
"""True or false. A program in another language may export the text `false`, which must not count as true."""

_PLAIN = (
    "contract_version",
    "kind",
    "base_stack_name",
    "region",
    "domain_name",
    "own_certificate",
    "redis_tls",
    "redis_cluster_mode",
    "isolated",
    "private_subnet_count",
    "office_hours",
    "service_discovery_namespace_name",
)
"""Values that decide which resources exist: they must be known while the program runs."""

OPTIONAL = tuple(field.name for field in fields(BaseContract) if field.default is None)
"""Names that a base may leave out."""

REQUIRED = tuple(field.name for field in fields(BaseContract) if field.name not in OPTIONAL)
"""Names that every base exports."""


@dataclass(frozen=True, kw_only=True)
class AppOutputs:
    """The outputs of an application stack, for users and tools."""

    url: pulumi.Input[str]
    environment: pulumi.Input[str]
    kind: pulumi.Input[str]
    base_stack_name: pulumi.Input[str]
    cluster_name: pulumi.Input[str]
    service_names: pulumi.Input[Sequence[pulumi.Input[str]]]
    task_families: pulumi.Input[Sequence[pulumi.Input[str]]]
    log_groups: pulumi.Input[Mapping[str, pulumi.Input[str]]]
    """Service -> log group."""

    release_task_family: pulumi.Input[str]
    task_subnet_ids: pulumi.Input[Sequence[pulumi.Input[str]]]
    task_security_group_ids: pulumi.Input[Sequence[pulumi.Input[str]]]
    database_name: pulumi.Input[str]
    exec_command: pulumi.Input[str]
    """A command line that opens a shell in a running web task."""

    static_url: pulumi.Input[str] | None = None
    """URL below which CloudFront serves the static files."""

    office_hours: str | None = None
    """Times of the week in which the services run, and their time zone: `Mon-Fri 08:00-18:00 Europe/Berlin`. None: they always
    run."""

    site_url: pulumi.Input[str] | None = None
    """URL of the static site, whose files are in `site_bucket_name`."""

    site_bucket_name: pulumi.Input[str] | None = None
    site_distribution_id: pulumi.Input[str] | None = None


APP_OUTPUTS = tuple(field.name for field in fields(AppOutputs) if field.default is MISSING)
"""Names that every application exports."""


def to_outputs(values: BaseContract | AppOutputs) -> dict[str, Any]:
    """Return the stack outputs of a contract by name, without absent values."""
    named = {field.name: getattr(values, field.name) for field in fields(values)}
    return {name: value for name, value in named.items() if value is not None}


def _flag(value: object) -> bool:
    if value in (True, "true"):
        return True
    if value in (False, "false"):
        return False
    raise ValueError(f"{as_written(value)} is neither true nor false")


def export(values: BaseContract | AppOutputs) -> None:
    """Export a contract from the running stack."""
    for name, value in to_outputs(values).items():
        pulumi.export(name, value)


async def read(reference: pulumi.StackReference, *, base: str, app: str) -> BaseContract:
    """Return the contract of the base stack behind `reference`.

    `base` and `app` are the names of the two stacks, for messages. Secret outputs stay secret. Raises ContractError if the
    stack has no outputs, lacks a required one, or has a newer version of the contract.
    """
    return from_outputs(await read_outputs(reference), base=base, app=app)


async def read_outputs(stack: str | pulumi.StackReference) -> dict[str, Any]:
    """Return the outputs of a stack that belong to the contract, for a base of several stacks.

    `stack` is its name (`organization/project/stack`) or a reference to it. While the stack is only planned, the orchestrator
    passes the outputs of the name that are known.
    """
    if isinstance(stack, str) and (handed_over := _handed_over(stack)) is not None:
        return {name: from_wire(value) for name, value in handed_over.items()}
    reference = pulumi.StackReference(stack) if isinstance(stack, str) else stack
    outputs: dict[str, Any] = {}
    for name in (*REQUIRED, *OPTIONAL):
        details = await reference.get_output_details(name)
        if details.secret_value is not None:
            outputs[name] = pulumi.Output.secret(details.secret_value)
        elif details.value is not None:
            # The reference's own Output, so that the consumer's state shows where the value comes from.
            outputs[name] = details.value if name in _PLAIN else reference.get_output(name)
    return outputs


def _handed_over(stack: str) -> Mapping[str, Any] | None:
    file = os.environ.get(BASE_OUTPUTS_VARIABLE)
    return json.loads(Path(file).read_text(encoding="utf-8")).get(stack) if file else None


def from_wire(value: Any) -> Any:
    """Return a wire value for a program: an unknown Output for the sentinel, a secret Output for a secret.

    Numbers become floats, as a StackReference reads them, so a program gets the same values in a plan and in an update.
    """
    if value == UNKNOWN:
        return _unknown()
    if isinstance(value, dict):
        if SIGNATURE in value:
            return pulumi.Output.secret(from_wire(value.get("value", UNKNOWN)))
        return {key: from_wire(item) for key, item in value.items()}
    if isinstance(value, list):
        return [from_wire(item) for item in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _unknown() -> pulumi.Output[Any]:
    def done(value: Any) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        future.set_result(value)
        return future

    return pulumi.Output(set(), done(Unknown()), done(False), done(False))


def from_outputs(outputs: Mapping[str, Any], *, base: str, app: str) -> BaseContract:
    """Return the contract from outputs by name. Values may be Outputs, also unknown ones, except those in `_PLAIN`."""
    update = f"run `orchestrator update-base {base}` (or `pulumi up` in projects/base) and then {app} again"
    known = {name: value for name, value in outputs.items() if name in (*REQUIRED, *OPTIONAL) and value is not None}
    if not known:
        raise ContractError(f"{app} cannot use {base}: that stack has no outputs, so it does not exist yet; {update}")
    try:
        version = whole_number(known.get("contract_version", 0))
    except ValueError as error:
        raise ContractError(f"{app} cannot use {base}: contract_version of {base}: {error}; {update}") from None
    if version > CONTRACT_VERSION:
        raise ContractError(
            f"{app} cannot use {base}: {base} has version {version} of the contract and this program knows "
            f"{CONTRACT_VERSION}; upgrade pulumi-django where {app} is deployed"
        )
    missing = [name for name in REQUIRED if name not in known]
    if missing:
        raise ContractError(f"{app} cannot use {base}: {base} does not export {', '.join(missing)}; {update}")
    if known["kind"] not in list(Kind):
        raise ContractError(f"{app} cannot use {base}: {base} has the unknown kind {known['kind']!r}; {update}")
    values: dict[str, Any] = {**known, "contract_version": version, "kind": Kind(known["kind"])}
    try:
        return BaseContract(**values)
    except ValueError as error:
        raise ContractError(f"{app} cannot use {base}: {error}; {update}") from None


def require_kind(contract: BaseContract, kind: Kind, app: str) -> None:
    """Raise ContractError if the base has another kind than the application."""
    if contract.kind is not kind:
        raise ContractError(
            f"{app} has the kind {kind.value} and its base {contract.base_stack_name} has the kind {contract.kind.value}: use a "
            f"base of the kind {kind.value}, or change the kind of {app}"
        )


def require_images(contract: BaseContract, app: str, images: Iterable[str]) -> None:
    """Raise ContractError for an image that tasks in isolated subnets cannot pull."""
    if not contract.isolated:
        return
    registry = r"\d{12}" + re.escape(f".dkr.ecr.{contract.region}.{partition(contract.region).dns_suffix}/")
    for image in images:
        if not re.match(registry, image):
            raise ContractError(
                f"{app} cannot run the image {image} on {contract.base_stack_name}: its subnets are isolated and reach "
                f"only ECR in {contract.region}; push the image there, or give the base a NAT gateway"
            )


def number_text(value: pulumi.Input[int]) -> pulumi.Output[str]:
    """Return the number as text without a fraction, for environment variables, URLs and scripts."""
    return pulumi.Output.from_input(value).apply(lambda number: str(whole_number(number)))
