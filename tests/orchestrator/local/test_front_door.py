"""The front door passes requests on as the load balancer does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager

import aiohttp
import pytest
from aiohttp import web

from orchestrator.errors import RefusedError
from orchestrator.local.front_door import FrontDoor
from orchestrator.local.health import Target
from orchestrator.local.routes import Action, HealthCheck, Routes, Rule
from tests.support.ports import free_port

HOST = "alpha.localhost"


async def behind(request: web.Request) -> web.StreamResponse:
    """The application behind the front door."""
    if request.path == "/ws/":
        socket = web.WebSocketResponse(protocols=["chat"])
        await socket.prepare(request)
        async for message in socket:
            await socket.send_str(f"{message.data} {request.headers['X-Forwarded-For']}")
        return socket
    if request.path == "/health/":
        return web.Response()
    body = await request.read()
    headers = {name: value for name, value in request.headers.items() if name.startswith(("X-", "Host", "Connection"))}
    answer = web.json_response({"path": request.raw_path, "bytes": len(body), "headers": headers})
    answer.headers.add("Set-Cookie", "a=1")
    answer.headers.add("Set-Cookie", "b=2")
    return answer


def forward(group: str, *paths: str, priority: int = 1) -> Rule:
    return Rule(priority=priority, action=Action(kind="forward", group=group), hosts=[HOST], paths=paths)


def served(test: Callable[[aiohttp.ClientSession, str, dict[str, Target]], Awaitable[None]]) -> None:
    """Run a test against a front door with an application, a service that does not run, and one that hangs up."""

    async def run() -> None:
        port, inner = free_port(), free_port()
        application = web.AppRunner(_application())
        await application.setup()
        await web.TCPSite(application, "127.0.0.1", inner).start()
        check = HealthCheck(path="/health/")
        targets = {
            "web": Target(service="gunicorn", address="127.0.0.1", port=inner, check=check, started=1),
            "down": Target(service="down", address="127.0.0.1", port=inner, check=check),
            "dead": Target(service="dead", address="127.0.0.1", port=free_port(), check=check, started=1),
        }
        redirect = Action(kind="redirect", code=301, location="https://#{host}:443/new#{path}?#{query}")
        rules = [
            forward("down", "/down"),
            forward("dead", "/dead", priority=2),
            Rule(priority=3, action=redirect, hosts=[HOST], paths=["/old*"]),
            forward("web", "/*", priority=4),
        ]
        otherwise = Action(kind="fixed-response", code=404, body="Not found")
        door = FrontDoor(Routes(rules=rules, otherwise=otherwise, checks={}), targets, lambda _target: None)
        await door.open(port, ("127.0.0.1",))
        try:
            async with aiohttp.ClientSession() as session:
                await test(session, f"http://127.0.0.1:{port}", targets)
        finally:
            await door.close()
            await application.cleanup()

    asyncio.run(run())


def _application() -> web.Application:
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", behind)
    return application


def test_a_request_arrives_as_it_is_with_the_headers_of_the_load_balancer() -> None:
    async def test(session: aiohttp.ClientSession, url: str, _targets: dict[str, Target]) -> None:
        headers = {"Host": f"{HOST}:80", "X-Forwarded-For": "10.1.2.3", "Connection": "x-hop", "X-Hop": "1"}
        async with session.post(f"{url}/a%2Fb/?q=%20x", data=b"x" * 200_000, headers=headers) as answer:
            seen = await answer.json()
            assert answer.headers.getall("Set-Cookie") == ["a=1", "b=2"]
        assert (seen["path"], seen["bytes"]) == ("/a%2Fb/?q=%20x", 200_000)
        assert seen["headers"]["Host"] == f"{HOST}:80"
        assert seen["headers"]["X-Forwarded-For"] == "10.1.2.3, 127.0.0.1"
        assert seen["headers"]["X-Forwarded-Proto"] == "http"
        assert seen["headers"]["X-Forwarded-Port"] == url.rpartition(":")[2]
        assert seen["headers"]["X-Amzn-Trace-Id"].startswith("Root=1-")
        assert "X-Hop" not in seen["headers"]

    served(test)


@pytest.mark.parametrize(
    ("host", "path", "status", "text"),
    [
        ("other.localhost", "/", 404, "Not found"),
        (HOST, "/down", 503, "503: no target of this service runs\n"),
        (HOST, "/dead", 502, "502: dead does not answer\n"),
    ],
)
def test_requests_without_a_target_that_answers(host: str, path: str, status: int, text: str) -> None:
    async def test(session: aiohttp.ClientSession, url: str, _targets: dict[str, Target]) -> None:
        async with session.get(f"{url}{path}", headers={"Host": host}) as answer:
            assert (answer.status, await answer.text()) == (status, text)

    served(test)


def test_a_redirect_to_https_of_the_same_site_stays_at_the_front_door() -> None:
    async def test(session: aiohttp.ClientSession, url: str, _targets: dict[str, Target]) -> None:
        async with session.get(f"{url}/old?v=1", headers={"Host": HOST}, allow_redirects=False) as answer:
            assert answer.status == 301
            assert answer.headers["Location"] == f"http://{HOST}:{url.rpartition(':')[2]}/newold?v=1"

    served(test)


def test_a_websocket_is_passed_on_with_its_subprotocol() -> None:
    async def test(session: aiohttp.ClientSession, url: str, _targets: dict[str, Target]) -> None:
        async with session.ws_connect(f"{url}/ws/", headers={"Host": HOST}, protocols=["chat"]) as socket:
            await socket.send_str("hello")
            assert socket.protocol == "chat"
            assert await socket.receive_str(timeout=300) == "hello 127.0.0.1"

    served(test)


def test_a_port_that_is_taken_is_refused() -> None:
    async def run() -> None:
        port = free_port()
        with taken(port), pytest.raises(RefusedError, match=f"port {port} is taken") as refused:
            await FrontDoor(Routes(rules=[], otherwise=Action(kind="fixed-response"), checks={}), {}, print).open(port)
        assert refused.value.hint == "stop the program that uses it, or pass --port"

    asyncio.run(run())


@contextmanager
def taken(port: int) -> Generator[None]:
    import socket

    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        yield


def test_the_first_check_that_passes_makes_a_new_target_healthy() -> None:
    target = Target(service="web", address="", port=0, check=HealthCheck(healthy_after=3))
    target.begin()
    assert target.note(None)
    assert target.state == "healthy"


def test_failed_checks_make_a_target_unhealthy_after_the_grace_period_only() -> None:
    target = Target(service="web", address="", port=0, check=HealthCheck(unhealthy_after=2), grace_seconds=1000)
    target.begin()
    for _ in range(5):
        assert not target.note("no answer")
    assert (target.state, target.must_restart) == ("initial", False)
    late = Target(service="web", address="", port=0, check=HealthCheck(unhealthy_after=2, healthy_after=2))
    late.begin()
    assert not late.note("no answer")
    assert late.note("no answer")
    assert (late.state, late.must_restart, late.reason) == ("unhealthy", True, "no answer")
    assert not late.note(None)
    assert late.note(None)
    assert late.state == "healthy"
