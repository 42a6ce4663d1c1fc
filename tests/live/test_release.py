"""A release whose migration fails on a real database: no service changes, and the code before it still serves."""

from __future__ import annotations

import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from threading import Event, Thread

import pytest
import requests

from orchestrator.config import settings
from orchestrator.local import declaration
from orchestrator.operations.database import databases
from pulumi_django.deploying.release_tasks import Release, ReleaseError, ReleaseRequest
from tests.live.account import Account, Environment
from tests.live.shop import HERE, SHOP, missing
from tests.support import postgres
from tests.support.waiting import LONG, until

WHY = missing() or postgres.missing()
pytestmark = pytest.mark.skipif(WHY is not None, reason=str(WHY))

FAMILY = "alpha-backend_update"


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Generator[Account]:
    declared = declaration.declared_apart(settings.load(SHOP / "infrastructure"), "alpha")
    with postgres.server(secured=True) as server:
        folder = tmp_path_factory.mktemp("alpha")
        alpha = Environment(declaration=declared, server=server, folder=folder, endpoint="http://127.0.0.1:1")
        broken = {"SHOP_EXTRA_APPS": "broken", "PYTHONPATH": str(HERE / "apps")}
        account = Account(environments=[alpha], images={"broken": broken})
        databases.create(alpha.target, account.clients())
        release(account, "good")
        yield account


def release(account: Account, image: str) -> list[str]:
    """Run the release of an image as an update does; return its lines."""
    outputs, lines = account.environments[0].target.outputs, list[str]()
    request = ReleaseRequest(
        cluster=outputs.cluster_name,
        subnet_ids=outputs.task_subnet_ids,
        security_group_ids=outputs.task_security_group_ids,
        database_task_definition="alpha-database",
        release_task_definition=account.released(FAMILY, image),
        command=["python", "manage.py", "migrate", "--no-input"],
        timeout_seconds=600,
    )
    Release(account.client("ecs"), account.client("logs"), request, info=lines.append, clock=account.clock).run()
    return lines


@contextmanager
def serving(alpha: Environment) -> Generator[str]:
    """The web service of the code before, with the command of its task definition."""
    with alpha.started("alpha-gunicorn", 8000) as (process, url):
        until(lambda: _answers(url, process))
        yield f"{url}/reports/"


def _answers(url: str, process: subprocess.Popen[str]) -> bool:
    assert process.poll() is None
    try:
        return requests.get(f"{url}/health/", timeout=LONG).ok
    except requests.ConnectionError:
        return False


def test_a_release_that_succeeds_reports_its_lines(account: Account) -> None:
    lines = release(account, "good")
    assert "database | database alpha-db is ready" in lines
    assert "release |   No migrations to apply." in lines
    assert lines[-1] == "release: succeeded"


def test_a_failing_migration_changes_nothing_and_the_code_before_it_serves_all_the_time(account: Account) -> None:
    statuses, enough = list[int](), Event()

    def ask(url: str) -> None:
        while not enough.is_set():
            statuses.append(requests.get(url, timeout=LONG).status_code)

    with serving(account.environments[0]) as url:
        asking = Thread(target=ask, args=(url,))
        asking.start()
        try:
            with pytest.raises(ReleaseError) as failed:
                release(account, "broken")
            before = len(statuses)
            until(lambda: len(statuses) > before + 5)
        finally:
            enough.set()
            asking.join()
    text = str(failed.value)
    assert text.startswith("the release command failed; no service was changed\n")
    assert 'relation "no_such_table" does not exist' in text
    assert "ended with exit code 1" in text
    assert statuses
    assert set(statuses) == {200}


def test_the_next_release_without_the_failing_migration_succeeds(account: Account) -> None:
    assert release(account, "good")[-1] == "release: succeeded"
