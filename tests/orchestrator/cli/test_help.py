"""Help, completion, the style of errors, and statuses in color."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
import typer

from orchestrator.cli import completion, options
from orchestrator.cli import parser as parser_module
from orchestrator.cli.main import main
from orchestrator.cli.parser import parser
from orchestrator.console import GREEN, RED, RESET, YELLOW, Console
from pulumi_django.app.arguments import AppArgs
from tests.orchestrator.cli.test_documents import check
from tests.support.command_line import Here

ROOT: Any = parser()
GROUPS = ("Environments", "Bases", "Daily work", "Data", "Life cycle", "Looking", "Set-up")


def commands(group: Any = None, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command with the words that call it."""
    for name, command in (group or ROOT).commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


COMMANDS = dict(commands())


def test_help_lists_every_command_in_its_group(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line[:-1] for line in lines if line.endswith(":") and line[:-1] in GROUPS] == list(GROUPS)
    listed = {line.split()[0] for line in lines if line.startswith("  ")}
    assert {path[0] for path in COMMANDS} <= listed


def test_help_shows_whole_summaries(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert "..." not in said.replace("[ARGS]...", "")
    for path, command in COMMANDS.items():
        if len(path) == 1:
            summary = command.help.partition(". ")[0].partition(".\n")[0]
            assert " ".join(summary.split()).rstrip(".") in said


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_has_an_example_of_itself(path: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["help", *path]) == 0
    text = capsys.readouterr().out
    assert text.startswith(f"Usage: orchestrator {' '.join(path)} ")
    assert f"\nExample:\n  orchestrator {' '.join(path)}" in text


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_names_values_in_capitals_and_choices_in_angle_brackets(
    path: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["help", *path]) == 0
    text = capsys.readouterr().out
    for choices in re.findall(r"<(.*?)>", text):
        assert "|" in choices
    usage = text.partition("\n\n")[0]
    arguments = re.findall(r"[{\[](\S+?)[}\]]", usage.partition("[OPTIONS]")[2])
    assert arguments == [name.upper() for name in arguments]
    assert "SURPLUS" not in usage


def test_every_example_is_understood_by_the_parser() -> None:
    """The words are parsed, and nothing is run."""
    for path, command in COMMANDS.items():
        words = command.help.partition("Example: orchestrator ")[2].partition(" > ")[0].split()
        assert tuple(words[: len(path)]) == path
        command.make_context(path[-1], words[len(path) :])


def test_values_that_need_no_conversion_are_those_of_the_conversion() -> None:
    for path, command in COMMANDS.items():
        context = command.make_context(path[-1], [], resilient_parsing=True)
        for parameter in command.get_params(context):
            many = parameter.multiple or parameter.nargs != 1
            for value in (None, parameter.default, ("a", "b") if many else "a"):
                try:
                    expected = type(parameter).process_value(parameter, context, value)
                except typer.BadParameter:
                    continue
                found = parameter.process_value(context, value)
                assert (found, type(found)) == (expected, type(expected)), (path, parameter.name, value)


@pytest.mark.parametrize("options", [["--json"], ["-v", "--project-dir", "elsewhere"], ["--base", "dev"]])
def test_help_ignores_the_options_after_the_command(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["help", "create-env"]) == 0
    expected = capsys.readouterr().out
    assert main(["help", "create-env", *options]) == 0
    assert capsys.readouterr().out == expected


def test_help_of_an_unknown_command_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["help", "lst"]) == 2
    assert capsys.readouterr().err == "error: there is no command lst\nhint: see `orchestrator help`\n"


def test_the_version_is_a_command_and_an_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert (main(["version"]), main(["--version"])) == (0, 0)
    first, second = capsys.readouterr().out.splitlines()
    assert first == second


# completion


def completed(complete: Any, here: Here, incomplete: str = "", **given: Any) -> list[str]:
    return complete(SimpleNamespace(params={"project_dir": here.folder, **given}), incomplete)


