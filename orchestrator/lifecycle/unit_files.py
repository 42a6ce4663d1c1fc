"""The configuration files of a job's units: written before the work, restored or removed after it, each under a lock.

Of all commands in one folder, only one at a time has the file of a unit; no other command overwrites or removes it.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Collection, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.config import yaml_files
from orchestrator.config.stack_config import StackConfig, config_path, is_generated
from orchestrator.engines.lock_retry import retry_while_locked
from orchestrator.errors import OrchestratorError, StackLockedError
from orchestrator.events import Diagnostic, Observer
from orchestrator.lifecycle import git
from orchestrator.lifecycle.interrupts import heard_by
from orchestrator.lifecycle.job import Job
from orchestrator.model import Operation, Status, Unit, UnitResult

_DONE = (Status.SUCCEEDED, Status.UNCHANGED)


@contextmanager
def opened(job: Job, begun: Collection[Unit], observer: Observer) -> Generator[UnitFiles]:
    """Lock and write the files of the job's units; release the locks that are left at the end.

    `begun` has the units of which the run has changed a resource. Raises StackLockedError while another command has a
    file, SettingsError when a file cannot be written.
    """
    files = UnitFiles(job=job, begun=begun)
    try:
        if job.operation in (Operation.UP, Operation.DESTROY):
            files.lock_all(observer)
            files.write()
        yield files
    finally:
        files.release_all()


@dataclass(kw_only=True)
class UnitFiles:
    """The locks and the files of one job."""

    job: Job
    begun: Collection[Unit]
    """Units of which the run has changed a resource."""

    _locks: dict[Unit, FileLock] = field(default_factory=dict[Unit, "FileLock"])
    _written: dict[Unit, StackConfig] = field(default_factory=dict[Unit, StackConfig])
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _settled: set[Unit] = field(default_factory=set[Unit])
    _tracked: dict[Path, frozenset[str]] = field(default_factory=dict[Path, frozenset[str]])
    """The stack files of a folder that git tracks."""

    def lock_all(self, observer: Observer) -> None:
        """Lock all files, in one order for all jobs. A folder that cannot be written needs no locks: no file is lost there."""
        stopped = threading.Event()
        with heard_by(stopped.set):
            for unit in sorted(self.job.plan.units):
                retry_while_locked(
                    lambda unit=unit: self._lock(unit),
                    self.job.context.wait_seconds,
                    tell=lambda text, unit=unit: observer(Diagnostic(unit=unit, severity="info", message=text)),
                    stopped=stopped.is_set,
                )

    def _lock(self, unit: Unit) -> None:
        path = self.job.context.settings.state_dir / "locks" / f"{unit.project}.{unit.stack}.lock"
        try:
            lock = take_lock(path)
        except OSError:
            return
        if lock is None:
            owner = self.job.context.engine.lock_owner(unit)
            raise StackLockedError(
                f"{unit.stack} is locked: {owner or 'another command in this folder'} works on it",
                "wait for it with --wait 10m",
                owner=owner,
            )
        self._locks[unit] = lock

    def write(self) -> None:
        """Write the changes on top of what other commands wrote since the job was prepared: all files or none."""
        try:
            for unit in self.job.plan.units:
                config = self.job.configs.get(unit)
                now = yaml_files.read_text(config.path) if config else None
                if config and now != config.original:
                    config = config.without_file() if now is None else config.rebased()
                if config and config.changed:
                    config.write()
                    self._written[unit] = config
        except BaseException:  # also an interrupt leaves the files as they were
            for config in self._written.values():
                config.restore()
            raise

    def settle(self, result: UnitResult) -> None:
        """Restore or remove the unit's file according to its result, once, and release its lock."""
        unit = result.unit
        with self._guard:
            if unit in self._settled:
                return
            self._settled.add(unit)
        if unit in self._written and not self._keeps(result):
            self._written[unit].restore()
        if result.operation is Operation.DESTROY and result.status in _DONE:
            self._remove_generated(unit)
        self._release(unit)

    def release_all(self) -> None:
        """Release the locks that are left."""
        for unit in tuple(self._locks):
            self._release(unit)

    def _release(self, unit: Unit) -> None:
        with self._guard:
            lock = self._locks.pop(unit, None)
        if lock:
            lock.release()

    def _keeps(self, result: UnitResult) -> bool:
        """Whether a changed configuration stays: only if it had an effect, else the next command starts from the old one."""
        if result.status in _DONE:
            return True
        unit, stacks = result.unit, self.job.stacks
        if unit in stacks and stacks[unit].resource_count:
            return unit in self.begun
        engine = self.job.context.engine
        try:
            stack = engine.stack(unit)
            # After a second Ctrl-C the engine may still be at work.
            return engine.lock_owner(unit) is not None or (stack is not None and stack.resource_count > 0)
        except OrchestratorError:
            return True

    def _remove_generated(self, unit: Unit) -> None:
        project = self.job.context.settings.by_key[unit.project]
        path = config_path(project, unit.stack)
        with contextlib.suppress(OrchestratorError):  # the stack is gone; a file that stays does no harm
            if is_generated(yaml_files.read_text(path)) and path.name not in self._tracked_in(path.parent):
                path.unlink(missing_ok=True)

    def _tracked_in(self, folder: Path) -> frozenset[str]:
        """Asks git once for all stack files of a folder: a base can have hundreds of environments."""
        if folder not in self._tracked:
            self._tracked[folder] = git.tracked(folder, "Pulumi.*")
        return self._tracked[folder]


@dataclass(frozen=True)
class FileLock:
    """A lock of the operating system. It ends with its process and leaves no file behind."""

    path: Path
    descriptor: int

    def release(self) -> None:
        """Release the lock. The file goes first, so a process that waits for it notices that its file is another one."""
        with contextlib.suppress(OSError):  # the folder of another user
            self.path.unlink()
        os.close(self.descriptor)
        with contextlib.suppress(OSError):  # the folder holds other locks
            self.path.parent.rmdir()
            self.path.parent.parent.rmdir()


def take_lock(path: Path) -> FileLock | None:
    """The lock, or None while another process has it. Raises OSError where no file can be created."""
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            # Read-only is enough for flock(2), so other users of the folder can take the lock too.
            descriptor = os.open(path, os.O_RDONLY | os.O_CREAT, 0o644)
        except FileNotFoundError:  # the folder was removed in the meantime
            continue
        try:
            if sys.platform != "win32":
                import fcntl

                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.stat(path).st_ino == os.fstat(descriptor).st_ino:
                return FileLock(path, descriptor)
        except BlockingIOError:
            os.close(descriptor)
            return None
        except FileNotFoundError:
            pass
        except BaseException:  # also an interrupt frees the descriptor
            os.close(descriptor)
            raise
        os.close(descriptor)
