"""An update with nothing to do runs no program, and any change of what the program read makes it run again."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from orchestrator import Orchestrator
from orchestrator.engines.simulation import programs, repeats, trace
from orchestrator.errors import OperationFailedError
from orchestrator.events import Diagnostic
from orchestrator.model import Kind, Operation, Record, Unit, UnitOutcome
from tests.support.engines import APP, BASE, Workshop

OTHER = Unit("app", "beta")


class Counted(Workshop):
    """A simulated workshop that counts the programs that run."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(folder, "simulation", monkeypatch.setenv)
        self.runs: list[str] = []
        real = programs.simulate_project

        def counting(project: Any, request: Any, **more: Any) -> Any:
            self.runs.append(str(request.unit))
            return real(project, request, **more)

        monkeypatch.setattr(programs, "simulate_project", counting)

    def start(self) -> None:
        """Create both stacks. Not in a fixture, because pytest changes an environment variable between fixture and test."""
        self.run(BASE)
        self.run(APP)

    def again(self, unit: Unit = BASE, **more: Any) -> UnitOutcome:
        """The update again, as a new process runs it; `runs` then holds only its programs."""
        self.runs.clear()
        self.engine = self.another()
        return self.run(unit, **more)

    @property
    def program(self) -> Path:
        return self.folder / "base" / "__main__.py"

    def rewrite(self, text: str, file: Path | None = None) -> None:
        """Write a file, and wait until it is old enough to be distinguished from the next version."""
        (file or self.program).write_text(text, encoding="utf-8")
        settle()


def settle() -> None:
    time.sleep(2 * trace.CLOCK_TICK_SECONDS)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Counted:
    shop = Counted(tmp_path, monkeypatch)
    settle()
    return shop


def test_an_update_with_nothing_to_do_runs_no_program(shop: Counted) -> None:
    shop.start()
    before = shop.engine.stack(BASE)
    outcome = shop.again()
    assert shop.runs == []
    assert before is not None
    assert outcome.counts.same == before.resource_count
    assert outcome.outputs == before.outputs
    assert not outcome.counts.changed
    assert shop.engine.stack(BASE) == before


