"""The configuration files of a job's units: written before the work, restored or removed after it, under a lock each.

Of all commands in one folder, one at a time has a unit's file: another's is never overwritten, nor removed under it.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Collection, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orchestrator.config import yaml_files
from orchestrator.config.stack_config import StackConfig
from orchestrator.engines.lock_retry import retry_while_locked
from orchestrator.engines.protocol import UnitRequest
from orchestrator.errors import OrchestratorError, StackLockedError
from orchestrator.events import Diagnostic, Observer
from orchestrator.lifecycle import folder_lock, git
from orchestrator.lifecycle.interrupts import heard_by
from orchestrator.lifecycle.plan_progress import PlanProgress
from orchestrator.model import Operation, Status, Unit, UnitResult

if TYPE_CHECKING:
    from orchestrator.lifecycle.job import Job

_DONE = (Status.SUCCEEDED, Status.UNCHANGED)


@contextmanager
def opened(job: Job, begun: Collection[Unit], observer: Observer) -> Generator[UnitFiles]:
    """The files of the job's units, locked and written; what is left at the end is given back.

    Raises StackLockedError while somebody else has one, SettingsError when one cannot be written.
    """
    files = UnitFiles(job=job, begun=begun)
    try:
        if job.operation in (Operation.UP, Operation.DESTROY):
            files.take(observer)
            files.write()
        yield files
    finally:
        files.release()


@dataclass(kw_only=True)
class UnitFiles:
    """The locks and the files of one job."""

    job: Job
    begun: Collection[Unit]
    """Units of which something was touched already."""

    _locks: dict[Unit, folder_lock.Held] = field(default_factory=dict[Unit, folder_lock.Held])
    _written: dict[Unit, StackConfig] = field(default_factory=dict[Unit, StackConfig])
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _settled: set[Unit] = field(default_factory=set[Unit])

    def take(self, observer: Observer) -> None:
        """Take the locks, in one order for all jobs; none in a folder that cannot be written, where no file can be lost."""
        stopped = threading.Event()
        with heard_by(stopped.set):
            for unit in sorted(self.job.plan.units):
                retry_while_locked(
                    lambda unit=unit: self._take(unit),
                    self.job.context.wait_seconds,
                    tell=lambda text, unit=unit: observer(Diagnostic(unit=unit, severity="info", message=text)),
                    stopped=stopped.is_set,
                )

    def _take(self, unit: Unit) -> None:
        path = self.job.context.settings.state_dir / "locks" / f"{unit.project}.{unit.stack}.lock"
        try:
            held = folder_lock.take(path)
        except OSError:
            return
        if held is None:
            owner = self.job.context.engine.lock_owner(unit)
            raise StackLockedError(
                f"{unit} is locked: {owner or 'another command in this folder'} is at work on it",
                "wait for it with --wait 10m",
                owner=owner,
            )
        self._locks[unit] = held

    def write(self) -> None:
        """Write what changed, on top of what others wrote since the job was prepared; all of it or nothing."""
        try:
            for unit in self.job.plan.units:
                config = self.job.configs.get(unit)
                now = yaml_files.read_text(config.path) if config else None
                if config and now != config.original:
                    config = config.without_file() if now is None else config.rebased()
                if config and config.changed:
                    config.write()
                    self._written[unit] = config
        except BaseException:
            for config in self._written.values():
                config.restore()
            raise

    def around(self, request: UnitRequest, work: Callable[[UnitRequest], UnitResult]) -> UnitResult:
        """Carry one unit out, and settle its file before anybody else gets it."""
        unit, progress = request.unit, PlanProgress.of(self.job)
        if progress:
            progress.begin(unit)
        result = work(request)
        if progress:
            progress.end(unit, self.job.context.engine.fingerprint(unit), done=result.status in _DONE)
        self.settle(result)
        return result

    def settle(self, result: UnitResult) -> None:
        """Restore or remove the unit's file as its result says, once, and let others have it."""
        unit = result.unit
        with self._guard:
            if unit in self._settled:
                return
            self._settled.add(unit)
        if unit in self._written and not self._keeps(result):
            self._written[unit].restore()
        if result.operation is Operation.DESTROY and result.status in _DONE:
            self._forget(unit)
        self._release(unit)

    def release(self) -> None:
        """Let others have what is left."""
        for unit in tuple(self._locks):
            self._release(unit)

    def _release(self, unit: Unit) -> None:
        with self._guard:
            held = self._locks.pop(unit, None)
        if held:
            held.release()

    def _keeps(self, result: UnitResult) -> bool:
        """A changed configuration stays unless it came to nothing: then the next command starts from the old one."""
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

    def _forget(self, unit: Unit) -> None:
        project = self.job.context.settings.by_key[unit.project]
        with contextlib.suppress(OrchestratorError):  # the stack is gone; a file that stays behind does no harm
            config = StackConfig.load(project, unit.stack)
            if config.generated and not git.is_tracked(config.path):
                config.path.unlink(missing_ok=True)
