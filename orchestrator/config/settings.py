"""`orchestrator.toml`: the projects, their dependencies, and the engine.

The file is in the folder that `--project-dir` or ORCHESTRATOR_PROJECT_DIR names, else in the working folder, in its folder
`infrastructure`, or in the closest folder above. It never contains a secret.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, cast, get_args

from orchestrator.config import documents, image_settings, notify_settings, project_file, pull_request_settings
from orchestrator.config.deploy_settings import DeploySettings
from orchestrator.config.durations import parse_duration
from orchestrator.config.image_settings import ImageSettings
from orchestrator.config.notify_settings import InvalidWebhookError, Webhook
from orchestrator.config.projects import Project, check_projects
from orchestrator.config.pull_request_settings import PullRequestSettings
from orchestrator.config.table_values import InvalidValueError
from orchestrator.config.toml_lines import line_of
from orchestrator.errors import SettingsError, UsageError
from orchestrator.model import Scope
from pulumi_django.rules.text import as_written

FILE_NAME = "orchestrator.toml"
USUAL_FOLDER = "infrastructure"
"""Folder of the stacks in the repository of an application, as `orchestrator init` creates it."""

PROJECT_DIR_VARIABLE = "ORCHESTRATOR_PROJECT_DIR"
EngineName = Literal["simulation", "pulumi"]
ENGINES: tuple[EngineName, ...] = get_args(EngineName)
MAX_PARALLEL = 64
MOST_BYTES = 256 * 1024
"""Largest `orchestrator.toml`."""

ExecutorName = Literal["threads", "processes", "dask"]
EXECUTORS: tuple[ExecutorName, ...] = get_args(ExecutorName)

# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html, "Rules per Application
# Load Balancer (not counting default rules)"
RULES_PER_LOAD_BALANCER = 100

EXAMPLE = """\
[projects.base]
path = "projects/base"
scope = "base"

[projects.app]
path = "projects/app"
scope = "environment"
depends_on = ["base"]"""

_PROJECT_KEYS = ("path", "scope", "depends_on", "template")
_TOP_KEYS = ("deploy", "engine", "images", "limits", "notify", "projects", "pull_requests", "pulumi", "runner")
_PULUMI_KEYS = ("backend", "secrets_provider")
_RUNNER_KEYS = ("parallel", "executor", "scheduler")
_LIMITS_KEYS = ("environments_per_base", "rules_per_load_balancer", "default_ttl")
_TYPES: Mapping[type, str] = {str: "a string", int: "a whole number", dict: "a table", list: "a list"}


@dataclass(frozen=True, kw_only=True)
class PulumiSettings:
    """State and encryption of the `pulumi` engine."""

    backend: str | None = None
    """State backend, for example `file:///srv/state` or `s3://bucket`. None: the backend of the
    Pulumi CLI, which is PULUMI_BACKEND_URL, then `backend: url:` in Pulumi.yaml, then `pulumi login`."""

    secrets_provider: str | None = None
    """Secrets provider of new stacks, for example `awskms://alias/pulumi`; None: the backend's default."""


@dataclass(frozen=True, kw_only=True)
class RunnerSettings:
    """Execution of runs."""

    parallel: int = 4
    """Number of units that run at the same time, 1 to 64."""

    executor: ExecutorName = "threads"
    """The place in which units run: threads or processes of this machine, or the workers of a Dask cluster."""

    scheduler: str | None = None
    """Address of the Dask scheduler, for example `tcp://10.0.0.5:8786`; None starts two workers on this machine."""


