"""What a base offers and what an application takes from it: names, types, version. Read and written only through here."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from typing import Any, cast

import pulumi

from pulumi_django.policies.trust import account_of
from pulumi_django.rules.kinds import Kind
from pulumi_django.rules.partitions import partition
from pulumi_django.rules.text import whole_number

CONTRACT_VERSION = 1
"""Raised when a name changes its meaning or a required one is added; a program reads its own version and older ones."""


class ContractError(pulumi.RunError):
    """A base does not offer what the application needs; the message is one sentence that names both and the fix."""


@dataclass(frozen=True, kw_only=True)
class BaseContract:
    """What a base offers. Optional values are None when the base has no such thing."""

    contract_version: int = CONTRACT_VERSION
    """Version of this contract that the base was written with."""

    kind: Kind
    """Kind of the base, and of everything that may stand on it."""

    base_stack_name: str
    """Name of the base."""

    region: str
    """AWS region of the base."""

    vpc_id: pulumi.Input[str]
    """VPC."""

    public_subnet_ids: pulumi.Input[Sequence[pulumi.Input[str]]]
    """Subnets with a route to the internet gateway; the load balancer stands there."""

    private_subnet_ids: pulumi.Input[Sequence[pulumi.Input[str]]]
    """Subnets in which tasks run."""

    alb_sg_id: pulumi.Input[str]
    """Security group of the load balancer."""

    app_sg_id: pulumi.Input[str]
    """Security group that every task carries; the database and the endpoints admit it."""

    listener_arn: pulumi.Input[str]
    """Listener that takes the environments' rules: HTTPS, or HTTP on a base without a domain."""

    alb_arn_suffix: pulumi.Input[str]
    """The load balancer's dimension in CloudWatch."""

    alb_dns_name: pulumi.Input[str]
    """DNS name of the load balancer."""

    alb_zone_id: pulumi.Input[str]
    """Route 53 zone of that name, for alias records."""

    domain_name: str | None = None
    """Domain below which environments get their host names; None on an HTTP-only base."""

    hosted_zone_id: pulumi.Input[str] | None = None
    """Route 53 zone of the domain; None when its records are kept elsewhere."""

    own_certificate: bool | None = None
    """Whether the only certificate is one that the base had issued, which covers the domain and names one label below it;
    None when that is not known, as on an older base."""

    database_host: pulumi.Input[str]
    """Host name of the PostgreSQL server."""

    database_port: pulumi.Input[int]
    """Its TCP port."""

    database_master_secret_arn: pulumi.Input[str]
    """Secret with the JSON keys `username` and `password` of the server's master role."""

    database_reader_host: pulumi.Input[str] | None = None
    """Host name for queries that only read, when the base has read replicas or an Aurora cluster."""

    database_instance_id: pulumi.Input[str] | None = None
    """Dimension `DBInstanceIdentifier` of the server's metrics; None for Aurora and for a server of somebody else's."""

    database_cluster_id: pulumi.Input[str] | None = None
    """Dimension `DBClusterIdentifier` of the server's metrics, for Aurora."""

    assets_bucket_name: pulumi.Input[str] | None = None
    """Bucket that environments share, when the base has one."""

    redis_host: pulumi.Input[str] | None = None
    """Host name of a shared Redis, when the base has one."""

    redis_port: pulumi.Input[int] | None = None
    """Its TCP port."""

    redis_tls: bool | None = None
    """Whether it speaks only TLS: clients take a `rediss://` URL (`pulumi_django.rules.redis_url`)."""

    redis_cluster_mode: bool | None = None
    """Whether it is sharded: such a Redis has only database 0 and is no broker for Celery."""

    redis_auth_secret_arn: pulumi.Input[str] | None = None
    """Secret with the JSON keys `AUTH_TOKEN` and `REDIS_URL_<database>` (`redis_url.secret_key`); None when the security
    group alone admits clients."""

    redis_replication_group_id: pulumi.Input[str] | None = None
    """ElastiCache replication group, the beginning of the dimension `CacheClusterId` of its metrics."""

    service_discovery_namespace_id: pulumi.Input[str] | None = None
    """Cloud Map namespace for the environments' own Redis."""

    service_discovery_namespace_name: str | None = None
    """Its DNS name."""

    bastion_instance_id: pulumi.Input[str] | None = None
    """EC2 instance for port forwarding to the database."""

    alarm_topic_arn: pulumi.Input[str] | None = None
    """SNS topic of the base's alarms."""

    kms_key_arn: pulumi.Input[str] | None = None
    """Key for log groups and topics of this base and its environments, when the base has one."""

    isolated: bool | None = None
    """Whether nothing leads out of the private subnets but endpoints: then images must come from ECR."""

    task_role_arn: pulumi.Input[str] | None = None
    """Role for the tasks of all environments, when the base has one; otherwise each has its own."""

    execution_role_arn: pulumi.Input[str] | None = None
    """Role with which ECS starts the tasks of all environments, when the base has one."""

    database_role_arn: pulumi.Input[str] | None = None
    """Role with which ECS starts the tasks that make the databases of all environments, when the base has one."""

    platform_role_arn: pulumi.Input[str] | None = None
    """Role with which EventBridge starts scheduled commands and ECS moves traffic in all environments, when the base has
    one."""

    def __post_init__(self) -> None:
        for name in _WHOLE:
            self._convert(name, whole_number, "a whole number")
        for name in _FLAGS:
            self._convert(name, _flag, "true or false")

    def _convert(self, name: str, convert: Callable[[object], Any], needed: str) -> None:
        def converted(value: object) -> Any:
            try:
                return convert(value)
            except ValueError:
                raise ValueError(f"{name} of {self.base_stack_name} is {value!r}: it is {needed}") from None

        value: object = getattr(self, name)
        if isinstance(value, pulumi.Output):
            # Secret stays secret, unknown stays unknown.
            object.__setattr__(self, name, cast("pulumi.Output[object]", value).apply(converted))
        elif value is not None and not isinstance(value, Awaitable):
            object.__setattr__(self, name, converted(value))

    @property
    def account_id(self) -> pulumi.Output[str]:
        """AWS account of the base."""
        return account_of(self.listener_arn)


