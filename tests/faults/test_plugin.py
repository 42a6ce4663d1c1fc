"""Components of the plugin on the real engine: the release gate works as in a program in Python."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.faults.test_rollouts import ROOT, Stack
from tests.support.standin.aws_server import AwsOfTheCloud, serving
from tests.support.standin.cloud import Cloud

pytestmark = pytest.mark.engine

PROGRAM = """
import os

import pulumi


class Remote(pulumi.ComponentResource):
    contract: pulumi.Output[dict]
    url: pulumi.Output[str]

    def __init__(self, token, name, inputs, opts=None):
        outputs = {"contract": None, "url": None}
        super().__init__(f"pulumi-django:{token}", name, {**inputs, **outputs}, opts, remote=True)


async def tags(args):
    if args.type_ != "aws:cloudwatch/logGroup:LogGroup":
        return None
    return pulumi.ResourceTransformResult({**args.props, "tags": {"team": "shop"}}, args.opts)


base = Remote("base:AdHocBase", "shared", {"domainName": "example.com", "hostedZoneId": "Z1"})
app = Remote(
    "app:AdHocApp",
    "alpha",
    {
        "base": base,
        "backendImage": f"123456789012.dkr.ecr.us-east-1.amazonaws.com/shop:{os.environ['VERSION']}",
        "settingsModule": "shop.settings",
        "without": ["beat"],
    },
    pulumi.ResourceOptions(transforms=[tags]),
)
pulumi.export("url", app.url)
pulumi.export("contract", base.contract)
"""


class Account(AwsOfTheCloud):
    """Notes the words that end the command of each task, and fails those in `failing`."""

    def __init__(self, cloud: Cloud) -> None:
        super().__init__(cloud)
        self.ran: list[str] = []
        self.failing: set[str] = set()
        self.at_release: Callable[[], None] = lambda: None

    def _RunTask(self, parameters: Any) -> dict[str, Any]:
        overrides = parameters.get("overrides", {}).get("containerOverrides", [{}])
        self.ran.append(overrides[0].get("command", ["database"])[-1])
        if self.ran[-1] == "--no-input":
            self.at_release()
        answer = super()._RunTask(parameters)
        if self.ran[-1] in self.failing:
            self.tasks[answer["tasks"][0]["taskArn"]].life.exit_code = 1
        return answer


class PluginStack(Stack):
    """A program of remote components, with the plugin in a folder of its own."""

    def __init__(self, folder: Path, address: str, cloud: Cloud, account: Account) -> None:
        self.cloud, self.account, self.folder = cloud, account, folder / "program"
        plugin = folder / "plugin"
        plugin.mkdir()
        (plugin / "__main__.py").write_text((ROOT / "plugin" / "__main__.py").read_text())
        python = f"runtime: {{name: python, options: {{virtualenv: {Path(sys.executable).parents[1]}}}}}\n"
        (plugin / "PulumiPlugin.yaml").write_text(python)
        super().__init__(folder, address, PROGRAM)
        with (folder / "program" / "Pulumi.yaml").open("a") as project:
            project.write("plugins: {providers: [{name: pulumi-django, path: ../plugin}]}\n")

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self._pulumi(*words, check=False)

    def kill_plugin(self) -> None:
        """Kill the plugin's process, which only its folder tells from others."""
        words = ["pgrep", "-f", f"{self.folder.parent / 'plugin'} 127"]
        found = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()
        assert found
        for process in found:
            os.kill(int(process), signal.SIGKILL)

    def ran(self) -> list[str]:
        """The tasks since the last look."""
        ran, self.account.ran = self.account.ran, []
        return ran

    def of_type(self, type_: str) -> list[Mapping[str, Any]]:
        found = self.cloud.resources().values()
        return [item["state"] for item in found if item["urn"].split("::")[2].endswith(type_)]

    @property
    def images(self) -> set[str]:
        """The tags of Django's images that the services run."""
        definitions = {
            state["arn"]: state["containerDefinitions"] for state in self.of_type("ecs/taskDefinition:TaskDefinition")
        }
        texts = [definitions.get(state["taskDefinition"], "") for state in self.of_type("ecs/service:Service")]
        return {word.partition('"')[0] for text in texts for word in str(text).split("/shop:")[1:]}


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[PluginStack]:
    cloud = Cloud(tmp_path / "cloud.json")
    account = Account(cloud)
    with serving(cloud, account) as address:
        yield PluginStack(tmp_path, address, cloud, account)


