"""The options of `orchestrator serve`."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.api import Orchestrator
from orchestrator.events import Observer, ignore

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True, kw_only=True)
class ServeOptions:
    """Address, access and permissions of the page, and how each request opens the orchestrator."""

    token: str = field(repr=False)
    """The secret of the address that the command prints."""

    where: Path | None = None
    engine: str | None = None
    wait: str | None = None
    host: str = "127.0.0.1"
    port: int = 8484
    public_hosts: tuple[str, ...] = ()
    """Further host names under which browsers reach the page, for example that of a reverse proxy."""

    identity_header: str | None = None
    """Request header in which a reverse proxy names the user; None accepts only the token."""

    allow_actions: bool = False
    allow_prod: bool = False
    refresh_seconds: float = 30.0

    @property
    def session(self) -> str:
        """The value of the session's cookie. The token cannot be computed from it."""
        return hashlib.sha256(f"session {self.token}".encode()).hexdigest()

    @property
    def hosts(self) -> frozenset[str]:
        """The names in the Host header that are served. Others are refused, since a foreign name may point here."""
        own = f"[{self.host}]" if ":" in self.host else self.host
        return frozenset(name.lower() for name in (*LOOPBACK, own, *self.public_hosts))

    @property
    def address(self) -> str:
        """The address that opens the page and its session."""
        name = "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host
        shown = f"[{name}]" if ":" in name else name
        return f"http://{shown}:{self.port}/?token={self.token}"

    def orchestrator(self, observer: Observer = ignore) -> Orchestrator:
        """A new orchestrator. Settings are read again each time. Raises the errors of `orchestrator.errors`."""
        return Orchestrator(
            self.where, engine=self.engine, wait=self.wait, observer=observer, allow_prod=self.allow_prod
        )
