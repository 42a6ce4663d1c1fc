"""The current document of the dashboard, and the messages to every open page."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from orchestrator.dashboard.gathering import Wanted, gather
from orchestrator.errors import OrchestratorError
from orchestrator.rendering import document
from orchestrator.rendering.dashboard_document import DashboardDocument
from orchestrator.web.options import ServeOptions

MOST_WAITING = 1000
"""Messages that wait for one page. A page that reads none for so long gets no more, and connects again."""

Message = tuple[str, str]
"""Kind and JSON text."""


def message(kind: str, content: Any) -> Message:
    """A message with this content."""
    return kind, json.dumps(content, ensure_ascii=False)


class Live:
    """Reads the state again and again, and sends messages to the pages. `publish` may be called from any thread."""

    def __init__(self, options: ServeOptions) -> None:
        self._options = options
        self._pages: set[asyncio.Queue[Message | None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._soon = asyncio.Event()
        self.found: DashboardDocument | None = None
        self.text = ""
        self._problem: Message | None = None

    async def start(self) -> None:
        """Read the state for the first time. Raises the errors of `orchestrator.errors`."""
        self._loop = asyncio.get_running_loop()
        await self._read()

    async def run(self) -> None:
        """Read the state again after each interval, and at once after `refresh`."""
        while True:
            with suppress(TimeoutError):
                # Python 3.11's `wait_for` swallows the end of the server when `refresh` is called in the same moment.
                async with asyncio.timeout(self._options.refresh_seconds):
                    await self._soon.wait()
            self._soon.clear()
            try:
                await self._read()
            except OrchestratorError as error:
                self._problem = message("problem", {"message": error.message})
                self._send(self._problem)

    def refresh(self) -> None:
        """Read the state again soon."""
        self._call(self._soon.set)

    def publish(self, kind: str, content: Any) -> None:
        """Send a message to every open page."""
        told = message(kind, content)
        self._call(lambda: self._send(told))

    def close(self) -> None:
        """End the messages to all pages, so that the server can end."""
        for page in self._pages:
            page.put_nowait(None)

    @asynccontextmanager
    async def messages(self) -> AsyncGenerator[asyncio.Queue[Message | None]]:
        """The messages to one page, beginning with the current document; None ends them."""
        page: asyncio.Queue[Message | None] = asyncio.Queue()
        page.put_nowait(("dashboard", self.text))
        if self._problem:
            page.put_nowait(self._problem)
        self._pages.add(page)
        try:
            yield page
        finally:
            self._pages.discard(page)

    async def _read(self) -> None:
        found = await asyncio.to_thread(lambda: gather(self._options.orchestrator(), Wanted()))
        before = self.text
        self.found, self.text, self._problem = found, json.dumps(document.plain(found), ensure_ascii=False), None
        if before:
            self._send(("dashboard", self.text))

    def _send(self, told: Message) -> None:
        for page in [*self._pages]:
            if page.qsize() > MOST_WAITING:
                self._pages.discard(page)
                page.put_nowait(None)
            else:
                page.put_nowait(told)

    def _call(self, work: Callable[[], None]) -> None:
        # The loop is closed when a run ends after the server.
        with suppress(RuntimeError):
            if self._loop is not None:
                self._loop.call_soon_threadsafe(work)
