"""The orchestrator for Python programs: everything that the command line does, without a terminal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from datetime import datetime
from pathlib import Path
from typing import Any

from orchestrator import diagrams, lifecycle, settings
from orchestrator.assignments import Assignment, make_assignment
from orchestrator.cost.estimate import Estimate, estimate
from orchestrator.cost.prices import packaged
from orchestrator.diagrams import Diagram
from orchestrator.engines import factory
from orchestrator.engines.protocol import Engine
from orchestrator.errors import UsageError
from orchestrator.events import Observer, ignore
from orchestrator.lifecycle import (
    Context,
    CreateBase,
    CreateEnv,
    DestroyBase,
    DestroyEnv,
    Job,
    PreviewBase,
    PreviewEnv,
    Request,
    UpdateBase,
    UpdateEnv,
)
from orchestrator.lifecycle.context import utc_now
from orchestrator.model import Kind, Outputs, RunReport
from orchestrator.registry import Deployment, Registry
from orchestrator.runner import Interrupter
from orchestrator.settings import Settings

Names = str | Sequence[str]
Values = Mapping[str, Any]


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
        executor: where units run; None is a thread for each.
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
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        found = where if isinstance(where, Settings) else settings.load(Path(where) if where is not None else None)
        carrier = factory.create(found, engine) if engine is None or isinstance(engine, str) else engine
        self.settings: Settings = found
        self.engine: Engine = carrier
        self._context = Context(settings=found, engine=carrier, clock=clock)
        self._observer = observer
        self._parallel = parallel
        self._executor = executor
        self._interrupter = Interrupter()

    def prepare(self, request: Request) -> Job:
        """Check a request and say what it comes to, without touching anything; `run_job` then does it."""
        return lifecycle.prepare(self._context, request)

    def run_job(self, job: Job) -> RunReport:
        """Carry out a job that `prepare` returned."""
        return job.run(self._observer, parallel=self._parallel, executor=self._executor, interrupter=self._interrupter)

    def run(self, request: Request) -> RunReport:
        """`prepare` and `run_job`: without asking anybody, also when something is destroyed."""
        return self.run_job(self.prepare(request))

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
    ) -> RunReport:
        """Create environments; their base too, when it is configured and not there yet."""
        request = CreateEnv(
            names=_names(names), base=base, images=images or {}, assignments=_assignments(values), owner=owner
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

    def preview_base(self, name: str, *, kind: Kind | str | None = None, values: Values | None = None) -> RunReport:
        """What `create_base` or `update_base` would do."""
        return self.run(PreviewBase(name=name, kind=_kind(kind), assignments=_assignments(values)))

    def preview_env(
        self,
        name: str,
        *,
        base: str | None = None,
        images: Mapping[str, str] | None = None,
        values: Values | None = None,
    ) -> RunReport:
        """What `create_env` or `update_env` would do, also when the base does not exist yet."""
        return self.run(PreviewEnv(name=name, base=base, images=images or {}, assignments=_assignments(values)))

    def destroy_env(self, names: Names) -> RunReport:
        """Destroy environments. Nobody is asked."""
        return self.run(DestroyEnv(names=_names(names)))

    def destroy_base(self, names: Names, *, cascade: bool = False) -> RunReport:
        """Destroy bases, and with `cascade` the environments on them first. Nobody is asked."""
        return self.run(DestroyBase(names=_names(names), cascade=cascade))

    def registry(self) -> Registry:
        """Every base and environment that exists."""
        return self._context.registry()

    def list(self) -> tuple[Deployment, ...]:
        """Bases, each followed by the environments on it, then environments whose base is not known; alphabetical."""
        registry = self.registry()
        listed: dict[int, Deployment] = {}
        for base in registry.bases.values():
            for deployment in (base, *(registry.environments[name] for name in base.environments)):
                listed.setdefault(id(deployment), deployment)
        for environment in registry.environments.values():
            listed.setdefault(id(environment), environment)
        return tuple(listed.values())

    def show(self, name: str) -> Deployment:
        """One environment or base; `base/NAME` is the base when both have the name. Raises UnknownStackError."""
        return self.registry().named(name)

    def outputs(self, name: str) -> Outputs:
        """The outputs of one environment or base, with secrets marked. Raises UnknownStackError."""
        return self.show(name).outputs

    def cost(self, name: str | None = None) -> dict[str, Estimate]:
        """What bases and environments cost a month while they merely exist, by name; one of them, or all.

        From the resources in their state and the packaged price table. Raises UnknownStackError.
        """
        prices = packaged()
        found = (self.show(name),) if name is not None else self.list()
        return {
            f"{item.scope.value}/{item.name}": estimate(
                [resource for unit in item.units for resource in self.engine.resources(unit)], prices
            )
            for item in found
        }

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


def _kind(kind: Kind | str | None) -> Kind | None:
    if kind is not None and kind not in list(Kind):
        raise UsageError(f"there is no kind {kind!r}: kinds are {' and '.join(Kind)}")
    return None if kind is None else Kind(kind)


def _assignments(values: Values | None) -> tuple[Assignment, ...]:
    return tuple(make_assignment(key, value) for key, value in (values or {}).items())
