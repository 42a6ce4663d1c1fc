"""The part of the engine that reads stacks and runs no operations."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from orchestrator.config.projects import Project
from orchestrator.config.settings import Settings
from orchestrator.engines import history, records
from orchestrator.engines.automation import admission, backend_address, checkpoint, lock_owners
from orchestrator.engines.automation.cli_backend import CliBackend
from orchestrator.engines.automation.cli_version import Memory
from orchestrator.engines.automation.diy_backend import Backend, open_backend
from orchestrator.engines.automation.pulumi_cli import Cli
from orchestrator.engines.automation.state_formats import UnknownFormatError
from orchestrator.engines.automation.summaries import Summaries
from orchestrator.engines.broken_stacks import broken, or_unreadable
from orchestrator.engines.marks import Marks, claim_is_over
from orchestrator.errors import (
    LockOwner,
    OrchestratorError,
    StateError,
    UnknownStackError,
    UnreadableStateError,
)
from orchestrator.model import Record, StackResource, StackSummary, Unit


class Stacks:
    """The reading methods of the engine protocol, and the checks before an operation."""

    def __init__(self, settings: Settings) -> None:
        self._projects: Mapping[str, Project] = settings.by_key
        self._settings = settings.pulumi
        self._state_dir = settings.state_dir
        backend = self._settings.backend
        self._named = backend_address.absolute(backend, settings.root) if backend else None
        variables = {backend_address.BACKEND_VARIABLE: self._named} if self._named else {}
        self._cli = Cli(variables, Memory(self._state_dir / "cli.json"))
        self._cli.noting = self._noted
        self._opened: Backend | CliBackend | None = None
        self._guard = threading.Lock()

    def reference_name(self, unit: Unit) -> str:
        return f"organization/{self._projects[unit.project].name}/{unit.stack}"

    def stacks(self) -> tuple[StackSummary, ...]:
        backend, projects = self._backend, self._open_projects()
        if isinstance(backend, Backend):
            summaries = Summaries(backend, self._state_dir / "stacks.json")
            return summaries.of([(key, project.name) for key, project in projects])
        return tuple(
            or_unreadable(Unit(key, stack), partial(self._summary, Unit(key, stack)))
            for key, project in projects
            for stack in self._backend.stacks(project.name)
        )

    def closed(self) -> Mapping[str, UnreadableStateError]:
        reasons = {key: self._backend.closed(project.name) for key, project in self._projects.items()}
        return {key: reason for key, reason in reasons.items() if reason is not None}

    def _open_projects(self) -> list[tuple[str, Project]]:
        """The projects, by key and in order, whose stacks this user can list."""
        closed = self.closed()
        return sorted((key, project) for key, project in self._projects.items() if key not in closed)

    def stack(self, unit: Unit) -> StackSummary | None:
        exists = unit.stack in self._backend.stacks(self._projects[unit.project].name)
        return or_unreadable(unit, lambda: self._summary(unit)) if exists else None

    def resources(self, unit: Unit) -> tuple[StackResource, ...]:
        return checkpoint.resources(self._latest(unit))

    def readers(self, units: Collection[Unit]) -> Mapping[Unit, tuple[str, ...]]:
        backend, found = self._backend, dict[str, list[str]]()
        for project, stack in backend.everything():
            try:
                if checkpoint.REFERENCE_TYPE.encode() in (backend.raw(project, stack) or b""):
                    for name in checkpoint.references(backend.checkpoint(project, stack) or {}):
                        found.setdefault(name, []).append(f"{project}/{stack}")
            except UnknownFormatError:  # its state may read a stack
                raise
            except StateError:  # a damaged stack is reported where it matters
                continue
        return {unit: tuple(sorted(found.get(self.reference_name(unit), ()))) for unit in units}

    def deployments(self) -> Iterable[Mapping[str, Any]]:
        return [self._backend.checkpoint(project, stack) or {} for project, stack in self._backend.everything()]

    def history(self, unit: Unit, newest: int | None = None) -> tuple[history.Entry, ...]:
        return tuple(self._backend.history(self._projects[unit.project].name, unit.stack, newest))

    def admit(self, changed: Collection[Unit], read: Collection[Unit]) -> None:
        latest = {unit: self._latest_or_nothing(unit) for unit in (*changed, *read)}
        accounts = [(unit, self._projects[unit.project], admission.account_of(found)) for unit, found in latest.items()]
        admission.check_accounts((unit, project, known) for unit, project, known in accounts if known)
        checked: set[str] = set()
        for unit in read:
            provider = latest[unit].get("secrets_providers")
            if checkpoint.has_secret_outputs(latest[unit]) and repr(provider) not in checked:
                checked.add(repr(provider))
                admission.check_secrets(unit, provider)

    def stamp(self, unit: Unit) -> str | None:
        return self._backend.stamp(self._projects[unit.project].name, unit.stack)

    def fingerprint(self, unit: Unit) -> str | None:
        return checkpoint.digest(self._backend.checkpoint(self._projects[unit.project].name, unit.stack))

    def exclusive(self, name: str) -> AbstractContextManager[None]:
        return self._backend.exclusive(name)

    def unclaim(self, unit: Unit) -> None:
        self._backend.unclaim(self._projects[unit.project].name, unit.stack)

    def claims(self) -> Mapping[Unit, Record]:
        return {
            Unit(key, stack): record
            for key, project in self._open_projects()
            for stack, tags in self._backend.claims(project.name).items()
            if (record := records.from_tags(tags)) and not claim_is_over(tags)
        }

    @property
    def marks(self) -> Marks:
        return self._backend.marks

    def lock_owner(self, unit: Unit) -> LockOwner | None:
        locks = self._backend.locks(self._projects[unit.project].name, unit.stack)
        owners = sorted((lock.owner for lock in locks), key=lambda owner: (True, None, False).index(owner.alive))
        return owners[0] if owners else None  # a running owner before one that may run, and that before a dead one

    def unlock(self, unit: Unit) -> None:
        for lock in self._backend.locks(self._projects[unit.project].name, unit.stack):
            self._backend.unlock(lock)

    def _noted(self, words: Sequence[str], folder: Path, pid: int) -> Callable[[int], None]:
        """Write a note about an engine that was started, so that its lock can be removed if it dies."""
        found = lock_owners.operation_of(words)
        project = next((project.name for project in self._projects.values() if project.path == folder), None)
        # Other commands take no lock. One of them answers which backend it is, so the backend is not asked for before.
        if found is None or project is None or not isinstance(backend := self._backend, Backend):
            return lambda _code: None
        operation, stack = found
        try:
            name = backend.notes.add(project, stack, pid, operation)
        except OrchestratorError:  # its lock is then treated like one of `pulumi` itself
            return lambda _code: None

        def ended(code: int) -> None:
            with suppress(OrchestratorError):  # a note that stays has no effect once its process has ended
                if code >= 0:
                    backend.notes.remove(name)
                if code == 0:
                    backend.notes.clear(project, stack)

        return ended

    @property
    def _backend(self) -> Backend | CliBackend:
        with self._guard:
            if self._opened is None:
                folders = {project.name: project.path for project in self._projects.values()}
                opened = open_backend(self._url()) or CliBackend(self._cli, folders)
                if isinstance(opened, Backend):
                    opened.check_layout()
                self._opened = opened
            return self._opened

    def _url(self) -> str:
        """The URL of the state backend."""
        return self._named or backend_address.address_of(self._projects.values(), self._logged_in)

    def _logged_in(self, folder: Path) -> str | None:
        finished = self._cli.run(["whoami", "--json"], folder)
        try:
            return json.loads(finished.output).get("url") if finished.code == 0 else None
        except (ValueError, AttributeError):
            return None

    def _latest(self, unit: Unit) -> Mapping[str, Any]:
        latest = self._backend.checkpoint(self._projects[unit.project].name, unit.stack)
        if latest is None:
            raise UnknownStackError(f"{unit.stack} does not exist", "`orchestrator list` shows the existing ones")
        return latest

    def _latest_or_nothing(self, unit: Unit) -> Mapping[str, Any]:
        try:
            return self._backend.checkpoint(self._projects[unit.project].name, unit.stack) or {}
        except StateError:
            return {}

    def _summary(self, unit: Unit) -> StackSummary:
        project, backend = self._projects[unit.project].name, self._backend
        tags = backend.readable_tags(project, unit.stack)
        try:
            seen = checkpoint.head(backend.checkpoint(project, unit.stack) or {})
            end = backend.ending(project, unit.stack)
        except StateError as error:
            return broken(unit, error, records.from_tags(tags or {}))
        locked = any(lock.owner.alive is not False for lock in backend.locks(project, unit.stack))
        return checkpoint.summary(unit, seen, tags, locked=locked, end=end)
