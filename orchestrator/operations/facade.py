"""The operations for Python programs: `Orchestrator(...).operations`."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar

from orchestrator import lifecycle
from orchestrator.config.assignments import make_assignment
from orchestrator.config.durations import parse_duration
from orchestrator.errors import UsageError
from orchestrator.lifecycle.job import Job
from orchestrator.lifecycle.requests import Request, UpdateEnv
from orchestrator.model import RunReport
from orchestrator.operations import app_stack, execute, open_url
from orchestrator.operations import deploy as deploying
from orchestrator.operations import idle as idling
from orchestrator.operations import logs as log_lines
from orchestrator.operations import ps as processes
from orchestrator.operations import run as commands
from orchestrator.operations import scale as scaling
from orchestrator.operations import secrets as secret_values
from orchestrator.operations import sleep as resting
from orchestrator.operations import tunnel as tunnels
from orchestrator.operations.aws import targets
from orchestrator.operations.aws.clients import ApiCall, Clients, WakefulClock
from orchestrator.operations.aws.reach import for_base, for_target
from orchestrator.operations.aws.targets import BaseTarget, Target
from orchestrator.operations.database import databases
from orchestrator.operations.events import LogLine, Observer, ignore
from orchestrator.operations.health import doctor, smoke

if TYPE_CHECKING:
    from orchestrator.lifecycle.context import Context
    from orchestrator.operations.database.databases import Confirm, DatabaseResult
    from orchestrator.operations.health.verdicts import Check

Names = str | Sequence[str]
Choice = TypeVar("Choice", bound=StrEnum)
Duration = timedelta | str
"""A duration, or its short form: `3d`, `8h`, `1d12h`."""


class Operations:
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
        self.context: Context = context
        self._carry_out = carry_out
        self._latest: list[Clients] = []
        self.databases: Databases = Databases(self)
        self.secrets: Secrets = Secrets(self)

    @property
    def calls(self) -> tuple[ApiCall, ...]:
        """The calls of the latest operation in the simulation; empty on AWS."""
        return tuple(call for clients in self._latest for call in clients.calls)

    def interrupt(self) -> None:
        """End the current or next wait of the latest operation: `logs` ends, `run` asks `decide`. From any thread."""
        for clients in self._latest:
            if isinstance(clients.clock, WakefulClock):
                clients.clock.wake()

    def target(self, name: str) -> Target:
        """Return an environment with its outputs and its AWS access. Raises UnknownStackError, RefusedError."""
        return targets.find(self.context, name)

    def find(self, name: str) -> tuple[Target, Clients]:
        """Return an environment and its AWS clients, for the functions of the modules of `orchestrator.operations`."""
        target = self.target(name)
        clients = for_target(target)
        self._latest = [clients]
        return target, clients

    def update(self, request: Request) -> RunReport:
        """Check a request and carry it out."""
        return self._carry_out(lifecycle.prepare(self.context, request))

    def stack(self, target: Target) -> app_stack.AppStack:
        """Return the stack that runs an environment's services."""
        return app_stack.find(self.context, target.environment)

    def deploy(
        self,
        name: str,
        images: Mapping[str, str],
        *,
        values: Mapping[str, Any] | None = None,
        release: bool = True,
        detach: bool = False,
        dry_run: bool = False,
        observer: Observer = ignore,
    ) -> deploying.DeployResult:
        """Deploy images, such as `{"backend": "registry.example.com/shop:2"}`: release, then roll out each service.

        `values` are configuration values by key. `detach` returns before the rollouts end. `dry_run` only previews.
        """
        request = deploying.Deploy(
            images=images,
            release=release,
            detach=detach,
            dry_run=dry_run,
            assignments=tuple(make_assignment(key, value) for key, value in (values or {}).items()),
            wait_seconds=self.context.wait_seconds,
        )
        target, clients = self.find(name)
        return deploying.run(request, target, clients, observer, context=self.context, carry_out=self._carry_out)

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
        decide: commands.Decide = lambda _: commands.OnInterrupt.STOP,
    ) -> commands.CommandResult:
        """Run a command in a task of its own with the image, role, secrets and network of a service (the web service).

        `command` is a list of words, or one string that is split like a shell does. `decide` chooses what happens to the
        task after `interrupt`.
        """
        request = commands.RunCommand(
            command=_words(command),
            service=service,
            cpu_units=cpu_units,
            memory_mib=memory_mib,
            spot=spot,
            detach=detach,
            timeout_seconds=commands.FOREVER_SECONDS if timeout is None else _duration(timeout).total_seconds(),
        )
        return commands.run(request, *self.find(name), observer, decide=decide)

    def exec(
        self,
        name: str,
        command: Names = execute.DEFAULT_COMMAND,
        *,
        service: str | None = None,
        task: str | None = None,
        observer: Observer = ignore,
    ) -> execute.ShellResult:
        """Run a command on this terminal in a running task of a service (the web service), until it ends."""
        request = execute.OpenShell(command=_words(command), service=service, task=task)
        return execute.run(request, *self.find(name), observer)

    def find_shell(
        self,
        name: str,
        command: Names = execute.DEFAULT_COMMAND,
        *,
        service: str | None = None,
        task: str | None = None,
        observer: Observer = ignore,
    ) -> execute.Shell:
        """Return the container that `exec` uses, and the AWS command for it."""
        request = execute.OpenShell(command=_words(command), service=service, task=task)
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
    ) -> Generator[LogLine]:
        """Return the log lines of services (all), interleaved by time.

        `since` is how far back, by default one hour. `follow` continues until `interrupt`. `previous` reads the last
        ended task of each service. `grep` is a regular expression.
        """
        request = log_lines.ReadLogs(
            services=_names(services),
            since=None if since is None else _duration(since),
            follow=follow,
            previous=previous,
            grep=grep,
        )
        return log_lines.lines(request, *self.find(name), observer)

    def ps(self, name: str, services: Names = (), *, observer: Observer = ignore) -> processes.TasksResult:
        """Return services (all) and tasks: versions, health, last events, last stop."""
        return processes.run(processes.ListTasks(services=_names(services)), *self.find(name), observer)

    def open(self, name: str, path: str = "", *, observer: Observer = ignore) -> open_url.Page:
        """Return the address of a page, for example of `/admin/`. No browser is opened."""
        return open_url.run(open_url.OpenUrl(path=path), *self.find(name), observer)

    def sleep(self, names: Names, *, observer: Observer = ignore) -> resting.RestResult:
        """Put environments to sleep, then stop the database servers of bases."""
        return self._rest(names, resting.Want.SLEEP, observer)

    def wake(self, names: Names, *, observer: Observer = ignore) -> resting.RestResult:
        """Start the database servers of bases, then wake environments."""
        return self._rest(names, resting.Want.WAKE, observer)

    def _rest(self, names: Names, want: resting.Want, observer: Observer) -> resting.RestResult:
        rest = resting.prepare(self.context, _names(names), want, allow_prod=self.context.allow_prod)
        self._latest = []

        def clients_for(base: BaseTarget) -> Clients:
            self._latest.append(for_base(base))
            return self._latest[-1]

        return resting.run(rest, self.context, self.update, observer, clients_for=clients_for)

    def scale(self, name: str, counts: Mapping[str, int | str]) -> scaling.ScaleResult:
        """Set the number of tasks by service: `{"web": 3, "default": "2..6"}`; bounds for an autoscaled service."""
        parsed = scaling.parse(f"{service}={count}" for service, count in counts.items())
        target, clients = self.find(name)
        found = scaling.prepare(parsed, target, clients, self.stack(target))
        assignments = tuple(assignment for item in found for assignment in item.assignments)
        report = self.update(UpdateEnv(names=(target.environment,), assignments=assignments))
        return scaling.ScaleResult(services=found, report=report)

    def tunnel(
        self,
        name: str,
        port: int = tunnels.DEFAULT_PORT,
        *,
        opened: Callable[[tunnels.Tunnel], None] = lambda _: None,
        observer: Observer = ignore,
    ) -> tunnels.TunnelResult:
        """Bring the environment's database to a port of this machine until Ctrl-C; `opened` gets its URL before."""
        target, clients = self.find(name)
        found = tunnels.locate(tunnels.OpenTunnel(port=port), target, clients)
        opened(found)
        return tunnels.run(found, target, clients, observer)

    def find_tunnel(self, name: str, port: int = tunnels.DEFAULT_PORT) -> tunnels.Tunnel:
        """Return URL, bastion and AWS command of a tunnel without opening it."""
        return tunnels.locate(tunnels.OpenTunnel(port=port), *self.find(name))

    def doctor(self, name: str | None = None) -> Iterator[Check]:
        """Check this machine, the backend and the credentials; with a name also what that base or environment needs."""
        return doctor.checks(lambda: self.context, name)

    def smoke(self, name: str, *, patience: Duration = timedelta(), observer: Observer = ignore) -> Iterator[Check]:
        """Check that an environment works. `patience` is how long its URL may take to answer."""
        target, clients = self.find(name)
        app, seconds = self.stack(target), _duration(patience).total_seconds()
        return smoke.run(target, clients, app, observer, patience_seconds=seconds)

    def idle(self, after: Duration) -> idling.Idleness:
        """Return the environments without a request for this time; `Orchestrator.run(found.update)` puts them to sleep."""
        return idling.find(self.context, _duration(after), self.context.clock())


