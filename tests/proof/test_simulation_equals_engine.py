"""The proof that the simulation does what the real engine does: the example projects, step by step, on both."""

from __future__ import annotations

import json
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.model import ChangeOp, Operation, Unit, UnitOutcome
from tests.support.standin.aws_server import credentials, serving
from tests.support.twins import APP, BASE, NULL, STANDALONE, Twins

pytestmark = pytest.mark.engine

ENGINES = ("pulumi", "simulation")
NEW_IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/app-backend:v1.0.1"


@pytest.fixture
def twins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Twins]:
    twins = Twins(tmp_path, monkeypatch.setenv)
    with serving(twins.cloud) as address:
        # The release and the rollouts of the real engine's hooks find their ECS here.
        for name, value in credentials(address).items():
            monkeypatch.setenv(name, value)
        twins.open_engines()
        yield twins


def operations(outcome: UnitOutcome) -> set[tuple[ChangeOp, str]]:
    return {(change.op, change.urn) for change in outcome.changes}


def properties(outcome: UnitOutcome) -> dict[str, tuple[str, ...]]:
    """The inputs that differ, which the engine tells of resources that have a provider, not of components."""
    changed = (ChangeOp.UPDATE, ChangeOp.REPLACE)
    return {c.urn: c.properties for c in outcome.changes if c.op in changed and c.type.startswith(("aws:", "random:"))}


def shown(outcome: UnitOutcome) -> dict[str, Any]:
    return {name: output.shown() for name, output in outcome.outputs.items()}


def both(twins: Twins, unit: Unit, operation: Operation = Operation.UP) -> UnitOutcome:
    """Carry the operation out on both engines; fails where anything differs."""
    real, simulated = (twins.run(engine, unit, operation) for engine in ENGINES)
    assert operations(real) == operations(simulated)
    assert properties(real) == properties(simulated)
    assert real.counts == simulated.counts
    assert shown(real) == shown(simulated)
    states = [twins.state(engine, unit) for engine in ENGINES]
    assert states[0].keys() == states[1].keys()
    different = {urn: (seen, states[1][urn]) for urn, seen in states[0].items() if seen != states[1][urn]}
    assert different == {}
    return simulated


def step(twins: Twins, unit: Unit, *, preview: bool = False, **changes: Any) -> UnitOutcome:
    """Change the configuration, then update on both engines; with `preview` look at that first."""
    twins.configure(unit, **changes)
    if preview:
        both(twins, unit, Operation.PREVIEW)
    return both(twins, unit)


def of_types(outcome: UnitOutcome, op: ChangeOp) -> set[str]:
    return {change.type.rpartition(":")[2] for change in outcome.changes if change.op is op}


def test_a_base_from_create_to_destroy(twins: Twins) -> None:
    assert step(twins, BASE, preview=True).counts.create > 50
    assert twins.asked_of_the_vpc("pulumi", BASE) == twins.asked_of_the_vpc("simulation", BASE)
    assert step(twins, BASE).counts.changed == 0
    updated = step(twins, BASE, idle_timeout_seconds=90)
    assert of_types(updated, ChangeOp.UPDATE) == {"LoadBalancer"}
    retagged = step(twins, BASE, tags={"team": "shop"})
    assert {"Vpc", "Subnet", "LoadBalancer"} <= of_types(retagged, ChangeOp.UPDATE)
    assert "Route" not in of_types(retagged, ChangeOp.UPDATE)
    replaced = step(twins, BASE, preview=True, network={"cidr_block": "10.1.0.0/16"})
    assert {"Vpc", "Subnet", "SecurityGroup"} <= of_types(replaced, ChangeOp.REPLACE)
    assert twins.asked_of_the_vpc("pulumi", BASE) == twins.asked_of_the_vpc("simulation", BASE)
    removed = step(twins, BASE, preview=True, bastion=False)
    assert "Instance" in of_types(removed, ChangeOp.DELETE)
    both(twins, BASE, Operation.DESTROY)
    assert twins.cloud.names() == []


def test_an_environment_from_create_to_destroy(twins: Twins) -> None:
    both(twins, BASE)
    assert step(twins, APP, preview=True).counts.create > 80
    assert step(twins, APP).counts.changed == 0
    image = step(twins, APP, preview=True, backend_image=NEW_IMAGE)
    assert of_types(image, ChangeOp.REPLACE) == {"TaskDefinition"}
    assert of_types(image, ChangeOp.UPDATE) == {"Service", "Rollout"}
    renamed = step(twins, APP, web={"service": "web", "paths": ["/api/*"]})
    assert "Service" in of_types(renamed, ChangeOp.CREATE) & of_types(renamed, ChangeOp.DELETE)
    removed = step(twins, APP, beat=None, workers={})
    assert "Service" in of_types(removed, ChangeOp.DELETE)
    both(twins, APP, Operation.DESTROY)
    both(twins, BASE, Operation.DESTROY)
    assert twins.cloud.names() == []


def test_the_port_of_a_base_is_whole_in_every_text_of_an_environment(twins: Twins) -> None:
    both(twins, BASE)
    both(twins, APP)
    for engine in ENGINES:
        found = twins.state(engine, APP).values()
        texts = [json.dumps([dict(seen.inputs), dict(seen.outputs)]) for seen in found]
        assert not any("5432.0" in text for text in texts)
        (database,) = [seen for seen in found if seen.inputs.get("family") == "alpha-database"]
        (container,) = json.loads(database.inputs["containerDefinitions"])
        assert {"name": "PGPORT", "value": "5432"} in container["environment"]
        assert any(":5432/alpha-db" in text for text in texts)


def test_null_in_a_stack_file_is_leaving_the_key_out(twins: Twins) -> None:
    both(twins, BASE)
    both(twins, APP)
    nulls: dict[str, Any] = {
        "wsgi_module": NULL,
        "sentry_dsn": NULL,
        "container_user": NULL,
        "cdn": NULL,
        "extra_hosts": NULL,
    }
    assert step(twins, APP, preview=False, **nulls, tags={"team": None}, assets={"versioned": None}).counts.changed == 0
    assert (
        step(twins, BASE, certificate_arn=NULL, hosted_zone_id=NULL, database={"instance_class": None}).counts.changed
        == 0
    )
    removed = step(twins, APP, frontend_image=NULL, beat=NULL)
    gone = {change.name for change in removed.changes if change.op is ChangeOp.DELETE}
    assert {"alpha-web-ui", "alpha-beat"} <= gone


def test_an_environment_follows_when_its_base_is_replaced(twins: Twins) -> None:
    both(twins, BASE)
    both(twins, APP)
    step(twins, BASE, network={"cidr_block": "10.1.0.0/16"})
    assert {"SecurityGroup", "TargetGroup"} <= of_types(step(twins, APP, preview=True), ChangeOp.REPLACE)


def test_base_and_environment_in_one_stack_from_create_to_destroy(twins: Twins) -> None:
    assert step(twins, STANDALONE, preview=True).counts.create > 140
    assert step(twins, STANDALONE).counts.changed == 0
    both(twins, STANDALONE, Operation.DESTROY)
    assert twins.cloud.names() == []
