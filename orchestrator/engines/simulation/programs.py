"""Runs a project's program in this process, as Pulumi's language host runs it in its own process."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import tempfile
import threading
import traceback
import warnings
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pulumi

from orchestrator.config import project_file
from orchestrator.config.projects import Project
from orchestrator.config.stack_config import read_snapshot
from orchestrator.engines.program_lines import sentence, wrapped_in
from orchestrator.engines.protocol import UnitOutcome, UnitRequest
from orchestrator.engines.simulation.store import Kept, Resources
from orchestrator.engines.simulation.trace import Trace, watched
from orchestrator.engines.simulation.verdict import unwrapped
from orchestrator.errors import OperationFailedError, OrchestratorError, SettingsError
from orchestrator.model import ChangeCounts, ChangeOp, Operation, OutputValue, ResourceChange
from pulumi_django.rules.wire import BASE_OUTPUTS_VARIABLE
from pulumi_django.testing import SimulatedResource, SimulationResult, diff_resource, simulate

if TYPE_CHECKING:
    from orchestrator.engines.simulation.programs import Simulated


# When a program fails, the SDK drops its coroutines, and Python warns about each of them. Users can do nothing about it.
warnings.filterwarnings("ignore", r"coroutine '.*' was never awaited", RuntimeWarning)

_ONE_AT_A_TIME = threading.Lock()
# A program needs its own working folder and import path, and a process has only one of each. Simulations only compute, so
# running them in turn costs nothing.


def entry_point(project: Path) -> Path:
    """The file that `pulumi up` runs in this project folder."""
    folder = project_file.read(project).program.resolve()
    file = folder / "__main__.py" if os.path.isdir(folder) else folder
    if not os.path.isfile(file):
        raise SettingsError(
            f"{project / 'Pulumi.yaml'} has no program: {file} does not exist",
            "create that file, or set `main` in Pulumi.yaml",
        )
    return file


def program(entry: Path) -> Callable[[], None]:
    """A callable that runs the file as `__main__` and raises the errors of the program."""
    code = compile(entry.read_text(encoding="utf-8"), str(entry), "exec")

    def run() -> None:
        try:
            exec(code, {"__name__": "__main__", "__file__": str(entry), "__builtins__": __builtins__})
        except SystemExit as leaving:
            if leaving.code not in (None, 0):
                raise OperationFailedError(f"the program {entry} exited with code {leaving.code}") from None

    return run


@contextlib.contextmanager
def surroundings(folder: Path, upstream_outputs: Mapping[str, Mapping[str, Any]]) -> Generator[None]:
    """Set the working folder, the import path and the outputs of planned stacks for a program in `folder`. Modules of that
    folder are unloaded afterwards."""
    with _ONE_AT_A_TIME, _handed_over(upstream_outputs):
        before, path, known = Path.cwd(), list(sys.path), set(sys.modules)
        os.chdir(folder)
        sys.path.insert(0, str(folder))
        try:
            yield
        finally:
            os.chdir(before)
            sys.path[:] = path
            for name in set(sys.modules) - known:
                if str(getattr(sys.modules[name], "__file__", None) or "").startswith(f"{folder}{os.sep}"):
                    del sys.modules[name]


@contextlib.contextmanager
def _handed_over(outputs: Mapping[str, Mapping[str, Any]]) -> Generator[None]:
    if not outputs:
        yield
        return
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
        json.dump(outputs, file)
        file.flush()
        os.environ[BASE_OUTPUTS_VARIABLE] = file.name
        try:
            yield
        finally:
            del os.environ[BASE_OUTPUTS_VARIABLE]


@dataclass(frozen=True, kw_only=True)
class Simulated:
    """The result of a simulated program."""

    resources: Resources
    """The new state in the form of the store."""

    outputs: Mapping[str, Any]
    secret_outputs: frozenset[str]
    references: tuple[str, ...]
    changes: tuple[ResourceChange, ...]
    """All changes, deletions last."""

    logs: tuple[tuple[str, str], ...]
    trace: Trace | None
    """The files that the program read; None when another run can differ."""

    def outcome(self) -> UnitOutcome:
        """Return counts, changes, outputs and warnings of the program. Read resources count nowhere."""
        warnings = tuple(message for severity, message in self.logs if severity == "warning")
        counts = dict.fromkeys(ChangeOp, 0)
        for change in self.changes:
            counts[change.op] += 1
        managed = sum(not kept.get("read") for kept in self.resources.values())
        same = managed - sum(counts[op] for op in (ChangeOp.CREATE, ChangeOp.UPDATE, ChangeOp.REPLACE))
        return UnitOutcome(
            counts=ChangeCounts(
                create=counts[ChangeOp.CREATE],
                update=counts[ChangeOp.UPDATE],
                replace=counts[ChangeOp.REPLACE],
                delete=counts[ChangeOp.DELETE],
                same=same,
            ),
            changes=self.changes,
            outputs={
                name: OutputValue(value=value, secret=name in self.secret_outputs)
                for name, value in self.outputs.items()
            },
            warnings=warnings,
        )


def simulate_project(
    project: Project,
    request: UnitRequest,
    *,
    prior: Resources,
    stacks: Mapping[str, tuple[Mapping[str, Any], Sequence[str]]],
) -> Simulated:
    """Run the project's program for the requested unit against `prior`, its previous state.

    `stacks` is what StackReferences read. Raises OperationFailedError with the program's own words when it fails, and
    SettingsError when its configuration file cannot be read.
    """
    stack = request.unit.stack
    config = read_snapshot(project, stack, request.config_file)
    entry = entry_point(project.path)
    before = {urn: SimulatedResource(**cast(dict[str, Any], kept)) for urn, kept in prior.items()}
    printed = io.StringIO()
    try:
        # Standard output is only for results.
        with (
            surroundings(entry.parent, request.upstream_outputs),
            contextlib.redirect_stdout(printed),
            watched(entry.parent) as watch,
        ):
            result = simulate(
                program(entry),
                project=project.name,
                stack=stack,
                config=config.wire(),
                secret_keys=config.secret_keys,
                preview=request.operation is Operation.PREVIEW,
                stacks={name: (outputs, tuple(secrets)) for name, (outputs, secrets) in stacks.items()},
                prior=before,
            )
            trace = watch.trace()
    except OrchestratorError:
        raise
    except Exception as error:  # every error of the program is a failure of the program
        raise _program_failed(project, stack, error, entry.parent) from error
    return Simulated(
        resources={resource.urn: _kept(resource) for resource in result.resources},
        outputs=result.outputs,
        secret_outputs=result.secret_outputs,
        references=tuple(r.id for r in result.of_type("pulumi:pulumi:StackReference")),
        changes=_changes(before, result),
        logs=(*(("info", line) for line in printed.getvalue().splitlines() if line.strip()), *result.logs),
        trace=trace,
    )


def _program_failed(project: Project, stack: str, error: BaseException, folder: Path) -> OperationFailedError:
    resource, error = wrapped_in(str(error)), unwrapped(error)
    said = str(error) or type(error).__name__
    if not isinstance(error, pulumi.RunError):
        said = sentence(f"{type(error).__name__}: {said}", "".join(traceback.format_exception(error)), folder)
    return OperationFailedError(
        f"the program of {stack} failed: {resource}{said}",
        f"correct {project.path / f'Pulumi.{stack}.yaml'} or the program, then run the same command again",
    )


def _kept(resource: SimulatedResource) -> Kept:
    """The resource as JSON, without fields that have their default."""
    kept: dict[str, Any] = {}
    for field in fields(SimulatedResource):
        value = getattr(resource, field.name)
        default = field.default_factory() if field.default_factory is not MISSING else field.default
        if value != default:
            kept[field.name] = sorted(value) if isinstance(value, frozenset) else value
    return cast(Kept, kept)


def _changes(before: Mapping[str, SimulatedResource], result: SimulationResult) -> tuple[ResourceChange, ...]:
    changes: list[ResourceChange] = []
    for resource in result.resources:
        prior = before.get(resource.urn)
        # Reading changes nothing, and the provider of a remote component handles its inputs.
        if resource.read or (resource.remote and prior):
            continue
        change = diff_resource(prior, resource)
        if change.kind != "same":
            changes.append(_change(resource, ChangeOp(change.kind), change.properties))
    kept = {resource.urn for resource in result.resources}
    gone = [resource for urn, resource in before.items() if urn not in kept and not resource.read]
    changes += [_change(resource, ChangeOp.DELETE) for resource in reversed(gone)]
    return tuple(changes)


def _change(resource: SimulatedResource, op: ChangeOp, properties: tuple[str, ...] = ()) -> ResourceChange:
    return ResourceChange(
        urn=resource.urn,
        type=resource.type,
        name=resource.name,
        op=op,
        properties=properties,
        parent=resource.parent or None,
    )
