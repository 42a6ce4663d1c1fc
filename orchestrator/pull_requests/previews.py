"""The environments of pull requests that exist, recognised by their names."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from orchestrator.engines.protocol import Engine
from orchestrator.lifecycle import Context
from orchestrator.lifecycle.registry import Deployment
from orchestrator.pull_requests.policy import number_of
from orchestrator.pull_requests.results import PreviewStatus

SERVICE = "aws:ecs/service:Service"
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Preview:
    """An environment of a pull request."""

    number: int
    deployment: Deployment
    awake: bool

    @property
    def name(self) -> str:
        """Name of the environment."""
        return self.deployment.name


def find(context: Context, pattern: str) -> tuple[Preview, ...]:
    """The environments whose names have the pattern of the settings, by number."""
    found = [
        Preview(number=number, deployment=each, awake=_awake(context.engine, each))
        for each in context.registry().environments.values()
        if (number := number_of(each.name, pattern)) is not None
    ]
    return tuple(sorted(found, key=lambda it: it.number))


def statuses(context: Context, pattern: str, number: int | None = None) -> tuple[PreviewStatus, ...]:
    """The environments of pull requests, or that of one, for display."""
    return tuple(_status(each) for each in find(context, pattern) if number in (None, each.number))


def _status(found: Preview) -> PreviewStatus:
    deployment = found.deployment
    return PreviewStatus(
        number=found.number,
        environment=found.name,
        status=deployment.status.value,
        awake=found.awake,
        owner=deployment.record.owner,
        url=deployment.url,
        commit=deployment.record.commit,
        last_update=deployment.last_update,
        expires=deployment.record.expires,
    )


def surplus(previews: Iterable[Preview], most: int) -> tuple[Preview, ...]:
    """The awake ones beyond the largest number: those that were updated longest ago. Pinned ones stay awake."""
    awake = [each for each in previews if each.awake]
    movable = sorted(
        (each for each in awake if not each.deployment.record.pinned),
        key=lambda it: it.deployment.last_update or _NEVER,
    )
    return tuple(movable[: max(0, len(awake) - most)])


def _awake(engine: Engine, deployment: Deployment) -> bool:
    """Whether a service has tasks according to the state.

    The configuration of an environment that another runner put to sleep is not on this machine.
    """
    return any(
        resource.type == SERVICE and resource.inputs.get("desiredCount") != 0
        for unit in deployment.units
        for resource in engine.resources(unit)
    )
