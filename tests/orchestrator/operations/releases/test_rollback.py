"""`rollback`: the release, its images, the migrations between, running deployments."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from orchestrator.engines.history import Entry
from orchestrator.errors import OperationFailedError, RefusedError, StackLockedError, UnknownStackError
from orchestrator.operations.events import Note
from orchestrator.operations.releases import registries, rollback
from orchestrator.operations.releases.image_tasks import MARK
from orchestrator.operations.releases.registries import Existence
from orchestrator.operations.releases.rollback import Rollback, RollbackResult
from tests.support.fake_ecs import FakeAws, Life, arn, deployment, service
from tests.support.fake_engine import UPDATED
from tests.support.operations import ALPHA, Heard, ScriptedClients, make_alpha, target
from tests.support.workspace import Workspace

SHOP = "registry.example.com/shop"


def entry(number: int, image: str, result: str = "succeeded", **config: Any) -> Entry:
    values = {"aws:region": "eu-west-1", "django-app:base": "dev", "django-app:listener_slot": "0", **config}
    return Entry(
        number=number,
        id=f"id{number}",
        started=UPDATED,
        result=result,
        message="orchestrator deploy alpha by ada",
        config={**values, "django-app:backend_image": image},
        reason="it crashed" if result == "failed" else None,
    )


def answer(known: Mapping[str, Sequence[str]], applied: Mapping[str, Sequence[str]], fixed: Sequence[str] = ()) -> Life:
    """The life of a task that prints this state of migrations."""
    lines: list[dict[str, Any]] = [
        {"kind": "known", "app": app, "names": names, "irreversible": [name for name in names if name in fixed]}
        for app, names in known.items()
    ]
    lines += [{"kind": "applied", "app": app, "names": names} for app, names in applied.items()]
    texts = ["the application starts", *(MARK + json.dumps(line) for line in [*lines, {"kind": "done"}])]
    return Life(log=[(4, text) for text in texts])


ONE, TWO = {"shop": ["0001_first"]}, {"shop": ["0001_first", "0002_drop"]}


def account(lives: Sequence[Life] = (), **more: Any) -> FakeAws:
    fields: dict[str, Any] = {
        "frames": [(0, service(deployment("5"), taskDefinition=arn("task-definition", "alpha-gunicorn:5")))],
        "image": f"{SHOP}:3",
        "answers": {
            "DescribeTargetHealth": {},
            "RegisterTaskDefinition": {
                "taskDefinition": {"taskDefinitionArn": arn("task-definition", "alpha-backend_update-check:1")}
            },
            "DeregisterTaskDefinition": {},
            "DeleteTaskDefinitions": {},
            "StopServiceDeployment": {},
        },
        "lives": list(lives) or [answer(TWO, TWO), answer(TWO, TWO)],
    }
    return FakeAws(**{**fields, **more})


@pytest.fixture
def alpha(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """Alpha after three releases; its configuration has the image of the third."""
    make_alpha(workspace)
    file = workspace.file("app", "alpha")
    file.write_text(file.read_text().replace("shop:1", "shop:3"))
    workspace.engine.histories[ALPHA] = [entry(1, f"{SHOP}:1"), entry(2, f"{SHOP}:2"), entry(3, f"{SHOP}:3")]
    monkeypatch.setattr(registries, "existence", lambda *_: Existence.EXISTS)
    return workspace


def back(
    workspace: Workspace, aws: FakeAws | None = None, heard: Heard | None = None, **request: Any
) -> RollbackResult:
    clients = ScriptedClients(aws or account())
    return rollback.run(Rollback(**request), target(), clients, heard or Heard(), context=workspace.context())


def image_of(workspace: Workspace) -> str:
    return workspace.engine.configs[ALPHA].values["django-app:backend_image"]


def test_the_previous_release_gets_its_image_by_an_update_without_the_release_command(alpha: Workspace) -> None:
    result = back(alpha)
    assert (result.release.number, result.exit_code, result.migrations) == (2, 0, ())
    assert image_of(alpha) == f"{SHOP}:2"
    request = alpha.engine.calls[-1]
    assert (request.message or "").startswith("orchestrator rollback alpha")
    assert request.environment == {"PULUMI_DJANGO_RELEASE": "skip"}
    assert f"django-app:backend_image: {SHOP}:2 # pinned" in alpha.file("app", "alpha").read_text()
    assert result.deploy.report.command == "rollback"


@pytest.mark.parametrize("to", [1, "id1"])
def test_a_release_is_chosen_by_its_number(alpha: Workspace, to: Any) -> None:
    assert back(alpha, to=to).release.number == 1
    assert image_of(alpha) == f"{SHOP}:1"


def test_after_a_failed_deploy_the_previous_release_is_the_one_that_runs(alpha: Workspace) -> None:
    alpha.engine.histories[ALPHA][2] = entry(3, f"{SHOP}:3", "failed")
    with pytest.raises(RefusedError, match="release 3 did not succeed: it crashed"):
        back(alpha, to=3)
    assert back(alpha).release.number == 2


def test_releases_with_the_same_images_are_passed_over(alpha: Workspace) -> None:
    alpha.engine.histories[ALPHA].append(entry(4, f"{SHOP}:3"))
    with pytest.raises(RefusedError, match="its configuration has the images of release 4"):
        back(alpha, to=4)
    assert back(alpha, dry_run=True).release.number == 2
    alpha.engine.histories[ALPHA][:] = [entry(1, f"{SHOP}:3")]
    with pytest.raises(RefusedError, match="its history has no release with other images that succeeded"):
        back(alpha)


def test_an_unknown_release_and_an_empty_history_are_refused(alpha: Workspace) -> None:
    with pytest.raises(UnknownStackError, match="alpha has no release 9: its history has 1 to 3"):
        back(alpha, to=9)
    alpha.engine.histories.clear()
    with pytest.raises(RefusedError, match="no release with other images"):
        back(alpha)


def test_with_config_everything_returns_except_secrets_and_the_place_of_the_environment(alpha: Workspace) -> None:
    old = entry(2, f"{SHOP}:2")
    changes = {"web": {"desired_count": 3}, "token": "[secret]", "listener_slot": "7"}
    config = {**old.config, **{f"django-app:{key}": value for key, value in changes.items()}}
    alpha.engine.histories[ALPHA][1] = replace(old, config=config)
    file = alpha.file("app", "alpha")
    file.write_text(file.read_text() + "  django-app:debug: true\n")
    heard = Heard()
    result = back(alpha, heard=heard, to=2, with_config=True)
    values = alpha.engine.configs[ALPHA].values
    assert values["django-app:web"] == {"desired_count": 3}
    assert "django-app:debug" not in values
    assert values["django-app:listener_slot"] == 0
    assert result.kept_secrets == ("token",)
    assert "secrets stay as they are: token" in [event.text for event in heard.of(Note)]


def test_without_with_config_only_images_change(alpha: Workspace) -> None:
    alpha.engine.histories[ALPHA][1] = entry(2, f"{SHOP}:2", **{"django-app:debug": "true"})
    back(alpha)
    assert "django-app:debug" not in alpha.engine.configs[ALPHA].values


def test_an_image_that_is_gone_is_refused_before_anything_changes(
    alpha: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registries, "existence", lambda *_: Existence.GONE)
    aws = account()
    with pytest.raises(RefusedError, match=f"the image of release 2 is gone from its registry: {SHOP}:2"):
        back(alpha, aws)
    assert (alpha.engine.calls, aws.calls) == ([], [])


def test_a_registry_that_cannot_be_asked_is_a_warning(alpha: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registries, "existence", lambda *_: Existence.UNKNOWN)
    heard = Heard()
    assert back(alpha, heard=heard).unchecked == (f"{SHOP}:2",)
    assert any("did not answer whether the image still exists" in event.text for event in heard.of(Note))


def test_migrations_between_are_named_and_one_that_cannot_be_reversed_is_refused(alpha: Workspace) -> None:
    lives = [answer(TWO, TWO, ["0002_drop"]), answer(ONE, TWO)]
    with pytest.raises(
        RefusedError, match=r"release 2 is older than shop.0002_drop, which cannot be reversed"
    ) as caught:
        back(alpha, account(lives))
    assert "--past-irreversible" in (caught.value.hint or "")
    assert alpha.engine.calls == []
    result = back(alpha, account(lives), past_irreversible=True)
    assert [str(migration) for migration in result.migrations] == ["shop.0002_drop"]


def test_migrations_that_can_be_reversed_are_a_warning(alpha: Workspace) -> None:
    heard = Heard()
    result = back(alpha, account([answer(TWO, TWO), answer(ONE, TWO)]), heard)
    assert [migration.reversible for migration in result.migrations] == [True]
    assert "the older image does not have the migration shop.0002_drop" in [event.text for event in heard.of(Note)]
    assert not [event for event in heard.events if MARK in str(event)], "the lines of the script are not shown"


def test_the_tasks_run_on_copies_of_the_release_definition_that_are_removed_again(alpha: Workspace) -> None:
    aws = account()
    back(alpha, aws)
    (registered,) = aws.called("RegisterTaskDefinition")
    assert registered["family"] == "alpha-backend_update-check"
    assert registered["containerDefinitions"][0]["image"] == f"{SHOP}:2"
    tasks = [task.request for task in aws.tasks.values()]
    assert [task["taskDefinition"].rsplit("/")[-1] for task in tasks] == [
        "alpha-backend_update",
        "alpha-backend_update-check:1",
    ]
    command = tasks[0]["overrides"]["containerOverrides"][0]["command"]
    assert (command[0], command[1], command[-1]) == ("python", "-c", "state")
    assert len(" ".join(command)) < 8000, "ECS takes 8192 characters"
    assert len(aws.called("DeregisterTaskDefinition")) == 1


def test_images_that_cannot_be_compared_are_refused_with_the_way_round(alpha: Workspace) -> None:
    lives = [answer(TWO, TWO), Life(exit_code=1, log=[(4, "ModuleNotFoundError: shop")])]
    with pytest.raises(
        OperationFailedError, match=r"(?s)alpha was not rolled back.*exit code 1.*ModuleNotFound"
    ) as caught:
        back(alpha, account(lives))
    assert "--no-check-migrations" in (caught.value.hint or "")
    with pytest.raises(OperationFailedError, match="printed no result"):
        back(alpha, account([Life(), Life()]))
    aws = account(lives)
    assert back(alpha, aws, check_migrations=False).exit_code == 0
    assert aws.called("RunTask") == []


def test_a_running_deployment_is_rolled_back_by_ecs_first(alpha: Workspace) -> None:
    rolling = service(
        deployment("6", rolloutState="IN_PROGRESS"), taskDefinition=arn("task-definition", "alpha-gunicorn:6")
    )
    aws = account(frames=[(0, rolling)], deployments=[(0, {"arn": arn("service-deployment", "d1")})])
    result = back(alpha, aws)
    assert result.stopped == ("gunicorn",)
    assert aws.called("StopServiceDeployment") == [
        {"serviceDeploymentArn": arn("service-deployment", "d1"), "stopType": "ROLLBACK"}
    ]
    assert image_of(alpha) == f"{SHOP}:2"


def test_a_deployment_that_cannot_be_stopped_is_replaced(alpha: Workspace) -> None:
    rolling = service(
        deployment("6", rolloutState="IN_PROGRESS"), taskDefinition=arn("task-definition", "alpha-gunicorn:6")
    )
    errors = {"ListServiceDeployments": [("AccessDeniedException", "not allowed")]}
    heard = Heard()
    result = back(alpha, account(frames=[(0, rolling)], errors=errors), heard)
    assert (result.stopped, result.exit_code) == ((), 0)
    assert "the deployment of gunicorn was not stopped, the update replaces it: not allowed" in [
        event.text for event in heard.of(Note)
    ]


def test_a_rollback_during_the_update_of_another_process_is_refused_without_a_deployment_to_stop(
    alpha: Workspace,
) -> None:
    from tests.support.fake_engine import LockOwner

    alpha.engine.locks[ALPHA] = LockOwner(username="bo", hostname="ci", pid=7, since=None, alive=True)
    with pytest.raises(StackLockedError, match="bo@ci"):
        back(alpha)


def test_a_dry_run_checks_and_previews_only(alpha: Workspace) -> None:
    rolling = service(
        deployment("6", rolloutState="IN_PROGRESS"), taskDefinition=arn("task-definition", "alpha-gunicorn:6")
    )
    aws = account(frames=[(0, rolling)])
    assert back(alpha, aws, dry_run=True).release.number == 2
    assert alpha.engine.began == ["preview app/alpha"]
    assert aws.called("StopServiceDeployment") == []


def test_the_release_command_runs_if_asked(alpha: Workspace) -> None:
    back(alpha, release=True, detach=True)
    assert alpha.engine.calls[-1].environment == {"PULUMI_DJANGO_ROLLOUT": "detach"}
