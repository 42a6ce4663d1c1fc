"""The front door: one HTTP port that passes requests on as the load balancer does, by host and path.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/x-forwarded-headers.html
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from orchestrator.errors import RefusedError
from orchestrator.local import health
from orchestrator.local.health import Target
from orchestrator.local.routes import Action, Request, Routes

IDLE_SECONDS = 60
"""Idle timeout of a load balancer. https://docs.aws.amazon.com/elasticloadbalancing/latest/application/application-load-balancers.html"""

CONNECT_SECONDS = 10
_HOP_BY_HOP = frozenset(
    (
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)
_CHUNK = 64 * 1024


class FrontDoor:
    """Answers on one port for all hosts of an environment."""

    def __init__(self, routes: Routes, targets: Mapping[str, Target], changed: Callable[[Target], None]) -> None:
        self._routes, self._targets, self._changed = routes, targets, changed
        self._port = 0
        self._runner: web.ServerRunner | None = None
        self._session: aiohttp.ClientSession | None = None
        self._watching: list[asyncio.Task[None]] = []

    async def open(self, port: int, addresses: tuple[str, ...] = ("127.0.0.1", "::1")) -> None:
        """Listen on the port. Raises RefusedError when it is taken."""
        self._port = port
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=IDLE_SECONDS)
        self._session = aiohttp.ClientSession(
            timeout=timeout, auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False
        )
        server = web.Server(self._answer)
        runner = web.ServerRunner(server, handle_signals=False)
        await runner.setup()
        self._runner = runner
        for number, address in enumerate(addresses):
            try:
                await web.TCPSite(runner, address, port).start()
            except OSError as error:
                if number == 0:
                    await self.close()
                    raise RefusedError(
                        f"the front door cannot open: port {port} is taken ({error.strerror or error})",
                        "stop the program that uses it, or pass --port",
                    ) from None
                # Without IPv6, names below localhost still resolve to 127.0.0.1.

    def watch(self) -> None:
        """Begin to check the targets."""
        assert self._session is not None
        for target in self._targets.values():
            self._watching.append(asyncio.ensure_future(health.watch(self._session, target, self._changed)))

    async def close(self) -> None:
        """Stop listening, and end the checks."""
        for task in self._watching:
            task.cancel()
        if self._runner is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._runner.cleanup(), 5)
        if self._session is not None:
            await self._session.close()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        host = (request.headers.get("Host") or "").rsplit("]", 1)[-1].partition(":")[0].lower()
        seen = Request(
            host=host,
            path=request.rel_url.raw_path,
            method=request.method,
            query=request.rel_url.raw_query_string,
            headers={name.lower(): value for name, value in request.headers.items()},
            address=request.remote or "127.0.0.1",
        )
        action = self._routes.action(seen)
        if action.kind == "redirect":
            return web.Response(status=action.code, headers={"Location": self._location(action, seen)})
        if action.kind != "forward":
            return web.Response(status=action.code, text=action.body, content_type=action.content_type or "text/plain")
        target = self._targets.get(action.group or "")
        if target is None or not target.registered:
            return _unavailable(503, "no target of this service runs")
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._websocket(request, target)
        return await self._forward(request, target)

    async def _forward(self, request: web.BaseRequest, target: Target) -> web.StreamResponse:
        assert self._session is not None
        body = _chunks(request) if request.body_exists else None
        try:
            async with self._session.request(
                request.method,
                _url("http", target, request),
                headers=self._headers(request),
                data=body,
                allow_redirects=False,
                ssl=False,  # as the load balancer, which accepts any certificate of a target
                skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
            ) as answer:
                response = web.StreamResponse(status=answer.status, reason=answer.reason)
                for name, value in answer.headers.items():
                    if name.lower() not in _HOP_BY_HOP:
                        response.headers.add(name, value)
                await response.prepare(request)
                async for chunk in answer.content.iter_any():
                    await response.write(chunk)
                await response.write_eof()
                return response
        except TimeoutError:
            return _unavailable(504, f"{target.service} does not answer in time")
        except (aiohttp.ClientError, ConnectionError) as error:
            if isinstance(error, ConnectionResetError):
                raise
            return _unavailable(502, f"{target.service} does not answer{f': {target.reason}' if target.reason else ''}")

    async def _websocket(self, request: web.BaseRequest, target: Target) -> web.StreamResponse:
        assert self._session is not None
        protocols = [
            each.strip() for each in request.headers.get("Sec-WebSocket-Protocol", "").split(",") if each.strip()
        ]
        headers = self._headers(request)
        for name in [name for name in headers if name.lower().startswith("sec-websocket")]:
            del headers[name]
        try:
            inner = await self._session.ws_connect(
                _url("ws", target, request),
                headers=headers,
                protocols=protocols,
                max_msg_size=0,
                autoping=False,
                ssl=False,
            )
        except aiohttp.WSServerHandshakeError as error:
            return web.Response(status=error.status)
        except (TimeoutError, aiohttp.ClientError):
            return _unavailable(502, f"{target.service} does not answer")
        outer = web.WebSocketResponse(
            protocols=[inner.protocol] if inner.protocol else [], max_msg_size=0, autoping=False
        )
        await outer.prepare(request)
        await asyncio.wait(
            [asyncio.ensure_future(_pump(outer, inner)), asyncio.ensure_future(_pump(inner, outer))],
            return_when=asyncio.FIRST_COMPLETED,
        )
        # One side has ended: an error while the other is closed changes nothing.
        with contextlib.suppress(Exception):
            await inner.close(code=outer.close_code or 1000)
        with contextlib.suppress(Exception):
            await outer.close(code=inner.close_code or 1000)
        return outer

    def _headers(self, request: web.BaseRequest) -> CIMultiDict[str]:
        """The headers of the request, with those that the load balancer adds."""
        listed = {name.strip().lower() for name in request.headers.get("Connection", "").split(",")}
        headers = CIMultiDict(
            (name, value) for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP | listed
        )
        earlier = headers.get("X-Forwarded-For")
        client = request.remote or "127.0.0.1"
        headers["X-Forwarded-For"] = f"{earlier}, {client}" if earlier else client
        headers["X-Forwarded-Proto"] = "http"
        headers["X-Forwarded-Port"] = str(self._port)
        trace = f"Root=1-{int(time.time()):08x}-{secrets.token_hex(12)}"
        headers.setdefault("X-Amzn-Trace-Id", trace)
        return headers

    def _location(self, action: Action, request: Request) -> str:
        found = action.location
        # HTTPS ends at the load balancer: the same site is behind this port.
        values = {"protocol": "http", "host": request.host, "port": str(self._port), "path": request.path[1:]}
        for name, value in {**values, "query": request.query}.items():
            found = found.replace(f"#{{{name}}}", value)
        local = request.host.endswith("localhost") and f"//{request.host}:443" in found
        if local:
            found = found.replace(f"https://{request.host}:443", f"http://{request.host}:{self._port}")
        return found.removesuffix("?")


async def _pump(source: web.WebSocketResponse | aiohttp.ClientWebSocketResponse, sink: object) -> None:
    """Pass messages on until the source ends."""
    assert isinstance(sink, web.WebSocketResponse | aiohttp.ClientWebSocketResponse)
    async for message in source:
        if message.type is aiohttp.WSMsgType.TEXT:
            await sink.send_str(message.data)
        elif message.type is aiohttp.WSMsgType.BINARY:
            await sink.send_bytes(message.data)
        elif message.type is aiohttp.WSMsgType.PING:
            await sink.ping(message.data)
        elif message.type is aiohttp.WSMsgType.PONG:
            await sink.pong(message.data)


async def _chunks(request: web.BaseRequest) -> AsyncIterator[bytes]:
    async for chunk in request.content.iter_chunked(_CHUNK):
        yield chunk


def _url(scheme: str, target: Target, request: web.BaseRequest) -> URL:
    return URL(f"{scheme}{'s' if target.tls else ''}://{target.address}:{target.port}{request.raw_path}", encoded=True)


def _unavailable(code: int, why: str) -> web.Response:
    return web.Response(status=code, text=f"{code}: {why}\n")
