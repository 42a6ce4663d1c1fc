"""The rollouts of one update. They end together: on the new version or, when one fails, on the previous version."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any

import pulumi
import pulumi_aws as aws

from pulumi_django.deploying.rollback import Report
from pulumi_django.deploying.rollout import RolloutError, RolloutRequest
from pulumi_django.deploying.rollout_state import short

Stopped = Callable[[], bool]
Recover = Callable[[Sequence[RolloutRequest], RolloutRequest, bool], Awaitable[Report]]
"""Reports what the services run. Arguments: the services, the failed one, whether to roll back first."""


class RolloutGroup:
    """Coordinates rollouts on the event loop of the program, where the engine calls the hooks."""

    def __init__(self, recover: Recover) -> None:
        self._recover = recover
        self._requests: dict[str, RolloutRequest] = {}
        self._under_way: set[asyncio.Future[None]] = set()
        self._recovered: asyncio.Future[None] | None = None
        self._stopped = threading.Event()
        self.failed: str | None = None
        """The service whose rollout failed; None without a failure."""

    async def watch(self, request: RolloutRequest, work: Callable[[Stopped], Awaitable[None]]) -> None:
        """Run one rollout. `work` raises `RolloutError` on failure and ends early when the function that it gets
        returns True."""
        service = request.service
        late = self._stopped.is_set()
        self._requests[service] = request
        with self.under_way():
            try:
                if late:
                    await self._recovering()
                    await self._bring_back([request], request)
                else:
                    await work(self._stopped.is_set)
            except RolloutError as error:
                raise await self._failure(request, error) from error
        if self._stopped.is_set():
            await self._recovering()
            raise self._stopped_by_other(request)

    @contextmanager
    def under_way(self) -> Generator[None]:
        """Mark the block as part of a rollout. Other rollouts wait for it before they are recorded."""
        done = asyncio.get_running_loop().create_future()
        self._under_way.add(done)
        try:
            yield
        finally:
            self._under_way.discard(done)
            done.set_result(None)

    async def settled(self) -> None:
        """Return when no rollout is running. Raises `RolloutError` when one has failed."""
        while self._under_way:
            await asyncio.wait(list(self._under_way))
        await self._recovering()
        if self.failed:
            raise RolloutError(f"not recorded, because the rollout of {self.failed} failed: see its error")

    async def _failure(self, request: RolloutRequest, error: RolloutError) -> RolloutError:
        if self._stopped.is_set():
            await self._recovering()
            return error
        if not error.advice:
            return error  # AWS did not answer, so it will not answer about the others.
        if not error.failed:
            # The rollout is late, or another deployment took over. The new version can still run.
            return error.with_others(*await self._bring_back(list(self._requests.values()), request, back=False))
        self.failed = short(request.service)
        self._recovered = asyncio.get_running_loop().create_future()
        self._stopped.set()
        try:
            return error.with_others(*await self._bring_back(list(self._requests.values()), request))
        finally:
            self._recovered.set_result(None)

    async def _bring_back(
        self, requests: Sequence[RolloutRequest], failed: RolloutRequest, *, back: bool = True
    ) -> Report:
        try:
            return await self._recover(requests, failed, back)
        except RolloutError as error:
            return [f"  services: {error}"], []

    async def _recovering(self) -> None:
        if self._recovered is not None:
            await asyncio.shield(self._recovered)

    def _stopped_by_other(self, request: RolloutRequest) -> RolloutError:
        name, wanted = short(request.service), short(request.task_definition)
        return RolloutError(
            f"{name} does not run {wanted}, because the rollout of {self.failed} failed: its error lists what each service runs"
        )


class Rollout(pulumi.ComponentResource):
    """Record of the last finished rollout of a service. `ReleaseGate.confirm` creates it. It has no child resources."""

    def __init__(
        self,
        name: str,
        service: aws.ecs.Service,
        awake: pulumi.Input[bool],
        opts: pulumi.ResourceOptions | None = None,
        *,
        seen: bool = True,
    ) -> None:
        recorded: dict[str, pulumi.Input[Any]] = {
            "cluster": service.cluster,
            "service": service.id,
            "taskDefinition": service.task_definition,
            "triggers": service.triggers,
            # Not the count itself, because autoscaling changes it.
            "awake": awake,
            # The next update that waits finds the difference and checks the rollout.
            **({} if seen else {"seen": False}),
        }
        super().__init__("pulumi-django:ecs:Rollout", name, recorded, opts)
        self.register_outputs({})
