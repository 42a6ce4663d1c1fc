"""The environment of an operation."""

from __future__ import annotations

from dataclasses import fields

import pytest

from orchestrator.errors import OperationFailedError, RefusedError, UnknownStackError, UsageError
from orchestrator.model import Record
from orchestrator.operations.aws import targets
from orchestrator.operations.aws.targets import EnvironmentOutputs, Service
from pulumi_django.contract import APP_OUTPUTS
from pulumi_django.deploying.aws_access import AwsAccess
from pulumi_django.rules.kinds import Kind
from tests.support.operations import ALPHA, BASE_OUTPUTS, OUTPUTS, make_alpha, target
from tests.support.workspace import APP_CONFIG, Workspace


def test_the_outputs_are_those_of_the_contract() -> None:
    assert tuple(field.name for field in fields(EnvironmentOutputs)) == APP_OUTPUTS


def test_a_target_has_the_outputs_the_base_and_the_stacks_way_to_aws(workspace: Workspace) -> None:
    make_alpha(workspace)
    more = (
        "  aws:profile: '42'\n  aws:endpoints:\n    - ecs: http://127.0.0.1:1\n  django-app:asleep: true\n"
        '  aws:assumeRoles: \'[{"roleArn": "arn:aws:iam::1:role/x"}]\'\n'
    )
    workspace.write("app", "alpha", APP_CONFIG + more)
    found = targets.find(workspace.context(), "alpha")
    assert (found.environment, found.engine, found.notice) == ("alpha", "fake", "fake: nothing is created anywhere")
    assert found.outputs == OUTPUTS
    assert found.base_outputs == {**BASE_OUTPUTS, "region": "eu-west-1"}
    assert found.aws == AwsAccess(
        region="eu-west-1",
        profile="42",
        endpoints={"ecs": "http://127.0.0.1:1"},
        assume_role_arn="arn:aws:iam::1:role/x",
    )
    assert found.asleep


def test_without_a_configured_region_it_is_the_bases(workspace: Workspace) -> None:
    make_alpha(workspace)
    workspace.write("app", "alpha", APP_CONFIG.replace("  aws:region: eu-west-1\n", ""))
    assert targets.find(workspace.context(), "environment/alpha").aws == AwsAccess(region="eu-west-1")


def test_secret_outputs_do_not_become_part_of_a_target(workspace: Workspace) -> None:
    make_alpha(workspace)
    assert "s3cret" not in repr(vars(targets.find(workspace.context(), "alpha")))


def test_an_unknown_environment_is_refused(workspace: Workspace) -> None:
    make_alpha(workspace)
    with pytest.raises(UnknownStackError, match="there is no environment 'alhpa'"):
        targets.find(workspace.context(), "alhpa")


def test_a_base_has_no_tasks(workspace: Workspace) -> None:
    make_alpha(workspace)
    with pytest.raises(RefusedError) as caught:
        targets.find(workspace.context(), "dev")
    assert caught.value.message == "dev is a base: only environments have tasks and logs"
    assert caught.value.hint == "choose one of its environments: alpha"


def test_an_environment_without_outputs_is_not_finished(workspace: Workspace) -> None:
    workspace.engine.has(ALPHA, outputs={}, record=Record(kind=Kind.AD_HOC, base="dev"))
    with pytest.raises(UnknownStackError) as caught:
        targets.find(workspace.context(), "alpha")
    assert caught.value.message == "alpha has no outputs: its creation did not finish"
    assert caught.value.hint == "finish it: `orchestrator create-env alpha`"


def test_outputs_of_another_version_are_named(workspace: Workspace) -> None:
    make_alpha(workspace, log_groups=None)
    with pytest.raises(OperationFailedError, match=r"^alpha does not export log_groups: "):
        targets.find(workspace.context(), "alpha")


@pytest.mark.parametrize("name", [None, "web", "gunicorn", "alpha-gunicorn"])
def test_the_web_service_has_its_names_and_is_the_default(name: str | None) -> None:
    assert target().service(name) == Service(name="alpha-gunicorn", short="gunicorn", log_group="/ecs/alpha/gunicorn")


def test_a_service_that_is_not_there_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError) as caught:
        target().service("gunicron")
    assert caught.value.message == "alpha has no service 'gunicron': it has gunicorn, web-ui, default, beat, redis"
    assert caught.value.hint == "did you mean gunicorn?"


def test_no_names_are_all_services_and_a_name_counts_once() -> None:
    assert [service.short for service in target().chosen(())] == ["gunicorn", "web-ui", "default", "beat", "redis"]
    assert [service.short for service in target().chosen(("beat", "web", "gunicorn"))] == ["beat", "gunicorn"]