def test_names_of_stacks_are_completed(here: Here) -> None:
    assert completed(completion.environments, here) == ["alpha"]
    assert completed(completion.bases, here) == ["dev"]
    assert completed(completion.stacks, here) == ["alpha", "dev"]
    assert completed(completion.stacks, here, "d") == ["dev"]


def test_a_template_is_completed_because_it_is_an_environment_too(here: Here) -> None:
    settings = here.folder / "orchestrator.toml"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(text.replace("[projects.app]", '[projects.app]\ntemplate = "alpha"'), encoding="utf-8")
    assert completed(completion.environments, here) == ["alpha"]


def test_services_and_images_of_the_named_environment_are_completed(here: Here) -> None:
    file = here.folder / "app" / "Pulumi.alpha.yaml"
    lines = ("backend_image: shop:1", "frontend_image: ui:2", "workers: {default: {}, slow: {}}")
    lines += ("services: {channels: {}}", "beat: {}")
    file.write_text(file.read_text() + "".join(f"  fixture-app:{line}\n" for line in lines))
    services = ["beat", "channels", "default", "gunicorn", "slow", "web", "web-ui"]
    assert completed(completion.services, here, name="alpha") == services
    assert completed(completion.services, here, "s", name="app/alpha") == ["slow"]
    assert completed(completion.counts, here, "d", name="alpha") == ["default="]
    assert completed(completion.images, here, "b", name="alpha") == ["backend=shop:1"]
    assert completed(completion.images, here, names=["alpha"]) == ["backend=shop:1", "frontend=ui:2"]
    assert completed(completion.images, here) == ["backend="]


def test_services_are_those_of_the_defaults_unless_the_configuration_changes_them(here: Here) -> None:
    defaults = AppArgs(base=cast(Any, None), backend_image="shop:1", settings_module="shop.settings")
    names = {defaults.web.service, *defaults.workers, *([defaults.beat.service] if defaults.beat else [])}
    assert set(completed(completion.services, here, name="alpha")) == {"web", *names}
    file = here.folder / "app" / "Pulumi.alpha.yaml"
    lines = ("web: {service: django}", "workers: {}", "beat: null")
    file.write_text(file.read_text() + "".join(f"  fixture-app:{line}\n" for line in lines))
    assert completed(completion.services, here, name="alpha") == ["django", "web"]


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("logs alpha --service g", ["gunicorn"]),
        ("logs --follow alpha --service d", ["default"]),
        ("deploy alpha --image b", ["backend=shop:1"]),
        ("scale alpha d", ["default="]),
    ],
)
def test_the_value_of_an_option_is_completed_for_the_environment_before_it(
    here: Here, line: str, offered: list[str]
) -> None:
    file = here.folder / "app" / "Pulumi.alpha.yaml"
    file.write_text(file.read_text() + "  fixture-app:backend_image: shop:1\n")
    assert shell_offers(here, line) == offered


def test_completion_where_nothing_can_be_read_offers_nothing(here: Here) -> None:
    (here.folder / "orchestrator.toml").write_text("[", encoding="utf-8")
    assert completed(completion.environments, here) == []


