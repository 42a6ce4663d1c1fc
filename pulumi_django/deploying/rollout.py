"""Waits for an ECS service's rollout and tells the truth about it, which the provider's own wait does not. No Pulumi here.

After a circuit breaker's rollback a service is steady again, on the old version, and a wait for steadiness reports
success. Here a rollout succeeds only on the task definition that was asked for.
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

# What CreateService and UpdateService did may not be visible at once. A new service is unknown for a moment; an updated
# one may still look as it did before, which is no verdict on the update.
# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html
INVISIBLE_SECONDS = 30.0
STALE_SECONDS = 10.0

# ECS calls a service without load balancer steady as soon as its tasks run. A process that cannot start (a failing
# import, a missing setting) ends within its first seconds, so such a service has to stay steady for that long.
SETTLE_SECONDS = 10.0

CRASHES_BEFORE_WARNING = 2
"""From this crash on the reason is shown, while ECS still tries."""


class RolloutError(Exception):
    """A rollout did not reach a steady state on the task definition that was asked for; says why and what to do."""

    def __init__(self, what: str, *, log: Sequence[str] = (), advice: str = "", failed: bool = False) -> None:
        self.what, self.log, self.advice, self.failed = what, log, advice, failed
        super().__init__("\n".join([what, *log, *([f"  next: {advice}"] if advice else [])]))

    def with_others(self, others: Sequence[str], logs: Sequence[str]) -> RolloutError:
        """The same error with lines on the other services of the update, and lines of their logs.

        `failed` says that the new version does not run: not that it is late, or that somebody else deployed another one.
        """
        # Logs are long and come last: whoever cuts the text cuts them.
        what = "\n".join([self.what, *others])
        return RolloutError(what, log=[*self.log, *logs], advice=self.advice, failed=self.failed)


@dataclass(frozen=True, kw_only=True)
class RolloutRequest:
    """Which rollout to wait for."""

    cluster: str
    """Name or ARN."""

    service: str
    """Name or ARN."""

    task_definition: str
    """What was asked for: ARN, `family:revision` or `family`."""

    previous: str | None = None
    """ARN of the task definition before the update; None when the service is new or this is unknown."""

    made_now: bool = False
    """Whether the task definition was made in this update, so that every task of it was started by this update."""

    desired_count: int | None = None
    """How many tasks were asked for; None when that is not known."""

    advice: str = "correct the cause and update again"
    """Ends the error: what the user does next."""


class RolloutWatch:
    """Waits for one rollout.

    A single crashed task is no verdict: a worker that comes up before its broker crashes once or twice and then runs.
    So the second crash is reported at once with its reason, as a warning, and ECS goes on deciding. The rollout fails
    when ECS gives it up or returns to another version, or when tasks keep crashing beyond the circuit breaker's own
    threshold, which ECS does not see when each of them ran for a moment.
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
        """The task definition that ECS works towards, at the last look."""

    def given_up(self) -> bool:
        """Whether ECS neither runs what was asked for nor works towards it. Raises `RolloutError` without service."""
        service = self._look()
        verdict = self._verdict(service)
        self.runs = _primary(service).get("taskDefinition")
        if verdict is Verdict.DELETED:
            self._refuse(service, verdict, 0)
        return verdict not in (Verdict.STEADY, Verdict.WAITING)

    def deploy_again(self) -> None:
        """Ask ECS once more for what was asked for."""
        self._info(f"deploys {short(self._request.task_definition)} again")
        patiently(self._force_deployment, self._clock)

    def scale(self, count: int) -> None:
        """Give the service so many tasks; of a service that is scaled, the update itself leaves the number alone."""
        self._info(f"starts {count} {'task' if count == 1 else 'tasks'}")
        patiently(lambda: self._set_count(count), self._clock)

    def wait(self, timeout_seconds: float, stopped: Callable[[], bool] = lambda: False) -> None:
        """Return when the service is steady on what was asked for, or when `stopped` says that it need not become so any
        more. Raises `RolloutError` in every other case."""
        began = self._clock.now()
        pause = pauses()
        steady_since, crashes_then = 0.0, -1
        while True:
            service = self._look()
            # After the look: what somebody else has done to the service by then is no verdict on it.
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
            # A service made a moment ago may be unknown still, or look like its deleted predecessor of the same name.
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
            # A newer deployment of the same task definition (somebody forced one) is as good as the one seen first.
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
        nothing = "nothing runs" if self._newest is None else "the old version keeps serving, if there was one"
        keeps = f"{short(kept)} keeps serving, {wanted} does not run" if kept else nothing
        match verdict:
            case Verdict.ROLLED_BACK:
                what = f"the rollout of {name} failed and ECS rolled it back: {keeps}"
                raise self._error(service, what, failed=True)
            case Verdict.FAILED:
                raise self._error(service, f"the rollout of {name} failed: {keeps}", failed=True)
            case Verdict.SUPERSEDED:
                raise self._error(
                    service, f"{name} is on {kept and short(kept)}, which somebody else deployed, not on {wanted}"
                )
            case Verdict.DELETED:
                raise RolloutError(
                    f"{name} does not exist (any more), so {wanted} is not rolled out",
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
            self._warn("\n".join([f"{crashes} tasks crashed, ECS tries again", *why, *log]))

    def _unfinished(self, service: ServiceTypeDef, seconds: float) -> str:
        now = _primary(service)
        return (
            f"the rollout of {self._name} is not finished after {seconds:g} s: {now.get('runningCount', 0)} of"
            f" {now.get('desiredCount', 0)} tasks run on {short(self._request.task_definition)}, ECS goes on trying"
        )

    def _error(self, service: ServiceTypeDef, headline: str, *, failed: bool = False) -> RolloutError:
        why, log = self._why(service)
        what = "\n".join([headline, *why])
        return RolloutError(what, log=log, advice=self._request.advice, failed=failed)

    def _why(self, service: ServiceTypeDef) -> tuple[list[str], list[str]]:
        """Why tasks crashed, and the last lines of their log."""
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
    # Behind a load balancer ECS waits for the health check; where nothing is wanted there is nothing to wait for.
    checked = bool(service.get("loadBalancers")) or _primary(service).get("desiredCount", 0) == 0
    return 0.0 if checked else SETTLE_SECONDS


def _ecs_says(service: ServiceTypeDef, wanted: str) -> str:
    """Why ECS failed the deployment; else its latest event, which tells for example that there is no capacity."""
    for deployment in service.get("deployments", []):
        if deployment.get("rolloutState") == "FAILED" and deployment.get("taskDefinition") == wanted:
            return deployment.get("rolloutStateReason", "")
    return next((event.get("message", "") for event in service.get("events", [])), "")


def _placement_trouble(service: ServiceTypeDef) -> str:
    """What keeps ECS from starting tasks of the present deployment (no capacity, no address left), in its words."""
    since = _primary(service).get("createdAt")
    for event in service.get("events", []):
        at = event.get("createdAt")
        if since and at and at >= since and "unable to place" in event.get("message", ""):
            return event.get("message", "")
    return ""
