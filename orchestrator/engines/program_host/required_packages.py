"""The Pulumi packages of this interpreter and their plugins, which the CLI installs before a program starts."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata, util

_WITHOUT_PLUGINS = frozenset({"pulumi", "pulumi-policy", "pulumi-esc-sdk"})
_PLAIN_VERSION = re.compile(r"\d+\.\d+\.\d+")
_SIMPLE_KEYS = frozenset({"resource", "name", "version", "server"})


class UncertainError(Exception):
    """A package that only the CLI's host can describe."""


@dataclass(frozen=True, kw_only=True)
class Required:
    """The plugin of a package."""

    name: str
    version: str
    server: str


def required_packages() -> list[Required]:
    """The plugins of all installed packages, as `packageDependencyFromPluginJSON` finds them. Raises UncertainError."""
    found: dict[str, Required] = {}
    for each in metadata.distributions():
        name = _normalized(each)
        if name and name not in found and name not in _WITHOUT_PLUGINS and (required := _of(each, name)):
            found[name] = required
    return list(found.values())


def _normalized(distribution: metadata.Distribution) -> str:
    # `name` reads and parses a file. The folder of a distribution has the name too.
    folder = getattr(distribution, "_path", None)
    name = folder.name.partition("-")[0] if folder is not None and folder.name.endswith(".dist-info") else None
    return re.sub(r"[-_.]+", "-", name or distribution.metadata["Name"] or "").lower()


def _of(distribution: metadata.Distribution, name: str) -> Required | None:
    file = _plugin_file(name, distribution)
    if file is None:
        if not name.startswith("pulumi-"):
            return None
        said = {}
    else:
        said = json.loads(file)
        if not said.get("resource"):
            return None
        if set(said) - _SIMPLE_KEYS:
            raise UncertainError(f"{name} is a parameterized package")
    version = said.get("version") or distribution.version
    if not said.get("version") and not _PLAIN_VERSION.fullmatch(version):
        raise UncertainError(f"{name} has the version {version}")
    return Required(
        name=said.get("name") or name.removeprefix("pulumi-"),
        version=version if version.startswith("v") else f"v{version}",
        server=said.get("server") or "",
    )


def _plugin_file(name: str, distribution: metadata.Distribution) -> bytes | None:
    for folder in _folders(name, distribution):
        try:
            with open(os.path.join(folder, "pulumi-plugin.json"), "rb") as file:
                return file.read()
        except OSError:
            continue
    return None


def _folders(name: str, distribution: metadata.Distribution) -> Sequence[str]:
    """Folders of the module that has the name of the package."""
    folder = getattr(distribution, "_path", None)
    if not name.startswith("pulumi") and folder is not None:  # most packages: no module of theirs is searched
        beside = os.path.join(os.path.dirname(folder), name.replace("-", "_"))
        return [beside] if os.path.isfile(os.path.join(beside, "pulumi-plugin.json")) else []
    try:
        spec = util.find_spec(distribution.metadata["Name"].replace("-", "_"))
    except (ImportError, ValueError):
        return []
    return list(spec.submodule_search_locations or []) if spec else []
