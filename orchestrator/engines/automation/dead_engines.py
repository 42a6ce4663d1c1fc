"""Repairs a stack whose engine died: ends its provider plugins and adds to the state what it had created in AWS."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.engines.automation.failures import explained
from orchestrator.engines.automation.pulumi_cli import Cli
from orchestrator.errors import RefusedError
from orchestrator.model import Operation, Unit

if TYPE_CHECKING:
    from orchestrator.recovery.adoption import Finding
GRACE_SECONDS = 5.0
POLL_SECONDS = 0.1
_INIT = 1


@dataclass(frozen=True)
class Plugin:
    """A provider plugin whose engine has ended. It may still be creating resources. Linux only."""

    pid: int
    session: int
    folder: str


def orphaned_plugins(proc: Path = Path("/proc")) -> Iterator[Plugin]:
    """Plugins on this machine whose engine has ended."""
    for entry in proc.glob("[0-9]*"):
        try:
            if b"pulumi-resource-" not in (entry / "cmdline").read_bytes():
                continue
            # proc_pid_stat(5): after the name in brackets come state, parent, group, session
            fields = (entry / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            if fields[0] != "Z" and int(fields[1]) == _INIT:
                yield Plugin(int(entry.name), int(fields[3]), os.readlink(entry / "cwd"))
        except (OSError, IndexError, ValueError):
            continue


def end_plugins_of(engines: Collection[int], sleep: Callable[[float], None] = time.sleep) -> None:
    """End the plugins of engines that died, after a grace period.

    Each engine leads its own session, which identifies its plugins. Requests that they sent to AWS continue there.
    """
    deadline = time.monotonic() + GRACE_SECONDS
    signals = [signal.SIGTERM, signal.SIGKILL]
    while signals and (left := [plugin for plugin in orphaned_plugins() if plugin.session in engines]):
        if time.monotonic() > deadline:
            number = signals.pop(0)
            for plugin in left:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(plugin.pid, number)
            deadline = time.monotonic() + GRACE_SECONDS
        sleep(POLL_SECONDS)


def plugin_runs_in(folder: Path) -> bool:
    """Whether a plugin without an engine was started in that project folder."""
    wanted = str(folder.resolve())
    return any(plugin.folder == wanted for plugin in orphaned_plugins())


Find = Callable[[Unit, Mapping[str, Any]], "tuple[Finding, ...]"]
"""Finds the pending creates of a unit's deployment in AWS."""

PATIENCE_SECONDS = 30.0
PAUSE_SECONDS = 2.0
_CREATING = "creating"


@dataclass(frozen=True, kw_only=True)
class Unfinished:
    """Repairs the state of one stack before an operation. The engine itself only warns and creates resources a second time."""

    unit: Unit
    folder: Path
    cli: Cli
    find: Find
    dead_engines: Collection[int]
    """Process ids of engines on this machine that died while they held the stack's lock."""

    tell: Callable[[str], None]
    """Gets a sentence for each finding."""

    def mend(self, document: Mapping[str, Any], operation: Operation) -> None:
        """Add the resources that a dead engine created to the state. The operation must refresh afterwards.

        `document` is the stack's checkpoint file. Raises RefusedError when only a person can decide whether a resource
        exists, except when the stack is to be destroyed.
        """
        from orchestrator.recovery.adoption import Undecided
        from orchestrator.recovery.state_edit import adopted_state

        latest: Mapping[str, Any] = document["checkpoint"]["latest"]
        end_plugins_of(self.dead_engines)
        findings = self._findings(latest)
        undecided = [finding for finding in findings if isinstance(finding, Undecided)]
        if undecided and operation is not Operation.DESTROY:
            raise self._refused(undecided)
        for finding in findings:
            self.tell(_sentence(finding))
        self._import(document, adopted_state(latest, [f for f in findings if f not in undecided]))

    def _findings(self, latest: Mapping[str, Any]) -> tuple[Finding, ...]:
        """Find the pending creates. While plugins without an engine run in the folder, missing resources are searched again."""
        from orchestrator.recovery.adoption import NotFound

        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            at_work = plugin_runs_in(self.folder)
            findings = self.find(self.unit, latest)
            missing = [finding for finding in findings if isinstance(finding, NotFound)]
            if not missing or not at_work or self.cli.interrupted or time.monotonic() > deadline:
                return findings
            time.sleep(PAUSE_SECONDS)

    def _refused(self, undecided: Sequence[Any]) -> RefusedError:
        listed = "; ".join(f"{_name(finding.urn)} ({finding.type}): {finding.reason}" for finding in undecided)
        return RefusedError(
            f"{self.unit.stack} was not changed: an engine died while it created resources, and whether they exist is unclear: "
            f"{listed}",
            "find each of them in AWS and delete or import it; then run `pulumi refresh --clear-pending-creates --stack "
            f"{self.unit.stack}` in {self.folder}, and run the same command again",
        )

    def _import(self, document: Mapping[str, Any], deployment: Mapping[str, Any]) -> None:
        """Import the state with the CLI, which checks it and takes the stack's lock."""
        whole = {"version": document.get("version", 3), "deployment": deployment}
        if document.get("features"):
            whole["features"] = document["features"]
        with tempfile.TemporaryDirectory(prefix="orchestrator-") as name:
            file = Path(name) / "state.json"  # a folder for this user only; secrets in the state are encrypted
            file.write_text(json.dumps(whole), encoding="utf-8")
            words = ["stack", "import", "--file", str(file), "--stack", self.unit.stack]
            finished = self.cli.run(words, self.folder)
        if finished.code != 0:
            raise explained(self.unit, finished.text)


def pending(latest: Mapping[str, Any]) -> bool:
    """Whether the state contains pending operations of a dead engine."""
    return bool(latest.get("pending_operations"))


def _sentence(finding: Any) -> str:
    from orchestrator.recovery.adoption import Adoption, NotFound

    name = _name(finding.urn)
    if isinstance(finding, Adoption):
        return (
            f"{name} was being created when an engine died: it exists as {finding.physical_id} and is now in the state"
        )
    if isinstance(finding, NotFound):
        return f"{name} was being created when an engine died: {finding.reason}"
    return f"{name} was being created when an engine died and may exist in AWS: {finding.reason}; see `orchestrator orphans`"


def _name(urn: str) -> str:
    return urn.rpartition("::")[2]
