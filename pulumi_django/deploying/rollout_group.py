"""The rollouts of one update: they end together, all on the new version or, when one fails, all on the one before."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager

from pulumi_django.deploying.rollback import Report
from pulumi_django.deploying.rollout import RolloutError, RolloutRequest
from pulumi_django.deploying.rollout_state import short

Stopped = Callable[[], bool]
Recover = Callable[[Sequence[RolloutRequest], RolloutRequest, bool], Awaitable[Report]]
"""Says what the services run, after they were brought back if that is asked for: services, the failed one, whether."""


class RolloutGroup:
    """Lives on the event loop of the program, where the engine calls the hooks."""

    def __init__(self, recover: Recover) -> None:
        self._recover = recover
        self._requests: dict[str, RolloutRequest] = {}
        self._under_way: set[asyncio.Future[None]] = set()
        self._recovered: asyncio.Future[None] | None = None
        self._stopped = threading.Event()
        self.failed: str | None = None
        """The service whose rollout failed, if one has."""

    async def watch(self, request: RolloutRequest, work: Callable[[Stopped], Awaitable[None]]) -> None:
        """Do the work of one rollout, which raises `RolloutError` when that fails, and ends early when it is `stopped`."""
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
        """What the block does belongs to a rollout, for which the others wait before they are recorded."""
        done = asyncio.get_running_loop().create_future()
        self._under_way.add(done)
        try:
            yield
        finally:
            self._under_way.discard(done)
            done.set_result(None)

    async def settled(self) -> None:
        """Return when no rollout is under way. Raises `RolloutError` when one of them has failed."""
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
            return error  # AWS could not be asked, and cannot be asked about the others either.
        if not error.failed:
            # It is late, or somebody else's: nothing says that the new version does not run.
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
            f"{name} does not take {wanted}, because the rollout of {self.failed} failed: its error says what each service runs"
        )
