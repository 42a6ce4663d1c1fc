"""Returns the services of one update to the previous version when one of them fails, and reports what each runs. No Pulumi here.

ECS rolls back each service by itself. Without this module the web service would serve the old code while workers run the
new code, or crash on it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pulumi_django.deploying.polling import Clock, patiently, pauses
from pulumi_django.deploying.rollout import RolloutRequest
from pulumi_django.deploying.rollout_state import (
    ServiceDeployments,
    Verdict,
    judge,
    primary,
    same_task_definition,
    shifts_traffic,
    short,
)
from pulumi_django.deploying.task_end import Crashes
from pulumi_django.deploying.task_log import log_lines
from pulumi_django.deploying.task_runner import task_id

if TYPE_CHECKING:
    from mypy_boto3_ecs import ECSClient
    from mypy_boto3_ecs.type_defs import ServiceTypeDef
    from mypy_boto3_logs import CloudWatchLogsClient

BACK_SECONDS = 300.0
"""Time limit within which the previous version must run again, for all services together. ECS continues after it."""

Report = tuple[list[str], list[str]]
"""Lines of an error, and lines of logs that come after all others."""

UNREACHABLE = "its state is unknown"


@dataclass(kw_only=True)
class _Standing:
    """One service during a rollback."""

    request: RolloutRequest
    service: ServiceTypeDef
    note: str
    """The action that was taken."""

    waits: bool = False
    """Whether it still returns to the previous version."""

    @property
    def name(self) -> str:
        return short(self.request.service)


class Rollback:
    """The services that take part in one update."""

    def __init__(
        self, ecs: ECSClient, logs: CloudWatchLogsClient, *, info: Callable[[str], None], clock: Clock
    ) -> None:
        self._ecs, self._logs, self._info, self._clock = ecs, logs, info, clock

    def run(self, requests: Sequence[RolloutRequest], *, failed: RolloutRequest, back: bool) -> Report:
        """Return lines about what each service except the failed one runs, and lines of the logs of those that crashed.

        With `back`, every service that ECS has not rolled back, the failed one included, returns to the previous version.
        """
        standings = [self._standing(request) for request in requests]
        if back:
            for standing in standings:
                self._go_back(standing, failed)
            self._wait(standings)
        others = [standing for standing in standings if standing.request.service != failed.service]
        own = [standing for standing in standings if standing.request.service == failed.service and standing.note]
        lines = [_line(standing) for standing in own]
        logs: list[str] = []
        for standing in others:
            # The error itself already has the reason of the failed service.
            why, log = self._crashes(standing.request) if standing.service else ([], [])
            lines += [_line(standing), *why]
            logs += log
        return (["  services:", *lines] if lines else []), logs

    def _standing(self, request: RolloutRequest) -> _Standing:
        try:
            return _Standing(request=request, service=self._describe(request), note="")
        except Exception as error:
            # The failure of the rollout must be reported in any case.
            return _Standing(request=request, service={}, note=f"{UNREACHABLE}: {error}")

    def _describe(self, request: RolloutRequest) -> ServiceTypeDef:
        def ask() -> ServiceTypeDef:
            answer = self._ecs.describe_services(cluster=request.cluster, services=[request.service])
            return next(iter(answer["services"]), {})

        return patiently(ask, self._clock)

    def _go_back(self, standing: _Standing, failed: RolloutRequest) -> None:
        request, now = standing.request, primary(standing.service)
        if now is None or standing.note:
            return
        if not same_task_definition(now.get("taskDefinition", ""), request.task_definition):
            # ECS or an earlier step has done it. The error of the failed service already reports its own rollback.
            standing.waits = now.get("taskDefinition") == request.previous and request.service != failed.service
            return
        if shifts_traffic(standing.service) and self._is_rolled_back(request):
            standing.note = "ECS is moving it back"
            return
        if request.previous is None:
            standing.note = "no version before this update exists"
            return
        if same_task_definition(request.previous, request.task_definition):
            return
        previous = request.previous
        try:
            patiently(lambda: self._deploy(request, previous), self._clock)
        except Exception as error:  # the other services are still brought back
            standing.note = f"the rollback to {short(previous)} failed: {error}"
            return
        self._info(f"{standing.name}: rolling back to {short(previous)}")
        standing.note, standing.waits = f"rolled back to {short(previous)}", True
        if shifts_traffic(standing.service):
            standing.note, standing.waits = f"its traffic is moving back to {short(previous)}", False

    def _is_rolled_back(self, request: RolloutRequest) -> bool:
        deployments = ServiceDeployments(self._ecs, self._clock, cluster=request.cluster, service=request.service)
        newest = deployments.newest()
        return newest is not None and newest.status.startswith("ROLLBACK") and newest.status != "ROLLBACK_FAILED"

    def _deploy(self, request: RolloutRequest, task_definition: str) -> None:
        self._ecs.update_service(cluster=request.cluster, service=request.service, taskDefinition=task_definition)

    def _wait(self, standings: Sequence[_Standing]) -> None:
        deadline, pause = self._clock.now() + BACK_SECONDS, pauses()
        while waiting := [standing for standing in standings if standing.waits]:
            for standing in waiting:
                latest = self._standing(standing.request)
                standing.service = latest.service or standing.service
                standing.waits = not _is_back(standing)
            if not any(standing.waits for standing in waiting) or self._clock.now() >= deadline:
                return
            self._clock.sleep(next(pause))

    def _crashes(self, request: RolloutRequest) -> Report:
        crashes = Crashes(
            self._ecs,
            self._logs,
            self._clock,
            cluster=request.cluster,
            service=request.service,
            task_definition=request.task_definition,
            made_now=request.made_now,
        )
        try:
            crashes.look()
            latest = next((crash for crash in reversed(crashes.found) if not crash.old), None)
            if latest is None:
                return [], []
            log = crashes.log_of(latest)
        except Exception as error:  # the report of the failure matters more than its details
            return [f"      its tasks cannot be described: {error}"], []
        count = crashes.count_all()
        many = "a task" if count == 1 else f"{count} tasks"
        why = f"      {many} crashed on {short(request.task_definition)}: task {task_id(latest.arn)} {latest.end}"
        return [why], log_lines(log) if log else []


def _line(standing: _Standing) -> str:
    parts = [part for part in (standing.note, _runs(standing.service)) if part]
    return f"    {standing.name}: {', '.join(parts)}"


def _is_back(standing: _Standing) -> bool:
    previous = standing.request.previous
    verdict = judge(standing.service, previous) if previous else Verdict.DELETED
    return verdict is not Verdict.WAITING


def _runs(service: ServiceTypeDef) -> str:
    """Return the number of running tasks of each version, as a clause."""
    if not service:
        return ""
    if service.get("status") != "ACTIVE":
        return "does not exist"
    desired = service.get("desiredCount", 0)
    running = [
        (d.get("runningCount", 0), short(d.get("taskDefinition", "")))
        for d in service.get("deployments", [])
        if d.get("runningCount", 0)
    ]
    if not running:
        now = primary(service) or {}
        wanted = short(now.get("taskDefinition", ""))
        return f"runs no task of {wanted} ({desired} desired)" if desired else f"asleep on {wanted}"
    counts = ", ".join(f"{count} on {version}" for count, version in running)
    return f"runs {counts} ({desired} desired)"
