"""Follows the records of runs in other processes of this machine, and reports them to every open page."""

from __future__ import annotations

import asyncio
import os
import threading
from collections import deque
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import msgspec

from orchestrator.config import documents
from orchestrator.engines import processes
from orchestrator.lifecycle import run_record
from orchestrator.rendering import document
from orchestrator.web.live import Live, Message, message
from orchestrator.web.run_lines import Begun, Ended, Lines

LOOK_SECONDS = 0.5
MOST_EVENTS = 200
"""Events of one run that a page gets when it opens, and that one look sends."""

_READ_BYTES = 1024**2
_MOST_BYTES = 2 * run_record.MOST_BYTES

State = Literal["running", "succeeded", "failed", "interrupted", "cut off", "unknown"]
_STATES: dict[int, State] = {0: "succeeded", 130: "interrupted"}
_AGAIN = "run the command again: it continues from there"
_ENDED = ("succeeded", "failed", "interrupted", "cut off")


@dataclass(frozen=True, kw_only=True)
class OtherRun:
    """A run of another process, as pages show it."""

    id: str
    time: datetime
    identity: str
    """The operator, or the user of the process."""

    process: str
    action: str
    """The command."""

    name: str
    """The bases and environments of the run."""

    state: State = "running"
    message: str | None = None
    hint: str | None = None


@dataclass
class _Followed:
    """A record that is read further and further."""

    path: Path
    offset: int = 0
    lines: int = 0
    rest: bytes = b""
    begun: Begun | None = None
    run: OtherRun | None = None
    events: deque[dict[str, Any]] = field(default_factory=lambda: deque[dict[str, Any]](maxlen=MOST_EVENTS))
    damage: str | None = None
    unreadable: str | None = None
    skipped: bool = False
    """Whether the record is read no further."""

    @property
    def problem(self) -> str | None:
        return self.damage or self.unreadable

    @property
    def over(self) -> bool:
        return self.skipped or (self.run is not None and self.run.state in _ENDED)


