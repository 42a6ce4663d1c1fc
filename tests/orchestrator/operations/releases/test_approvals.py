"""`approve` and `reject`, with ECS's answers by the model of botocore: the emulator has no service deployments."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from orchestrator.errors import OperationFailedError, RefusedError, StateError, UsageError
from orchestrator.lifecycle import states
from orchestrator.model import Kind, Record
from orchestrator.operations import deploy, ps
from orchestrator.operations.deploy import Deploy, Rollouts
from orchestrator.operations.events import Note
from orchestrator.operations.ps import ListTasks
from orchestrator.operations.releases import approvals
from orchestrator.operations.releases.approvals import Decision
from orchestrator.rendering import operation_documents, operation_text, tables
from tests.support.fake_ecs import FakeAws, arn, container, deployment, service
from tests.support.operations import ALPHA, Heard, ScriptedClients, make_alpha, target
from tests.support.workspace import Workspace

DEPLOYMENT = arn("service-deployment", "d6")
EXPIRES = datetime(2026, 11, 27, 14, 30, tzinfo=UTC)
HOOK = {
    "hookId": "h1",
    "targetType": "PAUSE",
    "status": "AWAITING_ACTION",
    "expiresAt": EXPIRES,
    "timeoutAction": "ROLLBACK",
}


def account(deployed: str = "IN_PROGRESS", **hook: Any) -> FakeAws:
    shifting = service(
        deployment("6", rolloutState="IN_PROGRESS"),
        serviceName="alpha-gunicorn",
        deploymentConfiguration={"strategy": "BLUE_GREEN"},
        taskDefinition=arn("task-definition", "alpha-gunicorn:6"),
    )
    newest = {
        "arn": DEPLOYMENT,
        "taskDefinition": arn("task-definition", "alpha-gunicorn:6"),
        "status": deployed,
        "stage": "PRE_PRODUCTION_TRAFFIC_SHIFT",
        "hooks": [{**HOOK, **hook}],
    }
    return FakeAws(
        frames=[(0, shifting)],
        deployments=[(0, newest)],
        containers=[container("gunicorn", image="shop:6")],
        answers={"ContinueServiceDeployment": {"serviceDeploymentArn": DEPLOYMENT}, "DescribeTargetHealth": {}},
    )


def decide(aws: FakeAws, decision: Decision, *services: str) -> approvals.DecisionResult:
    return approvals.decide(target(), ScriptedClients(aws), decision, services or ("gunicorn",))


@pytest.mark.parametrize(("decision", "action"), [(Decision.APPROVE, "CONTINUE"), (Decision.REJECT, "ROLLBACK")])
def test_a_decision_goes_to_the_hook_that_waits(decision: Decision, action: str) -> None:
    aws = account()
    result = decide(aws, decision)
    assert aws.called("ContinueServiceDeployment") == [
        {"serviceDeploymentArn": DEPLOYMENT, "hookId": "h1", "action": action}
    ]
    (found,) = result.decided
    assert (result.environment, result.decision, found.service) == ("alpha", decision, "gunicorn")
    assert (found.stage, found.expires, found.then) == ("PRE_PRODUCTION_TRAFFIC_SHIFT", EXPIRES, "rollback")


def test_an_environment_without_a_pause_has_nothing_to_decide() -> None:
    aws = account(status="SUCCEEDED")
    with pytest.raises(RefusedError) as caught:
        decide(aws, Decision.APPROVE)
    assert caught.value.message == "no deployment of alpha waits for an approval"
    assert aws.called("ContinueServiceDeployment") == []


@pytest.mark.parametrize(("then", "went"), [("ROLLBACK", "rolled it back"), ("CONTINUE", "went on")])
def test_an_approval_after_the_timeout_says_what_ecs_did(then: str, went: str) -> None:
    aws = account("ROLLBACK_SUCCESSFUL")
    aws.deployments[0][1]["hooks"] = [{**HOOK, "status": "TIMED_OUT", "timeoutAction": then}]  # type: ignore[index]
    with pytest.raises(RefusedError) as caught:
        decide(aws, Decision.APPROVE)
    assert caught.value.message == f"no deployment of alpha waits: the time for gunicorn ended, and ECS {went}"


class Late:
    """The ECS of an account that takes no decision: the hook timed out since the first look."""

    def __init__(self, aws: FakeAws, *, timed_out: bool, after: int) -> None:
        self._ecs, self._aws, self._timed_out, self._left = aws.client("ecs"), aws, timed_out, after

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ecs, name)

    def continue_service_deployment(self, **given: Any) -> Any:
        if self._left:
            self._left -= 1
            return self._ecs.continue_service_deployment(**given)
        if self._timed_out:
            self._aws.deployments[0][1]["hooks"] = [{**HOOK, "status": "TIMED_OUT"}]  # type: ignore[index]
        error = {"Error": {"Code": "InvalidParameterException", "Message": "The hook awaits no action."}}
        raise ClientError(error, "ContinueServiceDeployment")


@pytest.mark.parametrize(
    ("timed_out", "after", "message"),
    [
        (True, 0, "the decision did not reach gunicorn: its time ended, and ECS rolled it back"),
        (
            True,
            1,
            "the decision did not reach beat: its time ended, and ECS rolled it back; gunicorn had the decision before",
        ),
        (False, 0, "the decision did not reach gunicorn: AWS refused"),
    ],
)
def test_a_decision_that_comes_too_late_names_what_is_decided(timed_out: bool, after: int, message: str) -> None:
    aws = account()
    clients = ScriptedClients(aws)
    late = Late(aws, timed_out=timed_out, after=after)
    clients.client = lambda _service: late  # type: ignore[method-assign, assignment]
    with pytest.raises(OperationFailedError) as caught:
        approvals.decide(target(), clients, Decision.APPROVE, ("gunicorn", "beat"))
    assert caught.value.message.startswith(message)
    assert caught.value.hint == "`orchestrator ps alpha` shows what runs"


def test_a_service_that_was_never_deployed_is_no_error_of_its_own() -> None:
    aws = account()
    aws.deployments = []
    with pytest.raises(RefusedError, match="no deployment of alpha waits for an approval"):
        decide(aws, Decision.REJECT)


def test_an_unknown_service_is_refused() -> None:
    with pytest.raises(UsageError, match="alpha has no service 'wep'"):
        decide(account(), Decision.APPROVE, "wep")


def test_ps_shows_what_waits() -> None:
    (web,) = ps.run(ListTasks(services=("web",)), target(), ScriptedClients(account())).services
    assert web.state == "waits for approval"


def test_deploy_reports_what_waits_and_notes_it_for_list(workspace: Workspace) -> None:
    workspace.engine.has(ALPHA, record=Record(kind=Kind.AD_HOC, base="dev"))
    heard = Heard()
    aws = account()
    rollouts = Rollouts(
        target(), ScriptedClients(aws), heard, lambda waits: states.note_waiting(workspace.engine, "alpha", waits=waits)
    )

    def waits() -> list[bool]:
        return [each.waits for each in workspace.orchestrator().list()]

    assert waits() == [False]
    rollouts.look()
    rollouts.look()
    assert [note.text for note in heard.of(Note)] == [
        "gunicorn waits for approval until 2026-11-27 14:30 UTC, then ECS rolls back: `orchestrator approve alpha`, or "
        "`orchestrator reject alpha`"
    ]
    assert waits() == [True]
    assert "waits for approval" in tables.listing(workspace.orchestrator().list(), EXPIRES)
    aws.deployments[0][1]["hooks"] = [{**HOOK, "status": "SUCCEEDED"}]  # type: ignore[index]
    rollouts.look()
    assert waits() == [False]


def test_the_report_of_a_deploy_that_does_not_wait_shows_what_waits(workspace: Workspace) -> None:
    make_alpha(workspace)
    request = Deploy(images={"backend": "registry.example.com/shop:2"}, detach=True)
    result = deploy.run(request, target(), ScriptedClients(account()), Heard(), context=workspace.context())
    states = {service.name: service.state for service in result.services}
    assert states["gunicorn"] == "waits for approval"
    assert "waits for approval" in operation_text.deployed(result, "alpha")
    written = operation_documents.outcome("alpha", operation_documents.deployed(result), None, None)
    assert written["result"]["services"][0]["state"] == "waits for approval"
    assert not any(each.waits for each in workspace.orchestrator().list())


def test_a_backend_that_keeps_no_notes_stops_no_deploy(workspace: Workspace) -> None:
    def refuses(*_given: object) -> None:
        raise StateError("the disk is full")

    workspace.engine.marks.set = refuses  # type: ignore[method-assign, assignment]
    states.note_waiting(workspace.engine, "alpha", waits=True)
    assert states.waiting(workspace.engine) == frozenset()


def test_ps_of_a_deployment_that_goes_on_is_rolling_out() -> None:
    (web,) = ps.run(ListTasks(services=("web",)), target(), ScriptedClients(account(status="SUCCEEDED"))).services
    assert web.state == "rolling out"
