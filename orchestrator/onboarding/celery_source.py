"""The Celery application, its queues and its schedule."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from orchestrator.onboarding.django_project import module_name
from orchestrator.onboarding.findings import Finding
from orchestrator.onboarding.python_source import Module, argument, constant, parse
from orchestrator.onboarding.settings_source import Settings
from orchestrator.onboarding.source_tree import SourceTree

CELERY_DEFAULT = "celery"
"""https://docs.celeryq.dev/en/stable/userguide/configuration.html#task-default-queue"""

_DEFAULT_QUEUE = ("CELERY_TASK_DEFAULT_QUEUE", "CELERY_DEFAULT_QUEUE", "task_default_queue")
_SCHEDULES = ("CELERY_BEAT_SCHEDULE", "CELERYBEAT_SCHEDULE", "beat_schedule")
_ROUTES = ("CELERY_TASK_ROUTES", "CELERY_ROUTES", "task_routes")


@dataclass(frozen=True, kw_only=True)
class CelerySource:
    """The facts about Celery that the source shows."""

    app: Finding | None = None
    """The application as `module:variable`."""

    queues: list[Finding] = field(default_factory=list[Finding])
    """Queues that tasks are sent to by name."""

    default_queue: str = CELERY_DEFAULT
    beat: Finding | None = None
    """The schedule, or what starts one."""


def read(tree: SourceTree, settings: Settings, commands: Iterable[tuple[str, int | None, str]]) -> CelerySource:
    """Read the application and the tasks. `commands` are `(file, line, command)` of Procfiles, compose files and images."""
    modules = [m for path in tree.files if path.endswith(".py") and _mentions(tree, path) and (m := parse(tree, path))]
    modules += [module for module in settings.modules if module.path not in {each.path for each in modules}]
    app = _application(modules)
    if app is None:
        return CelerySource()
    default = next(
        (q for m in modules for name in _DEFAULT_QUEUE for q in _values(m, name) if isinstance(q, str)), None
    )
    queues: dict[str, Finding] = {}
    for finding in (*_queues_in(modules), *_queues_of(commands)):
        queues.setdefault(finding.value, finding)
    return CelerySource(
        app=app,
        queues=[queue for name, queue in sorted(queues.items()) if name != (default or CELERY_DEFAULT)],
        default_queue=default or CELERY_DEFAULT,
        beat=_beat(modules, settings, commands),
    )


def _mentions(tree: SourceTree, path: str) -> bool:
    return ("/migrations/" not in path and "celery" in (tree.text(path) or "")) or path.endswith("tasks.py")


def _application(modules: list[Module]) -> Finding | None:
    """The module-level `app = Celery(...)`."""
    for module in modules:
        for node in module.tree.body:
            value = node.value if isinstance(node, ast.Assign) else None
            if isinstance(value, ast.Call) and value in module.calls("Celery") and isinstance(node, ast.Assign):
                names = [target.id for target in node.targets if isinstance(target, ast.Name)]
                if names:
                    name = f"{module_name(module.path)}:{names[0]}"
                    return Finding(what="Celery application", value=name, file=module.path, line=node.lineno)
    return None


def _values(module: Module, name: str) -> list[object]:
    """Values of a setting, also of `app.conf.<name> = ...`."""
    found = [constant(node) for node in module.assignments(name)]
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Assign):
            found += [constant(node.value) for t in node.targets if isinstance(t, ast.Attribute) and t.attr == name]
    return [value for value in found if value is not None]


def _queues_in(modules: list[Module]) -> Iterable[Finding]:
    for module in modules:
        for call in module.calls("shared_task", "task", "apply_async", "signature", "Queue", "set"):
            queue = argument(call, "queue")
            if not isinstance(queue, str) and call in module.calls("Queue") and call.args:
                queue = constant(call.args[0])
            if isinstance(queue, str):
                yield Finding(what="queue", value=queue, file=module.path, line=call.lineno)
        for name in _ROUTES:
            for node in (*module.assignments(name), *_attributes(module, name)):
                routes = constant(node)
                for route in routes.values() if isinstance(routes, dict) else ():
                    if isinstance(route, dict) and isinstance(queue := route.get("queue"), str):
                        yield Finding(what="queue", value=queue, file=module.path, line=node.lineno)


def _queues_of(commands: Iterable[tuple[str, int | None, str]]) -> Iterable[Finding]:
    for file, line, command in commands:
        if "celery" in command and (match := re.search(r"(?:-Q|--queues)[ =]+([\w,.-]+)", command)):
            for queue in match[1].split(","):
                yield Finding(what="queue", value=queue, file=file, line=line)


def _beat(modules: list[Module], settings: Settings, commands: Iterable[tuple[str, int | None, str]]) -> Finding | None:
    for module in modules:
        for name in _SCHEDULES:
            nodes = [*module.assignments(name), *_attributes(module, name)]
            if nodes:
                return Finding(what="Celery beat", value=name, file=module.path, line=nodes[0].lineno)
    for app in ("django_celery_beat",):
        if app in settings.list("INSTALLED_APPS"):
            return settings.finding("Celery beat", app, "INSTALLED_APPS")
    for file, line, command in commands:
        if re.search(r"\bcelery\b.*\bbeat\b", command):
            return Finding(what="Celery beat", value="celery beat", file=file, line=line)
    return None


def _attributes(module: Module, name: str) -> list[ast.expr]:
    return [
        node.value
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Attribute) and t.attr == name for t in node.targets)
    ]
