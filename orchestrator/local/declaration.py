"""The resources that an environment and its base declare, from a simulation of their programs with their own configuration."""

from __future__ import annotations

import gc
import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestrator.config.order import ordered
from orchestrator.config.projects import Project
from orchestrator.config.settings import Settings
from orchestrator.config.stack_config import StackConfig, config_path, configured_stacks
from orchestrator.engines.protocol import UnitRequest
from orchestrator.errors import OperationFailedError, OrchestratorError, SettingsError, UnknownStackError
from orchestrator.model import Operation, Scope, Unit


@dataclass(frozen=True, kw_only=True)
class Resource:
    """A declared resource."""

    urn: str
    type: str
    """Type without the module's version, for example `aws:ecs/service:Service`."""

    name: str
    inputs: Mapping[str, Any] = field(repr=False)
    """Inputs by their names on the wire, in camel case, with plain secrets of the simulation."""

    outputs: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)
    """Inputs, and the values that AWS would compute."""

    id: str = ""


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """Everything that an environment declares, with its base."""

    environment: str
    base: str
    project: str
    """Name of the environment's Pulumi project."""

    resources: Sequence[Resource] = field(repr=False)
    """Resources of the base, then those of the environment."""

    outputs: Mapping[str, Any] = field(repr=False)
    """Outputs of the environment."""

    base_outputs: Mapping[str, Any] = field(repr=False)

    def of_type(self, type_: str) -> tuple[Resource, ...]:
        """The resources of a type."""
        return tuple(resource for resource in self.resources if resource.type == type_)


def declared(settings: Settings, name: str) -> Declaration:
    """Return what the environment declares. A sleeping environment counts as awake.

    Raises UnknownStackError without configuration files, SettingsError, and OperationFailedError when a program fails.
    """
    environments, base = settings.in_scope(Scope.ENVIRONMENT), check(settings, name)
    found: list[Resource] = []
    outputs: dict[Scope, dict[str, Any]] = {scope: {} for scope in Scope}
    stacks: dict[str, tuple[Mapping[str, Any], Sequence[str]]] = {}
    for project in _in_order(settings.projects):
        stack = name if project.scope is Scope.ENVIRONMENT else base
        simulated = _simulated(project, stack, stacks)
        stacks[f"organization/{project.name}/{stack}"] = (simulated.outputs, tuple(sorted(simulated.secret_outputs)))
        outputs[project.scope] |= simulated.outputs
        found += [_resource(urn, kept) for urn, kept in simulated.resources.items()]
    return Declaration(
        environment=name,
        base=base,
        project=environments[0].name,
        resources=found,
        outputs=outputs[Scope.ENVIRONMENT],
        base_outputs=outputs[Scope.BASE],
    )


def check(settings: Settings, name: str) -> str:
    """Return the base of an environment. Raises UnknownStackError when one of them has no configuration file."""
    environments = settings.in_scope(Scope.ENVIRONMENT)
    _check_configured(environments, name, Scope.ENVIRONMENT)
    base = _base_of(environments, name)
    _check_configured(settings.in_scope(Scope.BASE), base, Scope.BASE)
    return base


def declared_apart(settings: Settings, name: str) -> Declaration:
    """The same from a process of its own, which ends with everything that the programs loaded and started."""
    with tempfile.TemporaryDirectory(prefix="orchestrator-") as folder:  # readable by this user only
        asked, answered = Path(folder) / "question", Path(folder) / "answer"
        asked.write_bytes(pickle.dumps((settings, name)))
        done = subprocess.run(
            [sys.executable, "-m", __name__, str(asked), str(answered)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        if not answered.exists():
            said = done.stderr.strip().splitlines()
            raise OperationFailedError(
                f"the programs of {name} ended without a result{f': {said[-1]}' if said else ''}",
                "correct the program, then run the same command again",
            )
        found = pickle.loads(answered.read_bytes())
    if isinstance(found, OrchestratorError):
        raise found
    return found


def main(asked: Path, answered: Path) -> None:
    """Read the question from one file, and write the declaration or the error to another."""
    gc.disable()  # the process ends at once; the search for cyclic garbage would take a fifth of its time
    found: Declaration | OrchestratorError
    try:
        found = declared(*pickle.loads(asked.read_bytes()))
    except OrchestratorError as error:
        error.__cause__ = None
        found = error
    answered.write_bytes(pickle.dumps(found))


def _check_configured(projects: Sequence[Project], name: str, scope: Scope) -> None:
    """Raise UnknownStackError unless every project has a configuration file of that name."""
    missing = [project for project in projects if not config_path(project, name).exists()]
    if projects and not missing:
        return
    known = sorted({stack for project in projects for stack in configured_stacks(project)})
    what = "environment" if scope is Scope.ENVIRONMENT else "base"
    files = " and ".join(str(config_path(project, name)) for project in missing) or "its file"
    raise UnknownStackError(
        f"there is no {what} {name!r} to run on this machine: {files} {'do' if len(missing) > 1 else 'does'} not exist",
        f"the configured {what}s are {', '.join(known)}" if known else "write the file, or run `orchestrator init`",
    )


def _base_of(projects: Iterable[Project], name: str) -> str:
    for project in projects:
        base = StackConfig.load(project, name).get("base")
        if isinstance(base, str) and base:
            return base
    raise SettingsError(
        f"the environment {name} has no base: no configuration of it has the key `base`",
        f"add `base` to Pulumi.{name}.yaml, as `orchestrator create-env {name} --base NAME` does",
    )


def _in_order(projects: Sequence[Project]) -> tuple[Project, ...]:
    """The projects, each after those whose outputs it reads."""
    by_key = {project.key: project for project in projects}
    after = {key: tuple(other for other in project.depends_on if other in by_key) for key, project in by_key.items()}
    return tuple(by_key[key] for key in ordered(after, "the projects wait for each other in a circle"))


def _simulated(project: Project, stack: str, stacks: Mapping[str, tuple[Mapping[str, Any], Sequence[str]]]) -> Any:
    from orchestrator.engines.simulation.programs import simulate_project  # loads the Pulumi SDK

    config = StackConfig.load(project, stack)
    if config.get("asleep") is not None:
        config.set("asleep", None)
    with tempfile.TemporaryDirectory(prefix="orchestrator-") as folder:  # readable by this user only
        file = Path(folder) / config_path(project, stack).name
        file.write_text(config.text(), encoding="utf-8")
        request = UnitRequest(unit=Unit(project.key, stack), operation=Operation.UP, config_file=file)
        return simulate_project(project, request, prior={}, stacks=stacks)


def _resource(urn: str, kept: Mapping[str, Any]) -> Resource:
    return Resource(
        urn=urn,
        type=kept["type"],
        name=kept["name"],
        inputs=kept["inputs"],
        outputs=kept.get("outputs", {}),
        id=kept.get("id", ""),
    )


if __name__ == "__main__":
    from orchestrator.local import declaration  # pickled objects name this module

    declaration.main(Path(sys.argv[1]), Path(sys.argv[2]))
