"""The configuration that a new stack gets from its template, without values that only one environment can have.

A template is often the file of an existing environment, such as `Pulumi.alpha.yaml`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from ruamel.yaml.comments import CommentedMap

from orchestrator.config import values
from orchestrator.config.projects import Project
from orchestrator.model import Scope

BY_SCALE = "set by scale"
"""Comment behind a number that `scale` set for one environment."""

_SILENT = (("base",), ("listener_slot",))
"""Keys that every new environment gets anyway: leaving them out is not reported."""

_OWN: tuple[tuple[str, ...], ...] = (
    *_SILENT,
    ("host",),
    ("hosts",),
    ("extra_hosts",),
    ("asleep",),
    ("web", "hosts"),
    ("frontend", "hosts"),
    ("cdn", "host"),
    ("static_site", "host"),
    # With the same part of a cache, two environments would read each other's keys and run each other's tasks.
    ("cache", "cache_database"),
    ("cache", "broker_database"),
    ("cache", "key_prefix"),
)
_NAMED = ("services", "workers")
"""Keys that have an object for each service."""

_CERTIFICATES = (("cdn", "certificate_arn"), ("static_site", "certificate_arn"))
"""Certificates for hosts that are left out."""

# Values that `secrets push` stored for one environment: `<environment>/pushed` in either store, by name or ARN.
_PUSHED = re.compile(r"(:secret:|^secretsmanager:|:parameter/|^ssm:/?)[^:/]+/pushed([-/:]|$)")


@dataclass(frozen=True, kw_only=True)
class Copied:
    """The configuration of a new environment, and the values that it does not have."""

    config: CommentedMap
    left_out: tuple[str, ...] = ()
    """Keys that are left out, such as `web.hosts`."""

    pushed: tuple[str, ...] = ()
    """Variables whose values were pushed for the template."""

    naming_template: tuple[str, ...] = ()
    """Variables whose text contains a host of the template."""


def copied(config: Mapping[str, Any], project: Project, template: str) -> Copied:
    """Copy the `config` of a project's template for a new stack. A base gets the whole configuration."""
    whole = CommentedMap((key, _plain_copy(value)) for key, value in config.items() if not values.holds_secret(value))
    own = _Own(whole, project.name)
    if project.scope is Scope.BASE:
        own.take_out(_SILENT)
        return Copied(config=values.without_comments(whole))
    hosts = own.hosts()
    left_out, pushed = own.take_out(), own.take_out_pushed()
    return Copied(
        config=values.without_comments(whole),
        left_out=left_out,
        pushed=pushed,
        naming_template=own.naming(template, hosts),
    )


def notes(copied: Copied, environment: str, template: str) -> list[str]:
    """Sentences for the user about the differences."""
    said: list[str] = []
    if copied.left_out:
        said.append(
            f"{environment} is a copy of {template} without values that only one environment can have: {', '.join(copied.left_out)}"
        )
    if copied.pushed:
        said.append(
            f"{environment} does not get the secrets that were pushed for {template}: {', '.join(copied.pushed)}; store them with "
            f"`orchestrator secrets push {environment}`"
        )
    said += [
        f'extra_env.{name} of {environment} contains a host of {template}: write "{{FRONTEND_URL}}" for the URL of {environment}'
        for name in copied.naming_template
    ]
    return said


