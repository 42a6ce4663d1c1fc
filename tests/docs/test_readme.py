"""The output blocks of the README are what the commands print."""

from __future__ import annotations

import doctest
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.cli.main import main

ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(
    r"^```console\n(.*?)^```$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
)
SAME = (
    (re.compile(r"\b\d+\.\d s\b"), "0.0 s"),
    (re.compile(r"\bada +\d+s +"), "ada AGE "),
    (re.compile(r"^OWNER +AGE +", re.MULTILINE), "OWNER AGE "),
    (re.compile(r" +"), " "),
)
"""Times and the widths of columns differ from run to run."""


def steps(block: str) -> list[tuple[list[str], str]]:
    """The words of each command, and its output."""
    parts = re.split(r"^\$ orchestrator (.*)\n", block, flags=re.MULTILINE)[1:]
    assert parts, "the block shows no command"
    return [(command.split(), output) for command, output in zip(parts[::2], parts[1::2], strict=True)]


def same(text: str) -> str:
    for pattern, replacement in SAME:
        text = pattern.sub(replacement, text)
    return "\n".join(line.rstrip() for line in text.splitlines() if line.strip()) + "\n"


def run(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main(words) == 0
    captured = capsys.readouterr()
    return captured.err + captured.out


def check(expected: str, printed: str) -> None:
    fits = doctest.OutputChecker().check_output(same(expected), same(printed), doctest.ELLIPSIS)
    assert fits, f"the README shows\n{same(expected)}\nand the command prints\n{same(printed)}"


@pytest.fixture(autouse=True)
def ada(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Ada works here, in a wide terminal."""
    for name, value in (("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig")), ("COLUMNS", "140")):
        monkeypatch.setenv(name, value)
    (tmp_path / "gitconfig").write_text("[user]\n\tname = ada\n")


def test_the_demo_prints_what_the_readme_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(ROOT / "projects", tmp_path / "projects")
    shutil.copy(ROOT / "orchestrator.toml", tmp_path)
    monkeypatch.chdir(tmp_path)
    for words, expected in steps(BLOCKS[0]):
        printed = run(words, capsys)
        # Progress is on stderr, and the table on stdout: a terminal shows them in the order of the README.
        check(expected, printed)


def test_a_new_django_project_becomes_an_environment_as_the_readme_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    repository = tmp_path / "shop"
    repository.mkdir()
    subprocess.run([sys.executable, "-m", "django", "startproject", "shop", str(repository)], check=True)
    monkeypatch.chdir(repository)
    for words, expected in steps(BLOCKS[1]):
        check(expected, run([*words, "--yes"], capsys))
