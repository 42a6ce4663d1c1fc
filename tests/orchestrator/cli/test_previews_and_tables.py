"""Previews of destruction, long names, files that git ignores, tables on a narrow terminal, tracebacks of programs."""

from __future__ import annotations

import io
import json
import logging
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from orchestrator.console import Console
from orchestrator.engines.simulation.engine import SimulationEngine
from orchestrator.lifecycle.registry import Deployment
from orchestrator.model import Kind, OutputValue, Record, Scope, StackStatus, StackSummary, Unit
from orchestrator.rendering import tables
from tests.orchestrator.cli.test_documents import check
from tests.support.command_line import Here


@pytest.fixture
def running(here: Here) -> Here:
    return here.after("create-env", "alpha", "--owner", "ada")


# destroy --dry-run


def test_a_dry_run_of_destroy_shows_the_resources_and_deletes_none(running: Here) -> None:
    answer = running("destroy-env", "alpha", "--dry-run")
    assert answer.code == 0
    assert answer.out.startswith("\n alpha  environment  previewed  3 deleted  0.0 s\n\nplan of 1 stack: 3 deleted\n")
    assert "-     Topic topic\n" in answer.out
    assert running("update-env", "alpha").out.startswith("\n alpha  environment  unchanged  3 unchanged ")


def test_a_dry_run_counts_what_destroy_then_deletes(running: Here) -> None:
    preview = json.loads(running("destroy-base", "dev", "--cascade", "--dry-run", "--json").out)
    check("report", preview)
    done = json.loads(running("destroy-base", "dev", "--cascade", "--yes", "--json").out)
    counted = [[(unit["stack"], unit["counts"]["delete"]) for unit in report["units"]] for report in (preview, done)]
    assert counted[0] == counted[1] == [("alpha", 3), ("dev", 3)]


def test_a_dry_run_is_refused_like_the_destruction(running: Here) -> None:
    assert running("destroy-base", "dev", "--dry-run").err == running("destroy-base", "dev", "--yes").err


# names


@pytest.mark.parametrize("name", ["alpha", "app/alpha", "environment/alpha"])
def test_the_long_form_of_a_name_is_accepted(running: Here, name: str) -> None:
    for words in (["show"], ["outputs"], ["graph"], ["cost"], ["unlock"], ["pin"], ["drift"], ["update-env"]):
        assert running(*words, name).code == 0, words
    assert running("destroy-env", name, "--yes").code == 0
    assert "alpha" not in running("list").out


def test_the_long_form_of_the_other_scope_is_refused(running: Here) -> None:
    answer = running("destroy-env", "base/dev", "--yes")
    assert answer.err == "error: base/dev is not an environment\nhint: pass the name of an environment\n"
    assert running("destroy-base", "app/alpha", "--yes").code == 2
    assert running("show", "nope/alpha").code == 1


# files


def test_git_ignores_what_the_orchestrator_keeps(here: Here, tmp_path: Path) -> None:
    plan = tmp_path / "plan"
    for _ in range(2):
        assert here("preview-env", "alpha", "--save-plan", str(plan)).code == 0
    assert here("apply", str(plan)).code == 0
    assert (here.folder / ".orchestrator" / ".gitignore").read_text() == (plan / ".gitignore").read_text() == "*\n"


def test_a_stack_file_that_destroy_removes_is_reported(here: Here) -> None:
    assert here("create-env", "beta", "--base", "dev").code == 0
    file = here.folder / "app" / "Pulumi.beta.yaml"
    assert file.exists()
    answer = here("destroy-env", "beta", "--yes")
    assert not file.exists()
    assert f"removed   {file}: its stack is gone" in answer.err


def test_a_stack_file_that_destroy_removes_is_reported_in_quiet_mode_too(here: Here) -> None:
    assert here("create-env", "beta", "--base", "dev", "--quiet").code == 0
    file = here.folder / "app" / "Pulumi.beta.yaml"
    file.write_text(file.read_text(encoding="utf-8") + "# mine\n", encoding="utf-8")
    answer = here("destroy-env", "beta", "--yes", "--quiet")
    assert not file.exists()
    assert answer.err == (
        f"warning: {file} was removed: its stack is gone, and the file was generated and not in git\n"
    )


def test_a_stack_file_of_the_user_survives_destroy(running: Here) -> None:
    answer = running("destroy-env", "alpha", "--yes")
    assert (running.folder / "app" / "Pulumi.alpha.yaml").exists()
    assert "removed" not in answer.err


