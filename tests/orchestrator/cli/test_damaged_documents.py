"""Damaged, endless and deeply nested documents on disk: one clear error with file and place, never a traceback."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.cli.main import main
from tests.support.command_line import Answer, Here
from tests.support.engines import SETTINGS

BOMB = "a: &a [x, x]\n" + "".join(f"b{i}: &b{i} [*{n}, *{n}]\n" for i in range(60) for n in [f"b{i - 1}" if i else "a"])
MERGES = (
    "a: &a {" + ", ".join(f"k{i}: 1" for i in range(2000)) + "}\n" + "".join(f"b{i}: {{<<: *a}}\n" for i in range(2000))
)


def one_error(answer: Answer, *words: str) -> None:
    assert answer.code in (1, 2), answer.err
    assert answer.err.count("error: ") == 1, answer.err
    for word in words:
        assert word in answer.err
    assert "Traceback" not in answer.err
    assert "this is a bug" not in answer.err


def text(content: str) -> Callable[[Path], None]:
    return lambda path: path.write_text(content, encoding="utf-8")


def link(target: str) -> Callable[[Path], None]:
    def place(path: Path) -> None:
        path.unlink()
        path.symlink_to(target)

    return place


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize("file", ["base/Pulumi.dev.yaml", "base/Pulumi.yaml", "orchestrator.toml"])
@pytest.mark.parametrize("place", [link("/dev/zero"), link("/dev/full"), pipe], ids=["zero", "full", "pipe"])
def test_a_configuration_file_without_an_end_is_refused(here: Here, file: str, place: Callable[[Path], None]) -> None:
    place(here.folder / file)
    one_error(here("create-base", "dev"), here.folder.name)


@pytest.mark.parametrize(
    ("file", "content", "problem"),
    [
        ("base/Pulumi.dev.yaml", "config:\n  a:b: " + "[" * 100_000, "Pulumi.dev.yaml:2 is nested too deeply"),
        ("base/Pulumi.dev.yaml", BOMB, "is too large: the limit is 10000 values"),
        ("base/Pulumi.dev.yaml", MERGES, "is too large: the limit is 10000 values"),
        ("base/Pulumi.dev.yaml", "config: &a\n  a:b: *a\n", "Pulumi.dev.yaml:2 has an alias that contains itself: a"),
        ("base/Pulumi.dev.yaml", 'config:\n  a:b: "\\ud800"\n', "Pulumi.dev.yaml:2 has a lone surrogate"),
        ("base/Pulumi.dev.yaml", "a" * 300_000, "cannot be read: it has more than 256 KiB"),
        ("base/Pulumi.yaml", "name: [a]\nruntime: python\n", "Pulumi.yaml:1: name is not text"),
        ("base/Pulumi.yaml", 'name: b\nmain: "a\\0b"\n', "Pulumi.yaml:2: main is not text"),
        ("base/Pulumi.yaml", "name: b\nstackConfigDir: 7\n", "Pulumi.yaml:2: stackConfigDir is not text"),
        ("base/Pulumi.yaml", "name: b\nbackend: {url: [1]}\n", "Pulumi.yaml:2: url is not text"),
        ("base/Pulumi.yaml", "name: b\nconfig: {x: {type: array, items: [1]}}\n", "x is an array without `items`"),
        ("base/Pulumi.yaml", "name: b\nconfig: {: {type: string}}\n", "Pulumi.yaml: config: None is not a configuration key"),
        ("base/Pulumi.yaml", f"name: b\nmain: {'x' * 5000}\n", "has no program"),
        ("base/Pulumi.yaml", f"name: b\nstackConfigDir: {'x' * 5000}\n", "File name too long"),
        ("base/Pulumi.yaml", "name: b\n" + BOMB, "is too large: the limit is 10000 values"),
        ("orchestrator.toml", "a = " + "[" * 100_000, "is not valid TOML"),
        ("orchestrator.toml", f"{'.'.join('a' * 3000)} = 1\n", "a is an unknown key"),
        ("orchestrator.toml", f"engine = {{{'.'.join('a' * 3000)} = 1}}\n{SETTINGS}", "engine is too large (dict)"),
        ("orchestrator.toml", f"engine = {'9' * 5000}\n", "is not valid TOML"),
        ("orchestrator.toml", "engine = 1\n" + "#" * 300_000, "cannot be read: it has more than 256 KiB"),
        ("orchestrator.toml", '[projects.base]\npath = "~nosuch"\nscope = "base"\n', "that folder has no Pulumi.yaml"),
        ("orchestrator.toml", f'[projects.base]\npath = "{"x" * 300}"\nscope = "base"\n', "has no Pulumi.yaml"),
        ("orchestrator.toml", '[projects.base]\npath = "a\\u0000b"\nscope = "base"\n', "path has a NUL character"),
        ("orchestrator.toml", '[projects.base]\npath = "base"\nscope = "base"\ntemplate = "a\\u0000"\n', "has a NUL"),
    ],
)  # fmt: skip
def test_a_damaged_configuration_file_is_named_with_its_line(here: Here, file: str, content: str, problem: str) -> None:
    (here.folder / file).write_text(content, encoding="utf-8")
    one_error(here("create-base", "dev"), problem)


DAMAGES = {
    "empty": text(""),
    "cut off": lambda path: path.write_bytes(path.read_bytes()[:-20]),
    "not JSON": text("{"),
    "a list": text("[]\n[]"),
    "no text": lambda path: path.write_bytes(b"\xff\xfe"),
    "numbers": text('{"version": 1, "body_bytes": 2, "head": {"tags": 7}}\n{}'),
    "wrong outputs": text('{"version": 1, "body_bytes": 2, "head": {"outputs": [1]}}\n{}'),
    "wrong time": text('{"version": 1, "body_bytes": 2, "head": {"last_update": "yesterday"}}\n{}'),
    "nested": text('{"version": 1, "body_bytes": 2, "head": {"outputs": {"a": ' + "[" * 100_000),
    "/dev/zero": link("/dev/zero"),
    "pipe": pipe,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_one_damaged_state_never_breaks_the_list(here: Here, damage: str) -> None:
    here.after("create-env", "alpha", "--base", "dev")
    DAMAGES[damage](here.folder / ".orchestrator" / "simulation" / "app" / "alpha.jsonl")
    listed = here("list", "--quiet")
    assert (listed.code, "dev" in listed.out, "alpha" in listed.out) == (0, True, True)
    one_error(here("update-env", "alpha"), "the simulated state of app/alpha", "alpha.jsonl")
    assert here("update-base", "dev").code == 0


@pytest.mark.parametrize(
    "body",
    [
        "[]",
        '{"urn:a": 7}',
        '{"urn:a": {"urn": "a"}}',
        '{"urn:a": {"urn": 1}}',
        '{"a": {"urn": "a", "type": "t", "name": "a", "inputs": {}}}',
        "{",
        "nope",
    ],
)
def test_damaged_resources_are_reported_with_their_path(here: Here, body: str) -> None:
    here.after("create-env", "alpha", "--base", "dev")
    file = here.folder / ".orchestrator" / "simulation" / "app" / "alpha.jsonl"
    head = file.read_text().split("\n")[0]
    before = head[head.index('"body_bytes"') :].split(",")[0]
    file.write_text(head.replace(before, f'"body_bytes":{len(body)}') + "\n" + body)
    assert here("list").code == 0
    for words in (("update-env", "alpha"), ("graph", "alpha"), ("cost", "alpha"), ("destroy-env", "alpha", "--yes")):
        one_error(here(*words), " is damaged: second line: ", "alpha.jsonl")


@pytest.mark.parametrize("name", ["app/alpha.owner", "app/beta.claim", "marks/bases/dev/x.json", "stacks.json"])
@pytest.mark.parametrize("content", ["", "{", "[]", "7", '{"a": "b"}', '{"process": 7}', "[" * 100_000])
def test_a_damaged_note_has_no_effect(here: Here, name: str, content: str) -> None:
    here.after("create-env", "alpha", "--base", "dev")
    file = here.folder / ".orchestrator" / "simulation" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)
    assert here("list").code == 0
    assert here("update-env", "alpha").code == 0


@pytest.fixture
def plan(here: Here, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = here.folder / "plan"
    monkeypatch.chdir(here.folder)
    here.after("preview-env", "alpha", "--base", "dev", "--save-plan", "plan")
    return folder


@pytest.mark.parametrize("file", ["plan.json", "base.dev.pulumi-plan.json", "progress.json"])
@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "7", '{"version": 1}', '{"version": ["x"]}', '{"base/dev": 7}', '{"a": {"op": 1}}', "[" * 100_000],
)
def test_a_damaged_plan_is_named_and_nothing_is_done(here: Here, plan: Path, file: str, content: str) -> None:
    (plan / file).write_text(content)
    answer = here("apply", str(plan), "--yes")
    assert answer.code == 1
    assert file in answer.err
    assert "Traceback" not in answer.err
    assert "this is a bug" not in answer.err
    assert "alpha" not in here("list", "--quiet").out


@pytest.mark.parametrize("file", ["plan.json", "base.dev.pulumi-plan.json", "progress.json"])
@pytest.mark.parametrize("content", ["", "7", '{"base/dev": 7}'])
def test_a_plan_that_is_damaged_after_it_was_applied_is_named(here: Here, plan: Path, file: str, content: str) -> None:
    assert here("apply", str(plan), "--yes").code == 0
    (plan / file).write_text(content)
    answer = here("apply", str(plan), "--yes")
    assert "Traceback" not in answer.err
    assert "this is a bug" not in answer.err
    assert answer.code == (0 if file.startswith("base") else 1)


def test_a_plan_whose_progress_cannot_be_noted_is_refused_before_anything_is_done(here: Here, plan: Path) -> None:
    (plan / "progress.json").mkdir()
    one_error(here("apply", str(plan), "--yes"), "progress.json")
    assert "dev" not in here("list", "--quiet").out


@pytest.mark.parametrize("unit", ["[]", '{"project": "app", "stack": "../x"}', '{"project": "nope", "stack": "a"}'])
def test_a_plan_for_other_units_is_refused(here: Here, plan: Path, unit: str) -> None:

    document = json.loads((plan / "plan.json").read_text())
    changed = json.loads(unit)
    document["units"] = [{**document["units"][0], **changed}] if changed else []
    (plan / "plan.json").write_text(json.dumps(document))
    one_error(here("apply", str(plan), "--yes"), "the plan no longer fits")


@pytest.mark.parametrize(
    "words",
    [
        ["show", "~nosuch"],
        ["show", "a\0b"],
        ["show", "\ud800"],
        ["show", "x" * 300],
        ["create-env", "x" * 300, "--base", "dev"],
        ["create-env", "alpha", "--base", "\udcff"],
        ["create-env", "alpha", "--set", "a=\ud800"],
        ["create-env", "alpha", "--set", f"a={'9' * 5000}"],
        ["create-env", "alpha", "--set", "a=" + "[" * 100_000],
        ["create-env", "alpha", "--parallel", "9" * 5000],
        ["create-env", "alpha", "--ttl", "9" * 5000 + "d"],
        ["create-env", "alpha", "--wait", "9" * 400 + "h"],
        ["preview-env", "alpha", "--save-plan", "x" * 300],
        ["preview-env", "alpha", "--save-plan", "/dev/full"],
        ["apply", "~nosuch"],
        ["apply", "x" * 5000],
        ["apply", "/dev/full"],
        ["update-base", "dev", "--events", "x" * 300],
        ["update-base", "dev", "--events", "~nosuch/a"],
    ],
)
def test_odd_arguments_are_refused_in_one_sentence(here: Here, words: list[str]) -> None:
    one_error(here(*words))


@pytest.mark.parametrize("folder", ["~nosuch", "x" * 300, "x" * 5000, "a\0b", "\udcff", "/dev/full"])
def test_an_odd_project_folder_is_refused(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["list", "--project-dir", folder])
    captured = capsys.readouterr()
    one_error(Answer(code, captured.out, captured.err))


def test_an_events_file_that_is_full_is_reported(here: Here) -> None:
    answer = here("create-base", "dev", "--events", "/dev/full")
    assert "Traceback" not in answer.err
    assert "this is a bug" not in answer.err
    assert "/dev/full" in answer.err


def test_an_events_pipe_without_a_reader_is_refused(here: Here) -> None:
    os.mkfifo(here.folder / "pipe")
    one_error(here("create-base", "dev", "--events", str(here.folder / "pipe")), "--events", "pipe")
