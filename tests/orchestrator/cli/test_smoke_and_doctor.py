"""doctor and smoke on the simulation engine."""

from __future__ import annotations

import json
from pathlib import Path

from orchestrator.cli.main import main
from orchestrator.operations.health.smoke import NAMES
from tests.orchestrator.cli.test_data import alpha as alpha  # a fixture
from tests.support.command_line import NOTICE, Here


def test_doctor_prints_a_line_for_each_check(here: Here) -> None:
    answer = here("doctor")
    assert answer.code == 0
    lines = answer.out.splitlines()
    assert lines[0] == f"ok    settings        {here.folder}/orchestrator.toml: 2 projects, engine simulation"
    assert lines[1] == "n/a   pulumi          the simulation does not need it"
    assert "ok    backend         readable and writable: 0 stacks" in lines


def test_doctor_works_with_a_broken_orchestrator_toml(tmp_path: Path, here: Here) -> None:
    assert here.folder == tmp_path
    (tmp_path / "orchestrator.toml").write_text("engine = 1\n", encoding="utf-8")
    answer = here("doctor")
    assert answer.code == 1
    assert answer.out.startswith(f"fail  settings        {tmp_path}/orchestrator.toml has no projects")


def test_doctor_as_a_document(here: Here) -> None:
    document = json.loads(here("doctor", "alpha", "--json").out)
    assert (document["notice"], document["name"], document["exit_code"]) == (NOTICE, "alpha", 0)
    assert document["checks"][0]["name"] == "settings"
    assert {check["verdict"] for check in document["checks"]} <= {"ok", "warn", "fail", "n/a"}


def test_doctor_of_an_unknown_name_fails(here: Here) -> None:
    answer = here("doctor", "nobody")
    assert answer.code == 1
    assert "fail  stack           no base or environment 'nobody' exists or is configured\n" in answer.out


def test_smoke_in_the_simulation_lists_its_api_calls_with_verbose(alpha: Here) -> None:
    assert "on AWS these calls" not in alpha("smoke", "alpha").out
    answer = alpha("smoke", "alpha", "--verbose")
    assert answer.code == 0
    lines = answer.out.splitlines()
    assert [line[6:22].strip() for line in lines[:14]] == list(NAMES)
    assert lines[14] == "on AWS these calls would be made:"


def test_smoke_as_a_document(alpha: Here) -> None:
    document = json.loads(alpha("smoke", "alpha", "--json").out)
    assert (document["environment"], document["exit_code"], len(document["checks"])) == ("alpha", 0, 14)
    assert "RunTask" in [call["operation"] for call in document["calls"]]


def test_help_needs_no_project() -> None:
    assert main(["doctor", "--help"]) == main(["smoke", "--help"]) == 0


def test_a_deploy_may_end_with_a_smoke(alpha: Here) -> None:
    answer = alpha("deploy", "alpha", "--image", "backend=registry.example.com/shop:2", "--smoke")
    assert answer.code == 0
    assert [line[6:22].strip() for line in answer.out.splitlines() if line.startswith("n/a ")] == list(NAMES)
    document = json.loads(
        alpha("deploy", "alpha", "--image", "backend=registry.example.com/shop:3", "--smoke", "--json").out
    )
    assert [check["name"] for check in document["result"]["smoke"]["checks"]] == list(NAMES)


def test_a_create_may_end_with_a_smoke(alpha: Here) -> None:
    answer = alpha("create-env", "alpha", "--smoke")
    assert answer.code == 0
    assert [line[6:22].strip() for line in answer.out.splitlines() if line.startswith("n/a ")] == list(NAMES)
    document = json.loads(alpha("create-env", "alpha", "--smoke", "--json").out)
    assert [check["name"] for check in document["smoke"][0]["checks"]] == list(NAMES)