class _Own:
    """Access to the keys of one project in a configuration, with and without the namespace."""

    def __init__(self, config: CommentedMap, project: str) -> None:
        self._config, self._project = config, project

    def take_out(self, own: Sequence[tuple[str, ...]] = _OWN) -> tuple[str, ...]:
        """Remove the values that only one environment can have; return their keys."""
        paths = [path for path in own if self._pop(path)]
        if own is _OWN:
            paths += [path for name in self._mapping("services") if self._pop(path := ("services", name, "hosts"))]
        gone = {path[0] for path in paths if path[-1] == "host"}
        paths += [path for path in _CERTIFICATES if path[0] in gone and self._pop(path)]
        said = [".".join(path) for path in paths if path not in _SILENT]
        return (*said, *self._take_out_marked())

    def take_out_pushed(self) -> tuple[str, ...]:
        """Remove references to values that `secrets push` stored; return their variables."""
        secrets = self._mapping("extra_secrets")
        found = [name for name, reference in secrets.items() if _PUSHED.search(str(reference))]
        for name in found:
            del secrets[name]
        return tuple(map(str, found))

    def hosts(self) -> list[str]:
        """The hosts of the template."""
        services = list(self._mapping("services").values())
        one = [self._get(path) for path in (("host",), ("cdn", "host"), ("static_site", "host"))]
        many = [self._get(path) for path in (("extra_hosts",), ("web", "hosts"), ("frontend", "hosts"))]
        many += [options.get("hosts") for options in services if isinstance(options, dict)]
        listed = [host for hosts in many if isinstance(hosts, list) for host in cast(list[Any], hosts)]
        return [host for host in (*one, *listed) if isinstance(host, str) and host]

    def naming(self, template: str, hosts: list[str]) -> tuple[str, ...]:
        """Variables of `extra_env` that contain one of the hosts, or a host that begins with the template's name."""
        patterns = [*map(re.escape, hosts), rf"{re.escape(template)}\.[a-z0-9-]+\.[a-z]"]
        pattern = re.compile(rf"(?<![\w.-])({'|'.join(patterns)})")
        return tuple(
            str(name)
            for name, text in self._mapping("extra_env").items()
            if isinstance(text, str) and pattern.search(text)
        )

    def _take_out_marked(self) -> list[str]:
        found: list[str] = []
        for key in ("web", "frontend", *_NAMED):
            parts = self._mapping(key)
            places = {f"{key}.{name}": part for name, part in parts.items()} if key in _NAMED else {key: parts}
            for place, options in places.items():
                if isinstance(options, CommentedMap):
                    found += [f"{place}.{name}" for name in _marked(options)]
        return found

    def _key(self, name: str) -> str:
        return name if name in self._config else f"{self._project}:{name}"

    def _mapping(self, name: str) -> dict[str, Any]:
        found: Any = self._config.get(self._key(name))
        return cast(dict[str, Any], found) if isinstance(found, dict) else {}

    def _get(self, path: tuple[str, ...]) -> Any:
        return self._config.get(self._key(path[0])) if len(path) == 1 else self._mapping(path[0]).get(path[1])

    def _pop(self, path: tuple[str, ...]) -> bool:
        holder: Any = self._config if len(path) == 1 else self._mapping(path[0])
        for name in path[1:-1]:
            holder = holder.get(name)
        key = self._key(path[0]) if len(path) == 1 else path[-1]
        if not isinstance(holder, dict) or key not in holder:
            return False
        del holder[key]
        return True


def mark(mapping: CommentedMap, key: str, comment: str | None) -> None:
    """Write a comment behind a value; None removes a comment of `scale`."""
    if comment is not None:
        mapping.fa.set_block_style()  # a remark needs a line of its own
        cast(Any, mapping).yaml_add_eol_comment(comment, key)
    elif _remark(mapping, key) == BY_SCALE:
        cast(Any, mapping).ca.items.pop(key)


def _marked(options: CommentedMap) -> list[str]:
    """Remove the values that `scale` set; return their keys. Limits in a `scaling` written by hand stay: it needs both."""
    found = [str(key) for key in options if _remark(options, str(key)) == BY_SCALE]
    for key in found:
        del options[key]
    return found


def _remark(mapping: CommentedMap, key: str) -> str | None:
    tokens: Any = cast(Any, mapping).ca.items.get(key)
    token = tokens[2] if tokens and len(tokens) > 2 else None
    return str(token.value).split("\n", 1)[0].removeprefix("#").strip() if token is not None else None


def _plain_copy(value: Any) -> Any:
    """A copy with comments, so that changes do not reach the template."""
    if isinstance(value, CommentedMap):
        made = CommentedMap((key, _plain_copy(item)) for key, item in value.items())
        cast(Any, made).ca.items.update(cast(Any, value).ca.items)
        return made
    return [_plain_copy(item) for item in cast(list[Any], value)] if isinstance(value, list) else value
