"""`deploy`: images in the configuration, one update, a lock per environment."""

from __future__ import annotations

import getpass
import json
import os
import re
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from orchestrator.engines.protocol import Sink, UnitRequest
from orchestrator.errors import OperationFailedError, StackLockedError, StateError, UsageError
from orchestrator.model import Status, UnitOutcome
from orchestrator.operations import deploy as deploying
from orchestrator.operations.aws import targets
from orchestrator.operations.aws.reach import for_target
from orchestrator.operations.aws.targets import Target
from orchestrator.operations.deploy import Crash, Deploy, DeployResult, Rollouts
from orchestrator.operations.deploy_lock import FOLDER, hold
from orchestrator.operations.events import Note, RolloutMoved
from orchestrator.rendering import operation_documents
from orchestrator.rendering.document import plain
from orchestrator.rendering.operation_text import deployed, rollout
from orchestrator.rendering.schema import schema
from tests.support.fake_ecs import FakeAws, crashed, deployment, running, service
from tests.support.operations import ALPHA, Heard, ScriptedClients, make_alpha, target
from tests.support.workspace import START, Workspace

NEW = "registry.example.com/shop:2"


def on_aws(workspace: Workspace) -> Target:
    """Alpha as the registry returns it, with its engine's notice removed."""
    make_alpha(workspace)
    return replace(targets.find(workspace.context(), "alpha"), notice=None)


def account(**more: Any) -> FakeAws:
    fields: dict[str, Any] = {
        "frames": [(0, service(deployment("5"), runningCount=1))],
        "answers": {"DescribeTargetHealth": {}},
    }
    return FakeAws(**{**fields, **more})


def deploy(
    workspace: Workspace, heard: Heard | None = None, aws: FakeAws | None = None, **request: Any
) -> DeployResult:
    fields: dict[str, Any] = {"images": {"backend": NEW}, **request}
    return deploying.run(
        Deploy(**fields),
        on_aws(workspace) if not workspace.engine.kept else target(),
        ScriptedClients(aws or account()),
        heard or Heard(),
        context=workspace.context(),
    )


def test_the_image_is_set_in_the_configuration_with_its_comments_and_the_stack_is_updated(workspace: Workspace) -> None:
    result = deploy(workspace)
    assert result.exit_code == 0
    assert workspace.engine.began == ["up app/alpha"]
    assert f"django-app:backend_image: {NEW} # pinned" in workspace.file("app", "alpha").read_text()
    assert (workspace.engine.calls[0].message or "").startswith("orchestrator deploy alpha by ")
    assert workspace.engine.calls[0].environment == {}
    assert result.report.command == "deploy"


@pytest.mark.parametrize(
    ("request_", "variables"),
    [
        ({"release": False}, {"PULUMI_DJANGO_RELEASE": "skip"}),
        ({"detach": True}, {"PULUMI_DJANGO_ROLLOUT": "detach"}),
        (
            {"release": False, "detach": True},
            {"PULUMI_DJANGO_RELEASE": "skip", "PULUMI_DJANGO_ROLLOUT": "detach"},
        ),
    ],
)
def test_options_of_one_update_reach_its_program_and_are_not_stored(
    workspace: Workspace, request_: dict[str, bool], variables: dict[str, str]
) -> None:
    deploy(workspace, **request_)
    assert workspace.engine.calls[0].environment == variables
    assert "PULUMI_DJANGO" not in "".join(workspace.files().values())
    assert not set(variables) & set(os.environ)


def test_a_dry_run_previews_and_leaves_everything_as_it_is(workspace: Workspace) -> None:
    make_alpha(workspace)
    before = workspace.files()
    result = deploy(workspace, dry_run=True)
    assert (result.exit_code, result.services) == (0, ())
    assert workspace.engine.began == ["preview app/alpha"]
    assert workspace.engine.configs[ALPHA].values["django-app:backend_image"] == NEW
    assert workspace.files() == before


def test_afterwards_the_services_are_read(workspace: Workspace) -> None:
    result = deploy(workspace, aws=account())
    assert [(s.name, s.state) for s in result.services][:2] == [("gunicorn", "steady"), ("web-ui", "not there")]
    assert deployed(result, "alpha").endswith("\nnext  orchestrator ps alpha\n")
    written = operation_documents.outcome("alpha", operation_documents.deployed(result), None, None)
    jsonschema.validate(json.loads(json.dumps(written)), schema("deploy"), format_checker=jsonschema.FormatChecker())
    document = written["result"]
    assert (document["images"], document["exit_code"]) == ({"backend": NEW}, 0)
    assert document["services"][0]["version"] == ""


def test_a_failed_update_fails_the_deploy_with_its_reason_and_the_services_are_shown_all_the_same(
    workspace: Workspace,
) -> None:
    make_alpha(workspace)
    reason = (
        "alpha-gunicorn: the rollout of alpha-gunicorn failed and ECS rolled it back: alpha-gunicorn:5 keeps serving"
    )
    workspace.engine.fails(ALPHA, reason, after=["x"])
    result = deploy(workspace)
    assert result.exit_code == 1
    assert result.report.results[0].status is Status.FAILED
    assert reason in str(result.report.results[0].reason)
    assert result.services[0].state == "steady"
    # The next deploy, or update, tries the same image again.
    assert NEW in workspace.file("app", "alpha").read_text()


