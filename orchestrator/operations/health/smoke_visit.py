"""What `smoke` sees as a visitor: the page, its certificate, the way from HTTP to HTTPS, a static file."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import urljoin, urlsplit

from orchestrator.operations.health.checks import Check, fail, not_applicable, ok, warn
from orchestrator.operations.health.web_client import Answer, Web, WebError
from pulumi_django.deploying.polling import Clock

EXPIRES_SOON = timedelta(days=14)
ADMIN_STYLE = "static/admin/css/base.css"
"""A file that Django's own admin brings, for pages that name none."""

RETRY_SECONDS = 5.0
_ASSET = re.compile(rb"""(?:src|href)=["']([^"']+\.(?:css|js|png|svg|ico|woff2)(?:\?[^"']*)?)["']""")


class Visit:
    """One visitor at one address."""

    def __init__(self, url: str, environment: str, web: Web, clock: Clock, patience_seconds: float) -> None:
        self._url, self._environment = url.rstrip("/") + "/", environment
        self._web, self._clock, self._patience = web, clock, patience_seconds
        self._page: Answer | None = None

    def url(self) -> Check:
        """The page answers; asked again while patience lasts."""
        deadline = self._clock.now() + self._patience
        while True:
            try:
                self._page = self._web.get(self._url)
                found = _judged(self._page, self._url)
            except WebError as error:
                found = fail("url", f"{self._url}: {error}", "see the services below; a new name takes some minutes")
            if found.verdict == "ok" or self._clock.now() >= deadline:
                return found
            self._clock.sleep(RETRY_SECONDS)

    def certificate(self) -> Check:
        """This machine trusts it, and will for a while."""
        parts = urlsplit(self._url)
        if parts.scheme != "https":
            return not_applicable("certificate", "the base speaks HTTP")
        try:
            found = self._web.certificate(str(parts.hostname), parts.port or 443)
        except WebError as error:
            return fail("certificate", str(error), f"look at `orchestrator doctor {self._environment}`")
        evidence = f"{', '.join(found.names)} by {found.issuer} until {found.expires:%Y-%m-%d}"
        if found.expires - datetime.now(UTC) < EXPIRES_SOON:
            return warn("certificate", evidence, "ACM renews it only while its validation records stand in the zone")
        return ok("certificate", evidence)

    def redirect(self) -> Check:
        """HTTP leads to HTTPS on the same host."""
        parts = urlsplit(self._url)
        if parts.scheme != "https":
            return not_applicable("redirect", "the base speaks HTTP")
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
        """The first file that the page names on our hosts, else one of Django's admin."""
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
            return warn("static file", f"the page names none, and {evidence}", "without Django's admin that is fine")
        return fail("static file", evidence, "run `collectstatic` in the image or the release")

    def _own(self, name: str) -> str | None:
        """The address of a file that is the application's: on its host, on a host below it, or on CloudFront."""
        try:
            url = urljoin(self._url, name)
            host, own = urlsplit(url).hostname or "", urlsplit(self._url).hostname or ""
        except ValueError:  # a page may say anything
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
        502: "the task answers with something that is no HTTP, or ends in the middle of it",
        503: "no healthy task stands behind the load balancer",
        504: "the task does not answer in time",
    }
    return fail("url", evidence, hints.get(answer.status, "read the log of the web service"))
