"""The engine for AWS: runs the projects' programs with the Pulumi CLI, on their configuration and state."""

from __future__ import annotations

import json
import os
import tempfile
import zlib
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.config import project_file
from orchestrator.config.aws_settings import access_of
from orchestrator.config.settings import Settings
from orchestrator.engines import history, records
from orchestrator.engines.automation import backend_address, checkpoint, rehearsal
from orchestrator.engines.automation.cli_backend import CliBackend
from orchestrator.engines.automation.dead_engines import Find, Unfinished, pending
from orchestrator.engines.automation.diy_backend import Backend
from orchestrator.engines.automation.event_log import Progress
from orchestrator.engines.automation.failures import explained
from orchestrator.engines.automation.previews import (
    copy_project,
    copy_states,
    create_stack,
    handed_over,
    keep_encryption,
)
from orchestrator.engines.automation.pulumi_cli import Finished
from orchestrator.engines.automation.stacks import Stacks
from orchestrator.engines.lock_retry import retry_while_locked
from orchestrator.engines.marks import claimed
from orchestrator.engines.protocol import Asked, Rehearsal, Sink, UnitRequest
from orchestrator.errors import (
    InterruptedRunError,
    OperationFailedError,
    OrchestratorError,
    StackLockedError,
    StateError,
    UnknownStackError,
)
from orchestrator.events import Diagnostic
from orchestrator.model import SECRET_MASK, Operation, Outputs, Record, Scope, Unit, UnitOutcome

if TYPE_CHECKING:
    from orchestrator.recovery.adoption import Finding

SCRATCH_PASSPHRASE = "scratch"
_RECORD_LOCKS = 16
"""Number of lock files that all records share: one for each stack would leave a file for each stack."""


