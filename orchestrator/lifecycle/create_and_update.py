"""Creates, updates and previews bases and environments. All three make what exists match the configuration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from orchestrator.config.assignments import Assignment, image_assignment
from orchestrator.config.stack_config import StackConfig, config_path, configured_stacks
from orchestrator.errors import RefusedError, SettingsError, UnknownStackError, UsageError
from orchestrator.lifecycle import fixed_values, graph, listener_slots, office_hours, refusals, taken_names
from orchestrator.lifecycle.job_builder import JobBuilder
from orchestrator.lifecycle.registry import Deployment
from orchestrator.lifecycle.requests import CreateBase, CreateEnv, PreviewBase, PreviewEnv, UpdateBase, UpdateEnv
from orchestrator.model import Kind, Record, Scope, StackStatus, StackSummary, Unit
from pulumi_django.rules.text import as_written

_FIXED_IN_BASE = {"kind": "--kind sets the kind of a base when the base is created"}
_FIXED_IN_ENVIRONMENT = {
    "base": "--base sets the base of an environment when the environment is created",
    "kind": "an environment has the kind of its base",
}


def create_base(builder: JobBuilder, request: CreateBase) -> None:
    """Create the base; update the parts of it that exist."""
    refusals.unless_valid(Scope.BASE, (request.name,))
    _base(builder, request.name, request.kind, request.assignments, request.owner)


def preview_base(builder: JobBuilder, request: PreviewBase) -> None:
    """Preview `create_base`."""
    refusals.unless_valid(Scope.BASE, (request.name,))
    _base(builder, request.name, request.kind, request.assignments, None)


def update_base(builder: JobBuilder, request: UpdateBase) -> None:
    """Update existing bases and, with `with_envs`, the environments on them afterwards."""
    refusals.unless_valid(Scope.BASE, request.names)
    for name in request.names:
        base = builder.registry.base(name)
        kind = _base(builder, name, None, request.assignments, None)
        on_it = [
            environment
            for environment in base.environments
            if builder.registry.environments[environment].record.base == name
        ]
        slots = builder.registry.slots_taken(name)
        for environment in on_it if request.with_envs else ():
            _environment(builder, environment, name, kind, slots, None, ())
        if request.with_envs:
            taken_names.check_hosts(builder, name, on_it)


def create_env(builder: JobBuilder, request: CreateEnv) -> None:
    """Create the environments, after those of their bases that are configured and do not exist yet."""
    _check_names(request.names, request.base)
    _environments(builder, request, request.names, request.owner, request.ttl)


def preview_env(builder: JobBuilder, request: PreviewEnv) -> None:
    """Preview `create_env`."""
    _check_names((request.name,), request.base)
    _environments(builder, request, (request.name,), None, None)


def update_env(builder: JobBuilder, request: UpdateEnv) -> None:
    """Update existing environments; their bases are only read."""
    refusals.unless_valid(Scope.ENVIRONMENT, request.names)
    by_base: dict[str, list[str]] = {}
    for name in request.names:
        builder.registry.environment(name)
        base = _existing_base(builder, name)
        builder.read(base)
        slots = builder.registry.slots_taken(base.name)
        _environment(builder, name, base.name, base.record.kind, slots, None, _values(request))
        by_base.setdefault(base.name, []).append(name)
    for base, names in by_base.items():
        fixed_values.check_environments(builder, base, names)
        taken_names.check_hosts(builder, base, names)


def _check_names(environments: Sequence[str], base: str | None) -> None:
    refusals.unless_valid(Scope.ENVIRONMENT, environments)
    if base is not None:
        refusals.unless_valid(Scope.BASE, (base,))


def _values(request: CreateEnv | PreviewEnv | UpdateEnv) -> tuple[Assignment, ...]:
    images = tuple(image_assignment(name, reference) for name, reference in request.images.items())
    return (*images, *request.assignments)


# bases


def _base(
    builder: JobBuilder,
    name: str,
    kind: Kind | None,
    assignments: Sequence[Assignment],
    owner: str | None,
    only: frozenset[Unit] | None = None,
) -> Kind:
    """Add a base to the job, all units or `only` some; return its kind."""
    existing = builder.registry.bases.get(name)
    projects = builder.context.projects(Scope.BASE)
    for project in projects:
        builder.config(project, name)
    kind = _kind_of_base(builder, name, kind, existing)
    builder.assign(Scope.BASE, name, assignments, _FIXED_IN_BASE)
    taken_names.check_parameters(builder, Scope.BASE, name)
    for unit in graph.base_units(projects, name):
        if only is None or unit in only:
            builder.add(unit, kind)
            stack = builder.registry.stack(unit)
            known = existing.record if existing else Record(kind=kind)
            builder.record(unit, replace(known, kind=kind, base=None), owner, new=stack is None)
    fixed_values.check_base(builder, name)
    office_hours.check_base(builder, name)
    return kind


def _kind_of_base(builder: JobBuilder, name: str, asked: Kind | None, existing: Deployment | None) -> Kind:
    """The kind of a base; writes a requested kind into a new configuration. Raises RefusedError."""
    configs = [builder.configs[unit] for unit in graph.base_units(builder.context.projects(Scope.BASE), name)]
    configured = next((kind for config in configs if config.exists and (kind := _kind_in(config))), None)
    copied = next((kind for config in configs if not config.exists and (kind := _kind_in(config))), None)
    has = existing.record.kind if existing and existing.resource_count else None
    if has and (asked or configured or has) is not has:
        raise RefusedError(
            f"the base {name} is {has}: its kind cannot become {asked or configured}",
            "create another base for the other kind",
        )
    if asked and (configured or asked) is not asked:
        raise RefusedError(
            f"the base {name} cannot be created as {asked}: its configuration has the kind {configured}",
            "change `kind` in its configuration, or omit --kind",
        )
    kind = asked or configured or has or copied or Kind.AD_HOC
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
            f"{config.path}: {config.project.name}:kind is {as_written(value)}: it must be one of {', '.join(Kind)}",
            "correct the file, or remove the key for ad-hoc",
        )
    return Kind(value)


def _base_name(builder: JobBuilder, environment: str, requested: str | None) -> str:
    """The base of an environment: the existing, the requested or the configured one. Raises UsageError, RefusedError."""
    existing = builder.registry.environments.get(environment)
    current = existing.record.base if existing and existing.resource_count else None
    if requested is not None and current is not None and requested != current:
        raise RefusedError(
            f"the environment {environment} is on the base {current}: it cannot move to {requested}",
            f"destroy it first, or create an environment with another name on {requested}",
        )
    base = requested or current
    for project in builder.context.projects(Scope.ENVIRONMENT):
        config = builder.config(project, environment)
        configured = config.get("base")
        if base is None and isinstance(configured, str):
            refusals.unless_valid(Scope.BASE, (configured,))
            base = configured
    if base is None:
        bases = ", ".join(builder.registry.bases)
        raise UsageError(
            f"the environment {environment} has no base: it does not exist and its configuration names none",
            f"add --base NAME; {f'the bases are {bases}' if bases else 'no base exists yet'}",
        )
    return base


def _existing_base(builder: JobBuilder, environment: str) -> Deployment:
    """The base of an existing environment. Raises UnknownStackError when it is gone."""
    base = _base_name(builder, environment, None)
    if base not in builder.registry.bases:
        raise UnknownStackError(
            f"the base {base} of the environment {environment} no longer exists",
            f"create it again: `orchestrator create-base {base}`",
        )
    return builder.registry.bases[base]


def _base_for(builder: JobBuilder, name: str, environments: Sequence[str]) -> Kind:
    """Add the base of environments: an existing base is read, its missing parts are created. Return its kind."""
    projects = builder.context.projects(Scope.BASE)
    units = graph.base_units(projects, name)
    existing = builder.registry.bases.get(name)
    unusable = frozenset(unit for unit in units if not _is_usable(builder.registry.stack(unit)))
    if existing and not unusable:
        if _lacks_domain(existing):
            refusals.if_domain_missing(name, existing.environments, environments)
        builder.read(existing)
        return existing.record.kind
    if not existing:
        _check_configured(builder, name)
    kind = _base(builder, name, None, (), None, only=unusable)
    if existing:
        builder.read_only.update(set(existing.units) - unusable)
        builder.kinds |= dict.fromkeys(existing.units, kind)
    if not any(builder.configs[unit].get("domain_name") for unit in units):
        refusals.if_domain_missing(name, existing.environments if existing else (), environments)
    what = "is incomplete: it is completed" if existing else "does not exist yet: it is created"
    builder.notes.append(f"the base {name} {what} first")
    return kind


def _check_configured(builder: JobBuilder, base: str) -> None:
    """Raise UnknownStackError when a base that does not exist has no configuration file either."""
    projects = builder.context.projects(Scope.BASE)
    if any(base in configured_stacks(project) for project in projects):
        return
    hint = f"create it: `orchestrator create-base {base}`"
    if builder.registry.bases:
        hint = f"the bases are {', '.join(builder.registry.bases)}; {hint}"
    raise UnknownStackError(
        f"there is no base {base!r} and no configuration for it: "
        f"{' and '.join(str(config_path(project, base)) for project in projects)} "
        f"{'does' if len(projects) == 1 else 'do'} not exist",
        hint,
    )


def _is_usable(stack: StackSummary | None) -> bool:
    """Whether environments can read the stack: one of its operations succeeded, and it is not partly destroyed."""
    if stack is None or stack.status is StackStatus.EMPTY or stack.going:
        return False
    return stack.status is StackStatus.READY or (stack.finished and bool(stack.outputs))


def _lacks_domain(base: Deployment) -> bool:
    """Whether an existing base has the outputs of our contract and no domain name."""
    domain = base.outputs.get("domain_name")
    return "contract_version" in base.outputs and (domain is None or domain.value is None)


# environments


def _environments(
    builder: JobBuilder,
    request: CreateEnv | PreviewEnv,
    names: Sequence[str],
    owner: str | None,
    ttl: timedelta | None,
) -> None:
    """Add environments to the job, each with its base."""
    bases = {name: _base_name(builder, name, request.base) for name in names}
    for base in dict.fromkeys(bases.values()):
        on_it = [name for name in names if bases[name] == base]
        kind = _base_for(builder, base, on_it)
        _check_room(builder, base, on_it)
        if ttl and kind is Kind.PROD:
            raise UsageError(f"--ttl cannot be used: {base} is production, which does not expire")
        slots = builder.registry.slots_taken(base)
        for name in on_it:
            _environment(builder, name, base, kind, slots, owner, _values(request), ttl)
        fixed_values.check_environments(builder, base, on_it)
        taken_names.check_hosts(builder, base, on_it)


def _check_room(builder: JobBuilder, base: str, environments: Sequence[str]) -> None:
    """Raise RefusedError when the base or its load balancer has no room for these environments."""
    found = builder.registry.bases.get(base)
    existing = [builder.registry.environments[name] for name in found.environments] if found else []
    limits = builder.context.settings.limits
    refusals.if_base_full(base, existing, environments, limits.environments_per_base)
    new = [name for name in environments if name not in builder.registry.environments]
    if new and existing:
        rules = [builder.context.listener_rules(environment) for environment in existing]
        refusals.if_load_balancer_full(base, sum(rules), len(new) * max(rules), limits.rules_per_load_balancer)


def _environment(
    builder: JobBuilder,
    name: str,
    base: str,
    kind: Kind,
    slots: dict[int, str],
    owner: str | None,
    assignments: Sequence[Assignment],
    ttl: timedelta | None = None,
) -> None:
    """Add an environment to the job, with its base and its slot in its configuration."""
    existing = builder.registry.environments.get(name)
    refusals.if_kinds_differ(name, existing.record.kind if existing and existing.resource_count else None, base, kind)
    builder.bases[name] = frozenset({base})
    configs = {
        Unit(project.key, name): builder.config(project, name)
        for project in builder.context.projects(Scope.ENVIRONMENT)
    }
    builder.assign(Scope.ENVIRONMENT, name, assignments, _FIXED_IN_ENVIRONMENT)
    taken_names.check_parameters(builder, Scope.ENVIRONMENT, name)
    planned = [config for unit, config in builder.configs.items() if unit.stack in builder.bases and unit.stack != name]
    taken_names.check_account_names(name, configs.values(), builder.registry.environments, planned)
    for unit, config in configs.items():
        stack = builder.registry.stack(unit)
        configured = config.get("base")
        if config.exists and configured is not None and configured != base:
            builder.notes.append(f"{config.path.name} names the base {configured}: it is changed to {base}")
        config.set("base", base)
        slot = _slot(builder, unit, base, slots)
        builder.add(unit, kind)
        known = (stack and stack.record) or (existing.record if existing and existing.recorded else Record(kind=kind))
        new = stack is None
        if new and kind is not Kind.PROD:
            ttl = ttl or known.ttl or builder.context.settings.limits.default_ttl
        builder.record(unit, replace(known, kind=kind, base=base, listener_slot=slot), owner, new=new, ttl=ttl)
    office_hours.check_environment(builder, name, base)


def _slot(builder: JobBuilder, unit: Unit, base: str, taken: dict[int, str]) -> int:
    """The unit's listener slot; writes a new one into its configuration."""
    config = builder.configs[unit]
    slot, is_new = listener_slots.choose(config, builder.registry.stack(unit), taken, base)
    if is_new:
        config.set("listener_slot", slot)
        builder.slots[unit] = base
    return slot
