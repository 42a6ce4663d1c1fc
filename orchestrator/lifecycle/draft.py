"""Collects what a request comes to, base by base and environment by environment, and checks it on the way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from orchestrator.config.assignments import Assignment
from orchestrator.config.projects import Project
from orchestrator.config.stack_config import StackConfig, refuse_unquoted
from orchestrator.errors import SettingsError, UsageError
from orchestrator.lifecycle import checks, graph
from orchestrator.lifecycle.context import Context
from orchestrator.lifecycle.git import Checkout
from orchestrator.lifecycle.job import Job, Step
from orchestrator.lifecycle.registry import Deployment, Registry
from orchestrator.model import Kind, Operation, Record, Scope, StackStatus, StackSummary, Unit


class Draft:
    """A job in the making. Nothing outside is touched."""

    def __init__(self, context: Context, operation: Operation) -> None:
        self.context = context
        self.operation = operation
        self.now = context.clock().replace(microsecond=0)
        context.engine.check()
        self.registry = context.registry()
        self.units: set[Unit] = set()
        self.bases: dict[str, frozenset[str]] = {}
        """Bases by environment, for the edges."""

        self.kinds: dict[Unit, Kind] = {}
        self.read_only: set[Unit] = set()
        self.records: dict[Unit, Record] = {}
        self.configs: dict[Unit, StackConfig] = {}
        self.slots: dict[Unit, str] = {}
        """New units whose listener slot was chosen here, with their base: it is settled when the work begins."""

        self.notes: list[str] = []
        self._checkout: Checkout | None = None

    @property
    def checkout(self) -> Checkout:
        """Who works here; git is asked once, and only when somebody wants to know."""
        if self._checkout is None:
            self._checkout = self.context.checkout()
        return self._checkout

    def add(self, unit: Unit, kind: Kind) -> None:
        """The unit takes part."""
        self.units.add(unit)
        self.kinds[unit] = kind

    def read(self, base: Deployment) -> None:
        """The base is there and is only read."""
        self.read_only.update(base.units)
        self.kinds |= dict.fromkeys(base.units, base.record.kind)

    def record(self, unit: Unit, record: Record, owner: str | None, *, new: bool, ttl: timedelta | None = None) -> None:
        """What is remembered of the unit: what was known, and where it comes from today. A preview remembers nothing."""
        if self.operation is Operation.PREVIEW:
            return
        if new:
            record = replace(
                record,
                owner=owner or record.owner or self.checkout.user,
                created=record.created or self.now,
            )
        lives = ttl or record.ttl
        self.records[unit] = replace(
            record,
            owner=owner or record.owner,
            commit=self.checkout.commit,
            branch=self.checkout.branch,
            ttl=lives,
            expires=self.now + lives if lives else record.expires,
        )

    def config(self, project: Project, stack: str) -> StackConfig:
        """The stack's configuration, from the project's template when it has none yet. Raises SettingsError."""
        unit = Unit(project.key, stack)
        if unit in self.configs:
            return self.configs[unit]
        foreign = self.context.foreign_names(project)
        config = StackConfig.load(project, stack, foreign)
        refuse_unquoted(project, config.path, config.original)
        summary = summary_of(self.registry, unit)
        if not config.exists and project.template is not None and project.template != stack:
            if summary and summary.resource_count:
                raise SettingsError(
                    f"{config.path} is missing: {stack} exists and was made with it",
                    f"get it back from git, or run `pulumi config refresh --stack {stack}` in {project.path}",
                )
            config = StackConfig.from_template(project, stack, foreign)
            self.notes += config.notes
        self.configs[unit] = config
        return config

    def assign(self, scope: Scope, stack: str, assignments: Iterable[Assignment], fixed: Mapping[str, str]) -> None:
        """Put `--set` and `--image` values into the stack's configurations.

        `fixed` are keys that cannot be set so, with the reason. Raises UsageError, SettingsError.
        """
        projects = self.context.projects(scope)
        for assignment in assignments:
            for project in _targets(assignment, projects, self.context.settings.projects):
                if assignment.namespace in (None, project.name) and assignment.path[0] in fixed:
                    raise UsageError(f"--set {assignment} cannot be used: {fixed[assignment.path[0]]}")
                self.configs[Unit(project.key, stack)].assign(assignment)

    def job(self, command: str, confirm: tuple[str, ...] = ()) -> Job:
        """The finished job. Raises StackLockedError, StateError when a stack cannot be worked on now."""
        projects = self.context.settings.projects
        plan = graph.plan(projects, self.units, self.bases)
        order = graph.plan(projects, self.units | self.read_only, self.bases).units
        if self.operation is Operation.DESTROY:
            plan, order = plan.reversed(), tuple(reversed(order))
        stacks = {unit: found for unit in plan.units if (found := summary_of(self.registry, unit))}
        self._guard(stacks)
        scopes = {project.key: project.scope for project in projects}
        steps = tuple(
            Step(
                unit=unit,
                scope=scopes[unit.project],
                kind=self.kinds[unit],
                exists=bool(found := summary_of(self.registry, unit)) and found.status is not StackStatus.EMPTY,
                runs=unit in self.units,
            )
            for unit in order
        )
        return Job(
            context=self.context,
            command=command,
            operation=self.operation,
            plan=plan,
            steps=steps,
            notes=tuple(self.notes),
            confirm=confirm,
            stacks=stacks,
            records=self.records,
            configs=self.configs,
            slots=self.slots,
            bases=self.bases,
        )

    def _guard(self, stacks: Mapping[Unit, StackSummary]) -> None:
        """What has to hold before anything is touched."""
        engine = self.context.engine
        if self.operation not in (Operation.PREVIEW, Operation.DRIFT):
            checks.idle(engine, stacks.values())
        if self.operation in (Operation.UP, Operation.DESTROY):
            checks.prod_allowed(self.kinds, self.units, allowed=self.context.allow_prod)
        if self.operation is Operation.DESTROY:
            names = {project.key: project.name for project in self.context.settings.projects}
            checks.unread(engine, stacks, {f"{names[unit.project]}/{unit.stack}": unit.stack for unit in stacks})
            self.notes += checks.unprotected(engine, stacks)
        engine.admit(sorted(stacks), sorted(self.read_only))


def summary_of(registry: Registry, unit: Unit) -> StackSummary | None:
    """The unit's stack, when it exists."""
    for deployments in (registry.bases, registry.environments):
        for stack in deployments[unit.stack].stacks if unit.stack in deployments else ():
            if stack.unit == unit:
                return stack
    return None


def usable(stack: StackSummary | None) -> bool:
    """Whether others can read the stack: it was finished once, whatever a later attempt came to, and is not half destroyed."""
    if stack is None or stack.status is StackStatus.EMPTY or stack.going:
        return False
    return stack.status is StackStatus.READY or bool(stack.outputs)


def _targets(assignment: Assignment, projects: Sequence[Project], everything: Sequence[Project]) -> Sequence[Project]:
    """The projects whose configuration a value belongs to."""
    if assignment.namespace is None:
        if len(projects) > 1:
            choices = ", ".join(f"{project.name}:{assignment.path[0]}" for project in projects)
            raise UsageError(
                f"--set {assignment} could belong to {len(projects)} projects: say which", f"one of {choices}"
            )
        return projects
    own = [project for project in projects if project.name == assignment.namespace]
    if own:
        return own
    other = [project for project in everything if project.name == assignment.namespace]
    if other:
        is_scope = other[0].scope
        raise UsageError(
            f"--set {assignment} cannot be used: it belongs to the project {other[0].key}, "
            f"whose stacks are {'bases' if is_scope is Scope.BASE else 'environments'}",
            f"use update-{'base' if is_scope is Scope.BASE else 'env'}",
        )
    return projects
