"""Processes of an environment: started in groups of their own, logged line by line, stopped as ECS stops containers."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from orchestrator.errors import OperationFailedError
from orchestrator.operations.events import LogLine

_HERE = Path(__file__).parent
_COLORS = re.compile(rb"\x1b\[[0-9;]*[A-Za-z]")
LAST_LINES = 12
"""Lines of a failed process in an error."""

_LONGEST_LINE = 64 * 1024


@dataclass(frozen=True, kw_only=True)
class OsUser:
    """A user of the operating system that runs a program in place of root."""

    name: str
    user: int
    group: int


@dataclass(frozen=True, kw_only=True)
class Program:
    """A program to run."""

    name: str
    """Short name, the first column of its log lines."""

    words: Sequence[str]
    environment: Mapping[str, str] = field(repr=False)
    """All variables; nothing else is passed on."""

    folder: Path
    stop_seconds: float = 30
    stop_signal: signal.Signals = signal.SIGTERM
    user: OsUser | None = None
    open_files: int | None = None


class Process:
    """A running program."""

    def __init__(
        self, program: Program, inner: asyncio.subprocess.Process, output: int, supervisor: Supervisor
    ) -> None:
        self.program = program
        self.pid: int = inner.pid
        self.last: deque[str] = deque(maxlen=LAST_LINES)
        """The last lines of its output."""

        self.stopping = False
        self._inner, self._output, self._supervisor = inner, output, supervisor
        self._ended = asyncio.ensure_future(self._until_end())

    @property
    def code(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        return self._inner.returncode

    async def wait(self) -> int:
        """Wait for its end; return the exit code."""
        return await asyncio.shield(self._ended)

    async def stop(self) -> None:
        """Send the stop signal once, and SIGKILL after the time that the task definition allows."""
        first, self.stopping = not self.stopping, True
        if self.code is None:
            if first:
                with contextlib.suppress(ProcessLookupError):
                    self._inner.send_signal(self.program.stop_signal)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.wait(), self.program.stop_seconds)
        self.kill()
        await self.wait()

    def kill(self) -> None:
        """Send SIGKILL to the whole group."""
        with contextlib.suppress(OSError):
            os.killpg(self.pid, signal.SIGKILL)

    async def _until_end(self) -> int:
        reading = asyncio.ensure_future(self._read())
        code = await self._inner.wait()
        self.kill()  # what the program left behind
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(reading, 2)
        self._supervisor.forget(self)
        return code

    async def _read(self) -> None:
        stream = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(stream)
        pipe = os.fdopen(self._output, "rb", 0)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, pipe)
        try:
            await self._lines(stream)
        finally:
            transport.close()

    async def _lines(self, stream: asyncio.StreamReader) -> None:
        rest = b""
        while chunk := await stream.read(_LONGEST_LINE):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self._line(line)
            if len(rest) > _LONGEST_LINE:
                self._line(rest)
                rest = b""
        if rest:
            self._line(rest)

    def _line(self, line: bytes) -> None:
        text = _COLORS.sub(b"", line).decode("utf-8", "replace").rstrip("\r")
        self.last.append(text)
        self._supervisor.observer(LogLine(service=self.program.name, text=text, at=datetime.now(UTC)))


class Supervisor:
    """Starts programs, and ends everything that still runs."""

    def __init__(self, observer: Callable[[LogLine], None]) -> None:
        self.observer = observer
        self._running: dict[int, Process] = {}
        self._guard: subprocess.Popen[bytes] | None = None

    def open(self) -> None:
        """Start the guard, which ends all programs when this process is gone."""
        self._guard = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_HERE / "guard.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def close(self) -> None:
        """Kill what still runs, and end the guard."""
        self.kill()
        if self._guard is not None and self._guard.stdin is not None:
            with contextlib.suppress(OSError):
                self._guard.stdin.close()
            self._guard.wait()

    async def start(self, program: Program) -> Process:
        """Start a program. Raises OperationFailedError."""
        settings = {
            "signal": int(program.stop_signal),
            "parent": os.getpid(),
            "user": program.user and program.user.user,
            "group": program.user and program.user.group,
            "open_files": program.open_files,
        }
        # With a pipe of its own, asyncio would wait for everything that the program left behind too.
        output, its_end = os.pipe()
        try:
            inner = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", str(_HERE / "guarded.py"), json.dumps(settings), *program.words),
                env=dict(program.environment),
                cwd=program.folder,
                stdin=subprocess.DEVNULL,
                stdout=its_end,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            os.close(output)
            raise OperationFailedError(
                f"{program.name} cannot be started: {error.strerror or error}", "see `orchestrator local up --help`"
            ) from error
        finally:
            os.close(its_end)
        process = Process(program, inner, output, self)
        self._running[inner.pid] = process
        self._tell(f"+{inner.pid} {int(program.stop_signal)}\n")
        return process

    async def finish(self, program: Program) -> Process:
        """Run a program to its end."""
        process = await self.start(program)
        await process.wait()
        return process

    def forget(self, process: Process) -> None:
        """Note that a process ended."""
        self._running.pop(process.pid, None)
        self._tell(f"-{process.pid}\n")

    async def stop(self) -> None:
        """Stop every program that still runs."""
        await asyncio.gather(*(process.stop() for process in list(self._running.values())))

    def kill(self) -> None:
        """Kill all programs."""
        for process in list(self._running.values()):
            process.stopping = True
            process.kill()

    def _tell(self, text: str) -> None:
        if self._guard is not None and self._guard.stdin is not None:
            with contextlib.suppress(OSError):
                self._guard.stdin.write(text.encode())
                self._guard.stdin.flush()
