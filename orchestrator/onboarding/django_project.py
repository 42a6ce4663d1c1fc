"""Finds the Django project in a repository, and the settings module of production."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from orchestrator.errors import RefusedError
from orchestrator.onboarding.findings import Finding
from orchestrator.onboarding.python_source import parse
from orchestrator.onboarding.source_tree import SourceTree

_VARIABLE = "DJANGO_SETTINGS_MODULE"
_NOT_PROJECTS = frozenset({"tests", "test", "docs", "templates", "project_template", "examples"})
_PRODUCTION = ("production", "prod", "live", "aws", "deploy", "deployment")
"""Usual names of the settings of production, the most usual first."""

_SET = re.compile(rf"""{_VARIABLE}["']?\s*(?:,|=|:)\s*["']?([A-Za-z_][\w.]*)""")


@dataclass(frozen=True, kw_only=True)
class DjangoProject:
    """The folder with `manage.py`, and the module of its settings."""

    folder: str
    """Folder relative to the repository; `.` is the repository itself."""

    tree: SourceTree
    """The files of that folder."""

    settings: Finding

    @property
    def package(self) -> str:
        """The package of the project, `shop` for `shop.settings.production`."""
        return str(self.settings.value).partition(".")[0]


def find(repository: SourceTree) -> DjangoProject:
    """Find the Django project. Raises RefusedError when there is none, or more than one at the same depth."""
    manages = [
        path for path in repository.named("manage.py") if not _NOT_PROJECTS & {*PurePosixPath(path).parts[:-1]}
        and "{{" not in path and "django" in (repository.text(path) or "").lower()
    ]  # fmt: skip
    if not manages:
        raise RefusedError(
            f"{repository.root} is not a Django project: no manage.py of Django was found",
            "run the command in the repository of a Django project, or pass its folder",
        )
    shallow = [path for path in manages if path.count("/") == manages[0].count("/")]
    if len(shallow) > 1:
        folders = [str(PurePosixPath(path).parent) for path in shallow]
        raise RefusedError(
            f"{repository.root} contains {len(shallow)} Django projects: {', '.join(folders)}",
            f"pass the folder of one, for example `orchestrator init {folders[0]}`",
        )
    folder = str(PurePosixPath(shallow[0]).parent)
    tree = repository.below(folder)
    return DjangoProject(folder=folder, tree=tree, settings=_settings(tree))


def module_file(tree: SourceTree, module: str) -> str | None:
    """The file of a module; None when it is not in the project."""
    path = module.replace(".", "/")
    direct = (f"{path}.py", f"{path}/__init__.py", f"src/{path}.py")
    if found := next((name for name in direct if name in tree.files), None):
        return found
    # Packages below a folder that the image adds to the path of Python, such as `backend/src`.
    return next((name for name in tree.files if name.endswith(f"/{path}.py") and "src" in name.split("/")), None)


def module_name(path: str) -> str:
    """The module of a file, `config.celery` for `config/celery.py`."""
    parts = path.removesuffix(".py").removesuffix("/__init__").split("/")
    return ".".join(parts[parts.index("src") + 1 :] if "src" in parts[:-1] else parts)


def _settings(tree: SourceTree) -> Finding:
    """The settings module of production: named for deployment, or beside the one that manage.py names, or the only one."""
    named = [found for found in _named(tree) if module_file(tree, str(found.value))]
    for found in named:
        if str(found.value).rpartition(".")[2].lower() in _PRODUCTION:
            return found
    for found in named:
        for name in _PRODUCTION:
            package = _package_of(tree, str(found.value))
            file = module_file(tree, f"{package}.{name}") if package else None
            if file:
                guess = f"{found.place} names {found.value}; {file} is beside it"
                return Finding(what="settings module", value=module_name(file), file=file, guess=guess)
    if named:
        return named[-1]
    candidates = [path for path in tree.files if path.endswith(".py") and "ROOT_URLCONF" in (tree.text(path) or "")]
    modules = [module_name(path) for path in candidates if parse(tree, path)]
    if not modules:
        raise RefusedError(
            f"no settings module was found in {tree.root}: no file sets {_VARIABLE} or ROOT_URLCONF",
            f"set {_VARIABLE} in manage.py, as `django-admin startproject` does",
        )
    return Finding(
        what="settings module",
        value=modules[0],
        file=candidates[0],
        guess=f"{_VARIABLE} comes from outside; this module has ROOT_URLCONF",
    )


def _package_of(tree: SourceTree, module: str) -> str:
    """The package in which further settings can be: the module itself when it is a package, else its parent."""
    file = module_file(tree, module) or ""
    return module if file.endswith("__init__.py") else module.rpartition(".")[0]


def _named(tree: SourceTree) -> list[Finding]:
    """Every module that a file of the deployment or of Django names, deployment first."""
    found: list[Finding] = []
    order = ("Dockerfile", "Procfile", "wsgi.py", "asgi.py", "celery.py", "celery_app.py", "manage.py")
    for name in order:
        for path in tree.named(name):
            text = tree.text(path) or ""
            # A later line of a Dockerfile replaces an earlier one, but a command of the build is not the image.
            for match in _SET.finditer(text):
                line = text[: match.start()].count("\n") + 1
                start = text.splitlines()[line - 1].lstrip()
                if name != "Dockerfile" or start.startswith(("ENV", _VARIABLE)):
                    found.append(Finding(what="settings module", value=match[1], file=path, line=line))
    return found
