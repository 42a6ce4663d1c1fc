"""The folder, configuration and state in which a preview runs, so that it leaves no trace."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Collection, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from orchestrator.config import project_file, values, yaml_files
from orchestrator.config.projects import Project
from orchestrator.config.stack_config import config_path
from orchestrator.engines.automation.checkpoint import STACK_TYPE, is_secret
from orchestrator.engines.automation.diy_backend import LAYOUT, META, STACKS, Backend
from orchestrator.errors import StateError
from orchestrator.model import UNKNOWN, Unit
from pulumi_django.rules.wire import BASE_OUTPUTS_VARIABLE


@contextmanager
def handed_over(outputs: Mapping[str, Mapping[str, Any]]) -> Generator[dict[str, str]]:
    """Environment variables that give the program the outputs of stacks that it cannot read."""
    if not outputs:
        yield {}
        return
    descriptor, name = tempfile.mkstemp(prefix="orchestrator-outputs-", suffix=".json")  # mode 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(outputs, file)
        yield {BASE_OUTPUTS_VARIABLE: name}
    finally:
        os.unlink(name)


def copy_project(project: Project, stack: str, config_file: Path | None, folder: Path) -> None:
    """Copy a project folder for the same program, so that the CLI can write its files without changing the original."""
    own = project.path / "Pulumi.yaml"
    text = yaml_files.read_text(own) or ""
    settings: Any = yaml_files.parse(own, text)
    if isinstance(settings.get("config"), str):  # the older name of stackConfigDir
        del settings["config"]
    settings.pop("stackConfigDir", None)
    settings["main"] = str(project_file.read(project.path).program.resolve())
    runtime: Any = settings.get("runtime")
    options = values.mapping(values.mapping(runtime).get("options"))
    if options.get("virtualenv"):
        options["virtualenv"] = str((project.path / str(options["virtualenv"])).resolve())
    (folder / "Pulumi.yaml").write_text(yaml_files.dump(settings, text), encoding="utf-8")
    source = config_file or config_path(project, stack)
    if source.exists():
        shutil.copyfile(source, folder / f"Pulumi.{stack}.yaml")


def keep_encryption(folder: Path, stack: str, config_file: Path | None) -> None:
    """Copy the encryption settings that the CLI wrote for a planned stack back to `config_file`."""
    if config_file is not None and (folder / f"Pulumi.{stack}.yaml").exists():
        shutil.copyfile(folder / f"Pulumi.{stack}.yaml", config_file)


def create_stack(scratch: Path, project: str, stack: str, config: Path) -> bool:
    """Create an empty stack in the temporary backend of a preview, as `pulumi stack init` does in a third of a second.

    False when its secrets have a provider of their own, which only the CLI can set up.
    """
    if "secretsprovider" in yaml_files.parse(config, yaml_files.read_text(config) or ""):
        return False
    _place(scratch, project, stack, json.dumps(_checkpoint(project, stack, [])).encode())
    (scratch / META).write_text(f"version: {LAYOUT}\n", encoding="utf-8")
    return True


def copy_states(
    backend: Backend,
    scratch: Path,
    unit: Unit,
    project: str,
    environments: Collection[str],
    planned: Mapping[str, Mapping[str, Any]],
) -> None:
    """Copy the states of other stacks into the temporary backend of a preview, so that its program can read them by name.

    The preview is of `unit`, whose Pulumi project is `project`. Stacks of other environments (of the projects `environments`)
    are left out, as there may be hundreds. `planned` are outputs by reference name of stacks that do not exist yet; their
    unknown values are the sentinel.
    """
    for other, stack in backend.everything():
        if (other, stack) == (project, unit.stack) or (other in environments and stack != unit.stack):
            continue
        try:
            content = backend.raw(other, stack)
        except StateError:  # a damaged stack is reported when the program reads it
            continue
        if content is not None:
            _place(scratch, other, stack, content)
    for reference, outputs in planned.items():
        _organization, other, stack = reference.split("/")
        _place(scratch, other, stack, json.dumps(_planned(other, stack, outputs)).encode())


def _place(scratch: Path, project: str, stack: str, content: bytes) -> None:
    file = scratch / STACKS / project / f"{stack}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)


def _planned(project: str, stack: str, outputs: Mapping[str, Any]) -> dict[str, Any]:
    """A checkpoint of a stack with only these outputs; secret ones are unknown."""
    urn = f"urn:pulumi:{stack}::{project}::{STACK_TYPE}::{project}-{stack}"
    shown = {name: UNKNOWN if is_secret(value) else value for name, value in outputs.items()}
    return _checkpoint(project, stack, [{"urn": urn, "custom": False, "type": STACK_TYPE, "outputs": shown}])


def _checkpoint(project: str, stack: str, resources: list[dict[str, Any]]) -> dict[str, Any]:
    latest = {"manifest": {"time": "2026-01-01T00:00:00Z", "magic": "", "version": ""}, "resources": resources}
    return {"version": 3, "checkpoint": {"stack": f"organization/{project}/{stack}", "latest": latest}}
