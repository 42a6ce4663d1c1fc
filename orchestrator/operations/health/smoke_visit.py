"""Checks of `smoke` as a visitor: page, certificate, redirect to HTTPS, static file."""

from __future__ import annotations

import re
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from urllib.parse import urljoin, urlsplit

from orchestrator.operations.health.verdicts import Check, fail, not_applicable, ok, warn
from pulumi_django.deploying.polling import Clock

TIMEOUT_SECONDS = 20
MOST_BYTES = 1_000_000
USER_AGENT = "orchestrator-smoke"

EXPIRES_SOON = timedelta(days=14)
ADMIN_STYLE = "static/admin/css/base.css"
"""A file of Django's own admin, for pages without one."""

RETRY_SECONDS = 5.0
_ASSET = re.compile(rb"""(?:src|href)=["']([^"']+\.(?:css|js|png|svg|ico|woff2)(?:\?[^"']*)?)["']""")


class WebError(Exception):
    """No answer came; the text is the reason, as a clause."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An answer to a request."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    """By lower-case name."""

    body: bytes = field(default=b"", repr=False)
    """The beginning, at most one megabyte."""

    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class ServedCertificate:
    """A certificate that this machine trusts for the host."""

    names: tuple[str, ...]
    expires: datetime
    issuer: str


class Web(Protocol):
    """Makes requests; redirects are not followed."""

    def get(self, url: str) -> Answer:
        """Return the answer to a GET. Raises WebError without an answer."""
        ...

    def certificate(self, host: str, port: int) -> ServedCertificate:
        """Return the verified certificate. Raises WebError when it is not trusted."""
        ...


class RealWeb:
    """Requests over the network."""

    def get(self, url: str) -> Answer:
        request = urllib.request.Request(url, headers={"User-Agent": USER_AGENT})
        began = time.monotonic()
        try:
            with urllib.request.build_opener(_NoRedirect).open(request, timeout=TIMEOUT_SECONDS) as response:
                return _answer(response, began)
        except urllib.error.HTTPError as error:
            with error:
                return _answer(error, began)
        except (OSError, ValueError) as error:
            raise WebError(_why(error)) from error

    def certificate(self, host: str, port: int) -> ServedCertificate:
        context = ssl.create_default_context()
        try:
            with (
                socket.create_connection((host, port), timeout=TIMEOUT_SECONDS) as raw,
                context.wrap_socket(raw, server_hostname=host) as secured,
            ):
                found: Any = secured.getpeercert()
        except OSError as error:
            raise WebError(_why(error)) from error
        issuer = {key: value for part in found.get("issuer", ()) for key, value in part}
        return ServedCertificate(
            names=tuple(value for kind, value in found.get("subjectAltName", ()) if kind == "DNS"),
            expires=datetime.fromtimestamp(ssl.cert_time_to_seconds(found["notAfter"]), UTC),
            issuer=issuer.get("organizationName") or issuer.get("commonName") or "unknown",
        )


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def _answer(response: Any, began: float) -> Answer:
    return Answer(
        status=int(response.status),
        headers={name.lower(): value for name, value in response.headers.items()},
        body=response.read(MOST_BYTES),
        seconds=time.monotonic() - began,
    )


def _why(error: Exception) -> str:
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(reason, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {reason.verify_message}"
    if isinstance(reason, socket.gaierror):
        return "its name cannot be resolved"
    if isinstance(reason, TimeoutError):
        return f"no answer within {TIMEOUT_SECONDS} s"
    return str(getattr(reason, "strerror", None) or reason)


class Visit:
    """A visitor of a URL."""

    def __init__(self, url: str, environment: str, web: Web, clock: Clock, patience_seconds: float) -> None:
        self._url, self._environment = url.rstrip("/") + "/", environment
        self._web, self._clock, self._patience = web, clock, patience_seconds
        self._page: Answer | None = None

    def url(self) -> Check:
        """Check that the page answers; retry while patience lasts."""
        deadline = self._clock.now() + self._patience
        while True:
            try:
                self._page = self._web.get(self._url)
                found = _judged(self._page, self._url)
            except WebError as error:
                found = fail("url", f"{self._url}: {error}", "see the services below; a new name takes a few minutes")
            if found.verdict == "ok" or self._clock.now() >= deadline:
                return found
            self._clock.sleep(RETRY_SECONDS)

    def certificate(self) -> Check:
        """Check that this machine trusts it, and that it does not expire soon."""
        parts = urlsplit(self._url)
        if parts.scheme != "https":
            return not_applicable("certificate", "the base uses HTTP")
        try:
            found = self._web.certificate(str(parts.hostname), parts.port or 443)
        except WebError as error:
            return fail("certificate", str(error), f"see `orchestrator doctor {self._environment}`")
        evidence = f"{', '.join(found.names)} by {found.issuer} until {found.expires:%Y-%m-%d}"
        if found.expires - datetime.now(UTC) < EXPIRES_SOON:
            return warn("certificate", evidence, "ACM renews it only while its validation records are in the zone")
        return ok("certificate", evidence)

    def redirect(self) -> Check:
        """Check that HTTP redirects to HTTPS on the same host."""
        parts = urlsplit(self._url)
        if parts.scheme != "https":
            return not_applicable("redirect", "the base uses HTTP")
        plain = f"http://{parts.hostname}/"
        try:
            found = self._web.get(plain)
        except WebError as error:
            return fail("redirect", f"{plain}: {error}")
        to = found.headers.get("location", "")
        evidence = f"{plain}: {found.status} {to}".rstrip()
        secure = urlsplit(to)
        if found.status in (301, 308) and (secure.scheme, secure.hostname) == ("https", parts.hostname):
            return ok("redirect", evidence)
        return fail(
            "redirect", evidence, "the load balancer's HTTP listener was changed: `orchestrator drift` its base"
        )

    def static_file(self) -> Check:
        """Check the page's first static file on the application's hosts, else one of Django's admin."""
        named = [match.decode("utf-8", "replace") for match in _ASSET.findall(self._body())]
        own = [url for name in named if (url := self._own(name))]
        url = own[0] if own else urljoin(self._url, ADMIN_STYLE)
        try:
            found = self._web.get(url)
        except WebError as error:
            return fail("static file", f"{url}: {error}")
        evidence = f"{url}: {found.status}, {len(found.body)} bytes"
        if found.status == 200 and found.body:
            return ok("static file", evidence)
        if not own and found.status == 404:
            return warn("static file", f"the page has none, and {evidence}", "this is correct without Django's admin")
        return fail("static file", evidence, "run `collectstatic` in the image or the release")

    def _own(self, name: str) -> str | None:
        """Return the URL of a file on the application's host, on a host below it, or on CloudFront; else None."""
        try:
            url = urljoin(self._url, name)
            host, own = urlsplit(url).hostname or "", urlsplit(self._url).hostname or ""
        except ValueError:  # a page may contain anything
            return None
        return url if host == own or host.endswith((f".{own}", ".cloudfront.net")) else None

    def _body(self) -> bytes:
        return self._page.body if self._page and self._page.status < 300 else b""


def _judged(answer: Answer, url: str) -> Check:
    evidence = f"{url}: {answer.status} in {answer.seconds * 1000:.0f} ms"
    if answer.status < 400 or answer.status in (401, 403):
        return ok("url", evidence)
    hints = {
        404: "the load balancer has no rule for this host, or the application has no page there",
        502: "the task does not answer with valid HTTP, or closes the connection",
        503: "no healthy task is behind the load balancer",
        504: "the task does not answer in time",
    }
    return fail("url", evidence, hints.get(answer.status, "read the log of the web service"))
