"""The host names of an environment, and the listener rules and DNS records that follow from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pulumi

from pulumi_django.app.arguments import AppArgs
from pulumi_django.app.options import ServedOptions
from pulumi_django.contract import ContractError
from pulumi_django.ecs.web_routing import keyed, rule_name
from pulumi_django.rules import host_names, kept_priorities, priorities
from pulumi_django.rules.kept_priorities import Wanted


@dataclass(frozen=True, kw_only=True)
class Addresses:
    """The host name of each part. URLs contain only these."""

    environment: pulumi.Input[str]
    """The environment's own host, or the first host of a service where no service answers the own host."""

    web: pulumi.Input[str]
    """Host of Django."""

    frontend: pulumi.Input[str]
    """Host of the frontend; the environment's host without a frontend."""


def environment_hosts(name: str, args: AppArgs) -> list[pulumi.Input[str]]:
    """Return the hosts of the environment, its own host first. On an HTTP-only base that is the load balancer's host."""
    base = args.base
    own: pulumi.Input[str] = args.host or (f"{name}.{base.domain_name}" if base.domain_name else base.alb_dns_name)
    return [own, *args.extra_hosts]


def addresses(name: str, args: AppArgs) -> Addresses:
    """Return the host of each part."""
    own = environment_hosts(name, args)[0]
    web = _first(own, args.web)
    frontend = _first(own, args.frontend) if args.frontend_image is not None else None
    answered = own in (web, frontend)
    environment = own if answered else web if frontend is None else frontend
    return Addresses(environment=environment, web=web, frontend=environment if frontend is None else frontend)


def ports(args: AppArgs) -> list[int]:
    """Return the TCP ports on which the load balancer reaches the tasks of the services."""
    options = [part.options for part in args.served]
    found = [it.sidecars[it.proxy].port if it.proxy else it.port for it in options]
    return [port for port in found if port is not None]


def listener_slot(name: str, args: AppArgs) -> int:
    """Return the environment's slot on its base's load balancer."""
    return priorities.stable_slot(name) if args.listener_slot is None else args.listener_slot


def assigned_rules(name: str, args: AppArgs) -> dict[str, list[priorities.Rule]]:
    """Return the listener rules of each web service. Raises ValueError for paths that cannot work beside each other."""
    hosts = environment_hosts(name, args)
    routes = [
        priorities.Route(
            service=part.service,
            paths=part.options.paths,
            hosts=list(part.options.hosts) or hosts,
            setting=part.key,
            additional=part.additional,
        )
        for part in args.served
    ]
    assigned = _settled(name, args, priorities.assign(listener_slot(name, args), routes))
    if args.maintenance is None:
        return assigned
    return {service: priorities.only_from(rules, args.maintenance.sources) for service, rules in assigned.items()}


def _settled(
    name: str, args: AppArgs, assigned: Mapping[str, Sequence[priorities.Rule]]
) -> dict[str, list[priorities.Rule]]:
    """Return the rules with priorities that no other rule of the environment has before the update."""
    named = {
        service: {rule_name(f"{name}-{service}", key): rule for key, rule in keyed(rules)}
        for service, rules in assigned.items()
    }
    wanted = {
        each: Wanted(service=service, rule=rule) for service, rules in named.items() for each, rule in rules.items()
    }
    block = priorities.slot_priorities(listener_slot(name, args))
    places = kept_priorities.settle(block, wanted, args.listener_priorities)
    return {
        service: [replace(rule, priority=places[each]) for each, rule in rules.items()]
        for service, rules in named.items()
    }


def maintenance_rules(name: str, args: AppArgs) -> list[priorities.Rule]:
    """Return the rules for all hosts of the environment, which count after those of its services."""
    hosts = environment_hosts(name, args)
    every = [host for part in args.served for host in (list(part.options.hosts) or hosts)]
    return priorities.last_rules(listener_slot(name, args), every)


def records(name: str, args: AppArgs) -> list[tuple[str, str]]:
    """Return the component name and the host name of each record in the base's domain."""
    domain = args.base.domain_name
    if domain is None:
        return []
    own = args.host or f"{name}.{domain}"
    answered = _answered(own, args)
    others = [host for host in answered if host != own]
    keys = host_names.distinct_slugs(others)
    found = [(f"{name}-host", own)] if own in answered else []
    found += [(f"{name}-host-{keys[host]}", host) for host in others]
    return [(key, host) for key, host in found if host_names.within(host, domain)]


def check(name: str, args: AppArgs) -> None:
    """Raise ValueError for an invalid host name, and ContractError for one that the base cannot serve."""
    fields: dict[str, Sequence[str]] = {"host": [args.host] if args.host else [], "extra_hosts": args.extra_hosts}
    fields |= {f"{part.key}.hosts": part.options.hosts for part in args.served}
    for field, hosts in fields.items():
        for host in hosts:
            host_names.check(field, host, wildcard=field != "host")
            _check_base(name, args, field, host)
    for field, options in (("cdn.host", args.cdn), ("static_site.host", args.static_site)):
        if options is not None and options.host is not None:
            host_names.check(field, options.host, wildcard=False)


def _check_base(name: str, args: AppArgs, field: str, host: str) -> None:
    base = args.base
    domain = base.domain_name
    if domain is None:
        return
    if host == f"*.{domain}":
        raise ContractError(
            f"{field} is {host!r}: it would answer for every environment on the base {base.base_stack_name}; name the "
            f"hosts of {name}, or a wildcard below one of them such as '*.{name}.{domain}'"
        )
    if base.own_certificate is True and not host_names.covered(host, domain):
        raise ContractError(
            f"{field} is {host!r}: the certificate that the base {base.base_stack_name} issues for itself covers {domain} "
            f"and names one label below it, such as {name}.{domain}; use such a name, or give the base a certificate that "
            "covers this one (certificate_arn or extra_certificate_arns)"
        )


def _first(own: pulumi.Input[str], options: ServedOptions) -> pulumi.Input[str]:
    exact = [host for host in options.hosts if not host_names.is_wildcard(host)]
    return own if not exact or own in exact else exact[0]


def _answered(own: str, args: AppArgs) -> list[str]:
    """Return every host name that a service answers, each once."""
    served = [part.options.hosts or (own, *args.extra_hosts) for part in args.served]
    return list(dict.fromkeys(host for hosts in served for host in hosts))
