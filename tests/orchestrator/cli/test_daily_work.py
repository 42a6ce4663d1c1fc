"""The commands of daily work: separate streams, exit codes, documents, questions at a terminal, lazy imports."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from orchestrator.cli import one_environment
from orchestrator.cli.one_environment import Prefixes
from orchestrator.console import Console
from orchestrator.engines.simulation import SimulationEngine
from orchestrator.operations.aws import reach
from orchestrator.operations.events import LogLine
from orchestrator.operations.run import OnInterrupt
from tests.support.command_line import NOTICE, Answer, Here
from tests.support.fake_ecs import FakeAws, Life, arn, container, deployment, running, service
from tests.support.operations import OUTPUTS, ScriptedClients

COMMANDS = ("deploy", "run", "exec", "logs", "ps", "open")
PROGRAM = "import pulumi\nfor name, value in {outputs!r}.items():\n    pulumi.export(name, value)\n"


@pytest.fixture
def alpha(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Here:
    """The command line in a folder in which the simulated environment alpha exists."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    here = Here(tmp_path, capsys)
    (tmp_path / "app" / "__main__.py").write_text(PROGRAM.format(outputs=asdict(OUTPUTS)), encoding="utf-8")
    (tmp_path / "base" / "__main__.py").write_text(PROGRAM.format(outputs={"region": "us-east-1"}), encoding="utf-8")
    return here.after("create-env", "alpha")


@pytest.fixture
def on_aws(alpha: Here, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Here]:
    """The same on the scripted AWS."""

    def given(aws: FakeAws) -> Here:
        monkeypatch.setattr(SimulationEngine, "notice", None)
        monkeypatch.setattr(reach, "for_target", lambda _target: ScriptedClients(aws))
        return alpha

    return given


def account(*lives: Life, **more: Any) -> FakeAws:
    frame = service(
        deployment("5"),
        taskDefinition=arn("task-definition", "alpha-gunicorn:5"),
        enableExecuteCommand=True,
        runningCount=1,
    )
    fields: dict[str, Any] = {
        "lives": list(lives),
        "frames": [(0, frame)],
        "containers": [container("gunicorn", image="shop:1")],
        "answers": {"DescribeTargetHealth": {}},
        **more,
    }
    return FakeAws(**fields)


# run


def test_run_prints_what_the_command_prints_and_ends_with_its_exit_code(on_aws: Callable[..., Here]) -> None:
    here = on_aws(account(Life(exit_code=3, log=[(4, "one"), (5, "two")])))
    answer = here("run", "alpha", "--", "python", "manage.py", "check", "--deploy")
    task = f"{1:032x}"
    assert answer == Answer(
        3,
        "one\ntwo\n",
        f"task {task} (gunicorn): provisioning\n"
        f"task {task} (gunicorn): pending\n"
        f"task {task} (gunicorn): running\n"
        f"task {task} (gunicorn): stopped\n"
        f"error: task {task} ended with exit code 3 (Essential container in task exited)\n",
    )


def test_run_as_json_is_one_document_and_the_log_goes_to_stderr(on_aws: Callable[..., Here]) -> None:
    here = on_aws(account(Life(exit_code=137, log=[(4, "one")])))
    answer = here("run", "alpha", "--json", "-q", "--", "true")
    document = json.loads(answer.out)
    assert (answer.code, document["environment"], document["calls"]) == (137, "alpha", None)
    assert (document["result"]["exit_code"], document["result"]["version"]) == (137, "alpha-gunicorn:5")
    assert answer.err == ""


def test_a_detached_run_prints_the_command_for_its_log(on_aws: Callable[..., Here]) -> None:
    answer = on_aws(account())("run", "alpha", "-d", "-q", "--size", "1024/2048", "--", "true")
    assert answer == Answer(
        0,
        f"task     {1:032x}\nversion  alpha-gunicorn:5\nnext     orchestrator logs alpha --service gunicorn --follow\n",
        "",
    )


