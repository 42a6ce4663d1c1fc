"""A pending create becomes a resource of the state, in an order that the engine accepts."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.recovery.adoption import Adoption, Finding, NotFound, Undecided
from orchestrator.recovery.state_edit import adopted_state
from tests.support.deployments import PROVIDER, SECRET, STACK, deployment, pending, resource, urn

TOPIC = "aws:sns/topic:Topic"


def adopt(name: str, id_: str = "arn:new") -> Adoption:
    return Adoption(urn=urn(TOPIC, name), type=TOPIC, physical_id=id_)


def urns(state: dict[str, Any]) -> list[str]:
    return [item["urn"] for item in state["resources"]]


def test_an_adopted_create_is_a_resource_with_its_id_its_inputs_and_them_as_outputs() -> None:
    inputs = {"name": "t-1", "__defaults": ["name"], "token": SECRET, "nested": [{"__defaults": [], "a": 1}]}
    operation = pending(TOPIC, "t", **inputs)
    operation["resource"]["protect"] = True
    state = adopted_state(deployment(operation), [adopt("t")])
    assert "pending_operations" not in state
    assert state["resources"][-1] == {
        **operation["resource"],
        "id": "arn:new",
        "outputs": {"name": "t-1", "token": SECRET, "nested": [{"a": 1}]},
    }
    assert state["resources"][-1]["inputs"] == inputs


def test_the_deployment_that_is_given_is_not_changed() -> None:
    before = deployment(pending(TOPIC, "t"), resources=(resource(TOPIC, "t", "arn:old"),))
    copy = deployment(pending(TOPIC, "t"), resources=(resource(TOPIC, "t", "arn:old"),))
    adopted_state(before, [adopt("t")])
    assert before == copy


def test_only_undecided_creates_stay_pending() -> None:
    gone, unclear = pending(TOPIC, "gone"), pending(TOPIC, "unclear")
    updating = {"type": "updating", "resource": resource(TOPIC, "there", "arn:there")}
    findings: list[Finding] = [
        NotFound(urn=urn(TOPIC, "gone"), type=TOPIC, reason="-"),
        Undecided(urn=urn(TOPIC, "unclear"), type=TOPIC, reason="-"),
    ]
    before = deployment(gone, unclear, updating, resources=(resource(TOPIC, "there", "arn:there"),))
    state = adopted_state(before, findings)
    assert state["pending_operations"] == [unclear]
    assert state["resources"] == before["resources"]


def test_a_replacement_comes_before_its_dependents_and_the_old_resource_waits_for_deletion() -> None:
    old = resource(TOPIC, "t", "arn:old")
    dependent = resource(TOPIC, "dependent", "arn:dependent", old["urn"])
    state = adopted_state(deployment(pending(TOPIC, "t"), resources=(old, dependent)), [adopt("t")])
    assert [(item.get("id"), item.get("delete", False)) for item in state["resources"][2:]] == [
        ("arn:new", False),
        ("arn:old", True),
        ("arn:dependent", False),
    ]


def test_a_resource_that_was_deleted_before_its_replacement_leaves_the_state() -> None:
    old = {**resource(TOPIC, "t", "arn:old"), "pendingReplacement": True}
    state = adopted_state(deployment(pending(TOPIC, "t"), resources=(old,)), [adopt("t")])
    assert [item.get("id") for item in state["resources"][2:]] == ["arn:new"]


def test_an_order_that_is_right_stays_as_it_is() -> None:
    first = resource(TOPIC, "first", "arn:1")
    second = resource(TOPIC, "second", "arn:2", first["urn"])
    alone = resource(TOPIC, "alone", "arn:3")
    before = deployment(pending(TOPIC, "t", second["urn"]), resources=(first, alone, second))
    assert urns(adopted_state(before, [adopt("t")])) == [*urns(before), urn(TOPIC, "t")]


@given(st.data())
def test_every_resource_comes_after_those_that_it_needs(data: st.DataObject) -> None:
    names = [f"r{index}" for index in range(data.draw(st.integers(1, 8)))]
    resources: list[dict[str, Any]] = []
    for index, name in enumerate(names):
        needs = data.draw(st.lists(st.sampled_from(names[:index]), unique=True)) if index else []
        resources.append(resource(TOPIC, name, f"arn:{name}", *(urn(TOPIC, need) for need in needs)))
    target = data.draw(st.integers(0, len(names) - 1))
    replaced = pending(TOPIC, names[target], *resources[target]["dependencies"])
    state = adopted_state(deployment(replaced, resources=tuple(resources)), [adopt(names[target])])
    seen: set[str] = set()
    for item in state["resources"]:
        needs = [*item.get("dependencies", ()), item.get("parent"), PROVIDER if item.get("provider") else None]
        assert {need for need in needs if need} <= seen | ({STACK} if item["urn"] == STACK else set())
        assert item["urn"] not in seen or item.get("delete")
        seen.add(item["urn"])


def test_a_very_long_chain_is_no_problem() -> None:
    chain = [resource(TOPIC, "r0", "arn:0")]
    for index in range(1, 3000):
        chain.append(resource(TOPIC, f"r{index}", f"arn:{index}", chain[-1]["urn"]))
    backwards = tuple(reversed(chain))
    state = adopted_state(deployment(resources=backwards), [])
    assert urns(state)[2:] == [item["urn"] for item in chain]
