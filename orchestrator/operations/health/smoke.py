"""`smoke`: fourteen checks of a running environment."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from orchestrator.errors import OrchestratorError, RefusedError
from orchestrator.operations import execute
from orchestrator.operations.app_stack import AppStack
from orchestrator.operations.aws import ecs as services
from orchestrator.operations.aws.clients import Clients
from orchestrator.operations.aws.errors import explained
from orchestrator.operations.aws.targets import Service, Target
from orchestrator.operations.events import Observer, ignore
from orchestrator.operations.health import smoke_task
from orchestrator.operations.health.smoke_visit import RealWeb, Visit, Web
from orchestrator.operations.health.verdicts import Check, fail, made, not_applicable, ok, warn
from pulumi_django.deploying.rollout_state import short

if TYPE_CHECKING:
    from mypy_boto3_ecs.type_defs import ServiceTypeDef, TaskDefinitionTypeDef

NAMES = (
    "url",
    "certificate",
    "redirect",
    "static file",
    "health check",
    "services",
    "image version",
    "logs",
    "beat",
    "exec",
    *smoke_task.NAMES,
)
"""Names of the checks in their order: as a visitor, in AWS, from inside."""

BEAT_MINUTES = 15


def run(
    target: Target,
    clients: Clients,
    application: AppStack,
    observer: Observer = ignore,
    *,
    web: Web | None = None,
    patience_seconds: float = 0.0,
) -> Iterator[Check]:
    """Yield each check as soon as its result is known.

    `patience_seconds` is how long the URL may take to answer: names and targets take a while after a create. In the
    simulation the calls are recorded and no check applies. Raises RefusedError for an environment that is asleep.
    """
    if target.rest:
        raise RefusedError(
            f"{target.environment} cannot be checked: it is {target.rest}",
            f"wake it: `orchestrator wake {target.environment}`",
        )
    smoke = _Smoke(target, clients, application, observer, web or RealWeb(), patience_seconds)
    if clients.simulated:
        smoke.rehearse()
        yield from (not_applicable(name, "nothing runs in the simulation") for name in NAMES)
        return
    yield from smoke.checks()


class _Smoke:
    def __init__(
        self,
        target: Target,
        clients: Clients,
        application: AppStack,
        observer: Observer,
        web: Web,
        patience_seconds: float,
    ) -> None:
        self._target, self._clients, self._application = target, clients, application
        self._observer = observer
        self._visit = Visit(target.outputs.url, target.environment, web, clients.clock, patience_seconds)
        self._described: dict[str, ServiceTypeDef] = {}

    def checks(self) -> Iterator[Check]:
        for name, look in self._looks().items():
            yield made(name, lambda look=look: self._explained(look))
        yield from self._from_inside()

    def rehearse(self) -> None:
        """Make the calls to AWS, without a visitor's requests."""
        for name, look in self._looks().items():
            if name not in NAMES[:4]:
                with contextlib.suppress(OrchestratorError, LookupError, TypeError):
                    self._explained(look)
        list(self._from_inside())

    def _looks(self) -> dict[str, Callable[[], Check]]:
        looks = (
            self._visit.url,
            self._visit.certificate,
            self._visit.redirect,
            self._visit.static_file,
            self._health,
            self._services,
            self._version,
            self._logs,
            self._beat,
            self._exec,
        )
        return dict(zip(NAMES, looks, strict=False))

    def _explained(self, look: Callable[[], Check]) -> Check:
        with explained(self._target.aws):
            return look()

    # in AWS

    def _services_by_name(self) -> dict[str, ServiceTypeDef]:
        if not self._described:
            self._described = services.describe(self._clients, self._target, self._target.services)
        return self._described

    def _health(self) -> Check:
        arns = [
            item["targetGroupArn"]
            for service in self._services_by_name().values()
            for item in service.get("loadBalancers", [])
            if "targetGroupArn" in item
        ]
        if not arns:
            return not_applicable("health check", "no service is behind the load balancer")
        elb = self._clients.client("elbv2")
        found: list[Any] = []
        for arn in dict.fromkeys(arns):
            found += elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
        counted = [
            item["TargetHealth"] for item in found if item["TargetHealth"]["State"] not in ("draining", "unused")
        ]
        sick = [health for health in counted if health["State"] != "healthy"]
        evidence = f"{len(counted) - len(sick)} of {len(counted)} targets healthy"
        if counted and not sick:
            return ok("health check", evidence)
        why = "; ".join(dict.fromkeys(str(health.get("Description") or health["State"]) for health in sick))
        return fail("health check", f"{evidence}: {why or 'no target is registered'}", self._logs_hint())

    def _services(self) -> Check:
        known, problems, shown = self._services_by_name(), list[str](), list[str]()
        for service in self._target.services:
            found = known.get(service.name)
            if found is None:
                problems.append(f"{service.short} does not exist")
                continue
            running, desired = found.get("runningCount", 0), found.get("desiredCount", 0)
            shown.append(f"{service.short} {running}/{desired}")
            rolling = len(found.get("deployments", [])) > 1
            if running != desired or rolling:
                problems.append(f"{service.short} {running} of {desired}{' while rolling out' if rolling else ''}")
        if problems:
            return fail("services", ", ".join(problems), f"see `orchestrator ps {self._target.environment}`")
        return ok("services", ", ".join(shown))

    def _version(self) -> Check:
        """Check that the web service's tasks run the configured image."""
        web = self._target.service()
        wanted = self._application.get("backend_image")
        tasks = [task for task in self._tasks(web) if task.get("lastStatus") == "RUNNING"]
        containers = [c for task in tasks for c in task.get("containers", []) if c.get("name") == web.short]
        found = sorted({f"{c.get('image', '')} {c.get('imageDigest', '')[:19]}".strip() for c in containers})
        if not found:
            return fail("image version", f"no task of {web.short} runs", self._logs_hint())
        evidence = ", ".join(found)
        others = [text for text in found if text.split(" ")[0] != wanted]
        if wanted is not None and others:
            hint = f"apply the configuration: `orchestrator update-env {self._target.environment}`"
            return fail("image version", f"{evidence}; the configuration has {wanted}", hint)
        old = {task.get("taskDefinitionArn", "") for task in tasks} - {self._definition_of(web)}
        if old:
            versions = ", ".join(sorted(map(short, old)))
            return fail("image version", f"{evidence}; tasks of {versions} still run", "wait for the rollout to end")
        return ok("image version", evidence)

    def _tasks(self, service: Service) -> Any:
        return services.tasks(self._clients, self._target, service)

    def _definition_of(self, service: Service) -> str:
        return self._services_by_name().get(service.name, {}).get("taskDefinition", "")

    def _logs(self) -> Check:
        web = self._target.service()
        if web.log_group is None:
            return not_applicable("logs", f"{web.short} does not log to CloudWatch")
        streams = self._clients.client("logs").describe_log_streams(
            logGroupName=web.log_group, orderBy="LastEventTime", descending=True, limit=1
        )["logStreams"]
        last = streams[0].get("lastEventTimestamp") if streams else None
        if last is None:
            return fail("logs", f"{web.log_group} is empty", "check that the execution role may write to it")
        return ok(
            "logs", f"{web.log_group}, last line of {datetime.fromtimestamp(last / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"
        )

    def _beat(self) -> Check:
        beat = self._configured_service("beat", "service", "beat")
        if beat is None or beat.log_group is None:
            return not_applicable("beat", "there is no schedule")
        since = datetime.now(UTC) - timedelta(minutes=BEAT_MINUTES)
        pages = (
            self._clients.client("logs")
            .get_paginator("filter_log_events")
            .paginate(
                logGroupName=beat.log_group,
                startTime=int(since.timestamp() * 1000),
                filterPattern='"Sending due task"',
            )
        )
        sent = [event for page in pages for event in page["events"]]
        if sent:
            return ok("beat", f"{len(sent)} tasks sent in {BEAT_MINUTES} minutes")
        return warn(
            "beat",
            f"no task sent in {BEAT_MINUTES} minutes",
            "its schedule may have no task that is due so often; read its log",
        )

    def _exec(self) -> Check:
        found = services.the_service(self._clients, self._target, self._target.service())
        if not found.get("enableExecuteCommand"):
            return not_applicable("exec", "it is off")
        shell = execute.locate(execute.OpenShell(command=("true",)), self._target, self._clients)
        return ok("exec", f"task {shell.task} takes commands")

    # from inside

    def _from_inside(self) -> Iterator[Check]:
        found = smoke_task.run(self._target, self._clients, self._observer, self._celery_app())
        yield from (found[name] for name in smoke_task.NAMES)

    def _celery_app(self) -> str | None:
        """Return the Celery application of the workers."""
        with contextlib.suppress(OrchestratorError):
            return self._explained_app()
        return None

    def _explained_app(self) -> str | None:
        beat = self._configured_service("beat", "service", "beat")
        with explained(self._target.aws):
            for service in self._target.services[1:]:
                definition = self._definition_of(service)
                if service == beat or not definition:
                    continue
                described: TaskDefinitionTypeDef = self._clients.client("ecs").describe_task_definition(
                    taskDefinition=definition
                )["taskDefinition"]
                app = smoke_task.celery_app(described)
                if app is not None:
                    return app
        return None

    def _configured_service(self, group: str, key: str, default: str) -> Service | None:
        name = self._application.get(group, key) or default
        return next((service for service in self._target.services if service.short == name), None)

    def _logs_hint(self) -> str:
        return f"read `orchestrator logs {self._target.environment} --service {self._target.service().short}`"
