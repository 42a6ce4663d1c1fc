"""Completion in the shell: names of environments, bases, services, images and stacks.

Everything is read from `orchestrator.toml` and the stack files, so no engine and no AWS call slows a keystroke. A stack
without a stack file is not offered. A file that cannot be read offers nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from orchestrator.config.settings import Settings

_WEB, _FRONTEND, _BEAT = "web", "frontend", "beat"
_WEB_SERVICE, _FRONTEND_SERVICE, _BEAT_SERVICE = "gunicorn", "web-ui", "beat"
_WORKERS: Mapping[str, Any] = {"default": {}}
"""The defaults of the options of an environment. Their import would take longer than the completion."""

_FIRST_IMAGE = "backend"
_IMAGE = "_image"


def environments(context: typer.Context, incomplete: str) -> list[str]:
    """Environments."""
    return _offered(lambda settings: _stacks(settings, "environment"), context, incomplete)


def bases(context: typer.Context, incomplete: str) -> list[str]:
    """Bases."""
    return _offered(lambda settings: _stacks(settings, "base"), context, incomplete)


def stacks(context: typer.Context, incomplete: str) -> list[str]:
    """Bases and environments."""
    return _offered(
        lambda settings: [*_stacks(settings, "base"), *_stacks(settings, "environment")], context, incomplete
    )


def services(context: typer.Context, incomplete: str) -> list[str]:
    """Services of the environment that the command line names."""
    return _offered(lambda settings: _services(_config(settings, context)), context, incomplete)


def counts(context: typer.Context, incomplete: str) -> list[str]:
    """Services, each with the `=` of `scale`."""
    return _offered(
        lambda settings: [f"{service}=" for service in _services(_config(settings, context))], context, incomplete
    )


def images(context: typer.Context, incomplete: str) -> list[str]:
    """Names of images with their present references: `backend=registry.example.com/shop:1.4.2`."""
    return _offered(lambda settings: _images(_config(settings, context)), context, incomplete)


def built_images(context: typer.Context, incomplete: str) -> list[str]:
    """Names of the images that can be built."""
    return _offered(lambda settings: settings.images, context, incomplete)


def _offered(names: Callable[[Settings], Iterable[str]], context: typer.Context, incomplete: str) -> list[str]:
    """The names that begin with the word. After an error there are none, because a shell cannot show it."""
    from orchestrator.config import settings

    try:
        found = names(settings.load(context.params.get("project_dir")))
        return sorted({name for name in found if name.startswith(incomplete)})
    except Exception:  # a shell shows no error while the user types
        return []


def _stacks(settings: Settings, scope: str) -> list[str]:
    from orchestrator.config.stack_config import configured_stacks

    return [name for project in settings.projects if project.scope == scope for name in configured_stacks(project)]


def _config(settings: Settings, context: typer.Context) -> Mapping[str, Any]:
    """The configuration of the environment on the command line, by key without the project's name."""
    from orchestrator.config import yaml_files
    from orchestrator.config.stack_config import config_path
    from orchestrator.config.values import mapping

    params = context.params
    # After an option without its value, the name is among the words that click has not read.
    words = (params.get("name"), *(params.get("names") or ()), *getattr(context, "args", ()))
    given = next((word for word in words if word and not word.startswith("-")), None)
    found: dict[str, Any] = {}
    for project in settings.projects if given else ():
        path = config_path(project, str(given).rpartition("/")[2])
        if project.scope == "environment" and os.path.isfile(path):
            document = yaml_files.parse(path, yaml_files.read_text(path) or "")
            found |= {str(key).rpartition(":")[2]: value for key, value in mapping(document.get("config")).items()}
    return found


def _services(config: Mapping[str, Any]) -> list[str]:
    """The services that a configuration declares, and those of the defaults; `web` also stands for the web service."""
    found = [_WEB, str(_object(config, _WEB).get("service", _WEB_SERVICE)), *_object(config, "services")]
    found += _object(config, "workers") if "workers" in config else _WORKERS
    if f"{_FRONTEND}{_IMAGE}" in config:
        found.append(str(_object(config, _FRONTEND).get("service", _FRONTEND_SERVICE)))
    has_beat = config.get(_BEAT, {}) is not None
    return [*found, str(_object(config, _BEAT).get("service", _BEAT_SERVICE))] if has_beat else found


def _images(config: Mapping[str, Any]) -> list[str]:
    found = {key.removesuffix(_IMAGE): value for key, value in config.items() if key.endswith(_IMAGE)}
    return [f"{name}={reference}" for name, reference in found.items()] or [f"{_FIRST_IMAGE}="]


def _object(config: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = config.get(key)
    return value if isinstance(value, Mapping) else {}
