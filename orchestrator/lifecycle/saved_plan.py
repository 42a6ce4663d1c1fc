"""A plan that was reviewed: written by a preview, carried out exactly by `apply`, refused when anything moved.

A folder holds `plan.json`, with what was asked and a fingerprint of everything that it came from, and each unit's plan in
its engine's own format.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from orchestrator.config.assignments import Assignment
from orchestrator.config.stack_config import StackConfig
from orchestrator.errors import RefusedError, SettingsError
from orchestrator.lifecycle import fingerprints
from orchestrator.lifecycle.graph import Plan
from orchestrator.lifecycle.job import Job, plan_file_name
from orchestrator.lifecycle.plan_progress import FILE as PROGRESS
from orchestrator.lifecycle.plan_progress import PlanProgress, Reached
from orchestrator.lifecycle.requests import CreateBase, CreateEnv, PreviewBase, PreviewEnv
from orchestrator.model import Kind, Unit

FILE, VERSION = "plan.json", 1
AGAIN = "preview again with --save-plan, and review what changed"


@dataclass(frozen=True, kw_only=True)
class SavedPlan:
    """What `plan.json` says."""

    folder: Path
    engine: str
    request: CreateBase | CreateEnv
    """What carries the plan out."""

    document: Mapping[str, Any]


def prepare_folder(folder: Path) -> None:
    """Make the folder of a new plan, which its user alone reads: a plan holds configuration.

    Raises SettingsError when it cannot be made, RefusedError when it holds something.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        strangers = [name for name in sorted(os.listdir(folder)) if not _ours(name)]
    except OSError as error:
        raise SettingsError(f"the plan cannot be written to {folder}: {error.strerror or error}") from None
    if strangers:
        raise RefusedError(
            f"the plan was not written: {folder} holds other files, such as {strangers[0]}", "name a new folder"
        )
    try:
        folder.chmod(0o700)
        for name in os.listdir(folder):
            (folder / name).unlink()
        (folder / ".gitignore").write_text("*\n", encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"the plan cannot be written to {folder}: {error.strerror or error}") from None


def _write(file: Path, document: Mapping[str, Any]) -> None:
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as opened:
        json.dump(document, opened, indent=1)


def _ours(name: str) -> bool:
    return name in (FILE, PROGRESS, ".gitignore") or name.endswith(".pulumi-plan.json")


