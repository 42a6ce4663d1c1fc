"""`init`: survey a repository, ask, and write the files of its stacks."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path, PurePosixPath
from typing import Any

from orchestrator.config import yaml_files
from orchestrator.config.settings import USUAL_FOLDER
from orchestrator.errors import RefusedError, SettingsError, UsageError
from orchestrator.onboarding import copilot, image_files, process_files, settings_check, written_files
from orchestrator.onboarding.decisions import PLACEHOLDER_ACCOUNT, Answers, Decision, Decisions, decide
from orchestrator.onboarding.settings_check import SettingCheck
from orchestrator.onboarding.survey import Survey, survey
from orchestrator.onboarding.takeover import Takeover
from orchestrator.onboarding.written_files import ImageSource, WrittenFile

SOURCES = ("copilot", "procfile", "compose")
"""Tools whose files `init` reads."""

Ask = Callable[[str, str, str], str]
"""Asks for a value: key, question and default. Returns the answer."""


@dataclass(frozen=True, kw_only=True)
class Init:
    """A request of `init`."""

    root: Path
    folder: str = USUAL_FOLDER
    """Folder of the stacks, relative to the root."""

    source: str | None = None
    """`copilot`, `procfile` or `compose`: files of another tool to start from."""

    dockerfile: bool = False
    health_view: bool = False
    dry_run: bool = False


@dataclass(frozen=True, kw_only=True)
class Initialised:
    """The result: what was found, decided and written."""

    survey: Survey
    decisions: Decisions
    checks: list[SettingCheck]
    files: list[WrittenFile]
    takeover: Takeover | None
    lines_for_urls: str = ""
    """Lines for the project's addresses, with a health view."""


def schema(name: str, project: str) -> dict[str, Any]:
    """The JSON Schema of `settings`, `base` or `app`, for the Pulumi project of that name."""
    text = (files("orchestrator.onboarding") / "schemas" / f"{name}.json").read_text(encoding="utf-8")
    return json.loads(text.replace("PROJECT:", f"{project}:"))


def initialise(request: Init, ask: Ask) -> Initialised:
    """Survey the repository and write the files; with `dry_run`, only compare. `ask` returns the guess without a
    terminal.

    Raises UsageError, RefusedError and SettingsError before anything is written.
    """
    found = survey(request.root)
    taken = read_takeover(found, request.source) if request.source else None
    folder = _inside(request)
    decisions = decide(found, _answers(found, ask, _before(folder, str(found.name.value))))
    if taken:
        decisions = _with_values_of(taken, decisions, own_command=bool(found.own_server))
    elif copilot.exists(found.repository):
        why = "`orchestrator init --from copilot` takes over their values; remove the files of this run first"
        decisions = replace(decisions, open=[*decisions.open, Decision(what="copilot/*/manifest.yml", why=why)])
    schemas = {
        "settings": schema("settings", ""),
        "base": schema("base", f"{decisions.name}-base"),
        "app": schema("app", f"{decisions.name}-app"),
    }
    written = written_files.compare(folder, written_files.texts(decisions, schemas, _image_source(request, found)))
    more, lines = _image_files(request, found)
    written += written_files.compare_beside(request.root / found.project.folder, more)
    if not request.dry_run:
        written_files.write(written)
    return Initialised(
        survey=found,
        decisions=decisions,
        checks=settings_check.checks(found, decisions),
        files=written,
        takeover=taken,
        lines_for_urls=lines,
    )


_VARIABLES = ("extra_env", "extra_secrets")


def _with_values_of(taken: Takeover, decisions: Decisions, *, own_command: bool) -> Decisions:
    """The decisions with the values of another tool. A worker or beat that only that tool shows needs a broker."""
    has_celery = bool(taken.values.get("workers") or taken.values.get("beat"))
    dropped = {"redis", "cache"} if has_celery else set[str]()
    if not has_celery:
        # The other tool starts Celery in a way that was not recognised, so that of the settings counts.
        kept_out = ("workers", "beat")
        taken = replace(
            taken,
            values={key: value for key, value in taken.values.items() if key not in kept_out},
            prod_values={key: value for key, value in taken.prod_values.items() if key not in kept_out},
        )

    def merged(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in _with_variables(one, other).items() if key not in dropped}

    app = merged(decisions.app, taken.values)
    # Production never gets a secret of another environment: its variables are written whole, even if there are none.
    repeated = {key: decisions.app[key] for key in _VARIABLES if key in decisions.app} | dict(decisions.prod_app)
    variables = _with_variables(repeated, taken.prod_values or taken.values)
    whole = {key: variables.get(key, {}) for key in _VARIABLES if key in app or key in variables}
    kept = merged(decisions.prod_app, taken.prod_values) | whole
    kept.pop("read_only_root", None)  # nothing read the commands of the other tool for files that they write
    command = decisions.app.get("web", {}).get("command")
    if own_command and "web" in app and "command" not in app["web"]:
        # The other tool runs the command of the image.
        app["web"] = {"command": command, **app["web"]}
        if "web" in kept:
            kept["web"] = {"command": command, **kept["web"]}
    given = {name for key in _VARIABLES for name in app.get(key, {})}
    given |= {f"web.{key}" for key in app.get("web", {})} | (
        {"web.health_check.path"} if "health_check" in app.get("web", {}) else set()
    )
    given |= {"backend_image"} & {*taken.values}
    return replace(
        decisions,
        app=app,
        prod_app=kept,
        prod_base=merged(decisions.prod_base, {}),
        open=[point for point in decisions.open if point.what not in given],
        missing_env=tuple(name for name in decisions.missing_env if name not in given),
        missing_secrets=tuple(name for name in decisions.missing_secrets if name not in given),
    )


