"""The files of `infrastructure/`: their texts, and how they are written beside what a person edited."""

from __future__ import annotations

import difflib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from orchestrator.config.atomic_files import write_atomically
from orchestrator.config.values import quoted
from orchestrator.errors import RefusedError, SettingsError
from orchestrator.onboarding.decisions import Decisions

BASE, PROD_BASE = "dev", "prod"
ENVIRONMENT, PROD_ENVIRONMENT = "alpha", "live"


class Fate(StrEnum):
    """The treatment of a file."""

    CREATED = "created"
    UNCHANGED = "unchanged"
    KEPT = "kept"
    """The file differs from what `init` would write. It stays as it is."""


@dataclass(frozen=True, kw_only=True)
class WrittenFile:
    """A file with its fate."""

    path: Path
    text: str
    fate: Fate
    difference: str = ""
    """Unified difference to what `init` would write, for a file that is kept."""


@dataclass(frozen=True, kw_only=True)
class ImageSource:
    """The place of the image's source."""

    context: str
    """Build context, relative to the folder of the stacks."""

    dockerfile: str
    """Dockerfile, relative to the context."""

    target: str | None = None
    """Stage of the Dockerfile; None is the last one."""


def texts(decisions: Decisions, schemas: Mapping[str, Any], source: ImageSource) -> dict[str, str]:
    """The files by path below the folder. `schemas` are JSON Schemas by `settings`, `base` and `app`."""
    name = decisions.name
    files = {
        "orchestrator.toml": _settings(name, source),
        ".gitignore": ".orchestrator/\n.pulumi/\n__pycache__/\n*.pulumi-plan.json\n",
        "base/Pulumi.yaml": _project(f"{name}-base", f"The base of the environments of {name}"),
        "base/__main__.py": _program("The base of environments: VPC, load balancer, database server.", "base", ""),
        f"base/Pulumi.{BASE}.yaml": _base(decisions, {}),
        f"base/Pulumi.{PROD_BASE}.yaml": _base(decisions, {"kind": "prod", **decisions.prod_base}),
        "app/Pulumi.yaml": _project(f"{name}-app", f"One environment of {name}"),
        "app/__main__.py": _program("A Django environment on a base.", "app", f'base_project="{name}-base"'),
        f"app/Pulumi.{ENVIRONMENT}.yaml": _app(decisions, {"base": BASE, "listener_slot": 0, **decisions.app}),
        f"app/Pulumi.{PROD_ENVIRONMENT}.yaml": _app(decisions, _production(decisions)),
    }
    return files | {f"schemas/{key}.json": json.dumps(schema, indent=1) + "\n" for key, schema in schemas.items()}


def compare(folder: Path, wanted: Mapping[str, str]) -> list[WrittenFile]:
    """Compare the texts with the files of a folder. Raises RefusedError for a folder of something else, SettingsError for a
    file that cannot be read."""
    if folder.exists() and not folder.is_dir():
        raise RefusedError(f"{folder} is a file: the folder of the stacks cannot be created", "pass another --dir")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / "orchestrator.toml").is_file():
        raise RefusedError(
            f"{folder} exists and has no orchestrator.toml: it belongs to something else", "pass another --dir"
        )
    return [compared(folder / path, text) for path, text in wanted.items()]


def compare_beside(folder: Path, wanted: Mapping[str, str]) -> list[WrittenFile]:
    """Compare texts with files of the application, whose own versions are kept without a word on the difference. Raises
    SettingsError."""
    return [replace(compared(folder / path, text), difference="") for path, text in wanted.items()]


def write(files: list[WrittenFile]) -> None:
    """Write the new files. Raises SettingsError; files that were written before the failure stay."""
    for file in files:
        if file.fate is Fate.CREATED:
            try:
                file.path.parent.mkdir(parents=True, exist_ok=True)
                write_atomically(file.path, file.text)
            except OSError as error:
                raise SettingsError(
                    f"{file.path} cannot be written: {error.strerror or error}",
                    "make the folder writable, or pass another --dir; the command can be repeated",
                ) from None


def compared(path: Path, text: str) -> WrittenFile:
    """Compare a text with the file of this path. Raises SettingsError for a file that cannot be read."""
    try:
        present = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return WrittenFile(path=path, text=text, fate=Fate.CREATED)
    except UnicodeDecodeError:
        raise SettingsError(f"{path} is not UTF-8 text", "restore it, or pass another --dir") from None
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror or error}") from None
    if present == text:
        return WrittenFile(path=path, text=text, fate=Fate.UNCHANGED)
    lines = difflib.unified_diff(present.splitlines(), text.splitlines(), path.name, "init", lineterm="", n=1)
    return WrittenFile(path=path, text=text, fate=Fate.KEPT, difference="\n".join(lines))


