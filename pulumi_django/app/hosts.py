"""The host names of an environment, and which service answers what below them."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi

from pulumi_django.app.arguments import AppArgs
from pulumi_django.app.backing import listener_slot
from pulumi_django.rules import priorities


def environment_hosts(name: str, args: AppArgs) -> list[pulumi.Input[str]]:
    """The environment's own host first; on an HTTP-only base that is the load balancer's."""
    base = args.base
    own: pulumi.Input[str] = args.host or (f"{name}.{base.domain_name}" if base.domain_name else base.alb_dns_name)
    return [own, *args.extra_hosts]


def assigned_rules(name: str, args: AppArgs, hosts: Sequence[pulumi.Input[str]]) -> dict[str, list[priorities.Rule]]:
    """The listener rules of each web service."""
    served = [args.web, *([args.frontend] if args.frontend_image is not None else [])]
    routes = [
        priorities.Route(service=options.service, paths=options.paths, hosts=list(options.hosts) or hosts)
        for options in served
    ]
    return priorities.assign(listener_slot(name, args), routes)


def records(name: str, args: AppArgs) -> list[tuple[str, str]]:
    """Name of the component and host name of each record in the base's domain."""
    domain = args.base.domain_name
    if domain is None:
        return []
    own = args.host or f"{name}.{domain}"
    served = [*args.web.hosts, *(args.frontend.hosts if args.frontend_image is not None else ())]
    others = [host for host in dict.fromkeys([*args.extra_hosts, *served]) if host != own]
    found = [(f"{name}-host", own), *((f"{name}-host-{host.replace('.', '-')}", host) for host in others)]
    return [(key, host) for key, host in found if host == domain or host.endswith(f".{domain}")]
