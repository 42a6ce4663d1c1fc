"""A plan for review: a preview writes it, and `apply` carries out exactly this plan or refuses it when something changed.

A folder holds `plan.json`, with the request and fingerprints of program, configuration and state; each unit's plan in its
engine's own format; and `progress.json`, so that `apply` continues after it was killed.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from orchestrator.config import documents, fingerprints, yaml_files
from orchestrator.config.assignments import Assignment
from orchestrator.config.stack_config import StackConfig
from orchestrator.errors import RefusedError, SettingsError
from orchestrator.lifecycle.graph import Plan
from orchestrator.lifecycle.job import Job, plan_file_name
from orchestrator.lifecycle.requests import CreateBase, CreateEnv, PreviewBase, PreviewEnv
from orchestrator.model import Kind, Unit

FILE, PROGRESS, VERSION = "plan.json", "progress.json", 1
AGAIN = "preview again with --save-plan, and review the changes"
_GUARD = threading.Lock()


@dataclass(frozen=True, kw_only=True)
class SavedPlan:
    """The content of `plan.json`."""

    folder: Path
    engine: str
    request: CreateBase | CreateEnv
    """The request that carries out the plan."""

    units: Mapping[Unit, PlannedUnit]
    """The planned units, in order."""


@dataclass(frozen=True, kw_only=True)
class PlannedUnit:
    """One unit of a plan."""

    project: str
    stack: str
    state: str | None
    """The fingerprint of the state."""

    config: str
    """The text of the configuration."""

    handed_over: tuple[tuple[str, str], ...]
    """Project and stack of the units whose outputs the program does not read from a state."""

    program: Mapping[str, str]
    """The fingerprints of the program, by file."""


@dataclass(frozen=True, kw_only=True)
class _AssignmentDocument:
    namespace: str | None
    path: tuple[str, ...]
    value: Any


@dataclass(frozen=True, kw_only=True)
class _RequestDocument:
    scope: Literal["base", "environment"]
    name: str
    kind: Kind | None = None
    base: str | None = None
    images: Mapping[str, str] = field(default_factory=dict[str, str])
    assignments: tuple[_AssignmentDocument, ...]


@dataclass(frozen=True, kw_only=True)
class _VersionDocument:
    version: int


@dataclass(frozen=True, kw_only=True)
class _PlanDocument:
    engine: str
    request: _RequestDocument
    units: tuple[PlannedUnit, ...]


@dataclass(frozen=True, kw_only=True)
class Reached:
    """Progress of one unit in an `apply`."""

    done: bool
    ended: bool = False
    """False when the operation was killed, so its final state is unknown."""

    state: str | None = None
    """The fingerprint of the state at the end."""


@dataclass(frozen=True)
class PlanProgress:
    """The progress in a plan's folder, written before and after each unit."""

    folder: Path

    @classmethod
    def of(cls, job: Job) -> PlanProgress | None:
        """The progress of a job that carries out a saved plan; None for any other job."""
        return cls(job.plans) if job.plans and job.command == "apply" else None

    def read(self) -> dict[Unit, Reached]:
        """Every unit that began. Raises RefusedError when the file is damaged."""
        found: dict[Unit, Reached] = {}
        for name, entry in self._document().items():
            project, _, stack = name.partition("/")
            # Earlier versions noted only the state of a finished unit.
            reached = Reached(done=True, ended=True, state=entry) if isinstance(entry, str) else entry
            found[Unit(project, stack)] = reached
        return found

    def begin(self, unit: Unit) -> None:
        """Note that the unit's operation begins. Raises SettingsError."""
        self._note(unit, Reached(done=False))

    def end(self, unit: Unit, state: str | None, *, done: bool) -> None:
        """Note that the unit's operation ended, and its state. Raises SettingsError."""
        self._note(unit, Reached(done=done, ended=True, state=state))

    def check_writable(self) -> None:
        """Check that progress can be noted, before anything is changed. Raises SettingsError."""
        with _GUARD:
            self._write(self._document())

    def _note(self, unit: Unit, entry: Reached) -> None:
        with _GUARD:
            self._write({**self._document(), str(unit): entry})

    def _write(self, document: Mapping[str, str | Reached]) -> None:
        plain = {name: entry if isinstance(entry, str) else asdict(entry) for name, entry in document.items()}
        yaml_files.write_text(self.folder / PROGRESS, json.dumps(plain))

    def _document(self) -> dict[str, str | Reached]:
        try:
            return documents.decoded(dict[str, str | Reached], documents.read(self.folder / PROGRESS))
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise RefusedError(f"{self.folder / PROGRESS} cannot be read: {error.strerror or error}", AGAIN) from None
        except documents.DamagedError as error:
            raise RefusedError(f"{self.folder / PROGRESS} is damaged: {error}", AGAIN) from None


