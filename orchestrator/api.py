"""The orchestrator for Python programs: everything that the command line does, without a terminal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator import lifecycle
from orchestrator.config import settings
from orchestrator.config.assignments import Assignment, make_assignment
from orchestrator.config.aws_settings import access_of
from orchestrator.config.durations import parse_duration
from orchestrator.config.settings import Settings
from orchestrator.config.stack_config import StackConfig, config_path, configured_stacks
from orchestrator.cost import prices as price_tables
from orchestrator.cost.estimate import Costs, Estimate, MonthlyCost, estimate
from orchestrator.cost.prices import PriceTable
from orchestrator.cost.remembered import RememberedCosts
from orchestrator.engines import factory
from orchestrator.engines.protocol import Engine
from orchestrator.errors import OrchestratorError, UsageError
from orchestrator.events import Diagnostic, Observer, ignore
from orchestrator.lifecycle import (
    Context,
    CreateBase,
    CreateEnv,
    DestroyBase,
    DestroyEnv,
    Drift,
    Job,
    PreviewBase,
    PreviewEnv,
    Refresh,
    Request,
    UpdateBase,
    UpdateEnv,
    diagrams,
    saved_plan,
    upkeep,
)
from orchestrator.lifecycle import reap as reaping
from orchestrator.lifecycle.context import utc_now
from orchestrator.lifecycle.diagrams import Diagram
from orchestrator.lifecycle.reap import Reaping
from orchestrator.lifecycle.registry import Deployment, Registry
from orchestrator.lifecycle.runner import Interrupter
from orchestrator.lifecycle.upkeep import Life, Unlocked
from orchestrator.model import Kind, Operation, Outputs, RunReport, Scope, Status, Unit
from pulumi_django.deploying.aws_access import AwsAccess

if TYPE_CHECKING:
    from orchestrator.cost.refresh import Refreshed
    from orchestrator.lifecycle.orphans import Orphans
    from orchestrator.operations.departure import Departure
    from orchestrator.operations.events import Event as OperationEvent
    from orchestrator.operations.facade import Operations
    from orchestrator.recovery.deletion import Deletion

Names = str | Sequence[str]
Values = Mapping[str, Any]
Duration = timedelta | str
"""A duration, or how people write one: `3d`, `8h`, `1d12h`."""


class Orchestrator:
    """Creates, references, updates, inspects and destroys bases and environments.

        orchestrator = Orchestrator("infrastructure")
        report = orchestrator.create_env("alpha", base="dev", images={"backend": "registry.example.com/shop:1.4"})
        print(report.exit_code, orchestrator.outputs("alpha")["url"].value)

    Args:
        where: the settings, or a folder that holds `orchestrator.toml`; None looks in the working folder and above.
        engine: an engine, or its name; None is what the settings say.
        observer: hears what happens during runs, from several threads.
        parallel: how many units run at the same time; None is what the settings say.
        executor: where units run; None is what the settings say: a thread for each, processes, or a Dask cluster.
        wait: how long to wait for somebody else's operation on a stack to end; None does not wait.
        allow_prod: whether production may be changed or destroyed.
        fail_fast: begin no further unit after one failed.
        keep_going: within a stack, go on after a resource failed with those that do not depend on it.
        clock: tells the time, with a time zone.

    Methods raise the errors of `orchestrator.errors` for what is refused before any work; what fails during the work stands
    in the report. After an interrupt the object is spent: make a new one.
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
            wait_seconds=_duration(wait).total_seconds() if wait is not None else 0.0,
            fail_fast=fail_fast,
            keep_going=keep_going,
        )
        self._observer = observer
        self._parallel = parallel
        self._executor = executor
        self._interrupter = Interrupter()
        self._prices: PriceTable | None = None

    @cached_property
    def operations(self) -> Operations:
        """Daily work on environments: deploy, run, logs, databases, health. Loads boto3."""
        from orchestrator.operations.facade import Operations

        return Operations(self.context, self.run_job)

    def prepare(self, request: Request) -> Job:
        """Check a request and say what it comes to, without touching anything; `run_job` then does it."""
        return lifecycle.prepare(self.context, request, self._tell)

    def prepare_plan(self, request: PreviewBase | PreviewEnv, folder: Path | str) -> Job:
        """`prepare` for a preview whose plan is saved in a folder, which is made or must hold nothing but an older plan."""
        saved_plan.prepare_folder(Path(folder))
        job = self.prepare(request)
        return replace(job, plans=Path(folder).absolute())

    def save_plan(self, job: Job, request: PreviewBase | PreviewEnv, report: RunReport) -> bool:
        """Write the plan of a preview that ran; False when it failed, and there is nothing to apply."""
        if report.exit_code == 0:
            saved_plan.save(job, request, job.seen)
        return report.exit_code == 0

    def prepare_apply(self, folder: Path | str) -> Job:
        """`prepare` for a saved plan. Raises RefusedError when it does not fit any more, saying what moved."""
        plan = saved_plan.load(Path(folder))
        return saved_plan.fitted(plan, self.prepare(plan.request))

    def run_job(self, job: Job, departures: Sequence[Departure] = ()) -> RunReport:
        """Carry out a job that `prepare` returned; `departures` are what `depart` said of it."""

        def clear() -> None:
            for environment in departures if job.command == "destroy-env" else ():
                self._cleared(environment.before)

        return job.run(
            self._observer,
            parallel=self._parallel,
            executor=self._executor,
            interrupter=self._interrupter,
            first=clear,
        )

    def run(self, request: Request) -> RunReport:
        """`prepare` and `run_job`: without asking anybody, also when something is destroyed."""
        job = self.prepare(request)
        departures = self.depart(job)
        report = self.run_job(job, departures)
        self.departed(departures, report)
        return report

    def depart(self, job: Job) -> tuple[Departure, ...]:
        """What environments that are destroyed leave behind: databases on the base's server, which their stacks know nothing of.

        `run_job` drops them once nothing is in the way of the job. Nothing for other jobs, in the simulation, and for
        production, whose data stays; when the base goes too, the databases go with its server. What cannot be dropped is
        reported and keeps no environment from being destroyed. `departed` comes afterwards.
        """
        if job.operation is not Operation.DESTROY or self.engine.notice:
            return ()
        from orchestrator.operations import departure  # boto3 is needed only here

        names = tuple(dict.fromkeys(step.unit.stack for step in job.steps if step.scope is Scope.ENVIRONMENT))
        return departure.find(self.context, names)

    def departed(self, departures: Sequence[Departure], report: RunReport) -> None:
        """After environments were destroyed: delete the secrets that were pushed for them."""
        gone = {result.unit.stack for result in report.results if result.status in (Status.SUCCEEDED, Status.UNCHANGED)}
        for environment in departures:
            if environment.target.environment in gone:
                self._cleared(environment.after)

    def _cleared(self, clear: Callable[[Callable[[OperationEvent], None]], None]) -> None:
        try:
            clear(self._noted)
        except Exception as error:  # whatever is left behind, nobody is kept from being destroyed
            text = f"something may be left behind: {type(error).__name__}: {error}"
            self._observer(Diagnostic(unit=None, severity="warning", message=text))

    def _noted(self, event: OperationEvent) -> None:
        from orchestrator.operations.events import Note

        if isinstance(event, Note):
            self._observer(Diagnostic(unit=None, severity=event.severity, message=event.text))

    def interrupt(self) -> None:
        """What Ctrl-C does on the command line: finish what is in flight, begin nothing new. From any thread."""
        self._interrupter()

    def create_base(
        self, name: str, *, kind: Kind | str | None = None, values: Values | None = None, owner: str | None = None
    ) -> RunReport:
        """Create a base, or go on where an earlier attempt stopped.

        `values` are configuration values by key, as after `--set`: `{"network.nat": "none", "aws:region": "eu-west-1"}`.
        """
        return self.run(CreateBase(name=name, kind=_kind(kind), assignments=_assignments(values), owner=owner))

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
        """Create environments; their base too, when it is configured and not there yet.

        `ttl` is how long they live after they were last deployed; `reap` destroys them then.
        """
        request = CreateEnv(
            names=_names(names),
            base=base,
            images=images or {},
            assignments=_assignments(values),
            owner=owner,
            ttl=_duration(ttl) if ttl is not None else None,
        )
        return self.run(request)

    def update_base(self, names: Names, *, with_envs: bool = False, values: Values | None = None) -> RunReport:
        """Bring bases in line with their configuration, and the environments on them when asked."""
        return self.run(UpdateBase(names=_names(names), with_envs=with_envs, assignments=_assignments(values)))

    def update_env(
        self, names: Names, *, images: Mapping[str, str] | None = None, values: Values | None = None
    ) -> RunReport:
        """Bring environments in line with their configuration."""
        return self.run(UpdateEnv(names=_names(names), images=images or {}, assignments=_assignments(values)))

    def preview_base(
        self,
        name: str,
        *,
        kind: Kind | str | None = None,
        values: Values | None = None,
        save_plan: Path | str | None = None,
    ) -> RunReport:
        """What `create_base` or `update_base` would do; `save_plan` is a folder for `apply`."""
        return self._preview(PreviewBase(name=name, kind=_kind(kind), assignments=_assignments(values)), save_plan)

    def preview_env(
        self,
        name: str,
        *,
        base: str | None = None,
        images: Mapping[str, str] | None = None,
        values: Values | None = None,
        save_plan: Path | str | None = None,
    ) -> RunReport:
        """What `create_env` or `update_env` would do, also when the base does not exist yet.

        `save_plan` is a folder for `apply`.
        """
        request = PreviewEnv(name=name, base=base, images=images or {}, assignments=_assignments(values))
        return self._preview(request, save_plan)

    def apply(self, folder: Path | str) -> RunReport:
        """Carry out exactly a saved plan. Raises RefusedError when program, configuration or state moved since."""
        return self.run_job(self.prepare_apply(folder))

    def destroy_env(self, names: Names) -> RunReport:
        """Destroy environments. Nobody is asked."""
        return self.run(DestroyEnv(names=_names(names)))

    def destroy_base(self, names: Names, *, cascade: bool = False) -> RunReport:
        """Destroy bases, and with `cascade` the environments on them first. Nobody is asked."""
        return self.run(DestroyBase(names=_names(names), cascade=cascade))

    def drift(self, names: Names) -> RunReport:
        """What in AWS is not as the state says: `update` is changed, `delete` is gone. Nothing is changed."""
        return self.run(Drift(names=_names(names)))

    def refresh(self, names: Names) -> RunReport:
        """Bring the state in line with what is in AWS."""
        return self.run(Refresh(names=_names(names)))

    def extend(self, names: Names, ttl: Duration) -> tuple[Life, ...]:
        """Let environments expire that long from now, and that long after each later deploy."""
        return upkeep.extend(self.context, _names(names), _duration(ttl))

    def pin(self, names: Names) -> tuple[Life, ...]:
        """Keep environments whatever their age."""
        return upkeep.pin(self.context, _names(names), pinned=True)

    def unpin(self, names: Names) -> tuple[Life, ...]:
        """Let environments expire again."""
        return upkeep.pin(self.context, _names(names), pinned=False)

    def reap(self) -> Reaping:
        """Which environments expired, or will soon. Nothing is touched: `run_job(reaping.job)` destroys the expired."""
        return reaping.reap(self.context)

    def unlock(self, name: str, *, force: bool = False) -> tuple[Unlocked, ...]:
        """Remove the locks of dead processes; with `force` also those of other machines. Raises StackLockedError."""
        return upkeep.unlock(self.context, name, force=force)

    def orphans(self, base: str | None = None) -> Orphans:
        """Resources in AWS with our tags that no stack knows, of all bases or of one. Nothing is changed."""
        from orchestrator.lifecycle import orphans  # only this looks through a whole account

        return orphans.find(self.context, base)

    def delete_orphans(
        self, found: Orphans, report: Callable[[Deletion], None] = lambda _deletion: None
    ) -> tuple[Deletion, ...]:
        """Delete what `orphans` found; a failure stops nothing. Nobody is asked."""
        from orchestrator.lifecycle import orphans

        return orphans.delete(found, report)

    def registry(self) -> Registry:
        """Every base and environment that exists."""
        return self.context.registry()

    def list(self, *, with_cost: bool = False) -> tuple[Deployment, ...]:
        """Bases, each followed by the environments on it, then environments whose base is not known; alphabetical."""
        registry = self.registry()
        listed: dict[int, Deployment] = {}
        for base in registry.bases.values():
            for deployment in (base, *(registry.environments[name] for name in base.environments)):
                listed.setdefault(id(deployment), deployment)
        for environment in registry.environments.values():
            listed.setdefault(id(environment), environment)
        found = tuple(replace(each, asleep=self._sleeps(each)) for each in listed.values())
        return self._with_costs(found) if with_cost else found

    def show(self, name: str) -> Deployment:
        """One environment or base; `base/NAME` is the base when both have the name. Raises UnknownStackError."""
        return self.registry().named(name)

    def outputs(self, name: str) -> Outputs:
        """The outputs of one environment or base, with secrets marked. Raises UnknownStackError."""
        return self.show(name).outputs

    @property
    def prices(self) -> PriceTable:
        """The price table in use: the refreshed one when there is one, else that of the package. Raises SettingsError."""
        if self._prices is None:
            self._prices = price_tables.current(self.settings.root)
        return self._prices

    def refresh_prices(self, region: str | None = None, report: Callable[[str], None] = lambda _row: None) -> Refreshed:
        """Ask AWS for the prices of a region, and keep them beside `orchestrator.toml`.

        `region` is by default that of the first configured base. Each row is told to `report` before it is asked for.
        Raises EngineUnavailableError, StateError.
        """
        from orchestrator.cost import refresh  # boto3 is needed only here

        access = self._any_access()
        refreshed = refresh.refresh(
            self.prices,
            refresh.price_list(access),
            region=region or access.region or self.prices.region,
            today=self.context.clock().date(),
            report=report,
        )
        refresh.write(refreshed.table, self.settings.root)
        self._prices = refreshed.table
        return refreshed

    def _any_access(self) -> AwsAccess:
        """How the first configured base reaches AWS."""
        for project in self.settings.in_scope(Scope.BASE):
            for stack in configured_stacks(project):
                return access_of(project, stack)
        return AwsAccess()

    def cost_ahead(self, job: Job) -> dict[Unit, float]:
        """US dollars a month of every stack that a job creates, as far as its program can be simulated."""
        from orchestrator.cost import ahead  # only creating asks for it

        return ahead.of_new_stacks(job, self.prices)

    def plan_costs(self, report: RunReport) -> Costs:
        """What the stacks of a preview cost a month, before and after; empty for other runs."""
        prices, costs = self.prices, dict[Unit, MonthlyCost]()
        for result in report.results:
            if result.planned:
                exists = self.engine.stack(result.unit) is not None
                before = estimate(self.engine.resources(result.unit) if exists else (), prices)
                after = estimate(result.planned, prices)
                costs[result.unit] = MonthlyCost(before=before.dollars_per_month, after=after.dollars_per_month)
        return costs

    def cost(self, name: str | None = None) -> dict[str, Estimate]:
        """What bases and environments cost a month while they merely exist, by name; one of them, or all.

        From the resources in their state and the packaged price table. Raises UnknownStackError.
        """
        prices = self.prices
        found = (self.show(name),) if name is not None else self.list()
        return {
            f"{item.scope.value}/{item.name}": estimate(
                [resource for unit in item.units for resource in self.engine.resources(unit)], prices
            )
            for item in found
        }

    def _preview(self, request: PreviewBase | PreviewEnv, folder: Path | str | None) -> RunReport:
        if folder is None:
            return self.run(request)
        job = self.prepare_plan(request, folder)
        report = self.run_job(job)
        self.save_plan(job, request, report)
        return report

    def _sleeps(self, found: Deployment) -> bool:
        for unit in found.units if found.scope is Scope.ENVIRONMENT else ():
            project = self.settings.by_key[unit.project]
            try:
                # Hundreds of files are read for a list: only those that could say so are parsed.
                if b"asleep" in config_path(project, unit.stack).read_bytes():
                    return StackConfig.load(project, unit.stack).get("asleep") in (True, "true")
            except (OSError, OrchestratorError):
                continue
        return False

    def _with_costs(self, listed: tuple[Deployment, ...]) -> tuple[Deployment, ...]:
        """With their costs, remembered as long as a stack's state is the same."""
        prices, memory = self.prices, RememberedCosts(self.settings.state_dir)
        fresh: dict[str, float] = {}

        def dollars(unit: Unit) -> float | None:
            stamp = self.engine.stamp(unit)
            key = f"{self.engine.name} {unit} {stamp} {prices.day}"
            known = memory.get(key) if stamp else None
            if known is None:
                try:
                    known = round(estimate(self.engine.resources(unit), prices).dollars_per_month, 2)
                except OrchestratorError:  # damaged: the status says so
                    return None
                if stamp:
                    fresh[key] = known
            return known

        priced: list[Deployment] = []
        for found in listed:
            costs = [cost for unit in found.units if (cost := dollars(unit)) is not None]
            priced.append(replace(found, monthly_cost=sum(costs) if len(costs) == len(found.units) else None))
        memory.remember(fresh)
        return tuple(priced)

    def _tell(self, text: str) -> None:
        self._observer(Diagnostic(unit=None, severity="info", message=text))

    def graph(self, name: str | None = None) -> Diagram:
        """What stands on what; with a name, that one's resources. `rendering.graph.render` makes a text of it."""
        registry = self.registry()
        if name is not None:
            found = registry.named(name)
            return diagrams.of_resources(name, {unit: self.engine.resources(unit) for unit in found.units})
        if registry.bases or registry.environments:
            return diagrams.of_stacks(registry)
        return diagrams.of_projects(self.settings.projects)


def _names(names: Names) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)


def _duration(duration: Duration) -> timedelta:
    return parse_duration(duration) if isinstance(duration, str) else duration


def _kind(kind: Kind | str | None) -> Kind | None:
    if kind is not None and kind not in list(Kind):
        raise UsageError(f"there is no kind {kind!r}: kinds are {' and '.join(Kind)}")
    return None if kind is None else Kind(kind)


def _assignments(values: Values | None) -> tuple[Assignment, ...]:
    return tuple(make_assignment(key, value) for key, value in (values or {}).items())
