"""The part of the month in which office hours keep services and database servers running. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.model import StackResource
from pulumi_django.rules.office_hours import open_share


@dataclass(frozen=True, kw_only=True)
class OpenTimes:
    """The shares of a stack, between 0 and 1."""

    services: Mapping[str, float]
    """`cluster/service` -> share; a service without office hours is absent."""

    servers: float
    """Share of the database servers of the stack."""

    @classmethod
    def of(cls, resources: Sequence[StackResource]) -> OpenTimes:
        """Those of a stack."""
        opens: dict[str, list[str]] = {}
        closes: dict[str, list[str]] = {}
        for inputs in _inputs(resources, "aws:appautoscaling/scheduledAction:ScheduledAction"):
            service = str(inputs.get("resourceId")).removeprefix("service/")
            word = str(inputs.get("name")).removeprefix(service.rpartition("/")[2]).split("-")[1:2]
            if word in (["open"], ["close"]):
                (opens if word == ["open"] else closes).setdefault(service, []).append(str(inputs.get("schedule")))
        shares = {name: open_share(found, closes.get(name, ())) for name, found in opens.items()}
        return cls(services=shares, servers=_servers(resources))

    def service(self, cluster: str, name: str) -> float:
        """The share of a service; 1 without office hours."""
        return self.services.get(f"{cluster}/{name}", 1)


def _servers(resources: Sequence[StackResource]) -> float:
    schedules: dict[str, list[str]] = {"start": [], "stop": []}
    for inputs in _inputs(resources, "aws:scheduler/schedule:Schedule"):
        target: Mapping[str, Any] = inputs.get("target") or {}
        action = str(target.get("arn")).partition(":aws-sdk:rds:")[2]
        for verb, found in schedules.items():
            if action.startswith(f"{verb}DB"):
                found.append(str(inputs.get("scheduleExpression")))
    return open_share(schedules["start"], schedules["stop"]) if schedules["start"] else 1


def _inputs(resources: Sequence[StackResource], type_: str) -> Iterable[Mapping[str, Any]]:
    return (resource.inputs for resource in resources if resource.type == type_)
