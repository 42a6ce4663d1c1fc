"""The command line on the simulation engine: whole outputs, separate streams, exit codes and lazy imports."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import select
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.cli.main import main
from orchestrator.errors import UnreadableStateError
from orchestrator.model import Unit
from tests.support.command_line import NOTICE, Answer, Here


def test_create_env_makes_base_and_environment_in_order(here: Here) -> None:
    answer = here("create-env", "alpha", "--base", "dev", "--owner", "ada")
    assert answer.code == 0
    assert answer.out == (
        "\n"
        " dev    base         created  3 created  0.0 s\n"
        " alpha  environment  created  3 created  0.0 s\n"
        "\n"
        "url   https://example.com\n"
        "next  orchestrator logs alpha --follow\n"
        "      orchestrator deploy alpha --image backend=REPOSITORY:TAG\n"
        "      orchestrator destroy-env alpha\n"
    )
    assert answer.err == (
        f"{NOTICE}\n"
        "plan      dev (base, ad-hoc) -> alpha (environment, ad-hoc)\n"
        "note      the base dev does not exist yet: it is created first\n"
        "dev: update starts\n"
        "dev: created (3 created, 0.0 s)\n"
        "alpha: update starts\n"
        "alpha: created (3 created, 0.0 s)\n"
    )


def test_create_env_again_reports_that_nothing_changed(here: Here) -> None:
    here("create-env", "alpha")
    answer = here("create-env", "alpha", "--quiet")
    assert answer.code == 0
    assert answer.out.splitlines()[1] == " alpha  environment  unchanged  3 unchanged  0.0 s"
    assert answer.err == ""


def test_json_is_one_document_and_nothing_else(here: Here) -> None:
    answer = here("create-env", "alpha", "--json")
    document = json.loads(answer.out)
    assert (document["command"], document["engine"], document["exit_code"]) == ("create-env", "simulation", 0)
    assert document["notice"] == NOTICE
    assert [(unit["project"], unit["stack"], unit["status"]) for unit in document["units"]] == [
        ("base", "dev", "succeeded"),
        ("app", "alpha", "succeeded"),
    ]
    assert document["units"][0]["outputs"]["token"] == "[secret]"
    assert "s3cret-value" not in answer.out + answer.err


def test_preview_shows_everything_and_leaves_nothing(here: Here) -> None:
    answer = here("preview-env", "alpha", "--quiet")
    assert answer.code == 0
    assert "alpha: 3 created; $0.00 a month\n" in answer.out
    assert "+     Topic topic\n" in answer.out
    assert here("list", "--quiet").out == "nothing exists yet\n"


def test_list_show_outputs_and_graph_report_existing_stacks(here: Here) -> None:
    here("create-env", "alpha", "--owner", "ada")
    listed = here("list")
    assert [line.split()[:6] for line in listed.out.splitlines()] == [
        ["NAME", "SCOPE", "KIND", "BASE", "STATUS", "OWNER"],
        ["dev", "base", "ad-hoc", "-", "ready", listed.out.splitlines()[1].split()[5]],
        ["alpha", "environment", "ad-hoc", "dev", "ready", "ada"],
    ]
    assert listed.err == f"{NOTICE}\n"
    assert "stacks\n  app/alpha  ready  3 resources\n" in here("show", "alpha").out
    assert here("outputs", "alpha").out == "base_stack_name  dev\nurl              https://example.com\n"
    assert json.loads(here("outputs", "dev", "--json").out)["outputs"]["token"] == "[secret]"
    assert here("graph").out == "dev  base, ad-hoc, 3 resources\n└── alpha  environment, ad-hoc, 3 resources\n"
    assert here("graph", "--format", "mermaid").out.startswith("flowchart LR\n")
    assert here("graph", "alpha", "--format", "dot").out.startswith("digraph")


def test_list_reports_a_project_that_it_cannot_list_and_lists_the_rest(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    here("create-env", "alpha", "--owner", "ada")
    reason = UnreadableStateError("the state cannot be read: Permission denied (apps)")
    monkeypatch.setattr(
        "orchestrator.engines.simulation.store.Store.closed", lambda _self, key: {"app": reason}.get(key)
    )
    monkeypatch.setattr(
        "orchestrator.engines.simulation.store.Store.units",
        lambda self, keys: [Unit("base", "dev")] if self and keys else [],
    )
    listed = here("list")
    assert listed.code == 0
    assert [line.split()[0] for line in listed.out.splitlines()] == ["NAME", "dev"]
    assert (
        "warning: the stacks of the project app are not listed: the state cannot be read: Permission denied (apps)\n"
        in listed.err
    )
    assert json.loads(here("list", "--json").out)["deployments"][0]["name"] == "dev"
    assert here("destroy-base", "dev", "--yes").err.startswith("error: the state cannot be read: Permission denied")


def test_cost_sums_existing_resources_and_names_what_is_not_included(here: Here) -> None:
    (here.folder / "base" / "__main__.py").write_text(
        "import pulumi_aws as aws\naws.secretsmanager.Secret('one')\naws.secretsmanager.Secret('two')\n",
        encoding="utf-8",
    )
    here("create-base", "dev")
    note = "US dollars a month, list prices of us-east-1 on 2026-11-01. Traffic, requests and logs are not included.\n"
    assert here("cost").out == f"dev  0.80\n{note}"
    assert sorted(here("cost", "dev").out.splitlines()) == sorted(
        [
            "dev    0.80",
            "  one  0.40  secret at $0.4 a month",
            "  two  0.40  secret at $0.4 a month",
            note.strip(),
        ]
    )
    document = json.loads(here("cost", "dev", "--json").out)
    assert (document["costs"][0]["name"], document["costs"][0]["dollars"], document["currency"]) == (
        "base/dev",
        0.8,
        "USD",
    )


def test_destroy_base_is_refused_while_the_base_has_environments(here: Here) -> None:
    here("create-env", "alpha")
    answer = here("destroy-base", "dev", "--yes")
    assert answer == Answer(
        1,
        "",
        "error: the base dev was not destroyed: the environment alpha is on it\n"
        "hint: destroy it first, or use --cascade\n",
    )
    cascade = here("destroy-base", "dev", "--cascade", "--yes", "--quiet")
    assert (
        cascade.out
        == "\n alpha  environment  destroyed  3 deleted  0.0 s\n dev    base         destroyed  3 deleted  0.0 s\n"
    )
    assert here("list", "--quiet").out == "nothing exists yet\n"


def test_destroy_without_a_terminal_and_without_yes_is_refused(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    here("create-env", "alpha")
    for stdin in (io.StringIO("alpha\n"), None):
        monkeypatch.setattr("sys.stdin", stdin)
        answer = here("destroy-env", "alpha", "--quiet")
        assert answer.code == 1
        assert answer.err == (
            "error: nothing was changed: confirmation is needed and stdin is not a terminal\n"
            "hint: alpha will be destroyed and cannot be restored: pass --yes to confirm\n"
        )


@pytest.mark.parametrize(
    ("words", "code", "error"),
    [
        (["destroy-env", "nope", "--yes"], 1, "error: there is no environment 'nope'\n"),
        (["show", "nope"], 1, "error: there is no base or environment 'nope'\n"),
        (["create-env", "Alpha", "--base", "dev"], 2, "error: 'Alpha' cannot name an environment: "),
        (["create-env", "beta", "--base", "nope"], 1, "error: there is no base 'nope' and no configuration for it: "),
        (["create-env", "alpha", "--set", "novalue"], 2, "error: "),
        (
            ["create-env", "alpha", "--engine", "magic"],
            2,
            "error: invalid value for --engine: magic is not one of pulumi, simulation\nhint: see `",
        ),
        (["lst"], 2, "error: there is no command lst\nhint: did you mean list?\n"),
        (["create-env"], 2, "error: missing argument NAME\nhint: see `orchestrator help create-env`\n"),
        (["list", "--jsn"], 2, "error: no such option: --jsn\nhint: possible options: --json, --yes\n"),
        (["update-env", "alpha", "--parallel", "0"], 2, "error: invalid value for --parallel: "),
        (["db", "clne"], 2, "error: there is no command clne\nhint: did you mean clone?\n"),
    ],
)
def test_bad_input_gets_one_clear_error_and_leaves_nothing(here: Here, words: list[str], code: int, error: str) -> None:
    answer = here(*words)
    assert (answer.code, answer.out) == (code, "")
    assert answer.err.startswith(error), answer.err
    assert "Traceback" not in answer.err
    assert not (here.folder / ".orchestrator").exists()


def test_a_missing_orchestrator_toml_is_an_error_with_a_hint(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["list", "--project-dir", str(tmp_path)]) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith("error: ")
    assert "orchestrator.toml" in captured.err
    assert "hint: " in captured.err


def test_an_error_in_a_malformed_file_names_the_line(here: Here) -> None:
    (here.folder / "orchestrator.toml").write_text('engine = "simulation"\n[projects.base\n', encoding="utf-8")
    answer = here("list")
    assert answer.code == 1
    assert re.search(r"orchestrator\.toml.*line 2", answer.err), answer.err


def test_the_failure_of_a_program_is_reported_without_a_traceback(here: Here) -> None:
    (here.folder / "base" / "Pulumi.dev.yaml").write_text("config:\n  fixture-base:boom: true\n", encoding="utf-8")
    answer = here("create-env", "alpha", "--quiet")
    assert answer.code == 1
    assert "failed: RuntimeError: boom in the program" in answer.err
    assert "Traceback" not in answer.err
    assert here("list", "--json").out.count('"name"') == 0, "the rehearsal refused it before anything was created"


def test_a_bug_is_one_sentence_and_asks_for_a_report(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_arguments: object, **_options: object) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr("orchestrator.api.Orchestrator.list", broken)
    answer = here("list", "--quiet")
    assert answer.code == 1
    assert answer.err == (
        "error: ZeroDivisionError: oops\n"
        "hint: this is a bug in the orchestrator: run the command again with --verbose and report its output\n"
    )


def test_help_loads_neither_pulumi_nor_boto3_nor_rich() -> None:
    code = (
        "import sys\nfrom orchestrator.cli.main import main\n"
        "main(['--help'])\nmain(['create-env', '--help'])\n"
        "print(sorted({'pulumi', 'pulumi_aws', 'boto3', 'rich', 'ruamel.yaml'} & set(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.endswith("[]\n")
    assert "create-env" in answer.stdout


def test_list_on_the_simulation_engine_loads_no_pulumi(here: Here) -> None:
    here("create-env", "alpha")
    code = (
        "import sys\nfrom orchestrator.cli.main import main\n"
        f"main(['list', '--project-dir', {str(here.folder)!r}])\nprint('pulumi' in sys.modules)"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.endswith("False\n")


def test_a_closed_pipe_ends_quietly(here: Here) -> None:
    here("create-env", "alpha")
    line = f"{sys.executable} -m orchestrator graph alpha --quiet --project-dir {here.folder} | true"
    answer = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)
    assert answer.stderr == ""


def test_the_name_typed_at_a_terminal_confirms_and_another_word_does_not(here: Here) -> None:
    here("create-env", "alpha")
    assert _at_a_terminal(here, "no\n") == (1, True)
    assert "alpha" in here("list", "--quiet").out
    assert _at_a_terminal(here, "alpha\n") == (0, False)
    assert "alpha" not in here("list", "--quiet").out


def _at_a_terminal(here: Here, answer: str) -> tuple[int, bool]:
    """Exit code of destroy-env with this answer, and whether it reports that nothing was changed."""
    words = [sys.executable, "-m", "orchestrator", "destroy-env", "alpha", "--project-dir", str(here.folder)]
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, words)
    said, typed = "", False
    while True:
        ready, _, _ = select.select([terminal], [], [], 30)
        try:
            chunk = os.read(terminal, 4096).decode() if ready else ""
        except OSError:
            chunk = ""
        if not chunk:
            break
        said += chunk
        if "to continue: " in said and not typed:
            os.write(terminal, answer.encode())
            typed = True
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    return os.waitstatus_to_exitcode(status), "nothing was changed" in said


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.sampled_from(
            [
                "create-env",
                "list",
                "show",
                "--json",
                "--base",
                "--set",
                "a=b",
                "",
                "--",
                "é",
                "x" * 300,
                "destroy-env",
                "graph",
                "--format",
                "--parallel",
                "0",
            ]
        ),
        max_size=5,
    )
)
def test_no_words_end_in_a_traceback(here: Here, words: list[str]) -> None:
    answer = here(*words)
    assert answer.code in (0, 1, 2)
    assert "Traceback" not in answer.err
    assert "this is a bug" not in answer.err