def test_run_in_the_simulation_lists_its_api_calls_and_succeeds(alpha: Here) -> None:
    answer = alpha("run", "alpha", "--", "python", "manage.py", "shell", "-c", "print('a b')")
    assert answer.code == 0
    assert answer.err == f"{NOTICE}\n"
    assert answer.out.splitlines()[0] == "on AWS these calls would be made:"
    assert """"command": ["python", "manage.py", "shell", "-c", "print('a b')"]""" in answer.out
    assert "clientToken" not in answer.out
    document = json.loads(alpha("run", "alpha", "--json", "--", "true").out)
    assert (document["version"], document["notice"], document["result"]) == (1, NOTICE, None)
    assert [call["operation"] for call in document["calls"]][:3] == [
        "DescribeServices",
        "DescribeTaskDefinition",
        "RunTask",
    ]


@pytest.mark.parametrize(
    ("words", "code", "error"),
    [
        (["run", "alpha"], 2, "error: no command is given: there is nothing to run\n"),
        (["run", "alpha", "--size", "big", "--", "x"], 2, "error: --size big is invalid: it must be CPU/MEMORY"),
        (["run", "alpha", "--timeout", "x", "--", "x"], 2, "error: 'x' is not a duration"),
        (["run", "beta", "--", "x"], 1, "error: there is no environment 'beta'\nhint: the only name is alpha\n"),
        (["run", "dev", "--", "x"], 1, "error: dev is a base: only environments have tasks and logs\n"),
        (["run", "alpha", "-s", "gunicron", "--", "x"], 2, "error: alpha has no service 'gunicron'"),
        (["logs", "alpha", "--follow", "--previous"], 2, "error: --follow and --previous cannot be combined"),
        (["logs", "alpha", "--since", "yesterday"], 2, "error: 'yesterday' is not a duration"),
        (["logs", "alpha", "--grep", "["], 2, "error: --grep '[' is not a regular expression"),
        (["deploy", "alpha"], 2, "error: no image is given: there is nothing to deploy\n"),
        (["deploy", "alpha", "--image", "x"], 2, "error: --image 'x' is not of the form NAME=REFERENCE\n"),
        (["deploy", "alpha", "--image", "a=b", "--wait", "x"], 2, "error: 'x' is not a duration"),
    ],
)
def test_invalid_input_is_one_sentence(alpha: Here, words: list[str], code: int, error: str) -> None:
    answer = alpha(*words)
    assert (answer.code, answer.out) == (code, "")
    assert answer.err.startswith(error)


# deploy


def test_deploy_updates_the_stack_and_shows_the_services(on_aws: Callable[..., Here]) -> None:
    here = on_aws(account())
    answer = here("deploy", "alpha", "--image", "backend=shop:2", "--no-release", "-q")
    assert answer.code == 0
    assert answer.out.splitlines()[1].split()[:3] == ["alpha", "environment", "unchanged"]
    assert (
        "SERVICE   STATE      TASKS  HEALTHY  VERSION  IMAGE\ngunicorn  steady     1/1    0        5        shop:1"
        in (answer.out)
    )
    assert answer.out.endswith("next  orchestrator ps alpha\n")
    assert "fixture-app:backend_image: shop:2" in (here.folder / "app" / "Pulumi.alpha.yaml").read_text()


def test_deploy_as_json_is_one_document(alpha: Here) -> None:
    answer = alpha("deploy", "alpha", "--image", "backend=shop:2", "--json", "-q")
    document = json.loads(answer.out)
    assert (answer.code, document["environment"], document["notice"]) == (0, "alpha", NOTICE)
    assert document["result"]["images"] == {"backend": "shop:2"}
    assert document["result"]["report"]["command"] == "deploy"
    assert document["calls"] == []  # nothing changed, so no hook would run


def test_deploy_as_a_dry_run_changes_nothing(alpha: Here) -> None:
    file = alpha.folder / "app" / "Pulumi.alpha.yaml"
    before = file.read_text()
    answer = alpha("deploy", "alpha", "--image", "backend=shop:2", "--dry-run")
    assert answer.code == 0
    assert "alpha  environment  " in answer.out
    assert file.read_text() == before


# exec, ps, open


def test_exec_prints_the_aws_command_when_asked(on_aws: Callable[..., Here]) -> None:
    answer = on_aws(account(running=[running(1, "5")]))(
        "exec", "alpha", "--print", "--", "python", "manage.py", "shell"
    )
    assert answer == Answer(
        0,
        f"aws ecs execute-command --region us-east-1 --cluster alpha-cluster --task {1:032x} --container gunicorn "
        "--interactive --command 'python manage.py shell'\n",
        "",
    )


