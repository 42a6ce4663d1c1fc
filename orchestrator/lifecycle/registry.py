"""The bases and environments that exist, the base of each environment, and the listener slots that are taken.

Everything comes from the stacks themselves: from their records, or from their outputs, references and configuration
when a bare `pulumi up` created a stack and it has no record.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from orchestrator.config import documents, stack_config
from orchestrator.config.projects import Project
from orchestrator.engines.protocol import Engine
from orchestrator.errors import OrchestratorError, UnknownStackError
from orchestrator.lifecycle import graph
from orchestrator.lifecycle.listener_slots import configured_slot, slot_of_rules
from orchestrator.model import Kind, Outputs, OutputValue, Record, Scope, StackStatus, StackSummary, Unit
from pulumi_django.rules.priorities import stable_slot

_MOST_NAMES = 12
_WORST_FIRST = (
    StackStatus.DAMAGED,
    StackStatus.UNREADABLE,
    StackStatus.UPDATING,
    StackStatus.INCOMPLETE,
    StackStatus.FAILED,
    StackStatus.EMPTY,
    StackStatus.READY,
)


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """A base or an environment that exists: its stacks taken together."""

    name: str
    scope: Scope
    stacks: tuple[StackSummary, ...]
    """One for each project that has a stack of this name, in dependency order."""

    record: Record
    """The record of the first stack that has one, else derived; `kind` is ad-hoc by default."""

    recorded: bool
    """False when no stack has a record because a bare `pulumi up` created it."""

    bases: frozenset[str] = frozenset()
    """For an environment: the bases that its record names or that its stacks read."""

    environments: tuple[str, ...] = ()
    """For a base: the environments on it, alphabetical."""

    monthly_cost: float | None = None
    """US dollars a month that its resources cost while they merely exist; None when it was not computed."""

    asleep: bool = False
    """Whether the configuration of one of its stacks puts it to sleep; False when it was not read."""

    maintenance: str | None = None
    """Time since which its load balancer answers 503, or `on` without a time; None: not in maintenance, or not read."""

    closed_until: datetime | None = None
    """Time at which its office hours open it, in their time zone; None: it is open, or was not read."""

    waits: bool = False
    """Whether its deployment waits for an approval; False when that was not read."""

    missing: tuple[Unit, ...] = ()
    """Units of the graph that do not exist: it was created only in part."""

    @property
    def base(self) -> str | None:
        """The base of an environment: the recorded one, or the first of those that its stacks refer to."""
        return self.record.base or min(self.bases, default=None)

    @property
    def status(self) -> StackStatus:
        """The worst status of its stacks; FAILED when some are missing."""
        worst = min((stack.status for stack in self.stacks), key=_WORST_FIRST.index)
        return StackStatus.FAILED if self.missing and worst is StackStatus.READY else worst

    @property
    def outputs(self) -> Outputs:
        """The outputs of all stacks; a later stack's output replaces an earlier one of the same name."""
        merged: dict[str, OutputValue] = {}
        for stack in self.stacks:
            merged |= stack.outputs
        return merged

    @property
    def url(self) -> str | None:
        """The address of the environment, when its outputs have one."""
        return _plain(self.outputs, "url")

    @property
    def resource_count(self) -> int:
        """The number of resources of all stacks."""
        return sum(stack.resource_count for stack in self.stacks)

    @property
    def last_update(self) -> datetime | None:
        """The time of the last operation on one of its stacks."""
        return max((stack.last_update for stack in self.stacks if stack.last_update), default=None)

    @property
    def units(self) -> tuple[Unit, ...]:
        """Its existing units, in dependency order."""
        return tuple(stack.unit for stack in self.stacks)


