"""The virtual processors that an environment takes from the quotas of Fargate."""

from __future__ import annotations

import pytest

from orchestrator.cost.estimate import estimate
from orchestrator.cost.fargate import vcpus
from orchestrator.cost.prices import packaged
from orchestrator.model import StackResource
from pulumi_django.testing import SimulationResult
from tests.support.projects import simulate_alpha, simulate_dev

PRICES = packaged()


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


HOURS = {"open": "Mon-Fri 08:00-18:00", "timezone": "Europe/Berlin"}


def test_services_with_office_hours_cost_their_open_time() -> None:
    always = estimate(resources(simulate_alpha()), PRICES)
    part = estimate(resources(simulate_alpha(changes={"django-app:hours": HOURS})), PRICES)
    prices = {line.name: line.dollars_per_month for line in always.lines}
    found = {line.name: line for line in part.lines}
    for service in ("alpha-gunicorn", "alpha-web-ui", "alpha-default", "alpha-beat", "alpha-redis"):
        assert found[service].dollars_per_month == pytest.approx(prices[service] * 50 / 168, abs=0.01)
        assert found[service].detail.endswith(", open 30% of the time")


@pytest.mark.parametrize("changes", [{}, {"django-base:aurora": {}}])
def test_a_server_with_office_hours_costs_its_open_time_and_its_whole_storage(changes: dict[str, object]) -> None:
    always = estimate(resources(simulate_dev(changes=changes)), PRICES)
    part = estimate(resources(simulate_dev(changes={"django-base:hours": HOURS, **changes})), PRICES)
    saved = always.dollars_per_month - part.dollars_per_month
    server = next(
        line for line in always.lines if line.type in ("aws:rds/instance:Instance", "aws:rds/cluster:Cluster")
    )
    storage = 20 * PRICES.price("rds_storage", "gp3") if not changes else 0  # type: ignore[operator]
    # The server starts 20 minutes before the services and stops 10 minutes after them.
    assert saved == pytest.approx((server.dollars_per_month - storage) * (1 - 52.5 / 168), abs=0.02)
