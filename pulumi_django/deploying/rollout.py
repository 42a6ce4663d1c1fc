"""Waits for the rollout of an ECS service and reports its real result. No Pulumi here.

After a rollback by the circuit breaker a service is steady again, on the old version, and the provider's own wait reports
success. Here a rollout succeeds only on the requested task definition.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pulumi_django.deploying.polling import Clock, SystemClock, patiently, pauses
from pulumi_django.deploying.rollout_state import (
    ServiceDeployment,
    ServiceDeployments,
    Verdict,
    before_update,
    crash_limit,
    judge,
    judge_shift,
    primary,
    serving,
    shifts_traffic,
    short,
)
from pulumi_django.deploying.task_end import Crashes
from pulumi_django.deploying.task_log import log_lines
from pulumi_django.deploying.task_runner import task_id

if TYPE_CHECKING:
    from mypy_boto3_ecs import ECSClient
    from mypy_boto3_ecs.type_defs import DeploymentTypeDef, ServiceTypeDef
    from mypy_boto3_logs import CloudWatchLogsClient

# The effects of CreateService and UpdateService can become visible late. A new service is unknown for a moment, and an
# updated one can show its earlier state, which says nothing about the update.
# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html
INVISIBLE_SECONDS = 30.0
STALE_SECONDS = 10.0

# ECS reports a service without a load balancer as steady as soon as its tasks run. A process that cannot start (a failing
# import, a missing setting) ends within its first seconds, so such a service must stay steady for that time.
SETTLE_SECONDS = 10.0

CRASHES_BEFORE_WARNING = 2
"""Number of crashes from which the reason is shown while ECS continues."""


class RolloutError(Exception):
    """A rollout did not become steady on the requested task definition. The message gives the reason and the next
    step."""

    def __init__(self, what: str, *, log: Sequence[str] = (), advice: str = "", failed: bool = False) -> None:
        self.what, self.log, self.advice, self.failed = what, log, advice, failed
        super().__init__("\n".join([what, *log, *([f"  next: {advice}"] if advice else [])]))

    def with_others(self, others: Sequence[str], logs: Sequence[str]) -> RolloutError:
        """Return the same error with lines about the other services of the update, and lines of their logs.

        `failed` means that the new version does not run. It is False when the rollout is late or another deployment took over.
        """
        # Logs are long and come last, so a cut of the text removes them first.
        what = "\n".join([self.what, *others])
        return RolloutError(what, log=[*self.log, *logs], advice=self.advice, failed=self.failed)


@dataclass(frozen=True, kw_only=True)
class RolloutRequest:
    """A rollout to wait for."""

    cluster: str
    """Name or ARN of the cluster."""

    service: str
    """Name or ARN of the service."""

    task_definition: str
    """Requested task definition: ARN, `family:revision` or `family`."""

    previous: str | None = None
    """ARN of the task definition before the update; None for a new service, and when it is unknown."""

    made_now: bool = False
    """Whether this update created the task definition, so that this update started every task of it."""

    desired_count: int | None = None
    """Requested number of tasks; None when it is unknown."""

    advice: str = "correct the cause and update again"
    """Next step for the user, at the end of the error."""


class RolloutWatch:
    """Waits for one rollout.

    A single crashed task does not fail a rollout: a worker that starts before its broker crashes once or twice and then
    runs. The second crash is reported as a warning with its reason, and ECS continues. The rollout fails when ECS gives
    up or returns to another version. It also fails when more tasks crash than the circuit breaker allows, because ECS does
    not count tasks that ran for a moment.
    """

    def __init__(
        self,
        ecs: ECSClient,
        logs: CloudWatchLogsClient,
        request: RolloutRequest,
        *,
        info: Callable[[str], None],
        warn: Callable[[str], None],
        clock: Clock | None = None,
    ) -> None:
        self._ecs, self._request = ecs, request
        self._info, self._warn = info, warn
        self._clock = clock or SystemClock()
        self._crashes = Crashes(
            ecs,
            logs,
            self._clock,
            cluster=request.cluster,
            service=request.service,
            task_definition=request.task_definition,
            made_now=request.made_now,
        )
        self._deployments = ServiceDeployments(ecs, self._clock, cluster=request.cluster, service=request.service)
        self._newest: ServiceDeployment | None = None
        """The newest deployment of a service whose deployments move traffic; None for all others."""
        self._ours: str | None = None
        self._seen = False
        self._warned = False
        self._progress = self._trouble = ""
        self.runs: str | None = None
        """The task definition that ECS deploys or runs, at the last request."""

    def before(self) -> str | None:
        """Return the task definition that the service runs before its update. The state can have that of an update that
        failed."""
        return before_update(patiently(self._describe, self._clock))

    def given_up(self) -> bool:
        """Return whether ECS neither runs nor deploys the requested task definition. Raises `RolloutError` when the
        service does not exist."""
        service = self._look()
        verdict = self._verdict(service)
        self.runs = _primary(service).get("taskDefinition")
        if verdict is Verdict.DELETED:
            self._refuse(service, verdict, 0)
        return verdict not in (Verdict.STEADY, Verdict.WAITING)

    def deploy_again(self) -> None:
        """Ask ECS to deploy the requested task definition again."""
        self._info(f"deploying {short(self._request.task_definition)} again")
        patiently(self._force_deployment, self._clock)

    def scale(self, count: int) -> None:
        """Set the number of tasks. For a service with autoscaling, the update itself does not change the number."""
        self._info(f"starting {count} {'task' if count == 1 else 'tasks'}")
        patiently(lambda: self._set_count(count), self._clock)

    def wait(self, timeout_seconds: float, stopped: Callable[[], bool] = lambda: False) -> None:
        """Return when the service is steady on the requested task definition, or when `stopped` returns True.

        Raises `RolloutError` in every other case.
        """
        began = self._clock.now()
        pause = pauses()
        steady_since, crashes_then = 0.0, -1
        while True:
            service = self._look()
            # Checked after the request: the stop may have changed the state that the request returned.
            if stopped():
                return
            verdict = self._judge(service, began)
            self._crashes.look()
            crashes = self._crashes.count(self._ours) if self._newest is None else self._crashes.count_all()
            self._refuse(service, verdict, crashes)
            self._report(service, crashes)
            now = self._clock.now()
            if verdict is Verdict.WAITING:
                crashes_then = -1
            elif crashes != crashes_then:
                steady_since, crashes_then = now, crashes
            if verdict is Verdict.STEADY and now - steady_since >= _settle_seconds(service):
                return
            if now - began >= timeout_seconds:
                raise self._error(service, self._unfinished(service, timeout_seconds))
            self._clock.sleep(next(pause))

    def _look(self) -> ServiceTypeDef:
        deadline = self._clock.now() + INVISIBLE_SECONDS
        pause = pauses()
        while True:
            service = patiently(self._describe, self._clock)
            if service.get("status") == "ACTIVE":
                self._seen = True
                return service
            # A new service can be unknown for a moment, or show its deleted predecessor of the same name.
            if self._seen or self._clock.now() >= deadline:
                return service
            self._clock.sleep(next(pause))

    def _describe(self) -> ServiceTypeDef:
        try:
            answer = self._ecs.describe_services(cluster=self._request.cluster, services=[self._request.service])
        except self._ecs.exceptions.ClusterNotFoundException:
            return {}
        return next(iter(answer["services"]), {})

    def _force_deployment(self) -> None:
        self._ecs.update_service(
            cluster=self._request.cluster,
            service=self._request.service,
            taskDefinition=self._request.task_definition,
            forceNewDeployment=True,
        )

    def _set_count(self, count: int) -> None:
        self._ecs.update_service(cluster=self._request.cluster, service=self._request.service, desiredCount=count)

    def _judge(self, service: ServiceTypeDef, since: float) -> Verdict:
        verdict = self._verdict(service)
        fresh = self._clock.now() - since < STALE_SECONDS
        if verdict in (Verdict.STEADY, Verdict.WAITING):
            # A newer, forced deployment of the same task definition counts as well as the first.
            self._ours = self._newest.arn if self._newest else _primary(service).get("id", self._ours)
            wanted = self._request.desired_count
            stale = fresh and wanted is not None and wanted != service.get("desiredCount")
            return Verdict.WAITING if stale else verdict
        return Verdict.WAITING if fresh and self._ours is None and verdict is not Verdict.DELETED else verdict

    def _verdict(self, service: ServiceTypeDef) -> Verdict:
        wanted = self._request.task_definition
        if shifts_traffic(service):
            self._newest = self._deployments.newest()
            return judge_shift(service, self._newest, wanted)
        return judge(service, wanted, previous=self._request.previous, ours=self._ours)

    def _refuse(self, service: ServiceTypeDef, verdict: Verdict, crashes: int) -> None:
        name, wanted = self._name, short(self._request.task_definition)
        kept = serving(service, self._request.task_definition)
        nothing = "no task runs" if self._newest is None else "the old version, if there was one, keeps serving"
        keeps = f"{short(kept)} keeps serving, {wanted} does not run" if kept else nothing
        match verdict:
            case Verdict.ROLLED_BACK:
                what = f"the rollout of {name} failed and ECS rolled it back: {keeps}"
                raise self._error(service, what, failed=True)
            case Verdict.FAILED:
                raise self._error(service, f"the rollout of {name} failed: {keeps}", failed=True)
            case Verdict.SUPERSEDED:
                raise self._error(
                    service, f"{name} runs {kept and short(kept)}, which another deployment started, and not {wanted}"
                )
            case Verdict.DELETED:
                raise RolloutError(
                    f"{name} does not exist, so {wanted} is not rolled out",
                    advice="run `pulumi up --refresh`, which creates it again",
                )
            case Verdict.WAITING | Verdict.STEADY:
                if crashes >= crash_limit(service.get("desiredCount", 0)):
                    still = f"{crashes} tasks crashed one after another, and ECS has not rolled it back"
                    raise self._error(service, f"the rollout of {name} failed: {still}", failed=True)

    def _report(self, service: ServiceTypeDef, crashes: int) -> None:
        now = _primary(service)
        running, desired = now.get("runningCount", 0), now.get("desiredCount", 0)
        progress = f"{running} of {desired} running on {short(now.get('taskDefinition', ''))}"
        if self._newest is not None and self._newest.stage:
            progress += f", {self._newest.stage.lower().replace('_', ' ')}"
        if self._newest is not None and self._newest.pause:
            progress += f": {self._newest.pause.text}"
        if progress != self._progress:
            self._progress = progress
            self._info(progress)
        trouble = _placement_trouble(service)
        if trouble and trouble != self._trouble:
            self._trouble = trouble
            self._warn(trouble)
        if crashes >= CRASHES_BEFORE_WARNING and not self._warned:
            self._warned = True
            why, log = self._why(service)
            self._warn("\n".join([f"{crashes} tasks crashed; ECS tries again", *why, *log]))

    def _unfinished(self, service: ServiceTypeDef, seconds: float) -> str:
        now = _primary(service)
        return (
            f"the rollout of {self._name} is not finished after {seconds:g} s: {now.get('runningCount', 0)} of"
            f" {now.get('desiredCount', 0)} tasks run on {short(self._request.task_definition)}; ECS continues"
        )

    def _error(self, service: ServiceTypeDef, headline: str, *, failed: bool = False) -> RolloutError:
        why, log = self._why(service)
        what = "\n".join([headline, *why])
        return RolloutError(what, log=log, advice=self._request.advice, failed=failed)

    def _why(self, service: ServiceTypeDef) -> tuple[list[str], list[str]]:
        """Return the reason of the crashes, and the last lines of the log."""
        crash = self._crashes.latest(self._ours)
        if crash is None:
            said = (self._newest.reason if self._newest else "") or _ecs_says(service, self._request.task_definition)
            return ([f"  why: {said}"] if said else []), []
        log = self._crashes.log_of(crash)
        return [f"  why: task {task_id(crash.arn)} {crash.end}"], log_lines(log) if log else []

    @property
    def _name(self) -> str:
        return short(self._request.service)


def _primary(service: ServiceTypeDef) -> DeploymentTypeDef:
    return primary(service) or {}


def _settle_seconds(service: ServiceTypeDef) -> float:
    # Behind a load balancer ECS waits for the health check. With a desired count of 0 nothing starts.
    checked = bool(service.get("loadBalancers")) or _primary(service).get("desiredCount", 0) == 0
    return 0.0 if checked else SETTLE_SECONDS


def _ecs_says(service: ServiceTypeDef, wanted: str) -> str:
    """Return ECS's reason for the failed deployment, or its latest event, for example that there is no capacity."""
    for deployment in service.get("deployments", []):
        if deployment.get("rolloutState") == "FAILED" and deployment.get("taskDefinition") == wanted:
            return deployment.get("rolloutStateReason", "")
    return next((event.get("message", "") for event in service.get("events", [])), "")


def _placement_trouble(service: ServiceTypeDef) -> str:
    """Return ECS's message about why it cannot start tasks of the current deployment (no capacity, no free address)."""
    since = _primary(service).get("createdAt")
    for event in service.get("events", []):
        at = event.get("createdAt")
        if since and at and at >= since and "unable to place" in event.get("message", ""):
            return event.get("message", "")
    return ""
