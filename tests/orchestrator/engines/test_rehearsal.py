"""Rehearsals of the real engine: programs that may misbehave are simulated in a process of their own."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.config.projects import Project
from orchestrator.engines.automation import rehearsal
from orchestrator.engines.automation.rehearsal import Program, Question, rehearse, rehearse_apart
from orchestrator.engines.protocol import Asked, Rehearsal
from orchestrator.engines.simulation import trace
from orchestrator.model import Scope, Unit

TOPIC = "import pulumi_aws as aws\naws.sns.Topic('news')\n"
FIRST, SECOND = Unit("p0", "dev"), Unit("p1", "dev")


def question(folder: Path, *texts: str, config: str = "config: {}\n") -> Question:
    """A stack for each program."""
    asked: list[Program] = []
    for number, text in enumerate(texts):
        home = folder / f"p{number}"
        home.mkdir()
        (home / "Pulumi.yaml").write_text(f"name: p{number}\nruntime: python\n", encoding="utf-8")
        (home / "__main__.py").write_text(text, encoding="utf-8")
        project = Project(key=f"p{number}", path=home, name=f"p{number}", scope=Scope.BASE)
        asked.append(
            Program(
                asked=Asked(unit=Unit(project.key, "dev"), config=config),
                project=project,
                reference_name=f"organization/p{number}/dev",
            )
        )
    return Question(programs=asked, stacks={})


def only(folder: Path, text: str, config: str = "config: {}\n") -> Rehearsal:
    return rehearse(question(folder, text, config=config)).found[FIRST]


def test_a_program_reads_the_rehearsed_outputs_of_the_one_before(tmp_path: Path) -> None:
    export = f"import pulumi\n{TOPIC}pulumi.export('size', 'large')\n"
    read = "import pulumi\nimport pulumi_aws as aws\nother = pulumi.StackReference('organization/p0/dev')\naws.sns.Topic('news', display_name=other.get_output('size'))\n"
    found = rehearse(question(tmp_path, export, read)).found
    assert [resource.inputs for resource in found[SECOND].resources if resource.name == "news"] == [
        {"displayName": "large"}
    ]


def test_another_process_prints_nothing_and_its_end_is_a_reason(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    asked = question(tmp_path, f"print('hello')\n{TOPIC}")
    assert "news" in [resource.name for resource in rehearse_apart(asked)[FIRST].resources]
    (tmp_path / "p0" / "__main__.py").write_text("import os\nos._exit(3)\n", encoding="utf-8")
    assert rehearse_apart(asked) == {FIRST: Rehearsal(skipped="the program ended the process")}
    assert capfd.readouterr() == ("", "")


def test_a_program_that_hangs_is_not_rehearsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rehearsal, "PATIENCE_SECONDS", 3)
    found = rehearse_apart(question(tmp_path, "import time\ntime.sleep(3600)\n"))
    assert found[FIRST].skipped == "the program did not end within 3 seconds"


@pytest.mark.parametrize(
    "text",
    [
        "import pulumi\nraise pulumi.RunError('size is too large')\n",
        "raise ValueError('size is too large')\n",
        "from pulumi_django.rules import naming\nnaming.check_base_name('size is too large')\n",
    ],
)
def test_what_a_program_or_a_component_refuses_is_a_refusal(tmp_path: Path, text: str) -> None:
    refusal = only(tmp_path, text).refusal
    assert refusal is not None
    assert "too large" in refusal.message
    assert refusal.hint is not None


def test_the_first_refusal_ends_the_rehearsal(tmp_path: Path) -> None:
    found = rehearse(question(tmp_path, "raise ValueError('no')\n", TOPIC)).found
    assert list(found) == [FIRST]


@pytest.mark.parametrize(
    "text",
    [
        "import a_package_of_their_own\n",
        "import socket\nsocket.create_connection(('127.0.0.1', 1))\n",
        "import pulumi\npulumi.runtime.invoke('other:index:lookUp', {}).value['x']\n",
        "open('/nowhere/at/all')\n",
        "sizes = {}\nsizes['large']\n",
    ],
)
def test_what_the_simulation_cannot_know_blocks_nothing(tmp_path: Path, text: str) -> None:
    found = only(tmp_path, text)
    assert found.refusal is None
    assert found.skipped


def test_an_encrypted_value_that_is_not_known_here_blocks_nothing(tmp_path: Path) -> None:
    config = "config:\n  p0:pins:\n    secure: AAABAJ\n"
    found = only(tmp_path, "import pulumi\npulumi.Config().require_secret_int('pins')\n", config)
    assert found.refusal is None
    assert found.skipped


# remembered


EXPORT = f"import pulumi\n{TOPIC}pulumi.export('size', 'large')\n"
READ = (
    "import pulumi\nimport pulumi_aws as aws\nother = pulumi.StackReference('organization/p0/dev')\n"
    "aws.sns.Topic('news', display_name=other.get_output('size'))\n"
)


class Runs:
    """Counts the processes of rehearsals."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.memory, self.count = folder / "memory", 0
        self._apart = rehearsal._asked_apart  # pyright: ignore[reportPrivateUsage]
        monkeypatch.setattr(rehearsal, "_asked_apart", self._run)
        monkeypatch.delenv("ORCHESTRATOR_ALWAYS_SIMULATE", raising=False)

    def _run(self, asked: Question) -> rehearsal.Answer:
        self.count += 1
        return self._apart(asked)

    def __call__(self, asked: Question) -> tuple[int, dict[Unit, Rehearsal]]:
        """The number of processes so far, and the rehearsals."""
        found = rehearse_apart(asked, self.memory)
        return self.count, found


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runs:
    return Runs(tmp_path, monkeypatch)


