"""How the rollouts of an environment's services go, told while somebody else sees them to their end."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from orchestrator.errors import OrchestratorError
from orchestrator.operations.aws import ecs as services
from orchestrator.operations.aws.clients import Clients
from orchestrator.operations.aws.errors import explained
from orchestrator.operations.aws.target import Service, Target
from orchestrator.operations.observer import Observer, RolloutMoved
from pulumi_django.deploying.rollout_state import primary, short

if TYPE_CHECKING:
    from mypy_boto3_ecs.type_defs import DeploymentTypeDef, ServiceTypeDef

LOOK_SECONDS = 3.0


class Rollouts:
    """Looks at the services again and again and tells what has changed in deployments that are newer than the first look."""

    def __init__(self, target: Target, clients: Clients, observer: Observer) -> None:
        self._target, self._clients, self._observer = target, clients, observer
        self._at_first: dict[str, str | None] = {}
        self._told: dict[str, RolloutMoved] = {}
        self._looked = False

    def follow(self, over: threading.Event) -> None:
        """Look until `over` is set. Trouble with AWS ends it: it only watches, the update itself tells of failures."""
        try:
            self.look()
            while not over.wait(LOOK_SECONDS):
                self.look()
            self.look()
        except OrchestratorError:
            return

    def look(self) -> None:
        """Tell what has changed since the last look."""
        chosen = self._target.services
        with explained(self._target.aws):
            found = services.describe(self._clients, self._target, chosen)
            for service in chosen:
                now = primary(found.get(service.name, {}))
                if not self._looked:
                    self._at_first[service.name] = now.get("id") if now else None
                elif now is not None and now.get("id") != self._at_first.get(service.name):
                    self._tell(self._moved(service, found[service.name], now))
        self._looked = True

    def _tell(self, moved: RolloutMoved) -> None:
        if self._told.get(moved.service) != moved:
            self._told[moved.service] = moved
            self._observer(moved)

    def _moved(self, service: Service, found: ServiceTypeDef, now: DeploymentTypeDef) -> RolloutMoved:
        return RolloutMoved(
            service=service.short,
            version=short(now.get("taskDefinition", "")),
            desired=now.get("desiredCount", 0),
            running=now.get("runningCount", 0),
            pending=now.get("pendingCount", 0),
            healthy=services.healthy_of(self._clients, self._target, found, now.get("id", "")),
            failed=now.get("failedTasks", 0),
            state=now.get("rolloutState", "COMPLETED"),
        )
