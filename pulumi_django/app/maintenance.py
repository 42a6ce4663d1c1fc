"""Maintenance: the load balancer answers 503 for an environment, while its services keep running."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from pulumi_django.rules.priorities import Rule

# https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_FixedResponseActionConfig.html
PAGE_LIMIT = 1024
NO_ADDRESS = "127.0.0.1/32"
"""Source of no request that reaches a load balancer."""

DEFAULT_PAGE = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="60">'
    '<meta name="viewport" content="width=device-width"><title>Maintenance</title></head>'
    '<body style="font:1.2rem system-ui;margin:20vh auto;max-width:30rem;padding:1rem"><h1>Back soon</h1>'
    "<p>This site is being updated. The page loads again by itself.</p></body></html>"
)


@dataclass(frozen=True, kw_only=True)
class MaintenanceOptions:
    page: str | None = None
    """The page, at most 1024 bytes of HTML, or of JSON or plain text. None is a short page that loads again after a minute."""

    allow: Sequence[str] = ()
    """Address ranges whose requests still reach the services, for example `203.0.113.7/32`. A listener rule has five values
    together with its hosts and paths."""

    since: str | None = None
    """Time at which the maintenance began, which `list` and `doctor` show; `maintenance on` sets it."""

    def __post_init__(self) -> None:
        if self.page is not None and not 0 < len(self.page.encode()) <= PAGE_LIMIT:
            size = len(self.page.encode())
            raise ValueError(f"page has {size} bytes: the load balancer answers with 1 to {PAGE_LIMIT} bytes")
        for address in self.allow:
            try:
                ipaddress.ip_network(address)
            except ValueError:
                raise ValueError(
                    f"allow has {address!r}: write address ranges such as `203.0.113.7/32` or `2001:db8::/32`"
                ) from None

    @property
    def sources(self) -> Sequence[str]:
        """The ranges for the rules of the services."""
        return self.allow or (NO_ADDRESS,)

    @property
    def content_type(self) -> str:
        """The type of the page."""
        page = (self.page or DEFAULT_PAGE).lstrip()
        if page.startswith(("{", "[")):
            return "application/json"
        return "text/html" if re.match(r"<(!doctype|html|head|body|h1|p)\b", page, re.IGNORECASE) else "text/plain"


def create(
    name: str,
    options: MaintenanceOptions,
    listener_arn: pulumi.Input[str],
    rules: Sequence[Rule],
    parent: pulumi.Resource | None,
) -> None:
    """Create the listener rules that answer 503."""
    answer = aws.lb.ListenerRuleActionFixedResponseArgs(
        content_type=options.content_type, status_code="503", message_body=options.page or DEFAULT_PAGE
    )
    for number, rule in enumerate(rules):
        hosts = aws.lb.ListenerRuleConditionHostHeaderArgs(values=list(rule.hosts))
        aws.lb.ListenerRule(
            f"{name}-maintenance{f'-{number}' if number else ''}",
            listener_arn=listener_arn,
            priority=rule.priority,
            conditions=[aws.lb.ListenerRuleConditionArgs(host_header=hosts)],
            actions=[aws.lb.ListenerRuleActionArgs(type="fixed-response", fixed_response=answer)],
            opts=pulumi.ResourceOptions(parent=parent),
        )
