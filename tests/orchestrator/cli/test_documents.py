"""The output of `--json` and `--events` conforms to the published schemas."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from orchestrator.rendering.schema import SCHEMAS, schema
from tests.support.command_line import Here


def check(name: str, document: Any) -> None:
    jsonschema.validate(document, schema(name), format_checker=jsonschema.FormatChecker())


@pytest.fixture
def running(here: Here) -> Here:
    return here.after("create-env", "alpha", "--ttl", "3h", "--owner", "ada")


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_schema_is_valid(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(schema(name))


def test_the_command_prints_one_schema_or_all(here: Here) -> None:
    assert json.loads(here("schema", "report").out) == schema("report")
    assert list(json.loads(here("schema").out)) == list(SCHEMAS)
    answer = here("schema", "repotr")
    assert answer.code == 2
    assert answer.err.startswith("error: there is no document repotr\nhint: documents are report, list,")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("report", ["preview-env", "beta", "--base", "dev", "--set", "fixture-app:tags={}"]),
        ("report", ["update-env", "alpha"]),
        ("report", ["update-base", "dev"]),
        ("report", ["drift", "alpha", "dev"]),
        ("report", ["refresh", "alpha"]),
        ("report", ["destroy-env", "alpha", "--yes"]),
        ("list", ["list"]),
        ("show", ["show", "alpha"]),
        ("show", ["show", "dev"]),
        ("outputs", ["outputs", "dev"]),
        ("cost", ["cost"]),
        ("cost", ["cost", "alpha"]),
        ("graph", ["graph"]),
        ("graph", ["graph", "dev"]),
        ("life", ["extend", "alpha", "--ttl", "1d"]),
        ("life", ["pin", "alpha"]),
        ("life", ["unpin", "alpha"]),
        ("unlock", ["unlock", "alpha"]),
        ("reap", ["reap"]),
        ("idle", ["reap", "--sleep-after", "8h"]),
    ],
)
def test_the_document_of_a_command_conforms_to_its_schema(name: str, words: list[str], running: Here) -> None:
    answer = running(*words, "--json")
    assert answer.code == 0, answer.err
    check(name, json.loads(answer.out))


def test_the_document_of_a_failed_run_conforms_to_its_schema(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "orchestrator.lifecycle.rehearsal.passed", lambda job: job
    )  # it would refuse the program before
    (here.folder / "app" / "__main__.py").write_text("raise RuntimeError('boom')")
    answer = here("create-env", "alpha", "--json")
    assert answer.code == 1
    check("report", json.loads(answer.out))


def test_reaping_prints_one_document_with_its_run(running: Here) -> None:
    running("extend", "alpha", "--ttl", "1s")
    answer = running("reap", "--execute", "--yes", "--json")
    while json.loads(answer.out)["run"] is None:  # the second is not over yet
        answer = running("reap", "--execute", "--yes", "--json")
    check("reap", json.loads(answer.out))
    assert [unit["status"] for unit in json.loads(answer.out)["run"]["units"]] == ["succeeded"]


def test_events_are_lines_that_conform_to_their_schema(here: Here, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    assert here("create-env", "alpha", "--events", str(file)).code == 0
    events = [json.loads(line) for line in file.read_text().splitlines()]
    for event in events:
        check("event", event)
    assert [event["event"] for event in events if event["event"] != "resource"] == [
        "plan", "started", "finished", "started", "finished",
    ]  # fmt: skip
    assert "s3cret-value" not in file.read_text()


@pytest.mark.parametrize("before", [None, 0o644])
def test_only_the_user_can_read_an_events_file(here: Here, tmp_path: Path, before: int | None) -> None:
    file = tmp_path / "events.jsonl"
    if before is not None:
        file.touch()
        file.chmod(before)
    assert here("preview-base", "dev", "--events", str(file)).code == 0
    assert file.stat().st_mode & 0o777 == 0o600


def test_events_may_go_to_a_device(here: Here) -> None:
    mode = Path("/dev/null").stat().st_mode
    assert here("preview-base", "dev", "--events", "/dev/null").code == 0
    assert Path("/dev/null").stat().st_mode == mode


def test_an_events_file_that_cannot_be_written_is_a_usage_error(here: Here, tmp_path: Path) -> None:
    answer = here("create-env", "alpha", "--events", str(tmp_path / "no" / "events"))
    assert answer.code == 2
    assert answer.err.startswith("error: --events ")
    assert "No such file or directory" in answer.err


def test_a_ci_job_gets_a_summary_page(here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "summary.md"
    page.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(page))
    here("preview-env", "alpha")
    here("create-env", "alpha")
    text = page.read_text()
    assert text.startswith("before\n### Plan: 6 created; $0.00 a month\n")
    assert "\n### orchestrator create-env\n" in text
    assert "| `alpha` | created | 3 created |" in text
    assert "\nalpha: <https://example.com>\n" in text
