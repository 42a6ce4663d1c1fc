"""The hosts of programs, for the orchestrator: starts a host before the CLI, and tells it to which process it belongs."""

from __future__ import annotations

import json
import logging
import os
import socket
import subprocess
import sysconfig
import threading
import weakref
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from orchestrator.config import project_file
from orchestrator.engines.program_host.messages import NO_CLI, READY
from orchestrator.engines.program_host.suitable import Launch, launch

_STARTER = Path(__file__).with_name("starter.py")
_SOCKET = "program.sock"
_LONGEST_ADDRESS = 100
"""Most bytes of the path of a socket: 104 on macOS, 108 on Linux, see unix(7)."""

PATIENCE_SECONDS = 60

log = logging.getLogger(__name__)


@dataclass(kw_only=True)
class Host:
    """A host that waits for the CLI."""

    address: str
    """Value of the option `--client`."""

    control: socket.socket
    owner: int | None = None

    def belong_to(self, pid: int) -> None:
        """Let the host end with this process, also when this orchestrator ends before."""
        self.owner = pid
        with suppress(OSError):  # it was killed, which the CLI notices
            self.control.sendall(f"{pid}\n".encode())

    def leave(self) -> None:
        """Let the host end if no CLI was started for it."""
        if self.owner is None:
            with suppress(OSError):
                self.control.sendall(NO_CLI)

    @property
    def killed(self) -> bool:
        """Whether the host ended before the CLI."""
        self.control.setblocking(False)
        try:
            return self.control.recv(1) == b""
        except BlockingIOError:  # it is about to end
            return False
        except OSError:
            return True

    def interrupt(self) -> None:
        """Interrupt the program, as the CLI interrupts programs of its own hosts."""
        with suppress(OSError):  # it has ended
            self.control.sendall(b"!")


class Hosts:
    """The hosts of one engine, and the processes from which they are forked: one for each interpreter."""

    def __init__(self) -> None:
        self._starters: dict[str, _Starter] = {}
        self._guard = threading.Lock()
        weakref.finalize(self, _end, self._starters)

    @contextmanager
    def host(self, folder: Path, scratch: Path, environment: Mapping[str, str]) -> Generator[Host | None]:
        """A host for the program of the project in `folder`; None when the CLI should use its own.

        `scratch` is a folder for its socket, which only this user can open.
        """
        how, path = launch(project_file.read(folder), environment), scratch / _SOCKET
        if how is None or len(os.fsencode(path)) > _LONGEST_ADDRESS:
            yield None
            return
        ours, theirs = socket.socketpair()
        with ours, theirs:
            host = self._ask(how, Host(address=f"unix:{path}", control=ours), theirs)
            try:
                yield host
            finally:
                if host:
                    host.leave()

    def _ask(self, how: Launch, host: Host, theirs: socket.socket) -> Host | None:
        told = {
            "address": host.address,
            "executor": how.executor,
            "toolchain": how.toolchain,
            "environment": dict(how.environment),
        }
        try:
            self._starter(how).fork(theirs)
            theirs.close()
            host.control.settimeout(PATIENCE_SECONDS)
            host.control.sendall(json.dumps(told).encode() + b"\n")
            answer = host.control.makefile("rb").readline()
        except OSError as error:
            answer = str(error).encode()
        if answer != READY:
            log.debug("the CLI's own host runs the program: %s", answer.decode("utf-8", "replace").strip())
            return None
        return host

    def _starter(self, how: Launch) -> _Starter:
        with self._guard:
            found = self._starters.get(how.python)
            if found is None or not found.usable:
                if found:
                    found.end()
                found = self._starters[how.python] = _Starter.begin(how)
            return found


def _end(starters: Mapping[str, _Starter]) -> None:
    for starter in starters.values():
        starter.end()


@dataclass(frozen=True, kw_only=True)
class _Starter:
    """A process that forks hosts. It ends with this process at the latest, because its socket does."""

    process: subprocess.Popen[bytes]
    socket: socket.socket
    packages: tuple[int, ...]

    @classmethod
    def begin(cls, how: Launch) -> _Starter:
        """Start the process. It imports the SDK while this process goes on."""
        ours, theirs = socket.socketpair()
        with theirs:
            process = subprocess.Popen(
                [how.python, "-P", str(_STARTER), str(theirs.fileno())],
                env=dict(how.environment),
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        return cls(process=process, socket=ours, packages=_installed())

    @property
    def usable(self) -> bool:
        """Whether the process runs, and has imported the packages that are installed now."""
        return self.process.poll() is None and self.packages == _installed()

    def fork(self, theirs: socket.socket) -> None:
        """Fork a host with this socket."""
        socket.send_fds(self.socket, [b"h"], [theirs.fileno()])

    def end(self) -> None:
        """End the process. Its hosts go on."""
        self.socket.close()
        self.process.kill()
        self.process.wait()


def _installed() -> tuple[int, ...]:
    """Times at which packages were last installed or removed."""
    folders = {sysconfig.get_path(name) for name in ("purelib", "platlib")}
    return tuple(os.stat(folder).st_mtime_ns for folder in sorted(folders) if os.path.isdir(folder))
