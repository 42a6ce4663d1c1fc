"""The environment or base of an operation: its outputs, and its access to AWS. Both are read, never guessed."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from orchestrator.config.aws_settings import access_of_stacks
from orchestrator.config.stack_config import StackConfig
from orchestrator.errors import OperationFailedError, OrchestratorError, RefusedError, UnknownStackError, UsageError
from orchestrator.lifecycle import office_hours
from orchestrator.lifecycle.office_hours import Closed
from orchestrator.model import UNKNOWN, Kind, Outputs, Scope, Unit
from pulumi_django.deploying.aws_access import AwsAccess

if TYPE_CHECKING:
    from orchestrator.lifecycle.context import Context
    from orchestrator.lifecycle.registry import Deployment, Registry

WEB = "web"
"""An alias for the web service of every environment, independent of the service's own name."""


@dataclass(frozen=True, kw_only=True)
class EnvironmentOutputs:
    """The outputs of `pulumi_django.contract.AppOutputs` as plain values from the application's state."""

    url: str
    environment: str
    kind: str
    base_stack_name: str
    cluster_name: str
    service_names: Sequence[str]
    """Names of the ECS services, the web service first."""

    task_families: Sequence[str]
    log_groups: Mapping[str, str]
    """Log group by the short name of a service or a one-off task."""

    release_task_family: str
    task_subnet_ids: Sequence[str]
    task_security_group_ids: Sequence[str]
    database_name: str
    exec_command: str


@dataclass(frozen=True, kw_only=True)
class Service:
    """One ECS service of an environment."""

    name: str
    """Name in ECS, for example `alpha-gunicorn`; also the family of its task definitions."""

    short: str
    """Short name, also the name of the container: `gunicorn`."""

    log_group: str | None
    """Its CloudWatch log group."""


@dataclass(frozen=True, kw_only=True)
class BaseTarget:
    """An existing base and its access to AWS."""

    name: str
    kind: Kind
    notice: str | None
    """The engine's notice for every output; None when the base exists in AWS."""

    outputs: Mapping[str, Any] = field(repr=False)
    """Plain outputs by the names of the contract; without secret ones."""

    environments: tuple[str, ...] = ()
    """Names of the environments on it."""

    aws: AwsAccess = field(default_factory=AwsAccess)
    """Region, profile, endpoints and role of the stack's AWS provider."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """An existing environment and its access to AWS."""

    environment: str
    engine: str
    """Name of the engine: `pulumi` or `simulation`."""

    notice: str | None
    """The engine's notice for every output; None when the environment exists in AWS."""

    outputs: EnvironmentOutputs
    base_outputs: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)
    """Plain outputs of the base, for example `database_host` and `bastion_instance_id`; without secret ones."""

    aws: AwsAccess = field(default_factory=AwsAccess)
    """Region, profile, endpoints and role of the stack's AWS provider."""

    asleep: bool = False
    """Whether the configuration puts it to sleep."""

    closed: Closed | None = None
    """Its office hours, when they close it now."""

    containers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]], repr=False)
    """Definition of each container by its name, for the answers of the simulation; empty on AWS, which answers itself."""

    @property
    def rest(self) -> str | None:
        """`asleep` or `closed until Mon 08:00`; None when its services run."""
        if self.asleep:
            return "asleep"
        return None if self.closed is None else f"closed until {office_hours.clock(self.closed.until)}"

    @property
    def tags(self) -> dict[str, str]:
        """The tags of the environment's resources, without `managed-by`."""
        outputs = self.outputs
        return {"base": outputs.base_stack_name, "environment": outputs.environment, "kind": outputs.kind}

    @property
    def services(self) -> tuple[Service, ...]:
        """All services, the web service first."""
        prefix = f"{self.environment}-"
        shorts = {name: name.removeprefix(prefix) for name in self.outputs.service_names}
        return tuple(
            Service(name=name, short=short, log_group=self.outputs.log_groups.get(short))
            for name, short in shorts.items()
        )

    def service(self, name: str | None = None) -> Service:
        """Return a service by its short or full name; `web` and None are the web service. Raises UsageError."""
        services = self.services
        for service in services:
            if name in (service.short, service.name):
                return service
        if services and name in (None, WEB):
            return services[0]
        names = [service.short for service in services]
        close = difflib.get_close_matches(str(name), names, n=1, cutoff=0.6)
        raise UsageError(
            f"{self.environment} has no service {name!r}: it has {', '.join(names) or 'none'}",
            f"did you mean {close[0]}?" if close else "choose one of them with --service",
        )

    def chosen(self, names: Sequence[str]) -> tuple[Service, ...]:
        """Return the services of these names, each once; all services for no name. Raises UsageError."""
        return tuple(dict.fromkeys(self.service(name) for name in names)) if names else self.services


