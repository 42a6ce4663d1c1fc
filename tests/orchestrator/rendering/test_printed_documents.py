"""The output of every command on one environment, in the simulation, keeps its published schema."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from orchestrator.rendering.schema import schema
from tests.support.command_line import Here
from tests.support.operations import BASE_OUTPUTS, OUTPUTS

EXPORTS = "import pulumi\nfor name, value in {values!r}.items():\n    pulumi.export(name, value)\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("project")


class Existing(Here):
    """The command line in a project folder that exists already."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capsys = folder, capsys


@pytest.fixture
def alpha(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Here:
    """The command line in a project in which the base dev and the environment alpha exist, for all tests here."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    if (folder / "orchestrator.toml").exists():
        return Existing(folder, capsys)
    here = Here(folder, capsys)
    app = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(OUTPUTS).items()}
    app = {name: value for name, value in app.items() if value is not None}
    base = {**BASE_OUTPUTS, "database_instance_id": "dev-rds"}
    (folder / "base" / "__main__.py").write_text(EXPORTS.format(values=base), encoding="utf-8")
    (folder / "app" / "__main__.py").write_text(EXPORTS.format(values=app), encoding="utf-8")
    assert here("create-env", "alpha", "--base", "dev").code == 0
    return here


def check(name: str, document: Any) -> None:
    jsonschema.validate(document, schema(name), format_checker=jsonschema.FormatChecker())


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("report", ["create-env", "alpha", "--smoke"]),
        ("deploy", ["deploy", "alpha", "--image", "backend=registry.example.com/shop:2"]),
        ("deploy", ["deploy", "alpha", "--image", "backend=registry.example.com/shop:3", "--smoke"]),
        ("deploy", ["deploy", "alpha", "--image", "backend=registry.example.com/shop:4", "--dry-run"]),
        ("deploy", ["deploy", "alpha", "--image", "backend=registry.example.com/shop:5", "--check-migrations"]),
        ("maintenance", ["maintenance", "on", "alpha", "--allow", "203.0.113.7/32"]),
        ("list", ["list"]),
        ("maintenance", ["maintenance", "off", "alpha"]),
        ("releases", ["releases", "alpha"]),
        ("diff", ["diff", "alpha", "1", "2"]),
        ("rollback", ["rollback", "alpha"]),
        ("rollback", ["rollback", "alpha", "--to", "1", "--dry-run", "--with-config"]),
        ("log", ["log"]),
        ("log", ["log", "alpha", "--since", "1h", "--limit", "1"]),
        ("show", ["show", "alpha"]),
        ("run", ["run", "alpha", "--", "true"]),
        ("exec", ["exec", "alpha"]),
        ("logs", ["logs", "alpha"]),
        ("ps", ["ps", "alpha"]),
        ("open", ["open", "alpha"]),
        ("scale", ["scale", "alpha", "web=3"]),
        ("sleep", ["sleep", "alpha", "dev"]),
        ("sleep", ["sleep", "alpha"]),  # it sleeps already
        ("wake", ["wake", "alpha"]),
        ("tunnel", ["tunnel", "alpha"]),
        ("doctor", ["doctor"]),
        ("doctor", ["doctor", "alpha"]),
        ("smoke", ["smoke", "alpha"]),
        ("db", ["db", "create", "alpha"]),
        ("db", ["db", "drop", "alpha", "--yes"]),
        ("db", ["db", "reset", "alpha", "--yes"]),
        ("db", ["db", "dump", "alpha"]),
        ("db", ["db", "restore", "alpha", "s3://assets/x.dump", "--no-release", "--yes"]),
        ("db", ["db", "shell", "alpha"]),
        ("secrets", ["secrets", "list", "alpha"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else value,
)
def test_a_command_prints_the_document_of_its_schema(name: str, words: list[str], alpha: Here) -> None:
    own = words.index("--") if "--" in words else len(words)
    answer = alpha(*words[:own], "--json", *words[own:])
    documents = list(_documents(answer.out))
    assert documents, answer.err
    assert name == "logs" or len(documents) == 1
    for document in documents:
        check(name, document)


def _documents(text: str) -> Iterator[Any]:
    """The documents of an output, one after the other."""
    while text := text.lstrip():
        document, end = json.JSONDecoder().raw_decode(text)
        text = text[end:]
        yield document


@pytest.mark.parametrize(
    "words", [["push", "alpha", "-"], ["set", "alpha", "TOKEN"], ["push", "alpha", "-", "--dry-run"]]
)
def test_stored_secrets_are_a_document_without_values(
    words: list[str], alpha: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO('{"TOKEN": "hunter2"}' if words[0] == "push" else "hunter2\n"))
    answer = alpha("secrets", *words, "--json")
    assert answer.code == 0, answer.err
    check("secrets", json.loads(answer.out))
    assert "hunter2" not in answer.out


def test_one_schema_refuses_the_document_of_another_command(alpha: Here) -> None:
    document = json.loads(alpha("secrets", "list", "alpha", "--json").out)
    with pytest.raises(jsonschema.ValidationError):
        check("scale", document)


def test_a_command_with_json_does_not_load_the_schemas(alpha: Here) -> None:
    code = (
        "import sys\nfrom orchestrator.cli.main import main\n"
        f"main(['list', '--json', '--project-dir', {str(alpha.folder)!r}])\nprint('orchestrator.rendering.schema' in sys.modules)"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.endswith("}\nFalse\n")
