"""What a create needs in AWS is looked at before it: each missing thing has its own sentence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from orchestrator.engines.rehearsal import Rehearsal
from orchestrator.errors import RefusedError
from orchestrator.lifecycle import CreateEnv, Job
from orchestrator.model import StackResource, Unit
from orchestrator.operations.health import before_create
from tests.support.moto_clients import MotoClients
from tests.support.workspace import APP_CONFIG, BASE_CONFIG, Workspace

BASE, APP = Unit("base", "dev"), Unit("app", "alpha")
ECR = "123456789012.dkr.ecr.us-east-1.amazonaws.com/shop:1"
ELSEWHERE = "arn:aws:acm:eu-west-1:123456789012:certificate/1"
SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:dsn-AbCdEf"
PARAMETER = "arn:aws:ssm:us-east-1:123456789012:parameter/shop/dsn"


class Account(MotoClients):
    """moto, with a quota for every code."""

    quota = 5

    def client(self, service: str) -> Any:
        if service == "service-quotas":
            return self
        return super().client(service)

    def get_service_quota(self, **_given: Any) -> Any:
        return {"Quota": {"Value": self.quota}}


@pytest.fixture
def aws() -> Iterator[Account]:
    with mock_aws():
        yield Account()


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


def job(workspace: Workspace) -> Job:
    made = workspace.orchestrator().prepare(CreateEnv(names=("alpha",), base="dev"))
    vpc = StackResource(urn="urn:vpc", type="aws:ec2/vpc:Vpc", name="vpc")
    made.rehearsals.update({BASE: Rehearsal(resources=(vpc,)), APP: Rehearsal()})
    return made


def refusal(workspace: Workspace, aws: Account) -> str:
    with pytest.raises(RefusedError) as caught:
        before_create.check(job(workspace), clients_for=lambda _place: aws)
    assert "--no-check" in (caught.value.hint or "")
    return caught.value.message


def test_everything_that_is_missing_is_named_at_once(workspace: Workspace, aws: Account) -> None:
    workspace.write("base", "dev", f"{BASE_CONFIG}  django-base:certificate_arn: {ELSEWHERE}\n")
    text = APP_CONFIG.replace("registry.example.com/shop:1", ECR)
    workspace.write("app", "alpha", f"{text}  django-app:extra_secrets:\n    A: {SECRET}\n    B: {PARAMETER}\n")
    aws.quota = 1  # moto has a default VPC
    said = refusal(workspace, aws)
    assert said.startswith("nothing was changed: ")
    for part in (
        f"certificate: {ELSEWHERE} is in eu-west-1, and the base dev in us-east-1",
        "hosted zone: this account has no public zone example.com",
        "quota: 1 of 1 VPCs are in use, and 1 more is needed",
        f"image backend: {ECR} does not exist",
        f"secret: {SECRET} does not exist",
        f"parameter: {PARAMETER} does not exist",
    ):
        assert part in said


def test_nothing_is_refused_when_all_is_there(workspace: Workspace, aws: Account) -> None:
    aws.client("route53").create_hosted_zone(Name="example.com", CallerReference="1")
    aws.client("ssm").put_parameter(Name="/shop/dsn", Value="x", Type="String")
    workspace.write("app", "alpha", f"{APP_CONFIG}  django-app:extra_secrets:\n    B: {PARAMETER}\n")
    before_create.check(job(workspace), clients_for=lambda _place: aws)


class Closed(Account):
    """An account without credentials."""

    def client(self, service: str) -> Any:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": service}}, "Look")


def test_a_check_that_cannot_look_blocks_nothing(workspace: Workspace) -> None:
    before_create.check(job(workspace), clients_for=lambda _place: Closed())


def test_a_refused_run_touches_nothing(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_job: Job) -> None:
        raise RefusedError("nothing was changed: the zone is missing")

    monkeypatch.setattr(before_create, "check", refuse)
    workspace.engine.notice = None
    before = workspace.files()
    with pytest.raises(RefusedError):
        workspace.orchestrator().create_env("alpha", base="dev")
    assert workspace.files() == before
    assert workspace.engine.calls == []
    assert workspace.orchestrator(check=False).create_env("alpha", base="dev").exit_code == 0


def test_the_simulation_is_not_checked(workspace: Workspace) -> None:
    before_create.check(job(workspace))
