"""An environment that runs on this machine: its start in order, its crashes and reloads, and its end in reverse order."""

from __future__ import annotations

import asyncio
import contextlib
import shlex
import signal
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

from orchestrator.engines import processes as identities
from orchestrator.errors import InterruptedRunError, OperationFailedError
from orchestrator.local import aws_contents, backing, layout, steps
from orchestrator.local.certificates import Certificates
from orchestrator.local.front_door import FrontDoor
from orchestrator.local.health import Target
from orchestrator.local.journal import Journal
from orchestrator.local.prepare import Prepared
from orchestrator.local.processes import Process, Supervisor
from orchestrator.local.programs import LocalContainer, LocalService
from orchestrator.local.routes import HealthCheck, Routes
from orchestrator.local.state import LocalServiceState
from orchestrator.local.tls_door import TlsDoor
from orchestrator.operations.events import LogLine, Note, Observer

SETTLED_SECONDS = 2.0
"""A program that lived this long has read its settings."""

_LONGEST_PAUSE_SECONDS = 30
_CODE = (".py", ".html", ".txt", ".jinja", ".jinja2", ".toml", ".yaml", ".yml", ".po")


@dataclass(kw_only=True)
class _Kept:
    """A container that is kept running."""

    container: LocalContainer
    service: LocalService
    target: Target | None
    process: Process | None = None
    again: bool = False
    """Whether it starts again at once, because it was stopped for that."""

    starts: int = 0


