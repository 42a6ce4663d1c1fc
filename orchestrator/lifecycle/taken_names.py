"""Names that another environment already has: hosts on its base, names of task definitions and queues in its account.

Both are refused before any work. A load balancer takes the first rule that matches, so a second environment with the same
host would never receive a request, or the creation of its DNS record would fail at the end. Names in an account can
coincide too: `alpha` with a service `beta-web` and `alpha-beta` with a service `web` have the same name for AWS.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, cast

from orchestrator.config.stack_config import StackConfig
from orchestrator.engines.protocol import Engine
from orchestrator.errors import OrchestratorError, RefusedError, StateError
from orchestrator.lifecycle.job_builder import JobBuilder
from orchestrator.lifecycle.listener_slots import LISTENER_RULE
from orchestrator.lifecycle.registry import Deployment
from orchestrator.model import Scope, Unit
from pulumi_django.rules import host_names

RECORD = "aws:route53/record:Record"
REDIS = "redis"

# hosts


def check_hosts(builder: JobBuilder, base: str, environments: Sequence[str]) -> None:
    """Raise RefusedError when one of these environments would take a host that another one on the base serves."""
    domain = _domain(builder, base)
    found = builder.registry.bases.get(base)
    existing = found.environments if found else ()
    wanted = {name: _new_hosts(builder, name, domain) for name in environments}
    if not any(wanted.values()):
        return
    others = {name: _hosts_of_existing(builder, name, domain) for name in existing}
    for name in environments:
        for other, hosts in {**others, **{it: {*others.get(it, ()), *wanted[it]} for it in environments}}.items():
            if other != name:
                _refuse_overlap(base, name, wanted[name], other, hosts)


def _configured_hosts(config: StackConfig, name: str, domain: str | None) -> set[str]:
    """The hosts in the configuration of an environment."""
    own = config.get("host") or (f"{name}.{domain}" if domain else None)
    served = [("web", _text_list(_options(config, "web").get("hosts")))]
    if config.get("frontend_image"):
        served.append(("frontend", _text_list(_options(config, "frontend").get("hosts"))))
    hosts = {host for _, given in served for host in given}
    if not all(given for _, given in served):
        hosts |= {*([own] if isinstance(own, str) else []), *_text_list(config.get("extra_hosts"))}
    for key, label in (("cdn", host_names.CDN_LABEL), ("static_site", host_names.SITE_LABEL)):
        if isinstance(config.get(key), Mapping):
            host = _options(config, key).get("host") or (f"{label}.{own}" if domain and own else None)
            hosts |= {host} if isinstance(host, str) else set()
    return hosts


def _deployed_hosts(engine: Engine, units: Iterable[Unit]) -> set[str]:
    """The hosts of the listener rules and records in the states of these stacks."""
    hosts: set[str] = set()
    for unit in units:
        for resource in engine.resources(unit):
            if resource.type == LISTENER_RULE:
                hosts |= _hosts_of_rule(resource.inputs)
            name = resource.inputs.get("name")
            # Names that begin with an underscore validate a certificate.
            leads = resource.type == RECORD and resource.inputs.get("type") in ("A", "AAAA", "CNAME")
            if leads and isinstance(name, str) and not name.startswith("_"):
                hosts.add(name.removesuffix("."))
    return hosts


def _new_hosts(builder: JobBuilder, name: str, domain: str | None) -> set[str]:
    """The hosts in the configuration that the environment does not have yet."""
    wanted: set[str] = set()
    for unit, config in builder.configs.items():
        if unit.stack == name and config.project.scope is Scope.ENVIRONMENT:
            wanted |= _configured_hosts(config, name, domain)
    found = builder.registry.environments.get(name)
    return wanted - _deployed_hosts(builder.context.engine, found.units) if found and wanted else wanted


def _hosts_of_existing(builder: JobBuilder, name: str, domain: str | None) -> set[str]:
    units = builder.registry.environments[name].units
    hosts: set[str] = set()
    with suppress(StateError):  # a neighbor's damaged state is no reason to refuse this environment
        hosts |= _deployed_hosts(builder.context.engine, units)
    for unit in units:
        project = builder.context.settings.by_key[unit.project]
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


def _domain(builder: JobBuilder, base: str) -> str | None:
    found = builder.registry.bases.get(base)
    output = found.outputs.get("domain_name") if found else None
    if output is not None:
        return output.value if isinstance(output.value, str) and not output.secret else None
    for unit, config in builder.configs.items():
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
    return {*found, *by_worker, *queues, *dead, *_options(config, "scheduled_commands")}


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


def _share_prefix(first: str, second: str) -> bool:
    return f"{first}-".startswith(f"{second}-") or f"{second}-".startswith(f"{first}-")


def _task_families(deployment: Deployment) -> Sequence[str]:
    output = deployment.outputs.get("task_families")
    found: Any = output.value if output is not None else None
    return [str(family) for family in found] if isinstance(found, list | tuple) else []


def _with_queues(families: Iterable[str]) -> set[str]:
    from pulumi_django.data.broker import DEAD

    return {name for family in families for name in (family, f"{family}-{DEAD}")}
