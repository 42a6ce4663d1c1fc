"""The listener rules of an environment as a configuration of nginx. Pure.

https://nginx.org/en/docs/http/ngx_http_map_module.html: the first regular expression that matches counts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence

from orchestrator.local.routes import Action, Routes, Rule

INNER_PORT = 8080
"""Port of the front door in its container."""

_HEAD = """\
map $http_upgrade $connection_header {
    "" "";
    default upgrade;
}
"""
_PROXY = (
    "proxy_http_version 1.1;",
    "proxy_set_header Host $http_host;",
    "proxy_set_header Upgrade $http_upgrade;",
    "proxy_set_header Connection $connection_header;",
    "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;",
    "proxy_set_header X-Forwarded-Proto $scheme;",
    "proxy_request_buffering off;",
    "proxy_buffering off;",
)


def front_door(routes: Routes, upstreams: Mapping[str, str], port: int) -> str:
    """Return the file. `upstreams` are host and port by the ARN of the target group; `port` is the one that clients see.

    Rules with conditions on headers, queries or sources are left out: nginx's maps look at method, host and path.
    """
    rules = {number: rule for number, rule in enumerate(routes.rules, 1) if not _is_special(rule)}
    groups = {f"target{number}": address for number, address in enumerate(dict.fromkeys(upstreams.values()), 1)}
    names = {address: name for name, address in groups.items()}
    lines = [_HEAD, *(f"upstream {name} {{\n    server {address};\n}}" for name, address in groups.items())]
    lines += ['map "$request_method $host $request_uri" $rule {']
    lines += [f'    "~{_pattern(rule)}" {number};' for number, rule in rules.items()]
    lines += ["    default 0;", "}", "map $rule $target {"]
    for number, rule in rules.items():
        address = upstreams.get(rule.action.group or "") if rule.action.kind == "forward" else None
        if address is not None:
            lines.append(f"    {number} {names[address]};")
    lines += ['    default "";', "}", "map $target $target_scheme {"]
    secured = {names[upstreams[group]] for group in routes.tls if group in upstreams}
    lines += [*(f"    {name} https;" for name in sorted(secured)), "    default http;", "}"]
    answers = {0: routes.otherwise, **{number: rule.action for number, rule in rules.items()}}
    return "\n".join([*lines, *_server(answers, upstreams, port)]) + "\n"


def _server(answers: Mapping[int, Action], upstreams: Mapping[str, str], port: int) -> list[str]:
    lines = ["server {", f"    listen {INNER_PORT};", "    client_max_body_size 0;"]
    lines += [f"    default_type {answers[0].content_type or 'text/plain'};", "    location / {"]
    for number, action in answers.items():
        if action.kind != "forward" or action.group not in upstreams:
            lines.append(f"        if ($rule = {number}) {{ {_return(action)} }}")
    lines += [f"        {one}" for one in (*_PROXY, f"proxy_set_header X-Forwarded-Port {port};")]
    return [*lines, "        proxy_pass $target_scheme://$target;", "    }", "}"]


def _return(action: Action) -> str:
    if action.kind == "forward":
        return "return 503;"
    if action.kind == "redirect":
        # HTTPS ends at the load balancer, and this port has none.
        location = re.sub(
            r"^(https|#\{protocol\})://#\{host\}:(443|#\{port\})", "$scheme://$http_host", action.location
        )
        values = {"protocol": "$scheme", "host": "$host", "port": "$server_port", "query": "$args"}
        location = location.replace("/#{path}", "$uri").removesuffix("?#{query}") + "$is_args$args"
        for name, value in values.items():
            location = location.replace(f"#{{{name}}}", value)
        return f"return {action.code} {location};"
    return f"return {action.code} {json.dumps(action.body)};"


def _is_special(rule: Rule) -> bool:
    return bool(rule.headers or rule.queries or rule.sources)


def _pattern(rule: Rule) -> str:
    """The regular expression of a rule for method, host and path."""
    method = _either(rule.methods, r"\S+", lambda text: text)
    host = _either(rule.hosts, r"\S+", lambda text: regex(text, r"\S"))
    path = _either(rule.paths, r"\S*", lambda text: regex(text, r"[^?\s]"))
    return rf"^{method} (?i:{host}) {path}(\?.*)?$"


def _either(patterns: Sequence[str], otherwise: str, change: Callable[[str], str]) -> str:
    return f"({'|'.join(change(each) for each in patterns)})" if patterns else otherwise


def regex(pattern: str, letter: str) -> str:
    """The regular expression of a pattern with `*` and `?`, which stand for such letters."""
    escaped = re.sub(r"([.+^$()\[\]{}|\\])", r"\\\1", pattern)
    return "".join({"*": f"{letter}*", "?": letter}.get(each, each) for each in escaped)
