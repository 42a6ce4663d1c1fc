"""Rollouts of one update that fail at the same time, or begin after a failure."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest

from pulumi_django.deploying.rollout import RolloutError, RolloutRequest
from pulumi_django.deploying.rollout_group import RolloutGroup
from tests.support.fake_ecs import CLUSTER

Stopped = Callable[[], bool]


def request(name: str) -> RolloutRequest:
    return RolloutRequest(cluster=CLUSTER, service=f"alpha-{name}", task_definition=f"alpha-{name}:2")


def fails(
    text: str, *, failed: bool = True, after: asyncio.Event | None = None
) -> Callable[[Stopped], Awaitable[None]]:
    async def work(_stopped: Stopped) -> None:
        if after is not None:
            await after.wait()
        raise RolloutError(text, advice="see there", failed=failed)

    return work


class Recovery:
    """Notes which services are brought back, and waits until it may end."""

    def __init__(self) -> None:
        self.calls: list[tuple[list[str], str, bool]] = []
        self.begun, self.may_end = asyncio.Event(), asyncio.Event()

    async def __call__(
        self, services: Sequence[RolloutRequest], failed: RolloutRequest, back: bool
    ) -> tuple[list[str], list[str]]:
        self.calls.append(([it.service for it in services], failed.service, back))
        self.begun.set()
        await self.may_end.wait()
        return [], []


def test_a_second_failure_keeps_its_own_error_and_brings_nothing_back_again() -> None:
    async def program() -> None:
        recovery, both = Recovery(), asyncio.Event()
        group = RolloutGroup(recovery)
        first = asyncio.create_task(group.watch(request("web"), fails("web failed", after=both)))
        second = asyncio.create_task(group.watch(request("worker"), fails("worker failed", after=recovery.begun)))
        await asyncio.sleep(0)
        both.set()
        await recovery.begun.wait()
        await asyncio.sleep(0.01)
        assert not second.done()  # it waits for the recovery
        recovery.may_end.set()
        errors = await asyncio.gather(first, second, return_exceptions=True)
        assert [type(error) for error in errors] == [RolloutError, RolloutError]
        assert [str(error).splitlines()[0] for error in errors] == ["web failed", "worker failed"]
        assert recovery.calls == [(["alpha-web", "alpha-worker"], "alpha-web", True)]

    asyncio.run(program())


def test_a_rollout_that_begins_after_a_failure_waits_for_the_recovery_and_is_brought_back_alone() -> None:
    async def program() -> None:
        recovery = Recovery()
        group = RolloutGroup(recovery)
        first = asyncio.create_task(group.watch(request("web"), fails("web failed")))
        await recovery.begun.wait()
        late = asyncio.create_task(group.watch(request("worker"), fails("never called")))
        await asyncio.sleep(0.01)
        assert len(recovery.calls) == 1
        recovery.may_end.set()
        with pytest.raises(RolloutError, match="web failed"):
            await first
        with pytest.raises(
            RolloutError, match="alpha-worker does not run alpha-worker:2, because the rollout of alpha-web failed"
        ):
            await late
        assert recovery.calls[1:] == [(["alpha-worker"], "alpha-worker", True)]

    asyncio.run(program())


def test_a_late_rollout_brings_nothing_back_and_lets_the_others_go_on() -> None:
    async def program() -> None:
        recovery = Recovery()
        recovery.may_end.set()
        group = RolloutGroup(recovery)
        with pytest.raises(RolloutError, match="web is late"):
            await group.watch(request("web"), fails("web is late", failed=False))
        assert recovery.calls == [(["alpha-web"], "alpha-web", False)]
        seen: list[bool] = []

        async def work(stopped: Stopped) -> None:
            seen.append(stopped())

        await group.watch(request("worker"), work)
        assert seen == [False]
        assert group.failed is None

    asyncio.run(program())


def test_nothing_is_recorded_while_a_rollout_runs_or_after_one_has_failed() -> None:
    async def program() -> None:
        recovery = Recovery()
        group = RolloutGroup(recovery)
        watched = asyncio.create_task(group.watch(request("web"), fails("web failed")))
        await recovery.begun.wait()
        settled = asyncio.create_task(group.settled())
        await asyncio.sleep(0.01)
        assert not settled.done()
        recovery.may_end.set()
        with pytest.raises(RolloutError):
            await watched
        with pytest.raises(RolloutError, match="not recorded, because the rollout of alpha-web failed"):
            await settled
        group = RolloutGroup(recovery)
        await group.settled()

    asyncio.run(program())