# failures


@pytest.mark.parametrize("verbose", [False, True])
def test_verbose_shows_the_traceback_of_an_internal_error(
    verbose: bool, here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_arguments: object) -> None:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr(SimulationEngine, "run", broken)
    answer = here("create-base", "dev", *(["--verbose"] if verbose else []))
    assert answer.code == 1
    assert "internal error: ZeroDivisionError: by zero" in answer.err
    assert ('raise ZeroDivisionError("by zero")' in answer.err) is verbose
    assert logging.getLogger("orchestrator").handlers == []


def test_verbose_shows_the_traceback_of_the_program(here: Here) -> None:
    program = here.folder / "base" / "__main__.py"
    program.write_text("def sizes():\n    return {}['small']\nsizes()\n", encoding="utf-8")
    assert "Traceback" not in here("create-base", "dev").err
    verbose = here("create-base", "dev", "--verbose").err
    assert f'File "{program}", line 2, in sizes' in verbose
    assert "KeyError: 'small'" in verbose


# tables


def deployment(name: str) -> Deployment:
    summary = StackSummary(unit=Unit("app", name), status=StackStatus.READY, record=None, resource_count=90)
    url = {"url": OutputValue(value=f"https://{name}.example.com")}
    return Deployment(
        name=name,
        scope=Scope.ENVIRONMENT,
        stacks=(replace(summary, outputs=url),),
        record=Record(kind=Kind.AD_HOC, base="dev", owner="ada lovelace", created=datetime(2026, 11, 1, tzinfo=UTC)),
        recorded=True,
    )


@pytest.mark.parametrize("width", [80, 100, 120])
def test_a_list_drops_columns_instead_of_breaking_words(width: int) -> None:
    text = tables.listing([deployment("alpha"), deployment("a-long-name")], datetime(2026, 11, 20, tzinfo=UTC), width)
    assert max(map(len, text.splitlines())) <= width
    assert text.startswith("NAME ")
    assert " STATUS " in text


def test_a_list_that_is_not_on_a_terminal_has_every_column() -> None:
    assert "RESOURCES" in tables.listing([deployment("alpha")], datetime(2026, 11, 20, tzinfo=UTC))


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("width", [80, 120])
def test_a_table_breaks_between_words_on_a_terminal(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    out, words = Terminal(), " ".join(f"word{number}" for number in range(40))
    Console(out=out).table(f"alpha  stays awake  {words}\n")
    lines = out.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    assert " ".join(" ".join(lines).split()) == f"alpha stays awake {words}"
    assert all(line.startswith(" " * 20) for line in lines[1:])


def test_values_are_json_and_not_python() -> None:
    shown = tables.values(
        {"a": {"x": True, "y": None}, "b": ["p", "q"], "c": False, "d": None, "e": [{"z": 1}], "f": "t"}
    )
    assert [line.split("  ", 1)[1].strip() for line in shown.splitlines()] == [
        '{"x": true, "y": null}', "p, q", "false", "-", '[{"z": 1}]', "t",
    ]  # fmt: skip


def test_cost_has_a_total_of_several_names(running: Here) -> None:
    assert [line.split() for line in running("cost").out.splitlines()[:3]] == [
        ["dev", "0.00"],
        ["alpha", "0.00"],
        ["total", "0.00"],
    ]
    assert "total" not in running("cost", "alpha").out


@pytest.mark.parametrize(("kind", "allowed"), [("prod", " --allow-prod"), ("ad-hoc", "")])
def test_next_offers_commands_that_work(kind: str, allowed: str) -> None:
    outputs = {"kind": OutputValue(value=kind)}
    assert f"orchestrator destroy-env alpha{allowed}\n" in tables.environment(outputs, "alpha")
    assert f"--image backend=REPOSITORY:TAG{allowed}\n" in tables.environment(outputs, "alpha")
    asleep = tables.environment(outputs, "alpha", asleep=True)
    assert f"orchestrator wake alpha{allowed}\n" in asleep
    assert "deploy" not in asleep


def test_a_list_shows_when_a_closed_environment_opens() -> None:
    monday = datetime(2026, 11, 30, 8, tzinfo=UTC)
    closed = replace(deployment("alpha"), closed_until=monday)
    text = tables.listing([closed, replace(closed, asleep=True)], datetime(2026, 11, 28, tzinfo=UTC))
    assert [line.split("  ")[4].strip() for line in text.splitlines()[1:]] == ["closed until Mon 08:00", "asleep"]
