"""Two environments on one base never answer one host: refused before any work, by their configurations and states.

A load balancer takes the first rule that matches, so the second environment would never get a request, or its record would
fail after most of it was made.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, cast

from orchestrator.config.stack_config import StackConfig
from orchestrator.engines.protocol import Engine
from orchestrator.errors import OrchestratorError, RefusedError, StateError
from orchestrator.lifecycle.draft import Draft
from orchestrator.lifecycle.registry import LISTENER_RULE
from orchestrator.model import Scope, Unit
from pulumi_django.rules import host_names

RECORD = "aws:route53/record:Record"


def never_twice(draft: Draft, base: str, environments: Sequence[str]) -> None:
    """None of these environments takes a host that another one on the base answers. Raises RefusedError."""
    domain = _domain(draft, base)
    found = draft.registry.bases.get(base)
    existing = found.environments if found else ()
    wanted = {name: _new(draft, name, domain) for name in environments}
    if not any(wanted.values()):
        return
    others = {name: _of_existing(draft, name, domain) for name in existing}
    for name in environments:
        for other, hosts in {**others, **{it: {*others.get(it, ()), *wanted[it]} for it in environments}}.items():
            if other != name:
                _compare(base, name, wanted[name], other, hosts)


def configured(config: StackConfig, name: str, domain: str | None) -> set[str]:
    """The hosts that an environment has by its configuration."""
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


def deployed(engine: Engine, units: Iterable[Unit]) -> set[str]:
    """The hosts of the listener rules and records in the states of these stacks."""
    hosts: set[str] = set()
    for unit in units:
        for resource in engine.resources(unit):
            if resource.type == LISTENER_RULE:
                hosts |= _of_rule(resource.inputs)
            name = resource.inputs.get("name")
            # What begins with an underscore validates a certificate.
            leads = resource.type == RECORD and resource.inputs.get("type") in ("A", "AAAA", "CNAME")
            if leads and isinstance(name, str) and not name.startswith("_"):
                hosts.add(name.removesuffix("."))
    return hosts


def _new(draft: Draft, name: str, domain: str | None) -> set[str]:
    """Hosts that the environment gets and has not got yet."""
    wanted: set[str] = set()
    for unit, config in draft.configs.items():
        if unit.stack == name and config.project.scope is Scope.ENVIRONMENT:
            wanted |= configured(config, name, domain)
    found = draft.registry.environments.get(name)
    return wanted - deployed(draft.context.engine, found.units) if found and wanted else wanted


def _of_existing(draft: Draft, name: str, domain: str | None) -> set[str]:
    units = draft.registry.environments[name].units
    hosts: set[str] = set()
    with suppress(StateError):  # a neighbor's damaged state is no reason to refuse this environment
        hosts |= deployed(draft.context.engine, units)
    for unit in units:
        project = draft.context.settings.by_key[unit.project]
        try:
            config = StackConfig.load(project, name)
        except OrchestratorError:  # its own update says what is wrong with the file
            continue
        if config.exists:
            hosts |= configured(config, name, domain)
    return hosts


def _compare(base: str, name: str, wanted: set[str], other: str, hosts: set[str]) -> None:
    for host in sorted(wanted):
        if any(host_names.overlap(host, taken) for taken in hosts):
            raise RefusedError(
                f"{name} cannot have the host {host}: {other} on the base {base} answers it",
                f"give {name} another host, or remove it from {other} and update {other} first",
            )


def _domain(draft: Draft, base: str) -> str | None:
    found = draft.registry.bases.get(base)
    output = found.outputs.get("domain_name") if found else None
    if output is not None:
        return output.value if isinstance(output.value, str) and not output.secret else None
    for unit, config in draft.configs.items():
        domain = config.get("domain_name") if unit.stack == base and config.project.scope is Scope.BASE else None
        if isinstance(domain, str) and domain:
            return domain
    return None


def _of_rule(inputs: Mapping[str, Any]) -> set[str]:
    hosts: set[str] = set()
    for condition in cast(list[Any], inputs.get("conditions") or []):
        header: Any = condition.get("hostHeader") if isinstance(condition, Mapping) else None
        hosts |= set(_text_list(header.get("values") if isinstance(header, Mapping) else None))
    return hosts


def _options(config: StackConfig, key: str) -> Mapping[str, Any]:
    found: Any = config.get(key)
    return cast(Mapping[str, Any], found) if isinstance(found, Mapping) else {}


def _text_list(value: Any) -> list[str]:
    return [item for item in cast(list[Any], value) if isinstance(item, str)] if isinstance(value, list) else []
