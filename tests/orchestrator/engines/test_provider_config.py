"""Both engines pass the same provider configuration to a program."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator.config.aws_settings import access_of
from orchestrator.config.projects import Project
from orchestrator.errors import OrchestratorError
from orchestrator.model import Scope
from pulumi_django.deploying.aws_access import AwsAccess
from pulumi_django.deploying.aws_settings import AssumedRole
from tests.support.engines import BASE, Workshop

ROLE = "arn:aws:iam::123456789012:role/deploy"
PROGRAM = """
import pulumi
from pulumi_django.program import project

project.aws_provider(base="dev")
access = project.aws_access()
pulumi.export("access", repr(access))
"""
CONFIG = f"""
config:
  aws:profile: "123456789012"
  aws:maxRetries: 3
  aws:useFipsEndpoint: true
  aws:assumeRole:
    roleArn: {ROLE}
    sessionName: ci
    externalId: "0042"
  aws:endpoints:
    - sts: http://127.0.0.1:1
"""


@pytest.fixture(params=["simulation", pytest.param("pulumi", marks=pytest.mark.engine)])
def shop(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    shop = Workshop(tmp_path, request.param, monkeypatch.setenv)
    (tmp_path / "base" / "__main__.py").write_text(PROGRAM)
    file = tmp_path / "base" / "Pulumi.yaml"
    file.write_text(f"{file.read_text()}config:\n  aws:region: eu-west-1\n")
    (tmp_path / "base" / "Pulumi.dev.yaml").write_text(CONFIG)
    return shop


def test_program_provider_and_operations_have_the_same_access(shop: Workshop) -> None:
    said = shop.run(BASE).outputs["access"].value
    project = Project(key="base", path=shop.folder / "base", name="fixture-base", scope=Scope.BASE)
    found = access_of(project, "dev")
    assert found == AwsAccess(
        region="eu-west-1",
        profile="123456789012",
        max_retries=3,
        use_fips_endpoint=True,
        assume_roles=[AssumedRole(role_arn=ROLE, session_name="ci", external_id="0042")],
        endpoints={"sts": "http://127.0.0.1:1"},
    )
    assert said == repr(found)
    provider = next(r for r in shop.engine.resources(BASE) if r.type == "pulumi:providers:aws")
    inputs = {key: value for key, value in provider.inputs.items() if key in ("region", "profile", "maxRetries")}
    assert inputs == {"region": "eu-west-1", "profile": "123456789012", "maxRetries": "3"}
    assert json.loads(provider.inputs["assumeRoles"]) == [{"roleArn": ROLE, "sessionName": "ci", "externalId": "0042"}]


def test_a_key_that_the_provider_does_not_have_is_refused_with_stack_and_file(shop: Workshop) -> None:
    (shop.folder / "base" / "Pulumi.dev.yaml").write_text("config:\n  aws:profil: shop\n")
    with pytest.raises(OrchestratorError) as refused:
        shop.run(BASE)
    for words in ("aws:profil is not a key of the AWS provider: did you mean profile?", "dev", "Pulumi.dev.yaml"):
        assert words in str(refused.value)
    assert "TypeError" not in str(refused.value)