def test_a_failed_deploy_shows_what_crashed_meanwhile_with_its_last_lines(workspace: Workspace) -> None:
    make_alpha(workspace)
    new = crashed(1, "6", group="service:alpha-gunicorn", stoppedAt=START)
    old = crashed(2, "5", group="service:alpha-default", stoppedAt=START)
    # ECS ended it while it rolled the service back, after the crash.
    innocent = crashed(
        3,
        "6",
        group="service:alpha-gunicorn",
        stoppedAt=START + timedelta(minutes=1),
        stopCode="ServiceSchedulerInitiated",
        stoppedReason="Scaling activity initiated by (deployment ecs-svc/6)",
    )
    log = [(0.0, f"line {number}") for number in range(20)]
    aws = account(stopped=[(0, old)], streams={"gunicorn/gunicorn/crash1": log})

    def fails(_request: UnitRequest, _sink: Sink) -> UnitOutcome:
        aws.stopped += [(0, new), (0, innocent)]
        raise OperationFailedError("the rollout of alpha-gunicorn failed")

    workspace.engine.scripts[ALPHA] = fails
    result = deploy(workspace, aws=aws)
    reason = "ended with exit code 1 (Essential container in task exited)"
    assert result.crashes == (
        Crash(
            service="gunicorn",
            task="crash1",
            version="alpha-gunicorn:6",
            reason=reason,
            hint=None,
            log=tuple(f"line {number}" for number in range(5, 20)),
        ),
    )
    shown = f"\ngunicorn: task crash1 on alpha-gunicorn:6 {reason}\n  line 5\n  line 6\n"
    assert shown in deployed(result, "alpha")
    assert plain(operation_documents.deployed(result))["crashes"][0]["log"][-1] == "line 19"


def test_without_access_to_aws_afterwards_the_deploy_still_counts(workspace: Workspace) -> None:
    heard = Heard()
    aws = account(errors={"DescribeServices": [("AccessDeniedException", "you may not")] * 9})
    result = deploy(workspace, heard, aws)
    assert (result.exit_code, result.services) == (0, ())
    assert [note.text for note in heard.of(Note)] == [
        "the state of the services is unknown: AWS does not allow DescribeServices: you may not"
    ]


def test_notes_report_skipped_steps_and_unchanged_images(workspace: Workspace) -> None:
    alpha = on_aws(workspace)
    old = Deploy(images={"backend": "registry.example.com/shop:1"}, release=False, detach=True)
    assert deploying.prepare(old, alpha, workspace.context()).notes == (
        "the configuration of alpha already has these images",
        "the release is skipped: the new code runs on the database as it is",
        "this command does not wait for the rollouts: the next update does",
    )
    assert deploying.prepare(Deploy(images={"backend": NEW}), alpha, workspace.context()).notes == ()


def test_without_an_image_there_is_nothing_to_deploy() -> None:
    with pytest.raises(UsageError) as caught:
        Deploy()
    assert caught.value.message == "no image is given: there is nothing to deploy"


def test_an_environment_that_is_asleep_takes_the_image_when_it_wakes(workspace: Workspace) -> None:
    heard = Heard()
    make_alpha(workspace)
    deploying.run(
        Deploy(images={"backend": NEW}),
        target(asleep=True),
        ScriptedClients(account()),
        heard,
        context=workspace.context(),
    )
    assert [note.text for note in heard.of(Note)] == ["alpha is asleep: its services take the image when it wakes"]


# two at once


def test_a_second_deploy_is_refused_with_the_owner_of_the_lock_and_changes_nothing(workspace: Workspace) -> None:
    make_alpha(workspace)
    begun, go_on = workspace.engine.blocks(ALPHA)
    first = threading.Thread(target=deploy, args=(workspace,), daemon=True)
    first.start()
    assert begun.wait(300)
    try:
        before = workspace.file("app", "alpha").read_text()
        with pytest.raises(StackLockedError) as caught:
            deploy(workspace, images={"backend": "registry.example.com/shop:3"})
    finally:
        go_on.set()
        first.join(300)
    me = rf"{getpass.getuser()}@\S+ \(pid {os.getpid()}, since [\d: -]+ UTC\)"
    assert re.fullmatch(rf"alpha is locked: {me} runs `deploy`", caught.value.message)
    assert caught.value.hint == "wait until it ends (--wait DURATION does this), then run the command again"
    assert workspace.file("app", "alpha").read_text() == before
    assert workspace.engine.began == ["up app/alpha"]