def test_the_release_gate_works_for_a_program_that_asks_the_plugin(stack: PluginStack) -> None:
    stack.account.failing = {"--no-input"}
    code, said = stack.up(1)
    assert code != 0
    assert "the release command failed; no service was changed" in said
    assert stack.of_type("ecs/service:Service") == []
    assert stack.ran() == ["database", "--no-input"]

    stack.account.failing = set()
    code, said = stack.up(1)
    assert code == 0, said
    assert stack.ran() == ["--no-input"]
    assert stack.images == {"1"}
    assert "alpha-gunicorn rollout: 1 of 1 running" in said
    # The base, which has no transform, has the log group of its database.
    logs = [state for state in stack.of_type("LogGroup") if state["name"].startswith("/ecs/")]
    assert [state["tags"] for state in logs] == [{"team": "shop"}] * 5

    done = stack.run("up", "--yes", "--skip-preview", "--expect-no-changes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert stack.ran() == []

    stack.account.failing = {"--no-input"}
    code, said = stack.up(2)
    assert code != 0
    assert stack.images == {"1"}

    stack.account.failing = set()
    code, said = stack.up(2)
    assert code == 0, said
    assert stack.ran() == ["--no-input", "--no-input"]
    assert stack.images == {"2"}

    state = stack.run("stack", "export")
    types = {each["type"] for each in json.loads(state.stdout)["deployment"]["resources"]}
    assert {"pulumi-django:app:AdHocApp", "pulumi-django:base:AdHocBase"} <= types
    done = stack.run("destroy", "--yes", "--skip-preview")
    assert done.returncode == 0, done.stdout + done.stderr
    assert stack.cloud.resources() == {}


def test_a_plugin_that_is_killed_during_the_release_leaves_every_service_as_it_was(stack: PluginStack) -> None:
    code, said = stack.up(1)
    assert code == 0, said

    stack.account.at_release = stack.kill_plugin
    code, said = stack.up(2)
    assert code != 0
    assert 'before hook "alpha-release" failed' in said
    assert stack.images == {"1"}

    stack.account.at_release = lambda: None
    stack.ran()
    code, said = stack.up(2)
    assert code == 0, said
    assert stack.ran() == ["--no-input"], "the release runs again"
    assert stack.images == {"2"}


@pytest.mark.skipif(shutil.which("pulumi-language-yaml") is None, reason="needs pulumi-language-yaml on PATH")
def test_the_example_in_yaml_passes_the_gate(stack: PluginStack) -> None:
    example = (ROOT / "examples" / "languages" / "yaml" / "Pulumi.yaml").read_text(encoding="utf-8")
    project = stack.folder / "Pulumi.yaml"
    ours = [
        line for line in project.read_text(encoding="utf-8").splitlines() if line.startswith(("backend", "plugins"))
    ]
    project.write_text("\n".join([example, *ours]) + "\n", encoding="utf-8")
    image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/shop:1"
    for words in (
        ["stack", "init", "dev"],
        ["config", "set", "aws:region", "us-east-1"],
        ["config", "set", "image", image],
    ):
        assert stack.run(*words).returncode == 0
    done = stack.run("preview")
    assert done.returncode == 0, done.stdout + done.stderr

    done = stack.run("up", "--yes", "--skip-preview")
    assert done.returncode == 0, done.stdout + done.stderr
    assert stack.ran() == ["database", "--no-input"]
    assert stack.images == {"1"}
    assert stack.of_type("ecs/service:Service")[0]["cluster"].endswith("alpha-cluster")
