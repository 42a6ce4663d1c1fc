"""sleep, wake, scale, tunnel, db and secrets on the simulation engine."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.support.command_line import Here
from tests.support.operations import BASE_OUTPUTS, OUTPUTS

EXPORTS = "import pulumi\nfor name, value in {values!r}.items():\n    pulumi.export(name, value)\n"


@pytest.fixture
def alpha(here: Here) -> Here:
    """The base dev and the environment alpha exist, with the outputs of the contract."""
    base = {**BASE_OUTPUTS, "database_instance_id": "dev-rds"}
    (here.folder / "base" / "__main__.py").write_text(EXPORTS.format(values=base), encoding="utf-8")
    app = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(OUTPUTS).items()}
    app = {name: value for name, value in app.items() if value is not None}
    (here.folder / "app" / "__main__.py").write_text(EXPORTS.format(values=app), encoding="utf-8")
    return here.after("create-env", "alpha", "--base", "dev")


def config(here: Here) -> dict[str, Any]:
    found = YAML(typ="safe").load((here.folder / "app" / "Pulumi.alpha.yaml").read_text(encoding="utf-8"))
    return {key.removeprefix("fixture-app:"): value for key, value in found["config"].items()}


def typed(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))


def test_sleep_and_wake(alpha: Here) -> None:
    before = config(alpha)
    answer = alpha("sleep", "alpha", "dev")
    assert answer.code == 0
    assert config(alpha) == {**before, "asleep": True}
    assert "next      orchestrator wake alpha\n" in answer.out
    assert "orchestrator logs" not in answer.out
    assert answer.out.endswith(
        "on AWS these calls would be made:\n"
        '  rds DescribeDBInstances {"DBInstanceIdentifier": "dev-rds"}\n'
        '  rds StopDBInstance {"DBInstanceIdentifier": "dev-rds"}\n'
    )
    assert answer.err.endswith("AWS starts dev-rds again after 7 days; its storage still costs money\n")
    assert "alpha is asleep already" in alpha("sleep", "alpha").err
    woken = alpha("wake", "dev", "alpha")
    assert woken.code == 0
    assert "next      orchestrator logs alpha --follow\n" in woken.out
    assert "orchestrator wake" not in woken.out
    assert config(alpha) == before


def test_sleep_as_one_document(alpha: Here) -> None:
    document = json.loads(alpha("sleep", "alpha", "dev", "--json").out)
    assert document["environments"]["exit_code"] == 0
    (server,) = document["servers"]
    assert (server["base"], server["server"], server["state"]) == ("dev", "dev-rds", "stopping")
    assert [call["operation"] for call in server["calls"]] == ["DescribeDBInstances", "StopDBInstance"]


def test_a_base_with_an_awake_environment_cannot_sleep(alpha: Here) -> None:
    answer = alpha("sleep", "dev")
    assert (answer.code, answer.out) == (1, "")
    assert answer.err == (
        "error: the base dev was not put to sleep: alpha is awake on it\n"
        "hint: put them to sleep together: `orchestrator sleep alpha dev`\n"
    )


def test_scale_writes_the_counts_into_the_configuration(alpha: Here) -> None:
    answer = alpha("scale", "alpha", "web=3", "default=2")
    assert answer.code == 0
    found = config(alpha)
    assert (found["web"], found["workers"]) == ({"desired_count": 3}, {"default": {"desired_count": 2}})


def test_scale_of_an_unknown_service_changes_nothing(alpha: Here) -> None:
    before = config(alpha)
    answer = alpha("scale", "alpha", "wbe=3")
    assert answer.code == 2
    assert "alpha has no service 'wbe'" in answer.err
    assert config(alpha) == before


def test_secrets_of_a_file_are_stored_and_never_shown(alpha: Here, tmp_path: Path) -> None:
    file = tmp_path / "values.env"
    file.write_text("API_KEY=hunter2\n", encoding="utf-8")
    answer = alpha("secrets", "push", "alpha", str(file))
    assert answer.code == 0
    assert config(alpha)["extra_secrets"]["API_KEY"].endswith(":secret:alpha/pushed-abcdef:API_KEY::")
    everything = answer.out + answer.err + (alpha.folder / "app" / "Pulumi.alpha.yaml").read_text()
    everything += "".join(
        p.read_text(errors="replace") for p in (alpha.folder / ".orchestrator").rglob("*") if p.is_file()
    )
    assert "hunter2" not in everything


def test_a_dry_run_changes_nothing(alpha: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    before = config(alpha)
    typed(monkeypatch, '{"A": "hunter2"}')
    document = json.loads(alpha("secrets", "push", "alpha", "-", "--dry-run", "--json").out)
    assert (document["result"]["added"], document["result"]["dry_run"], document["update"]) == (["A"], True, None)
    assert [call["operation"] for call in document["calls"]] == ["GetSecretValue"]
    assert config(alpha) == before


def test_one_secret_from_standard_input(alpha: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    typed(monkeypatch, "hunter2\n")
    answer = alpha("secrets", "set", "alpha", "TOKEN", "--to", "ssm")
    assert answer.code == 0
    assert config(alpha)["extra_secrets"] == {
        "TOKEN": "arn:aws:ssm:us-east-1:123456789012:parameter/alpha/pushed/TOKEN"
    }


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["push", "alpha", "no/such/file"], "FILE cannot be read: No such file or directory"),
        (["set", "alpha", "9X"], "KEY cannot name a variable"),
        (
            ["push", "alpha", "-", "--to", "vault"],
            "invalid value for --to: vault is not one of secretsmanager, ssm",
        ),
        (
            ["push", "alpha", "-", "--provided", "yes"],
            "invalid value for --provided: yes is not one of refuse, keep, replace",
        ),
    ],
)
def test_invalid_input_of_secrets_is_a_usage_error(
    alpha: Here, monkeypatch: pytest.MonkeyPatch, words: list[str], message: str
) -> None:
    typed(monkeypatch, "A=1\n")
    answer = alpha("secrets", *words)
    assert answer.code == 2
    assert answer.err.startswith(f"error: {message}")


@pytest.mark.parametrize(
    "words",
    [
        ["set", "alpha", "KEY=hunter2"],
        ["set", "alpha", "KEY", "hunter2"],
        ["set", "alpha", "KEY", "two", "hunter2 words"],
        ["set", "alpha", "hunter2!"],
        ["set", "alpha", "KEY", "--file", "hunter2"],
        ["set", "alpha", "KEY", "--file", "hunter2\0"],
        ["set", "alpha", "KEY", "--value=hunter2"],
        ["set", "alpha", "KEY", "--value", "hunter2"],
        ["push", "alpha", "KEY=hunter2"],
        ["push", "alpha", '{"KEY": "hunter2"}'],
        ["push", "alpha", "hunter2"],
        ["push", "alpha", "hunter2" * 100],
        ["push", "alpha", "-", "KEY=hunter2"],
    ],
)
def test_a_value_in_the_wrong_place_is_never_repeated(
    alpha: Here, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    typed(monkeypatch, "A=1\n")
    answer = alpha("secrets", *words)
    assert answer.code == 2
    assert "hunter2" not in answer.out + answer.err


def test_malformed_values_on_standard_input_are_never_repeated(alpha: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    for text in (
        "hunter2",
        "A='hunter2",
        "A=$hunter2",
        '{"A": hunter2}',
        '{"hunter2 x": 1}',
        "hunter2=1\nhunter2 = = 2\n!",
    ):
        typed(monkeypatch, text)
        answer = alpha("secrets", "push", "alpha", "-")
        assert answer.code == 2
        if not text.startswith("hunter2="):  # the name of a variable
            assert "hunter2" not in answer.out + answer.err


def test_empty_values_and_values_of_the_stack_are_not_stored(alpha: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    typed(monkeypatch, "API_KEY=1\nEMPTY=\nALSO=''\nDATABASE_URL=postgres://localhost/x\n")
    refused = alpha("secrets", "push", "alpha", "-")
    assert refused.code == 1
    assert refused.err.startswith("error: nothing was stored: the stack itself provides DATABASE_URL\n")
    typed(monkeypatch, "API_KEY=1\nEMPTY=\nALSO=''\nDATABASE_URL=postgres://localhost/x\n")
    answer = alpha("secrets", "push", "alpha", "-", "--provided", "keep")
    assert answer.code == 0
    assert "EMPTY, ALSO; `--set extra_env.NAME=`" in answer.err
    assert set(config(alpha)["extra_secrets"]) == {"API_KEY"}


def test_secrets_list_has_its_calls_only_in_the_document(alpha: Here) -> None:
    assert "on AWS these calls" not in alpha("secrets", "list", "alpha").out
    document = json.loads(alpha("secrets", "list", "alpha", "--json").out)
    assert [call["operation"] for call in document["calls"]][:2] == ["DescribeServices", "DescribeTaskDefinition"]


@pytest.mark.parametrize(
    "words",
    [
        ["create", "alpha"],
        ["drop", "alpha"],
        ["reset", "alpha"],
        ["dump", "alpha"],
        ["restore", "alpha", "s3://assets/x.dump", "--no-release"],
        ["shell", "alpha"],
    ],
)
def test_database_commands_in_the_simulation_list_their_api_calls(alpha: Here, words: list[str]) -> None:
    answer = alpha("db", *words, "--yes")
    assert answer.code == 0, answer.err
    assert answer.out.startswith("on AWS these calls would be made:\n")
    assert "  ecs RunTask " in answer.out


def test_an_environment_cannot_be_cloned_from_itself(alpha: Here) -> None:
    answer = alpha("db", "clone", "alpha", "--from", "alpha")
    assert (answer.code, answer.err) == (
        2,
        "error: alpha cannot be a copy of itself\nhint: choose another environment with --from\n",
    )


def test_the_tunnel_is_printed(alpha: Here) -> None:
    document = json.loads(alpha("tunnel", "alpha", "--json").out)
    assert [call["operation"] for call in document["calls"]] == [
        "DescribeInstanceInformation",
        "DescribeServices",
        "DescribeTaskDefinition",
    ]


def test_help_loads_neither_pulumi_nor_boto3() -> None:
    code = (
        "import sys\nfrom orchestrator.cli.main import main\n"
        "[main([*words, '--help']) for words in (['db'], ['db', 'clone'], ['secrets', 'push'], ['sleep'], ['tunnel'])]\n"
        "assert not {'pulumi', 'boto3', 'botocore'} & set(sys.modules), sorted(sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize(
    "words", [["drop", "alpha"], ["reset", "alpha"], ["restore", "alpha", "s3://assets/x.dump", "--no-release"]]
)
def test_the_simulation_asks_for_the_confirmations_of_aws(
    alpha: Here, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    typed(monkeypatch, "")
    answer = alpha("db", *words)
    assert answer.code == 1
    assert (
        "error: nothing was changed: confirmation is needed and stdin is not a terminal\nhint: alpha loses "
        in answer.err
    )
    assert answer.err.endswith(": pass --yes to confirm\n")


def test_wake_until_a_time_needs_office_hours(alpha: Here) -> None:
    answer = alpha("wake", "alpha", "--until", "3h")
    assert (answer.code, answer.err) == (
        2,
        "error: --until cannot be used: alpha has no office hours\nhint: `orchestrator wake alpha` wakes it\n",
    )


def test_wake_keeps_what_is_open_open_for_longer(alpha: Here) -> None:
    program = alpha.folder / "app" / "__main__.py"
    program.write_text(f"{program.read_text()}\npulumi.export('office_hours', 'Mon-Fri 08:00-18:00 UTC')\n")
    assert alpha("update-env", "alpha").code == 0
    answer = alpha("wake", "alpha", "--until", "3h", "--json")
    assert answer.code == 0
    (opened,) = json.loads(answer.out)["opened"]
    assert (opened["name"], opened["calls"]) == ("alpha", [])
    assert re.search(
        r"^alpha is open until \w{3} \d\d:\d\d$", alpha("wake", "alpha", "--until", "3h").err, re.MULTILINE
    )