_WHOLE = ("database_port", "redis_port")
"""Whole numbers: they are whole again, however they came here."""

_FLAGS = ("redis_tls", "redis_cluster_mode", "isolated", "own_certificate")
"""True or false: the text `false`, which a program in another language may export, is not taken for true."""

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
    "service_discovery_namespace_name",
)
"""Values that decide which resources exist: they must be known while the program runs."""

OPTIONAL = tuple(field.name for field in fields(BaseContract) if field.default is None)
"""Names that a base may leave out."""

REQUIRED = tuple(field.name for field in fields(BaseContract) if field.name not in OPTIONAL)
"""Names that every base exports."""


@dataclass(frozen=True, kw_only=True)
class AppOutputs:
    """What an application stack exports for people and tools."""

    url: pulumi.Input[str]
    environment: pulumi.Input[str]
    kind: pulumi.Input[str]
    base_stack_name: pulumi.Input[str]
    cluster_name: pulumi.Input[str]
    service_names: pulumi.Input[Sequence[pulumi.Input[str]]]
    task_families: pulumi.Input[Sequence[pulumi.Input[str]]]
    log_groups: pulumi.Input[Mapping[str, pulumi.Input[str]]]
    """Log group by service."""

    release_task_family: pulumi.Input[str]
    task_subnet_ids: pulumi.Input[Sequence[pulumi.Input[str]]]
    task_security_group_ids: pulumi.Input[Sequence[pulumi.Input[str]]]
    database_name: pulumi.Input[str]
    exec_command: pulumi.Input[str]
    """A command line that opens a shell in a running web task."""

    static_url: pulumi.Input[str] | None = None
    """URL below which CloudFront serves the static files."""

    site_url: pulumi.Input[str] | None = None
    """URL of the static site; its files belong into `site_bucket_name`."""

    site_bucket_name: pulumi.Input[str] | None = None
    site_distribution_id: pulumi.Input[str] | None = None


APP_OUTPUTS = tuple(field.name for field in fields(AppOutputs) if field.default is MISSING)
"""Names that every application exports."""


def to_outputs(values: BaseContract | AppOutputs) -> dict[str, Any]:
    """The stack outputs of a contract, by name, without what is absent."""
    named = {field.name: getattr(values, field.name) for field in fields(values)}
    return {name: value for name, value in named.items() if value is not None}


