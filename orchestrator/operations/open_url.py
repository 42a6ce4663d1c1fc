"""`open`: the address of an environment."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.operations.aws.clients import Clients
from orchestrator.operations.aws.targets import Target
from orchestrator.operations.events import Note, Observer, ignore


@dataclass(frozen=True, kw_only=True)
class OpenUrl:
    """The page."""

    path: str = ""
    """Path below the environment's root, for example `/admin/`."""


@dataclass(frozen=True, kw_only=True)
class Page:
    """The page's address."""

    url: str


def run(request: OpenUrl, target: Target, clients: Clients, observer: Observer = ignore) -> Page:
    """Return the page's address without a call to AWS. The caller opens it."""
    del clients
    if target.rest:
        name = target.environment
        text = f"{name} is {target.rest}: nothing answers at this address until `orchestrator wake {name}`"
        observer(Note(text=text, severity="warning"))
    path = request.path.lstrip("/")
    return Page(url=f"{target.outputs.url.rstrip('/')}/{path}")
