"""The path of a health check among the addresses of a Django project."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from orchestrator.onboarding.django_project import module_file
from orchestrator.onboarding.findings import Finding
from orchestrator.onboarding.python_source import constant, parse
from orchestrator.onboarding.source_tree import SourceTree

MOST_DEPTH = 6
_HEALTH = re.compile(
    r"(^|[/_-])(health|healthz|healthcheck|health-check|health_check|status|ping|livez|readyz|ready|up)([/_-]|$)"
)


def health_path(tree: SourceTree, root: str) -> Finding | None:
    """The shortest path that looks like a health check, without arguments; None without one."""
    found = [
        Finding(what="health check", value=f"/{path}", file=file, line=line)
        for path, file, line in _paths(tree, root, "", 0)
        if _HEALTH.search(path.strip("/")) and not re.search(r"[<(\[?*\\]", path)
    ]
    # "health" says more than "status" or "up".
    return min(found, key=lambda each: ("health" not in str(each.value), len(str(each.value))), default=None)


def _paths(tree: SourceTree, module: str, prefix: str, depth: int) -> Iterator[tuple[str, str, int]]:
    """Path, file and line of every address below a URL module, with those of the modules that it includes."""
    path = module_file(tree, module)
    source = parse(tree, path) if path and depth < MOST_DEPTH else None
    if source is None or path is None:
        return
    for call in source.calls("path", "re_path", "url"):
        if len(call.args) < 2 or not isinstance(route := constant(call.args[0]), str):
            continue
        whole = prefix + route.removeprefix("^").removesuffix("$")
        included = _included(call.args[1])
        if included:
            yield from _paths(tree, included, whole, depth + 1)
        else:
            yield whole, path, call.lineno


def _included(node: ast.expr) -> str | None:
    """The module in `include("x.urls")` or `include(("x.urls", "name"))`."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "include" and node.args):
        return None
    value = constant(node.args[0])
    if isinstance(value, tuple) and value:
        value = value[0]
    return value if isinstance(value, str) else None
