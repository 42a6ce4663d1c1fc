"""The example with a separate database unit, with the orchestrator."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from orchestrator import Orchestrator
from pulumi_django.contract import ContractError
from pulumi_django.testing import SimulationResult
from tests.support.examples import EXAMPLES, simulate_example


@pytest.fixture
def split(tmp_path: Path) -> Orchestrator:
    """The orchestrator in a copy of the example, with its simulated state."""
    folder = tmp_path / "split-database"
    shutil.copytree(EXAMPLES / "split-database", folder, ignore=shutil.ignore_patterns(".orchestrator"))
    return Orchestrator(folder)


def test_base_database_and_environment_are_created_in_order_and_destroyed_in_reverse_order(split: Orchestrator) -> None:
    created = split.create_env("alpha", base="dev")
    assert [(str(r.unit), r.status.value) for r in created.results] == [
        ("base/dev", "succeeded"),
        ("database/dev", "succeeded"),
        ("app/alpha", "succeeded"),
    ]
    destroyed = split.destroy_base("dev", cascade=True)
    assert [str(r.unit) for r in destroyed.results] == ["app/alpha", "database/dev", "base/dev"]


def test_the_environment_is_previewed_before_anything_exists(split: Orchestrator) -> None:
    previewed = split.preview_env("alpha", base="dev")
    assert [(str(r.unit), r.status.value) for r in previewed.results] == [
        ("base/dev", "succeeded"),
        ("database/dev", "succeeded"),
        ("app/alpha", "succeeded"),
    ]


def test_the_environment_uses_the_base_and_the_database() -> None:
    base = simulate_example("split-database/base", "dev")
    below = {"organization/example-split-base/dev": base}
    database = simulate_example("split-database/database", "dev", stacks=below)
    server = database.one("aws:rds/instance:Instance")
    assert database.one("aws:rds/subnetGroup:SubnetGroup").inputs["subnetIds"] == base.outputs["private_subnet_ids"]
    alpha = simulate_example(
        "split-database/app", "alpha", stacks={**below, "organization/example-split-database/dev": database}
    )
    definition = alpha.one("aws:ecs/taskDefinition:TaskDefinition", "alpha-gunicorn-task").inputs
    assert server.outputs["address"] in definition["containerDefinitions"]


def test_the_error_names_the_outputs_that_a_stack_does_not_export() -> None:
    base = simulate_example("split-database/base", "dev")
    below = {
        "organization/example-split-base/dev": base,
        "organization/example-split-database/dev": SimulationResult(resources=(), outputs={}),
    }
    with pytest.raises(ContractError) as refused:
        simulate_example("split-database/app", "alpha", stacks=below)
    assert str(refused.value).startswith(
        "alpha cannot use dev: dev does not export database_host, database_port, database_master_secret_arn; "
    )
