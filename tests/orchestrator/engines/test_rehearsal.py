"""Rehearsals of the real engine: programs that may misbehave are simulated in a process of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.config.projects import Project
from orchestrator.engines.automation import rehearsal
from orchestrator.engines.automation.rehearsal import Program, Question, rehearse, rehearse_apart
from orchestrator.engines.rehearsal import Asked, Rehearsal
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
    return rehearse(question(folder, text, config=config))[FIRST]


def test_a_program_reads_the_rehearsed_outputs_of_the_one_before(tmp_path: Path) -> None:
    export = f"import pulumi\n{TOPIC}pulumi.export('size', 'large')\n"
    read = "import pulumi\nimport pulumi_aws as aws\nother = pulumi.StackReference('organization/p0/dev')\naws.sns.Topic('news', display_name=other.get_output('size'))\n"
    found = rehearse(question(tmp_path, export, read))
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
    found = rehearse(question(tmp_path, "raise ValueError('no')\n", TOPIC))
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
