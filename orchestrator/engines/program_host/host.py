"""The process of one run: serves the language runtime to the CLI, as `pulumi-language-python` does, and starts the program.

It belongs to the process of the CLI, not to the orchestrator: it ends when that process ends.
"""

from __future__ import annotations

import json
import os
import platform
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import metadata
from typing import IO, Any

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import (
    LanguageRuntimeServicer,
    add_LanguageRuntimeServicer_to_server,
    engine_pb2,
    engine_pb2_grpc,
    language_pb2,
    plugin_pb2,
)

from orchestrator.engines.program_host import program
from orchestrator.engines.program_host.messages import ERRORS_MARK, FAREWELL, NO_CLI, READY
from orchestrator.engines.program_host.required_packages import Required, UncertainError, required_packages

CHANNEL_OPTIONS = [("grpc.max_receive_message_length", 400 * 1024 * 1024)]
"""The limit of Pulumi's SDKs and engine (`maxRPCMessageSize`)."""

POLL_SECONDS = 0.5
UNCLAIMED_SECONDS = 60
"""Patience without a known CLI process: the orchestrator ended in the moment in which it started one."""

_SHOWED_ITS_ERROR = 32
"""Exit code of the executor after it logged the error of the program."""

_LAST_LINES_SECONDS = 2


def serve(run: socket.socket, fresh: program.Fresh) -> None:
    """Serve one run whose details come from the socket. Ends the process."""
    code, own = 1, os.getpid()
    try:
        os.setsid()
        told = json.loads(run.makefile("rb").readline() or b"null")
        if told is None:
            os._exit(0)
        os.environ.clear()
        os.environ.update(told["environment"])
        try:
            packages = required_packages()
        except UncertainError as reason:
            run.sendall(f"no: {reason}\n".encode())
            os._exit(0)
        process = _fork(run, told["executor"], fresh)
        server = grpc.server(ThreadPoolExecutor(max_workers=8), options=CHANNEL_OPTIONS)
        runtime = _Runtime(process=process, packages=packages, toolchain=told["toolchain"])
        add_LanguageRuntimeServicer_to_server(runtime, server)
        server.add_insecure_port(told["address"])
        server.start()
        run.sendall(READY)
        _until_engine_ends(run, runtime)
        process.stop()
        code = 0
        with suppress(OSError):  # the orchestrator has ended
            run.sendall(FAREWELL)
    finally:
        if os.getpid() == own:  # the program's process ends like any other
            os._exit(code)


def _until_engine_ends(run: socket.socket, runtime: _Runtime) -> None:
    """Wait for the end of the CLI's process, whose id comes from the orchestrator."""
    said = run.makefile("rb", buffering=0).readline()  # what follows stays in the socket
    if said == NO_CLI:
        return
    if not said.endswith(b"\n"):  # the orchestrator ended as it started the process
        while not runtime.unused_for(UNCLAIMED_SECONDS):
            time.sleep(POLL_SECONDS)
        return
    pid, ended = int(said), _ended_descriptor(int(said))
    watched = [run, *ended]
    while _runs(pid):
        for each in select.select(watched, [], [], None if ended else POLL_SECONDS)[0]:
            if each is not run:
                return
            if not _received(run):  # the orchestrator has ended, and this run goes on
                watched.remove(run)
                continue
            runtime.process.stop()


def _received(run: socket.socket) -> bytes:
    try:
        return run.recv(1)
    except ConnectionError:
        return b""


def _ended_descriptor(pid: int) -> list[int]:
    """A descriptor that can be read when the process has ended; nothing where only Linux 5.3 and newer have one."""
    with suppress(OSError, AttributeError):
        return [os.pidfd_open(pid)]
    return []


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _fork(run: socket.socket, executor: str, fresh: program.Fresh) -> _Process:
    """Fork the process of the program, which waits for its arguments. From now on this process has threads."""
    ours, theirs = socket.socketpair()
    (output, output_in), (errors, errors_in) = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        for descriptor in (ours.detach(), run.detach(), output, errors):
            os.close(descriptor)
        program.run(theirs, output_in, errors_in, executor, fresh)
    theirs.close()
    os.close(output_in)
    os.close(errors_in)
    return _Process(pid=pid, socket=ours, output=open(output, "rb"), errors=open(errors, "rb"))


