"""Admission of requests: host names, the user's identity, and requests that another site sends."""

from __future__ import annotations

import secrets
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestrator.web.options import ServeOptions

COOKIE = "orchestrator_session"
ACTION_HEADER = "x-orchestrator-action"
"""A page of another site cannot send this header without permission: https://owasp.org/www-community/attacks/csrf"""

_HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "cross-origin-resource-policy": "same-origin",
}


class Admission:
    """Admits requests of known users to known hosts, and notes the user's identity as `request.state.identity`."""

    def __init__(self, app: ASGIApp, options: ServeOptions) -> None:
        self._app, self._options = app, options

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
            await send(message)

        request = Request(scope, receive)
        answer = self._refusal(request)
        await (answer or self._app)(scope, receive, with_headers)

    def _refusal(self, request: Request) -> Response | None:
        if _host_of(request) not in self._options.hosts:
            return PlainTextResponse("this host name is not served: pass it with --public-host\n", 421)
        identity = self._identity(request)
        if identity is None:
            return PlainTextResponse("open the address that `orchestrator serve` printed\n", 401)
        if request.method == "GET" and "token" in request.query_params:
            opened = RedirectResponse(request.url.path, 303)
            secure = request.url.scheme == "https"
            opened.set_cookie(COOKIE, self._options.session, httponly=True, samesite="strict", secure=secure)
            return opened
        if request.method not in ("GET", "HEAD") and not _is_own(request):
            return PlainTextResponse("the request does not come from this page\n", 403)
        request.state.identity = identity
        return None

    def _identity(self, request: Request) -> str | None:
        """The user; None for a stranger."""
        header = self._options.identity_header
        if header and (named := request.headers.get(header, "").strip()):
            return named[:100]
        given = (
            (request.query_params.get("token", ""), self._options.token),
            (request.headers.get("authorization", ""), f"Bearer {self._options.token}"),
            (request.cookies.get(COOKIE, ""), self._options.session),
        )
        known = [secrets.compare_digest(text.encode(), secret.encode()) for text, secret in given]
        return "token" if any(known) else None


def _host_of(request: Request) -> str:
    """The host name of the Host header in lower case, without its port."""
    try:
        return _bracketed(urlsplit(f"//{request.headers.get('host', '')}").hostname or "")
    except ValueError:
        return ""


def _bracketed(name: str) -> str:
    return f"[{name}]" if ":" in name else name


def _is_own(request: Request) -> bool:
    """Whether a changing request was sent by the page itself or by a program, not by another site."""
    origin: Any = request.headers.get("origin")
    own = origin is None or urlsplit(origin).netloc.lower() == request.headers.get("host", "").lower()
    is_json = request.headers.get("content-type", "").split(";")[0].strip() == "application/json"
    return own and is_json and ACTION_HEADER in request.headers
