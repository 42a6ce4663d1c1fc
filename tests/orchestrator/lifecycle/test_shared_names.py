"""Environments of one account whose names would meet."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.errors import RefusedError
from orchestrator.lifecycle import CreateEnv, UpdateEnv
from orchestrator.model import OutputValue, Unit
from tests.support.workspace import APP_CONFIG, Workspace


def stands(workspace: Workspace, name: str, *families: str) -> None:
    """An environment whose outputs name these task families."""
    workspace.orchestrator().create_env(name, base="dev")
    workspace.engine.kept[Unit("app", name)].outputs["task_families"] = OutputValue(value=list(families))


def configured(workspace: Workspace, name: str, text: str) -> None:
    workspace.write("app", name, APP_CONFIG.replace("  django-app:listener_slot: 0\n", "") + text)


def refused(workspace: Workspace, request: Any) -> RefusedError:
    workspace.engine.calls.clear()
    before = workspace.files()
    with pytest.raises(RefusedError) as caught:
        workspace.orchestrator().prepare(request)
    assert (workspace.files(), workspace.engine.calls) == (before, [])
    return caught.value


@pytest.mark.parametrize(
    ("existing", "families", "new", "text", "met"),
    [
        ("alpha", ["alpha-beta-gunicorn"], "alpha-beta", "", "alpha-beta-gunicorn"),
        ("alpha", ["alpha-beta-default"], "alpha-beta", "", "alpha-beta-default"),
        ("alpha-beta", ["alpha-beta-mail"], "alpha", "  django-app:workers: {beta-mail: {}}\n", "alpha-beta-mail"),
        ("alpha-beta", ["alpha-beta-web"], "alpha", "  django-app:web: {service: beta-web}\n", "alpha-beta-web"),
        ("alpha", ["alpha-b-mail-dead"], "alpha-b", "  django-app:workers: {mail: {}}\n", "alpha-b-mail-dead"),
        ("alpha", ["alpha-b-mail"], "alpha-b", "  django-app:workers: {mail-dead: {}, mail: {}}\n", "alpha-b-mail"),
        ("alpha-b", ["alpha-b-tidy"], "alpha", "  django-app:scheduled_commands: {b-tidy: {}}\n", "alpha-b-tidy"),
    ],
)
def test_an_environment_that_would_have_a_name_of_another_one_is_refused_before_any_work(
    workspace: Workspace, existing: str, families: list[str], new: str, text: str, met: str
) -> None:
    configured(workspace, existing, "")
    stands(workspace, existing, *families)
    configured(workspace, new, text)
    error = refused(workspace, CreateEnv(names=(new,), base="dev"))
    assert error.message.startswith(
        f"the environment {new} would have the name {met}, which the environment {existing} already has"
    )


def test_two_new_environments_of_one_request_are_compared_too(workspace: Workspace) -> None:
    configured(workspace, "alpha-beta", "")
    workspace.write("app", "alpha", APP_CONFIG + "  django-app:workers: {beta-default: {}}\n")
    error = refused(workspace, CreateEnv(names=("alpha", "alpha-beta"), base="dev"))
    assert "alpha-beta would have the name alpha-beta-default, which the environment alpha already has" in error.message


def test_neighbors_whose_names_do_not_meet_are_created(workspace: Workspace) -> None:
    stands(workspace, "alpha", "alpha-gunicorn", "alpha-default")
    workspace.orchestrator().create_env("alpha-beta", base="dev")
    workspace.orchestrator().create_env("alphabet", base="dev")


def test_an_environment_that_has_such_a_name_already_goes_on_living_with_it(workspace: Workspace) -> None:
    stands(workspace, "alpha", "alpha-gunicorn")
    stands(workspace, "alpha-beta", "alpha-beta-gunicorn")
    workspace.engine.kept[Unit("app", "alpha")].outputs["task_families"] = OutputValue(value=["alpha-beta-gunicorn"])
    workspace.orchestrator().prepare(UpdateEnv(names=("alpha-beta",)))
