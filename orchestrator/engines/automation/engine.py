"""The real engine: the project folders' own programs, configuration and state, through the Pulumi CLI."""

from __future__ import annotations

import json
import os
import tempfile
import threading
from collections.abc import Callable, Collection, Generator, Iterable, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator import records
from orchestrator.engines.automation import account, checkpoint, secrets
from orchestrator.engines.automation.command import Cli, Finished
from orchestrator.engines.automation.failures import explained
from orchestrator.engines.automation.places import copy_project, handed_over, keep_encryption
from orchestrator.engines.automation.progress import Progress
from orchestrator.engines.automation.remote import RemoteBackend
from orchestrator.engines.automation.state import Backend, open_backend
from orchestrator.engines.automation.survey import Survey
from orchestrator.engines.automation.unfinished import Find, Unfinished, pending
from orchestrator.engines.protocol import Project, Sink, UnitRequest
from orchestrator.engines.waiting import patiently
from orchestrator.errors import (
    EngineUnavailableError,
    InterruptedRunError,
    LockOwner,
    OrchestratorError,
    StackLockedError,
    StateError,
    UnknownStackError,
)
from orchestrator.events import Diagnostic
from orchestrator.model import Operation, Outputs, Record, StackResource, StackStatus, StackSummary, Unit, UnitOutcome
from orchestrator.settings import Settings
from pulumi_django.aws_access import AwsAccess

if TYPE_CHECKING:
    from orchestrator.recovery.adoption import Finding

CLOUD = "https://api.pulumi.com"
SCRATCH_PASSPHRASE = "scratch"