class Running:
    """Runs an environment until it is asked to stop."""

    def __init__(self, prepared: Prepared, observer: Observer, started: Callable[[], None]) -> None:
        self._prepared, self._observer, self._started = prepared, observer, started
        self._journal = Journal(prepared.folder)
        self._supervisor = Supervisor(self._hear)
        self._stop = asyncio.Event()
        self._servers: list[Process] = []
        self._targets = targets(prepared.services, prepared.routes)
        self._kept = [
            _Kept(container=each, service=service, target=self._target(service, each))
            for service in prepared.services
            if service.service.count
            for each in service.containers
        ]
        self._front = FrontDoor(prepared.routes, self._targets, self._health_changed)
        self._door: TlsDoor | None = None
        self._tasks: list[asyncio.Task[Any]] = []
        self._settled = False
        self._failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._since = datetime.now(UTC)

    async def run(self) -> None:
        """Start everything, and return after the end. Raises the error of a failed start."""
        self._supervisor.open()
        try:
            with self._signals():
                await self._until_stopped()
        finally:
            self._supervisor.close()
            self._journal.close()
            self._prepared.folder.running.unlink(missing_ok=True)

    async def _until_stopped(self) -> None:
        try:
            await self._either(self._start())
            self._started()
            await self._either(self._stop.wait())
        except InterruptedRunError:
            pass
        finally:
            await self._end()

    async def _either(self, work: Coroutine[Any, Any, Any]) -> None:
        """Wait for the work. Raises InterruptedRunError when a signal comes first, or the error of a service."""
        doing = asyncio.ensure_future(work)
        stopping = asyncio.ensure_future(self._stop.wait())
        await asyncio.wait([doing, stopping, self._failure], return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if doing.done():
            doing.result()
            return
        doing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await doing
        if self._failure.done():
            self._failure.result()
        raise InterruptedRunError("interrupted")

    @contextlib.contextmanager
    def _signals(self) -> Any:
        """The first signal asks for the end in order, the second one kills."""
        loop = asyncio.get_running_loop()
        heard = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

        def hear() -> None:
            if self._stop.is_set():
                self._supervisor.kill()
            else:
                self._stop.set()

        try:
            for number in heard:
                loop.add_signal_handler(number, hear)
        except (ValueError, RuntimeError):  # outside the main thread
            heard = ()
        try:
            yield
        finally:
            for number in heard:
                loop.remove_signal_handler(number)

    # start

    async def _start(self) -> None:
        self._publish()
        await self._front.open(self._prepared.wanted.port)
        await asyncio.gather(self._start_database(), self._start_cache(), self._start_aws())
        release = self._prepared.release
        if self._prepared.database is not None:
            await self._once(self._prepared.database, "the database task failed")
        if release is not None:
            command = shlex.join(release.program.words)
            self._observer(Note(text=f"release   {command}"))
            await self._once(release, f"the release command failed (`{command}`), so no service was started")
        self._front.watch()
        for kept in self._kept:
            self._tasks.append(asyncio.ensure_future(self._keep(kept)))
        if self._prepared.wanted.reload:
            self._tasks.append(asyncio.ensure_future(self._reload()))
        await self._settle()
        await steps.run(self._prepared.steps, self._supervisor, self._prepared.folder, self._observer)

    async def _start_database(self) -> None:
        prepared = self._prepared
        await asyncio.to_thread(
            Certificates(prepared.folder.certificates).create,
            [prepared.layout.database.address, *([prepared.layout.cache.address] if prepared.layout.cache else [])],
        )
        if prepared.postgres is not None:
            certificates = Certificates(prepared.folder.certificates)
            self._servers.append(await prepared.postgres.start(self._supervisor, certificates))

    async def _start_cache(self) -> None:
        prepared = self._prepared
        place = prepared.layout.cache
        if prepared.redis is None or place is None:
            return
        certificates = Certificates(prepared.folder.certificates)
        while not certificates.bundle.exists():
            await asyncio.sleep(0.02)
        port = next(iter(place.ports))
        token = prepared.redis_token
        process, self._door = await backing.start_redis(
            self._supervisor, prepared.redis, prepared.folder, place, port, token
        )
        self._servers.append(process)

    async def _start_aws(self) -> None:
        prepared, declared = self._prepared, self._prepared.declaration
        self._servers.append(await backing.start_aws(self._supervisor, prepared.layout.aws, layout.AWS_PORT))
        await asyncio.to_thread(
            aws_contents.create,
            layout.aws_endpoint(prepared.layout),
            str(declared.base_outputs.get("region") or "us-east-1"),
            aws_contents.buckets(declared, prepared.tasks),
            aws_contents.queues(declared),
            prepared.secrets,
        )

    async def _once(self, container: LocalContainer, what: str) -> None:
        process = await self._supervisor.finish(container.program)
        if process.code:
            raise backing.failed(what, process, "correct the cause, then run the command again")

    async def _settle(self) -> None:
        """Wait until every target is healthy and every program has lived a while."""
        await asyncio.sleep(SETTLED_SECONDS)
        while any(target.registered and target.state != "healthy" for target in self._targets.values()):
            await asyncio.sleep(0.1)
        self._settled = True
        self._publish()

    # while it runs

    async def _keep(self, kept: _Kept) -> None:
        """Keep a container running, as ECS keeps the tasks of a service."""
        crashes = 0
        while not self._stop.is_set():
            kept.again, kept.starts = False, kept.starts + 1
            try:
                kept.process = await self._supervisor.start(kept.container.program)
            except OperationFailedError as error:
                return self._fail(error)
            began = asyncio.get_running_loop().time()
            if kept.target is not None:
                kept.target.begin()
            self._publish()
            if kept.again:  # a file changed while it started
                self._restart(kept)
            code = await kept.process.wait()
            if kept.target is not None:
                kept.target.end()
            if self._stop.is_set() or (kept.process.stopping and not kept.again):
                return None
            if kept.process.stopping:
                continue
            lived = asyncio.get_running_loop().time() - began
            crashes = crashes + 1 if lived < _LONGEST_PAUSE_SECONDS else 1
            await self._crashed(kept, kept.process, code, crashes)
        return None

    async def _crashed(self, kept: _Kept, process: Process, code: int, crashes: int) -> None:
        name = kept.container.program.name
        how = f"exit code {code}" if code >= 0 else f"signal {-code}"
        if not self._settled and not self._prepared.wanted.reload:
            self._fail(backing.failed(f"{name} ended with {how}", process, f"read its lines: `{self._logs(kept)}`"))
            return
        pause = min(2 ** (crashes - 1), _LONGEST_PAUSE_SECONDS)
        self._observer(Note(text=f"{name} ended with {how}: it starts again in {pause} s", severity="warning"))
        self._publish()
        for _ in range(pause * 10):
            if self._stop.is_set() or kept.again:
                return
            await asyncio.sleep(0.1)

    def _fail(self, error: OperationFailedError) -> None:
        if not self._failure.done():
            self._failure.set_exception(error)

    def _logs(self, kept: _Kept) -> str:
        return f"orchestrator local logs {self._prepared.wanted.name} --service {kept.container.program.name}"

    def _health_changed(self, target: Target) -> None:
        self._publish()
        if target.state == "unhealthy":
            self._observer(Note(text=f"{target.service} is unhealthy: {target.reason}", severity="warning"))
        elif self._settled:
            self._observer(Note(text=f"{target.service} is {target.state}"))
        if not target.must_restart:
            return
        for kept in self._kept:
            if kept.target is target and kept.process is not None and not kept.process.stopping:
                if not self._settled and not self._prepared.wanted.reload:
                    self._fail(
                        OperationFailedError(
                            f"{target.service} does not become healthy: {target.reason}",
                            f"correct `health_check` of the service, or read its lines: `{self._logs(kept)}`",
                        )
                    )
                else:
                    self._restart(kept)

    def _restart(self, kept: _Kept) -> None:
        kept.again = True
        if kept.process is not None and kept.process.code is None:
            self._tasks.append(asyncio.ensure_future(kept.process.stop()))

    async def _reload(self) -> None:
        import watchfiles

        def is_code(_change: object, path: str) -> bool:
            return path.endswith(_CODE) and default(watchfiles.Change.modified, path)

        default = watchfiles.DefaultFilter()
        async for changes in watchfiles.awatch(self._prepared.code, watch_filter=is_code, stop_event=self._stop):
            first = sorted(path for _, path in changes)[0]
            self._observer(Note(text=f"{first} changed: the services of the working copy start again"))
            for kept in self._kept:
                if kept.container.from_code:
                    self._restart(kept)

    # end

    async def _end(self) -> None:
        """Stop what takes requests, then workers, then what others use, then the servers."""
        self._stop.set()
        self._observer(Note(text="stopping"))
        for stage in (_takes_requests, _works, _is_used):
            running = [kept.process for kept in self._kept if kept.process is not None and stage(kept.service)]
            await asyncio.gather(*(process.stop() for process in running))
        await self._front.close()
        if self._door is not None:
            self._door.close()
        for process in reversed(self._servers):
            await process.stop()
        await self._supervisor.stop()  # after a start that was cut off
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._failure.done() and not self._failure.cancelled():
            self._failure.exception()

    # records

    def _hear(self, line: LogLine) -> None:
        self._journal.write(line)
        self._observer(line)

    def _target(self, service: LocalService, container: LocalContainer) -> Target | None:
        for target in self._targets.values():
            if target.service == service.service.short and container is _served_by(service, target.port):
                return target
        return None

    def _publish(self) -> None:
        """Write the document that `ps`, `run`, `logs` and `down` read."""
        prepared = self._prepared
        states = [self._state(kept) for kept in self._kept]
        variables: Mapping[str, Any] = {
            each.program.name: dict(each.program.environment) for s in prepared.services for each in s.containers
        }
        document = {
            "process": identities.this_process().document(),
            "environment": prepared.wanted.name,
            "url": prepared.url,
            "code": str(prepared.code),
            "started": self._since.isoformat(timespec="seconds"),
            "web": prepared.web,
            "services": [asdict(state) for state in states],
            "variables": variables,
        }
        prepared.folder.write(prepared.folder.running, document)

    def _state(self, kept: _Kept) -> LocalServiceState:
        process, target = kept.process, kept.target
        runs = process is not None and process.code is None
        place = kept.service.place
        return LocalServiceState(
            service=kept.service.service.short,
            container=kept.container.program.name,
            status=(target.state if target else "running") if runs else "stopped",
            pid=process.pid if process is not None and runs else None,
            address=f"{place.address}:{next(iter(place.ports.values()))}" if place.ports else None,
            restarts=max(kept.starts - 1, 0),
            reason=target.reason or None if target else None,
        )


def _takes_requests(service: LocalService) -> bool:
    return bool(service.service.targets)


def _is_used(service: LocalService) -> bool:
    return not service.service.targets and service.service.host is not None


def _works(service: LocalService) -> bool:
    return not _takes_requests(service) and not _is_used(service)


def targets(services: Sequence[LocalService], routes: Routes) -> dict[str, Target]:
    """The target of each target group: the container of its service, or the one that runs here in its place."""
    found: dict[str, Target] = {}
    for local in services:
        for declared in local.service.targets:
            port, tls = declared.port, declared.group in routes.tls
            check = routes.checks.get(declared.group, HealthCheck())
            if all(each.program.name != declared.container for each in local.containers):
                others = [one for each in local.service.task.containers for one in each.ports if one != port]
                port, tls, check = others[0] if others else port, False, replace(check, tls=False)
            found[declared.group] = Target(
                service=local.service.short,
                address=local.place.address,
                port=local.place.port(port),
                check=check,
                tls=tls,
                grace_seconds=local.service.grace_seconds,
            )
    return found


def _served_by(service: LocalService, port: int) -> LocalContainer | None:
    """The container that listens on a local port."""
    for each in service.containers:
        declared = service.service.task.container(each.program.name)
        if declared is not None and port in [service.place.port(one) for one in declared.ports]:
            return each
    return service.containers[0] if service.containers else None
