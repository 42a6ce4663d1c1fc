"""Matching resources with creates, without AWS."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from orchestrator.recovery.adoption import (
    Adoption,
    Finding,
    NotFound,
    Undecided,
    decide,
    pending_creates,
    physical_ids,
)
from orchestrator.recovery.finders import Candidate
from tests.support.deployments import SECRET, TAGS, deployment, pending, resource, urn

EIP, CLUSTER = "aws:ec2/eip:Eip", "aws:ecs/cluster:Cluster"


def found(*looked: Sequence[Candidate], of: dict[str, object]) -> tuple[Finding, ...]:
    creates = pending_creates(of)
    return decide(creates, {create.urn: item for create, item in zip(creates, looked, strict=True)}, physical_ids(of))


def by_tags(id_: str, **more: str) -> Candidate:
    return Candidate(id=id_, tags={**TAGS, **more}, distinct=False)


def test_a_pending_create_has_its_names_and_all_its_tags_and_no_secret() -> None:
    state = deployment(
        pending(CLUSTER, "c", name="alpha-cluster", tags={"Name": "c", "__defaults": "x"}, password=SECRET),
        {"type": "updating", "resource": resource(CLUSTER, "d", "d")},
    )
    (create,) = pending_creates(state)
    assert create.inputs == {"name": "alpha-cluster", "tags": {"Name": "c"}, "password": None}
    assert create.tags == {**TAGS, "Name": "c"}


def test_a_deployment_without_pending_operations_has_no_pending_creates() -> None:
    assert pending_creates({"manifest": {}}) == ()


def test_a_resource_with_exactly_our_tags_is_adopted_unless_the_state_has_it() -> None:
    state = deployment(pending(EIP, "b"), resources=(resource(EIP, "a", "eipalloc-1"),))
    assert found([by_tags("eipalloc-1"), by_tags("eipalloc-2")], of=state) == (
        Adoption(urn=urn(EIP, "b"), type=EIP, physical_id="eipalloc-2"),
    )


def test_several_matching_resources_are_reported_and_none_is_adopted() -> None:
    state = deployment(pending(EIP, "b"))
    assert found([by_tags("eipalloc-1"), by_tags("eipalloc-2")], of=state) == (
        Undecided(
            urn=urn(EIP, "b"),
            type=EIP,
            reason="2 resources match: eipalloc-1, eipalloc-2",
            candidates=("eipalloc-1", "eipalloc-2"),
        ),
    )


def test_exact_tags_come_before_additional_ones() -> None:
    state = deployment(pending(EIP, "plain"), pending(EIP, "named", tags={"Name": "x"}))
    candidates = [by_tags("eipalloc-1", Name="x"), by_tags("eipalloc-2")]
    results = found(candidates, candidates, of=state)
    assert [getattr(result, "physical_id", None) for result in results] == ["eipalloc-2", "eipalloc-1"]


def test_a_resource_is_never_given_to_two_creates() -> None:
    state = deployment(pending(EIP, "plain"), pending(EIP, "named", tags={"Name": "x"}))
    only = [by_tags("eipalloc-1", Name="x")]
    plain, named = found(only, only, of=state)
    assert isinstance(plain, NotFound)
    assert named == Adoption(urn=urn(EIP, "named"), type=EIP, physical_id="eipalloc-1")


def test_creates_that_ask_for_the_very_same_are_interchangeable() -> None:
    state = deployment(pending(EIP, "a"), pending(EIP, "b"), pending(EIP, "c"))
    two = [by_tags("eipalloc-1"), by_tags("eipalloc-2")]
    results = found(two, two, two, of=state)
    assert [getattr(result, "physical_id", None) for result in results] == ["eipalloc-1", "eipalloc-2", None]


def test_tags_that_a_company_or_aws_adds_do_no_harm() -> None:
    state = deployment(pending(EIP, "a"), pending(EIP, "b", tags={"Name": "b"}))
    results = found(
        [by_tags("eipalloc-1", **{"aws:autoscaling:groupName": "x"})],
        [by_tags("eipalloc-2", Name="b", CreatedBy="ada")],
        of=state,
    )
    assert [getattr(result, "physical_id", None) for result in results] == ["eipalloc-1", "eipalloc-2"]


def test_without_a_name_of_its_own_a_resource_without_our_tags_is_not_adopted() -> None:
    state = deployment(pending(EIP, "b"), tags={})
    (result,) = found([Candidate(id="eipalloc-1", tags={}, distinct=False)], of=state)
    assert isinstance(result, NotFound)


def test_a_resource_of_our_name_that_was_not_tagged_yet_is_adopted() -> None:
    state = deployment(pending("aws:s3/bucket:Bucket", "b", bucket="alpha-assets-1"))
    (result,) = found([Candidate(id="alpha-assets-1", tags={})], of=state)
    assert isinstance(result, Adoption)


def test_a_resource_with_our_name_and_other_tags_belongs_to_another_owner() -> None:
    state = deployment(pending(CLUSTER, "c", name="alpha-cluster"))
    (result,) = found([Candidate(id="arn:x", tags={**TAGS, "base": "qa"})], of=state)
    assert result == NotFound(
        urn=urn(CLUSTER, "c"), type=CLUSTER, reason="arn:x belongs to another owner: its tag base is qa"
    )


def test_a_missing_resource_is_reported() -> None:
    state = deployment(pending(CLUSTER, "c", name="alpha-cluster"))
    assert found([], of=state) == (
        NotFound(urn=urn(CLUSTER, "c"), type=CLUSTER, reason="AWS has no resource with its name or tags"),
    )


@pytest.mark.parametrize("default_tags", ['{"tags": {}}', {"tags": {"team": "shop"}}, None])
def test_a_providers_default_tags_may_be_text_or_a_map_or_missing(default_tags: object) -> None:
    state = deployment(pending(EIP, "a"))
    state["resources"][1]["inputs"]["defaultTags"] = default_tags
    (create,) = pending_creates(state)
    assert create.tags == ({"team": "shop"} if isinstance(default_tags, dict) else {})