def test_exec_without_a_running_task_has_a_hint(on_aws: Callable[..., Here]) -> None:
    answer = on_aws(account())("exec", "alpha", "--print")
    assert answer == Answer(
        1,
        "",
        "error: no task of alpha-gunicorn runs, but its desired count is 1\n"
        "hint: find the reason: `orchestrator ps alpha` and `orchestrator logs alpha --service gunicorn --previous`\n",
    )


def test_ps_shows_services_and_tasks(on_aws: Callable[..., Here]) -> None:
    here = on_aws(account(running=[running(1, "5")]))
    text = here("ps", "alpha", "-s", "web").out
    assert text.startswith(
        "SERVICE   STATE   TASKS  HEALTHY  VERSION  IMAGE\ngunicorn  steady  1/1    0        5        shop:1\n\ntasks\n"
    )
    document = json.loads(here("ps", "alpha", "--json").out)
    assert document["result"]["services"][0]["image"] == "shop:1"
    assert document["result"]["tasks"][0]["id"] == f"{1:032x}"


def test_open_prints_the_address_on_request_and_in_the_simulation(alpha: Here, on_aws: Callable[..., Here]) -> None:
    assert alpha("open", "alpha", "--path", "/admin/") == Answer(0, "https://alpha.example.com/admin/\n", f"{NOTICE}\n")
    here = on_aws(account())
    assert here("open", "alpha", "--print").out == "https://alpha.example.com/\n"
    assert json.loads(here("open", "alpha", "--json").out)["result"] == {"url": "https://alpha.example.com/"}


def test_open_opens_a_browser(on_aws: Callable[..., Here], monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda url: opened.append(url) or len(opened) == 1)
    here = on_aws(account())
    assert here("open", "alpha").out == ""
    assert opened == ["https://alpha.example.com/"]
    assert here("open", "alpha").out == "https://alpha.example.com/\n"  # no browser was found


# logs


def logged(*lines: str) -> FakeAws:
    at = int(datetime.now(UTC).timestamp() * 1000)
    events = [
        {"eventId": str(n), "timestamp": at + n, "message": line, "logStreamName": "gunicorn/gunicorn/abc"}
        for n, line in enumerate(lines)
    ]
    return account(answers={"FilterLogEvents": {"events": events}})


def test_logs_of_one_service_are_plain_lines(on_aws: Callable[..., Here]) -> None:
    assert on_aws(logged("one", "two"))("logs", "alpha", "-s", "web") == Answer(0, "one\ntwo\n", "")


def test_logs_as_json_are_a_document_per_line(on_aws: Callable[..., Here]) -> None:
    answer = on_aws(logged("one", "two"))("logs", "alpha", "-s", "web", "--json")
    documents = [json.loads(line) for line in answer.out.splitlines()]
    assert [(d["version"], d["service"], d["task"], d["text"]) for d in documents] == [
        (1, "gunicorn", "abc", "one"),
        (1, "gunicorn", "abc", "two"),
    ]
    assert datetime.fromisoformat(documents[0]["at"]).utcoffset() is not None


def test_logs_in_the_simulation_show_lines_and_with_verbose_the_calls(alpha: Here) -> None:
    answer = alpha("logs", "alpha", "--follow", "-s", "beat")
    assert answer == Answer(0, "beat starts\nbeat is ready\n", f"{NOTICE}\n")
    verbose = alpha("logs", "alpha", "-s", "beat", "--verbose").out
    assert verbose.startswith("beat starts\nbeat is ready\non AWS these calls would be made:\n")
    assert 'logs FilterLogEvents {"logGroupName": "/ecs/alpha/beat"' in verbose
    documents = [json.loads(line) for line in alpha("logs", "alpha", "-s", "beat", "--json").out.splitlines()]
    assert [document["text"] for document in documents] == ["beat starts", "beat is ready"]


