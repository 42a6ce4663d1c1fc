"""The operations by names and plain values: `Orchestrator(...).operations`. The command line is one client of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator import lifecycle
from orchestrator.config.assignments import make_assignments
from orchestrator.config.durations import duration_of
from orchestrator.lifecycle.job import Job
from orchestrator.model import RunReport
from orchestrator.operations.access import Access
from orchestrator.operations.events import Observer, ignore
from orchestrator.operations.facade_data import Databases, Secrets, words
from orchestrator.operations.releases.facade import Releases

# Every method loads the module of its operation when it is called: a command needs one or two of them.
if TYPE_CHECKING:
    from orchestrator.lifecycle.context import Context
    from orchestrator.operations import execute, tunnel
    from orchestrator.operations.aws.clients import Clients
    from orchestrator.operations.aws.targets import BaseTarget
    from orchestrator.operations.deploy import DeployResult
    from orchestrator.operations.health.load import PreparedLoad
    from orchestrator.operations.health.verdicts import Check
    from orchestrator.operations.idle import Idleness
    from orchestrator.operations.logs import LogLines
    from orchestrator.operations.maintenance import MaintenanceResult
    from orchestrator.operations.open_url import Page
    from orchestrator.operations.ps import TasksResult
    from orchestrator.operations.run import CommandResult, Decide
    from orchestrator.operations.scale import Scaled, ScaleResult
    from orchestrator.operations.sleep import Rested, RestResult, Want

Names = str | Sequence[str]
Duration = timedelta | str
"""A duration, or its short form: `3d`, `8h`, `1d12h`."""

TUNNEL_PORT = 15432
"""Local port of a tunnel."""


class Operations(Access):
    """Daily work on environments and bases, by their names.

        operations = Orchestrator("infrastructure").operations
        operations.deploy("alpha", {"backend": "registry.example.com/shop:1.4"})
        print(operations.run("alpha", ["python", "manage.py", "check"]).exit_code)

    Every method finds the environment and its AWS access, and returns a typed result. An `observer` gets the events of
    `orchestrator.operations.events`. Methods raise the errors of `orchestrator.errors`. In the simulation AWS is not
    called: `calls` are the calls that the latest operation would make.

    Args:
        context: settings and engine.
        carry_out: carries out the jobs of updates; the default runs them without an observer.
    """

    def __init__(self, context: Context, carry_out: Callable[[Job], RunReport] = lifecycle.run) -> None:
        super().__init__(context, carry_out)
        self.databases: Databases = Databases(self)
        self.secrets: Secrets = Secrets(self)
        self.releases: Releases = Releases(self)

    def deploy(
        self,
        name: str,
        images: Mapping[str, str],
        *,
        values: Mapping[str, Any] | None = None,
        release: bool = True,
        detach: bool = False,
        dry_run: bool = False,
        check_migrations: bool | None = None,
        observer: Observer = ignore,
    ) -> DeployResult:
        """Deploy images, such as `{"backend": "registry.example.com/shop:2"}`: release, then roll out each service.

        `values` are configuration values by key. `detach` returns before the rollouts end. `dry_run` only previews.
        `check_migrations` refuses a backend image with dangerous pending migrations; None is `[deploy] check_migrations`.
        """
        from orchestrator.operations import deploy

        request = deploy.Deploy(
            images=images,
            release=release,
            detach=detach,
            dry_run=dry_run,
            check_migrations=check_migrations,
            assignments=make_assignments(values),
            wait_seconds=self.context.wait_seconds,
        )
        target, clients = self.find(name)
        return deploy.run(request, target, clients, observer, context=self.context, carry_out=self.carry_out)

    def run(
        self,
        name: str,
        command: Names,
        *,
        service: str | None = None,
        cpu_units: int | None = None,
        memory_mib: int | None = None,
        spot: bool = False,
        detach: bool = False,
        timeout: Duration | None = None,
        observer: Observer = ignore,
        decide: Decide | None = None,
    ) -> CommandResult:
        """Run a command in a task of its own with the image, role, secrets and network of a service (the web service).

        `command` is a list of words, or one string that is split like a shell does. `decide` chooses what happens to the
        task after `interrupt`; the default stops it.
        """
        from orchestrator.operations import run

        request = run.RunCommand(
            command=words(command),
            service=service,
            cpu_units=cpu_units,
            memory_mib=memory_mib,
            spot=spot,
            detach=detach,
            timeout_seconds=run.FOREVER_SECONDS if timeout is None else duration_of(timeout).total_seconds(),
        )
        return run.run(request, *self.find(name), observer, decide=decide or (lambda _: run.OnInterrupt.STOP))

    def exec(
        self,
        name: str,
        command: Names = (),
        *,
        service: str | None = None,
        task: str | None = None,
        observer: Observer = ignore,
    ) -> execute.ShellResult:
        """Run a command (a shell) on this terminal in a running task of a service (the web service), until it ends."""
        from orchestrator.operations import execute

        request = execute.OpenShell(command=words(command) or execute.DEFAULT_COMMAND, service=service, task=task)
        return execute.run(request, *self.find(name), observer)

    def find_shell(
        self,
        name: str,
        command: Names = (),
        *,
        service: str | None = None,
        task: str | None = None,
        observer: Observer = ignore,
    ) -> execute.Shell:
        """Return the container that `exec` uses, and the AWS command for it."""
        from orchestrator.operations import execute

        request = execute.OpenShell(command=words(command) or execute.DEFAULT_COMMAND, service=service, task=task)
        return execute.locate(request, *self.find(name), observer)

    def logs(
        self,
        name: str,
        services: Names = (),
        *,
        since: Duration | None = None,
        follow: bool = False,
        previous: bool = False,
        grep: str | None = None,
        observer: Observer = ignore,
    ) -> LogLines:
        """Return the log lines of services (all), interleaved by time.

        `since` is how far back, by default one hour. `follow` continues until `interrupt`. `previous` reads the last
        ended task of each service. `grep` is a regular expression.
        """
        from orchestrator.operations import logs

        request = logs.ReadLogs(
            services=_names(services),
            since=None if since is None else duration_of(since),
            follow=follow,
            previous=previous,
            grep=grep,
        )
        return logs.LogLines(request, *self.find(name), observer)

    def ps(self, name: str, services: Names = (), *, observer: Observer = ignore) -> TasksResult:
        """Return services (all) and tasks: versions, health, last events, last stop."""
        from orchestrator.operations import ps

        return ps.run(ps.ListTasks(services=_names(services)), *self.find(name), observer)

    def open(self, name: str, path: str = "", *, observer: Observer = ignore) -> Page:
        """Return the address of a page, for example of `/admin/`. No browser is opened."""
        from orchestrator.operations import open_url

        return open_url.run(open_url.OpenUrl(path=path), *self.find(name), observer)

    def sleep(
        self, names: Names, *, observer: Observer = ignore, rested: Callable[[Rested], None] | None = None
    ) -> RestResult:
        """Put environments to sleep, then stop the database servers of bases. `rested` gets each server at once."""
        from orchestrator.operations.sleep import Want

        return self._rest(names, Want.SLEEP, observer, rested)

    def wake(
        self,
        names: Names,
        *,
        until: str | None = None,
        observer: Observer = ignore,
        rested: Callable[[Rested], None] | None = None,
    ) -> RestResult:
        """Start the database servers of bases, then wake environments, and open what its office hours have closed.

        `until` is the end of the opening: a time of day such as `22:00`, or a duration such as `3h`; None is the next
        regular closing. `rested` gets each server at once.
        """
        from orchestrator.operations.sleep import Want

        return self._rest(names, Want.WAKE, observer, rested, until)

    def _rest(
        self,
        names: Names,
        want: Want,
        observer: Observer,
        rested: Callable[[Rested], None] | None,
        until: str | None = None,
    ) -> RestResult:
        from orchestrator.operations import sleep
        from orchestrator.operations.aws import reach

        rest = sleep.prepare(self.context, _names(names), want, allow_prod=self.context.allow_prod, until=until)
        self._latest = []

        def clients_for(base: BaseTarget) -> Clients:
            self._latest.append(reach.for_base(base))
            return self._latest[-1]

        return sleep.run(
            rest,
            self.context,
            partial(self.update, command=want.value),
            observer,
            clients_for=clients_for,
            rested=rested,
        )

    def maintenance_on(self, name: str, *, page: Path | str | None = None, allow: Names = ()) -> MaintenanceResult:
        """Let the load balancer answer 503, except to requests from the address ranges `allow`. `page` is a file."""
        from orchestrator.operations import maintenance

        target = self.target(name)
        update, now = partial(self.update, command="maintenance-on"), self.context.clock()
        given = None if page is None else Path(page)
        return maintenance.turn_on(target, self.stack(target), update, now, page=given, allow=_names(allow))

    def maintenance_off(self, name: str) -> MaintenanceResult:
        """Let all requests reach the services again."""
        from orchestrator.operations import maintenance

        target = self.target(name)
        return maintenance.turn_off(target, self.stack(target), partial(self.update, command="maintenance-off"))

    def scale(
        self,
        name: str,
        counts: Mapping[str, int | str] | Iterable[str],
        *,
        found: Callable[[Sequence[Scaled]], None] = lambda _: None,
        observer: Observer = ignore,
    ) -> ScaleResult:
        """Set the number of tasks by service: `{"web": 3, "default": "2..6"}`; bounds for an autoscaled service.

        `counts` may also be texts: `["web=3"]`. `found` gets the new values before the update.
        """
        from orchestrator.operations import scale

        texts = (f"{key}={count}" for key, count in counts.items()) if isinstance(counts, Mapping) else counts
        parsed = scale.parse(texts)
        target, clients = self.find(name)
        return scale.run(
            parsed, target, clients, self.stack(target), partial(self.update, command="scale"), observer, found=found
        )

    def tunnel(
        self,
        name: str,
        port: int = TUNNEL_PORT,
        *,
        opened: Callable[[tunnel.Tunnel], None] = lambda _: None,
        observer: Observer = ignore,
    ) -> tunnel.TunnelResult:
        """Bring the environment's database to a port of this machine until Ctrl-C; `opened` gets its URL before."""
        from orchestrator.operations import tunnel

        request = tunnel.OpenTunnel(port=port)
        target, clients = self.find(name)
        found = tunnel.locate(request, target, clients)
        opened(found)
        return tunnel.run(found, target, clients, observer)

    def find_tunnel(self, name: str, port: int = TUNNEL_PORT) -> tunnel.Tunnel:
        """Return URL, bastion and AWS command of a tunnel without opening it."""
        from orchestrator.operations import tunnel

        request = tunnel.OpenTunnel(port=port)
        return tunnel.locate(request, *self.find(name))

    def doctor(self, name: str | None = None) -> Iterator[Check]:
        """Check this machine, the backend and the credentials; with a name also what that base or environment needs."""
        from orchestrator.operations.health import doctor

        return doctor.checks(lambda: self.context, name)

    def smoke(self, name: str, *, patience: Duration = timedelta(), observer: Observer = ignore) -> Iterator[Check]:
        """Check that an environment works. `patience` is how long its URL may take to answer."""
        from orchestrator.operations.health import smoke

        target, clients = self.find(name)
        seconds = duration_of(patience).total_seconds()
        return smoke.run(target, clients, self.stack(target), observer, patience_seconds=seconds)

    def prepare_load(
        self,
        name: str,
        duration: Duration,
        *,
        users: int = 10,
        rate: float | None = None,
        paths: Sequence[str] = ("/",),
        locust_file: Path | None = None,
        most_failures_percent: float = 1.0,
        allow_prod: bool = False,
    ) -> PreparedLoad:
        """Return a load test by Locust, whose `run` sends it and returns failures and times of answers.

        The values are the fields of `LoadTest`. Production needs `allow_prod`. Raises UsageError, RefusedError.
        """
        from orchestrator.operations.health import load

        request = load.LoadTest(
            duration=duration_of(duration),
            users=users,
            rate=rate,
            paths=paths,
            locust_file=locust_file,
            most_failures_percent=most_failures_percent,
        )
        target, clients = self.find(name)
        allowed = allow_prod or self.context.allow_prod
        return load.prepare(request, target, allow_prod=allowed, simulated=clients.simulated)

    def idle(self, after: Duration) -> Idleness:
        """Return the environments without a request for this time; `Orchestrator.run(found.update)` puts them to sleep."""
        from orchestrator.operations import idle

        return idle.find(self.context, duration_of(after), self.context.clock())


def _names(names: Names) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)
