"""A document with every state, and a browser."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from orchestrator.lifecycle.diagrams import Node
from orchestrator.model import ChangeOp, Kind, Scope, StackStatus
from orchestrator.operations.releases.history import Release, ReleasedImage
from orchestrator.rendering.dashboard_document import DashboardDocument, DashboardStack
from orchestrator.rendering.document_types import Change, NamedCost, OrphanedResource, PriceSource, StackState
from tests.support.command_line import Here

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def release(number: int, **more: Any) -> Release:
    reference = f"registry.example.com/shop:1.{number}"
    values: dict[str, Any] = {
        "number": number,
        "id": str(number),
        "started": NOW - timedelta(hours=9 - number),
        "operator": "ada",
        "command": "deploy",
        "commit": "0123456789abcdef",
        "images": (ReleasedImage(name="backend", reference=reference, tag=f"1.{number}", digest=None),),
        "changed": (),
        "duration_seconds": 93.0,
        "result": "succeeded",
        "reason": None,
        "running": False,
    }
    return Release(**{**values, **more})


def stack(name: str, **more: Any) -> DashboardStack:
    """An environment on the base dev; `more` are other values."""
    values: dict[str, Any] = {
        "name": name,
        "scope": Scope.ENVIRONMENT,
        "kind": Kind.AD_HOC,
        "base": "dev",
        "status": StackStatus.READY,
        "owner": "ada",
        "created": NOW - timedelta(days=3),
        "expires": None,
        "pinned": False,
        "asleep": False,
        "maintenance": None,
        "closed_until": None,
        "waits_for_approval": False,
        "commit": "0123456789abcdef",
        "branch": f"feature/{name}",
        "last_update": NOW - timedelta(hours=2),
        "resources": 91,
        "url": f"https://{name}.example.com",
        "monthly_cost": 35.03,
        "recorded": True,
        "environments": [],
        "missing": [],
        "stacks": [
            StackState(project="app", stack=name, status=StackStatus.READY, resources=91, last_update=NOW, problem=None)
        ],
        "outputs": {"url": f"https://{name}.example.com", "service_names": [f"{name}-web"]},
        "releases": [release(2, running=True), release(1)],
        "cost": NamedCost(name=name, dollars=35.03, lines=[], unpriced=[], by_use=[]),
        "locks": [],
        "drift": None,
        "problems": [],
    }
    return DashboardStack(**{**values, **more})


def base(name: str = "dev", **more: Any) -> DashboardStack:
    return stack(
        name, scope=Scope.BASE, base=None, url=None, releases=[], branch=None, commit=None, monthly_cost=78.42, **more
    )


def document(*stacks: DashboardStack, **more: Any) -> DashboardDocument:
    values: dict[str, Any] = {
        "notice": None,
        "generated": NOW,
        "prices": PriceSource(region="eu-west-1", date="2026-11-01"),
        "deployments": [*stacks],
        "nodes": [Node(id=f"{each.scope}/{each.name}", label=each.name, detail=each.scope.value) for each in stacks],
        "edges": [{"from": "base/dev", "to": f"environment/{each.name}"} for each in stacks if each.base],
        "orphans": None,
        "closed": [],
    }
    return DashboardDocument(**{**values, **more})


def many_states() -> DashboardDocument:
    """A document in which every state occurs."""
    change = Change(
        urn="urn:1", type="aws:ecs/service:Service", name="delta-web", op=ChangeOp.UPDATE, properties=["desiredCount"]
    )
    orphan = OrphanedResource(
        arn="arn:aws:s3:::old", type="bucket", name="old", base="dev", environment=None, outcome=None, reason=None
    )
    return document(
        base(environments=["alpha", "beta", "gamma", "delta", "epsilon"]),
        stack("alpha", expires=NOW + timedelta(days=2)),
        stack("beta", asleep=True, monthly_cost=1.2, owner="grace"),
        stack("gamma", status=StackStatus.FAILED, problems=["the service web of app/gamma did not become steady"]),
        stack("delta", drift=[change], locks=["delta is locked by ada@laptop (pid 7)"]),
        stack("epsilon", expires=NOW - timedelta(hours=3), closed_until=NOW + timedelta(hours=12)),
        base("prod", kind=Kind.PROD, environments=["live"]),
        stack("live", base="prod", kind=Kind.PROD, pinned=True, url="https://www.example.com", monthly_cost=412.5),
        orphans=[orphan],
    )


def with_two_environments(folder: Path, capsys: pytest.CaptureFixture[str]) -> Here:
    """The command line in a folder with the base dev and the environments alpha and beta on it."""
    found = Here(folder, capsys)
    (folder / "base" / "Pulumi.dev.yaml").write_text("config:\n  fixture-base:domain_name: example.com\n")
    assert found("create-env", "alpha", "beta", "--base", "dev", "--owner", "ada", "--yes").code == 0
    return found


# The driver keeps an event loop running in this thread, which other modules must not meet.
@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium; the test is skipped where it or its driver is missing."""
    if CHROMIUM is None or find_spec("playwright") is None:
        pytest.skip("Chromium or Playwright is not installed")
    from playwright.sync_api import sync_playwright

    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield opened
        opened.close()
