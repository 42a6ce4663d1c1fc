"""The costs of new stacks, from a simulation of programs that may misbehave."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.config.projects import Project
from orchestrator.cost import prices, programs
from orchestrator.cost.programs import Program, Question, costs, costs_apart
from orchestrator.model import Scope, Unit

SIZE = 'import pulumi_aws as aws\naws.rds.Instance("db", instance_class="db.t4g.micro", allocated_storage=20, engine="postgres")\n'


def question(folder: Path, *texts: str) -> Question:
    """A stack for each program."""
    asked: list[Program] = []
    for number, text in enumerate(texts):
        home = folder / f"p{number}"
        home.mkdir()
        (home / "Pulumi.yaml").write_text(f"name: p{number}\nruntime: python\n", encoding="utf-8")
        (home / "__main__.py").write_text(text, encoding="utf-8")
        project = Project(key=f"p{number}", path=home, name=f"p{number}", scope=Scope.BASE)
        name = f"organization/p{number}/dev"
        asked.append(
            Program(unit=Unit(project.key, "dev"), project=project, reference_name=name, config="config: {}\n")
        )
    return Question(programs=asked, stacks={}, prices=prices.packaged())


def test_a_separate_process_computes_the_same_costs(tmp_path: Path) -> None:
    asked = question(tmp_path, SIZE, SIZE)
    found = costs_apart(asked)
    assert found == costs(asked)
    assert found[Unit("p0", "dev")] > 0


def test_a_program_that_prints_or_exits_does_not_affect_this_process(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    asked = question(tmp_path, f"print('hello')\n{SIZE}")
    assert costs_apart(asked).keys() == {Unit("p0", "dev")}
    (tmp_path / "p0" / "__main__.py").write_text("import os\nos._exit(3)\n", encoding="utf-8")
    assert costs_apart(asked) == {}
    assert capfd.readouterr() == ("", "")


def test_a_program_that_hangs_is_abandoned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "PATIENCE_SECONDS", 3)
    assert costs_apart(question(tmp_path, "import time\ntime.sleep(3600)\n")) == {}