def save(job: Job, request: PreviewBase | PreviewEnv, configs: Mapping[Unit, str]) -> None:
    """Write `plan.json` after a preview; the engine has written the units' plans already.

    `configs` are the configurations that the previews saw, with the encryption settings of stacks that are new.
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
    # The engine wrote these; Pulumi's CLI gives everybody the right to read them.
    for name in os.listdir(job.plans):
        (job.plans / name).chmod(0o600)


def load(folder: Path) -> SavedPlan:
    """Read a saved plan. Raises RefusedError when the folder holds none, or one of another version."""
    try:
        document: Mapping[str, Any] = json.loads((folder / FILE).read_text(encoding="utf-8"))
        if document["version"] != VERSION:
            raise RefusedError(
                f"the plan in {folder} has version {document['version']}: this program knows {VERSION}", AGAIN
            )
        request = _request(document["request"])
        return SavedPlan(folder=folder.absolute(), engine=document["engine"], request=request, document=document)
    except FileNotFoundError:
        raise RefusedError(
            f"there is no plan in {folder}: it has no {FILE}",
            "write one: `orchestrator preview-env NAME --save-plan DIR`",
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RefusedError(f"the plan in {folder} cannot be read: {type(error).__name__}: {error}", AGAIN) from None


def fitted(plan: SavedPlan, job: Job) -> Job:
    """The job that carries out exactly what is left of the plan; nothing when all of it was done.

    Raises RefusedError that says what moved since the review.
    """
    engine, again = job.context.engine, _again(plan)
    if engine.name != plan.engine:
        raise RefusedError(f"the plan was made with the engine {plan.engine}, and this is {engine.name}", again)
    units = {Unit(item["project"], item["stack"]): item for item in plan.document["units"]}
    reached = PlanProgress(plan.folder).read()
    done = {unit for unit in units if unit in reached and _is_done(job, unit, reached[unit])}
    left = {unit: item for unit, item in units.items() if unit not in done}
    if tuple(left) != tuple(unit for unit in job.plan.units if unit not in done):
        planned, now = (", ".join(map(str, found)) for found in (units, job.plan.units))
        raise RefusedError(f"the plan does not fit any more: it is for {planned}, and today it would be {now}", again)
    moved = [found for unit, item in left.items() for found in _moved(job, unit, item, reached.get(unit))]
    if moved:
        raise RefusedError(f"the plan does not fit any more: {'; '.join(dict.fromkeys(moved))}", again)
    for unit, item in left.items():
        if not (plan.folder / plan_file_name(unit)).is_file():
            raise RefusedError(f"the plan in {plan.folder} is not whole: {plan_file_name(unit)} is missing", again)
        if unit not in job.stacks or not job.stacks[unit].resource_count:
            job.configs[unit].take_encryption(item["config"])
    handed = {unit: tuple(Unit(*other) for other in item["handed_over"]) for unit, item in left.items()}
    return _rest(replace(job, command="apply", plans=plan.folder, handed=handed), done)


def _rest(job: Job, done: Collection[Unit]) -> Job:
    """The job without the units that were carried out already."""
    if not done:
        return job
    left = tuple(unit for unit in job.plan.units if unit not in done)
    waits = {unit: tuple(other for other in job.plan.waits_for[unit] if other not in done) for unit in left}
    steps = tuple(replace(step, runs=step.runs and step.unit not in done) for step in job.steps)
    said = ", ".join(str(unit) for unit in sorted(done))
    note = f"{said} {'is' if len(done) == 1 else 'are'} as planned already: the plan goes on after that"
    if not left:
        note = "the plan was carried out already: there is nothing left to do"
    slots = {unit: base for unit, base in job.slots.items() if unit in left}
    return replace(job, plan=Plan(left, waits), steps=steps, notes=(*job.notes, note), slots=slots)


def _is_done(job: Job, unit: Unit, reached: Reached) -> bool:
    """Whether a unit was carried out and is still so; also one that was killed when all of it was done but the note."""
    if reached.done:
        return reached.state == job.context.engine.fingerprint(unit)
    return unit not in job.plan.units


def _again(plan: SavedPlan) -> str:
    """How to make the plan again; with the whole command when it was begun, as the first one may have other words then."""
    if not PlanProgress(plan.folder).read():
        return AGAIN
    asked = plan.request
    command = f"preview-base {asked.name}" if isinstance(asked, CreateBase) else f"preview-env {' '.join(asked.names)}"
    base = f" --base {asked.base}" if isinstance(asked, CreateEnv) and asked.base else ""
    return f"preview again and review what changed: `orchestrator {command}{base} --save-plan {plan.folder}`"


def _moved(job: Job, unit: Unit, item: Mapping[str, Any], reached: Reached | None) -> list[str]:
    project = job.context.settings.by_key[unit.project]
    found = [
        f"{name} of the program {unit.project} changed"
        for name in fingerprints.differences(item["program"], fingerprints.of_program(project))
    ]
    # As text: Pulumi writes numbers in quotes when it writes a configuration anew.
    before = StackConfig.parse(project, unit.stack, item["config"]).snapshot().wire()
    after = job.configs[unit].snapshot().wire()
    keys = sorted(key for key in {*before, *after} if before.get(key) != after.get(key))
    if keys:
        found.append(f"{', '.join(keys)} in the configuration of {unit} changed")
    # Of a unit that was killed, the engine compares what is there with the plan, resource by resource.
    killed = reached is not None and not reached.ended
    known = (item["state"], reached.state) if reached and not reached.done else (item["state"],)
    if not killed and job.context.engine.fingerprint(unit) not in known:
        found.append(f"the state of {unit} changed")
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


def _request(document: Mapping[str, Any]) -> CreateBase | CreateEnv:
    assignments = tuple(
        Assignment(namespace=item["namespace"], path=tuple(item["path"]), value=item["value"])
        for item in document["assignments"]
    )
    if document["scope"] == "base":
        kind = Kind(document["kind"]) if document["kind"] else None
        return CreateBase(name=document["name"], kind=kind, assignments=assignments)
    return CreateEnv(
        names=(document["name"],), base=document["base"], images=document["images"], assignments=assignments
    )
