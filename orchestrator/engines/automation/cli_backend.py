"""State that only the CLI can read (Pulumi Cloud and other backends). Each access is a CLI call."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, cast

from orchestrator.config import documents
from orchestrator.engines import history
from orchestrator.engines.automation import stored
from orchestrator.engines.automation.backend_answers import Ending, Lock
from orchestrator.engines.automation.diy_backend import moment
from orchestrator.engines.automation.pulumi_cli import Cli
from orchestrator.engines.automation.storage import LocalFiles
from orchestrator.engines.marks import Marks
from orchestrator.errors import EngineUnavailableError, StateError


class CliBackend:
    """The methods of `Backend`, implemented with the CLI in the projects' folders."""

    def __init__(self, cli: Cli, folders: Mapping[str, Path]) -> None:
        self._cli, self._folders = cli, folders
        self.notes = None
        self.marks = Marks(LocalFiles(Path(tempfile.gettempdir())), f"pulumi-django-{os.getuid()}/marks")
        """Marks for this machine only: such a backend cannot store them."""

    def stacks(self, project: str) -> list[str]:
        """Names of the project's stacks."""
        listed = self._json(project, "stack", "ls", "--json")
        return sorted(str(item["name"]).rpartition("/")[2] for item in listed)

    def checkpoint(self, project: str, stack: str) -> Mapping[str, Any] | None:
        """The stack's state, or None when there is none."""
        if stack not in self.stacks(project):
            return None
        exported: Mapping[str, Any] = self._json(project, "stack", "export", "--stack", stack)
        latest: Mapping[str, Any] = exported.get("deployment") or {}
        try:
            documents.converted(stored.Latest, latest)
        except documents.DamagedError as error:
            raise StateError(f"the state of {stack} is damaged: {error}", "restore an earlier version of it") from None
        return latest

    def closed(self, project: str) -> None:
        """None: the service lists every project of its user."""

    def reserve(self, project: str, stack: str) -> None:
        """Do nothing: the service stores the state."""

    def tags(self, project: str, stack: str) -> dict[str, str]:
        """The stack's tags."""
        return dict(self._json(project, "stack", "tag", "ls", "--json", "--stack", stack))

    def readable_tags(self, project: str, stack: str) -> dict[str, str]:
        """The stack's tags, which such a backend never damages."""
        return self.tags(project, stack)

    def write_tags(self, project: str, stack: str, tags: Mapping[str, str]) -> None:
        """Set the tags that differ."""
        before = self.tags(project, stack)
        for name, value in tags.items():
            if before.get(name) != value:
                self._run(project, "stack", "tag", "set", name, value, "--stack", stack)

    def everything(self) -> Iterator[tuple[str, str]]:
        """Project and name of the stacks of the graph's projects only."""
        for project in self._folders:
            for stack in self.stacks(project):
                yield project, stack

    def raw(self, project: str, stack: str) -> bytes | None:
        """The stack's state in the form of a checkpoint file."""
        return json.dumps({"checkpoint": {"latest": self.checkpoint(project, stack)}}).encode()

    def stamp(self, project: str, stack: str) -> str | None:
        """None: unknown without reading the whole state."""
        del project, stack
        return None

    def claims(self, project: str) -> dict[str, dict[str, str]]:
        """No claims: in such a backend a claim is an empty stack."""
        del project
        return {}

    def unclaim(self, project: str, stack: str) -> None:
        """Do nothing: the empty stack stays, as after any operation that could not start."""

    def exclusive(self, name: str) -> AbstractContextManager[None]:
        """Hold a lock against processes on this machine only: such a backend cannot store a lock."""
        return LocalFiles(Path(tempfile.gettempdir())).exclusive(f"pulumi-django-{os.getuid()}/{name}")

    def locks(self, project: str, stack: str) -> list[Lock]:
        """No locks: such a backend reports a lock when an operation starts."""
        del project, stack
        return []

    def unlock(self, lock: Lock) -> None:
        """Do nothing: locks are never listed."""

    def ending(self, project: str, stack: str) -> Ending:
        """The end of the stack's last operation."""
        history = self._json(project, "stack", "history", "--json", "--page-size", "1", "--stack", stack)
        if not history:
            return Ending(never=True)
        last: Mapping[str, Any] = history[0]
        failed = last.get("result") == "failed"
        if failed:  # only then it matters whether an earlier update succeeded
            history = self._json(project, "stack", "history", "--json", "--stack", stack)
        return Ending(
            failed=failed,
            destroying=last.get("kind") == "destroy",
            finished=any(entry.get("result") == "succeeded" for entry in history),
        )

    def last_update(self, project: str, stack: str) -> stored.Entry | None:
        """The newest entry of the stack's history; None without history."""
        found = self.history(project, stack, 1)
        if not found:
            return None
        last = found[-1]
        started = int(last.started.timestamp()) if last.started else 0
        return stored.Entry(kind=last.kind, result=last.result, startTime=started)

    def history(self, project: str, stack: str, newest: int | None = None) -> list[history.Entry]:
        """The entries of the stack's history, oldest first."""
        size = ("--page-size", str(newest)) if newest else ()
        listed = self._json(project, "stack", "history", "--json", *size, "--stack", stack)
        if not isinstance(listed, list) or not listed:
            return []
        rows = cast("list[Any]", listed)
        tags = self.tags(project, stack)
        return [_entry(row, len(rows) - place, tags) for place, row in reversed(list(enumerate(rows)))]

    def _json(self, project: str, *words: str) -> Any:
        text = self._run(project, *words)
        try:
            return json.loads(text)
        except ValueError as error:
            raise StateError(f"`pulumi {' '.join(words)}` did not return JSON", "upgrade the Pulumi CLI") from error

    def _run(self, project: str, *words: str) -> str:
        self._cli.check()
        finished = self._cli.run(words, self._folders[project])
        if finished.code != 0:
            last = (finished.text.splitlines() or ["no reason given"])[-1]
            raise EngineUnavailableError(f"`pulumi {' '.join(words[:2])}` failed: {last}", "check `pulumi whoami`")
        return finished.output


def _entry(row: Any, number: int, tags: Mapping[str, str]) -> history.Entry:
    """An entry of `pulumi stack history --json`. The service counts updates; other backends do not."""
    try:
        found = documents.decoded(stored.ListedEntry, json.dumps(row).encode())
    except documents.DamagedError as error:
        return history.Entry(number=number, id=str(number), kind="", result=history.DAMAGED, reason=str(error))
    config = {key: value.plain for key, value in (found.config or {}).items()}
    secrets = {key: "unknown" for key, value in (found.config or {}).items() if value.secret}
    return history.Entry(
        number=found.version or number,
        id=str(found.version or number),
        kind=found.kind,
        started=moment(found.startTime),
        ended=moment(found.endTime),
        result=found.result,
        message=found.message,
        environment=found.environment or {},
        config=config,
        secrets=secrets,
        changes=found.resourceChanges or {},
        reason=history.reason_in(tags, moment(found.startTime)) if found.result == history.FAILED else None,
    )
