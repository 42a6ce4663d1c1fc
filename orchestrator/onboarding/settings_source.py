"""The settings of a Django project that its source shows: the module of production and everything that it imports."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from orchestrator.onboarding.django_project import module_file
from orchestrator.onboarding.findings import Finding
from orchestrator.onboarding.python_source import Module, Variable, constant, parse, texts
from orchestrator.onboarding.source_tree import SourceTree

_BACKENDS = (
    ("database engine", re.compile(r"(?:^|\.)db\.backends\.(\w+)$")),
    ("static files", re.compile(r"^([\w.]*(?:Static|Manifest)\w*Storage|whitenoise\.middleware\.\w+)$")),
    ("uploads", re.compile(r"^((?!.*(?:Static|Manifest)\w*Storage$)\w+(?:\.\w+)+Storage)$")),
    ("channel layer", re.compile(r"^(channels\w*(?:\.\w+)+Layer)$")),
)
"""Dotted names of Django, django-storages, WhiteNoise and Channels, also those of subclasses in the repository."""


MOST_MODULES = 50
"""Limit of modules in a chain of `import *`."""


@dataclass(frozen=True)
class Settings:
    """The modules of the settings, those that later ones extend first."""

    modules: tuple[Module, ...]

    def value(self, name: str) -> Any:
        """The last literal value of a setting; None without one."""
        return next((value for node in reversed(self.nodes(name)) if (value := constant(node)) is not None), None)

    def nodes(self, name: str) -> list[ast.expr]:
        """Every value that is assigned to a setting, in the order in which Django sees them."""
        return [node for module in self.modules for node in module.assignments(name)]

    def has(self, name: str) -> bool:
        """Whether any module assigns the setting."""
        return bool(self.nodes(name))

    def list(self, name: str) -> list[str]:
        """The texts of a list that modules assign and extend, with those of the lists that it adds by name."""
        found: list[str] = []
        for node in self.nodes(name):
            found += texts(node)
            for part in ast.walk(node):
                if isinstance(part, ast.Name) and part.id != name:
                    found += [text for other in self.nodes(part.id) for text in texts(other)]
        return found

    @cached_property
    def text(self) -> frozenset[str]:
        """Every text in the modules."""
        return frozenset(text for module in self.modules for text in module.strings())

    @property
    def uploads_to_bucket(self) -> bool:
        """Whether uploads go to a bucket."""
        named = any(text.startswith("storages.") or "S3" in text for text in self.text)
        return named or "AWS_STORAGE_BUCKET_NAME" in {*self.variables}

    @cached_property
    def variables(self) -> dict[str, tuple[str, Variable]]:
        """File and place of each environment variable. One that any module requires counts as required."""
        found: dict[str, tuple[str, Variable]] = {}
        for module in self.modules:
            for variable in module.variables():
                if variable.name not in found or (variable.required and not found[variable.name][1].required):
                    found[variable.name] = (module.path, variable)
        return found

    def finding(self, what: str, value: Any, name: str) -> Finding:
        """A fact with the place of the last assignment of a setting."""
        for module in reversed(self.modules):
            nodes = module.assignments(name)
            if nodes:
                return Finding(what=what, value=value, file=module.path, line=nodes[-1].lineno)
        return Finding(what=what, value=value, guess=f"no file assigns {name}")


def read(tree: SourceTree, module: str) -> Settings:
    """Read a settings module and the modules of its `import *`."""
    found: list[Module] = []
    _follow(tree, module, found, set())
    return Settings(tuple(found))


def _follow(tree: SourceTree, name: str, found: list[Module], seen: set[str]) -> None:
    path = module_file(tree, name)
    if path is None or path in seen or len(seen) > MOST_MODULES:
        return
    seen.add(path)
    module = parse(tree, path)
    if module is None:
        return
    package = name if path.endswith("__init__.py") else name.rpartition(".")[0]
    for imported, level in module.imports_all():
        _follow(tree, _absolute(imported, level, package), found, seen)
    found.append(module)


def _absolute(module: str, level: int, package: str) -> str:
    if not level:
        return module
    parts = package.split(".")
    return ".".join([*parts[: len(parts) - level + 1], *([module] if module else [])])


def backends(settings: Settings) -> Iterable[Finding]:
    """The backends of each kind, each at its last place. Settings can choose between several."""
    for what, pattern in _BACKENDS:
        places = {
            found[1]: (module.path, line)
            for module in settings.modules
            for text, line in module.strings_with_lines()
            if (found := pattern.search(text))
        }
        for value, (file, line) in places.items():
            yield Finding(what=what, value=value, file=file, line=line)