def _settings(name: str, source: ImageSource) -> str:
    return f"""#:schema schemas/settings.json
# The Pulumi projects of {name}, their dependencies, and the engine.
# The simulation engine needs no AWS account and creates nothing in AWS. With `engine = "pulumi"` the same commands work
# on AWS, through the Pulumi CLI. `orchestrator doctor` checks what that needs.
engine = "simulation"

[projects.base]
path = "base"
scope = "base"
template = "{BASE}"

[projects.app]
path = "app"
scope = "environment"
depends_on = ["base"]
template = "{ENVIRONMENT}"

# `orchestrator build` and `--build` build the image and name it by its files. Its repository is that of `backend_image` in
# the configuration of the environment.
[images.backend]
context = {json.dumps(source.context)}
dockerfile = {json.dumps(source.dockerfile)}
{f"target = {json.dumps(source.target)}{chr(10)}" if source.target else ""}"""


def _project(name: str, description: str) -> str:
    return f"name: {name}\ndescription: {description}\nruntime: python\n"


def _program(title: str, function: str, arguments: str) -> str:
    return f'"""{title}"""\n\nfrom pulumi_django.programs import {function}\n\n{function}({arguments})\n'


def _base(decisions: Decisions, values: Mapping[str, Any]) -> str:
    project = f"{decisions.name}-base"
    lines = ["# yaml-language-server: $schema=../schemas/base.json", "config:", f"  aws:region: {decisions.region}"]
    if decisions.domain:
        lines += ["  # A public hosted zone of this domain must exist in Route 53."]
        values = {**values, "domain_name": decisions.domain}
    else:
        lines += [
            "  # Your domain, with a public hosted zone in Route 53. Without it the base is HTTP-only and holds one environment.",
            f"  # {project}:domain_name: example.com",
        ]
    return "\n".join([*lines, *_keys(project, values)]) + "\n"


def _production(decisions: Decisions) -> dict[str, Any]:
    values = {"base": PROD_BASE, "listener_slot": 0, **decisions.app, **decisions.prod_app}
    # Production has its base's cache instead of a Redis of its own.
    values.pop("redis", None)
    return {key: value for key, value in values.items() if value != {} or key == "workers"}


def _app(decisions: Decisions, values: Mapping[str, Any]) -> str:
    project = f"{decisions.name}-app"
    lines = ["# yaml-language-server: $schema=../schemas/app.json", "config:", f"  aws:region: {decisions.region}"]
    found = [*lines, *_keys(project, values), *_writing(project, decisions, values), *_missing(project, decisions)]
    return "\n".join(found) + "\n"


def _writing(project: str, decisions: Decisions, values: Mapping[str, Any]) -> list[str]:
    """A comment in production's file when the application writes files."""
    if decisions.writing is None or values.get("base") != PROD_BASE:
        return []
    place = decisions.writing
    return [
        "  # With this, containers write only below /tmp. Not yet:",
        f"  # {place.value} ({place.place})",
        f"  # {project}:read_only_root: true",
    ]


def _missing(project: str, decisions: Decisions) -> list[str]:
    """Comments for variables that the settings require and nothing provides."""
    lines: list[str] = []
    for key, names, example in (
        ("extra_env", decisions.missing_env, '""'),
        ("extra_secrets", decisions.missing_secrets, f"secretsmanager:{decisions.name}/settings:KEY"),
    ):
        if names:
            more = "Add these to the key above" if key in decisions.app else "Uncomment, and fill in"
            lines += [f"  # The settings require these variables. {more}.", f"  # {project}:{key}:"]
            lines += [f"  #   {name}: {example.replace('KEY', name)}" for name in names]
    return lines


_COMMENTS = {
    "backend_image": "The image of Django. `orchestrator deploy` sets it; projects/bootstrap creates its repository.",
    "listener_slot": "Block of rules on the load balancer of the base; each environment has its own.",
    "web": "The web service.",
    "workers": "Celery workers; each is a service.",
    "beat": "Celery beat.",
    "redis": "No part of the application uses Redis.",
    "cache": "No part of the application uses Redis.",
    "extra_env": "Variables under the names that the settings read.",
    "extra_secrets": "Secrets under the names that the settings read.",
    "read_only_root": "Containers write only below /tmp. No place that writes elsewhere was found: remove this if there is one.",
    "firewall": "$11 a month. Counted groups refuse nothing: remove each after days without counts of valid requests.",
}


def _keys(project: str, values: Mapping[str, Any]) -> list[str]:
    lines: list[str] = []
    for key, value in values.items():
        if key in _COMMENTS:
            lines.append(f"  # {_COMMENTS[key]}")
        lines += [f"  {line}" for line in _dump({f"{project}:{key}": value}).splitlines()]
    return lines


def _dump(values: Mapping[str, Any]) -> str:
    yaml = YAML()
    yaml.width = 4096
    yaml.representer.add_representer(
        type(None), lambda dumper, _: dumper.represent_scalar("tag:yaml.org,2002:null", "null")
    )
    stream = io.StringIO()
    yaml.dump(_round_trip(values), stream)
    return stream.getvalue()


def _round_trip(value: Any) -> Any:
    """A value whose lists and empty mappings are written in one line, with quotes around text that readers change."""
    if isinstance(value, Mapping):
        found = CommentedMap((quoted(key), _round_trip(item)) for key, item in value.items())
        if not value:
            found.fa.set_flow_style()
        return found
    if isinstance(value, list):
        sequence = CommentedSeq(_round_trip(item) for item in value)
        sequence.fa.set_flow_style()
        return sequence
    return quoted(value)
