"""What an engine that died left behind: creates that nobody saw the end of are found in AWS and brought into the state.

The engine itself only warns of them and creates them a second time.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.engines.automation import plugins
from orchestrator.engines.automation.command import Cli
from orchestrator.engines.automation.failures import explained
from orchestrator.errors import RefusedError
from orchestrator.model import Operation, Unit

if TYPE_CHECKING:
    from orchestrator.recovery.adoption import Finding

Find = Callable[[Unit, Mapping[str, Any]], "tuple[Finding, ...]"]
"""Looks for the pending creates of a unit's deployment."""

PATIENCE_SECONDS = 30.0
PAUSE_SECONDS = 2.0
_CREATING = "creating"


@dataclass(frozen=True, kw_only=True)
class Unfinished:
    """Mends the state of one stack before an operation on it."""

    unit: Unit
    folder: Path
    cli: Cli
    find: Find
    dead_engines: Collection[int]
    """Process ids of engines of this machine that died over the stack, by their locks."""

    tell: Callable[[str], None]
    """Hears what was done, a sentence each."""

    def mend(self, document: Mapping[str, Any], operation: Operation) -> None:
        """Bring what a dead engine had begun into the state; the operation has to refresh afterwards.

        `document` is the stack's checkpoint file. Raises RefusedError when only a person can say whether a resource
        exists; a stack that is to be destroyed goes all the same.
        """
        from orchestrator.recovery.adoption import Undecided
        from orchestrator.recovery.state_edit import adopted_state

        latest: Mapping[str, Any] = document["checkpoint"]["latest"]
        plugins.end_those_of(self.dead_engines)
        findings = self._findings(latest)
        undecided = [finding for finding in findings if isinstance(finding, Undecided)]
        if undecided and operation is not Operation.DESTROY:
            raise self._refused(undecided)
        for finding in findings:
            self.tell(_sentence(finding))
        self._import(document, adopted_state(latest, [f for f in findings if f not in undecided]))

    def _findings(self, latest: Mapping[str, Any]) -> tuple[Finding, ...]:
        """Where nobody knows whose plugins are still creating there, what is not found yet is looked for again."""
        from orchestrator.recovery.adoption import NotFound

        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            at_work = plugins.at_work_in(self.folder)
            findings = self.find(self.unit, latest)
            missing = [finding for finding in findings if isinstance(finding, NotFound)]
            if not missing or not at_work or self.cli.interrupted or time.monotonic() > deadline:
                return findings
            time.sleep(PAUSE_SECONDS)

    def _refused(self, undecided: Sequence[Any]) -> RefusedError:
        listed = "; ".join(f"{_name(finding.urn)} ({finding.type}): {finding.reason}" for finding in undecided)
        return RefusedError(
            f"{self.unit} was not touched: an engine died while it was creating, and whether it did cannot be decided: "
            f"{listed}",
            "look for it in AWS: delete it there, or import it; then `pulumi refresh --clear-pending-creates --stack "
            f"{self.unit.stack}` in {self.folder}, and run the same command again",
        )

    def _import(self, document: Mapping[str, Any], deployment: Mapping[str, Any]) -> None:
        """By the CLI, which checks the state and takes the stack's lock."""
        whole = {"version": document.get("version", 3), "deployment": deployment}
        if document.get("features"):
            whole["features"] = document["features"]
        with tempfile.TemporaryDirectory(prefix="orchestrator-") as name:
            file = Path(name) / "state.json"  # a folder for us alone; secrets in it are encrypted
            file.write_text(json.dumps(whole), encoding="utf-8")
            words = ["stack", "import", "--file", str(file), "--stack", self.unit.stack]
            finished = self.cli.run(words, self.folder)
        if finished.code != 0:
            raise explained(self.unit, finished.text)


def pending(latest: Mapping[str, Any]) -> bool:
    """Whether an engine died in the middle of something."""
    return bool(latest.get("pending_operations"))


def _sentence(finding: Any) -> str:
    from orchestrator.recovery.adoption import Adoption, NotFound

    name = _name(finding.urn)
    if isinstance(finding, Adoption):
        return f"{name} was being created when an engine died: found as {finding.physical_id}, taken into the state"
    if isinstance(finding, NotFound):
        return f"{name} was being created when an engine died: {finding.reason}"
    return f"{name} was being created when an engine died and may be left in AWS: {finding.reason}; see `orchestrator orphans`"


def _name(urn: str) -> str:
    return urn.rpartition("::")[2]