def _flag(value: object) -> bool:
    if value in (True, "true"):
        return True
    if value in (False, "false"):
        return False
    raise ValueError(f"{value!r} is neither true nor false")


def export(values: BaseContract | AppOutputs) -> None:
    """Export a contract from the running stack."""
    for name, value in to_outputs(values).items():
        pulumi.export(name, value)


async def read(reference: pulumi.StackReference, *, base: str, app: str) -> BaseContract:
    """What the base stack behind `reference` offers.

    `base` and `app` are the names of the two stacks, for messages. Secret outputs stay secret. Raises ContractError when
    the stack has no outputs, lacks a required one, or was written by a newer version.
    """
    return from_outputs(await read_outputs(reference), base=base, app=app)


async def read_outputs(reference: pulumi.StackReference) -> dict[str, Any]:
    """The outputs of the stack behind `reference` that belong to the contract, for bases that are several stacks."""
    outputs: dict[str, Any] = {}
    for name in (*REQUIRED, *OPTIONAL):
        details = await reference.get_output_details(name)
        if details.secret_value is not None:
            outputs[name] = pulumi.Output.secret(details.secret_value)
        elif details.value is not None:
            # The reference's own Output, so that the consumer's state shows where the value comes from.
            outputs[name] = details.value if name in _PLAIN else reference.get_output(name)
    return outputs


def from_outputs(outputs: Mapping[str, Any], *, base: str, app: str) -> BaseContract:
    """The same from plain outputs by name; values may be Outputs, also unknown ones, save those that must be plain."""
    update = f"run `orchestrator update-base {base}` (or `pulumi up` in projects/base) and then {app} again"
    known = {name: value for name, value in outputs.items() if name in (*REQUIRED, *OPTIONAL) and value is not None}
    if not known:
        raise ContractError(
            f"{app} cannot stand on {base}: that stack has no outputs, so it was not created yet; {update}"
        )
    try:
        version = whole_number(known.get("contract_version", 0))
    except ValueError as error:
        raise ContractError(f"{app} cannot stand on {base}: contract_version of {base}: {error}; {update}") from None
    if version > CONTRACT_VERSION:
        raise ContractError(
            f"{app} cannot stand on {base}: {base} has version {version} of the contract and this program knows "
            f"{CONTRACT_VERSION}; upgrade pulumi-django where {app} is deployed"
        )
    missing = [name for name in REQUIRED if name not in known]
    if missing:
        raise ContractError(f"{app} cannot stand on {base}: {base} does not export {', '.join(missing)}; {update}")
    if known["kind"] not in list(Kind):
        raise ContractError(
            f"{app} cannot stand on {base}: {base} is of the kind {known['kind']!r}, unknown here; {update}"
        )
    values: dict[str, Any] = {**known, "contract_version": version, "kind": Kind(known["kind"])}
    try:
        return BaseContract(**values)
    except ValueError as error:
        raise ContractError(f"{app} cannot stand on {base}: {error}; {update}") from None


def require_kind(contract: BaseContract, kind: Kind, app: str) -> None:
    """ContractError when an application of that kind cannot stand on the base."""
    if contract.kind is not kind:
        raise ContractError(
            f"{app} is of the kind {kind.value} and its base {contract.base_stack_name} is of the kind "
            f"{contract.kind.value}: put {app} on a base of its own kind, or change its kind"
        )


def require_images(contract: BaseContract, app: str, images: Iterable[str]) -> None:
    """ContractError when one of the images cannot be pulled where nothing leads out of the base's subnets."""
    if not contract.isolated:
        return
    host = re.escape(f".dkr.ecr.{contract.region}.{partition(contract.region).dns_suffix}/")
    registry = rf"\d{{12}}{host}"
    for image in images:
        if not re.match(registry, image):
            raise ContractError(
                f"{app} cannot run the image {image} on {contract.base_stack_name}: its subnets are isolated and reach "
                f"only ECR in {contract.region}; push the image there, or give the base a NAT gateway"
            )


def number_text(value: pulumi.Input[int]) -> pulumi.Output[str]:
    """The number as text without a fraction, for environment variables, URLs and scripts."""
    return pulumi.Output.from_input(value).apply(lambda number: str(whole_number(number)))
