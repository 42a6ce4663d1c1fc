"""One run of a command: settings, engine and console, and the steps that all changing commands share."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.api import Orchestrator
from orchestrator.cli.options import Common
from orchestrator.cli.progress import Progress
from orchestrator.config.stack_config import config_path
from orchestrator.console import Console
from orchestrator.events import Diagnostic, Event
from orchestrator.lifecycle.interrupts import heard_by
from orchestrator.model import Operation, RunReport, Scope, Status, Unit, UnitResult
from orchestrator.rendering import tables

if TYPE_CHECKING:
    from orchestrator.cli.events_file import EventsFile
    from orchestrator.cost.estimate import Costs
    from orchestrator.lifecycle import Job, Request
    from orchestrator.operations.facade import Operations


class Session:
    """The settings, engine and console of a command."""

    def __init__(self, common: Common) -> None:
        self.common = common
        self.console = Console(quiet=common.quiet, verbose=common.verbose, as_json=common.as_json)
        self._progress = Progress(self.console)
        self._events = self._events_file(common.events) if common.events else None
        self.orchestrator = Orchestrator(
            common.project_dir,
            engine=common.engine,
            observer=self._hear,
            parallel=common.parallel,
            wait=common.wait,
            allow_prod=common.allow_prod,
            fail_fast=common.fail_fast,
            keep_going=common.keep_going,
            check=common.check,
        )
        self.notice = self.orchestrator.engine.notice
        self._ignore_state()

    def _events_file(self, path: Path) -> EventsFile:
        from orchestrator.cli.events_file import EventsFile

        return EventsFile(path, self.console.warning)

    @cached_property
    def operations(self) -> Operations:
        """The operations of the Python API; their updates show progress, and the caller prints the document."""
        from orchestrator.operations.facade import Operations

        return Operations(replace(self.orchestrator.context, around=partial(self._shown, quiet_document=True)))

    def carry_out(self, request: Request) -> int:
        """Check a request, announce it, ask for confirmation if needed, run it and report. Returns the exit code."""
        return self.do(self.orchestrator.prepare(request)).exit_code

    def do(
        self, job: Job, *, plan_format: str = "text", quiet_document: bool = False, confirmed: bool = False
    ) -> RunReport:
        """The same for a checked request. With `quiet_document` the caller prints the JSON document."""
        shown = partial(self._shown, plan_format=plan_format, quiet_document=quiet_document, confirmed=confirmed)
        return self.orchestrator.run_job(replace(job, context=replace(job.context, around=shown)))

    @contextmanager
    def _shown(
        self, job: Job, *, plan_format: str = "text", quiet_document: bool = False, confirmed: bool = False
    ) -> Generator[Callable[[RunReport], None]]:
        """Announce a run, ask for confirmation, show its progress, and report when it has ended."""
        self._announce(job)
        if job.confirm and not (confirmed or self.common.yes):
            names = " ".join(job.confirm)
            self.console.confirm(job.confirm, f"{names} will be destroyed and cannot be restored")
        files, reports = self._stack_files(job), list[RunReport]()
        with heard_by(lambda: None):  # a late Ctrl-C must not interrupt the report
            with self._progress.shown(), closing(self._events) if self._events else nullcontext():
                yield reports.append
            self._report(job, reports[0], plan_format, quiet_document)
        for file in files:
            if not file.exists():
                why = "its stack is gone, and the file was generated and not in git"
                self.console.note(f"removed   {file}: {why}")
                if self.console.quiet:  # the file may have edits of the user
                    self.console.warning(f"{file} was removed: {why}")
        self._ignore_state()

    def preview_destroy(self, request: Request) -> int:
        """Check a destruction and show what it would delete. Returns the exit code."""
        from orchestrator.lifecycle import destroy

        job = self.orchestrator.prepare(request)
        self._announce(job)
        report = destroy.dry_run(job)
        self._report(replace(job, operation=Operation.PREVIEW), report, "text", quiet_document=False)
        return report.exit_code

    def _stack_files(self, job: Job) -> tuple[Path, ...]:
        """The stack files that a destruction may remove."""
        if job.operation is not Operation.DESTROY:
            return ()
        by_key = self.orchestrator.settings.by_key
        files = (config_path(by_key[step.unit.project], step.unit.stack) for step in job.steps if step.runs)
        return tuple(file for file in files if file.exists())

    def _ignore_state(self) -> None:
        """Keep `.orchestrator/` out of git."""
        folder = self.orchestrator.settings.state_dir
        file = folder / ".gitignore"
        if folder.is_dir() and not file.exists():
            with suppress(OSError):
                file.write_text("*\n", encoding="utf-8")

    def tell(self, text: str) -> None:
        """Write a line among the progress of a job."""
        self._hear(Diagnostic(unit=None, severity="info", message=text))

    def _hear(self, event: Event) -> None:
        self._progress(event)
        if self._events:
            self._events.write(event)

    def _announce(self, job: Job) -> None:
        if self.notice:
            self.console.note(f"{self.notice}\n")
        steps = [(step.unit, step.scope, step.kind, step.exists, step.runs) for step in job.steps]
        self.console.note(tables.plan(steps, job.operation))
        for note in job.notes:
            self.console.note(f"note      {note}")
        if self.common.cost and not self.common.quiet:
            costs = self.orchestrator.cost_ahead(job)
            if any(costs.values()):
                self.console.note(tables.cost_ahead(costs, self.orchestrator.prices))

    def _report(self, job: Job, report: RunReport, plan_format: str, quiet_document: bool) -> None:
        costs = self.orchestrator.plan_costs(report)
        if self.common.as_json and quiet_document:
            pass
        elif self.common.as_json:
            from orchestrator.rendering import document

            self.console.document(document.report(report, costs))
        elif plan_format == "markdown":
            from orchestrator.rendering import plan_tree

            self.console.result(plan_tree.markdown(report, costs))
        else:
            self.console.table(self._text(job, report, costs))
        self._summarize(report, costs)
        for result in report.results:
            for warning in result.warnings:
                self.console.warning(f"{_name(result.unit, report)}: {warning}")
            if result.status in (Status.FAILED, Status.SKIPPED, Status.CANCELLED):
                self.console.problem(_reason(result, report), result.hint)

    def _summarize(self, report: RunReport, costs: Costs) -> None:
        """The job summary of GitHub Actions: https://docs.github.com/actions/reference/workflow-commands-for-github-actions"""
        file = os.environ.get("GITHUB_STEP_SUMMARY")
        if not file:
            return
        from orchestrator.rendering import summary

        try:
            with open(file, "a", encoding="utf-8") as summary_file:
                summary_file.write(summary.markdown(report, costs))
        except OSError as error:
            self.console.warning(f"the step summary was not written: {error.strerror or error} ({file})")

    def _text(self, job: Job, report: RunReport, costs: Costs) -> str:
        scopes = {step.unit: step.scope for step in job.steps}
        text = f"\n{tables.results(report, scopes)}"
        if job.operation is Operation.PREVIEW:
            from orchestrator.rendering import plan_tree

            return f"{text}\n{plan_tree.text(report, costs, self.console.width)}"
        if job.operation is Operation.DRIFT:
            return f"{text}{tables.drift(report, self.console.width)}"
        if job.operation is not Operation.UP:
            return text
        done: Sequence[UnitResult] = [
            result
            for result in report.results
            if result.status in (Status.SUCCEEDED, Status.UNCHANGED) and scopes[result.unit] is Scope.ENVIRONMENT
        ]
        for result in done:
            if "url" in result.outputs:
                config = job.configs.get(result.unit)
                asleep = config is not None and config.asleep
                text += f"\n{tables.environment(result.outputs, result.unit.stack, asleep=asleep)}"
        return text


def _name(unit: Unit, report: RunReport) -> str:
    return unit.among(result.unit for result in report.results)


def _reason(result: UnitResult, report: RunReport) -> str:
    name = _name(result.unit, report)
    reason = (result.reason or f"{name} {result.status.value}").replace(str(result.unit), name)
    return reason if name in reason.split() else f"{name} {result.status.value}: {reason}"