@dataclass(kw_only=True)
class _Process:
    """The process of the program."""

    pid: int
    socket: socket.socket
    output: IO[bytes]
    errors: IO[bytes]
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _taken: bool = False
    _ended: threading.Event = field(default_factory=threading.Event)

    def take(self) -> bool:
        """Whether no other run has this program; it is taken now."""
        with self._guard:
            free, self._taken = not self._taken, True
        return free

    def start(self, told: Mapping[str, Any]) -> None:
        """Start the program with these arguments."""
        self.socket.sendall(json.dumps(told).encode() + b"\n")

    def wait(self) -> int:
        """Wait for the end; return the exit code, or -1 when a signal ended it."""
        try:
            _pid, status = os.waitpid(self.pid, 0)
        finally:
            self._ended.set()
        return max(os.waitstatus_to_exitcode(status), -1)

    def stop(self) -> None:
        """Interrupt the program, and end it when it still runs after the grace period."""
        if not self._taken:
            self.socket.close()
            return
        for number, patience in ((signal.SIGINT, program.GRACE_SECONDS), (signal.SIGKILL, 1)):
            if self._ended.is_set():
                return
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)
            self._ended.wait(patience)


@dataclass(kw_only=True)
class _Runtime(LanguageRuntimeServicer):
    """The answers to the CLI."""

    process: _Process
    packages: Sequence[Required]
    toolchain: str
    _running: threading.Event = field(default_factory=threading.Event)
    _last: float = field(default_factory=time.monotonic)

    def unused_for(self, seconds: float) -> bool:
        """Whether the CLI has asked for nothing for this long."""
        return not self._running.is_set() and time.monotonic() - self._last > seconds

    def About(self, request: Any, context: Any) -> Any:
        del request, context
        self._last = time.monotonic()
        with suppress(metadata.PackageNotFoundError):
            about = {"toolchain": self.toolchain, "typechecker": "None", "toolchainVersion": metadata.version("pip")}
            version = platform.python_version()
            return language_pb2.AboutResponse(executable=sys.executable, version=version, metadata=about)
        return language_pb2.AboutResponse(executable=sys.executable, version=platform.python_version())

    def GetPluginInfo(self, request: Any, context: Any) -> Any:
        del request, context
        return plugin_pb2.PluginInfo()

    def GetRequiredPackages(self, request: Any, context: Any) -> Any:
        del request, context
        self._last = time.monotonic()
        found = [
            plugin_pb2.PackageDependency(name=each.name, version=each.version, server=each.server, kind="resource")
            for each in self.packages
        ]
        return language_pb2.GetRequiredPackagesResponse(packages=found)

    def Run(self, request: Any, context: Any) -> Any:
        if request.attach_debugger or not request.args or not self.process.take():
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, "this host runs one program, without debugger")
        self._running.set()
        # The engine is gone when it does not wait for the end of the program.
        context.add_callback(lambda: threading.Thread(target=self.process.stop).start())
        engine = engine_pb2_grpc.EngineStub(grpc.insecure_channel(request.args[0], options=CHANNEL_OPTIONS))
        streams = ((self.process.output, ""), (self.process.errors, ERRORS_MARK))
        readers = [threading.Thread(target=_report, args=(engine, *each), daemon=True) for each in streams]
        for reader in readers:
            reader.start()
        self.process.start(_told(request))
        code = self.process.wait()
        for reader in readers:  # a process that the program started may keep them open
            reader.join(_LAST_LINES_SECONDS)
        self._last = time.monotonic()
        self._running.clear()
        if code == _SHOWED_ITS_ERROR:
            return language_pb2.RunResponse(bail=True)
        error = f"program exited with non-zero exit code: {code}" if code else ""
        return language_pb2.RunResponse(error=error)

    def Cancel(self, request: Any, context: Any) -> Any:
        del request, context
        self.process.stop()
        return empty_pb2.Empty()


def _told(request: Any) -> dict[str, Any]:
    """The arguments and variables of the executor (`constructArguments`, `constructConfig`)."""
    options = {
        "monitor": request.monitor_address,
        "engine": request.args[0],
        "project": request.project,
        "root_directory": request.info.root_directory,
        "stack": request.stack,
        "pwd": request.pwd,
        "dry_run": str(request.dryRun).lower(),
        "parallel": str(request.parallel),
        "organization": request.organization,
    }
    arguments = [word for name, value in options.items() if value for word in (f"--{name}", value)]
    environment = {"PULUMI_CONFIG_SECRET_KEYS": json.dumps(list(request.configSecretKeys))}
    if request.config:
        environment["PULUMI_CONFIG"] = json.dumps(dict(request.config))
    return {
        "arguments": [*arguments, request.info.entry_point, *request.args[1:]],
        "environment": environment,
        "folder": os.path.join(request.pwd, request.info.entry_point),
    }


def _report(engine: Any, stream: IO[bytes], mark: str) -> None:
    """Report each line to the engine, as it reports lines of its own hosts."""
    for line in stream:
        if line.strip():
            text = mark + line.decode("utf-8", "replace").rstrip("\n")
            with suppress(grpc.RpcError):  # the engine is gone; the program must not wait for its pipe
                engine.Log(engine_pb2.LogRequest(severity=engine_pb2.INFO, message=text))
