"""`open`: where the environment answers."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.operations.aws.clients import Clients
from orchestrator.operations.aws.target import Target
from orchestrator.operations.observer import Note, Observer, ignore


@dataclass(frozen=True, kw_only=True)
class OpenUrl:
    """Which page."""

    path: str = ""
    """Path below the environment's root, for example `/admin/`."""


@dataclass(frozen=True, kw_only=True)
class Page:
    """The page's address."""

    url: str


def run(request: OpenUrl, target: Target, clients: Clients, observer: Observer = ignore) -> Page:
    """The page's address; AWS is not asked. Whoever calls opens it."""
    del clients
    if target.asleep:
        name = target.environment
        text = f"{name} sleeps: nothing answers there until `orchestrator wake {name}`"
        observer(Note(text=text, severity="warning"))
    path = request.path.lstrip("/")
    return Page(url=f"{target.outputs.url.rstrip('/')}/{path}")
