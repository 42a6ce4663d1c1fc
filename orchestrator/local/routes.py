"""The listener rules and target groups of an environment, and the choice of a rule for a request. Pure.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-rules.html
"""

from __future__ import annotations

import fnmatch
import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from orchestrator.local.declaration import Declaration

_RULE = "aws:lb/listenerRule:ListenerRule"
_GROUP = "aws:lb/targetGroup:TargetGroup"
_LISTENER = "aws:lb/listener:Listener"
_HTTPS = "HTTPS"


@dataclass(frozen=True, kw_only=True)
class HealthCheck:
    """The health check of a target group."""

    path: str = "/"
    codes: str = "200"
    """HTTP codes of a healthy target: `200`, `200-399`, `200,302`."""

    interval_seconds: float = 30
    timeout_seconds: float = 5
    healthy_after: int = 5
    unhealthy_after: int = 2
    tls: bool = False
    """Whether the check uses HTTPS."""

    def accepts(self, code: int) -> bool:
        """Whether a target that answers with this code is healthy."""
        for part in self.codes.split(","):
            low, _, high = part.partition("-")
            if int(low) <= code <= int(high or low):
                return True
        return False


@dataclass(frozen=True, kw_only=True)
class Request:
    """The parts of a request that rules look at."""

    host: str
    """Host name without port."""

    path: str
    method: str = "GET"
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    """Headers by name in lower case."""

    address: str = "127.0.0.1"
    """Address of the client."""


@dataclass(frozen=True, kw_only=True)
class Action:
    """The answer of a rule: requests go to a target group, to another address, or get a fixed response."""

    kind: str
    """`forward`, `redirect` or `fixed-response`."""

    group: str | None = None
    """ARN of the target group."""

    code: int = 404
    body: str = "Not found"
    content_type: str = "text/plain"
    location: str = ""
    """Address of a redirect, with the placeholders of the load balancer (`#{host}`)."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A rule: its action counts for requests that meet all its conditions."""

    priority: int
    action: Action
    hosts: Sequence[str] = ()
    paths: Sequence[str] = ()
    methods: Sequence[str] = ()
    headers: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    queries: Sequence[tuple[str | None, str]] = ()
    sources: Sequence[str] = ()

    def meets(self, request: Request) -> bool:
        """Whether the request meets every condition."""
        return all(
            (
                not self.hosts or _any(request.host.lower(), [host.lower() for host in self.hosts]),
                not self.paths or _any(request.path, self.paths),
                not self.methods or request.method in self.methods,
                all(_any(request.headers.get(name.lower(), ""), values) for name, values in self.headers.items()),
                not self.queries or self._query(request),
                not self.sources or self._source(request),
            )
        )

    def _query(self, request: Request) -> bool:
        pairs = parse_qsl(request.query, keep_blank_values=True)
        return any(
            _any(value, [wanted]) and (key is None or _any(name.lower(), [key.lower()]))
            for name, value in pairs
            for key, wanted in self.queries
        )

    def _source(self, request: Request) -> bool:
        return any(ipaddress.ip_address(request.address) in ipaddress.ip_network(each) for each in self.sources)


@dataclass(frozen=True, kw_only=True)
class Routes:
    """The rules in the order of their priorities, and the action for all other requests."""

    rules: Sequence[Rule]
    otherwise: Action
    checks: Mapping[str, HealthCheck]
    """Health check by the ARN of its target group."""

    tls: frozenset[str] = frozenset()
    """ARNs of the target groups whose targets speak HTTPS. The load balancer accepts any certificate."""

    @property
    def hosts(self) -> tuple[str, ...]:
        """The host names in the rules, each once, that of the first rule first."""
        return tuple(dict.fromkeys(host for rule in self.rules for host in rule.hosts))

    def action(self, request: Request) -> Action:
        """The action for a request."""
        return next((rule.action for rule in self.rules if rule.meets(request)), self.otherwise)


