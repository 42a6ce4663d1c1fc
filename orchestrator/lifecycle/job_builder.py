"""Collects the units, records and configurations of a job, one base or environment at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import cached_property

from orchestrator.config.assignments import Assignment
from orchestrator.config.projects import Project
from orchestrator.config.stack_config import StackConfig, refuse_unquoted
from orchestrator.errors import SettingsError, UsageError
from orchestrator.lifecycle.context import Context
from orchestrator.lifecycle.git import Checkout
from orchestrator.lifecycle.registry import Deployment, Registry
from orchestrator.model import Kind, Operation, Record, Scope, Unit


class JobBuilder:
    """An unfinished job. Nothing outside this object is changed."""

    def __init__(self, context: Context, operation: Operation) -> None:
        self.context = context
        self.operation = operation
        self.now = context.clock().replace(microsecond=0)
        self.units: set[Unit] = set()
        self.bases: dict[str, frozenset[str]] = {}
        """Bases by environment, for the edges of the graph."""

        self.kinds: dict[Unit, Kind] = {}
        self.read_only: set[Unit] = set()
        self.records: dict[Unit, Record] = {}
        self.configs: dict[Unit, StackConfig] = {}
        self.slots: dict[Unit, str] = {}
        """New units whose listener slot was chosen here, each with its base; `base_marks` confirms the slot."""

        self.notes: list[str] = []
        self.confirm: tuple[str, ...] = ()

    @cached_property
    def registry(self) -> Registry:
        """Everything that exists; read on first use, so a request with wrong names needs no backend."""
        self.context.engine.check()
        return self.context.registry()

    @cached_property
    def checkout(self) -> Checkout:
        """The user, commit and branch of the working folder; read on first use, since git is slow."""
        return self.context.checkout()

    def add(self, unit: Unit, kind: Kind) -> None:
        """Add a unit that runs."""
        self.units.add(unit)
        self.kinds[unit] = kind

    def add_existing(self, deployment: Deployment) -> None:
        """Add all units of an existing base or environment."""
        for unit in deployment.units:
            self.add(unit, deployment.record.kind)
        if deployment.bases:
            self.bases[deployment.name] = deployment.bases

    def read(self, base: Deployment) -> None:
        """Add an existing base that is only read."""
        self.read_only.update(base.units)
        self.kinds |= dict.fromkeys(base.units, base.record.kind)

    def record(self, unit: Unit, record: Record, owner: str | None, *, new: bool, ttl: timedelta | None = None) -> None:
        """Set the record of a unit: the known one, with today's commit, branch and expiry. A preview writes no records."""
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
        """The stack's configuration; a new one starts from the project's template. Raises SettingsError."""
        unit = Unit(project.key, stack)
        if unit in self.configs:
            return self.configs[unit]
        foreign = self.context.foreign_names(project)
        config = StackConfig.load(project, stack, foreign)
        refuse_unquoted(project, config.path, config.original)
        summary = self.registry.stack(unit)
        if not config.exists and project.template is not None and project.template != stack:
            if summary and summary.resource_count:
                raise SettingsError(
                    f"{config.path} is missing: {stack} exists and was created with it",
                    f"restore it from git, or run `pulumi config refresh --stack {stack}` in {project.path}",
                )
            config = StackConfig.from_template(project, stack, foreign)
            self.notes += config.notes
        self.configs[unit] = config
        return config

    def assign(self, scope: Scope, stack: str, assignments: Iterable[Assignment], fixed: Mapping[str, str]) -> None:
        """Write the values of `--set` and `--image` into the stack's configurations.

        `fixed` maps each key that cannot be set to the reason. Raises UsageError, SettingsError.
        """
        projects = self.context.projects(scope)
        for assignment in assignments:
            for project in _targets(assignment, projects, self.context.settings.projects):
                if assignment.namespace in (None, project.name) and assignment.path[0] in fixed:
                    raise UsageError(f"--set {assignment} cannot be used: {fixed[assignment.path[0]]}")
                config = self.configs[Unit(project.key, stack)]
                config.assign(assignment)
                config.assigned.append(assignment)


def _targets(assignment: Assignment, projects: Sequence[Project], everything: Sequence[Project]) -> Sequence[Project]:
    """The projects whose configuration receives a value. Raises UsageError."""
    if assignment.namespace is None:
        if len(projects) > 1:
            choices = ", ".join(f"{project.name}:{assignment.path[0]}" for project in projects)
            raise UsageError(
                f"--set {assignment} is ambiguous: {len(projects)} projects could have the key", f"use one of {choices}"
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
