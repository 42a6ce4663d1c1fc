"""A request whose checks have passed: what will be done, and doing it."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from orchestrator import executors
from orchestrator.config.stack_config import StackConfig
from orchestrator.engines.protocol import UnitRequest
from orchestrator.errors import OrchestratorError
from orchestrator.events import Diagnostic, Event, Observer, PlanReady, ResourceEvent, ignore
from orchestrator.lifecycle import bases, unit_files
from orchestrator.lifecycle.context import Context
from orchestrator.lifecycle.graph import Plan
from orchestrator.lifecycle.runner import Interrupter, Runner
from orchestrator.model import (
    UNKNOWN,
    ChangeOp,
    Kind,
    Operation,
    Outputs,
    Record,
    RunReport,
    Scope,
    StackSummary,
    Status,
    Unit,
    UnitResult,
)

# Signature keys of Pulumi's wire format: sdk/python/lib/pulumi/runtime/rpc.py
_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET = "1b47061264138c4ac30d75fd1eb44270"
_NO_CHANGE = (ChangeOp.SAME, ChangeOp.READ, ChangeOp.REFRESH)


@dataclass(frozen=True, kw_only=True)
class Step:
    """One unit of a job, also one that is only read."""

    unit: Unit
    scope: Scope
    kind: Kind
    exists: bool
    """Whether it has resources already."""

    runs: bool
    """False for a base that is there and is only read."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """What a request comes to. Nothing was touched yet; `run` does it."""

    context: Context
    command: str
    """The use case, for example `create-env`."""

    operation: Operation
    plan: Plan
    steps: tuple[Step, ...]
    """Every unit concerned, in dependency order (destroying: in the order of destruction)."""

    notes: tuple[str, ...] = ()
    """What the user should know before it begins, a sentence each."""

    confirm: tuple[str, ...] = ()
    """Names that the user should type before it begins; empty when nothing is destroyed."""

    stacks: Mapping[Unit, StackSummary] = field(default_factory=dict[Unit, StackSummary])
    """The stacks of the plan that exist."""

    records: Mapping[Unit, Record] = field(default_factory=dict[Unit, Record])
    configs: Mapping[Unit, StackConfig] = field(default_factory=dict[Unit, StackConfig])
    slots: Mapping[Unit, str] = field(default_factory=dict[Unit, str])
    """New units whose listener slot was chosen for them, with their base."""

    bases: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    """Bases by environment."""

    claimed: set[Unit] = field(default_factory=set[Unit])
    """Units that were claimed for this job, and by nobody else."""

    plans: Path | None = None
    """Folder of plan files: a preview writes them, an update carries out exactly them."""

    handed: Mapping[Unit, tuple[Unit, ...]] = field(default_factory=dict[Unit, tuple[Unit, ...]])
    """Carrying out a plan: units whose outputs were handed over to a unit's preview, since nobody could read them."""

    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    """Variables for the programs."""

    seen: dict[Unit, str] = field(default_factory=dict[Unit, str])
    """The configurations that the previews of a plan saw; empty until all of them succeeded."""

    def run(
        self,
        observer: Observer = ignore,
        *,
        parallel: int | None = None,
        executor: Executor | None = None,
        interrupter: Interrupter | None = None,
        first: Callable[[], None] = lambda: None,
    ) -> RunReport:
        """Carry the job out. What units raise stands in the report; raises SettingsError when a file cannot be written.

        Called in the main thread, it hears Ctrl-C; elsewhere the `interrupter` stands in for it. `first` happens when nothing
        is in the way any more, before the first unit begins.
        """
        started = self.context.clock()
        begun: set[Unit] = set()

        def listen(event: Event) -> None:
            if isinstance(event, ResourceEvent) and _touches(event):
                begun.add(event.unit)
            observer(event)

        with executors.opened(self.context.settings, self.context.engine.name, executor) as opened:
            runner = Runner(
                engine=self.context.engine,
                observer=listen,
                parallel=parallel or self.context.settings.runner.parallel,
                executor=opened,
                interrupter=interrupter or Interrupter(),
                fail_fast=self.context.fail_fast,
            )
            results = self._carried_out(runner, begun, first)
        return RunReport(
            command=self.command,
            engine=self.context.engine.name,
            notice=self.context.engine.notice,
            started=started,
            ended=self.context.clock(),
            results=tuple(self._with_way_on(result) for result in results),
        )

    def _carried_out(self, runner: Runner, begun: set[Unit], first: Callable[[], None]) -> tuple[UnitResult, ...]:
        existing = frozenset(step.unit for step in self.steps if step.exists)
        runner.observer(PlanReady(operation=self.operation, units=self.plan.units, existing=existing))
        if self.operation is Operation.PREVIEW:
            return self._preview(runner)
        self._free_what_is_read(runner.observer)
        with (
            bases.joined(self, runner.observer) as job,
            unit_files.opened(job, begun, runner.observer) as files,
        ):
            first()
            results = replace(runner, around=files.around).run(job.plan, job.operation, job.request, job.expected())
            for result in results:
                files.settle(result)
            return results

    def _free_what_is_read(self, observer: Observer) -> None:
        """A base that is only read may still have the lock of an engine that was killed when all was done."""
        for step in self.steps:
            owner = None if step.runs else self.context.engine.lock_owner(step.unit)
            if owner is not None and owner.alive is False:
                self.context.engine.unlock(step.unit)
                text = f"the lock of {owner} was removed: that process is gone"
                observer(Diagnostic(unit=step.unit, severity="warning", message=text))

    def _preview(self, runner: Runner) -> tuple[UnitResult, ...]:
        """Previews read scratch copies of configurations that would change: the project folders stay as they are."""
        with tempfile.TemporaryDirectory(prefix="orchestrator-", ignore_cleanup_errors=True) as folder:
            scratch: dict[Unit, Path] = {}
            for unit, config in self.configs.items():
                if config.changed or not config.exists or self.plans:
                    scratch[unit] = Path(folder) / unit.project / config.path.name
                    scratch[unit].parent.mkdir(exist_ok=True)
                    scratch[unit].write_text(config.text(), encoding="utf-8")

            def prepare(unit: Unit, results: Mapping[Unit, UnitResult]) -> UnitRequest:
                upstream = {
                    self.context.engine.reference_name(other): to_wire(results[other].outputs)
                    for other in self.unread(unit)
                }
                request = self.request(unit, results)
                return replace(request, upstream_outputs=upstream, config_file=scratch.get(unit))

            results = runner.run(self.plan, self.operation, prepare, self.expected())
            if self.plans and all(result.status in (Status.SUCCEEDED, Status.UNCHANGED) for result in results):
                self.seen.update({unit: file.read_text(encoding="utf-8") for unit, file in scratch.items()})
            return results

    def unread(self, unit: Unit) -> list[Unit]:
        """Units before this one whose outputs nobody could read when the job was prepared."""
        return [
            other for other in self.plan.waits_for[unit] if other not in self.stacks or not self.stacks[other].outputs
        ]

    def _handed_over(self, unit: Unit, results: Mapping[Unit, UnitResult]) -> dict[str, dict[str, Any]]:
        """Carrying out a plan: what the review had handed over is handed over again, now with real values."""
        found: dict[str, dict[str, Any]] = {}
        for other in self.handed.get(unit, ()):
            stack = None if other in results else self.context.engine.stack(other)
            outputs = stack.outputs if stack else results[other].outputs
            if any(output.secret for output in outputs.values()):
                plain = self.context.engine.reveal(other)
                outputs = {name: replace(output, value=plain.get(name)) for name, output in outputs.items()}
            found[self.context.engine.reference_name(other)] = to_wire(outputs)
        return found

    def known(self) -> dict[str, str]:
        """The stacks of the plan by Pulumi's names, `project/stack`."""
        names = {project.key: project.name for project in self.context.settings.projects}
        return {f"{names[unit.project]}/{unit.stack}": unit.stack for unit in self.plan.units}

    def request(self, unit: Unit, results: Mapping[Unit, UnitResult]) -> UnitRequest:
        """A unit's request when it is about to start. Raises RefusedError, StackLockedError when it may not any more."""
        if self.operation is Operation.DESTROY and self._scope(unit) is Scope.BASE:
            bases.last_look(self, unit)
        return UnitRequest(
            unit=unit,
            operation=self.operation,
            record=self.records.get(unit),
            record_before=self.stacks[unit].record if unit in self.stacks else None,
            message=f"orchestrator {self.command} {unit.stack}",
            plan_file=self.plans / plan_file_name(unit) if self.plans else None,
            wait_seconds=self.context.wait_seconds,
            keep_going=self.context.keep_going,
            environment=self.environment,
            upstream_outputs=self._handed_over(unit, results) if self.operation is Operation.UP else {},
        )

    def _scope(self, unit: Unit) -> Scope:
        return self.context.settings.by_key[unit.project].scope

    def expected(self) -> dict[Unit, int]:
        """How many resources units have, for progress."""
        return {unit: stack.resource_count for unit, stack in self.stacks.items() if stack.resource_count}

    def _with_way_on(self, result: UnitResult) -> UnitResult:
        """A failed result says what exists now and how to go on."""
        if result.status is not Status.FAILED or result.hint or self.operation is Operation.PREVIEW:
            return result
        try:
            stack = self.context.engine.stack(result.unit)
        except OrchestratorError:
            return result
        count = stack.resource_count if stack else 0
        have = f"it has {count} resource{'' if count == 1 else 's'} now" if count else "nothing exists of it"
        return replace(result, hint=f"{have}; mend the cause and run the same command again: it goes on from there")


def plan_file_name(unit: Unit) -> str:
    """Name of a unit's plan within the folder of a saved plan."""
    return f"{unit.project}.{unit.stack}.pulumi-plan.json"


def to_wire(outputs: Outputs) -> dict[str, Any]:
    """Outputs as Pulumi passes them between processes: secrets in envelopes, unknown values as the sentinel."""
    return {
        name: {_SIGNATURE: _SECRET, "value": _jsonable(output.value)} if output.secret else _jsonable(output.value)
        for name, output in outputs.items()
    }


def _jsonable(value: Any) -> Any:
    try:
        return json.loads(json.dumps(value))
    except (TypeError, ValueError):
        return UNKNOWN


def _touches(event: ResourceEvent) -> bool:
    ours = event.type == "pulumi:pulumi:Stack" or event.type.startswith("pulumi:providers:")
    return not ours and event.op not in _NO_CHANGE
