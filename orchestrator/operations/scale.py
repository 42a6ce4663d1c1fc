"""`scale`: the number of tasks of services, set in the configuration and applied by an update, so that nothing drifts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from orchestrator.config.assignments import Assignment
from orchestrator.config.templates import BY_SCALE
from orchestrator.errors import RefusedError, UsageError
from orchestrator.lifecycle.requests import UpdateEnv
from orchestrator.model import RunReport
from orchestrator.operations.app_stack import AppStack
from orchestrator.operations.aws.clients import Clients
from orchestrator.operations.aws.errors import explained
from orchestrator.operations.aws.targets import Service, Target
from orchestrator.operations.events import Note, Observer, ignore
from pulumi_django.rules.kinds import Kind

if TYPE_CHECKING:
    from pulumi_django.ecs.scaling import Scaling

# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-quotas.html, "Tasks per service"
MOST_TASKS = 5000
_COUNT = re.compile(r"([a-z][a-z0-9_-]*)=(\d{1,4})(?:\.\.(\d{1,4}))?")


@dataclass(frozen=True)
class Count:
    """A number of tasks, or bounds of an autoscaled service."""

    fewest: int
    most: int | None = None
    """None if `fewest` is the number."""

    def __str__(self) -> str:
        return str(self.fewest) if self.most is None else f"{self.fewest}..{self.most}"


@dataclass(frozen=True, kw_only=True)
class Scaled:
    """The new count of a service and its configuration values."""

    service: str
    """Short name."""

    count: Count
    assignments: tuple[Assignment, ...]


@dataclass(frozen=True, kw_only=True)
class ScaleResult:
    """The new counts, and the update of the stacks."""

    services: tuple[Scaled, ...]
    report: RunReport

    @property
    def exit_code(self) -> int:
        """The report's exit code."""
        return self.report.exit_code


def parse(texts: Iterable[str]) -> dict[str, Count]:
    """Return counts by service from texts such as `web=3` and `default=2..6`. Raises UsageError."""
    found: dict[str, Count] = {}
    for text in texts:
        match = _COUNT.fullmatch(text)
        if not match:
            raise UsageError(
                f"{text!r} is not a count: a count is SERVICE=NUMBER or SERVICE=FEWEST..MOST",
                "for example web=3, or default=2..6 for an autoscaled service",
            )
        name, fewest, most = match[1], int(match[2]), int(match[3]) if match[3] else None
        if name in found:
            raise UsageError(f"{name} is given twice: give it once")
        if max(fewest, most or 0) > MOST_TASKS:
            raise UsageError(f"{text} cannot be used: ECS runs at most {MOST_TASKS} tasks of a service")
        if most is not None and not 1 <= fewest <= most:
            raise UsageError(f"{text} cannot be used: bounds are 1 or more, the smaller one first")
        found[name] = Count(fewest, most)
    if not found:
        raise UsageError("no count is given", "for example web=3")
    return found


def run(
    counts: Mapping[str, Count],
    target: Target,
    clients: Clients,
    app: AppStack,
    update: Callable[[UpdateEnv], RunReport],
    observer: Observer = ignore,
    *,
    found: Callable[[Sequence[Scaled]], None] = lambda _: None,
) -> ScaleResult:
    """Set the counts in the configuration and apply them. `found` gets them before the update. Raises as `prepare`."""
    scaled = prepare(counts, target, clients, app)
    found(scaled)
    if target.asleep:
        observer(Note(text=f"{target.environment} is asleep: the numbers apply when it wakes"))
    assignments = tuple(assignment for item in scaled for assignment in item.assignments)
    report = update(UpdateEnv(names=(target.environment,), assignments=assignments))
    return ScaleResult(services=scaled, report=report)


def prepare(counts: Mapping[str, Count], target: Target, clients: Clients, app: AppStack) -> tuple[Scaled, ...]:
    """Return the configuration values for the counts. AWS knows which services are autoscaled.

    Raises UsageError for an unknown service or one with a fixed count; RefusedError for a number for an autoscaled service,
    and for bounds for another one.
    """
    chosen = {target.service(name): count for name, count in counts.items()}
    if len(chosen) < len(counts):
        raise UsageError(f"{', '.join(counts)} are names of one service: give it once")
    with explained(target.aws):
        bounds = _bounds(target, clients, tuple(chosen))
    return tuple(_scaled(service, count, bounds, target, app) for service, count in chosen.items())


