"""The time for which an update waits for the rollouts of an environment."""

from __future__ import annotations

import functools
from typing import Any

import pytest

from pulumi_django import (
    DeploymentOptions,
    FrontendOptions,
    ProdFrontendOptions,
    ProdWebOptions,
    ReleaseOptions,
    WebOptions,
)
from pulumi_django.app import release
from pulumi_django.deploying.gate import ReleaseGate
from pulumi_django.deploying.gate_arguments import ReleaseGateArgs
from tests.pulumi_django.app.environment import prod
from tests.pulumi_django.app.test_ad_hoc import app

CANARY = DeploymentOptions(strategy="canary", step_minutes=10, bake_minutes=20)
DAYS = DeploymentOptions(strategy="linear", step_percent=25, step_minutes=1440, bake_minutes=1440)
PATHS = ("/api/*",)


@pytest.fixture
def gates(monkeypatch: pytest.MonkeyPatch) -> list[ReleaseGateArgs]:
    """The arguments of each gate that an environment creates."""
    seen: list[ReleaseGateArgs] = []

    @functools.wraps(ReleaseGate)
    def gate(name: str, args: ReleaseGateArgs) -> ReleaseGate:
        seen.append(args)
        return ReleaseGate(name, args)

    monkeypatch.setattr(release, "ReleaseGate", gate)
    return seen


@pytest.mark.parametrize(
    ("environment", "options", "limits"),
    [
        (app, {"listener_slot": 1}, (1200, 0)),
        (app, {"web": WebOptions(paths=PATHS, deployment=CANARY)}, (1200, 1800)),
        (app, {"frontend": FrontendOptions(deployment=CANARY)}, (1200, 1800)),
        (app, {"frontend": FrontendOptions(deployment=CANARY), "frontend_image": None}, (1200, 0)),
        (prod, {"web": ProdWebOptions(paths=PATHS, deployment=CANARY), "frontend": ProdFrontendOptions()}, (1200, 1800)),
        # Longer than the longest limit that a user can choose.
        (app, {"web": WebOptions(paths=PATHS, deployment=DAYS), "release": ReleaseOptions(rollout_timeout_seconds=86400)}, (86400, 4 * 86400)),
    ],
)  # fmt: skip
def test_the_waiting_time_of_the_slowest_deployment_is_added_to_the_limit(
    gates: list[ReleaseGateArgs], environment: Any, options: dict[str, Any], limits: tuple[int, int]
) -> None:
    environment(**options)
    assert [(gate.rollout_timeout_seconds, gate.waiting_seconds) for gate in gates] == [limits]
