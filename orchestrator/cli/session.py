"""One run of a command: settings, engine, console, and what all mutating commands do alike."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.api import Orchestrator
from orchestrator.cli.options import Common
from orchestrator.cli.progress import Progress
from orchestrator.console import Console
from orchestrator.interrupts import heard_by
from orchestrator.lifecycle import Job, Request
from orchestrator.model import Operation, RunReport, Scope, Status, UnitResult
from orchestrator.rendering import document, tables


class Session:
    """What a command works with."""

    def __init__(self, common: Common) -> None:
        self.common = common
        self.console = Console(quiet=common.quiet, verbose=common.verbose, as_json=common.as_json)
        self._progress = Progress(self.console)
        self.orchestrator = Orchestrator(
            common.project_dir, engine=common.engine, observer=self._progress, parallel=common.parallel
        )
        self.notice = self.orchestrator.engine.notice

    def carry_out(self, request: Request) -> int:
        """Check a request, say what it comes to, ask when it must be asked, do it, report; returns the exit code."""
        job = self.orchestrator.prepare(request)
        self._announce(job)
        if job.confirm and not self.common.yes:
            names = " ".join(job.confirm)
            self.console.confirm(job.confirm, f"{names} will be destroyed and cannot be restored")
        with heard_by(lambda: None):  # a late Ctrl-C must not tear the report
            with self._progress.shown():
                report = self.orchestrator.run_job(job)
            self._report(job, report)
        return report.exit_code

    def _announce(self, job: Job) -> None:
        if self.notice:
            self.console.note(f"{self.notice}\n")
        steps = [(step.unit, step.scope, step.kind, step.exists, step.runs) for step in job.steps]
        self.console.note(tables.plan(steps, job.operation))
        for note in job.notes:
            self.console.note(f"note      {note}")

    def _report(self, job: Job, report: RunReport) -> None:
        if self.common.as_json:
            self.console.document(document.report(report))
        else:
            self.console.result(self._text(job, report))
        for result in report.results:
            for warning in result.warnings:
                self.console.warning(f"{result.unit}: {warning}")
            if result.status in (Status.FAILED, Status.SKIPPED, Status.CANCELLED):
                self.console.problem(_reason(result), result.hint)

    def _text(self, job: Job, report: RunReport) -> str:
        scopes = {step.unit: step.scope for step in job.steps}
        text = f"\n{tables.results(report, scopes)}"
        if job.operation is Operation.PREVIEW:
            return f"{text}\n{tables.changes(report)}"
        if job.operation is not Operation.UP:
            return text
        done: Sequence[UnitResult] = [
            result
            for result in report.results
            if result.status in (Status.SUCCEEDED, Status.UNCHANGED) and scopes[result.unit] is Scope.ENVIRONMENT
        ]
        for result in done:
            if "url" in result.outputs:
                text += f"\n{tables.environment(result.outputs, result.unit.stack)}"
        return text


def _reason(result: UnitResult) -> str:
    reason = result.reason or f"{result.unit} {result.status.value}"
    return reason if str(result.unit) in reason else f"{result.unit} {result.status.value}: {reason}"