@dataclass(frozen=True, kw_only=True)
class Registry:
    """Everything that exists, as read from the backend at one moment."""

    projects: tuple[Project, ...]
    bases: Mapping[str, Deployment] = field(default_factory=dict[str, Deployment])
    environments: Mapping[str, Deployment] = field(default_factory=dict[str, Deployment])
    claims: Mapping[Unit, Record] = field(default_factory=dict[Unit, Record])
    """Records of stacks that commands are about to create."""

    slot_of_resources: Callable[[Unit], int | None] = lambda _unit: None
    """The listener slot of a stack's rules: the last resort when record and configuration are lost."""

    def possible_environments(self) -> tuple[str, ...]:
        """Environments whose base is not known because their records cannot be read: each may be on any base."""
        return tuple(
            environment.name
            for environment in self.environments.values()
            if not environment.bases and any(stack.record_lost for stack in environment.stacks)
        )

    def base(self, name: str) -> Deployment:
        """The base of that name. Raises UnknownStackError."""
        return self._found(self.bases, Scope.BASE, name)

    def environment(self, name: str) -> Deployment:
        """The environment of that name. Raises UnknownStackError."""
        return self._found(self.environments, Scope.ENVIRONMENT, name)

    def named(self, name: str) -> Deployment:
        """The environment, else the base, of that name; `base/NAME` and `environment/NAME` are unambiguous.

        Raises UnknownStackError.
        """
        scope, slash, rest = name.partition("/")
        if slash and scope in (Scope.BASE, Scope.ENVIRONMENT):
            return self.base(rest) if scope == Scope.BASE else self.environment(rest)
        if name in self.environments or name in self.bases:
            return self.environments.get(name) or self.bases[name]
        raise UnknownStackError(
            f"there is no base or environment {name!r}", _nearest(name, {*self.bases, *self.environments})
        )

    def listed(self) -> tuple[Deployment, ...]:
        """Bases, each followed by its environments, then environments without a known base; in alphabetical order."""
        listed: dict[int, Deployment] = {}
        for base in self.bases.values():
            for deployment in (base, *(self.environments[name] for name in base.environments)):
                listed.setdefault(id(deployment), deployment)
        for environment in self.environments.values():
            listed.setdefault(id(environment), environment)
        return tuple(listed.values())

    def stack(self, unit: Unit) -> StackSummary | None:
        """The stack of a unit, or None when it does not exist."""
        for deployments in (self.bases, self.environments):
            for stack in deployments[unit.stack].stacks if unit.stack in deployments else ():
                if stack.unit == unit:
                    return stack
        return None

    def slots_taken(self, base: str) -> dict[int, str]:
        """The listener slots of the environments on a base: environment name by slot.

        Slots in configuration files count too, so an environment that does not exist at the moment keeps its slot.
        """
        taken: dict[int, str] = {}
        for unit, claim in self.claims.items():
            if claim.base == base and claim.listener_slot is not None:
                taken.setdefault(claim.listener_slot, unit.stack)
        for project in self.projects:
            if project.scope is Scope.ENVIRONMENT:
                for environment, slot in self._reserved(project, base):
                    taken.setdefault(slot, environment)
        for name in self.bases[base].environments if base in self.bases else ():
            for stack in self.environments[name].stacks:
                taken[self._slot(stack)] = name
        return taken

    def _found(self, found: Mapping[str, Deployment], scope: Scope, name: str) -> Deployment:
        if name in found:
            return found[name]
        other = self.environments if scope is Scope.BASE else self.bases
        if name in other:
            is_a = "an environment" if scope is Scope.BASE else "a base"
            raise UnknownStackError(f"there is no {scope} {name!r}: {name} is {is_a}", _nearest(name, found))
        raise UnknownStackError(f"there is no {scope} {name!r}", _nearest(name, found))

    def _reserved(self, project: Project, base: str) -> Iterable[tuple[str, int]]:
        for stack in stack_config.configured_stacks(project):
            if stack in self.environments:
                continue
            try:
                config = stack_config.StackConfig.load(project, stack)
            except OrchestratorError:  # another environment's broken file is no reason to refuse this one
                continue
            slot = configured_slot(config)
            if config.get("base") == base and slot is not None:
                yield stack, slot

    def _slot(self, stack: StackSummary) -> int:
        if stack.record and stack.record.listener_slot is not None:
            return stack.record.listener_slot
        project = next(project for project in self.projects if project.key == stack.unit.project)
        try:
            slot = configured_slot(stack_config.StackConfig.load(project, stack.unit.stack))
        except OrchestratorError:
            slot = None
        if slot is None and stack.resource_count:
            slot = self.slot_of_resources(stack.unit)
        return stable_slot(stack.unit.stack) if slot is None else slot


CLAIM_LASTS = timedelta(hours=1)
"""Claims that are older than this no longer count."""


def load(engine: Engine, projects: Sequence[Project], now: datetime | None = None) -> Registry:
    """Read what exists. Raises what `engine.stacks` raises."""
    by_key = {project.key: project for project in projects}
    closed = frozenset(engine.closed())
    stacks: dict[Scope, dict[str, list[StackSummary]]] = {Scope.BASE: {}, Scope.ENVIRONMENT: {}}
    for summary in engine.stacks():
        if summary.unit.project in by_key:
            scope = by_key[summary.unit.project].scope
            stacks[scope].setdefault(summary.unit.stack, []).append(summary)
    owners = _base_of_reference(engine, projects, stacks[Scope.BASE])
    environments = {
        name: _environment(name, found, projects, owners, closed)
        for name, found in sorted(stacks[Scope.ENVIRONMENT].items())
    }
    bases = {
        name: _base(name, found, projects, environments.values(), closed)
        for name, found in sorted(stacks[Scope.BASE].items())
    }
    moment = now or datetime.now(UTC)
    claims = {
        unit: record
        for unit, record in engine.claims().items()
        if record.created and moment - record.created < CLAIM_LASTS
    }
    return Registry(
        projects=tuple(projects),
        bases=bases,
        environments=environments,
        claims=claims,
        slot_of_resources=lambda unit: slot_of_rules(engine.resources(unit)),
    )


def asleep_and_maintenance(found: Deployment, projects: Sequence[Project]) -> tuple[bool, str | None]:
    """The states in an environment's configuration: whether it sleeps, and the time since which it is in maintenance.

    Without a time the second value is `on`; outside maintenance it is None.
    """
    values = _settings(found, projects, ("asleep", "maintenance"))
    options = values.get("maintenance")
    since: Any = options.get("since") if isinstance(options, Mapping) else None  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
    return str(values.get("asleep")).lower() == "true", None if options is None else str(since or "on")