class OtherRuns:
    """The runs of other processes in the same project folder. Runs of this process are left out."""

    def __init__(self, folder: Path, live: Live) -> None:
        self._folder, self._live = folder, live
        self._own_disk = processes.on_own_disk(folder.parent)
        self._this = processes.this_process()
        self._guard = threading.Lock()
        self._followed: dict[str, _Followed] = {}
        self._hidden: tuple[str, ...] = ()

    async def run(self) -> None:
        """Look again and again."""
        while True:
            await asyncio.to_thread(self.look)
            await asyncio.sleep(LOOK_SECONDS)

    def messages(self) -> list[Message]:
        """The messages for a page that opens."""
        with self._guard:
            found = [message("hidden", {"problems": [*self._hidden]})] if self._hidden else []
            for each in self._followed.values():
                if each.run is not None:
                    found.append(message("other", document.plain(each.run)))
                    found += [message("run", event) for event in each.events]
            return found

    def look(self) -> None:
        """Read what the records have got since the last look, and send it to the pages."""
        with self._guard:
            names, problem = self._names()
            for name in self._followed.keys() - set(names):
                if self._followed.pop(name).run is not None:
                    self._live.publish("gone", {"id": name})
            for name in names:
                self._follow(self._followed.setdefault(name, _Followed(self._folder / name)))
            hidden = (*([problem] if problem else []), *(it.problem for it in self._followed.values() if it.problem))
            if hidden != self._hidden:
                self._hidden = hidden
                self._live.publish("hidden", {"problems": [*hidden]})

    def _names(self) -> tuple[list[str], str | None]:
        """The names of the records, and the reason why there are none."""
        try:
            return run_record.names_in(self._folder), None
        except FileNotFoundError:
            return [], None
        except OSError as error:
            return [], f"runs of other processes are hidden: .orchestrator/runs: {error.strerror or error}"

    def _follow(self, followed: _Followed) -> None:
        if followed.over:
            return
        # The process is asked first: what it wrote before its end is read then.
        alive = self._runs(followed.begun)
        try:
            lines = _read(followed)
        except documents.DamagedError as error:
            followed.damage, followed.skipped = f"{followed.path.name}: {error}; its run is read no further", True
            return
        except OSError as error:  # another process may have removed it meanwhile
            gone = isinstance(error, FileNotFoundError)
            followed.unreadable = None if gone else f"{followed.path.name} is hidden: {error.strerror or error}"
            return
        followed.unreadable = None
        told: list[tuple[str, Any]] = []
        for line in lines:
            self._take(followed, line, told)
        if alive is False and not lines and not followed.over:
            told += _in_state(followed, "cut off", "its process ended without a result", _AGAIN)
        elif alive is None and followed.run is not None and followed.run.state == "running":
            told += _in_state(followed, "unknown", "this machine cannot tell whether its process still runs", None)
        self._publish(told)

    def _publish(self, told: list[tuple[str, Any]]) -> None:
        """Send messages, of the events only the newest: a page cannot take any number at once."""
        left_out = sum(kind == "run" for kind, _ in told) - MOST_EVENTS
        for kind, content in told:
            if kind == "other":
                self._live.refresh()
            else:
                left_out -= 1
            if kind == "other" or left_out < 0:
                self._live.publish(kind, content)

    def _runs(self, begun: Begun | None) -> bool | None:
        return True if begun is None else processes.runs(begun.process, own_disk=self._own_disk)

    def _take(self, followed: _Followed, content: bytes, told: list[tuple[str, Any]]) -> None:
        """Take one line. A damaged one is named and skipped; without its first line the whole record is."""
        followed.lines += 1
        if followed.over:
            return
        try:
            line: Lines = documents.decoded(Lines, content)  # pyright: ignore[reportArgumentType]
            if isinstance(line, Begun) is (followed.begun is not None):
                raise documents.DamagedError("a record begins with `begun`, once")
        except documents.DamagedError as error:
            followed.skipped = followed.begun is None
            what = "its run is hidden" if followed.skipped else "the line is skipped"
            followed.damage = followed.damage or f"{followed.path.name}, line {followed.lines}: {error}; {what}"
            return
        if isinstance(line, Begun):
            self._begin(followed, line, told)
        elif isinstance(line, Ended):
            told += _in_state(followed, _STATES.get(line.exit_code, "failed"), line.message, line.hint)
        elif followed.run is not None:
            event = {"id": followed.path.name, "number": followed.lines, "event": msgspec.to_builtins(line)}
            followed.events.append(event)
            told.append(("run", event))

    def _begin(self, followed: _Followed, begun: Begun, told: list[tuple[str, Any]]) -> None:
        followed.begun = begun
        if begun.process == self._this:
            followed.skipped = True  # the page shows it as an action
            return
        followed.run = OtherRun(
            id=followed.path.name,
            time=begun.time,
            identity=begun.operator or begun.process.username,
            process=str(begun.process),
            action=begun.command,
            name=" ".join(begun.names),
        )
        told.append(("other", document.plain(followed.run)))


def _in_state(followed: _Followed, state: State, text: str | None, hint: str | None) -> list[tuple[str, Any]]:
    """Set the state of a run; return the message that says so."""
    if followed.run is None:
        return []
    followed.run = replace(followed.run, state=state, message=text, hint=hint)
    return [("other", document.plain(followed.run))]


def _read(followed: _Followed) -> list[bytes]:
    """The whole lines that a record has got. Raises OSError, DamagedError."""
    with documents.opened(followed.path) as file:
        size = os.fstat(file.fileno()).st_size
        if size < followed.offset:
            raise documents.DamagedError("it became shorter")
        if size > _MOST_BYTES:
            raise documents.DamagedError(f"it has more than {documents.size(_MOST_BYTES)}")
        file.seek(followed.offset)
        content = file.read(_READ_BYTES)
    followed.offset += len(content)
    *lines, followed.rest = (followed.rest + content).split(b"\n")
    return lines
