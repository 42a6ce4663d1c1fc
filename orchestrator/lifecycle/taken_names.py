"""Names that another environment already has: hosts on its base, names of task definitions and queues in its account, and
the parameters of a base and an environment of one name.

All are refused before any work. A load balancer takes the first rule that matches, so a second environment with the same
host would never receive a request, or the creation of its DNS record would fail at the end. Names in an account can
coincide too: `alpha` with a service `beta-web` and `alpha-beta` with a service `web` have the same name for AWS.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, cast

from orchestrator.config.stack_config import StackConfig
from orchestrator.engines.protocol import Engine
from orchestrator.errors import OrchestratorError, RefusedError, StateError, UnknownStackError
from orchestrator.lifecycle.context import Context
from orchestrator.lifecycle.job import Job
from orchestrator.lifecycle.job_builder import JobBuilder
from orchestrator.lifecycle.listener_slots import LISTENER_RULE
from orchestrator.lifecycle.registry import Deployment, Registry
from orchestrator.model import OutputValue, Scope, StackResource, Unit
from pulumi_django.rules import host_names

RECORD = "aws:route53/record:Record"
REDIS = "redis"

# hosts

Configs = Mapping[Unit, StackConfig]
Hosts = Mapping[str, set[str]]
"""Hosts by environment."""


def check_hosts(builder: JobBuilder, base: str, environments: Sequence[str]) -> None:
    """Raise RefusedError when one of these environments would take a host that another one on the base serves."""
    found = builder.registry.bases.get(base)
    domain = _domain(builder.configs, base, found.outputs.get("domain_name") if found else None)
    known = builder.registry.environments
    units = {name: known[name].units if name in known else () for name in environments}
    wanted = {
        name: _new_hosts(builder.context.engine, builder.configs, name, units[name], domain) for name in environments
    }
    if any(wanted.values()):
        _refuse_taken(base, wanted, _served(builder.context, builder.registry, base, domain))


def wanted_hosts(job: Job, base: str) -> dict[str, set[str]]:
    """The hosts that the job gives to environments on the base, without those that they serve already."""
    engine, projects = job.context.engine, job.context.projects(Scope.BASE)
    stacks = [stack for project in projects if (stack := engine.stack(Unit(project.key, base)))]
    output = next((found for stack in stacks if (found := stack.outputs.get("domain_name"))), None)
    domain = _domain(job.configs, base, output)
    wanted: dict[str, set[str]] = {}
    for name in sorted(name for name, bases in job.bases.items() if base in bases):
        units = [unit for unit in job.stacks if unit.stack == name]
        wanted[name] = _new_hosts(engine, job.configs, name, units, domain)
    return {name: hosts for name, hosts in wanted.items() if hosts}


def check_hosts_again(job: Job, base: str, wanted: Hosts, coming: Hosts) -> None:
    """Check the hosts again under the base's lock: other commands may have begun after the job was prepared.

    `coming` are the hosts that running commands give to environments on the base. Raises RefusedError.
    """
    for name, hosts in wanted.items():
        for other, taken in coming.items():
            for host in sorted(hosts) if other != name else ():
                if any(host_names.overlap(host, it) for it in taken):
                    raise RefusedError(
                        f"{name} cannot have the host {host}: another command gives it to {other} on the base {base}",
                        f"give {name} another host",
                    )
    registry = job.context.registry()
    found = registry.bases.get(base)
    domain = _domain(job.configs, base, found.outputs.get("domain_name") if found else None)
    _refuse_taken(base, wanted, _served(job.context, registry, base, domain))


def _served(context: Context, registry: Registry, base: str, domain: str | None) -> dict[str, set[str]]:
    """The hosts of the existing environments on a base."""
    names = registry.bases[base].environments if base in registry.bases else ()
    return {name: _hosts_of_existing(context, name, registry.environments[name].units, domain) for name in names}


def _refuse_taken(base: str, wanted: Hosts, others: Hosts) -> None:
    for name, hosts in wanted.items():
        for other, taken in {**others, **{it: {*others.get(it, ()), *wanted[it]} for it in wanted}}.items():
            if other != name:
                _refuse_overlap(base, name, hosts, other, taken)


def listener_hosts(config: StackConfig, name: str, domain: str | None) -> set[str]:
    """The hosts in the configuration of an environment for which the load balancer has rules."""
    own = _own_host(config, name, domain)
    served = [("web", _text_list(_options(config, "web").get("hosts")))]
    if config.get("frontend_image"):
        served.append(("frontend", _text_list(_options(config, "frontend").get("hosts"))))
    services = _options(config, "services")
    served += [(f"services.{key}", _text_list(_mapping(it).get("hosts"))) for key, it in services.items()]
    hosts = {host for _, given in served for host in given}
    if not all(given for _, given in served):
        hosts |= {*([own] if own else []), *_text_list(config.get("extra_hosts"))}
    return hosts


def _configured_hosts(config: StackConfig, name: str, domain: str | None) -> set[str]:
    """The hosts in the configuration of an environment, with those of distributions."""
    own, hosts = _own_host(config, name, domain), listener_hosts(config, name, domain)
    for key, label in (("cdn", host_names.CDN_LABEL), ("static_site", host_names.SITE_LABEL)):
        if isinstance(config.get(key), Mapping):
            host = _options(config, key).get("host") or (f"{label}.{own}" if domain and own else None)
            hosts |= {host} if isinstance(host, str) else set()
    return hosts


def _own_host(config: StackConfig, name: str, domain: str | None) -> str | None:
    own = config.get("host") or (f"{name}.{domain}" if domain else None)
    return own if isinstance(own, str) else None


def _deployed_hosts(engine: Engine, units: Iterable[Unit]) -> set[str]:
    """The hosts of the listener rules and records in the states of these stacks."""
    hosts: set[str] = set()
    for unit in units:
        resources: Sequence[StackResource] = ()
        with suppress(UnknownStackError):  # another command has just destroyed it
            resources = engine.resources(unit)
        for resource in resources:
            if resource.type == LISTENER_RULE:
                hosts |= _hosts_of_rule(resource.inputs)
            name = resource.inputs.get("name")
            # Names that begin with an underscore validate a certificate.
            leads = resource.type == RECORD and resource.inputs.get("type") in ("A", "AAAA", "CNAME")
            if leads and isinstance(name, str) and not name.startswith("_"):
                hosts.add(name.removesuffix("."))
    return hosts


def _new_hosts(engine: Engine, configs: Configs, name: str, units: Iterable[Unit], domain: str | None) -> set[str]:
    """The hosts in the configuration that the environment, which has these stacks, does not have yet."""
    wanted: set[str] = set()
    for unit, config in configs.items():
        if unit.stack == name and config.project.scope is Scope.ENVIRONMENT:
            wanted |= _configured_hosts(config, name, domain)
    return wanted - _deployed_hosts(engine, units) if wanted else wanted


def _hosts_of_existing(context: Context, name: str, units: Iterable[Unit], domain: str | None) -> set[str]:
    hosts: set[str] = set()
    with suppress(StateError):  # a neighbor's damaged state is no reason to refuse this environment
        hosts |= _deployed_hosts(context.engine, units)
    for unit in units:
        project = context.settings.by_key[unit.project]
        try:
            config = StackConfig.load(project, name)
        except OrchestratorError:  # its own update reports what is wrong with the file
            continue
        if config.exists:
            hosts |= _configured_hosts(config, name, domain)
    return hosts


def _refuse_overlap(base: str, name: str, wanted: set[str], other: str, hosts: set[str]) -> None:
    for host in sorted(wanted):
        if any(host_names.overlap(host, taken) for taken in hosts):
            raise RefusedError(
                f"{name} cannot have the host {host}: {other} on the base {base} serves it",
                f"give {name} another host, or remove it from {other} and update {other} first",
            )


def _domain(configs: Configs, base: str, output: OutputValue | None) -> str | None:
    """The domain of a base: its output, else its configuration."""
    if output is not None:
        return output.value if isinstance(output.value, str) and not output.secret else None
    for unit, config in configs.items():
        domain = config.get("domain_name") if unit.stack == base and config.project.scope is Scope.BASE else None
        if isinstance(domain, str) and domain:
            return domain
    return None


def _hosts_of_rule(inputs: Mapping[str, Any]) -> set[str]:
    hosts: set[str] = set()
    for condition in cast(list[Any], inputs.get("conditions") or []):
        header: Any = condition.get("hostHeader") if isinstance(condition, Mapping) else None
        hosts |= set(_text_list(header.get("values") if isinstance(header, Mapping) else None))
    return hosts


def _options(config: StackConfig, key: str) -> Mapping[str, Any]:
    return _mapping(config.get(key))


def _mapping(value: Any) -> Mapping[str, Any]:
    return cast(Mapping[str, Any], value) if isinstance(value, Mapping) else {}


def _text_list(value: Any) -> list[str]:
    return [item for item in cast(list[Any], value) if isinstance(item, str)] if isinstance(value, list) else []


# names in an account


def _service_names(config: StackConfig) -> set[str]:
    """The services, commands and queues that an environment with this configuration can have."""
    # These modules load Pulumi, which most requests do not need.
    from pulumi_django.app.options import BeatOptions, FrontendOptions, ReleaseOptions, WebOptions
    from pulumi_django.data.broker import DEAD
    from pulumi_django.ecs.database_task import SERVICE as DATABASE

    single = (
        ("web", WebOptions.service),
        ("frontend", FrontendOptions.service),
        ("beat", BeatOptions.service),
        ("release", ReleaseOptions.name),
    )
    found = {DATABASE, REDIS}
    for key, usual in single:
        found.add(str(_options(config, key).get("name" if key == "release" else "service") or usual))
    workers = config.get("workers")
    by_worker = {"default": None} if workers is None else _mapping(workers)
    queues = {queue for worker, options in by_worker.items() for queue in _mapping(options).get("queues") or (worker,)}
    dead = {f"{queue}-{DEAD}" for queue in queues}
    listed = (*_options(config, "services"), *_options(config, "scheduled_commands"))
    return {*found, *by_worker, *queues, *dead, *listed}


def check_account_names(
    name: str, configs: Iterable[StackConfig], others: Mapping[str, Deployment], planned: Iterable[StackConfig] = ()
) -> None:
    """Raise RefusedError when an environment would get a name that another one has in the same account.

    `planned` are the configurations of other environments in the same request. Names that the environment already has are
    accepted.
    """
    near = [other for other in others if other != name and _share_prefix(name, other)]
    planned = [config for config in planned if _share_prefix(name, config.stack)]
    if not near and not planned:
        return
    own = {f"{name}-{part}" for config in configs for part in _service_names(config)}
    kept = set(_task_families(others[name])) if name in others else set[str]()
    taken = {other: _with_queues(_task_families(others[other])) for other in near}
    for config in planned:
        taken.setdefault(config.stack, set()).update(f"{config.stack}-{part}" for part in _service_names(config))
    for other, names in taken.items():
        met = sorted((own - kept) & names)
        if met:
            raise RefusedError(
                f"the environment {name} would have the name {met[0]}, which the environment {other} already has: "
                "names of task definitions and queues are unique in an account",
                f"choose another name for the environment, or for its service {met[0].removeprefix(f'{name}-')}",
            )


def check_parameters(builder: JobBuilder, scope: Scope, name: str) -> None:
    """Raise RefusedError when a base and an environment of one name would both publish their outputs below `/{name}/`.

    AWS would refuse the second parameter of one name at the end of a run, and readers could not tell the two apart.
    """
    other = Scope.ENVIRONMENT if scope is Scope.BASE else Scope.BASE
    if not _publishes(builder, scope, name) or not _publishes(builder, other, name):
        return
    own, taken = (_SCOPE_NAMES[it] for it in (scope, other))
    raise RefusedError(
        f"the {own} {name} would publish its outputs as SSM parameters below /{name}/, as the {taken} {name} does",
        f"choose another name for the {own}, or set publish_parameters to false for one of the two",
    )


_SCOPE_NAMES = {Scope.BASE: "base", Scope.ENVIRONMENT: "environment"}


def _publishes(builder: JobBuilder, scope: Scope, name: str) -> bool:
    known = builder.registry.bases if scope is Scope.BASE else builder.registry.environments
    for project in builder.context.projects(scope):
        config = builder.configs.get(Unit(project.key, name))
        if config is None and name in known:
            config = StackConfig.load(project, name, builder.context.foreign_names(project))
        if config is not None and config.get("publish_parameters") is True:
            return True
    return False


def _share_prefix(first: str, second: str) -> bool:
    return f"{first}-".startswith(f"{second}-") or f"{second}-".startswith(f"{first}-")


def _task_families(deployment: Deployment) -> Sequence[str]:
    output = deployment.outputs.get("task_families")
    found: Any = output.value if output is not None else None
    return [str(family) for family in found] if isinstance(found, list | tuple) else []


def _with_queues(families: Iterable[str]) -> set[str]:
    from pulumi_django.data.broker import DEAD

    return {name for family in families for name in (family, f"{family}-{DEAD}")}