def settled(asked: Question) -> Question:
    """The question, when its files are old enough: one that is as new as its run is not remembered."""
    time.sleep(2 * trace.CLOCK_TICK_SECONDS)
    return asked


def again(asked: Question, *, config: str | None = None, stacks: Mapping[str, Any] | None = None) -> Question:
    """The same question, with another configuration of the first stack or with stacks that exist."""
    first, *rest = asked.programs
    if config is not None:
        first = replace(first, asked=replace(first.asked, config=config))
    return Question(programs=[first, *rest], stacks=asked.stacks if stacks is None else stacks)


def test_while_nothing_moves_no_program_runs_again(tmp_path: Path, runs: Runs) -> None:
    asked = settled(question(tmp_path, EXPORT, READ))
    first = runs(asked)
    assert first[0] == 1
    assert [resource.name for resource in first[1][SECOND].resources if resource.type.startswith("aws:sns")] == ["news"]
    assert runs(asked) == first
    (file,) = runs.memory.iterdir()
    assert file.stat().st_mode & 0o077 == 0


def changed_program(asked: Question) -> Question:
    (asked.programs[1].project.path / "__main__.py").write_text(READ + "aws.sns.Topic('more')\n", encoding="utf-8")
    return asked


def changed_variable(asked: Question) -> Question:
    os.environ["SHOP_SIZE"] = "large"
    return asked


def damaged_memory(asked: Question) -> Question:
    for file in (asked.programs[0].project.path.parent / "memory").iterdir():
        file.write_text("{", encoding="utf-8")
    return asked


def asked_to_simulate(asked: Question) -> Question:
    os.environ["ORCHESTRATOR_ALWAYS_SIMULATE"] = "1"
    return asked


@pytest.mark.parametrize(
    "change",
    [
        changed_program,
        changed_variable,
        damaged_memory,
        asked_to_simulate,
        lambda asked: again(asked, config="config: {p0:size: 3}\n"),
        lambda asked: again(asked, stacks={"organization/p0/dev": ({"size": "small"}, ())}),
    ],
    ids=["program", "variable", "memory", "switch", "configuration", "outputs"],
)
def test_whatever_a_program_reads_can_change(
    tmp_path: Path, runs: Runs, monkeypatch: pytest.MonkeyPatch, change: Callable[[Question], Question]
) -> None:
    monkeypatch.setattr(os, "environ", dict(os.environ))
    asked = settled(question(tmp_path, EXPORT, READ))
    runs(asked)
    assert runs(change(asked))[0] == 2


def test_outputs_that_no_program_reads_may_change(tmp_path: Path, runs: Runs) -> None:
    asked = settled(question(tmp_path, EXPORT, READ))
    runs(asked)
    assert runs(again(asked, stacks={"organization/other/dev": ({"size": "small"}, ())}))[0] == 1


@pytest.mark.parametrize("text", [f"import time\n{TOPIC}", "raise ValueError('no')\n", "import a_package_of_theirs\n"])
def test_another_answer_and_no_answer_are_not_remembered(tmp_path: Path, runs: Runs, text: str) -> None:
    asked = settled(question(tmp_path, TOPIC, text))
    runs(asked)
    assert runs(asked)[0] == 2


def test_a_memory_that_cannot_be_written_changes_nothing(tmp_path: Path, runs: Runs) -> None:
    runs.memory.write_text("a file", encoding="utf-8")
    assert list(runs(settled(question(tmp_path, TOPIC)))[1]) == [FIRST]