class Databases:
    """Work on the environments' own databases. `confirm` is called before data is deleted, and raises to refuse."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    def create(self, name: str, *, observer: Observer = ignore) -> DatabaseResult:
        """Create database and role if they do not exist."""
        return databases.create(*self._operations.find(name), observer)

    def drop(
        self, name: str, *, observer: Observer = ignore, confirm: Confirm = databases.no_confirmation
    ) -> DatabaseResult:
        """Delete database and role. Raises RefusedError for production."""
        return databases.drop(*self._operations.find(name), observer, confirm=confirm)

    def reset(
        self,
        name: str,
        *,
        seed: Names = (),
        release: bool = True,
        observer: Observer = ignore,
        confirm: Confirm = databases.no_confirmation,
    ) -> DatabaseResult:
        """Drop and create the database, run the release command, then the `seed` command."""
        request = databases.ResetDatabase(seed=_words(seed), release=release)
        return databases.reset(request, *self._operations.find(name), observer, confirm=confirm)

    def clone(
        self,
        name: str,
        source: str,
        *,
        allow_prod_data: bool = False,
        release: bool = True,
        observer: Observer = ignore,
        confirm: Confirm = databases.no_confirmation,
    ) -> DatabaseResult:
        """Replace the database by a copy of another environment's."""
        target, clients = self._operations.find(name)
        origin = self._operations.target(source)
        request = databases.CloneDatabase(source=origin, allow_prod_data=allow_prod_data, release=release)
        return databases.clone(request, target, clients, observer, confirm=confirm)

    def dump(self, name: str, *, to: str | None = None, observer: Observer = ignore) -> DatabaseResult:
        """Write the database to the environment's bucket, and also to the file `to`."""
        return databases.dump(*self._operations.find(name), observer, to=to)

    def restore(
        self,
        name: str,
        source: str,
        *,
        allow_prod_data: bool = False,
        release: bool = True,
        observer: Observer = ignore,
        confirm: Confirm = databases.no_confirmation,
    ) -> DatabaseResult:
        """Replace the database by a dump: `s3://BUCKET/KEY`, or a file on this machine."""
        request = databases.RestoreDatabase(
            source=source,
            allow_prod=self._operations.context.allow_prod,
            allow_prod_data=allow_prod_data,
            release=release,
        )
        return databases.restore(request, *self._operations.find(name), observer, confirm=confirm)


