"""Reading checkpoints, beyond the contract tests."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.engines.automation import checkpoint


def provider(**inputs: Any) -> dict[str, Any]:
    return {"type": "pulumi:providers:aws", "urn": "urn:pulumi:dev::p::pulumi:providers:aws::aws", "inputs": inputs}


@pytest.mark.parametrize(
    ("resources", "region"),
    [
        ([], None),
        ([provider()], None),
        ([provider(region="eu-west-1"), {"type": "aws:sns/topic:Topic", "urn": "u"}], "eu-west-1"),
        ([provider(region="eu-west-1"), provider(region="us-east-1")], None),
    ],
)
def test_the_region_is_that_of_the_stacks_only_provider(resources: list[dict[str, Any]], region: str | None) -> None:
    assert checkpoint.region({"resources": resources}) == region