@dataclass(frozen=True, kw_only=True)
class LimitSettings:
    """Limits of an account or a team."""

    environments_per_base: int | None = None
    """Largest number of environments on one base; None: as many as the load balancer has rules for."""

    rules_per_load_balancer: int = RULES_PER_LOAD_BALANCER
    """The account's quota of listener rules for each load balancer."""

    default_ttl: timedelta | None = None
    """Lifetime of new ad-hoc environments without `--ttl`; None: they do not expire."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The contents of `orchestrator.toml`."""

    file: Path
    """Absolute path of the file."""

    engine: EngineName = "pulumi"
    projects: tuple[Project, ...]
    """Projects in the order of their keys. Their names come from `Pulumi.yaml` in each folder."""

    pulumi: PulumiSettings = PulumiSettings()
    runner: RunnerSettings = RunnerSettings()
    limits: LimitSettings = LimitSettings()
    pull_requests: PullRequestSettings = field(default_factory=PullRequestSettings)
    deploy: DeploySettings = field(default_factory=DeploySettings)
    notify: Mapping[str, Webhook] = field(default_factory=dict[str, Webhook])
    """Webhooks by their name."""
    images: Mapping[str, ImageSettings] = field(default_factory=dict[str, ImageSettings])
    """Images that `build` can build, by name: `backend` is the image of the key `backend_image`."""

    @property
    def root(self) -> Path:
        """The folder of the file. Relative paths start here."""
        return self.file.parent

    @property
    def state_dir(self) -> Path:
        """Folder of the orchestrator's own files on this machine; git ignores it."""
        return self.root / ".orchestrator"

    @property
    def by_key(self) -> dict[str, Project]:
        """The projects by key."""
        return {project.key: project for project in self.projects}

    def in_scope(self, scope: Scope) -> tuple[Project, ...]:
        """The projects of that scope."""
        return tuple(project for project in self.projects if project.scope is scope)


def find(start: Path | None = None) -> Path:
    """Find the `orchestrator.toml` for the folder `start`.

    Without `start`: ORCHESTRATOR_PROJECT_DIR, else the working folder and its parents, or the folder `infrastructure` in
    one of them. Raises SettingsError.
    """
    named = start or (Path(os.environ[PROJECT_DIR_VARIABLE]) if os.environ.get(PROJECT_DIR_VARIABLE) else None)
    if named is not None:
        file = Path(os.path.abspath(os.path.expanduser(named))) / FILE_NAME
        if not os.path.isfile(file):
            raise SettingsError(f"no {FILE_NAME} found in {named}", _example_hint())
        return file
    folder = Path.cwd()
    for candidate in (folder, *folder.parents):
        for file in (candidate / FILE_NAME, candidate / USUAL_FOLDER / FILE_NAME):
            if os.path.isfile(file):
                return file
    raise SettingsError(
        f"no {FILE_NAME} found in {folder} or a folder above it",
        "run `orchestrator init` in the repository of your Django project",
    )


def load(start: Path | None = None) -> Settings:
    """Find, read and check `orchestrator.toml`.

    Raises SettingsError with file, line and key; GraphError when the projects cannot be ordered.
    """
    return read(find(start))