class AutomationEngine(Stacks):
    """The engine protocol on real stacks. `pulumi` can be used on the same stacks at any time."""

    name = "pulumi"
    notice = None

    def __init__(self, settings: Settings, find: Find | None = None) -> None:
        super().__init__(settings)
        self._find = find or self._find_in_aws

    def check(self) -> None:
        self._cli.check()
        _ = self._backend

    def reveal(self, unit: Unit) -> Mapping[str, Any]:
        words = ["stack", "output", "--json", "--show-secrets", "--stack", unit.stack]
        finished = self._cli.run(words, self._projects[unit.project].path)
        if finished.code != 0:
            raise explained(unit, finished.text)
        return json.loads(finished.output)

    def claim(self, unit: Unit, record: Record) -> None:
        project = self._projects[unit.project]
        if isinstance(self._backend, CliBackend):  # tags need a stack there
            self._init(project.path, unit, {})
            self._backend.write_tags(project.name, unit.stack, records.to_tags(record))
            return
        self._backend.write_tags(project.name, unit.stack, claimed(records.to_tags(record)))

    def change_record(self, unit: Unit, change: Callable[[Record | None], Record]) -> Record:
        self._latest(unit)
        return self._record(unit, change)

    def rehearse(self, asked: Sequence[Asked]) -> Mapping[Unit, Rehearsal]:
        stacks = {
            self.reference_name(stack.unit): (
                {name: SECRET_MASK if output.secret else output.value for name, output in stack.outputs.items()},
                tuple(name for name, output in stack.outputs.items() if output.secret),
            )
            for stack in self.stacks()
            if stack.outputs
        }
        programs = [
            rehearsal.Program(
                asked=each,
                project=self._projects[each.unit.project],
                reference_name=self.reference_name(each.unit),
            )
            for each in asked
        ]
        return rehearsal.rehearse_apart(
            rehearsal.Question(programs=programs, stacks=stacks), self._state_dir / "rehearsals"
        )

    def interrupt(self) -> None:
        self._cli.interrupt()

    # operating

    def run(self, request: UnitRequest, sink: Sink) -> UnitOutcome:
        return retry_while_locked(
            lambda: self._run(request, sink),
            request.wait_seconds,
            tell=lambda text: sink(Diagnostic(unit=request.unit, severity="info", message=text)),
            stopped=lambda: self._cli.interrupted,
        )

    def _run(self, request: UnitRequest, sink: Sink) -> UnitOutcome:
        unit, project = request.unit, self._projects[request.unit.project]
        exists = unit.stack in self._backend.stacks(project.name)
        if request.operation is Operation.PREVIEW:
            with self._preview_place(request, exists) as (folder, environment):
                return self._operate(request, folder, environment, sink)
        if not exists and request.operation is not Operation.UP:
            raise UnknownStackError(f"{unit.stack} does not exist", "`orchestrator list` shows the existing ones")
        looks = request.operation is Operation.DRIFT  # it takes no lock and writes nothing
        if not looks:
            self._backend.reserve(project.name, unit.stack)
        if exists:
            dead = () if looks else self._free_of_locks(unit, sink)
            request = self._mended(request, dead, sink)
        else:
            self._init(project.path, unit, {})
        if request.record is not None and request.operation is Operation.UP:
            wanted, before = request.record, request.record_before
            self._record(unit, lambda now: records.merged(before, wanted, now))
        with handed_over(request.upstream_outputs) as environment, self._failure_noted(request):
            outcome = self._operate(request, project.path, environment, sink)
        if request.operation is Operation.DESTROY:
            self._workspace(unit, project.path, {}, lambda it: it.remove_stack(unit.stack, preserve_config=True))
        return outcome

    @contextmanager
    def _failure_noted(self, request: UnitRequest) -> Generator[None]:
        """Keep the reason when an update fails: Pulumi's history has none."""
        project, stack = self._projects[request.unit.project].name, request.unit.stack
        before = self._last_start(project, stack) if request.operation is Operation.UP else None
        try:
            yield
        except OrchestratorError as error:
            reason = error.message
            if request.operation is Operation.UP:
                with suppress(OrchestratorError):  # the failure itself matters more
                    started = self._last_start(project, stack)
                    if started is not None and started != before:
                        self._change_tags(request.unit, lambda tags: history.with_reason(tags, started, reason))
            raise

    def _last_start(self, project: str, stack: str) -> int | None:
        """The start of the newest operation in the history, in seconds since 1970."""
        try:
            last = self._backend.last_update(project, stack)
        except OrchestratorError:
            return None
        return last.startTime if last else None

    def _operate(self, request: UnitRequest, folder: Path, environment: Mapping[str, str], sink: Sink) -> UnitOutcome:
        # After an interrupt the program prints a traceback, which is not worth reporting.
        progress = Progress(request.unit, sink, muted=lambda: self._cli.interrupted)
        words = _words(request)
        told = {**request.environment, **environment}
        # In Pulumi Cloud, the host would change the stack's tag `pulumi:runtime`.
        hosted = request.operation in (Operation.UP, Operation.PREVIEW) and isinstance(self._backend, Backend)
        finished = self._cli.run(words, folder, environment=told, on_event_line=progress.line, runs_program=hosted)
        if finished.code != 0:
            raise self._failure(request, finished, progress)
        outputs: Outputs = {} if request.operation is Operation.DESTROY else progress.outputs
        return UnitOutcome(
            counts=progress.counts,
            changes=progress.changes,
            outputs=outputs,
            warnings=tuple(dict.fromkeys(progress.warnings)),
            planned=progress.planned if request.operation is Operation.PREVIEW else (),
        )

    def _failure(self, request: UnitRequest, finished: Finished, progress: Progress) -> OrchestratorError:
        unit = request.unit
        if self._cli.interrupted:
            return InterruptedRunError(
                f"{unit.stack} was interrupted: the changes in progress were finished and recorded",
                "run the same command again: it continues",
            )
        if finished.code < 0:
            return StateError(
                f"{unit.stack} failed: the engine was killed by signal {-finished.code}",
                "run the same command again: it finds in AWS what was being created, then continues",
            )
        if finished.lost_program:
            return OperationFailedError(
                f"{unit.stack} failed: the process that runs its program was killed",
                "run the same command again: it continues",
            )
        program = project_file.read(self._projects[unit.project].path).program_folder
        error = explained(unit, finished.text, progress.errors, self._existing(request), program=program)
        if isinstance(error, StackLockedError):
            owner = self.lock_owner(unit)
            return StackLockedError(
                f"{unit.stack} is locked: {owner or 'another process'} is running an operation on it",
                error.hint,
                owner=owner,
            )
        return error

    def _existing(self, request: UnitRequest) -> int:
        """The number of all resources of the stack after a failure."""
        if request.operation in (Operation.PREVIEW, Operation.DRIFT):
            return 0
        try:
            stack = self.stack(request.unit)
        except OrchestratorError:
            return 0
        return stack.resource_count if stack else 0

    # before an operation

    def _free_of_locks(self, unit: Unit, sink: Sink) -> tuple[int, ...]:
        """Remove locks of ended processes and return the process ids. Raises StackLockedError for any other lock."""
        dead: list[int] = []
        for lock in self._backend.locks(self._projects[unit.project].name, unit.stack):
            if lock.owner.alive is False:
                self._backend.unlock(lock)
                message = f"the lock of {lock.owner} was removed: that process has ended"
                if lock.owner.named:
                    dead.append(lock.owner.pid)
                else:
                    message = "a damaged lock was removed: the engine that wrote it has ended"
                sink(Diagnostic(unit=unit, severity="warning", message=message))
                continue
            hint = "wait until it ends, then run the command again"
            if lock.owner.alive is None:
                hint = f"if that process has ended, run `orchestrator unlock {unit.stack} --force`"
            raise StackLockedError(
                f"{unit.stack} is locked: {lock.owner} is running an operation on it", hint, owner=lock.owner
            )
        return tuple(dead)

    def _mended(self, request: UnitRequest, dead: Collection[int], sink: Sink) -> UnitRequest:
        """The request for the stack, whose state is repaired first when an engine died."""
        unit = request.unit
        latest = self._latest(unit)
        if request.operation is Operation.DRIFT or not pending(latest):
            return request
        unfinished = Unfinished(
            unit=unit,
            folder=self._projects[unit.project].path,
            cli=self._cli,
            find=self._find,
            dead_engines=dead,
            tell=lambda text: sink(Diagnostic(unit=unit, severity="warning", message=text)),
        )
        raw = self._backend.raw(self._projects[unit.project].name, unit.stack)
        unfinished.mend(json.loads(raw or b"{}"), request.operation)
        return replace(request, refresh=True)

    def _find_in_aws(self, unit: Unit, latest: Mapping[str, Any]) -> tuple[Finding, ...]:
        from orchestrator.recovery.adoption import find_pending

        access = access_of(self._projects[unit.project], unit.stack, checkpoint.region(latest))
        return find_pending(latest, access.client)

    def _init(self, folder: Path, unit: Unit, environment: Mapping[str, str]) -> None:
        try:
            self._workspace(unit, folder, environment, lambda it: it.create_stack(unit.stack))
        except OrchestratorError as error:
            if (
                "already exists" not in error.message
            ):  # another process has just created it: the lock decides which operation runs first
                raise

    def _workspace(self, unit: Unit, folder: Path, environment: Mapping[str, str], ask: Callable[[Any], None]) -> None:
        """Call `ask` with the project folder's workspace of the Automation API."""
        from orchestrator.engines.automation.workspace import CommandFailedError, open_workspace

        try:
            ask(open_workspace(self._cli, folder, environment, self._settings.secrets_provider))
        except CommandFailedError as failed:
            raise explained(unit, failed.text) from None

    def _record(self, unit: Unit, change: Callable[[Record | None], Record]) -> Record:
        """Change the record under its lock. It is written when it differs, and other tags are kept."""
        changed: list[Record] = []

        def with_record(before: Mapping[str, str]) -> dict[str, str]:
            changed.append(change(records.from_tags(before)))
            foreign = {name: value for name, value in before.items() if not name.startswith(records.PREFIX)}
            return {**foreign, **records.to_tags(changed[0])}

        self._change_tags(unit, with_record)
        return changed[0]

    def _change_tags(self, unit: Unit, change: Callable[[Mapping[str, str]], dict[str, str]]) -> None:
        project = self._projects[unit.project].name
        with self._backend.exclusive(f"records-{zlib.crc32(str(unit).encode()) % _RECORD_LOCKS}"):
            before = self._backend.tags(project, unit.stack)
            after = change(before)
            if after != before:
                self._backend.write_tags(project, unit.stack, after)

    # previews

    @contextmanager
    def _preview_place(self, request: UnitRequest, exists: bool) -> Generator[tuple[Path, Mapping[str, str]]]:
        """Folder and environment of a preview, which changes neither the project folder nor the backend.

        An existing stack is previewed in its own folder, which takes no lock and writes nothing. A stack that does not exist
        is created in a temporary backend, which gets the outputs of the stacks that it reads.
        """
        project = self._projects[request.unit.project]
        if exists and request.config_file is None:
            with handed_over(request.upstream_outputs) as environment:
                yield project.path, environment
            return
        with tempfile.TemporaryDirectory(prefix="orchestrator-preview-") as name:
            folder = Path(name)
            copy_project(project, request.unit.stack, request.config_file, folder)
            upstream = request.upstream_outputs
            # A relative URL would start in the folder of the copy.
            environment = (
                {backend_address.BACKEND_VARIABLE: self._url()} if self._url().startswith(backend_address.FILE) else {}
            )
            if not exists:
                upstream = {**self._known_outputs(), **upstream}
                (folder / "state").mkdir()
                environment["PULUMI_BACKEND_URL"] = f"file://{folder / 'state'}"
                if not {"PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"} & set(os.environ):
                    environment["PULUMI_CONFIG_PASSPHRASE"] = SCRATCH_PASSPHRASE
                config = folder / f"Pulumi.{request.unit.stack}.yaml"
                scratch = (folder / "state", project.name, request.unit.stack, config)
                # A saved plan is encrypted with settings that only the CLI writes.
                planned = request.plan_file is not None or self._settings.secrets_provider is not None
                if planned or not create_stack(*scratch):
                    self._init(folder, request.unit, environment)
                self._copy_states(request, folder / "state")
                if request.plan_file is not None:
                    keep_encryption(folder, request.unit.stack, request.config_file)
            with handed_over(upstream) as handed:
                yield folder, {**environment, **handed}

    def _copy_states(self, request: UnitRequest, scratch: Path) -> None:
        if isinstance(self._backend, Backend):
            environments = {project.name for project in self._projects.values() if project.scope is Scope.ENVIRONMENT}
            project = self._projects[request.unit.project].name
            copy_states(self._backend, scratch, request.unit, project, environments, request.upstream_outputs)

    def _known_outputs(self) -> dict[str, Mapping[str, Any]]:
        """Outputs of all stacks by reference name, with encrypted secrets."""
        found = {
            self.reference_name(stack.unit): {name: output.value for name, output in stack.outputs.items()}
            for stack in self.stacks()
        }
        return {name: outputs for name, outputs in found.items() if outputs}


def _words(request: UnitRequest) -> list[str]:
    """The arguments of the CLI for an operation, without secrets."""
    stack = ["--stack", request.unit.stack]
    message = ["--message", request.message] if request.message else []
    refresh = ["--refresh"] if request.refresh and request.operation is not Operation.REFRESH else []
    plan = [str(request.plan_file)] if request.plan_file else []
    on = ["--continue-on-error"] if request.keep_going else []
    match request.operation:
        case Operation.PREVIEW:
            return ["preview", *stack, *refresh, *(["--save-plan", *plan] if plan else [])]
        case Operation.REFRESH:
            return ["refresh", "--yes", "--skip-preview", *stack, *message]
        case Operation.DRIFT:
            return ["refresh", "--preview-only", *stack]
        case Operation.UP:
            plan = ["--plan", *plan] if plan else []
            return ["up", "--yes", "--skip-preview", *stack, *refresh, *on, *plan, *message]
        case Operation.DESTROY:
            return ["destroy", "--yes", "--skip-preview", *stack, *refresh, *on, *message]