def _settings(found: Deployment, projects: Sequence[Project], keys: Sequence[str]) -> dict[str, Any]:
    """The first values of keys in the configuration of an environment's stacks, without those that cannot be read."""
    by_key = {project.key: project for project in projects}
    values: dict[str, Any] = {}
    for unit in found.units if found.scope is Scope.ENVIRONMENT else ():
        project = by_key[unit.project]
        try:
            # A list reads hundreds of files, so only files with one of the keys are parsed.
            content = documents.read(stack_config.config_path(project, unit.stack))
            if any(key.encode() in content for key in keys):
                config = stack_config.StackConfig.load(project, unit.stack)
                values = {key: value for key in keys if (value := config.get(key)) is not None} | values
        except (OSError, OrchestratorError):
            continue
    return values


def _environment(
    name: str,
    stacks: Sequence[StackSummary],
    projects: Sequence[Project],
    owners: Mapping[str, str],
    closed: Collection[str],
) -> Deployment:
    wanted = graph.environment_units(projects, name)
    ordered = _in_order(projects, stacks, wanted)
    records = [stack.record for stack in ordered if stack.record]
    record = records[0] if records else _derived(ordered, projects, owners)
    read = {owners[reference] for stack in ordered for reference in stack.references if reference in owners}
    return Deployment(
        name=name,
        scope=Scope.ENVIRONMENT,
        stacks=ordered,
        record=record,
        recorded=bool(records),
        bases=frozenset(read | ({record.base} if record.base else set())),
        missing=_missing(wanted, ordered, closed),
    )


def _base(
    name: str,
    stacks: Sequence[StackSummary],
    projects: Sequence[Project],
    environments: Iterable[Deployment],
    closed: Collection[str],
) -> Deployment:
    wanted = graph.base_units(projects, name)
    ordered = _in_order(projects, stacks, wanted)
    records = [stack.record for stack in ordered if stack.record]
    kind = _kind(ordered) or _configured(ordered, projects, "kind")
    return Deployment(
        name=name,
        scope=Scope.BASE,
        stacks=ordered,
        record=records[0] if records else Record(kind=_as_kind(kind) or Kind.AD_HOC),
        recorded=bool(records),
        environments=tuple(environment.name for environment in environments if name in environment.bases),
        missing=_missing(wanted, ordered, closed),
    )


def _in_order(
    projects: Sequence[Project], stacks: Sequence[StackSummary], units: Sequence[Unit]
) -> tuple[StackSummary, ...]:
    order = graph.plan(projects, units, {}).units
    return tuple(sorted(stacks, key=lambda stack: order.index(stack.unit)))


def _missing(wanted: Sequence[Unit], stacks: Sequence[StackSummary], closed: Collection[str]) -> tuple[Unit, ...]:
    """The requested units without a stack, except those of projects whose stacks cannot be listed."""
    existing = {stack.unit for stack in stacks}
    return tuple(unit for unit in wanted if unit not in existing and unit.project not in closed)


def _base_of_reference(
    engine: Engine, projects: Sequence[Project], bases: Mapping[str, Sequence[StackSummary]]
) -> dict[str, str]:
    keys = [project.key for project in projects if project.scope is Scope.BASE]
    return {engine.reference_name(Unit(key, name)): name for key in keys for name in bases}


def _derived(stacks: Sequence[StackSummary], projects: Sequence[Project], owners: Mapping[str, str]) -> Record:
    """The record of an environment that has none, from its outputs, references and configuration."""
    outputs = [_plain(stack.outputs, "base_stack_name") for stack in stacks]
    referenced = [owners.get(reference) for stack in stacks for reference in stack.references]
    base = next((name for name in (*outputs, *referenced) if name), None) or _configured(stacks, projects, "base")
    return Record(kind=_as_kind(_kind(stacks)) or Kind.AD_HOC, base=str(base) if base else None)


def _kind(stacks: Sequence[StackSummary]) -> str | None:
    return next((kind for stack in stacks if (kind := _plain(stack.outputs, "kind"))), None)


def _as_kind(value: Any) -> Kind | None:
    return Kind(value) if value in list(Kind) else None


def _configured(stacks: Sequence[StackSummary], projects: Sequence[Project], key: str) -> Any:
    by_key = {project.key: project for project in projects}
    for stack in stacks:
        try:
            value = stack_config.StackConfig.load(by_key[stack.unit.project], stack.unit.stack).get(key)
        except OrchestratorError:
            continue
        if value is not None:
            return value
    return None


def _plain(outputs: Outputs, name: str) -> str | None:
    output = outputs.get(name)
    return output.value if output and not output.secret and isinstance(output.value, str) else None


def _nearest(name: str, known: Iterable[str]) -> str:
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if close:
        return f"did you mean {close[0]}?"
    more = len(names) - _MOST_NAMES
    listed = ", ".join(names[:_MOST_NAMES]) + (f" and {more} more: see `orchestrator list`" if more > 0 else "")
    return f"the {'only name is' if len(names) == 1 else 'names are'} {listed}" if names else "nothing exists yet"