def _with_variables(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """All values of both; of two the later one. A variable is plain or a secret, as the later one has it."""
    found = {**one, **other}
    for key, opposite in (_VARIABLES, _VARIABLES[::-1]):
        earlier = {name: value for name, value in one.get(key, {}).items() if name not in other.get(opposite, {})}
        if earlier or other.get(key):
            found[key] = {**earlier, **other.get(key, {})}
        else:
            found.pop(key, None)
    return found


def _inside(request: Init) -> Path:
    """The folder of the stacks. Raises RefusedError for one outside the repository."""
    folder = (request.root / request.folder).resolve()
    if not folder.is_relative_to(request.root.resolve()) or folder == request.root.resolve():
        raise RefusedError(
            f"--dir {request.folder} is not below {request.root}", f"pass a folder such as {USUAL_FOLDER}"
        )
    return folder


def _image_source(request: Init, found: Survey) -> ImageSource:
    """The folder of the Django project when its Dockerfile is in it, else the whole repository."""
    file = PurePosixPath(found.containers.dockerfile.path if found.containers.dockerfile else "Dockerfile")
    project = PurePosixPath(found.project.folder)
    if found.containers.dockerfile is None:
        file = project / file
    stage = found.containers.dockerfile.stage if found.containers.dockerfile else None
    context = project if file.parent == project else PurePosixPath(".")
    return ImageSource(
        context=Path(os.path.relpath(context, request.folder)).as_posix(),
        dockerfile=file.relative_to(context).as_posix(),
        target=str(stage.value) if stage else None,
    )


def _answers(found: Survey, ask: Ask, before: Answers) -> Answers:
    question = "Domain with a hosted zone in Route 53 (empty: HTTP only, one environment)"
    domain = ask("domain", question, before.domain or "")
    region = ask("region", "AWS region", before.region)
    image = ask("image", "Repository of the image (empty: decide later)", before.image or "")
    health = "" if found.health else ask("health", "Path that answers health checks", before.health_path or "/")
    return Answers(
        region=region,
        domain=domain or None,
        image=image or None,
        health_path=health if health not in ("", "/") else None,
    )


def _before(folder: Path, name: str) -> Answers:
    """The answers in the stack files of an earlier run, which are the guesses of this one."""
    base = _config(folder / f"base/Pulumi.{written_files.BASE}.yaml", f"{name}-base")
    app = _config(folder / f"app/Pulumi.{written_files.ENVIRONMENT}.yaml", f"{name}-app")
    image = _text(app.get("backend_image"))
    web = app.get("web")
    check = web.get("health_check") if isinstance(web, Mapping) else None
    return Answers(
        region=_text(base.get("aws:region")) or _region(),
        domain=_text(base.get("domain_name")),
        image=None if image is None or image.startswith(PLACEHOLDER_ACCOUNT) else image,
        health_path=_text(check.get("path")) if isinstance(check, Mapping) else None,
    )


def _config(file: Path, project: str) -> dict[str, Any]:
    """The configuration of a stack file, without the prefix of its project; empty for a file that cannot be read."""
    try:
        config = yaml_files.parse(file, yaml_files.read_text(file) or "").get("config")
    except SettingsError:  # the report says so
        return {}
    values: Mapping[str, Any] = config if isinstance(config, Mapping) else {}
    return {str(key).removeprefix(f"{project}:"): value for key, value in values.items()}


def _text(value: Any) -> str | None:
    return str(value) if isinstance(value, str) and value else None


def _region() -> str:
    """The region of the AWS configuration, without credentials."""
    import botocore.session

    return botocore.session.Session().get_config_variable("region") or Answers.region


def _image_files(request: Init, found: Survey) -> tuple[dict[str, str], str]:
    more: dict[str, str] = {}
    lines = ""
    if request.dockerfile:
        more["Dockerfile"] = image_files.dockerfile(found)
        more[".dockerignore"] = image_files.dockerignore(request.folder)
    if request.health_view:
        path, text, lines = image_files.health_view(found)
        more[path] = text
    return more, lines


def read_takeover(survey: Survey, source: str) -> Takeover:
    """Read the files of `copilot`, `procfile` or `compose`. Raises UsageError for another name, RefusedError without files."""
    if source == "copilot":
        return copilot.take_over(survey)
    if source == "procfile":
        return process_files.from_procfile(survey)
    if source == "compose":
        return process_files.from_compose(survey)
    raise UsageError(f"--from {source} is not known", f"sources are {', '.join(SOURCES)}")
