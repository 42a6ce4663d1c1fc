"""Runs the Pulumi CLI so that it finishes its work even when the orchestrator is killed.

Each command runs in its own session and writes its output to files: Ctrl-C in the terminal does not reach it, and the death of
the orchestrator does not break its pipes. Exactly one SIGINT stops a command: after a second one the engine loses track of the
resources that it is creating.
"""

from __future__ import annotations

import importlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from orchestrator.engines.automation.cli_version import Memory
from orchestrator.engines.program_host.hosts import Host, Hosts
from orchestrator.errors import EngineUnavailableError, InterruptedRunError

MINIMUM_VERSION = (3, 200, 0)
"""The first version that writes all events that `event_log` reads. Resource hooks in Python are older."""

INSTALL_HINT = "install it (https://www.pulumi.com/docs/iac/download-install/), or use `--engine simulation`"
POLL_SECONDS = 0.05
OPERATIONS = frozenset({"up", "destroy", "refresh", "preview"})


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A command that ended."""

    code: int
    """Exit code; negative when a signal ended it."""

    output: str
    """Standard output."""

    errors: str
    """Standard error."""

    lost_program: bool = False
    """Whether the process that runs the program was killed."""

    @property
    def text(self) -> str:
        """Standard output and standard error."""
        return f"{self.output}\n{self.errors}".strip()


class Cli:
    """The `pulumi` on PATH."""

    def __init__(self, environment: Mapping[str, str], memory: Memory | None = None) -> None:
        self._environment = {
            **os.environ,
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DEBUG_COMMANDS": "true",  # without it the CLI has no --event-log
            "PULUMI_AUTOMATION_API": "true",
            **environment,
        }
        self.noting: Callable[[Sequence[str], Path, int], Callable[[int], None]] | None = None
        """Called with the arguments, folder and id of each started process. The function that it returns gets the exit code."""

        self._live: dict[int, tuple[subprocess.Popen[bytes], Host | None]] = {}
        self._guard = threading.Lock()
        self._hosts, self._memory = Hosts(), memory
        self._interrupted = False
        self._checked = False

    def check(self) -> None:
        """Check that the CLI is installed and new enough, with the Python language host. Raises EngineUnavailableError."""
        if self._checked:
            return
        pulumi = shutil.which("pulumi")
        if pulumi is None:
            raise EngineUnavailableError("the Pulumi CLI was not found: no `pulumi` on PATH", INSTALL_HINT)
        known = self._memory.version(pulumi) if self._memory else None
        said = known or self._version()
        found = re.match(r"v?(\d+)\.(\d+)\.(\d+)", said)
        if found is None or tuple(int(part) for part in found.groups()) < MINIMUM_VERSION:
            wanted = ".".join(str(part) for part in MINIMUM_VERSION)
            version = said or "unknown"
            raise EngineUnavailableError(
                f"the Pulumi CLI is too old: its version is {version}, and {wanted} or newer is required", INSTALL_HINT
            )
        if shutil.which("pulumi-language-python") is None:
            raise EngineUnavailableError(
                "the Pulumi CLI cannot run Python programs: no `pulumi-language-python` on PATH",
                "install the complete CLI, which has both programs in one folder",
            )
        if self._memory and not known:
            self._memory.keep(pulumi, said)
        self._checked = True

    def _version(self) -> str:
        words = ["pulumi", "version"]
        try:
            with subprocess.Popen(
                words, env=self._environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            ) as asked:
                # The SDK is needed later. It takes as long to load as the CLI takes to answer.
                importlib.import_module("pulumi.automation")
                said = asked.communicate()[0].decode("utf-8", "replace").strip()
        except OSError as error:
            raise EngineUnavailableError(f"the Pulumi CLI does not run: {error}", INSTALL_HINT) from error
        if asked.returncode != 0:
            raise EngineUnavailableError(
                f"the Pulumi CLI does not run: `pulumi version` failed with exit code {asked.returncode}",
                INSTALL_HINT,
            )
        return said

    def run(
        self,
        arguments: Sequence[str],
        folder: Path,
        *,
        environment: Mapping[str, str] | None = None,
        on_event_line: Callable[[str], None] | None = None,
        runs_program: bool = False,
    ) -> Finished:
        """Run one command to its end and return its output, for any exit code.

        `on_event_line` gets each line of the engine's event log at once. With `runs_program`, the program of the folder runs
        in a host of ours where that makes no difference. Raises InterruptedRunError for an operation after `interrupt`.
        """
        told = {**self._environment, **(environment or {})}
        with tempfile.TemporaryDirectory(prefix="orchestrator-") as name:
            scratch = Path(name)
            events = scratch / "events.jsonl"
            words = ["pulumi", "--non-interactive", *arguments]
            if on_event_line is not None:
                events.touch(mode=0o600)
                words += ["--event-log", str(events)]
            with (
                (scratch / "out").open("w+b") as out,
                (scratch / "err").open("w+b") as err,
                self._hosts.host(folder, scratch, told) if runs_program else nullcontext() as host,
            ):
                words += ["--client", host.address] if host else []
                with self._started(words, folder, told, out, err, host) as process:
                    _follow(process, events, on_event_line)
                    lost = host is not None and host.killed
                return Finished(code=process.returncode, output=_text(out), errors=_text(err), lost_program=lost)

    @contextmanager
    def _started(
        self,
        words: list[str],
        folder: Path,
        environment: Mapping[str, str],
        out: IO[bytes],
        err: IO[bytes],
        host: Host | None,
    ) -> Generator[subprocess.Popen[bytes]]:
        with self._guard:
            if self._interrupted and OPERATIONS & set(words):
                raise InterruptedRunError("not started: the run was interrupted")
            process = subprocess.Popen(
                words,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
            if host:
                host.belong_to(process.pid)
            self._live[process.pid] = (process, host)
        try:
            ended = self.noting(words, folder, process.pid) if self.noting else None
            yield process
            if ended:
                ended(process.returncode)
        finally:
            with self._guard:
                self._live.pop(process.pid, None)

    @property
    def interrupted(self) -> bool:
        """Whether `interrupt` was called."""
        return self._interrupted

    def interrupt(self) -> None:
        """Let running operations finish the changes in progress and start no others. Only the first call sends a signal."""
        with self._guard:
            if self._interrupted:
                return
            self._interrupted = True
            for process, host in self._live.values():
                process.send_signal(signal.SIGINT)
                if host:
                    host.interrupt()


def _follow(process: subprocess.Popen[bytes], events: Path, on_line: Callable[[str], None] | None) -> None:
    """Wait for the process and pass the complete lines of its event log to `on_line`."""
    if on_line is None:
        process.wait()
        return
    rest = ""
    with events.open(encoding="utf-8", errors="replace") as log:
        while True:
            ended = process.poll() is not None
            chunk = log.read()
            *lines, rest = (rest + chunk).split("\n")
            for line in lines:
                on_line(line)
            if ended and not chunk:
                return
            if not chunk:
                time.sleep(POLL_SECONDS)


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode("utf-8", "replace")