def test_ps_in_the_simulation_shows_services_and_with_verbose_the_calls(alpha: Here) -> None:
    text = alpha("ps", "alpha").out
    assert text.startswith("SERVICE ")
    assert "on AWS these calls" not in text
    assert "on AWS these calls would be made:\n  ecs DescribeServices" in alpha("ps", "alpha", "--verbose").out


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_lines_of_several_services_have_a_colored_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    line = LogLine(service="web-ui", text="hello", at=datetime(2026, 11, 20, 9, 0, tzinfo=UTC))
    plain = Prefixes(Console(out=io.StringIO()), ("gunicorn", "web-ui"), times=False)
    assert plain.text(line) == "web-ui   | hello\n"
    terminal = Terminal()
    console = Console(out=terminal)
    console.result(Prefixes(console, ("gunicorn", "web-ui"), times=False).text(line))
    assert terminal.getvalue() == "\x1b[33mweb-ui  \x1b[0m | hello\n"
    monkeypatch.setenv("TZ", "UTC")
    timed = Prefixes(Console(out=Terminal()), ("web-ui",), times=True)
    assert timed.text(line) == f"{line.at.astimezone():%H:%M:%S} hello\n" if line.at else ""


def test_logs_end_when_the_reader_of_stdout_has_gone(
    on_aws: Callable[..., Here], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Closed(io.StringIO):
        writes = 0

        def write(self, _text: str) -> int:
            Closed.writes += 1
            raise BrokenPipeError

        def fileno(self) -> int:
            return os.open(os.devnull, os.O_WRONLY)

    here = on_aws(logged(*map(str, range(1000))))
    monkeypatch.setattr(sys, "stdout", Closed())
    from orchestrator.cli.main import main

    assert main(["logs", "alpha", "-s", "web", "--project-dir", str(here.folder)]) == 0
    assert Closed.writes == 1


def test_ctrl_c_while_following_ends_silently_with_130(
    on_aws: Callable[..., Here], monkeypatch: pytest.MonkeyPatch
) -> None:
    aws = logged("one")

    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(aws.clock, "sleep", interrupt)
    assert on_aws(aws)("logs", "alpha", "-s", "web", "--follow") == Answer(130, "one\n", "")


# what is asked


@pytest.mark.parametrize(
    ("typed", "choice"),
    [("s\n", "stop"), ("F\n", "follow"), ("x\nleave\n", "leave"), ("\n", "leave"), ("", "leave")],
)
def test_ctrl_c_asks_with_letters(monkeypatch: pytest.MonkeyPatch, typed: str, choice: str) -> None:
    terminal, said = Terminal(typed), Terminal()
    monkeypatch.setattr(sys, "stdin", terminal)
    choices = {choice.value: choice.value for choice in OnInterrupt}
    assert one_environment.ask_by_letter(Console(err=said), "task x runs", choices, "leave") == choice
    assert said.getvalue().startswith("task x runs: [s]top, [l]eave, [f]ollow? ")


def test_without_a_terminal_no_question_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("s\n"))
    said = io.StringIO()
    assert Console(err=said).choose("task x runs", {"stop": "stop"}, "leave") == "leave"
    assert said.getvalue() == ""


# what is never loaded


@pytest.mark.parametrize("command", COMMANDS)
def test_help_loads_neither_pulumi_nor_boto3(command: str) -> None:
    program = (
        "import sys\nfrom orchestrator.cli.main import main\n"
        f"code = main([{command!r}, '--help'])\n"
        "loaded = {name.split('.')[0] for name in sys.modules}\n"
        "print(code, sorted(loaded & {'pulumi', 'boto3', 'botocore', 'rich'}), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "0 []"
    assert done.stdout.startswith(f"Usage: orchestrator {command} ")


@pytest.mark.parametrize(("command", "action"), [("approve", "CONTINUE"), ("reject", "ROLLBACK")])
def test_a_decision_in_the_simulation_shows_the_calls(alpha: Here, command: str, action: str) -> None:
    answer = alpha(command, "alpha", "--service", "web")
    assert answer.code == 0
    assert answer.out.splitlines()[-1].startswith("  ecs ContinueServiceDeployment ")
    assert f'"action": "{action}"' in answer.out
    assert json.loads(alpha(command, "alpha", "--json").out)["result"] is None
