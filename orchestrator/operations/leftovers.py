"""Removes what destroyed environments leave behind: databases before their stacks, pushed secrets after their stacks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orchestrator.events import Diagnostic, Observer, ignore
from orchestrator.lifecycle import Job
from orchestrator.model import Operation, RunReport, Scope, Status

if TYPE_CHECKING:
    from orchestrator.operations.aws.targets import BaseTarget
    from orchestrator.operations.departure import Departure


@dataclass(kw_only=True)
class Leftovers:
    """The leftovers of one job. A failure to remove them is a warning and does not stop the destruction.

    Only a command of `on_destroy` that fails stops it."""

    job: Job
    observer: Observer = ignore
    _departures: list[Departure] = field(default_factory=list["Departure"])
    _opened: list[BaseTarget] = field(default_factory=list["BaseTarget"])
    """Bases that `wake --until` opened, with a schedule of AWS that no stack contains."""

    def before(self, observer: Observer) -> None:
        """Run the commands of `on_destroy`, then drop the databases of the environments, unless the server goes with its base.

        Production keeps its data. Raises OperationFailedError when a command fails: nothing is destroyed then.
        """
        if self.job.operation is not Operation.DESTROY or self.job.context.engine.notice:
            return
        self.observer = observer
        self._without_failing(self._find)
        for departure in self._departures:
            departure.run_last_command(self._forward_note)
        for departure in self._departures if self.job.command == "destroy-env" else ():
            self._without_failing(lambda departure=departure: departure.before(self._forward_note))

    def after(self, report: RunReport, observer: Observer) -> None:
        """Delete the secrets that were pushed for the environments that are gone, and schedules of bases that are gone."""
        self.observer = observer
        gone = {result.unit.stack for result in report.results if result.status in (Status.SUCCEEDED, Status.UNCHANGED)}
        for departure in self._departures:
            if departure.target.environment in gone:
                self._without_failing(lambda departure=departure: departure.after(self._forward_note))

        for base in self._opened:
            if base.name in gone:
                self._without_failing(lambda base=base: _forget(base))

    def _find(self) -> None:
        from orchestrator.operations import departure  # loads boto3

        names = dict.fromkeys(step.unit.stack for step in self.job.steps if step.scope is Scope.ENVIRONMENT)
        self._departures.extend(departure.find(self.job.context, tuple(names)))
        self._opened.extend(_opened_bases(self.job))

    def _without_failing(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # no failure here stops the destruction of an environment
            text = f"something may be left behind: {type(error).__name__}: {error}"
            self.observer(Diagnostic(unit=None, severity="warning", message=text))

    def _forward_note(self, event: object) -> None:
        from orchestrator.operations import departure

        if isinstance(event, departure.Note):
            self.observer(Diagnostic(unit=None, severity=event.severity, message=event.text))
        elif isinstance(event, departure.LogLine):
            self.observer(Diagnostic(unit=None, severity="info", message=f"{event.service} | {event.text}"))


def _opened_bases(job: Job) -> list[BaseTarget]:
    from orchestrator.operations.aws import targets

    now, registry = job.context.clock(), job.context.registry()
    names = dict.fromkeys(step.unit.stack for step in job.steps if step.scope is Scope.BASE and step.runs)
    found = [registry.bases[name] for name in names if name in registry.bases]
    opened = [base.name for base in found if base.record.open_until is not None and base.record.open_until > now]
    return [targets.find_base(job.context, name) for name in opened]


def _forget(base: BaseTarget) -> None:
    from orchestrator.operations import openings
    from orchestrator.operations.aws import reach

    openings.forget(base, reach.for_base(base))
