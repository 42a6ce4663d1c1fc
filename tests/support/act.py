"""Runs the workflows of `ci init` on this machine with `act`, against a forge on loopback."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from orchestrator.cli.main import main
from tests.support.command_line import Here
from tests.support.forge import REPOSITORY, TOKEN, FakeForge

BIN = Path(sys.executable).parent
needs_act = pytest.mark.skipif(not (BIN / "act").exists(), reason="act is not installed")


def workflows(here: Here) -> Path:
    """The folder of the workflows."""
    return here.folder.parent / ".github" / "workflows"


class Runner:
    """Runs a workflow with `act` on this machine, against a forge on loopback.

    The steps with actions of other repositories are left out: those that install the tools, and those that keep the plan
    between two jobs. The folders of the stacks and of the plan outlive a run, as stacks in AWS and artifacts do.

    `environment` is that of the machine, `variables` are those of the repository.
    """

    def __init__(
        self,
        folder: Path,
        forge: FakeForge,
        home: Path,
        environment: Mapping[str, str] | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self.folder, self.forge, self.home = folder, forge, home
        self._environment, self._variables = environment or {}, variables or {}
        self.root = folder.parent
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            assert main(["ci", "init", "github", "--project-dir", str(folder)]) == 0
        for name in ("preview.yml", "infrastructure.yml", "reap.yml"):
            self._prepare(self.root / ".github" / "workflows" / name)
        for words in (
            ["remote", "add", "origin", f"https://github.com/{REPOSITORY}.git"],
            ["add", "."],
            ["commit", "-q", "-m", "stacks"],
        ):
            subprocess.run(["git", *words], cwd=self.root, check=True)

    def _prepare(self, file: Path) -> None:
        yaml = YAML()
        document = yaml.load(file)
        for job in document["jobs"].values():
            job["steps"] = [step for step in job["steps"] if "uses" not in step and step["name"] != "install"]
            job["env"]["ORCHESTRATOR_PROJECT_DIR"] = str(self.folder)
            for step in job["steps"]:
                step["run"] = step["run"].replace("--save-plan plan", f"--save-plan {self.home}/plan")
                step["run"] = step["run"].replace("apply plan", f"apply {self.home}/plan")
        yaml.dump(document, file)

    def __call__(self, workflow: str, event: dict[str, Any], kind: str = "pull_request") -> Any:
        file = self.home / "event.json"
        file.write_text(json.dumps(event))
        environment: dict[str, Any] = {
            "GITHUB_API_URL": self.forge.url,
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "HOME": str(self.home),
            **self._environment,
        }
        words = [str(BIN / "act"), kind, "-W", f".github/workflows/{workflow}", "-e", str(file)]
        words += [
            "-P",
            "ubuntu-latest=-self-hosted",
            "-s",
            f"GITHUB_TOKEN={TOKEN}",
            "-s",
            "PULUMI_CONFIG_PASSPHRASE=correct-horse",
        ]
        words += [word for name, value in environment.items() for word in ("--env", f"{name}={value}")]
        words += [word for name, value in self._variables.items() for word in ("--var", f"{name}={value}")]
        return subprocess.run(
            words, cwd=self.root, env={**os.environ, **environment}, capture_output=True, text=True, check=False
        )

    def pull(self, action: str, number: int = 7, workflow: str = "preview.yml") -> Any:
        """Run the workflow for an event of a pull request."""
        return self(workflow, {"action": action, "pull_request": self.forge.pulls[number], "number": number})
