"""A Dockerfile: the stage of the application, its configuration, and the variables of the script that starts it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from orchestrator.config import documents
from orchestrator.onboarding.findings import Finding
from orchestrator.onboarding.python_source import Variable
from orchestrator.onboarding.source_tree import SourceTree

_DEVELOPMENT = re.compile(r"(^|[-_])(local|dev|develop|development|test|tests|ci|debug|lint)($|[-_])")
_PRODUCTION = re.compile(r"(^|[-_])(prod|production|release|runtime|final|deploy|live)($|[-_])")
_USED = re.compile(r"\$(?:\{([A-Z][A-Z0-9_]*)(:?[-=+?])?|([A-Z][A-Z0-9_]*))")
_STRICT = re.compile(r"^\s*set\s+(-[a-z]*u|-o\s+nounset)|^#!.*\s-[a-z]*u|-o\s+nounset", re.MULTILINE)
_ASSIGNED = re.compile(r"^\s*(?:export\s+|local\s+|readonly\s+)?([A-Z][A-Z0-9_]*)=")
_OF_SHELL = frozenset(
    {"PATH", "HOME", "USER", "PWD", "OLDPWD", "HOSTNAME", "UID", "GID", "IFS", "RANDOM", "SHELL", "LANG"}
)


@dataclass(frozen=True, kw_only=True)
class Dockerfile:
    """The stage of a Dockerfile that runs the application."""

    path: str
    stage: Finding | None = None
    """Name of the stage; None for the last one, which a build without a target has."""

    port: Finding | None = None
    user: Finding | None = None
    command: Finding | None = None
    """Words of CMD, as one text."""

    entrypoint: str = ""
    platform: str | None = None
    script: str | None = None
    """The file of the repository that the entrypoint runs."""

    variables: Mapping[str, tuple[str, Variable]] = field(default_factory=dict[str, "tuple[str, Variable]"])
    """File and place of each variable that the script of the entrypoint reads and that neither it nor the image sets."""


@dataclass(frozen=True)
class _Stage:
    name: str
    base: str
    line: int
    platform: str | None
    instructions: Sequence[tuple[int, str, str]]


def read(repository: SourceTree, path: str) -> Dockerfile:
    """Read a Dockerfile. A stage has the configuration of the stage that it begins with."""
    stages = _stages(repository.text(path) or "")
    if not stages:
        return Dockerfile(path=path)
    stage = _chosen(stages)
    found = Dockerfile(path=path, platform=stage.platform)
    if stage is not stages[-1]:
        guess = f"the last stage, {stages[-1].name}, is for development"
        found = replace(found, stage=Finding(what="stage of the image", value=stage.name, file=path, guess=guess))
    lines = [each for part in _line_of_descent(stages, stage) for each in part.instructions]
    for line, name, rest in lines:
        found = _with(found, line, name, rest)
    if found.port is None and found.command:
        bound = re.search(r"(?:--bind|-b|:|--port|-p)[ =]*[\w.\[\]:]*?:?(\d{4,5})\b", found.command.value)
        port = bound and Finding(what="port", value=int(bound[1]), file=path, line=found.command.line)
        found = replace(found, port=port)
    script = _script(repository, found, [rest for _, kind, rest in lines if kind in ("COPY", "ADD")])
    return replace(found, script=script, variables=_variables(repository, script, lines))


def _stages(text: str) -> list[_Stage]:
    stages: list[_Stage] = []
    held: list[tuple[int, str, str]] = []
    for line, name, rest in _instructions(text):
        if name != "FROM":
            held.append((line, name, rest))
            continue
        held = []
        platform = re.search(r"--platform=(\S+)", rest)
        words = [word for word in rest.split() if not word.startswith("--")]
        named = words[2] if len(words) > 2 and words[1].lower() == "as" else ""
        stages.append(_Stage(named.lower(), words[0].lower() if words else "", line, platform and platform[1], held))
    return stages


def _chosen(stages: Sequence[_Stage]) -> _Stage:
    """The last stage, or one for production when the last one is for development."""
    if not _DEVELOPMENT.search(stages[-1].name):
        return stages[-1]
    return next((each for each in reversed(stages) if _PRODUCTION.search(each.name)), stages[-1])


def _line_of_descent(stages: Sequence[_Stage], stage: _Stage) -> list[_Stage]:
    """The stages on which a stage is based, and the stage itself at the end."""
    found = [stage]
    while base := next((each for each in stages if each.name and each.name == found[0].base), None):
        if base in found:
            break
        found.insert(0, base)
    return found


def _with(found: Dockerfile, line: int, name: str, rest: str) -> Dockerfile:
    path = found.path
    if name == "EXPOSE" and (number := re.match(r"(\d+)", rest)):
        return replace(found, port=Finding(what="port", value=int(number[1]), file=path, line=line))
    if name == "USER":
        return replace(found, user=Finding(what="user of the image", value=rest.strip(), file=path, line=line))
    if name == "CMD":
        return replace(found, command=Finding(what="command of the image", value=words(rest), file=path, line=line))
    return replace(found, entrypoint=words(rest)) if name == "ENTRYPOINT" else found


def _instructions(text: str) -> list[tuple[int, str, str]]:
    """Line, name and rest of each instruction; a line that ends with a backslash goes on."""
    found: list[tuple[int, str, str]] = []
    start, parts = 0, list[str]()
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("#") or (not line.strip() and not parts):
            continue
        start = start if parts else number
        parts.append(line.rstrip().removesuffix("\\"))
        if not line.rstrip().endswith("\\"):
            name, _, rest = " ".join(part.strip() for part in parts).partition(" ")
            found.append((start, name.upper(), rest.strip()))
            parts = []
    return found


def words(text: str) -> str:
    """A command in JSON or shell form as one text."""
    try:
        found = documents.json_value(text)
    except ValueError:
        return text
    return shlex.join(map(str, found)) if isinstance(found, list) else text


def _variables(
    repository: SourceTree, file: str | None, lines: Iterable[tuple[int, str, str]]
) -> dict[str, tuple[str, Variable]]:
    """The variables of the entrypoint's script. Only a shell with `set -u` ends where one has no value."""
    own = {
        name for _, kind, rest in lines if kind == "ENV" for name in re.findall(r"(?:^|\s)([A-Z][A-Z0-9_]*)[= ]", rest)
    }
    found: dict[str, tuple[str, Variable]] = {}
    known, text = own | _OF_SHELL, (repository.text(file) or "" if file else "")
    strict = bool(_STRICT.search(text))
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("#"):
            continue
        for braced, default, plain in _USED.findall(line):
            name = braced or plain
            if name not in known and name not in found:
                required = default in ("?", ":?") or (strict and not default)
                found[name] = (str(file), Variable(name=name, line=number, required=required))
        known |= {*_ASSIGNED.findall(line)} - {*found}
    return found


def _script(repository: SourceTree, docker: Dockerfile, copies: Sequence[str]) -> str | None:
    """The file of the repository that the entrypoint runs."""
    program = docker.entrypoint.split(" ")[0].strip("'\"")
    if not program or ("." not in program and "/" not in program):
        return None
    wanted = PurePosixPath(program)
    for copy in copies:
        sources = [word for word in words(copy).split() if not word.startswith("--")]
        target = sources.pop() if len(sources) > 1 else ""
        for source in sources:
            name = PurePosixPath(source).name
            if PurePosixPath(target) == wanted or (name == wanted.name and PurePosixPath(target) == wanted.parent):
                return _in_repository(repository, docker, source)
    return _in_repository(repository, docker, str(PurePosixPath(*wanted.parts[-2:]))) or _in_repository(
        repository, docker, wanted.name
    )


def _in_repository(repository: SourceTree, docker: Dockerfile, source: str) -> str | None:
    """A file by its path from the context: the repository, or the folder of the Dockerfile."""
    path = PurePosixPath(source.lstrip("/"))
    places = (path, PurePosixPath(docker.path).parent / path)
    return next((str(place) for place in places if str(place) in repository.files), None)