def test_the_outcome_is_that_of_a_simulation(shop: Counted, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.start()
    short = shop.again(APP)
    assert shop.runs == []
    monkeypatch.setenv(repeats.VARIABLE, "1")
    assert shop.again(APP) == short
    assert shop.runs == ["app/alpha"]


def edited_program(shop: Counted) -> None:
    shop.rewrite(shop.program.read_text(encoding="utf-8").replace('"small"', '"large"'))


def changed_configuration(shop: Counted) -> None:
    shop.configure(BASE, size="large")


def added_module(shop: Counted) -> None:
    (shop.folder / "base" / "pulumi_more.py").write_text("", encoding="utf-8")


def changed_project_file(shop: Counted) -> None:
    file = shop.folder / "base" / "Pulumi.yaml"
    file.write_text(file.read_text(encoding="utf-8") + "description: another\n", encoding="utf-8")


def damaged_reading(shop: Counted) -> None:
    (shop.folder / ".orchestrator" / "simulation" / "base" / "dev.read").write_text("{", encoding="utf-8")


def removed_reading(shop: Counted) -> None:
    (shop.folder / ".orchestrator" / "simulation" / "base" / "dev.read").unlink()


def changed_state(shop: Counted) -> None:
    store = shop.engine._store  # pyright: ignore[reportPrivateUsage]
    store.write(BASE, replace(store.head(BASE), outputs={}), store.resources(BASE))


@pytest.mark.parametrize(
    "change",
    [
        edited_program,
        changed_configuration,
        added_module,
        changed_project_file,
        damaged_reading,
        removed_reading,
        changed_state,
    ],
)
def test_a_change_runs_the_program_again(shop: Counted, change: Callable[[Counted], None]) -> None:
    shop.start()
    change(shop)
    shop.again()
    assert shop.runs == ["base/dev"]


def test_an_environment_variable_runs_the_program_again(shop: Counted, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.start()
    monkeypatch.setenv("SOMETHING", "else")
    shop.again()
    assert shop.runs == ["base/dev"]


def test_a_newer_python_runs_the_program_again(shop: Counted, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.start()
    monkeypatch.setattr(sys, "version", "9.9")
    shop.again()
    assert shop.runs == ["base/dev"]


def test_another_version_of_a_package_runs_the_program_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "site-packages" / "some_package"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("SIZE = 1\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(package.parent))
    shop = Counted(tmp_path / "shop", monkeypatch)
    shop.rewrite(f"import some_package\n{shop.program.read_text(encoding='utf-8')}")
    shop.run(BASE)
    shop.again()
    assert shop.runs == []
    (package / "__init__.py").write_text("SIZE = 2\n", encoding="utf-8")
    shop.again()
    assert shop.runs == ["base/dev"]


@pytest.mark.parametrize("inside", [True, False])
def test_a_helper_module_of_the_program_runs_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, inside: bool
) -> None:
    shop = Counted(tmp_path / "shop", monkeypatch)
    folder = shop.folder / "base" if inside else tmp_path / "shared"
    folder.mkdir(exist_ok=True)
    helper = folder / f"helper_{inside}.py"
    monkeypatch.syspath_prepend(str(tmp_path / "shared"))
    shop.rewrite("SIZE = 1\n", helper)
    shop.rewrite(f"import {helper.stem}\n{shop.program.read_text(encoding='utf-8')}")
    shop.run(BASE)
    shop.again()
    assert shop.runs == []
    shop.rewrite("SIZE = 2\n", helper)
    shop.again()
    assert shop.runs == ["base/dev"]


def test_a_file_that_the_program_reads_runs_it_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop, file = Counted(tmp_path / "shop", monkeypatch), tmp_path / "sizes.yaml"
    shop.rewrite("1", file)
    shop.rewrite(f"open({str(file)!r}).close()\n{shop.program.read_text(encoding='utf-8')}")
    shop.run(BASE)
    shop.again()
    assert shop.runs == []
    file.write_text("2", encoding="utf-8")
    shop.again()
    assert shop.runs == ["base/dev"]


def test_a_file_that_appears_where_the_program_looked_runs_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, file = Counted(tmp_path / "shop", monkeypatch), tmp_path / "sizes.yaml"
    attempt = f"try: open({str(file)!r}).close()\nexcept OSError: pass\n"
    shop.rewrite(attempt + shop.program.read_text(encoding="utf-8"))
    shop.run(BASE)
    shop.again()
    assert shop.runs == []
    file.write_text("2", encoding="utf-8")
    shop.again()
    assert shop.runs == ["base/dev"]


def test_a_moved_output_of_the_base_runs_the_environment_again(shop: Counted) -> None:
    shop.start()
    shop.rewrite(shop.program.read_text(encoding="utf-8").replace('export("kind", "ad-hoc")', 'export("more", "x")'))
    shop.again(BASE)
    shop.again(APP)
    assert shop.runs == ["app/alpha"]
    shop.again(APP)
    assert shop.runs == []


@pytest.mark.parametrize(
    "line",
    [
        "import time",
        "from datetime import datetime",
        "import random",
        "import uuid",
        "import os; os.system('true')",
        "open('written', 'w').close()",
        "import asyncio; __import__('socket').getaddrinfo('localhost', 80)",
    ],
)
def test_a_program_that_can_differ_from_run_to_run_always_runs(shop: Counted, line: str) -> None:
    shop.start()
    shop.rewrite(f"{line}\n{shop.program.read_text(encoding='utf-8')}")
    shop.again()
    shop.again()
    assert shop.runs == ["base/dev"]


def test_a_program_that_was_just_written_runs_again(shop: Counted, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.start()
    monkeypatch.setattr(trace, "CLOCK_TICK_SECONDS", 600)  # on a busy machine, a real tick ends before the program runs
    shop.program.write_text(shop.program.read_text(encoding="utf-8") + "# more\n", encoding="utf-8")
    shop.again()
    shop.again()
    assert shop.runs == ["base/dev"]


def test_a_failed_update_runs_again(shop: Counted) -> None:
    shop.start()
    shop.configure(BASE, boom=True)
    with pytest.raises(OperationFailedError):
        shop.again()
    shop.configure(BASE)
    shop.again()
    assert shop.runs == ["base/dev"]
    shop.again()
    assert shop.runs == []


def test_a_destroyed_stack_is_created_again(shop: Counted) -> None:
    shop.start()
    shop.run(APP, Operation.DESTROY)
    outcome = shop.again(APP)
    assert shop.runs == ["app/alpha"]
    assert outcome.counts.create == 3


def test_previews_and_plans_run_the_program(shop: Counted, tmp_path: Path) -> None:
    shop.start()
    shop.again(operation=Operation.PREVIEW, plan_file=tmp_path / "plan")
    shop.run(BASE, plan_file=tmp_path / "plan")
    assert shop.runs == ["base/dev", "base/dev"]


def test_the_record_is_written_without_a_simulation(shop: Counted) -> None:
    shop.start()
    expires = datetime.now(UTC).replace(microsecond=0) + timedelta(days=3)
    record = Record(kind=Kind.AD_HOC, base="dev", owner="ada", expires=expires)
    shop.again(APP, record=record)
    assert shop.runs == []
    stack = shop.engine.stack(APP)
    assert stack is not None
    assert stack.record == record
    shop.again(APP)
    assert shop.runs == [], "a record is no part of what a program reads"


def test_messages_of_the_program_are_repeated(shop: Counted) -> None:
    shop.start()
    shop.rewrite(
        "pulumi.log.warn('look out')\nprint('hello')\n".join(["import pulumi\n", ""])
        + shop.program.read_text(encoding="utf-8")
    )
    first = shop.again()
    said = [event.message for event in shop.events if isinstance(event, Diagnostic)]
    assert "look out" in said
    again = shop.again()
    assert shop.runs == []
    assert again.warnings == first.warnings == ("look out",)
    assert [event.message for event in shop.events if isinstance(event, Diagnostic)] == said


def test_another_stack_of_the_project_runs_its_own_program(shop: Counted) -> None:
    shop.start()
    shop.configure(OTHER, base="dev")
    shop.again(OTHER)
    assert shop.runs == ["app/beta"]
    shop.again(APP)
    assert shop.runs == [], "files of other stacks are no part of what a program reads"


def test_the_cost_and_the_creation_share_one_simulation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Counted(tmp_path, monkeypatch)
    settle()
    orchestrator = Orchestrator(shop.folder, engine="simulation")
    from orchestrator.lifecycle import CreateEnv

    job = orchestrator.prepare(CreateEnv(names=("alpha",), base="dev"))
    assert set(orchestrator.cost_ahead(job)) == {BASE, APP}
    report = orchestrator.run_job(job)
    assert report.exit_code == 0
    assert shop.runs == ["base/dev", "app/alpha"]
    assert [result.counts.create for result in report.results] == [3, 3]


def test_a_program_that_changes_after_its_cost_is_simulated_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Counted(tmp_path, monkeypatch)
    settle()
    orchestrator = Orchestrator(shop.folder, engine="simulation")
    from orchestrator.lifecycle import CreateBase

    job = orchestrator.prepare(CreateBase(name="dev"))
    orchestrator.cost_ahead(job)
    shop.program.write_text(shop.program.read_text(encoding="utf-8") + "aws.sns.Topic('third')\n", encoding="utf-8")
    report = orchestrator.run_job(job)
    assert shop.runs == ["base/dev", "base/dev"]
    assert report.results[0].counts.create == 4
