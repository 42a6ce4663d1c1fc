"""The commands of the pipeline's projects run for real, in bash, on a copy of the shop and the simulation engine.

Programs that would fetch something (`pip`, `curl`) only note their words. Like CodeBuild, a failing command ends its project.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest

from pulumi_django import PipelineBuildOptions, PipelineStageOptions
from pulumi_django.testing import SimulationResult
from tests.support.delivery import DEPLOY, LIVE, TASKS, buildspec, commands, pipeline, variables
from tests.support.sts_standin import sts

ROOT = Path(__file__).parents[3]
BIN = Path(sys.executable).parent
WORKFLOWS = ROOT / "orchestrator" / "onboarding" / "pipelines" / "github"
CONTAINER = "AWS_CONTAINER_CREDENTIALS_FULL_URI"


@contextmanager
def credentials_of_the_build() -> Generator[str]:
    """The address at which a container of CodeBuild gets the credentials of its role."""
    given = {"AccessKeyId": "key-of-build", "SecretAccessKey": "s", "Token": "t", "Expiration": "2100-01-01T00:00:00Z"}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = json.dumps(given).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="module")
def shop() -> SimulationResult:
    """The pipeline of the shop, whose stacks are in `infrastructure`."""
    return pipeline(
        folder="infrastructure",
        secrets={},
        staging=PipelineStageOptions(environment="alpha", deploy_role_arn=DEPLOY),
        production=PipelineStageOptions(environment="live", deploy_role_arn=LIVE),
        build=PipelineBuildOptions(docker_hub_secret="secretsmanager:docker-hub"),
    )


@dataclass
class Machine:
    """A machine of CodeBuild: a folder for its files, and programs that note their words."""

    folder: Path
    result: SimulationResult
    artifacts: dict[str, Path] = field(default_factory=dict[str, Path])

    def __post_init__(self) -> None:
        self.source = self.folder / "shop"
        shutil.copytree(ROOT / "examples" / "shop", self.source)
        (self.folder / "gitconfig").write_text("[user]\n\tname = Ada Lovelace\n\temail = ada@example.com\n")
        alone = {**os.environ, "GIT_CONFIG_GLOBAL": str(self.folder / "gitconfig"), "GIT_CONFIG_NOSYSTEM": "1"}
        for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "x"]):
            subprocess.run(["git", *words], cwd=self.source, env=alone, check=True)
        programs = self.folder / "bin"
        programs.mkdir()
        note = f'printf "%s" "$(basename "$0")" >> {self.folder}/noted; printf " %q" "$@" >> {self.folder}/noted'
        python = f'#!/bin/bash\n[ "$2" = pip ] || exec {sys.executable} "$@"\n{note}; echo >> {self.folder}/noted\n'
        (programs / "python3").write_text(python)
        for name in ("curl", "docker", "tar", "pulumi"):
            (programs / name).write_text(f"#!/bin/bash\n{note}; echo >> {self.folder}/noted\n")
        for file in programs.iterdir():
            file.chmod(0o755)

    @property
    def noted(self) -> list[str]:
        file = self.folder / "noted"
        return file.read_text().splitlines() if file.exists() else []

    def environment(self, task: str) -> dict[str, str]:
        given = {
            name: self.local(value)
            for name, (kind, value) in variables(self.result, task).items()
            if kind == "PLAINTEXT"
        }
        secrets = {
            name: f"secret-of-{name}" for name, (kind, _) in variables(self.result, task).items() if kind != "PLAINTEXT"
        }
        folders = {f"CODEBUILD_SRC_DIR_{name}": str(folder) for name, folder in self.artifacts.items()}
        return {
            **{
                name: value
                for name, value in os.environ.items()
                if not name.startswith(("AWS_", "ORCHESTRATOR_", "PULUMI_"))
            },
            **given,
            **secrets,
            **folders,
            "CODEBUILD_SRC_DIR": str(self.source),
            "CODEBUILD_BUILD_ID": f"shop-{task}:0123",
            "HOME": str(self.folder),
            "GIT_CONFIG_GLOBAL": str(self.folder / "gitconfig"),
            "PATH": f"{self.folder}/bin:{BIN}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
        }

    def local(self, text: str) -> str:
        """The text with this machine's folder for temporary files."""
        return text.replace("/tmp/", f"{self.folder}/")

    def run(self, task: str) -> subprocess.CompletedProcess[str]:
        """Run the commands of a project in one shell, and keep its artifact."""
        script = "\n".join(f"{self.local(command)} || exit 1" for command in commands(self.result, task))
        exported = buildspec(self.result, task)["env"].get("exported-variables", [])
        script += "".join(f'\nprintf "%s=%s\\n" {name} "${name}"' for name in exported)
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self.source,
            env=self.environment(task),
            capture_output=True,
            text=True,
            check=False,
        )
        stage = [each for s in self.stages() for each in s["actions"] if each["name"] == task]
        if done.returncode == 0 and stage[0].get("outputArtifacts"):
            folder = Path(self.local(buildspec(self.result, task)["artifacts"]["base-directory"]))
            self.artifacts[stage[0]["outputArtifacts"][0]] = folder
        return done

    def stages(self) -> list[Mapping[str, Any]]:
        return self.result.one("aws:codepipeline/pipeline:Pipeline").inputs["stages"]

    def orchestrator(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command as a person does."""
        return subprocess.run(
            [str(BIN / "orchestrator"), *words, "--project-dir", str(self.source / "infrastructure")],
            env=self.environment("plan"),
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def machine(tmp_path: Path, shop: SimulationResult) -> Machine:
    return Machine(tmp_path, shop)


def text(done: subprocess.CompletedProcess[str]) -> str:
    return done.stdout + done.stderr


def test_a_push_is_built_deployed_to_staging_planned_and_applied(machine: Machine) -> None:
    for words in (["alpha", "--base", "dev"], ["live", "--base", "prod", "--allow-prod"]):
        made = machine.orchestrator("create-env", *words)
        assert made.returncode == 0, text(made)
    for task in TASKS:
        done = machine.run(task)
        assert done.returncode == 0, f"{task}: {text(done)}"
        if task == "plan":
            assert "PLAN_LOG=https://us-east-1.console.aws.amazon.com/" in done.stdout
            assert done.stdout.rstrip().endswith("/shop-plan/build/shop-plan%3A0123/")
    (built,) = (machine.artifacts["Images"] / "images.txt").read_text().splitlines()
    assert re.fullmatch(r"backend=\S+:c-[0-9a-f]+\S*", built)
    reference = built.partition("=")[2]
    for name in ("alpha", "live"):
        config = machine.source / "infrastructure" / "app" / f"Pulumi.{name}.yaml"
        assert reference in config.read_text()


def test_docker_gets_the_password_on_standard_input(machine: Machine) -> None:
    assert machine.run("build").returncode == 0
    assert "docker login --username secret-of-DOCKER_HUB_USERNAME --password-stdin" in machine.noted
    assert not any("secret-of-DOCKER_HUB_PASSWORD" in line for line in machine.noted)


def test_a_failing_deploy_to_staging_ends_the_run(machine: Machine) -> None:
    assert machine.run("build").returncode == 0
    done = machine.run("staging")  # alpha does not exist
    assert done.returncode == 1
    assert "error: " in done.stderr


def test_a_plan_that_no_longer_fits_is_refused_after_the_approval(machine: Machine) -> None:
    machine.orchestrator("create-env", "live", "--base", "prod", "--allow-prod")
    assert machine.run("build").returncode == 0
    assert machine.run("plan").returncode == 0
    moved = machine.orchestrator("update-env", "live", "--set", "web.desired_count=3", "--allow-prod")
    assert moved.returncode == 0, text(moved)
    done = machine.run("production")
    assert done.returncode == 1
    assert "changed" in done.stderr
    assert "preview again" in done.stderr


def test_the_cli_is_fetched_for_its_version_unless_the_image_has_one(machine: Machine) -> None:
    install = next(command for command in commands(machine.result, "plan") if "get.pulumi.com" in command)
    environment = machine.environment("plan")
    assert subprocess.run(["bash", "-c", machine.local(install)], env=environment, check=False).returncode == 0
    assert machine.noted == []
    (machine.folder / "bin" / "pulumi").unlink()
    without = {**environment, "PATH": f"{machine.folder}/bin:/usr/bin:/bin"}
    assert subprocess.run(["bash", "-c", machine.local(install)], env=without, check=False).returncode == 0
    fetch, unpack = machine.noted
    version = environment["PULUMI_VERSION"]
    assert fetch.endswith(f"https://get.pulumi.com/releases/sdk/pulumi-v{version}-linux-x64.tar.gz")
    assert unpack.startswith("tar --extract --gzip --file")


def test_the_profile_takes_the_stages_role_with_the_credentials_of_the_build(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile = next(command for command in commands(machine.result, "production") if "[profile" in command)
    environment = machine.environment("production")
    assert subprocess.run(["bash", "-c", machine.local(profile)], env=environment, check=False).returncode == 0
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_PROFILE"):
        monkeypatch.setenv(name, environment[name])
    with sts() as service, credentials_of_the_build() as address:
        monkeypatch.setenv(CONTAINER, address)
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", service.url)
        found = boto3.Session(region_name="us-east-1").get_credentials()
        assert found is not None
        assert found.get_frozen_credentials().access_key == "key-of-deploy-live"
    assert service.roles == [("key-of-build", LIVE)]


@pytest.mark.parametrize("task", TASKS)
def test_every_command_is_valid_bash(shop: SimulationResult, task: str) -> None:
    for command in commands(shop, task):
        done = subprocess.run(["bash", "-n", "-c", command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}: {done.stderr}"


def test_the_commands_are_those_of_ci_init(shop: SimulationResult) -> None:
    def options(line: str) -> set[str]:
        return {word for word in re.findall(r"--[a-z-]+", line) if word not in ("--image",)}

    def line(start: str, source: str) -> str:
        return next(each for each in source.splitlines() if start in each and "run: orchestrator" in each)

    deploy, infrastructure = ((WORKFLOWS / f"{name}.yml").read_text() for name in ("deploy", "infrastructure"))
    pairs = {
        "staging": ("deploy @STAGING@", deploy),
        "plan": ("preview-env", infrastructure),
        "production": ("apply plan", infrastructure),
    }
    for task, (start, source) in pairs.items():
        own = next(each for each in commands(shop, task) if "orchestrator " in each)
        # An approval can come while another run deploys.
        assert options(own) - {"--wait"} == options(line(start, source)) - {"--wait"}, task