def find(context: Context, name: str) -> Target:
    """Return the environment of that name from its stack's state and configuration.

    Raises UnknownStackError when it does not exist or has no outputs, RefusedError for a base, OperationFailedError when
    outputs are missing.
    """
    registry = context.registry()
    environment = _environment(registry, name)
    base = registry.bases.get(environment.record.base or "")
    base_outputs = _plain(base.outputs) if base else {}
    return Target(
        environment=environment.name,
        engine=context.engine.name,
        notice=context.engine.notice,
        outputs=_outputs(environment),
        base_outputs=base_outputs,
        aws=access_of(context, environment, base_outputs.get("region")),
        asleep=_asleep(context, environment.units),
        closed=office_hours.closed(environment, context.clock()),
        containers={} if context.engine.notice is None else _containers(context, environment.units),
    )


def _containers(context: Context, units: Sequence[Unit]) -> dict[str, Mapping[str, Any]]:
    """Return the definition of each container by its name, from the task definitions in the state."""
    found: dict[str, Mapping[str, Any]] = {}
    for unit in units:
        for resource in context.engine.resources(unit):
            definitions = resource.inputs.get("containerDefinitions")
            if isinstance(definitions, str) and definitions.startswith("["):
                containers: list[dict[str, Any]] = json.loads(definitions)
                found |= {str(it.get("name")): it for it in containers}
    return found


def find_base(context: Context, name: str) -> BaseTarget:
    """Return the base of that name. Raises UnknownStackError when it does not exist or has no outputs."""
    base = context.registry().base(name)
    outputs = _plain(base.outputs)
    if not outputs:
        raise UnknownStackError(
            f"{name} has no outputs: its creation did not finish", f"finish it: `orchestrator create-base {name}`"
        )
    return BaseTarget(
        name=base.name,
        kind=base.record.kind,
        notice=context.engine.notice,
        outputs=outputs,
        environments=base.environments,
        aws=access_of(context, base, outputs.get("region")),
    )


def _environment(registry: Registry, name: str) -> Deployment:
    plain = name.removeprefix(f"{Scope.ENVIRONMENT.value}/")
    if plain not in registry.environments and plain in registry.bases:
        environments = ", ".join(registry.bases[plain].environments)
        raise RefusedError(
            f"{plain} is a base: only environments have tasks and logs",
            f"choose one of its environments: {environments}"
            if environments
            else f"create one: `orchestrator create-env NAME --base {plain}`",
        )
    return registry.environment(plain)


def _outputs(environment: Deployment) -> EnvironmentOutputs:
    found = _plain(environment.outputs)
    names = [field.name for field in fields(EnvironmentOutputs)]
    missing = [name for name in names if name not in found]
    if len(missing) == len(names):
        raise UnknownStackError(
            f"{environment.name} has no outputs: its creation did not finish",
            f"finish it: `orchestrator create-env {environment.name}`",
        )
    if missing:
        raise OperationFailedError(
            f"{environment.name} does not export {', '.join(missing)}: another version of pulumi-django created it, or its "
            "creation did not finish",
            f"run `orchestrator update-env {environment.name}`",
        )
    return EnvironmentOutputs(**{name: found[name] for name in names})


def _plain(outputs: Outputs) -> dict[str, Any]:
    return {name: output.value for name, output in outputs.items() if not output.secret and output.value != UNKNOWN}


def access_of(context: Context, deployment: Deployment, region: str | None) -> AwsAccess:
    """Return the access of a base or an environment to AWS; `region` is the default of its stacks."""
    return access_of_units(context, deployment.units, region)


def access_of_units(context: Context, units: Sequence[Unit], region: str | None) -> AwsAccess:
    """Return the access to AWS of stacks that may not exist yet. Raises SettingsError."""
    by_key = context.settings.by_key
    try:
        return access_of_stacks([(by_key[unit.project], unit.stack) for unit in units], region)
    except OrchestratorError as error:
        names = " and ".join(dict.fromkeys(unit.stack for unit in units))
        raise type(error)(f"the AWS configuration of {names} cannot be read: {error.message}", error.hint) from error


def _asleep(context: Context, units: Sequence[Unit]) -> bool:
    """Whether the configuration of one of these stacks puts it to sleep."""
    configs = (StackConfig.load(context.settings.by_key[unit.project], unit.stack) for unit in units)
    return any(config.asleep for config in configs)
