"""The virtual processors that an environment takes from the quotas of Fargate."""

from __future__ import annotations

import pytest

from orchestrator.cost.fargate import vcpus
from orchestrator.model import StackResource
from pulumi_django.testing import SimulationResult
from tests.support.projects import simulate_alpha, simulate_dev


def resources(result: SimulationResult) -> tuple[StackResource, ...]:
    return tuple(StackResource(urn=r.urn, type=r.type, name=r.name, inputs=r.inputs) for r in result.resources)


def test_an_ad_hoc_environment_has_beat_and_redis_on_demand_and_the_rest_on_spot() -> None:
    alpha = resources(simulate_alpha())
    assert vcpus(alpha, spot=False) == 0.25 + 0.25
    # gunicorn has 1 vCPU, the frontend and the worker a quarter each.
    assert vcpus(alpha, spot=True) == 1 + 0.25 + 0.25


def test_a_production_environment_counts_the_least_tasks_of_scaled_services() -> None:
    base = simulate_dev(changes={"django-base:kind": "prod"})
    live = resources(simulate_alpha(base, changes={"django-app:cache": {}, "django-app:frontend_image": None}))
    counts = {r.inputs["name"]: r.inputs["desiredCount"] for r in live if r.type == "aws:ecs/service:Service"}
    assert vcpus(live, spot=True) == 0
    assert vcpus(live, spot=False) == pytest.approx(1 * counts["alpha-gunicorn"] + 0.25 * (len(counts) - 1))


def test_a_sleeping_environment_takes_none() -> None:
    asleep = resources(simulate_alpha(changes={"django-app:asleep": True}))
    assert (vcpus(asleep, spot=False), vcpus(asleep, spot=True)) == (0, 0)
