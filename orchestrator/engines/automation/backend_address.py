"""The URL of the state backend, from orchestrator.toml, the environment, Pulumi.yaml or `pulumi login`.

The order is that of the CLI (pkg/workspace/creds.go), with orchestrator.toml first.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from orchestrator.config import documents, project_file
from orchestrator.config.projects import Project
from orchestrator.errors import EngineUnavailableError

FILE = "file://"
CLOUD = "https://api.pulumi.com"
BACKEND_VARIABLE = "PULUMI_BACKEND_URL"
_ENCRYPTED = "$pulumiSecureStore"


def address_of(projects: Iterable[Project], ask_cli: Callable[[Path], str | None]) -> str:
    """The backend of all projects, when orchestrator.toml has none.

    `ask_cli` asks the CLI in a project's folder for its login; this is needed only for an encrypted login.
    Raises EngineUnavailableError when there is no backend, or when the projects have different ones.
    """
    found = {project.key: absolute(_of_project(project, ask_cli), project.path) for project in projects}
    if len({_comparable(url) for url in found.values()}) > 1:
        said = ", ".join(f"{key} in {url}" for key, url in sorted(found.items()))
        raise EngineUnavailableError(
            f"the projects have different state backends: {said}",
            "set one absolute URL: `backend` below [pulumi] in orchestrator.toml, PULUMI_BACKEND_URL, or the same "
            "`backend: url:` in each Pulumi.yaml",
        )
    return next(iter(found.values()))


def absolute(url: str, folder: Path) -> str:
    """The URL; a relative path of a `file://` URL becomes absolute, starting from `folder`."""
    if not url.startswith(FILE):
        return url
    path, question, query = url.removeprefix(FILE).partition("?")
    return f"{FILE}{os.path.normpath(folder / os.path.expanduser(path))}{question}{query}"


def path_of(url: str) -> str:
    """The folder of a `file://` URL."""
    return unquote(os.path.expanduser(url.removeprefix(FILE).partition("?")[0]))


def _comparable(url: str) -> str:
    return os.path.realpath(path_of(url)) if url.startswith(FILE) else url.rstrip("/")


def _of_project(project: Project, ask_cli: Callable[[Path], str | None]) -> str:
    url = os.environ.get(BACKEND_VARIABLE) or project_file.read(project.path).backend
    return url or _login(lambda: ask_cli(project.path))


def _login(ask_cli: Callable[[], str | None]) -> str:
    """The backend of `pulumi login`. Raises EngineUnavailableError."""
    home = os.environ.get("PULUMI_CREDENTIALS_PATH") or os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi"
    try:
        known = documents.decoded(dict[str, Any], documents.read(Path(home) / "credentials.json"))
    except (OSError, documents.DamagedError):
        known = {}
    current = ask_cli() if _ENCRYPTED in known else known.get("current")
    if not current and not os.environ.get("PULUMI_ACCESS_TOKEN"):
        raise EngineUnavailableError(
            "no Pulumi state backend is configured: no `pulumi login`, no PULUMI_BACKEND_URL, no `backend` in Pulumi.yaml",
            "run `pulumi login` (for example `pulumi login file://~`), or set `backend` below [pulumi] in "
            "orchestrator.toml",
        )
    return str(current or CLOUD)
