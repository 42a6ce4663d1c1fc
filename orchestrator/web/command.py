"""The options of the command `serve`, with their checks."""

from __future__ import annotations

import os
import re
import secrets
from pathlib import Path

from orchestrator.config.durations import parse_duration
from orchestrator.errors import UsageError
from orchestrator.web.options import LOOPBACK, ServeOptions

TOKEN_VARIABLE = "ORCHESTRATOR_SERVE_TOKEN"
SHORTEST_TOKEN = 16
"""Characters of the shortest token. A shorter one could be guessed."""

SHORTEST_REFRESH_SECONDS = 2
_HEADER = re.compile(r"[A-Za-z0-9-]{1,100}")


def options_of(
    *,
    where: Path | None,
    engine: str | None,
    wait: str | None,
    host: str,
    port: int,
    public_hosts: tuple[str, ...],
    identity_header: str | None,
    allow_actions: bool,
    allow_prod: bool,
    refresh: str,
) -> ServeOptions:
    """The options of the command, with the token of the environment or a new one. Raises UsageError."""
    seconds = parse_duration(refresh).total_seconds()
    if seconds < SHORTEST_REFRESH_SECONDS:
        raise UsageError(f"--refresh {refresh} is too short", f"use {SHORTEST_REFRESH_SECONDS}s or more")
    if allow_prod and not allow_actions:
        raise UsageError("--allow-prod needs --allow-actions: without it the page changes nothing")
    if identity_header is not None and not _HEADER.fullmatch(identity_header):
        raise UsageError(
            f"--identity-header '{identity_header}' is not the name of a header", "use for example X-Forwarded-User"
        )
    token = os.environ.get(TOKEN_VARIABLE) or secrets.token_urlsafe(32)
    if len(token) < SHORTEST_TOKEN or not token.isascii() or not token.isprintable():
        raise UsageError(f"{TOKEN_VARIABLE} is not a safe token", f"use {SHORTEST_TOKEN} or more letters and digits")
    return ServeOptions(
        token=token,
        where=where,
        engine=engine,
        wait=wait,
        host=host,
        port=port,
        public_hosts=public_hosts,
        identity_header=identity_header,
        allow_actions=allow_actions,
        allow_prod=allow_prod,
        refresh_seconds=seconds,
    )


def warnings_of(options: ServeOptions) -> list[str]:
    """The risks of the address, one sentence each."""
    found: list[str] = []
    if options.host not in LOOPBACK:
        found.append(f"{options.host} is reached without encryption: put a proxy with TLS before it")
    if options.identity_header:
        found.append(f"any client of the port may set {options.identity_header}: only the proxy may reach the port")
    return found
