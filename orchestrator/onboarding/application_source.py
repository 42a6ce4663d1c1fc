"""Environment variables that the code of the application reads, outside the settings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import PurePosixPath

from orchestrator.onboarding.python_source import Module, Variable, parse
from orchestrator.onboarding.source_tree import SourceTree

_LIBRARIES = {"environ", "environs", "decouple"}
"""Modules of django-environ, environs and python-decouple."""

_MENTIONS = re.compile(r"\b(environ|getenv|environs|decouple)\b")
_TESTS = re.compile(r"(^|/)(tests?|docs|conftest\.py|(test_|settings)[^/]*|[^/]*_tests?\.py)(/|$)")
"""Paths of tests, of documentation, and of settings that production does not use."""

_SYSTEM = re.compile(
    r"^(PATH|HOME|HOSTNAME|USER|LANG|TZ|PWD|SHELL|TERM|TMPDIR|PORT|PYTHON\w+|DJANGO_SETTINGS_MODULE"
    r"|AWS_EXECUTION_ENV|AWS_CONTAINER_\w+|ECS_CONTAINER_METADATA_URI\w*)$"
)
"""Variables of the image, of Django, and those that ECS sets:
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-agent-environment.html"""


def files(tree: SourceTree, others: Iterable[str]) -> list[str]:
    """The Python files of the application, without tests and without `others`, the files of the settings.

    Only files in Python packages count: a script beside the project is not part of the image's program.
    """
    packages = {str(PurePosixPath(path).parent) for path in tree.named("__init__.py")}
    left_out = {*others, "manage.py"}
    return [
        path
        for path in tree.files
        if path.endswith(".py") and path not in left_out and not _TESTS.search(path)
        if packages & {str(folder) for folder in PurePosixPath(path).parents}
    ]


def variables(tree: SourceTree, others: Iterable[str]) -> Mapping[str, tuple[str, Variable]]:
    """File and place of each variable by name. `others` are files of the settings, which do not count."""
    modules = [
        module
        for path in files(tree, others)
        if _MENTIONS.search(tree.text(path) or "") and (module := parse(tree, path))
    ]
    given = {name for module in modules for name in module.variables_set()}
    found: dict[str, tuple[str, Variable]] = {}
    for module in modules:
        for variable in _read_by(module):
            before = found.get(variable.name)
            if not _SYSTEM.match(variable.name) and (before is None or (variable.required and not before[1].required)):
                found[variable.name] = (module.path, variable)
    return {
        name: (path, replace(variable, required=variable.required and name not in given))
        for name, (path, variable) in found.items()
    }


def _read_by(module: Module) -> list[Variable]:
    """The variables that a module reads. Without a library, only `os.environ` and `os.getenv` read variables."""
    return module.variables(in_functions=True, only_os=not (_LIBRARIES & module.imports()))
