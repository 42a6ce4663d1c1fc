"""The state of an environment on this machine, as other commands read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from orchestrator.engines import processes
from orchestrator.errors import RefusedError
from orchestrator.local.folder import StateFolder


@dataclass(frozen=True, kw_only=True)
class LocalServiceState:
    """One container of a service."""

    service: str
    container: str
    status: str
    """`running`, `stopped`, and for targets of the front door `initial`, `healthy` or `unhealthy`."""

    pid: int | None
    address: str | None
    """Address on which it listens; None without a port."""

    restarts: int
    reason: str | None
    """The failed health check, if there is one."""


@dataclass(frozen=True, kw_only=True)
class LocalState:
    """A running environment."""

    environment: str
    url: str
    code: str
    """Folder of the working copy."""

    started: str
    pid: int
    """Process of `local up`."""

    services: list[LocalServiceState]
    web: str | None = field(default=None, repr=False)
    """Short name of the web service."""

    variables: Mapping[str, Mapping[str, str]] = field(default_factory=dict[str, Mapping[str, str]], repr=False)
    """The variables of each container, with secrets."""


def current(folder: StateFolder, name: str) -> LocalState:
    """The state of the environment. Raises RefusedError when it does not run on this machine."""
    found = folder.read(folder.running)
    if found is not None:
        process = processes.Process(**found["process"])
        if processes.runs(process, own_disk=True):
            return LocalState(
                environment=found["environment"],
                url=found["url"],
                code=found["code"],
                started=found["started"],
                pid=process.pid,
                services=[LocalServiceState(**each) for each in found["services"]],
                web=found["web"],
                variables=found["variables"],
            )
    raise RefusedError(f"{name} does not run on this machine", f"start it: `orchestrator local up {name}`")
