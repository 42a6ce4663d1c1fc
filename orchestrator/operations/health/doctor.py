"""`doctor`: checks the requirements of the other commands."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from importlib import metadata
from typing import TYPE_CHECKING, Any

from orchestrator.config.stack_config import StackConfig, configured_stacks
from orchestrator.errors import OrchestratorError, UnknownStackError
from orchestrator.lifecycle.registry import asleep_and_maintenance
from orchestrator.model import UNKNOWN, Kind, Scope, Unit
from orchestrator.operations.aws import session_plugin
from orchestrator.operations.aws.clients import AwsClients, Clients
from orchestrator.operations.aws.targets import access_of_units
from orchestrator.operations.health.doctor_aws import Place
from orchestrator.operations.health.verdicts import Check, Verdict, fail, made, not_applicable, ok, warn

if TYPE_CHECKING:
    from orchestrator.lifecycle.context import Context

PROVIDERS = ("aws", "awsx", "random")
"""Plugins of the example projects; each belongs to the Python package of its name."""

VERSION_SECONDS = 60


def checks(
    load: Callable[[], Context],
    name: str | None = None,
    *,
    clients_for: Callable[[Place], Clients] | None = None,
) -> Iterator[Check]:
    """Yield one check after the other. `load` returns the context; its failure is a failed check.

    With a name, also check the requirements of that base or environment; it may be only configured.
    """
    try:
        context = load()
    except OrchestratorError as error:
        yield fail("settings", error.message, error.hint)
        yield made("exec plugin", _exec_plugin)
        return
    settings = context.settings
    yield ok("settings", f"{settings.file}: {len(settings.projects)} projects, engine {context.engine.name}")
    simulated = context.engine.notice is not None
    yield _not_needed("pulumi") if simulated else made("pulumi", lambda: _pulumi(context))
    yield _not_needed("plugins") if simulated else made("plugins", _plugins)
    yield made("exec plugin", _exec_plugin)
    backend = made("backend", lambda: _backend(context))
    yield backend
    if backend.verdict is Verdict.FAIL:
        return
    yield from _secrets(context, name)
    yield from maintenance(context, name)
    if name is None:
        yield from _everywhere(context, clients_for)
        return
    try:
        place = find(context, name)
    except OrchestratorError as error:
        yield fail("stack", error.message, error.hint)
        return
    yield from _in_aws(place, simulated, clients_for)


def find(context: Context, name: str) -> Place:
    """Return the base or environment of that name, existing or only configured. Raises UnknownStackError, SettingsError."""
    registry, settings = context.registry(), context.settings
    prefix, _, plain = name.rpartition("/")
    for scope in (Scope.ENVIRONMENT, Scope.BASE):
        projects = settings.in_scope(scope)
        exists = plain in (registry.environments if scope is Scope.ENVIRONMENT else registry.bases)
        configured = any(plain in configured_stacks(project) for project in projects)
        if prefix not in ("", scope.value) or not (exists or configured):
            continue
        units = [Unit(project.key, plain) for project in projects]
        configs = [StackConfig.load(project, plain) for project in projects]
        application = next((config for config in configs if config.get("backend_image")), configs[0])
        base = plain if scope is Scope.BASE else _base_of(registry, plain, configs)
        found = registry.bases.get(base or "")
        outputs = found.outputs if found else {}
        known = {key: out.value for key, out in outputs.items() if not out.secret and out.value != UNKNOWN}
        return Place(
            name=plain,
            scope=scope,
            base=base,
            access=access_of_units(context, units, known.get("region")),
            base_outputs=known,
            config=application if scope is Scope.ENVIRONMENT else None,
            base_config=_base_config(context, base),
            kind=found.record.kind if found else Kind.AD_HOC,
        )
    raise UnknownStackError(f"no base or environment {name!r} exists or is configured", "see `orchestrator list`")


def _base_of(registry: Any, name: str, configs: list[StackConfig]) -> str | None:
    if name in registry.environments and registry.environments[name].record.base:
        return str(registry.environments[name].record.base)
    return next((str(base) for config in configs if (base := config.get("base"))), None)


def _base_config(context: Context, base: str | None) -> StackConfig | None:
    projects = context.settings.in_scope(Scope.BASE)
    configured = [project for project in projects if base and base in configured_stacks(project)]
    return StackConfig.load(configured[0], str(base)) if configured else None


def maintenance(context: Context, name: str | None) -> Iterator[Check]:
    """Warn about environments in maintenance, which are easily forgotten."""
    projects = context.settings.projects
    environments = context.readable_registry().environments.values()
    for found in environments:
        since = asleep_and_maintenance(found, projects)[1] if name in (None, found.name) else None
        if since is not None:
            text = f"{found.name} answers 503" if since == "on" else f"{found.name} has answered 503 since {since}"
            yield warn("maintenance", text, f"end it: `orchestrator maintenance off {found.name}`")


def _not_needed(name: str) -> Check:
    return not_applicable(name, "the simulation does not need it")


# this machine


def _pulumi(context: Context) -> Check:
    """Check the CLI, its language host and its backend as the engine does before any work."""
    context.engine.check()
    cli = _output(["pulumi", "version"]).removeprefix("v")
    sdk = metadata.version("pulumi")
    return ok("pulumi", f"CLI {cli}, SDK {sdk}")


def _plugins() -> Check:
    """Check for the providers in the versions of the Python packages; the CLI installs missing ones on first use."""
    listed = set(re.findall(r"^(\S+)\s+resource\s+(\S+)", _output(["pulumi", "plugin", "ls"]), re.MULTILINE))
    wanted: dict[str, str] = {}
    for provider in PROVIDERS:
        try:
            wanted[provider] = metadata.version(f"pulumi-{provider}")
        except metadata.PackageNotFoundError:
            return fail("plugins", f"the package pulumi-{provider} is not installed", "install pulumi-django again")
    missing = [
        f"{name} {version}"
        for name, version in wanted.items()
        if (name, version) not in listed and shutil.which(f"pulumi-resource-{name}") is None
    ]
    if missing:
        commands = "; ".join(f"`pulumi plugin install resource {item.replace(' ', ' v')}`" for item in missing)
        return warn(
            "plugins",
            f"{', '.join(missing)} not installed: they are installed on first use",
            f"to install them now: {commands}",
        )
    return ok("plugins", ", ".join(f"{name} {version}" for name, version in wanted.items()))


def _exec_plugin() -> Check:
    problem = session_plugin.problem()
    if problem is None:
        return ok("exec plugin", session_plugin.PROGRAM)
    return warn("exec plugin", f"{problem}: exec, tunnel and db shell need it", session_plugin.INSTALL_HINT)


def _output(words: list[str]) -> str:
    if shutil.which(words[0]) is None:
        return ""
    try:
        return subprocess.run(
            words, capture_output=True, text=True, timeout=VERSION_SECONDS, check=False
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


# the backend


def _backend(context: Context) -> Check:
    """Check that it can be read and written: take a lock and release it."""
    stacks = context.engine.stacks()
    with context.engine.exclusive("doctor"):
        pass
    where = "" if context.settings.pulumi.backend is None else f" in {context.settings.pulumi.backend}"
    return ok("backend", f"readable and writable: {len(stacks)} stacks{where}")


def _secrets(context: Context, name: str | None) -> Iterator[Check]:
    """Check that the passphrase or the KMS key decrypts the configurations' encrypted values."""
    from orchestrator.engines.automation import admission

    configs = [
        (Unit(project.key, stack), project)
        for project in context.settings.projects
        for stack in configured_stacks(project)
        if name is None or stack == name.rpartition("/")[2]
    ]
    good: list[str] = []
    for unit, project in configs:

        def look(unit: Unit = unit, project: Any = project) -> Check:
            provider = StackConfig.load(project, unit.stack).secrets_provider
            if provider is None:
                return not_applicable("secrets", str(unit))
            admission.check_secrets(unit, provider)
            return ok("secrets", str(unit))

        found = made("secrets", look)
        if found.verdict is Verdict.FAIL:
            yield found
        elif found.verdict is Verdict.OK:
            good.append(found.evidence)
    if good:
        yield ok("secrets", f"can be decrypted: {', '.join(good)}")
    elif not configs:
        yield not_applicable("secrets", "no stack is configured")


# AWS


def _everywhere(context: Context, clients_for: Callable[[Place], Clients] | None) -> Iterator[Check]:
    """Check the credentials once for every AWS access of the configurations."""
    simulated, seen = context.engine.notice is not None, set[str]()
    for project in context.settings.projects:
        for stack in configured_stacks(project):
            try:
                place = find(context, f"{project.scope.value}/{stack}")
            except OrchestratorError as error:
                yield fail(f"configuration of {project.key}/{stack}", error.message, error.hint)
                continue
            if repr(place.access) not in seen:
                seen.add(repr(place.access))
                yield from _in_aws(place, simulated, clients_for, only_credentials=True)


def _in_aws(
    place: Place,
    simulated: bool,
    clients_for: Callable[[Place], Clients] | None,
    *,
    only_credentials: bool = False,
) -> Iterator[Check]:
    from orchestrator.operations.health import doctor_aws

    if simulated and clients_for is None:
        names = doctor_aws.NAMES[:1] if only_credentials else doctor_aws.NAMES
        yield from (not_applicable(name, "the simulation does not call AWS") for name in names)
        return
    clients = clients_for(place) if clients_for else AwsClients(place.access)
    yield from doctor_aws.checks(place, clients, only_credentials=only_credentials)