def read(declaration: Declaration) -> Routes:
    """Return the rules of the environment. The default action is that of their listener."""
    declared = declaration.of_type(_RULE)
    rules = [_rule(resource.inputs) for resource in declared]
    listeners = {str(resource.inputs.get("listenerArn")) for resource in declared}
    defaults = [
        _action(resource.inputs.get("defaultActions") or ())
        for resource in declaration.of_type(_LISTENER)
        if str(resource.outputs.get("arn")) in listeners
    ]
    return Routes(
        rules=sorted(rules, key=lambda rule: rule.priority),
        otherwise=next((action for action in defaults if action), Action(kind="fixed-response")),
        checks={str(each.outputs.get("arn")): _check(each.inputs) for each in declaration.of_type(_GROUP)},
        tls=frozenset(
            str(each.outputs.get("arn"))
            for each in declaration.of_type(_GROUP)
            if each.inputs.get("protocol") == _HTTPS
        ),
    )


def _any(text: str, patterns: Sequence[str]) -> bool:
    """Whether a pattern with `*` and `?` matches. Brackets have no meaning for the load balancer."""
    return any(fnmatch.fnmatchcase(text, pattern.replace("[", "[[]")) for pattern in patterns)


def _check(given: Mapping[str, Any]) -> HealthCheck:
    check = given.get("healthCheck") or {}
    matcher = str(check.get("matcher") or "200")
    return HealthCheck(
        path=str(check.get("path") or "/"),
        codes=matcher if re.fullmatch(r"\d+(-\d+)?(,\d+(-\d+)?)*", matcher) else "200",
        interval_seconds=float(check.get("interval") or 30),
        timeout_seconds=float(check.get("timeout") or 5),
        healthy_after=int(check.get("healthyThreshold") or 5),
        unhealthy_after=int(check.get("unhealthyThreshold") or 2),
        tls=check.get("protocol") == _HTTPS,
    )


def _rule(given: Mapping[str, Any]) -> Rule:
    conditions: Sequence[Mapping[str, Any]] = given.get("conditions") or ()

    def values(key: str) -> list[str]:
        return [str(value) for each in conditions for value in (each.get(key) or {}).get("values", ())]

    return Rule(
        priority=int(given.get("priority") or 0),
        action=_action(given.get("actions") or ()) or Action(kind="fixed-response"),
        hosts=values("hostHeader"),
        paths=values("pathPattern"),
        methods=values("httpRequestMethod"),
        headers={
            str(each["httpHeader"]["httpHeaderName"]): [str(value) for value in each["httpHeader"]["values"]]
            for each in conditions
            if each.get("httpHeader")
        },
        queries=[(one.get("key"), str(one["value"])) for each in conditions for one in each.get("queryStrings") or ()],
        sources=values("sourceIp"),
    )


def _action(given: Sequence[Mapping[str, Any]]) -> Action | None:
    """The last action. Those before it authenticate a user, which only AWS can do."""
    if not given:
        return None
    last = given[-1]
    if redirect := last.get("redirect"):
        return Action(kind="redirect", code=int(str(redirect["statusCode"])[-3:]), location=_location(redirect))
    if fixed := last.get("fixedResponse"):
        return Action(
            kind="fixed-response",
            code=int(fixed.get("statusCode") or 200),
            body=str(fixed.get("messageBody") or ""),
            content_type=str(fixed.get("contentType") or "text/plain"),
        )
    groups = (last.get("forward") or {}).get("targetGroups") or [{"arn": last.get("targetGroupArn")}]
    heaviest = max(groups, key=lambda group: int(group.get("weight") or 0))
    return Action(kind="forward", group=str(heaviest.get("arn")))


def _location(redirect: Mapping[str, Any]) -> str:
    parts = {name: str(redirect.get(name) or default) for name, default in _PLACEHOLDERS.items()}
    query = f"?{parts['query']}" if parts["query"] else ""
    return f"{parts['protocol'].lower()}://{parts['host']}:{parts['port']}{parts['path']}{query}"


_PLACEHOLDERS = {
    "protocol": "#{protocol}",
    "host": "#{host}",
    "port": "#{port}",
    "path": "/#{path}",
    "query": "#{query}",
}
