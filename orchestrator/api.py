"""The Python API of the orchestrator. The command line is one client of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator import lifecycle
from orchestrator.config import settings
from orchestrator.config.assignments import make_assignments
from orchestrator.config.durations import duration_of
from orchestrator.config.settings import Settings
from orchestrator.cost import deployments as deployment_costs
from orchestrator.cost.facade import CostQueries
from orchestrator.engines import factory
from orchestrator.engines.protocol import Engine
from orchestrator.errors import OrchestratorError
from orchestrator.events import Observer, ignore
from orchestrator.lifecycle import states
from orchestrator.lifecycle.context import Context, utc_now
from orchestrator.lifecycle.registry import Deployment, Registry
from orchestrator.model import Kind, Operation, Outputs, RunReport

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from orchestrator.building.images import Building
    from orchestrator.building.requests import BuildImages, BuiltImage
    from orchestrator.lifecycle import Job, PreviewBase, PreviewEnv, Request
    from orchestrator.lifecycle.diagrams import Diagram
    from orchestrator.lifecycle.expiry import Life, Reaping
    from orchestrator.lifecycle.orphans import Orphans
    from orchestrator.lifecycle.unlock import Unlocked
    from orchestrator.local.facade import Local
    from orchestrator.operations.facade import Operations
    from orchestrator.recovery.deletion import Deletion

Names = str | Sequence[str]
Values = Mapping[str, Any]
Duration = timedelta | str
"""A duration, or its text form: `3d`, `8h`, `1d12h`."""


class Orchestrator(CostQueries):
    """Creates, updates, inspects and destroys bases and environments.

        orchestrator = Orchestrator("infrastructure")
        report = orchestrator.create_env("alpha", base="dev", images={"backend": "registry.example.com/shop:1.4"})
        print(report.exit_code, orchestrator.outputs("alpha")["url"].value)

    Args:
        where: the settings, or a folder with `orchestrator.toml`; None searches the working folder and its parents.
        engine: an engine or its name; None uses the engine in the settings.
        observer: receives the events of runs, from several threads.
        parallel: the number of units that run at the same time; None uses the number in the settings.
        executor: runs the units; None uses the executor in the settings: threads, processes, or a Dask cluster.
        wait: how long to wait for another operation on a stack to end; None does not wait.
        allow_prod: whether production may be changed or destroyed.
        fail_fast: start no further unit after one failed.
        keep_going: within a stack, continue after a failure with the resources that do not depend on the failed one.
        check: whether creates and updates look in AWS first for their zone, certificate, images, secrets and quotas, and
            preview new stacks before anything is created.
        clock: returns the current time, with a time zone.

    Methods raise the errors of `orchestrator.errors` for requests that are refused before any work. Errors during the work
    are in the report. After an interrupt, create a new object.
    """

    def __init__(
        self,
        where: Settings | Path | str | None = None,
        *,
        engine: Engine | str | None = None,
        observer: Observer = ignore,
        parallel: int | None = None,
        executor: Executor | None = None,
        wait: Duration | None = None,
        allow_prod: bool = False,
        fail_fast: bool = False,
        keep_going: bool = False,
        check: bool = True,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        found = where if isinstance(where, Settings) else settings.load(Path(where) if where is not None else None)
        carrier = factory.create(found, engine) if engine is None or isinstance(engine, str) else engine
        self.settings: Settings = found
        self.engine: Engine = carrier
        self.context: Context = Context(
            settings=found,
            engine=carrier,
            clock=clock,
            allow_prod=allow_prod,
            wait_seconds=duration_of(wait).total_seconds() if wait is not None else 0.0,
            fail_fast=fail_fast,
            keep_going=keep_going,
            before=_look_in_aws if check else _look_nowhere,
            preview_first=check,
            observer=observer,
            parallel=parallel,
            executor=executor,
        )

    @cached_property
    def operations(self) -> Operations:
        """Daily work on environments: deploy, run, logs, databases, health. Loads boto3."""
        from orchestrator.operations.facade import Operations

        return Operations(self.context)

    @cached_property
    def local(self) -> Local:
        """Environments on this machine, from their own declaration. Needs the extra `local`."""
        from orchestrator.local.facade import Local

        return Local(self.settings)

    def building(self, request: BuildImages) -> Building:
        """The images of a request, named by what goes into them. `run` builds them."""
        from orchestrator.building.images import Building  # loads boto3

        return Building(self.settings, request, simulated=self.engine.notice is not None)

    def build(self, request: BuildImages, *, create_repository: bool = False) -> tuple[BuiltImage, ...]:
        """Build images; with `push`, push those that the registry does not have. The simulation only names them.

        The `reference` of each result is the image for `create_env` and `operations.deploy`.
        """
        return self.building(request).run(lambda _name, _line: None, lambda _question: create_repository)

    def prepare(self, request: Request) -> Job:
        """Check a request and return its job, which `run_job` carries out. Nothing is changed."""
        return lifecycle.prepare(self.context, request)

    def prepare_plan(self, request: PreviewBase | PreviewEnv, folder: Path | str) -> Job:
        """`prepare` for a preview with a saved plan. The folder is created; an existing one may hold only an older plan."""
        lifecycle.saved_plan.prepare_folder(Path(folder))
        job = self.prepare(request)
        return replace(job, plans=Path(folder).absolute())

    def save_plan(self, job: Job, request: PreviewBase | PreviewEnv, report: RunReport) -> bool:
        """Write the plan of a preview; return False when the preview failed and has no plan."""
        if report.exit_code == 0:
            lifecycle.saved_plan.save(job, request, job.seen)
        return report.exit_code == 0

    def prepare_apply(self, folder: Path | str) -> Job:
        """`prepare` for a saved plan. Raises RefusedError with the changes since the review when the plan no longer fits."""
        plan = lifecycle.saved_plan.load(Path(folder))
        return lifecycle.saved_plan.fitted(plan, self.prepare(plan.request))

    def run(self, request: Request) -> RunReport:
        """`prepare`, then `run_job`, without confirmation even when something is destroyed."""
        return self.run_job(self.prepare(request))

    def run_job(self, job: Job) -> RunReport:
        """Carry out a job that `prepare` returned.

        Destroying an environment also drops its database on the base's server, before its stacks, and deletes the secrets
        that were pushed for it, after its stacks. A base takes the databases with its server. Data of production stays. A
        failure to remove these is a warning and does not stop the destruction.
        """
        from orchestrator.operations.leftovers import Leftovers  # loads what creates and destroys

        leftovers = Leftovers(job=job)
        report = lifecycle.run(job, first=leftovers.before, last=leftovers.after)
        self._notify(lambda notices: notices.of_run(job, report))
        return report

    def notify_expiring(self, reaping: Reaping) -> int:
        """Notify the webhooks of environments that expire within two days or two hours, each once. Returns how many."""
        notified = 0
        for soon in reaping.soon if self.settings.notify else ():
            if lifecycle.expiry.not_warned(soon) and not self.engine.notice:
                lifecycle.expiry.note_warned(self.context, soon)
                self._notify(lambda notices, soon=soon: [notices.of_expiry(soon, self.context.clock())])
                notified += 1
        return notified

    def _notify(self, found: Callable[[Any], Sequence[Any]]) -> None:
        """Send notices to the webhooks, if there are any."""
        if self.settings.notify:
            from orchestrator.operations import notices

            notices.announce(found(notices), self.context)

    def interrupt(self) -> None:
        """Interrupt the run as Ctrl-C does: operations in flight end, no new one starts. Call it from any thread."""
        self.context.interrupter()

    def create_base(
        self, name: str, *, kind: Kind | str | None = None, values: Values | None = None, owner: str | None = None
    ) -> RunReport:
        """Create a base, or continue where an earlier attempt stopped.

        `values` are configuration values by key, as for `--set`: `{"network.nat": "none", "aws:region": "eu-west-1"}`.
        """
        return self.run(
            lifecycle.CreateBase(
                name=name, kind=lifecycle.kind_of(kind), assignments=make_assignments(values), owner=owner
            )
        )

    def create_env(
        self,
        names: Names,
        *,
        base: str | None = None,
        images: Mapping[str, str] | None = None,
        values: Values | None = None,
        owner: str | None = None,
        ttl: Duration | None = None,
    ) -> RunReport:
        """Create environments, and first their base when it is configured and does not exist yet.

        `ttl` is the time to live after each deployment; `reap` finds expired environments.
        """
        request = lifecycle.CreateEnv(
            names=_names(names),
            base=base,
            images=images or {},
            assignments=make_assignments(values),
            owner=owner,
            ttl=duration_of(ttl) if ttl is not None else None,
        )
        return self.run(request)

    def update_base(self, names: Names, *, with_envs: bool = False, values: Values | None = None) -> RunReport:
        """Update bases to their configuration and, with `with_envs`, the environments on them."""
        return self.run(
            lifecycle.UpdateBase(names=_names(names), with_envs=with_envs, assignments=make_assignments(values))
        )

    def update_env(
        self, names: Names, *, images: Mapping[str, str] | None = None, values: Values | None = None
    ) -> RunReport:
        """Update environments to match their configuration."""
        return self.run(
            lifecycle.UpdateEnv(names=_names(names), images=images or {}, assignments=make_assignments(values))
        )

    def preview_base(
        self,
        name: str,
        *,
        kind: Kind | str | None = None,
        values: Values | None = None,
        save_plan: Path | str | None = None,
    ) -> RunReport:
        """Preview `create_base` or `update_base`. `save_plan` is a folder for `apply`."""
        return self._preview(
            lifecycle.PreviewBase(name=name, kind=lifecycle.kind_of(kind), assignments=make_assignments(values)),
            save_plan,
        )

    def preview_env(
        self,
        name: str,
        *,
        base: str | None = None,
        images: Mapping[str, str] | None = None,
        values: Values | None = None,
        save_plan: Path | str | None = None,
    ) -> RunReport:
        """Preview `create_env` or `update_env`, even before the base exists. `save_plan` is a folder for `apply`."""
        request = lifecycle.PreviewEnv(name=name, base=base, images=images or {}, assignments=make_assignments(values))
        return self._preview(request, save_plan)

    def apply(self, folder: Path | str) -> RunReport:
        """Carry out exactly a saved plan. Raises RefusedError when program, configuration or state changed since."""
        return self.run_job(self.prepare_apply(folder))

    def destroy_env(self, names: Names) -> RunReport:
        """Destroy environments, without confirmation."""
        return self.run(lifecycle.DestroyEnv(names=_names(names)))

    def destroy_base(self, names: Names, *, cascade: bool = False) -> RunReport:
        """Destroy bases and, with `cascade`, the environments on them first, without confirmation."""
        return self.run(lifecycle.DestroyBase(names=_names(names), cascade=cascade))

    def drift(self, names: Names) -> RunReport:
        """Compare AWS with the state: `update` is a changed resource, `delete` a missing one. Nothing is changed."""
        return self.run(lifecycle.Drift(names=_names(names)))

    def refresh(self, names: Names) -> RunReport:
        """Bring the state in line with AWS."""
        return self.run(lifecycle.Refresh(names=_names(names)))

    def extend(self, names: Names, ttl: Duration) -> tuple[Life, ...]:
        """Let environments expire after `ttl`, counted from now and again from each later deployment."""
        return lifecycle.expiry.extend(self.context, _names(names), duration_of(ttl))

    def pin(self, names: Names) -> tuple[Life, ...]:
        """Keep environments after they expire."""
        return lifecycle.expiry.pin(self.context, _names(names), pinned=True)

    def unpin(self, names: Names) -> tuple[Life, ...]:
        """Let environments expire again."""
        return lifecycle.expiry.pin(self.context, _names(names), pinned=False)

    def reap(self) -> Reaping:
        """Find environments that expired or will soon. Nothing is changed; `run_job(reaping.job)` destroys the expired."""
        return lifecycle.expiry.reap(self.context)

    def unlock(self, name: str, *, force: bool = False) -> tuple[Unlocked, ...]:
        """Remove locks of dead processes and, with `force`, of other machines. Raises StackLockedError."""
        return lifecycle.unlock.unlock(self.context, name, force=force)

    def orphans(self, base: str | None = None) -> Orphans:
        """Find resources in AWS with our tags that no stack contains, of all bases or of one. Nothing is changed."""
        from orchestrator.lifecycle import orphans  # used here only

        return orphans.find(self.context, base)

    def delete_orphans(
        self, found: Orphans, report: Callable[[Deletion], None] = lambda _deletion: None
    ) -> tuple[Deletion, ...]:
        """Delete the resources that `orphans` found, without confirmation. A failure does not stop the rest."""
        from orchestrator.lifecycle import orphans

        return orphans.delete(found, report)

    def registry(self) -> Registry:
        """All bases and environments that exist."""
        return self.context.registry()

    def list(self, *, with_cost: bool = False) -> tuple[Deployment, ...]:
        """Bases, each followed by its environments, then environments without a known base; in alphabetical order.

        Without the stacks of projects that this user cannot list; `closed` returns those projects.
        """
        found = states.read(self.context.readable_registry().listed(), self.context)
        return deployment_costs.with_costs(found, self.context, self.prices) if with_cost else found

    def closed(self) -> Mapping[str, OrchestratorError]:
        """The projects, by key, whose stacks this user cannot list, each with the reason."""
        return self.engine.closed()

    def show(self, name: str) -> Deployment:
        """One environment or base; `base/NAME` selects the base when both have the name. Raises UnknownStackError."""
        (found,) = states.read([self.registry().named(name)], self.context)
        return found

    def outputs(self, name: str) -> Outputs:
        """The outputs of one environment or base, with secrets marked. Raises UnknownStackError."""
        return self.show(name).outputs

    def _preview(self, request: PreviewBase | PreviewEnv, folder: Path | str | None) -> RunReport:
        job = self.prepare(request) if folder is None else self.prepare_plan(request, folder)
        report = self.run_job(job)
        if folder is not None:
            self.save_plan(job, request, report)
        return report

    def graph(self, name: str | None = None) -> Diagram:
        """The dependencies of all stacks; with a name, its resources. `rendering.graph.render` renders them as text."""
        return lifecycle.diagrams.of_context(self.context, name)


def _look_in_aws(job: Job) -> None:
    if job.operation is Operation.UP and job.context.engine.notice is None:
        from orchestrator.operations.health import before_create  # loads boto3

        before_create.check(job)


def _look_nowhere(_job: Job) -> None:
    pass


def _names(names: Names) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)
