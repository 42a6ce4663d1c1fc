"""`maintenance on` and `maintenance off`, and the ways in which a forgotten one shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.errors import UsageError
from orchestrator.operations.health import doctor
from orchestrator.rendering import tables
from tests.support.operations import ALPHA, make_alpha
from tests.support.workspace import START, Workspace


@pytest.fixture
def alpha(workspace: Workspace) -> Workspace:
    make_alpha(workspace)
    return workspace


def test_on_writes_the_configuration_and_updates_the_stack_and_off_removes_it(alpha: Workspace, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("<h1>Later</h1>")
    result = alpha.orchestrator().operations.maintenance_on("alpha", page=page, allow="203.0.113.7/32")
    assert (result.on, result.report.exit_code) == (True, 0)
    assert (result.since or "").startswith("2026-11-20T09:00:0")
    assert alpha.engine.configs[ALPHA].values["django-app:maintenance"] == {
        "since": result.since,
        "page": "<h1>Later</h1>",
        "allow": ["203.0.113.7/32"],
    }
    assert (alpha.engine.calls[-1].message or "").startswith("orchestrator maintenance-on alpha")
    make_alpha(alpha)
    result = alpha.orchestrator().operations.maintenance_off("alpha")
    assert "django-app:maintenance" not in alpha.engine.configs[ALPHA].values
    assert not result.on


def test_a_second_on_keeps_the_time_of_the_first(alpha: Workspace) -> None:
    file = alpha.file("app", "alpha")
    file.write_text(file.read_text() + "  django-app:maintenance: {since: '2026-11-01T08:00:00+00:00'}\n")
    assert alpha.orchestrator().operations.maintenance_on("alpha").since == "2026-11-01T08:00:00+00:00"


def test_a_page_or_an_address_that_cannot_be_used_changes_nothing(alpha: Workspace, tmp_path: Path) -> None:
    operations = alpha.orchestrator().operations
    large, empty = tmp_path / "large.html", tmp_path / "empty.html"
    large.write_text("x" * 2000)
    empty.write_text(" ")
    for options, problem in (
        ({"page": large}, r"large.html cannot be used: it has more than 1 KiB"),
        ({"page": empty}, "is empty"),
        ({"page": tmp_path / "none.html"}, "No such file"),
        ({"allow": ["office"]}, "alpha was not changed: allow has 'office'"),
    ):
        with pytest.raises(UsageError, match=problem):
            operations.maintenance_on("alpha", **options)  # type: ignore[arg-type]
    assert alpha.engine.calls == []


def test_list_and_doctor_show_a_forgotten_one(alpha: Workspace) -> None:
    file = alpha.file("app", "alpha")
    file.write_text(file.read_text() + "  django-app:maintenance: {since: '2026-11-01T08:00:00+00:00'}\n")
    found = alpha.orchestrator().list()
    assert {item.name: item.maintenance for item in found} == {"dev": None, "alpha": "2026-11-01T08:00:00+00:00"}
    assert " maintenance " in tables.listing(found, START)
    for name in (None, "alpha"):
        checks = list(doctor.maintenance(alpha.context(), name))
        assert [check.evidence for check in checks] == ["alpha has answered 503 since 2026-11-01T08:00:00+00:00"]
    assert list(doctor.maintenance(alpha.context(), "dev")) == []
