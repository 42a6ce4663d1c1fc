"""`deploy --check-migrations`: dangerous pending migrations are refused before anything is touched."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orchestrator.config import settings
from orchestrator.errors import OperationFailedError, RefusedError, SettingsError
from orchestrator.operations import deploy as deploying
from orchestrator.operations.deploy import Deploy, DeployResult
from orchestrator.operations.events import Note
from orchestrator.operations.releases.image_tasks import MARK
from orchestrator.operations.releases.migrations import planned
from tests.support.fake_ecs import FakeAws, Life
from tests.support.operations import Heard, ScriptedClients, make_alpha, target
from tests.support.workspace import Workspace

from tests.orchestrator.operations.releases.test_rollback import account  # isort: skip

NEW = "registry.example.com/shop:4"
DROP = {
    "operation": "RemoveField",
    "number": 0,
    "severity": "breaks",
    "what": "drops item.price: running code selects it",
}


def pending(*migrations: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"kind": "pending", "app": "shop", "safe": None, "dangers": [], **item} for item in migrations]


def answer(*migrations: dict[str, Any]) -> Life:
    lines = [*pending(*migrations), {"kind": "done"}]
    return Life(log=[(4, MARK + json.dumps(line)) for line in lines])


SAFE, DANGEROUS = {"name": "0004_add"}, {"name": "0005_drop", "dangers": [DROP]}


def deploy(workspace: Workspace, aws: FakeAws, heard: Heard | None = None, **request: Any) -> DeployResult:
    make_alpha(workspace)
    given: dict[str, Any] = {"images": {"backend": NEW}, "check_migrations": True, **request}
    clients, context = ScriptedClients(aws), workspace.context()
    return deploying.run(Deploy(**given), target(), clients, heard or Heard(), context=context)


def test_a_dangerous_migration_is_refused_before_anything_is_touched(workspace: Workspace) -> None:
    with pytest.raises(RefusedError) as caught:
        deploy(workspace, account([answer(SAFE, DANGEROUS)]))
    assert caught.value.message == (
        "alpha was not deployed: pending migrations are dangerous while the older code runs\n"
        "  shop.0005_drop: drops item.price: running code selects it"
    )
    assert "--no-check-migrations" in (caught.value.hint or "")
    assert workspace.engine.calls == []
    assert NEW not in "".join(workspace.files().values())


def test_safe_migrations_are_named_and_deployed(workspace: Workspace) -> None:
    heard = Heard()
    result = deploy(workspace, account([answer(SAFE)]), heard)
    assert [str(migration) for migration in result.migrations or ()] == ["shop.0004_add"]
    assert "pending migrations: shop.0004_add" in [note.text for note in heard.of(Note)]
    assert workspace.engine.began == ["up app/alpha"]


def test_an_accepted_migration_is_deployed(workspace: Workspace) -> None:
    file = workspace.root / "orchestrator.toml"
    accepted = '\n[deploy]\ncheck_migrations = true\naccepted_migrations = ["shop.0005_drop"]\n'
    file.write_text(file.read_text() + accepted)
    result = deploy(workspace, account([answer(DANGEROUS)]), check_migrations=None)
    assert [str(migration) for migration in result.migrations or ()] == ["shop.0005_drop"]


def test_without_the_setting_nothing_is_checked(workspace: Workspace) -> None:
    aws = account()
    assert deploy(workspace, aws, check_migrations=None).migrations is None
    assert aws.called("RunTask") == []


def test_a_new_frontend_alone_needs_no_check(workspace: Workspace) -> None:
    assert deploy(workspace, account(), images={"frontend": NEW}).migrations is None


def test_an_image_that_cannot_be_asked_is_refused_with_the_way_round(workspace: Workspace) -> None:
    with pytest.raises(
        OperationFailedError, match="alpha was not deployed: the migrations were not compared"
    ) as caught:
        deploy(workspace, account([Life(exit_code=1)]))
    assert "--no-check-migrations" in (caught.value.hint or "")


def test_safemigrate_runs_some_migrations_after_the_deploy_so_they_are_no_danger() -> None:
    found = pending({**DANGEROUS, "safe": "after_deploy"}, {**SAFE, "safe": "before_deploy"})
    assert [item.name for item in planned(found, ["python", "manage.py", "safemigrate"])] == ["0004_add"]
    assert [item.name for item in planned(found, ["python", "manage.py", "migrate"])] == ["0005_drop", "0004_add"]


def test_a_damaged_report_is_one_error() -> None:
    with pytest.raises(OperationFailedError, match="their report is damaged"):
        planned([{"kind": "pending", "app": 3}], ["migrate"])


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('check_migrations = "yes"', "check_migrations is 'yes': it must be true or false"),
        ("check_migration = true", "did you mean `check_migrations`"),
        ('accepted_migrations = ["0005"]', "write migrations as app.name"),
        ("accepted_migrations = [5]", "write migrations as app.name"),
    ],
)
def test_a_wrong_setting_is_refused_with_its_line(workspace: Workspace, line: str, problem: str) -> None:
    file = workspace.root / "orchestrator.toml"
    file.write_text(f"{file.read_text()}\n[deploy]\n{line}\n")
    with pytest.raises(SettingsError) as caught:
        settings.load(workspace.root)
    assert problem in f"{caught.value.message} {caught.value.hint}"
