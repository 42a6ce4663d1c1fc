"""Whether a program would run in the same way in our own host, and with which interpreter and variables.

Everything that the Python host of the CLI does differently for some projects makes it the CLI's turn: other toolchains, other
interpreters, type checkers, debuggers and tracing (sdk/python/cmd/pulumi-language-python/main.go, sdk/python/toolchain).
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator.config.project_file import ProjectFile

VARIABLE = "ORCHESTRATOR_PROGRAM_HOST"
"""`0` in the environment leaves all programs to the CLI's own host."""

_EXECUTOR = "pulumi-language-python-exec"
_LOCK_FILES = ("uv.lock", "poetry.lock")
_OTHER_WAYS = ("PULUMI_DEBUG_LANGUAGES", "PULUMI_OTEL_EXPORTER_OTLP_ENDPOINT", "PYTHONHOME", "PYTHONSAFEPATH")
_ANY_OPTION = "PULUMI_OPTION_"
"""Beginning of the variables that stand for options of the CLI, such as `--attach-debugger`."""


@dataclass(frozen=True, kw_only=True)
class Launch:
    """The interpreter and the environment of a program, as the CLI's host would choose them."""

    python: str
    executor: str
    """Path of `pulumi-language-python-exec`, the script that runs a program."""

    toolchain: str
    environment: Mapping[str, str]


def launch(file: ProjectFile, environment: Mapping[str, str]) -> Launch | None:
    """The interpreter and environment of the project's program; None when only the CLI's host certainly runs it as before."""
    options = dict(file.runtime_options)
    toolchain, virtualenv = options.pop("toolchain", None), options.pop("virtualenv", "")
    if file.runtime != "python" or options or toolchain not in (None, "pip") or not isinstance(virtualenv, str):
        return None
    if file.has_plugins or environment.get(VARIABLE) == "0":
        return None
    if sys.platform != "linux":  # macOS forbids some libraries in forked processes, Windows has none
        return None
    if any(name in _OTHER_WAYS or name.startswith(_ANY_OPTION) for name in environment):
        return None
    if toolchain is None and _locked(file.program_folder):
        return None
    root = file.path.parent.resolve()
    folder = root / virtualenv if virtualenv else None
    python = str(folder / "bin" / "python") if folder else _ambient(environment)
    executor = _executor(environment)
    if python is None or executor is None or not _is_this(python):
        return None
    if folder:
        environment = _activated(environment, str(folder))
    return Launch(python=python, executor=executor, toolchain="Pip" if toolchain else "Auto", environment=environment)


def _locked(folder: Path) -> bool:
    """Whether the CLI would choose uv or poetry by a lock file."""
    return any((each / name).exists() for each in (folder, *folder.parents) for name in _LOCK_FILES)


def _ambient(environment: Mapping[str, str]) -> str | None:
    named = environment.get("PULUMI_PYTHON_CMD")
    found = (shutil.which(name, path=environment.get("PATH")) for name in ([named] if named else ["python3", "python"]))
    return next((path for path in found if path), None)


def _executor(environment: Mapping[str, str]) -> str | None:
    """The script beside the CLI's host, which knows its own folder without symbolic links."""
    host = shutil.which("pulumi-language-python", path=environment.get("PATH"))
    script = Path(host).resolve().parent / _EXECUTOR if host else None
    return str(script) if script and script.is_file() else None


def _is_this(python: str) -> bool:
    """Whether it is the interpreter of this process, with the same packages."""
    try:
        same_folder = os.path.samefile(os.path.dirname(python), os.path.dirname(sys.executable))
        return same_folder and os.path.samefile(python, sys.executable)
    except OSError:
        return False


def _activated(environment: Mapping[str, str], virtualenv: str) -> dict[str, str]:
    path = os.pathsep.join(filter(None, [os.path.join(virtualenv, "bin"), environment.get("PATH")]))
    return {**environment, "PATH": path, "VIRTUAL_ENV": virtualenv}
