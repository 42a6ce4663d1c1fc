"""The hint of a refusal names the place of the refused value: an option, a line of a file, a variable."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from orchestrator.cli.main import main

ROOT = Path(__file__).parents[3]


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The projects of this repository; the working folder."""
    shutil.copy(ROOT / "orchestrator.toml", tmp_path)
    shutil.copytree(ROOT / "projects", tmp_path / "projects")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    code = main([*words, "--base", "dev"])
    text = capsys.readouterr().err
    assert code == 1
    assert "ValueError" not in text
    assert "app/" not in text.partition("hint:")[0], "the environment has one name"
    return text


@pytest.mark.parametrize(
    ("option", "said", "place"),
    [
        (["--set", "sise=large"], "django-app:sise: is not a key here", "--set sise"),
        (["--set", "web.cpu_units=300"], "cpu_units is 300: Fargate has", "--set web.cpu_units"),
        (["--set", "web.cpu_units=abc"], 'django-app:web.cpu_units: is "abc"', "--set web.cpu_units"),
        (["--set", "workers={default: {cpu_units: 300}}"], "cpu_units is 300", "--set workers"),
        (["--set", "django-app:web.exec_enabled=perhaps"], "exec_enabled", "--set django-app:web.exec_enabled"),
        (["--image", "backend=:x"], "backend_image is ':x'", "--image backend"),
    ],
)
@pytest.mark.usefixtures("clone")
def test_an_option_of_the_command(option: list[str], said: str, place: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = refused(capsys, "create-env", "alpha", *option)
    assert said in text
    assert text.endswith(f"hint: correct {place}, then run the same command again\n")


@pytest.mark.usefixtures("clone")
def test_an_option_of_a_preview(capsys: pytest.CaptureFixture[str]) -> None:
    text = refused(capsys, "preview-env", "beta", "--set", "web.cpu_units=300")
    assert "error: the program of beta failed: cpu_units is 300: Fargate has" in text
    assert text.endswith("hint: correct --set web.cpu_units, then run the same command again\n")


@pytest.mark.parametrize("name", ["alpha", "beta"])
def test_a_line_of_the_stack_file_or_of_the_template_of_a_new_stack(
    name: str, clone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = clone / "projects/app/Pulumi.alpha.yaml"
    before = file.read_text(encoding="utf-8")
    file.write_text(before.replace("    cpu_units: 1024\n", "    cpu_units: 300\n", 1), encoding="utf-8")
    line = before[: before.index("    cpu_units: 1024\n")].count("\n") + 1
    text = refused(capsys, "create-env", name, "--set", "web.memory_mib=4096")
    assert f"error: the program of {name} failed: cpu_units is 300: " in text
    assert f"hint: correct {file}:{line}, then" in text


def test_a_default_of_the_project(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = clone / "projects/app/Pulumi.yaml"
    text = file.read_text(encoding="utf-8") + "config:\n  django-app:asleep: perhaps\n"
    file.write_text(text, encoding="utf-8")
    place = f"{file}:{text.count(chr(10))}"
    assert f"hint: correct {place}, then" in refused(capsys, "create-env", "alpha")


@pytest.mark.usefixtures("clone")
def test_a_variable_of_the_environment(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("AWS_REGION", "moon")
    text = refused(capsys, "create-env", "beta", "--set", "aws:region=null")
    assert "AWS_REGION in the environment: region is 'moon': write a region like eu-west-1\n" in text
    assert text.endswith("hint: correct AWS_REGION in the environment, then run the same command again\n")


@pytest.mark.usefixtures("clone")
def test_an_unknown_object_of_which_the_command_sets_a_key(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["create-base", "dev", "--set", "web.desired_count=2"]) == 1
    text = capsys.readouterr().err
    assert "django-base:web: is not a key here" in text
    assert text.endswith("hint: correct --set web.desired_count, then run the same command again\n")


def test_without_a_value_the_file_and_the_program(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = clone / "projects/app/Pulumi.alpha.yaml"
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    file.write_text("".join(line for line in lines if "settings_module" not in line), encoding="utf-8")
    text = refused(capsys, "create-env", "alpha")
    assert "django-app:settings_module: is missing" in text
    assert f"hint: correct {file} or the program, then" in text
