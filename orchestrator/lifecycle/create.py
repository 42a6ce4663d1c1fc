"""Creating, updating and previewing bases and environments: one way for all, since each means `make it so`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from orchestrator.config.assignments import Assignment, image_assignment
from orchestrator.config.stack_config import StackConfig, config_path, configured_stacks
from orchestrator.errors import RefusedError, SettingsError, UnknownStackError, UsageError
from orchestrator.lifecycle import checks, graph, hosts, shared_names
from orchestrator.lifecycle.context import Context
from orchestrator.lifecycle.draft import Draft, summary_of, usable
from orchestrator.lifecycle.job import Job
from orchestrator.lifecycle.registry import Deployment, configured_slot, free_slot
from orchestrator.lifecycle.requests import CreateBase, CreateEnv, PreviewBase, PreviewEnv, UpdateBase, UpdateEnv
from orchestrator.model import Kind, Operation, Record, Scope, Unit
from pulumi_django.rules.priorities import SLOTS, stable_slot

_FIXED_IN_BASE = {"kind": "the kind of a base is given by --kind when it is created"}
_FIXED_IN_ENVIRONMENT = {
    "base": "the base of an environment is given by --base when it is created",
    "kind": "an environment has the kind of its base",
}


def create_base(context: Context, request: CreateBase) -> Job:
    """The base alone; what is there already is brought in line."""
    checks.names(Scope.BASE, (request.name,))
    draft = Draft(context, Operation.UP)
    _base(draft, request.name, request.kind, request.assignments, request.owner)
    return draft.job("create-base")


def preview_base(context: Context, request: PreviewBase) -> Job:
    """What `create_base` would do."""
    checks.names(Scope.BASE, (request.name,))
    draft = Draft(context, Operation.PREVIEW)
    _base(draft, request.name, request.kind, request.assignments, None)
    return draft.job("preview-base")


def update_base(context: Context, request: UpdateBase) -> Job:
    """Existing bases, then, when asked, what stands on them."""
    checks.names(Scope.BASE, request.names)
    draft = Draft(context, Operation.UP)
    for name in request.names:
        base = draft.registry.base(name)
        kind = _base(draft, name, None, request.assignments, None)
        on_it = [
            environment
            for environment in base.environments
            if draft.registry.environments[environment].record.base == name
        ]
        slots = draft.registry.slots_taken(name)
        for environment in on_it if request.with_envs else ():
            _environment(draft, environment, name, kind, slots, None, ())
        if request.with_envs:
            hosts.never_twice(draft, name, on_it)
    return draft.job("update-base")


def create_env(context: Context, request: CreateEnv) -> Job:
    """The environments, after the bases that are configured and not there yet."""
    _check_names(request.names, request.base)
    draft = Draft(context, Operation.UP)
    _environments(draft, request, request.names, request.owner, request.ttl)
    return draft.job("create-env")


def preview_env(context: Context, request: PreviewEnv) -> Job:
    """What `create_env` would do."""
    _check_names((request.name,), request.base)
    draft = Draft(context, Operation.PREVIEW)
    _environments(draft, request, (request.name,), None, None)
    return draft.job("preview-env")


def update_env(context: Context, request: UpdateEnv) -> Job:
    """Existing environments; their bases are only read."""
    checks.names(Scope.ENVIRONMENT, request.names)
    draft = Draft(context, Operation.UP)
    by_base: dict[str, list[str]] = {}
    for name in request.names:
        draft.registry.environment(name)
        base = _existing_base(draft, name)
        draft.read(base)
        slots = draft.registry.slots_taken(base.name)
        _environment(draft, name, base.name, base.record.kind, slots, None, _values(request))
        by_base.setdefault(base.name, []).append(name)
    for base, names in by_base.items():
        hosts.never_twice(draft, base, names)
    return draft.job("update-env")


def _check_names(environments: Sequence[str], base: str | None) -> None:
    checks.names(Scope.ENVIRONMENT, environments)
    if base is not None:
        checks.names(Scope.BASE, (base,))


def _environments(
    draft: Draft,
    request: CreateEnv | PreviewEnv,
    names: Sequence[str],
    owner: str | None,
    ttl: timedelta | None,
) -> None:
    bases = {name: _base_name(draft, name, request.base) for name in names}
    for base in dict.fromkeys(bases.values()):
        on_it = [name for name in names if bases[name] == base]
        kind = _stand_on(draft, base, on_it)
        room_for(draft, base, on_it)
        if ttl and kind is Kind.PROD:
            raise UsageError(f"--ttl cannot be used: {base} is production, which does not expire")
        slots = draft.registry.slots_taken(base)
        for name in on_it:
            _environment(draft, name, base, kind, slots, owner, _values(request), ttl)
        hosts.never_twice(draft, base, on_it)


def room_for(draft: Draft, base: str, environments: Sequence[str]) -> None:
    """The base, and its load balancer, take these environments. Raises RefusedError."""
    found = draft.registry.bases.get(base)
    existing = [draft.registry.environments[name] for name in found.environments] if found else []
    limits = draft.context.settings.limits
    checks.room_on_base(base, existing, environments, limits.environments_per_base)
    new = [name for name in environments if name not in draft.registry.environments]
    if new and existing:
        rules = [draft.context.listener_rules(environment) for environment in existing]
        checks.room_on_load_balancer(base, sum(rules), len(new) * max(rules), limits.rules_per_load_balancer)


def _existing_base(draft: Draft, environment: str) -> Deployment:
    """The base of an existing environment. Raises UnknownStackError when it is gone."""
    base = _base_name(draft, environment, None)
    if base not in draft.registry.bases:
        raise UnknownStackError(
            f"the environment {environment} stands on the base {base}: there is no such base any more",
            f"create it again: `orchestrator create-base {base}`",
        )
    return draft.registry.bases[base]


def _values(request: CreateEnv | PreviewEnv | UpdateEnv) -> tuple[Assignment, ...]:
    images = tuple(image_assignment(name, reference) for name, reference in request.images.items())
    return (*images, *request.assignments)


# bases


def _base(
    draft: Draft,
    name: str,
    kind: Kind | None,
    assignments: Sequence[Assignment],
    owner: str | None,
    only: frozenset[Unit] | None = None,
) -> Kind:
    """Take a base into the draft, all of it or `only` some units; the kind that it has."""
    existing = draft.registry.bases.get(name)
    projects = draft.context.projects(Scope.BASE)
    for project in projects:
        draft.config(project, name)
    kind = _kind_of_base(draft, name, kind, existing)
    draft.assign(Scope.BASE, name, assignments, _FIXED_IN_BASE)
    for unit in graph.base_units(projects, name):
        if only is None or unit in only:
            draft.add(unit, kind)
            stack = summary_of(draft.registry, unit)
            known = existing.record if existing else Record(kind=kind)
            draft.record(unit, replace(known, kind=kind, base=None), owner, new=stack is None)
    return kind


def _kind_of_base(draft: Draft, name: str, asked: Kind | None, existing: Deployment | None) -> Kind:
    """The kind that a base has or gets; asked for, it is written into a new configuration. Raises RefusedError."""
    configs = [draft.configs[unit] for unit in graph.base_units(draft.context.projects(Scope.BASE), name)]
    said = next((kind for config in configs if config.exists and (kind := _kind_in(config))), None)
    copied = next((kind for config in configs if not config.exists and (kind := _kind_in(config))), None)
    has = existing.record.kind if existing and existing.resource_count else None
    if has and (asked or said or has) is not has:
        raise RefusedError(
            f"the base {name} is {has}: its kind cannot become {asked or said}",
            "create another base for the other kind",
        )
    if asked and (said or asked) is not asked:
        raise RefusedError(
            f"the base {name} is configured as {said}: it cannot be created as {asked}",
            "change `kind` in its configuration, or leave --kind out",
        )
    kind = asked or said or has or copied or Kind.AD_HOC
    for config in configs:
        if not config.exists and kind is not (_kind_in(config) or Kind.AD_HOC):
            config.set("kind", kind.value)
    return kind


def _kind_in(config: StackConfig) -> Kind | None:
    value = config.get("kind")
    if value is None:
        return None
    if value not in list(Kind):
        raise SettingsError(
            f"{config.path}: {config.project.name}:kind is {value!r}: it is one of {', '.join(Kind)}",
            "mend the file, or leave the key out for ad-hoc",
        )
    return Kind(value)


def _base_name(draft: Draft, environment: str, wanted: str | None) -> str:
    """The base that an environment stands on, or is to stand on. Raises UsageError, RefusedError."""
    existing = draft.registry.environments.get(environment)
    stands_on = existing.record.base if existing and existing.resource_count else None
    if wanted is not None and stands_on is not None and wanted != stands_on:
        raise RefusedError(
            f"the environment {environment} stands on the base {stands_on}: it cannot move to {wanted}",
            f"destroy it first, or create an environment of another name on {wanted}",
        )
    base = wanted or stands_on
    for project in draft.context.projects(Scope.ENVIRONMENT):
        config = draft.config(project, environment)
        configured = config.get("base")
        if base is None and isinstance(configured, str):
            checks.names(Scope.BASE, (configured,))
            base = configured
    if base is None:
        raise UsageError(
            f"no base is named for the environment {environment}: it is not configured and does not exist",
            f"say --base NAME; bases are {', '.join(draft.registry.bases) or 'not there yet'}",
        )
    return base


def _stand_on(draft: Draft, name: str, environments: Sequence[str]) -> Kind:
    """Make sure that the base will be there: read it, or take what is missing of it into the draft; its kind."""
    projects = draft.context.projects(Scope.BASE)
    units = graph.base_units(projects, name)
    existing = draft.registry.bases.get(name)
    unusable = frozenset(unit for unit in units if not usable(summary_of(draft.registry, unit)))
    if existing and not unusable:
        if checks.without_domain(existing):
            checks.one_environment_without_domain(name, existing.environments, environments)
        draft.read(existing)
        return existing.record.kind
    configured = [project for project in projects if name in configured_stacks(project)]
    if not existing and not configured:
        hint = f"create it: `orchestrator create-base {name}`"
        if draft.registry.bases:
            hint = f"bases are {', '.join(draft.registry.bases)}; {hint}"
        raise UnknownStackError(
            f"there is no base {name!r}, and none is configured: "
            f"{' and '.join(str(config_path(project, name)) for project in projects)} "
            f"{'does' if len(projects) == 1 else 'do'} not exist",
            hint,
        )
    kind = _base(draft, name, None, (), None, only=unusable)
    if existing:
        draft.read_only.update(set(existing.units) - unusable)
        draft.kinds |= dict.fromkeys(existing.units, kind)
    if not any(draft.configs[unit].get("domain_name") for unit in units):
        checks.one_environment_without_domain(name, existing.environments if existing else (), environments)
    verb = "was not finished: it is completed" if existing else "does not exist yet: it is created"
    draft.notes.append(f"the base {name} {verb} first")
    return kind


# environments


def _environment(
    draft: Draft,
    name: str,
    base: str,
    kind: Kind,
    slots: dict[int, str],
    owner: str | None,
    assignments: Sequence[Assignment],
    ttl: timedelta | None = None,
) -> None:
    """Take an environment into the draft, with its base and its slot in the configuration."""
    existing = draft.registry.environments.get(name)
    checks.kinds_match(name, existing.record.kind if existing and existing.resource_count else None, base, kind)
    draft.bases[name] = frozenset({base})
    configs = {
        Unit(project.key, name): draft.config(project, name) for project in draft.context.projects(Scope.ENVIRONMENT)
    }
    draft.assign(Scope.ENVIRONMENT, name, assignments, _FIXED_IN_ENVIRONMENT)
    made = [config for unit, config in draft.configs.items() if unit.stack in draft.bases and unit.stack != name]
    shared_names.check(name, configs.values(), draft.registry.environments, made)
    for unit, config in configs.items():
        stack = summary_of(draft.registry, unit)
        configured = config.get("base")
        if config.exists and configured is not None and configured != base:
            draft.notes.append(f"{config.path.name} names the base {configured}: it is changed to {base}")
        config.set("base", base)
        slot = _slot(draft, unit, base, slots)
        draft.add(unit, kind)
        known = (stack and stack.record) or (existing.record if existing and existing.recorded else Record(kind=kind))
        new = stack is None
        if new and kind is not Kind.PROD:
            ttl = ttl or known.ttl or draft.context.settings.limits.default_ttl
        draft.record(unit, replace(known, kind=kind, base=base, listener_slot=slot), owner, new=new, ttl=ttl)


def _slot(draft: Draft, unit: Unit, base: str, taken: dict[int, str]) -> int:
    """The unit's listener slot: the one it has, else a free one, which is written into its configuration."""
    config, stack = draft.configs[unit], summary_of(draft.registry, unit)
    configured = configured_slot(config)
    if configured is None and config.get("listener_slot") is not None:
        raise SettingsError(
            f"{config.path}: {config.project.name}:listener_slot is {config.get('listener_slot')!r}: "
            f"a load balancer has the slots 0 to {SLOTS - 1}",
            "leave the key out: a free slot is then taken",
        )
    if configured is not None:
        holder = taken.get(configured, unit.stack)
        if holder != unit.stack:
            raise RefusedError(
                f"{config.path.name} gives {unit.stack} the listener slot {configured}: {holder} has it on the base {base}",
                f"set another one, such as {free_slot(taken, base)}, or leave the key out",
            )
        taken[configured] = unit.stack
        return configured
    known = stack.record.listener_slot if stack and stack.record else None
    if stack and stack.resource_count:
        return stable_slot(unit.stack) if known is None else known
    slot = known if known is not None and taken.get(known, unit.stack) == unit.stack else free_slot(taken, base)
    taken[slot] = unit.stack
    config.set("listener_slot", slot)
    draft.slots[unit] = base
    return slot
