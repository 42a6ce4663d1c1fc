"""The files of a pipeline on GitHub or GitLab, which `ci init` writes into a repository."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from orchestrator.config import stack_config
from orchestrator.config.settings import Settings
from orchestrator.errors import RefusedError
from orchestrator.lifecycle.git import checkout, default_branch, top_folder
from orchestrator.model import Scope
from orchestrator.onboarding import written_files
from orchestrator.onboarding.written_files import WrittenFile

ForgeName = Literal["github", "gitlab"]
_PLACES: Mapping[ForgeName, str] = {"github": ".github/workflows", "gitlab": ".gitlab"}
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")
DEFAULT_REGION = "us-east-1"


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """The values of a pipeline's files."""

    root: Path
    """Folder of the git repository."""

    folder: str
    """Folder of `orchestrator.toml`, relative to the root."""

    region: str
    branch: str
    """Branch from which production is deployed."""

    staging: str
    """Environment that gets an image first."""

    production: str
    builds: bool = False
    """Whether the pipeline of pull requests builds images: those of `[images]`, unless `[pull_requests]` names others."""


def pipeline(settings: Settings) -> Pipeline:
    """The values for the repository of the settings. Raises RefusedError outside a git repository."""
    root = top_folder(settings.root)
    if root is None:
        raise RefusedError(
            f"{settings.root} is not in a git repository: a pipeline needs one",
            "run `git init`, then the command again",
        )
    stacks = [
        (project, stack)
        for project in settings.in_scope(Scope.ENVIRONMENT)
        for stack in stack_config.configured_stacks(project)
    ]
    names = sorted({stack for _, stack in stacks})
    production = "live" if "live" in names else names[-1] if names else "live"
    others = [name for name in names if name != production]
    templates = [project.template for project, _ in stacks if project.template in others]
    regions = [_region(stack_config.StackConfig.load(project, stack)) for project, stack in stacks]
    return Pipeline(
        root=root,
        folder=settings.root.resolve().relative_to(root.resolve()).as_posix(),
        region=next((region for region in regions if region), DEFAULT_REGION),
        branch=default_branch(root) or checkout(root).branch or "main",
        staging=templates[0] or "alpha" if templates else others[0] if others else "alpha",
        production=production,
        builds=bool(settings.images) and not settings.pull_requests.images,
    )


def compared(found: Pipeline, forge: ForgeName) -> list[WrittenFile]:
    """The files with their fates: new ones, equal ones, and those that a person edited, which stay."""
    folder = files("orchestrator.onboarding") / "pipelines" / forge
    values = {
        "REGION": found.region,
        "FOLDER": found.folder,
        "BRANCH": found.branch,
        "STAGING": found.staging,
        "ENVIRONMENT": found.production,
        "BUILD": "--build " if found.builds else "",
        "VERSION": _version(),
    }
    texts = {
        f"{_PLACES[forge]}/{file.name}": _filled(file.read_text(encoding="utf-8"), values)
        for file in sorted(folder.iterdir(), key=lambda it: it.name)
        if file.name.endswith(".yml")
    }
    return [written_files.compared(found.root / path, text) for path, text in texts.items()]


def _filled(text: str, values: Mapping[str, str]) -> str:
    return re.sub(r"@([A-Z]+)@", lambda found: values[found[1]], text)


def _region(config: stack_config.StackConfig) -> str | None:
    document: Any = config.snapshot().wire()
    region = document.get("aws:region")
    return region if isinstance(region, str) and _REGION.fullmatch(region) else None


def _version() -> str:
    try:
        return version("pulumi-django")
    except PackageNotFoundError:  # run from a checkout
        return "0.1.0"
