"""`approve` and `reject`: decisions about deployments that wait at a pause (`deployment.pause_before`). ECS keeps the state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

from orchestrator.errors import OperationFailedError, RefusedError
from orchestrator.operations.aws.clients import Clients
from orchestrator.operations.aws.errors import explain, explained
from orchestrator.operations.aws.targets import Service, Target
from pulumi_django.deploying.rollout_state import Pause, ServiceDeployments, pause_of, shifts_traffic

if TYPE_CHECKING:
    from mypy_boto3_ecs import ECSClient
    from mypy_boto3_ecs.type_defs import ServiceDeploymentTypeDef, ServiceTypeDef


class Decision(StrEnum):
    """The answer to a deployment that waits."""

    APPROVE = "approve"
    REJECT = "reject"

    @property
    def action(self) -> Literal["CONTINUE", "ROLLBACK"]:
        """The word of ECS."""
        return "CONTINUE" if self is Decision.APPROVE else "ROLLBACK"


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """The deployment of one service that waits for a decision."""

    service: str
    """Short name of the service."""

    deployment: str
    """ARN of the deployment."""

    stage: str
    """Stage of ECS, such as `PRE_PRODUCTION_TRAFFIC_SHIFT`."""

    hook_id: str
    expires: datetime | None
    then: str
    """Decision of ECS at the end of the time: `rollback` or `continue`."""


@dataclass(frozen=True, kw_only=True)
class DecisionResult:
    """The deployments that go on, or go back."""

    environment: str
    decision: Decision
    decided: tuple[Waiting, ...]


def decide(target: Target, clients: Clients, decision: Decision, services: Sequence[str] = ()) -> DecisionResult:
    """Let the waiting deployments of these services (all) go on, or roll back.

    Raises RefusedError when none waits, UsageError for an unknown service, and OperationFailedError when ECS takes no decision
    about one of them; the message then names the services that are decided.
    """
    from botocore.exceptions import ClientError  # slow to import

    chosen = target.chosen(services)
    client: ECSClient = clients.client("ecs")
    with explained(target.aws):
        newest = {service.short: newest_deployment(client, clients, target, service) for service in chosen}
        found = tuple(
            _waiting(name, deployment, pause)
            for name, deployment in newest.items()
            if deployment is not None and (pause := pause_of(deployment))
        )
        if not found:
            raise _none_waits(target, newest)
        decided: list[Waiting] = []
        for each in found:
            try:
                _answer(client, each, decision)
            except ClientError as error:
                latest = newest_deployment(client, clients, target, target.service(each.service))
                raise _undecided(target, each, latest, decided, explain(error, target.aws).message) from error
            decided.append(each)
    return DecisionResult(environment=target.environment, decision=decision, decided=found)


def pause_of_service(client: ECSClient, clients: Clients, target: Target, found: ServiceTypeDef) -> Pause | None:
    """Return the pause at which a described service's deployment waits. It asks only about deployments that move traffic."""
    if not shifts_traffic(found):
        return None
    name = found.get("serviceName", "")
    service = next((service for service in target.services if service.name == name), None)
    newest = newest_deployment(client, clients, target, service) if service is not None else None
    return pause_of(newest) if newest is not None else None


def newest_deployment(
    client: ECSClient, clients: Clients, target: Target, service: Service
) -> ServiceDeploymentTypeDef | None:
    """Return the newest deployment of a service; None without one."""
    cluster = target.outputs.cluster_name
    return ServiceDeployments(client, clients.clock, cluster=cluster, service=service.name).described()


def _answer(client: ECSClient, waiting: Waiting, decision: Decision) -> None:
    client.continue_service_deployment(
        serviceDeploymentArn=waiting.deployment, hookId=waiting.hook_id, action=decision.action
    )


def _undecided(
    target: Target,
    waiting: Waiting,
    latest: ServiceDeploymentTypeDef | None,
    decided: Sequence[Waiting],
    reason: str,
) -> OperationFailedError:
    """The error about one service: its time may have ended since the first look."""
    ended = _timed_out(latest)
    why = f"its time ended, and ECS {ended}" if ended else reason
    before = f"; {', '.join(each.service for each in decided)} had the decision before" if decided else ""
    return OperationFailedError(
        f"the decision did not reach {waiting.service}: {why}{before}",
        f"`orchestrator ps {target.environment}` shows what runs",
    )


def _timed_out(deployment: ServiceDeploymentTypeDef | None) -> str | None:
    """The step of ECS after a pause without a decision; None for a pause that did not time out."""
    for hook in deployment.get("lifecycleHookDetails", []) if deployment is not None else ():
        if hook.get("targetType") == "PAUSE" and hook.get("status") == "TIMED_OUT":
            return "went on" if hook.get("timeoutAction") == "CONTINUE" else "rolled it back"
    return None


def _waiting(service: str, deployment: ServiceDeploymentTypeDef, pause: Pause) -> Waiting:
    return Waiting(
        service=service,
        deployment=deployment.get("serviceDeploymentArn", ""),
        stage=deployment.get("lifecycleStage", ""),
        hook_id=pause.hook_id,
        expires=pause.expires,
        then=pause.then,
    )


def _none_waits(target: Target, newest: Mapping[str, ServiceDeploymentTypeDef | None]) -> RefusedError:
    """The error, with the end of a pause without a decision."""
    for name, deployment in newest.items():
        went = _timed_out(deployment)
        if went:
            return RefusedError(
                f"no deployment of {target.environment} waits: the time for {name} ended, and ECS {went}",
                f"`orchestrator ps {target.environment}` shows what runs; deploy again for another decision",
            )
    return RefusedError(
        f"no deployment of {target.environment} waits for an approval",
        f"`orchestrator ps {target.environment}` shows its deployments; `deployment.pause_before` makes them wait",
    )