def test_a_second_deploy_that_waits_comes_after_the_first(workspace: Workspace) -> None:
    make_alpha(workspace)
    begun, go_on = workspace.engine.blocks(ALPHA)
    first = threading.Thread(target=deploy, args=(workspace,), daemon=True)
    first.start()
    assert begun.wait(300)
    workspace.engine.scripts.clear()
    threading.Timer(0.1, go_on.set).start()
    result = deploy(workspace, images={"backend": "registry.example.com/shop:3"}, wait_seconds=300)
    first.join(300)
    assert result.exit_code == 0
    assert "shop:3" in workspace.file("app", "alpha").read_text()
    assert workspace.engine.began == ["up app/alpha", "up app/alpha"]


def test_a_lock_with_an_unreadable_owner_is_still_a_lock(tmp_path: Path) -> None:
    with hold(tmp_path, "alpha", "deploy"):
        (tmp_path / FOLDER / "alpha.json").write_text("{")
        with (
            pytest.raises(StackLockedError, match=r"^alpha is being deployed by another process in this checkout$"),
            hold(tmp_path, "alpha", "x"),
        ):
            pass
        with hold(tmp_path, "beta", "deploy"):
            found = json.loads((tmp_path / FOLDER / "beta.json").read_text())
            assert (found["pid"], found["what"]) == (os.getpid(), "deploy")


def test_an_unwritable_folder_is_reported(tmp_path: Path) -> None:
    (tmp_path / FOLDER.parts[0]).write_text("a file")
    with pytest.raises(StateError, match="cannot be written: "), hold(tmp_path, "alpha", "deploy"):
        pass


# rollouts


def test_rollouts_report_new_deployments_and_each_state_once() -> None:
    new = deployment("6", rolloutState="IN_PROGRESS", runningCount=0, pendingCount=1)
    frames = [
        (0, service(deployment("5"))),
        (10, service(new, deployment("5", status="ACTIVE"))),
        (20, service({**new, "failedTasks": 2}, deployment("5", status="ACTIVE"))),
        (30, service(deployment("6"))),
    ]
    address = [{"details": [{"name": "privateIPv4Address", "value": "10.0.0.6"}]}]
    health = [{"Target": {"Id": ip}, "TargetHealth": {"State": "healthy"}} for ip in ("10.0.0.5", "10.0.0.6")]
    aws = FakeAws(
        frames=frames,
        running=[running(6, "6", attachments=address)],
        answers={"DescribeTargetHealth": {"TargetHealthDescriptions": health}},
    )
    heard = Heard()
    rollouts = Rollouts(target(), ScriptedClients(aws), heard)
    for _ in range(8):
        rollouts.look()
        aws.clock.sleep(5)
    told: list[RolloutMoved] = heard.of(RolloutMoved)
    assert [(m.service, m.version, m.running, m.pending, m.healthy, m.failed, m.state) for m in told] == [
        ("gunicorn", "alpha-gunicorn:6", 0, 1, 1, 0, "IN_PROGRESS"),
        ("gunicorn", "alpha-gunicorn:6", 0, 1, 1, 2, "IN_PROGRESS"),
        ("gunicorn", "alpha-gunicorn:6", 1, 0, 1, 0, "COMPLETED"),
    ]
    assert rollout(told[1]) == "gunicorn: 0 of 1 running, 1 healthy, 2 failed on alpha-gunicorn:6 (in progress)"
    # Only the new deployment's tasks count.
    assert {call["startedBy"] for call in aws.called("ListTasks")} == {"ecs-svc/6"}


def test_trouble_with_aws_ends_the_watching_and_nothing_else() -> None:
    aws = account(errors={"DescribeServices": [("AccessDeniedException", "no")]})
    heard = Heard()
    Rollouts(target(), ScriptedClients(aws), heard).follow(threading.Event())
    assert heard.events == []


# the simulation


def test_in_the_simulation_it_updates_the_simulated_stack_and_notes_the_calls_of_the_hooks(
    workspace: Workspace,
) -> None:
    make_alpha(workspace)
    found = targets.find(workspace.context(), "alpha")
    clients = for_target(found)
    assert clients.simulated
    result = deploying.run(Deploy(images={"backend": NEW}), found, clients, context=workspace.context())
    assert (result.exit_code, workspace.engine.began) == (0, ["up app/alpha"])
    run = [call.parameters["taskDefinition"] for call in clients.calls if call.operation == "RunTask"]
    assert run == ["alpha-backend_update"], "the database task runs only when the database changes"
    watched = [call.parameters["services"][0] for call in clients.calls if call.operation == "DescribeServices"]
    assert watched == ["alpha-gunicorn", "alpha-web-ui", "alpha-default", "alpha-beat", "alpha-redis"]


def test_in_the_simulation_no_release_and_detach_leave_their_calls_out(workspace: Workspace) -> None:
    make_alpha(workspace)
    found = targets.find(workspace.context(), "alpha")
    clients = for_target(found)
    assert clients.simulated
    request = Deploy(images={"backend": NEW}, release=False, detach=True)
    deploying.run(request, found, clients, context=workspace.context())
    assert clients.calls == []
