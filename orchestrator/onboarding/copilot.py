"""Services of an AWS Copilot application. Manifest: https://aws.github.io/copilot-cli/docs/manifest/overview/"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from orchestrator.config import yaml_files
from orchestrator.errors import RefusedError
from orchestrator.onboarding import manifest_files
from orchestrator.onboarding.copilot_workload import (
    PRODUCTION,
    Manifest,
    Workload,
    answers_everything,
    command_of,
    table,
)
from orchestrator.onboarding.source_tree import SourceTree
from orchestrator.onboarding.survey import Survey
from orchestrator.onboarding.takeover import Takeover

_DJANGO = re.compile(r"gunicorn|uvicorn|daphne|hypercorn|manage\.py|wsgi|asgi")


def take_over(survey: Survey) -> Takeover:
    """Take over the workloads below `copilot/`. Raises RefusedError without manifests, or without a web service of Django."""
    manifests = list(_manifests(survey.repository))
    if not manifests:
        raise RefusedError(f"{survey.repository.root} has no copilot/*/manifest.yml", "leave out --from copilot")
    web = _web_service(manifests)
    takeover = _taken(survey.repository, manifests, web, production=False)
    # The same manifests with the overrides of production; their report repeats the first one.
    takeover.prod_values = _taken(survey.repository, manifests, web, production=True).values
    for key in ("extra_env", "extra_secrets"):
        for name in sorted({*takeover.values.get(key, {})} - {*takeover.prod_values.get(key, {})}):
            takeover.leave(f"{key}.{name} of production", "its value there is unknown: set it in Pulumi.live.yaml")
    return takeover


def exists(tree: SourceTree) -> bool:
    """Whether the repository has manifests of Copilot."""
    return any(_is_manifest(path) for path in tree.files)


def _is_manifest(path: str) -> bool:
    parts = PurePosixPath(path).parts
    return parts[-1] == "manifest.yml" and parts[0] == "copilot" and len(parts) == 3


def _manifests(tree: SourceTree) -> list[Manifest]:
    found: list[Manifest] = []
    for path in tree.files:
        parts = PurePosixPath(path).parts
        if not _is_manifest(path):
            continue
        values = manifest_files.parse(Path(path), tree.text(path) or "")
        found.append(Manifest(path, str(values.get("name") or parts[1]), str(values.get("type") or ""), values))
    return found


def _web_service(manifests: list[Manifest]) -> Manifest:
    """The service that runs Django: the only load-balanced one, or the one whose command or variables say so."""
    served = [each for each in manifests if each.kind == "Load Balanced Web Service"]
    django = [
        each
        for each in served
        if _DJANGO.search(command_of(each.values)) or "DJANGO_SETTINGS_MODULE" in table(each.values, "variables")
    ]
    # Of several with Django's code, the others have paths of their own, or run ASGI.
    everything = [each for each in django if answers_everything(each.values)]
    pages = [each for each in everything if re.search("gunicorn|wsgi", command_of(each.values))]
    for candidates in (django, everything, pages, served):
        if len(candidates) == 1:
            return candidates[0]
    names = ", ".join(each.name for each in served) or "none"
    raise RefusedError(
        f"copilot/: it is unclear which service runs Django: the load-balanced services are {names}",
        "in its manifest give the one of Django a command with gunicorn or the variable DJANGO_SETTINGS_MODULE, and the path `/`",
    )


def _taken(tree: SourceTree, manifests: list[Manifest], web: Manifest, *, production: bool) -> Takeover:
    takeover = Takeover(values={"workers": {}, "beat": None})
    names = _names(tree, manifests, production=production)
    # Its image, and its values of variables, decide about the others.
    for manifest in sorted(manifests, key=lambda each: each is not web):
        Workload(takeover, manifest, _merged(manifest, production), names).take(web)
    for path in tree.files:
        if re.match(r"^copilot/(environments/)?[^/]+/?addons/", path) or (
            "/addons/" in path and path.startswith("copilot/")
        ):
            takeover.leave(path, "an add-on: databases move by `db dump` and `db restore`, buckets by `aws s3 sync`")
        elif path.startswith("copilot/") and "/overrides/" in path:
            takeover.leave(
                path, "overrides change templates of Copilot; components have options and transforms instead"
            )
        elif path.startswith("copilot/pipelines/") and path.endswith("manifest.yml"):
            takeover.leave(path, "a pipeline: `orchestrator ci init` writes one, see docs/pull-requests.md")
        elif path.startswith("copilot/environments/") and path.endswith("manifest.yml"):
            _environment(takeover, tree, path)
    return takeover


def _names(tree: SourceTree, manifests: list[Manifest], *, production: bool) -> dict[str, str]:
    """The values of Copilot's own variables: the application's name, and an environment for production or for tests."""
    names: dict[str, str] = {}
    workspace = tree.text("copilot/.workspace")
    application = yaml_files.parse(Path("copilot/.workspace"), workspace).get("application") if workspace else None
    if isinstance(application, str):
        names["COPILOT_APPLICATION_NAME"] = application
    known = {str(name) for manifest in manifests for name in table(manifest.values, "environments")}
    known |= {
        found[1] for path in tree.files if (found := re.match(r"^copilot/environments/([^/]+)/manifest\.yml$", path))
    }
    fitting = sorted(name for name in known if bool(PRODUCTION.match(name)) is production)
    usual = [name for name in ("test", "staging", "stage", "dev") if name in fitting]
    if fitting:
        names["COPILOT_ENVIRONMENT_NAME"] = (usual or fitting)[0]
    return names


def _merged(manifest: Manifest, production: bool) -> dict[str, Any]:
    """A manifest with the overrides of production: maps merge, other values replace."""
    values = dict(manifest.values)
    overrides = table(values, "environments")
    if production:
        for name, change in overrides.items():
            if PRODUCTION.match(str(name)) and isinstance(change, Mapping):
                values = _deep(values, change)
    return values


def _deep(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(one)
    for key, value in other.items():
        present = merged.get(key)
        merged[key] = _deep(present, value) if isinstance(present, Mapping) and isinstance(value, Mapping) else value
    return merged


def _environment(takeover: Takeover, tree: SourceTree, path: str) -> None:
    network = table(table(yaml_files.parse(Path(path), tree.text(path) or ""), "network"), "vpc")
    if network.get("id"):
        takeover.leave(f"{path} network.vpc", "for an existing network set `existing_vpc` of the base")
    else:
        takeover.leave(path, "the base takes the place of Copilot's environment")