def read(file: Path) -> Settings:
    """Read and check one `orchestrator.toml`. Raises the same errors as `load`."""
    file = file.absolute()
    try:
        text = documents.text(file, MOST_BYTES)
        values = tomllib.loads(text)
    except OSError as error:
        raise SettingsError(f"{file} cannot be read: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:  # long numbers are a ValueError too
        raise SettingsError(f"{file} is not valid TOML: {error}") from None
    reader = _Reader(file, text)
    settings = reader.settings(values)
    check_projects(settings.projects)
    return settings


def _example_hint() -> str:
    return f"create one, for example:\n\n{EXAMPLE}"


@dataclass(frozen=True)
class _Reader:
    """Checks the values of one file. Every message names file, line and key."""

    file: Path
    text: str

    def settings(self, values: Mapping[str, Any]) -> Settings:
        self._known(values, (), _TOP_KEYS)
        tables = self._get(values, (), "projects", dict, None)
        if not tables:
            raise SettingsError(f"{self.file} has no projects", _example_hint())
        projects = tuple(self._project(key, table) for key, table in sorted(tables.items()))
        self._distinct(projects)
        return Settings(
            file=self.file,
            engine=cast(EngineName, self._choice(values, (), "engine", ENGINES, "pulumi")),
            projects=projects,
            pulumi=self._pulumi(self._get(values, (), "pulumi", dict, {})),
            runner=self._runner(self._get(values, (), "runner", dict, {})),
            limits=self._limits(self._get(values, (), "limits", dict, {})),
            pull_requests=self._pull_requests(self._get(values, (), "pull_requests", dict, {})),
            notify=self._notify(self._get(values, (), "notify", dict, {})),
            deploy=self._deploy(self._get(values, (), "deploy", dict, {})),
            images=self._images(self._get(values, (), "images", dict, {})),
        )

    def _project(self, key: str, table: Any) -> Project:
        at = ("projects", key)
        if not key or not all(letter.isalnum() or letter in "-_" for letter in key):
            raise self._error(at, "is not a valid project key: use letters, digits, - and _")
        if not isinstance(table, dict):
            raise self._error(at, f"is {as_written(table)}: it must be a table")
        values = cast(dict[str, Any], table)
        self._known(values, at, _PROJECT_KEYS)
        path = self._folder(at, self._get(values, at, "path", str, None))
        depends_on = self._get(values, at, "depends_on", list, [])
        for item in depends_on:
            if not isinstance(item, str):
                raise self._error(
                    (*at, "depends_on"), f"contains {as_written(item)}: it must be a list of project keys"
                )
        return Project(
            key=key,
            path=path,
            name=_project_name(path),
            scope=Scope(self._choice(values, at, "scope", tuple(Scope), None)),
            depends_on=tuple(dict.fromkeys(cast(list[str], depends_on))),
            template=self._get(values, at, "template", str, "") or None,
        )

    def _folder(self, at: tuple[str, ...], text: str) -> Path:
        path = Path(os.path.normpath(self.file.parent / os.path.expanduser(text)))
        if not os.path.isfile(path / "Pulumi.yaml"):
            raise self._error((*at, "path"), f"is {text!r}: that folder has no Pulumi.yaml")
        return path

    def _distinct(self, projects: Sequence[Project]) -> None:
        seen: dict[str, str] = {}
        for project in projects:
            other = seen.setdefault(project.name, project.key)
            if other != project.key:
                raise self._error(
                    ("projects", project.key, "path"),
                    f"and projects.{other}.path both have the Pulumi project name {project.name!r}: names must be unique",
                )

    def _pulumi(self, values: Mapping[str, Any]) -> PulumiSettings:
        self._known(values, ("pulumi",), _PULUMI_KEYS)
        return PulumiSettings(
            backend=self._get(values, ("pulumi",), "backend", str, "") or None,
            secrets_provider=self._get(values, ("pulumi",), "secrets_provider", str, "") or None,
        )

    def _runner(self, values: Mapping[str, Any]) -> RunnerSettings:
        self._known(values, ("runner",), _RUNNER_KEYS)
        parallel: int = self._get(values, ("runner",), "parallel", int, RunnerSettings.parallel)
        if not 1 <= parallel <= MAX_PARALLEL:
            raise self._error(("runner", "parallel"), f"is {parallel}: it must be from 1 to {MAX_PARALLEL}")
        executor = cast(ExecutorName, self._choice(values, ("runner",), "executor", EXECUTORS, RunnerSettings.executor))
        scheduler = self._get(values, ("runner",), "scheduler", str, "") or None
        if scheduler and executor != "dask":
            raise self._error(
                ("runner", "scheduler"),
                f"is set, but runner.executor is {as_written(executor)}: only dask uses a scheduler",
            )
        return RunnerSettings(parallel=parallel, executor=executor, scheduler=scheduler)

    def _limits(self, values: Mapping[str, Any]) -> LimitSettings:
        at = ("limits",)
        self._known(values, at, _LIMITS_KEYS)
        most: int = self._get(values, at, "environments_per_base", int, 0)
        rules: int = self._get(values, at, "rules_per_load_balancer", int, RULES_PER_LOAD_BALANCER)
        for key, number in (("environments_per_base", most), ("rules_per_load_balancer", rules)):
            if key in values and number < 1:
                raise self._error((*at, key), f"is {number}: it must be at least 1")
        text: str = self._get(values, at, "default_ttl", str, "")
        try:
            ttl = parse_duration(text) if text else None
        except UsageError as error:
            raise self._error((*at, "default_ttl"), f"is {text!r}: it must be a duration", error.hint) from None
        return LimitSettings(environments_per_base=most or None, rules_per_load_balancer=rules, default_ttl=ttl)

    def _pull_requests(self, values: Mapping[str, Any]) -> PullRequestSettings:
        self._known(values, ("pull_requests",), tuple(PullRequestSettings.__dataclass_fields__))
        try:
            return pull_request_settings.read(values)
        except InvalidValueError as error:
            raise self._error(("pull_requests", *error.key.split(".")), str(error)) from None

    def _deploy(self, values: Mapping[str, Any]) -> DeploySettings:
        at = ("deploy",)
        self._known(values, at, tuple(DeploySettings.__dataclass_fields__))
        check = values.get("check_migrations", False)
        if not isinstance(check, bool):
            raise self._error((*at, "check_migrations"), f"is {as_written(check)}: it must be true or false")
        accepted = self._get(values, at, "accepted_migrations", list, [])
        for name in accepted:
            if not isinstance(name, str) or not re.fullmatch(r"\w+\.\w+", name):
                problem = (
                    f"contains {as_written(name)}: write migrations as app.name, for example shop.0007_remove_price"
                )
                raise self._error((*at, "accepted_migrations"), problem)
        return DeploySettings(check_migrations=check, accepted_migrations=tuple(cast(list[str], accepted)))

    def _notify(self, tables: Mapping[str, Any]) -> dict[str, Webhook]:
        found: dict[str, Webhook] = {}
        for name, table in tables.items():
            at = ("notify", name)
            if not isinstance(table, dict):
                raise self._error(at, f"is {as_written(table)}: write a table [notify.{name}] with `url`")
            values = cast(dict[str, Any], table)
            self._known(values, at, tuple(Webhook.__dataclass_fields__))
            try:
                found[name] = notify_settings.read(values)
            except InvalidWebhookError as error:
                raise self._error((*at, error.key), str(error)) from None
        return found

    def _images(self, tables: Mapping[str, Any]) -> dict[str, ImageSettings]:
        for name, table in tables.items():
            if not isinstance(table, dict):
                raise self._error(("images", name), f"is {as_written(table)}: it must be a table")
            values = cast(dict[str, Any], table)
            self._known(values, ("images", name), tuple(ImageSettings.__dataclass_fields__))
        try:
            return image_settings.read_all(tables)
        except InvalidValueError as error:
            raise self._error(("images", *error.key.split(".")), str(error)) from None

    def _known(self, values: Mapping[str, Any], at: tuple[str, ...], known: Sequence[str]) -> None:
        for key in values:
            if key not in known:
                close = difflib.get_close_matches(key, known, n=1, cutoff=0.6)
                hint = f"did you mean `{close[0]}`?" if close else f"valid keys here are {', '.join(known)}"
                raise self._error((*at, key), "is an unknown key", hint)

    def _get(self, values: Mapping[str, Any], at: tuple[str, ...], key: str, kind: type, default: Any) -> Any:
        """The value, checked for its type; `default` when absent. A key without a default (None) is required."""
        if key not in values:
            if default is None and at:
                raise self._error((*at, key), "is missing")
            return default
        value = values[key]
        if not isinstance(value, kind) or isinstance(value, bool):
            raise self._error((*at, key), f"is {as_written(value)}: it must be {_TYPES[kind]}")
        if kind is str and "\0" in value:
            raise self._error((*at, key), "has a NUL character")
        return value

    def _choice(
        self, values: Mapping[str, Any], at: tuple[str, ...], key: str, choices: Sequence[str], default: str | None
    ) -> str:
        value: str = self._get(values, at, key, str, default)
        if value not in choices:
            close = difflib.get_close_matches(value, choices, n=1, cutoff=0.6)
            hint = f"did you mean {close[0]!r}?" if close else None
            raise self._error((*at, key), f"is {as_written(value)}: it must be one of {', '.join(choices)}", hint)
        return value

    def _error(self, path: tuple[str, ...], problem: str, hint: str | None = None) -> SettingsError:
        line = line_of(self.text, path)
        where = f"{self.file}:{line}" if line else str(self.file)
        return SettingsError(f"{where}: {'.'.join(path)} {problem}", hint)


def _project_name(folder: Path) -> str:
    """The `name` in the folder's `Pulumi.yaml`."""
    file = folder / "Pulumi.yaml"
    name = project_file.read(folder).name
    if name is None:
        raise SettingsError(f"{file}: name is missing", "add a name, for example `name: django-app`")
    return name