def test_completion_loads_no_pulumi(here: Here) -> None:
    code = (
        "import sys\nfrom types import SimpleNamespace\nfrom pathlib import Path\nfrom orchestrator.cli import completion\n"
        f"context = SimpleNamespace(params={{'project_dir': Path({str(here.folder)!r}), 'name': 'alpha'}})\n"
        "print(completion.stacks(context, ''), completion.services(context, ''))\n"
        "print(sorted({'pulumi', 'boto3', 'rich'} & set(sys.modules)))\n"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout == "['alpha', 'dev'] ['beat', 'default', 'gunicorn', 'web']\n[]\n"


def loaded_by(words: list[str], here: Here) -> set[str]:
    """The modules that a command loads."""
    code = (
        "import sys; from orchestrator.cli.main import main\n"
        f"assert main({words}) == 0\n"
        "print('\\n'.join(sys.modules), file=sys.stderr)"
    )
    found = subprocess.run([sys.executable, "-c", code], cwd=here.folder, capture_output=True, text=True, check=True)
    return set(found.stderr.split())


def test_list_loads_neither_pydantic_nor_what_creates_and_destroys(here: Here) -> None:
    here("create-env", "alpha", "--base", "dev")
    here("list")  # computes the costs, which the next one knows
    loaded = loaded_by(["list"], here)
    assert "orchestrator.lifecycle.registry" in loaded
    assert not loaded & {
        "pydantic",
        "pulumi",
        "rich",
        "orchestrator.cost.estimate",
        "orchestrator.lifecycle.create_and_update",
        "orchestrator.lifecycle.job_builder",
        "orchestrator.rendering.document_types",
    }


def test_flags_and_choices_load_no_pydantic(here: Here) -> None:
    here("create-env", "alpha", "--base", "dev")
    loaded = loaded_by(
        ["preview-env", "alpha", "--engine", "simulation", "--no-cost", "--yes", "--format", "text"], here
    )
    assert "orchestrator.lifecycle.create_and_update" in loaded
    assert "pydantic" not in loaded


def test_help_loads_no_engine_and_no_settings(here: Here) -> None:
    loaded = loaded_by(["--help"], here)
    assert "orchestrator.cli.looking" in loaded
    rooms = {name.split(".")[1] for name in loaded if name.startswith("orchestrator.")}
    assert rooms == {"cli", "console", "errors", "visible"}


def test_a_command_gets_its_parameters_when_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[str] = []

    def with_common(command: Any, *, working: bool) -> Any:
        given.append(command.__name__)
        return options.with_common(command, working=working)

    monkeypatch.setattr(parser_module, "with_common", with_common)
    parser.cache_clear()
    try:
        assert main(["--help"]) == 0
        assert given == []
        assert main(["list", "--help"]) == 0
        assert given == ["list_"]
    finally:
        parser.cache_clear()


def shell_offers(here: Here, line: str) -> list[str]:
    """The words that bash offers for the last word of the line."""
    words = f"orchestrator {line}"
    environment = {"COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
    answer = subprocess.run(
        [sys.executable, "-c", "from orchestrator.cli.main import run; run([])"],
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(sys.path), **environment}
        | {"_ORCHESTRATOR_COMPLETE": "complete_bash", "ORCHESTRATOR_PROJECT_DIR": str(here.folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.stderr == ""
    return answer.stdout.split()


def test_the_shell_gets_completions_from_the_program(here: Here) -> None:
    assert shell_offers(here, f"show --project-dir {here.folder} al") == ["alpha"]


# errors


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (
            ["create-env", "alpha", "--parallel", "0"],
            "invalid value for --parallel: it must be 1 or more",
            "see `orchestrator help create-env`",
        ),
        (
            ["serve", "--port", "99999"],
            "invalid value for --port: it must be 65535 or less",
            "see `orchestrator help serve`",
        ),
        (
            ["create-env", "alpha", "--parallel", "many"],
            "invalid value for --parallel: it must be a whole number",
            "see `orchestrator help create-env`",
        ),
        (
            ["smoke", "alpha", "--load", "60s", "--rate", "fast"],
            "invalid value for --rate: it must be a number",
            "see `orchestrator help smoke`",
        ),
        (["create-env", "alpha", "--base"], "option --base needs a value", "see `orchestrator help create-env`"),
        (
            ["db", "clone", "alpha", "--from"],
            "option --from needs a value",
            "see `orchestrator help db clone`",
        ),
        (["list", "alpha"], "unexpected argument alpha", "see `orchestrator help list`"),
        (["version", "a", "b"], "unexpected arguments a b", "see `orchestrator help version`"),
        (["ci", "init"], "missing argument FORGE: it must be one of github, gitlab", "see `orchestrator help ci init`"),
        (["list", "--json=x"], "option --json takes no value", "see `orchestrator help list`"),
        ([""], "an empty word is not a command", "see `orchestrator help`"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_errors_of_the_parser_are_plain_english(
    words: list[str], message: str, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    assert capsys.readouterr().err == f"error: {message}\nhint: {hint}\n"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["show", "nope"], 1),
        (["lst"], 2),
        (["create-env"], 2),
        (["deploy", "nope", "--image", "x"], 2),
        (["destroy-env", "nope", "--dry-run"], 1),
        (["orphans"], 1),
    ],
)
def test_an_error_with_json_is_a_document_with_the_same_exit_code(here: Here, words: list[str], code: int) -> None:
    answer = here(*words, "--json")
    document = json.loads(answer.out)
    check("error", document)
    assert answer.code == document["error"]["code"] == code
    assert answer.err.startswith(f"error: {document['error']['message']}\n")
    assert answer.code == here(*words).code


def test_a_word_of_a_command_that_is_run_is_no_option(here: Here) -> None:
    assert here("run", "nope", "--", "true", "--json").out == ""


# output


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_statuses_have_a_color_once_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    out = Terminal()
    Console(out=out).table(" dev  base  created  3 created\n a  environment  failed  \n failed-deploy  x  unchanged\n")
    assert out.getvalue() == (
        f" dev  base  {GREEN}created{RESET}  3 created\n a  environment  {RED}failed{RESET}  \n"
        " failed-deploy  x  unchanged\n"
    )


@pytest.mark.parametrize(
    ("status", "color"),
    [
        ("running", GREEN),
        ("healthy", GREEN),
        ("stopped", YELLOW),
        ("starting", YELLOW),
        ("waits for approval", YELLOW),
        ("closed until Mon 08:00", YELLOW),
        ("unhealthy", RED),
    ],
)
def test_states_of_services_and_releases_have_a_color(status: str, color: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    out = Terminal()
    Console(out=out).table(f"web  {status}  1/1\n12  backend 1.4.2  {status}\n")
    colored = f"{color}{status}{RESET}"
    assert out.getvalue() == f"web  {colored}  1/1\n12  backend 1.4.2  {colored}\n"


def test_a_hint_is_not_green(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    err = Terminal()
    Console(err=err).problem("no", "do this")
    assert GREEN not in err.getvalue()


def shell(line: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("words", ["--help", "help create-env", "schema report", "version"])
def test_a_reader_that_leaves_and_a_closed_stdout_end_quietly(words: str) -> None:
    program = f"{sys.executable} -m orchestrator {words}"
    assert shell(f"{program} | true").stderr == ""
    assert shell(f"{program} >&-").stderr == ""


@pytest.mark.parametrize("words", ["help create-env", "schema"])
def test_a_full_stdout_is_one_error(words: str) -> None:
    answer = shell(f"{sys.executable} -m orchestrator {words} > /dev/full")
    assert (answer.returncode, answer.stderr) == (1, "error: the output is incomplete: No space left on device\n")


@pytest.mark.parametrize("stderr", ["2>/dev/full", "2> >(true)", "2>&-"])
def test_a_result_is_whole_when_stderr_is_full_or_closed(here: Here, stderr: str) -> None:
    here("create-env", "alpha", "--base", "dev")
    program = f"sleep 0.2; exec {sys.executable} -m orchestrator list --project-dir {here.folder}"
    answer = shell(f"exec {stderr}; {program}")
    assert (answer.returncode, [line.split()[0] for line in answer.stdout.splitlines()]) == (
        0,
        ["NAME", "dev", "alpha"],
    )


def test_ctrl_c_while_the_modules_load_shows_no_traceback() -> None:
    code = (
        "import sys\n"
        "class Interrupting:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'typer':\n"
        "            raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Interrupting())\n"
        "from orchestrator.__main__ import run\n"
        "run()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "error: interrupted\n")
