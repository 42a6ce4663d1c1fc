"""Where a preview runs so that it leaves no trace, and how a program gets the outputs of stacks that are only planned."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from orchestrator.config.projects import Project
from orchestrator.config.stack_config import config_path

BASE_OUTPUTS_VARIABLE = "PULUMI_DJANGO_BASE_OUTPUTS"


@contextmanager
def handed_over(outputs: Mapping[str, Mapping[str, Any]]) -> Generator[dict[str, str]]:
    """Environment with which the program finds the outputs of stacks that it cannot read by itself."""
    if not outputs:
        yield {}
        return
    descriptor, name = tempfile.mkstemp(prefix="orchestrator-outputs-", suffix=".json")  # readable by us alone
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(outputs, file)
        yield {BASE_OUTPUTS_VARIABLE: name}
    finally:
        os.unlink(name)


def copy_project(project: Project, stack: str, config_file: Path | None, folder: Path) -> None:
    """A project folder of its own for the same program: its files can be written without touching the real one."""
    yaml = YAML()
    settings: Any = yaml.load((project.path / "Pulumi.yaml").read_text(encoding="utf-8"))
    if isinstance(settings.get("config"), str):  # the older name of stackConfigDir
        del settings["config"]
    settings.pop("stackConfigDir", None)
    settings["main"] = str((project.path / (settings.get("main") or ".")).resolve())
    runtime: Any = settings.get("runtime")
    if isinstance(runtime, dict) and (runtime.get("options") or {}).get("virtualenv"):
        runtime["options"]["virtualenv"] = str((project.path / runtime["options"]["virtualenv"]).resolve())
    with (folder / "Pulumi.yaml").open("w", encoding="utf-8") as file:
        yaml.dump(settings, file)
    source = config_file or config_path(project, stack)
    if source.exists():
        shutil.copyfile(source, folder / f"Pulumi.{stack}.yaml")


def keep_encryption(folder: Path, stack: str, config_file: Path | None) -> None:
    """Bring what the CLI wrote into the copy back into the scratch configuration: the salt of a stack that is planned."""
    if config_file is not None and (folder / f"Pulumi.{stack}.yaml").exists():
        shutil.copyfile(folder / f"Pulumi.{stack}.yaml", config_file)
