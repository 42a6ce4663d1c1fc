"""The application of `orchestrator serve`, and its server."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import uvicorn
from sse_starlette import EventSourceResponse
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from orchestrator.dashboard import page
from orchestrator.errors import OrchestratorError, RefusedError, UnknownStackError, UsageError
from orchestrator.lifecycle import run_record
from orchestrator.rendering import document, operation_documents
from orchestrator.web import requests
from orchestrator.web.access import Admission
from orchestrator.web.actions import Actions
from orchestrator.web.live import Live
from orchestrator.web.options import ServeOptions
from orchestrator.web.other_runs import OtherRuns

LARGEST_BODY = 64 * 1024
"""Bytes of the largest request."""

_STATUS = {UsageError: 400, UnknownStackError: 404, RefusedError: 409}
Handler = Callable[[Request], Awaitable[Response]]


class Site:
    """The pages and documents of the server."""

    def __init__(self, options: ServeOptions) -> None:
        self._options = options
        self.live = Live(options)
        self.actions = Actions(options, self.live)
        self.others = OtherRuns(options.orchestrator().settings.state_dir / run_record.FOLDER, self.live)

    def application(self) -> Starlette:
        """The ASGI application."""
        name = "{name:str}"
        return Starlette(
            routes=[
                Route("/", _answered(self._page)),
                Route("/api/dashboard", _answered(self._dashboard)),
                Route("/api/events", self._events),
                Route("/api/actions", _answered(self._records)),
                Route("/api/actions", _answered(self._begin), methods=["POST"]),
                Route(f"/api/environments/{name}/ps", _answered(self._tasks)),
                Route(f"/api/environments/{name}/logs", self._logs),
            ],
            middleware=[Middleware(Admission, options=self._options)],
            lifespan=self._lifespan,
        )

    @asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncGenerator[None]:
        if self.live.found is None:
            await self.live.start()
        reading = [asyncio.create_task(self.live.run()), asyncio.create_task(self.others.run())]
        try:
            yield
        finally:
            for task in reading:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
            await asyncio.to_thread(self.actions.close)

    async def _page(self, _request: Request) -> Response:
        found = self.live.found
        assert found is not None
        options = {"actions": self._options.allow_actions, "production": self._options.allow_prod}
        return HTMLResponse(page.page(found, self.live.text, json.dumps(options)))

    async def _dashboard(self, _request: Request) -> Response:
        return Response(self.live.text, media_type="application/json")

    async def _events(self, _request: Request) -> Response:
        async def messages() -> AsyncIterator[dict[str, str]]:
            async with self.live.messages() as waiting:
                if (state := waiting.get_nowait()) is not None:
                    yield {"event": state[0], "data": state[1]}
                for record in self.actions.records():
                    yield {"event": "action", "data": json.dumps(record)}
                for kind, text in await asyncio.to_thread(self.others.messages):
                    yield {"event": kind, "data": text}
                while (message := await waiting.get()) is not None:
                    yield {"event": message[0], "data": message[1]}

        return EventSourceResponse(messages())

    async def _records(self, _request: Request) -> Response:
        return JSONResponse({"actions": self.actions.records()})

    async def _begin(self, request: Request) -> Response:
        body = bytearray()
        async for part in request.stream():
            body += part
            if len(body) > LARGEST_BODY:
                raise UsageError(f"the action is larger than {LARGEST_BODY} bytes")
        action = requests.read(bytes(body))
        return JSONResponse(await asyncio.to_thread(self.actions.begin, action, request.state.identity), 202)

    async def _tasks(self, request: Request) -> Response:
        name = request.path_params["name"]

        def read() -> dict[str, Any]:
            operations = (orchestrator := self._options.orchestrator()).operations
            return operation_documents.outcome(name, operations.ps(name), None, orchestrator.engine.notice)

        return JSONResponse(await asyncio.to_thread(read))

    async def _logs(self, request: Request) -> Response:
        name = request.path_params["name"]
        operations = self._options.orchestrator().operations

        async def lines() -> AsyncIterator[dict[str, str]]:
            problem = None
            try:
                found = iter(await asyncio.to_thread(operations.logs, name, follow=True))
                while (line := await asyncio.to_thread(next, found, None)) is not None:
                    yield {"event": "line", "data": operation_documents.line(line).strip()}
            except OrchestratorError as error:
                problem = error.message
            finally:
                operations.interrupt()
            yield {"event": "end", "data": json.dumps({"message": problem})}

        return EventSourceResponse(lines())


def _answered(handler: Handler) -> Handler:
    """The handler, with errors of the orchestrator as JSON documents."""

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except OrchestratorError as error:
            status = next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 502)
            return JSONResponse(document.error(error.message, error.hint, error.exit_code), status)

    return answer


class _Server(uvicorn.Server):
    """A server that ends the streams of open pages when it is asked to end."""

    def __init__(self, config: uvicorn.Config, site: Site) -> None:
        super().__init__(config)
        self._site = site

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streams, then the connections."""
        self._site.live.close()
        await super().shutdown(sockets)


def serve(options: ServeOptions, started: Callable[[], None]) -> None:
    """Serve until SIGINT or SIGTERM. `started` is called when the address answers.

    Raises RefusedError when the port is taken, and what reading the stacks raises.
    """
    try:
        listening = socket.create_server((options.host, options.port), family=_family(options.host))
    except OSError as error:
        raise RefusedError(
            f"the page cannot be served at {options.host}:{options.port}: {error.strerror or error}",
            "stop the program that uses the port, or pass --port",
        ) from None
    with listening:
        site = Site(options)
        with suppress(KeyboardInterrupt):  # Ctrl-C is the usual end of a server
            asyncio.run(_serve(site, listening, started))


async def _serve(site: Site, listening: socket.socket, started: Callable[[], None]) -> None:
    await site.live.start()
    config = uvicorn.Config(
        site.application(), log_level="warning", lifespan="on", server_header=False, timeout_graceful_shutdown=5
    )
    server = _Server(config, site)
    started()
    await server.serve([listening])


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
