"""What a visitor gets: answers to requests, and the certificate. Redirects are shown, not followed."""

from __future__ import annotations

import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

TIMEOUT_SECONDS = 20
MOST_BYTES = 1_000_000
USER_AGENT = "orchestrator-smoke"


class WebError(Exception):
    """No answer came; says why in a clause."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An answer to a request."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    """By lower-case name."""

    body: bytes = field(default=b"", repr=False)
    """Its beginning, at most a megabyte."""

    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class ServedCertificate:
    """A certificate that this machine trusts for the host."""

    names: tuple[str, ...]
    expires: datetime
    issuer: str


class Web(Protocol):
    """Makes requests."""

    def get(self, url: str) -> Answer:
        """What a GET is answered. Raises WebError when nothing answers."""
        ...

    def certificate(self, host: str, port: int) -> ServedCertificate:
        """The certificate, verified. Raises WebError when it is not to be trusted."""
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
        return f"its certificate is not to be trusted: {reason.verify_message}"
    if isinstance(reason, socket.gaierror):
        return "its name cannot be resolved"
    if isinstance(reason, TimeoutError):
        return f"no answer within {TIMEOUT_SECONDS} s"
    return str(getattr(reason, "strerror", None) or reason)