class Secrets:
    """The environments' secret values."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    def push(
        self,
        name: str,
        values: Mapping[str, str],
        *,
        store: secret_values.Store | str = secret_values.Store.SECRETS_MANAGER,
        provided: secret_values.Provided | str = secret_values.Provided.REFUSE,
        dry_run: bool = False,
        observer: Observer = ignore,
    ) -> secret_values.DeliveredSecrets:
        """Store values and give them to the containers: by an update, or by new tasks when only values changed."""
        request = secret_values.PushSecrets(
            values=values,
            store=_choice(secret_values.Store, store, "store"),
            provided=_choice(secret_values.Provided, provided, "provided"),
            dry_run=dry_run,
            allow_prod=self._operations.context.allow_prod,
        )
        target, clients = self._operations.find(name)
        app = self._operations.stack(target)
        result = secret_values.push(request, target, clients, app)
        assignments = () if dry_run else secret_values.assignments(result, app)
        report = None
        if assignments:
            report = self._operations.update(UpdateEnv(names=(target.environment,), assignments=assignments))
        elif not dry_run:
            secret_values.restart(target, clients, result.stale, observer)
        return secret_values.DeliveredSecrets(stored=result, report=report)

    def list(self, name: str) -> tuple[secret_values.SecretEntry, ...]:
        """Return the variables that are secrets and the places of their values. No value is read."""
        target, clients = self._operations.find(name)
        return secret_values.listed(target, clients, self._operations.stack(target))


def _names(names: Names) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)


def _words(command: Names) -> tuple[str, ...]:
    return tuple(shlex.split(command)) if isinstance(command, str) else tuple(command)


def _choice(kind: type[Choice], text: str, name: str) -> Choice:
    if text not in list(kind):
        raise UsageError(f"{name} {text!r} is unknown: it is {' or '.join(kind)}")
    return kind(text)


def _duration(duration: Duration) -> timedelta:
    return parse_duration(duration) if isinstance(duration, str) else duration