def prepare_folder(folder: Path) -> None:
    """Create the folder of a new plan. Only its user can read it, because a plan holds configuration.

    Raises SettingsError when the folder cannot be created, RefusedError when it holds other files.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        others = [name for name in sorted(os.listdir(folder)) if not _is_plan_file(name)]
    except OSError as error:
        raise SettingsError(
            f"the plan cannot be written to {folder}: {error.strerror or error}",
            "use a folder that this user can write",
        ) from None
    if others:
        raise RefusedError(
            f"the plan was not written: {folder} holds other files, such as {others[0]}", "use a new folder"
        )
    try:
        folder.chmod(0o700)
        for name in os.listdir(folder):
            (folder / name).unlink()
        (folder / ".gitignore").write_text("*\n", encoding="utf-8")
    except OSError as error:
        raise SettingsError(
            f"the plan cannot be written to {folder}: {error.strerror or error}",
            "use a folder that this user can write",
        ) from None


def _write(file: Path, document: Mapping[str, Any]) -> None:
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as opened:
        json.dump(document, opened, indent=1)


def _is_plan_file(name: str) -> bool:
    return name in (FILE, PROGRESS, ".gitignore") or name.endswith(".pulumi-plan.json")


def save(job: Job, request: PreviewBase | PreviewEnv, configs: Mapping[Unit, str]) -> None:
    """Write `plan.json` after a preview; the engine has written the units' plans already.

    `configs` are the configurations that the previews read, with the encryption settings of new stacks.
    """
    if job.plans is None:
        return
    settings, engine = job.context.settings, job.context.engine
    document: dict[str, Any] = {
        "version": VERSION,
        "engine": engine.name,
        "created": job.context.clock().isoformat(timespec="seconds"),
        "request": _request_document(request),
        "units": [
            {
                "project": unit.project,
                "stack": unit.stack,
                "state": engine.fingerprint(unit),
                "config": configs.get(unit, job.configs[unit].text()),
                "handed_over": [[other.project, other.stack] for other in job.unread(unit)],
                "program": fingerprints.of_program(settings.by_key[unit.project]),
            }
            for unit in job.plan.units
        ],
    }
    _write(job.plans / FILE, document)
    # Pulumi's CLI makes the plans that it writes readable for all users.
    for name in os.listdir(job.plans):
        (job.plans / name).chmod(0o600)


def load(folder: Path) -> SavedPlan:
    """Read a saved plan. Raises RefusedError when the folder holds none, or one of another version."""
    file = folder / FILE
    try:
        content = documents.read(file)
        version = documents.decoded(_VersionDocument, content).version
        if version != VERSION:
            raise RefusedError(f"the plan in {folder} has version {version}: this program knows {VERSION}", AGAIN)
        document = documents.decoded(_PlanDocument, content)
    except FileNotFoundError:
        raise RefusedError(
            f"there is no plan in {folder}: it has no {FILE}",
            "write one: `orchestrator preview-env NAME --save-plan DIR`",
        ) from None
    except OSError as error:
        raise RefusedError(f"the plan {file} cannot be read: {error.strerror or error}", AGAIN) from None
    except documents.DamagedError as error:
        raise RefusedError(f"the plan {file} is damaged: {error}", AGAIN) from None
    return SavedPlan(
        folder=folder.absolute(),
        engine=document.engine,
        request=_request(document.request),
        units={Unit(unit.project, unit.stack): unit for unit in document.units},
    )


def fitted(plan: SavedPlan, job: Job) -> Job:
    """The job that carries out exactly the rest of the plan, possibly nothing.

    Raises RefusedError that lists the changes since the review.
    """
    engine, again = job.context.engine, _again(plan)
    if engine.name != plan.engine:
        raise RefusedError(f"the plan was made with the engine {plan.engine}: this engine is {engine.name}", again)
    units = plan.units
    reached = PlanProgress(plan.folder).read()
    done = {unit for unit in units if unit in reached and _is_done(job, unit, reached[unit])}
    left = {unit: item for unit, item in units.items() if unit not in done}
    if tuple(left) != tuple(unit for unit in job.plan.units if unit not in done):
        planned, now = (", ".join(map(str, found)) for found in (units, job.plan.units))
        raise RefusedError(f"the plan no longer fits: it is for {planned}, and the request is now for {now}", again)
    changed = [found for unit, item in left.items() for found in _changes(job, unit, item, reached.get(unit))]
    if changed:
        raise RefusedError(f"the plan no longer fits: {'; '.join(dict.fromkeys(changed))}", again)
    for unit, item in left.items():
        if not (plan.folder / plan_file_name(unit)).is_file():
            raise RefusedError(f"the plan in {plan.folder} is incomplete: {plan_file_name(unit)} is missing", again)
        if unit not in job.stacks or not job.stacks[unit].resource_count:
            job.configs[unit].take_encryption(item.config)
    if left:
        PlanProgress(plan.folder).check_writable()
    handed = {unit: tuple(Unit(*other) for other in item.handed_over) for unit, item in left.items()}
    return _rest(replace(job, command="apply", plans=plan.folder, handed=handed), done)


def _rest(job: Job, done: Collection[Unit]) -> Job:
    """The job without the units that are done."""
    if not done:
        return job
    left = tuple(unit for unit in job.plan.units if unit not in done)
    waits = {unit: tuple(other for other in job.plan.waits_for[unit] if other not in done) for unit in left}
    steps = tuple(replace(step, runs=step.runs and step.unit not in done) for step in job.steps)
    finished = ", ".join(unit.among(job.plan.units) for unit in sorted(done))
    note = f"{finished} {'is' if len(done) == 1 else 'are'} as planned already: the plan continues after that"
    if not left:
        note = "the plan was carried out completely: there is nothing left to do"
    slots = {unit: base for unit, base in job.slots.items() if unit in left}
    return replace(job, plan=Plan(left, waits), steps=steps, notes=(*job.notes, note), slots=slots)


def _is_done(job: Job, unit: Unit, reached: Reached) -> bool:
    """Whether a unit was carried out and has not changed since, including a unit whose end was not noted."""
    if reached.done:
        return reached.state == job.context.engine.fingerprint(unit)
    return unit not in job.plan.units


def _again(plan: SavedPlan) -> str:
    """The hint for a new plan; once `apply` has begun, with the full command."""
    if not PlanProgress(plan.folder).read():
        return AGAIN
    asked = plan.request
    command = f"preview-base {asked.name}" if isinstance(asked, CreateBase) else f"preview-env {' '.join(asked.names)}"
    base = f" --base {asked.base}" if isinstance(asked, CreateEnv) and asked.base else ""
    return f"preview again and review the changes: `orchestrator {command}{base} --save-plan {plan.folder}`"


def _changes(job: Job, unit: Unit, item: PlannedUnit, reached: Reached | None) -> list[str]:
    project = job.context.settings.by_key[unit.project]
    found = [
        f"{name} of the program {unit.project} changed"
        for name in fingerprints.differences(item.program, fingerprints.of_program(project))
    ]
    # As text: Pulumi puts numbers in quotes when it rewrites a configuration.
    before = StackConfig.parse(project, unit.stack, item.config).snapshot().wire()
    after = job.configs[unit].snapshot().wire()
    keys = sorted(key for key in {*before, *after} if before.get(key) != after.get(key))
    if keys:
        found.append(f"{', '.join(keys)} in the configuration of {unit.among(job.plan.units)} changed")
    # For a unit that was killed, the engine compares each resource with the plan.
    killed = reached is not None and not reached.ended
    known = (item.state, reached.state) if reached and not reached.done else (item.state,)
    if not killed and job.context.engine.fingerprint(unit) not in known:
        found.append(f"the state of {unit.among(job.plan.units)} changed")
    return found


def _request_document(request: PreviewBase | PreviewEnv) -> dict[str, Any]:
    assignments = [{"namespace": a.namespace, "path": list(a.path), "value": a.value} for a in request.assignments]
    if isinstance(request, PreviewBase):
        kind = request.kind.value if request.kind else None
        return {"scope": "base", "name": request.name, "kind": kind, "assignments": assignments}
    return {
        "scope": "environment",
        "name": request.name,
        "base": request.base,
        "images": dict(request.images),
        "assignments": assignments,
    }


def _request(document: _RequestDocument) -> CreateBase | CreateEnv:
    assignments = tuple(
        Assignment(namespace=item.namespace, path=item.path, value=item.value) for item in document.assignments
    )
    if document.scope == "base":
        return CreateBase(name=document.name, kind=document.kind, assignments=assignments)
    return CreateEnv(names=(document.name,), base=document.base, images=document.images, assignments=assignments)
