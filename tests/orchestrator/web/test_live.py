"""The reader of the state, as the server starts and ends it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from orchestrator.web.live import Live
from orchestrator.web.options import ServeOptions


def test_the_server_can_end_in_the_moment_in_which_a_refresh_is_due(monkeypatch: pytest.MonkeyPatch) -> None:
    async def read(_live: Live) -> None:
        pass

    async def ended() -> bool:
        live = Live(ServeOptions(token="the-token-of-these-tests"))
        await live.start()
        reading: Any = asyncio.create_task(live.run())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        live.refresh()
        asyncio.get_running_loop().call_soon(reading.cancel)
        done, _ = await asyncio.wait([reading], timeout=5)
        reading.cancel()
        return bool(done)

    monkeypatch.setattr(Live, "_read", read)
    assert asyncio.run(ended()), "the refresh swallowed the cancellation, and the server waits without end"
