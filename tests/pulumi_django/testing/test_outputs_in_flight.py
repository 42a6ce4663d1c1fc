"""At the end of a program, the simulation waits for its outputs at a cost that grows with their number, not faster."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pulumi
import pytest

from pulumi_django.testing import simulate
from pulumi_django.testing.outputs_in_flight import OutputsInFlight


def test_the_sdk_waits_for_one_future_instead_of_for_every_output_again_and_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waited: list[int] = []
    wait: Any = asyncio.wait

    async def counted(futures: Any, **options: Any) -> Any:
        waited.append(len(futures))
        return await wait(futures, **options)

    monkeypatch.setattr(asyncio, "wait", counted)

    def program() -> None:
        last = pulumi.Output.from_input(0)
        for _ in range(100):
            last = last.apply(lambda number: number + 1)
        pulumi.export("last", last)

    assert simulate(program).outputs == {"last": 100}
    assert 1 <= sum(waited) < 20


def test_every_output_has_run_when_the_simulation_ends() -> None:
    seen: list[int] = []

    async def late(number: int) -> int:
        for _ in range(number):
            await asyncio.sleep(0)
        return number

    def program() -> None:
        for number in range(10):
            made = pulumi.Output.from_input(late(number))
            made.apply(lambda value: pulumi.Output.from_input(late(value)).apply(seen.append))

    simulate(program)
    assert sorted(seen) == list(range(10))


@pytest.mark.parametrize("steps", [0, 1, 50])
def test_the_failure_of_an_output_ends_the_program_although_another_output_never_ends(steps: int) -> None:
    async def never() -> None:
        await asyncio.get_running_loop().create_future()

    async def fails() -> None:
        for _ in range(steps):
            await asyncio.sleep(0)
        raise ValueError("no such zone")

    def program() -> None:
        pulumi.Output.from_input(never())
        pulumi.Output.from_input(fails())

    with pytest.raises(ValueError, match="no such zone"):
        simulate(program)
    gc.collect()  # here, and not in the next test, the SDK's abandoned coroutines are reported


def test_a_copy_of_the_set_has_the_failed_outputs_or_a_signal() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        outputs, first, second = OutputsInFlight(), loop.create_future(), loop.create_future()
        outputs.add(first)
        outputs.add(second)
        (signal,) = list(outputs)
        outputs.clear()
        assert len(outputs) == 2, "they are still in flight"
        first.set_result(None)
        outputs.remove(first)
        await asyncio.sleep(0)
        assert not signal.done()
        second.set_exception(ValueError("failed"))
        await asyncio.sleep(0)
        assert signal.done()
        assert list(outputs) == [second]
        outputs.clear()
        assert len(outputs) == 0
        third = loop.create_future()
        outputs.add(third)
        (again,) = list(outputs)
        outputs.add(again)
        outputs.discard(third)
        assert again.done()
        assert len(outputs) == 0

    asyncio.run(scenario())