def _bounds(target: Target, clients: Clients, services: tuple[Service, ...]) -> dict[Service, tuple[int, int]]:
    """Return the current bounds of the autoscaled services."""
    ids = {f"service/{target.outputs.cluster_name}/{service.name}": service for service in services}
    pages = (
        clients.client("application-autoscaling")
        .get_paginator("describe_scalable_targets")
        .paginate(ServiceNamespace="ecs", ResourceIds=sorted(ids), ScalableDimension="ecs:service:DesiredCount")
    )
    found = [item for page in pages for item in page["ScalableTargets"]]
    return {ids[item["ResourceId"]]: (item["MinCapacity"], item["MaxCapacity"]) for item in found}


def _scaled(
    service: Service,
    count: Count,
    bounds: Mapping[Service, tuple[int, int]],
    target: Target,
    app: AppStack,
) -> Scaled:
    path, default = _place(service, target, app)
    if service in bounds and count.most is None:
        low, high = bounds[service]
        raise RefusedError(
            f"{service.short} is autoscaled between {low} and {high} tasks: a fixed number would not last",
            f"give bounds, for example {service.short}={count.fewest or 1}..{max(high, count.fewest)}",
        )
    if service not in bounds and count.most is not None:
        raise RefusedError(
            f"{service.short} is not autoscaled: it takes a number, not bounds",
            f"give a number, or configure {path}.scaling with a policy",
        )
    if count.most is None:
        values: dict[str, Any] = {"desired_count": count.fewest}
    else:
        values = _scaling_values(service, count, path, default, app)
    found = tuple(replace(app.assignment(f"{path}.{key}", value), remark=BY_SCALE) for key, value in values.items())
    return Scaled(service=service.short, count=count, assignments=found)


def _scaling_values(
    service: Service, count: Count, path: str, default: Scaling | None, app: AppStack
) -> dict[str, Any]:
    """Return both bounds, and the default policies if the configuration has none: the object must be complete."""
    configured = app.get(*path.split("."), "scaling")
    if isinstance(configured, str):
        raise RefusedError(
            f"{service.short} is scaled by the preset {configured!r} with fixed bounds",
            f"write {path}.scaling with min_tasks, max_tasks and a policy into {app.config.path.name}",
        )
    bounds = {"min_tasks": count.fewest, "max_tasks": count.most}
    if configured is not None or default is None:
        return {f"scaling.{key}": value for key, value in bounds.items()}
    kept = {field.name: getattr(default, field.name) for field in fields(default)}
    plain = {key: value for key, value in kept.items() if isinstance(value, (int, float))}
    return {"scaling": {**plain, **bounds}}


def _place(service: Service, target: Target, app: AppStack) -> tuple[str, Scaling | None]:
    """Return the configuration key of a service, and the default scaling of its kind."""
    from pulumi_django.app.options import (
        BeatOptions,
        FrontendOptions,
        ProdFrontendOptions,
        ProdServiceOptions,
        ProdWebOptions,
        ProdWorkerOptions,
        ServiceOptions,
        WebOptions,
        WorkerOptions,
    )

    prod = target.outputs.kind == Kind.PROD
    worker = (ProdWorkerOptions() if prod else WorkerOptions()).scaling
    if service.short == (app.get("web", "service") or WebOptions.service):
        return "web", (ProdWebOptions() if prod else WebOptions()).scaling
    if service.short == (app.get("frontend", "service") or FrontendOptions.service):
        return "frontend", (ProdFrontendOptions() if prod else FrontendOptions()).scaling
    if service.short == (app.get("beat", "service") or BeatOptions.service):
        raise UsageError(
            f"{service.short} has at most one task: two would run every job twice",
            f"set `beat` to null in {app.config.path.name} to run none",
        )
    if service.short == "redis":
        raise UsageError("redis has exactly one task: tasks do not share its data in memory")
    if app.get("services", service.short) is not None:
        return f"services.{service.short}", (ProdServiceOptions() if prod else ServiceOptions()).scaling
    return f"workers.{service.short}", None if isinstance(worker, str) else worker
