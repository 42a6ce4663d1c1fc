"""Names that environments share an account for: `alpha` with `beta-web` and `alpha-beta` with `web` are one to AWS."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from orchestrator.config.stack_config import StackConfig
from orchestrator.errors import RefusedError
from orchestrator.lifecycle.registry import Deployment
from pulumi_django.app.options import BeatOptions, FrontendOptions, ReleaseOptions, WebOptions
from pulumi_django.data.broker import DEAD
from pulumi_django.ecs.database_task import SERVICE as DATABASE

REDIS = "redis"


def parts(config: StackConfig) -> set[str]:
    """The services, commands and queues that an environment of this configuration may have."""
    single = (
        ("web", WebOptions.service),
        ("frontend", FrontendOptions.service),
        ("beat", BeatOptions.service),
        ("release", ReleaseOptions.name),
    )
    found = {DATABASE, REDIS}
    for key, usual in single:
        found.add(str(_mapping(config.get(key)).get("name" if key == "release" else "service") or usual))
    workers = config.get("workers")
    by_worker = {"default": None} if workers is None else _mapping(workers)
    queues = {queue for worker, options in by_worker.items() for queue in _mapping(options).get("queues") or (worker,)}
    dead = {f"{queue}-{DEAD}" for queue in queues}
    return {*found, *by_worker, *queues, *dead, *_mapping(config.get("scheduled_commands"))}


def check(
    name: str, configs: Iterable[StackConfig], others: Mapping[str, Deployment], planned: Iterable[StackConfig] = ()
) -> None:
    """An environment has no name that another one has on the same account. Raises RefusedError.

    `planned` are the configurations of environments that the same request makes. What an environment has already is no
    news: it is not refused for that.
    """
    own = {f"{name}-{part}" for config in configs for part in parts(config)}
    kept = set(_families(others[name])) if name in others else set[str]()
    taken = {other: _with_queues(_families(deployment)) for other, deployment in others.items()}
    for config in planned:
        taken.setdefault(config.stack, set()).update(f"{config.stack}-{part}" for part in parts(config))
    for other, names in taken.items():
        if other == name or not _one_begins_the_other(name, other):
            continue
        met = sorted((own - kept) & names)
        if met:
            raise RefusedError(
                f"the environment {name} would have {met[0]}, which is a name of the environment {other} already: task "
                "definitions and queues of an account share their names",
                f"choose another name for the environment, or for its service {met[0].removeprefix(f'{name}-')}",
            )


def _one_begins_the_other(first: str, second: str) -> bool:
    return f"{first}-".startswith(f"{second}-") or f"{second}-".startswith(f"{first}-")


def _families(deployment: Deployment) -> Sequence[str]:
    output = deployment.outputs.get("task_families")
    found: Any = output.value if output is not None else None
    return [str(family) for family in found] if isinstance(found, list | tuple) else []


def _with_queues(families: Iterable[str]) -> set[str]:
    return {name for family in families for name in (family, f"{family}-{DEAD}")}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