class AutomationEngine:
    """Engine protocol on real stacks. The same stacks can be worked on with bare `pulumi` at any time."""

    name = "pulumi"
    notice = None

    def __init__(self, settings: Settings, find: Find | None = None) -> None:
        self._find = find or self._find_in_aws
        self._projects: Mapping[str, Project] = settings.by_key
        self._settings = settings.pulumi
        self._state_dir = settings.state_dir
        environment = {"PULUMI_BACKEND_URL": self._settings.backend} if self._settings.backend else {}
        self._cli = Cli(environment)
        self._opened: Backend | RemoteBackend | None = None
        self._guard = threading.Lock()

    # looking

    def check(self) -> None:
        self._cli.check()
        _ = self._backend

    def reference_name(self, unit: Unit) -> str:
        return f"organization/{self._projects[unit.project].name}/{unit.stack}"

    def stacks(self) -> tuple[StackSummary, ...]:
        backend = self._backend
        if isinstance(backend, Backend):
            survey = Survey(backend, self._state_dir / "stacks.json")
            return survey.summaries(sorted((key, project.name) for key, project in self._projects.items()))
        return tuple(
            self._summary(Unit(key, stack))
            for key, project in sorted(self._projects.items())
            for stack in self._backend.stacks(project.name)
        )

    def stack(self, unit: Unit) -> StackSummary | None:
        exists = unit.stack in self._backend.stacks(self._projects[unit.project].name)
        return self._summary(unit) if exists else None

    def resources(self, unit: Unit) -> tuple[StackResource, ...]:
        return checkpoint.resources(self._latest(unit))

    def readers(self, unit: Unit) -> tuple[str, ...]:
        name, backend = self.reference_name(unit), self._backend
        found: list[str] = []
        for project, stack in backend.everything():
            try:
                content = backend.raw(project, stack) or b""
                if name.encode() in content and checkpoint.reads(json.loads(content), name):
                    found.append(f"{project}/{stack}")
            except (StateError, ValueError):  # a damaged neighbor is told of where it matters
                continue
        return tuple(sorted(found))

    def deployments(self) -> Iterable[Mapping[str, Any]]:
        return [self._backend.checkpoint(project, stack) or {} for project, stack in self._backend.everything()]

    def admit(self, changed: Collection[Unit], read: Collection[Unit]) -> None:
        latest = {unit: self._latest_or_nothing(unit) for unit in (*changed, *read)}
        accounts = [(unit, self._projects[unit.project], account.of_resources(found)) for unit, found in latest.items()]
        account.check((unit, project, known) for unit, project, known in accounts if known)
        checked: set[str] = set()
        for unit in read:
            provider = latest[unit].get("secrets_providers")
            if checkpoint.has_secret_outputs(latest[unit]) and repr(provider) not in checked:
                checked.add(repr(provider))
                secrets.check(unit, provider)

    def reveal(self, unit: Unit) -> Mapping[str, Any]:
        words = ["stack", "output", "--json", "--show-secrets", "--stack", unit.stack]
        finished = self._cli.run(words, self._projects[unit.project].path)
        if finished.code != 0:
            raise explained(unit, finished.text)
        return json.loads(finished.output)

    def stamp(self, unit: Unit) -> str | None:
        return self._backend.stamp(self._projects[unit.project].name, unit.stack)

    def fingerprint(self, unit: Unit) -> str | None:
        return checkpoint.digest(self._backend.checkpoint(self._projects[unit.project].name, unit.stack))

    def exclusive(self, name: str) -> AbstractContextManager[None]:
        return self._backend.exclusive(name)

    def claim(self, unit: Unit, record: Record) -> None:
        project = self._projects[unit.project]
        if isinstance(self._backend, RemoteBackend):  # tags need a stack there
            self._init(project.path, unit, {})
        self._backend.write_tags(project.name, unit.stack, records.to_tags(record))

    def unclaim(self, unit: Unit) -> None:
        self._backend.unclaim(self._projects[unit.project].name, unit.stack)

    def claims(self) -> Mapping[Unit, Record]:
        return {
            Unit(key, stack): record
            for key, project in sorted(self._projects.items())
            for stack, tags in self._backend.claims(project.name).items()
            if (record := records.from_tags(tags))
        }

    def write_record(self, unit: Unit, record: Record) -> None:
        self._latest(unit)
        self._record(unit, record)

    def lock_owner(self, unit: Unit) -> LockOwner | None:
        locks = self._backend.locks(self._projects[unit.project].name, unit.stack)
        return locks[0].owner if locks else None

    def unlock(self, unit: Unit) -> None:
        for lock in self._backend.locks(self._projects[unit.project].name, unit.stack):
            self._backend.unlock(lock)

    def interrupt(self) -> None:
        self._cli.interrupt()

    # operating

    def run(self, request: UnitRequest, sink: Sink) -> UnitOutcome:
        return patiently(
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
            raise UnknownStackError(f"{unit} does not exist", "`orchestrator list` shows what does")
        if exists:
            dead = (
                () if request.operation is Operation.DRIFT else self._free_of_locks(unit, sink)
            )  # which takes no lock
            request = self._mended(request, dead, sink)
        else:
            self._init(project.path, unit, {})
        if request.record is not None and request.operation is Operation.UP:
            self._record(unit, request.record)
        with handed_over(request.upstream_outputs) as environment:
            outcome = self._operate(request, project.path, environment, sink)
        if request.operation is Operation.DESTROY:
            self._workspace(unit, project.path, {}, lambda it: it.remove_stack(unit.stack, preserve_config=True))
        return outcome

    def _operate(self, request: UnitRequest, folder: Path, environment: Mapping[str, str], sink: Sink) -> UnitOutcome:
        # Interrupted, the program complains of it in a traceback of its own, which is nothing to tell.
        progress = Progress(request.unit, sink, muted=lambda: self._cli.interrupted)
        words = _words(request)
        told = {**request.environment, **environment}
        finished = self._cli.run(words, folder, environment=told, on_event_line=progress.line)
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
                f"{unit} was interrupted: what was in flight was finished and recorded",
                "run the same command again: it continues",
            )
        if finished.code < 0:
            return StateError(
                f"{unit} failed: the engine was killed by signal {-finished.code}",
                "run the same command again: what it was creating at that moment is looked for in AWS, then it goes on",
            )
        error = explained(unit, finished.text, progress.errors, progress.done)
        if isinstance(error, StackLockedError):
            owner = self.lock_owner(unit)
            return StackLockedError(
                f"{unit} is locked: {owner or 'somebody'} is at work on it", error.hint, owner=owner
            )
        return error

    # before an operation

    def _free_of_locks(self, unit: Unit, sink: Sink) -> tuple[int, ...]:
        """Remove locks whose owner is gone on this machine, and tell their process ids; StackLockedError for any other."""
        dead: list[int] = []
        for lock in self._backend.locks(self._projects[unit.project].name, unit.stack):
            if lock.owner.alive is False:
                self._backend.unlock(lock)
                dead.append(lock.owner.pid)
                message = f"the lock of {lock.owner} was removed: that process is gone"
                sink(Diagnostic(unit=unit, severity="warning", message=message))
                continue
            hint = "wait until it ends, then run the command again"
            if lock.owner.alive is None:
                hint = f"if that process is gone: `orchestrator unlock {unit.stack} --force`"
            raise StackLockedError(f"{unit} is locked: {lock.owner} is at work on it", hint, owner=lock.owner)
        return tuple(dead)

    def _mended(self, request: UnitRequest, dead: Collection[int], sink: Sink) -> UnitRequest:
        """The request for a stack whose state is whole; the state is mended when an engine died over it."""
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

        config = account.aws_config(self._projects[unit.project], unit.stack) or {}
        return find_pending(latest, AwsAccess.from_config(config).client)

    def _init(self, folder: Path, unit: Unit, environment: Mapping[str, str]) -> None:
        try:
            self._workspace(unit, folder, environment, lambda it: it.create_stack(unit.stack))
        except OrchestratorError as error:
            if (
                "already exists" not in error.message
            ):  # somebody made it a moment ago: their lock decides who goes first
                raise

    def _workspace(self, unit: Unit, folder: Path, environment: Mapping[str, str], ask: Callable[[Any], None]) -> None:
        """Ask the project folder's workspace of the Automation API for something."""
        from orchestrator.engines.automation.workspace import CommandFailedError, open_workspace

        try:
            ask(open_workspace(self._cli, folder, environment, self._settings.secrets_provider))
        except CommandFailedError as failed:
            raise explained(unit, failed.text) from None

    def _record(self, unit: Unit, record: Record) -> None:
        """Write the record, when it differs, beside tags of others."""
        project = self._projects[unit.project].name
        before = self._backend.tags(project, unit.stack)
        foreign = {name: value for name, value in before.items() if not name.startswith(records.PREFIX)}
        after = {**foreign, **records.to_tags(record)}
        if after != before:
            self._backend.write_tags(project, unit.stack, after)

    # previews

    @contextmanager
    def _preview_place(self, request: UnitRequest, exists: bool) -> Generator[tuple[Path, Mapping[str, str]]]:
        """Folder and environment in which a preview leaves no trace.

        A stack that exists is previewed where it is: that takes no lock and writes nothing. One that does not is made in
        a backend that is thrown away; the outputs of the stacks that it reads are handed over.
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
            environment: dict[str, str] = {}
            if not exists:
                upstream = {**self._known_outputs(), **upstream}
                (folder / "state").mkdir()
                environment["PULUMI_BACKEND_URL"] = f"file://{folder / 'state'}"
                if not {"PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"} & set(os.environ):
                    environment["PULUMI_CONFIG_PASSPHRASE"] = SCRATCH_PASSPHRASE
                self._init(folder, request.unit, environment)
                if request.plan_file is not None:
                    keep_encryption(folder, request.unit.stack, request.config_file)
            with handed_over(upstream) as handed:
                yield folder, {**environment, **handed}

    def _known_outputs(self) -> dict[str, Mapping[str, Any]]:
        """Outputs of all stacks by reference name, secrets still encrypted."""
        found = {
            self.reference_name(stack.unit): {name: output.value for name, output in stack.outputs.items()}
            for stack in self.stacks()
        }
        return {name: outputs for name, outputs in found.items() if outputs}

    # state

    @property
    def _backend(self) -> Backend | RemoteBackend:
        with self._guard:
            if self._opened is None:
                folders = {project.name: project.path for project in self._projects.values()}
                self._opened = open_backend(self._url()) or RemoteBackend(self._cli, folders)
            return self._opened

    def _url(self) -> str:
        """Where the state is: what orchestrator.toml, the environment or `pulumi login` say."""
        url = self._settings.backend or os.environ.get("PULUMI_BACKEND_URL")
        if url:
            return url
        home = Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi")
        try:
            known: Mapping[str, Any] = json.loads((home / "credentials.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            known = {}
        if not known.get("current") and not os.environ.get("PULUMI_ACCESS_TOKEN"):
            raise EngineUnavailableError(
                "nobody said where Pulumi keeps its state: no `pulumi login`, no PULUMI_BACKEND_URL",
                "run `pulumi login` (for example `pulumi login file://~`), or set `backend` below [pulumi] in "
                "orchestrator.toml",
            )
        return str(known.get("current") or CLOUD)

    def _latest(self, unit: Unit) -> Mapping[str, Any]:
        latest = self._backend.checkpoint(self._projects[unit.project].name, unit.stack)
        if latest is None:
            raise UnknownStackError(f"{unit} does not exist", "`orchestrator list` shows what does")
        return latest

    def _latest_or_nothing(self, unit: Unit) -> Mapping[str, Any]:
        try:
            return self._backend.checkpoint(self._projects[unit.project].name, unit.stack) or {}
        except StateError:
            return {}

    def _summary(self, unit: Unit) -> StackSummary:
        project, backend = self._projects[unit.project].name, self._backend
        tags = backend.tags(project, unit.stack)
        try:
            seen = checkpoint.head(backend.checkpoint(project, unit.stack) or {})
        except StateError as error:
            record = records.from_tags(tags)
            return StackSummary(unit=unit, status=StackStatus.DAMAGED, record=record, problem=error.message)
        locked = any(lock.owner.alive is not False for lock in backend.locks(project, unit.stack))
        failed = backend.last_failed(project, unit.stack)
        return checkpoint.summary(unit, seen, tags, locked=locked, failed=failed)


def _words(request: UnitRequest) -> list[str]:
    """The command line of an operation; nothing secret is ever in it."""
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
