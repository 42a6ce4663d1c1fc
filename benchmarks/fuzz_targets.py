"""The targets of the fuzzer: each has a strategy of inputs and a function that raises on a wrong answer."""

from __future__ import annotations

import collections.abc
import contextlib
import dataclasses
import io
import os
import shutil
import sys
import typing
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import pulumi
from hypothesis import strategies as st

import pulumi_django
from benchmarks import fuzz_commands
from benchmarks.fuzz_inputs import damaged, damaged_json, damaged_yaml, odd
from orchestrator.cli.main import main
from orchestrator.config import settings
from orchestrator.engines.automation.engine import AutomationEngine
from orchestrator.errors import OrchestratorError, UsageError
from orchestrator.model import Unit
from orchestrator.operations import dotenv
from tests.support import other_names
from tests.support.engines import FIXTURES, SETTINGS

TOML = f'engine = "simulation"\n{SETTINGS}\n[limits]\nenvironments_per_base = 5\ndefault_ttl = "3d"\n\n[runner]\nparallel = 2\n'
TOML += '\n[images.backend]\ncontext = "."\ntarget = "web"\n\n[notify.chat]\nurl = "env:CHAT"\nformat = "slack"\n'
TOML += '\n[pull_requests]\nbase = "dev"\nttl = "3d"\n\n[deploy]\n'
STACK = "config:\n  aws:region: eu-west-1\n  fixture-base:size: small\n  fixture-base:tags: {a: [1, two], b: null}\n"
PROJECT = "name: fixture-base\nruntime: python\nmain: .\nbackend: {url: 'file://.'}\nconfig:\n  size: {type: string, default: a}\n  many: {type: array, items: {type: string}, default: [a]}\n  aws:region: {value: eu-west-1}\n"
ENVIRONMENT = (
    other_names.APP
    + """\
  shop:web: {desired_count: 2, cpu_units: 512, memory_mib: 1024, health_check: {path: /health/}}
  shop:workers: {default: {desired_count: 1, queues: [default, mail]}}
  shop:services: {sockets: {command: [daphne, shop.asgi], port: 9000, paths: [/ws/*]}}
  shop:volumes: {media: {}}
  shop:extra_env: {A: b, HOST: "{DB_HOST}"}
  shop:hours: {open: "Mon-Fri 08:00-18:00", timezone: Europe/Berlin}
  shop:release: {command: [python, manage.py, migrate]}
"""
)
REPOSITORY = {
    "manage.py": "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'shop.settings')\n",
    "shop/settings.py": "import os\nSECRET_KEY = os.environ['SECRET_KEY']\nINSTALLED_APPS = ['django.contrib.auth', 'shop']\n"
    "DATABASES = {'default': {'NAME': os.environ.get('DB_NAME', 'x')}}\nWSGI_APPLICATION = 'shop.wsgi.application'\n",
    "shop/wsgi.py": "application = None\n",
    "shop/celery.py": "from celery import Celery\napp = Celery('shop')\napp.conf.task_queues = ['mail']\n",
    "requirements.txt": "Django==5.2\ngunicorn==23.0.0\ncelery[redis]>=5.4\npsycopg[binary]\n",
    "pyproject.toml": "[project]\nname = 'shop'\nrequires-python = '>=3.12'\ndependencies = ['Django>=5']\n",
    "Procfile": "web: gunicorn shop.wsgi\nworker: celery -A shop worker -Q mail\nrelease: python manage.py migrate\n",
    "compose.yaml": "services:\n  web: {build: ., command: gunicorn shop.wsgi, ports: ['8000:8000'], environment: {A: b}}\n"
    "  worker: {image: shop, command: celery -A shop worker}\n  db: {image: 'postgres:17'}\n",
    "Dockerfile": 'FROM python:3.12-slim AS web\nENV A=b\nEXPOSE 8000\nCMD ["gunicorn", "shop.wsgi"]\n',
    ".env.example": "SECRET_KEY=\nDB_NAME=shop\n",
}
"""A repository with Django."""

EVENT = (
    '{"action": "synchronize", "number": 7, "pull_request": {"number": 7, "head": {"sha": "'
    + "a" * 40
    + '", "ref": "topic", '
    '"repo": {"full_name": "acme/shop", "fork": false}}, "base": {"ref": "main", "repo": {"full_name": "acme/shop"}}, "labels": []}}'
)
DOTENV = "# shop\nexport A=1\nB='two words'\nC=\"three\\nlines\"\nD=${A}-${X:-y}\nE=\n"
CHECKPOINT = (
    '{"version": 3, "checkpoint": {"stack": "organization/fixture-base/dev", "latest": {"manifest": {"time": '
    '"2026-11-20T09:00:00.123456789Z", "magic": "m", "version": "v3"}, "secrets_providers": {"type": "passphrase", "state": {"salt": "v1:a"}}, '
    '"resources": [{"urn": "urn:pulumi:dev::fixture-base::pulumi:pulumi:Stack::s", "custom": false, "type": "pulumi:pulumi:Stack", '
    '"outputs": {"arn": "a", "key": {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "x"}}}, '
    '{"urn": "urn:pulumi:dev::fixture-base::aws:sns/topic:Topic::t", "custom": true, "id": "1", "type": "aws:sns/topic:Topic", '
    '"inputs": {"a": [1]}, "outputs": {}, "parent": "p", "dependencies": ["d"], "propertyDependencies": {"a": ["d"]}, "protect": true}], '
    '"pending_operations": [{"type": "creating", "resource": {"urn": "urn:x::y", "type": "t"}}]}}}'
)


@dataclass(frozen=True)
class Target:
    inputs: st.SearchStrategy[Any]
    run: Callable[[Any], None]
    restore: Callable[[], None]


def targets(folder: Path) -> dict[str, Target]:
    """All targets by name: on a small project with a base, an environment and a saved plan, and on one with real programs."""
    small, real = World(folder, _small), World(folder.parent / "real", _real)
    state = folder / ".orchestrator" / "simulation"
    return {
        "argv": Target(fuzz_commands.random_words(), small.command, small.restore),
        "commands": Target(fuzz_commands.command_lines(), real.command, real.restore),
        "settings": small.file("orchestrator.toml", damaged(TOML), ["list"]),
        "stack file": small.file("base/Pulumi.dev.yaml", damaged_yaml(STACK), ["preview-base", "dev"]),
        "environment": real.file("shop/Pulumi.alpha.yaml", damaged_yaml(ENVIRONMENT), ["preview-env", "alpha"]),
        "Pulumi.yaml": small.file("base/Pulumi.yaml", damaged_yaml(PROJECT), ["preview-base", "dev"]),
        "simulated state": small.state(state),
        "Pulumi state": small.checkpoint(),
        "plan": small.plan(),
        "repository": real.repository(),
        "event": real.event(),
        "dotenv": Target(damaged(DOTENV) | st.text(max_size=80), _dotenv, lambda: None),
        "arguments": Target(_arguments(), _made, lambda: None),
    }


class World:
    """A project folder that is brought back to its first content after each input."""

    def __init__(self, folder: Path, create: Callable[[World], None]) -> None:
        self.folder, self.first = folder, folder.parent / f"{folder.name}-first"
        if not self.first.exists():
            create(self)
            shutil.copytree(self.folder, self.first, symlinks=True)
        self.restore()

    def restore(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(self.first, self.folder, symlinks=True)

    def restore_file(self, name: Path) -> None:
        """Bring one file back. For commands that change nothing else."""
        shutil.copyfile(self.first / name, self.folder / name)

    def command(self, words: list[str], *, project: bool = True) -> int:
        """Run a command line, by default with this project. Raises AssertionError for a traceback, a message of a bug, or an unknown exit code."""
        own = words.index("--") if "--" in words else len(words)
        out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.StringIO()
        # No input ends a server: it ends when it would listen.
        ends = mock.patch("orchestrator.web.server.serve") if "serve" in words else contextlib.nullcontext()
        with ends, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), contextlib.chdir(self.folder):
            code = main([*words[:own], *(["--project-dir", str(self.folder)] if project else []), *words[own:]])
        told = err.getvalue()
        # With --verbose a failing program shows its own traceback.
        assert "Traceback" not in told or {"--verbose", "-v"} & set(words[:own]), told
        assert "this is a bug" not in told, told
        assert code in (0, 1, 2, 3, 130), code
        return code

    def file(self, name: str, inputs: st.SearchStrategy[str], words: list[str]) -> Target:
        def run(text: str) -> None:
            _write(self.folder / name, text)
            self.command([*words, "--no-cost"] if words[0] != "list" else words)

        return Target(inputs, run, lambda: self.restore_file(Path(name)))

    def state(self, state: Path) -> Target:
        files = {path.relative_to(self.folder): path.read_text() for path in sorted(state.rglob("*.jsonl"))}

        @st.composite
        def inputs(draw: st.DrawFn) -> tuple[Path, str, list[str]]:
            name = draw(st.sampled_from(sorted(files)))
            head, body = files[name].split("\n")
            if draw(st.booleans()):
                body = draw(damaged_json(body))
                head = head.replace(
                    head[head.index('"body_bytes"') :].split(",")[0],
                    f'"body_bytes":{len(body.encode(errors="replace"))}',
                )
            else:
                head = draw(damaged_json(head))
            words = draw(
                st.sampled_from(
                    [["list"], ["show", "alpha"], ["graph", "dev"], ["preview-base", "dev", "--no-cost"], ["cost"]]
                )
            )
            return name, f"{head}\n{body}", words

        def run(value: tuple[Path, str, list[str]]) -> None:
            _write(self.folder / value[0], value[1])
            self.command(value[2])
            self.restore_file(value[0])

        return Target(inputs(), run, lambda: None)

    def plan(self) -> Target:
        plan = self.folder / "plan"
        files = {path.name: path.read_text() for path in sorted(plan.glob("*.json"))}

        def run(value: tuple[str, str]) -> None:
            _write(plan / value[0], value[1])
            self.command(["apply", str(plan), "--yes"])

        names = st.sampled_from(sorted(files))
        return Target(
            names.flatmap(lambda name: st.tuples(st.just(name), damaged_json(files[name]))), run, self.restore
        )

    def repository(self) -> Target:
        """A repository with Django, whose files `init` reads."""
        folder = self.folder / "repository"
        files = {
            str(path.relative_to(folder)): path.read_text() for path in sorted(folder.rglob("*")) if path.is_file()
        }

        def run(value: tuple[str, str, list[str]]) -> None:
            _write(folder / value[0], value[1])
            self.command(["init", str(folder), "--yes", *value[2]], project=False)

        @st.composite
        def inputs(draw: st.DrawFn) -> tuple[str, str, list[str]]:
            name = draw(st.sampled_from(sorted(files)))
            options = [
                [],
                ["--dry-run"],
                ["--from", "procfile"],
                ["--from", "compose"],
                ["--dockerfile", "--health-view"],
            ]
            return name, draw(damaged(files[name])), draw(st.sampled_from(options))

        return Target(inputs(), run, self.restore)

    def event(self) -> Target:
        """The event of a pipeline of GitHub Actions."""

        def run(value: tuple[str, list[str]]) -> None:
            _write(self.folder / "event.json", value[0])
            variables = {"GITHUB_EVENT_PATH": str(self.folder / "event.json"), "GITHUB_EVENT_NAME": "pull_request"}
            os.environ.update(variables)
            try:
                self.command(value[1])
            finally:
                for name in variables:
                    del os.environ[name]

        words = st.sampled_from([["pr", "sync", "--yes"], ["pr", "close", "--yes"], ["pr", "status"]])
        return Target(st.tuples(damaged_json(EVENT), words), run, self.restore)

    def checkpoint(self) -> Target:
        """A state folder of Pulumi, read by the real engine without its CLI."""
        folder = self.folder / "state" / ".pulumi"
        beside = {
            "stacks/fixture-base/dev.pulumi-tags": '{"version": 1, "tags": {"orchestrator:kind": "ad-hoc", "orchestrator:created": "2026-11-20T09:00:00Z"}}',
            "locks/organization/fixture-base/dev/1.json": '{"pid": 7, "username": "a", "hostname": "b", "timestamp": "2026-11-20T09:00:00Z"}',
            "history/fixture-base/dev/dev-1.history.json": '{"kind": "update", "startTime": 1764000000, "result": "succeeded"}',
            "orchestrator/engines/fixture-base/dev/1.json": '{"username": "a", "hostname": "b", "pid": 7, "boot": "x", "namespace": "n", "started": "1", "operation": "up", "since": "2026-11-20T09:00:00+00:00"}',
            "orchestrator/marks/bases/dev/1.json": '{"process": {"username": "a", "hostname": "b", "pid": 7}, "since": "2026-11-20T09:00:00+00:00", "says": {"hosts": {"a": ["b"]}}}',
            "stacks/fixture-base/dev.json": CHECKPOINT,
        }  # fmt: skip

        def run(value: tuple[str, str]) -> None:
            for name, text in {**beside, value[0]: value[1]}.items():
                _write(folder / name, text)
            os.environ["PULUMI_BACKEND_URL"] = f"file://{folder.parent}"
            unit = Unit("base", "dev")
            try:
                engine = AutomationEngine(settings.load(self.folder))
            except OrchestratorError:
                return
            for call in (engine.stacks, lambda: engine.stack(unit), lambda: engine.resources(unit), lambda: engine.readers([unit]),
                         lambda: engine.fingerprint(unit), lambda: engine.lock_owner(unit), engine.claims,
                         lambda: engine.marks.below("bases"), lambda: engine.admit([], [unit])):  # fmt: skip
                with contextlib.suppress(OrchestratorError):
                    call()

        names = st.sampled_from(sorted(beside))
        return Target(
            names.flatmap(lambda name: st.tuples(st.just(name), damaged_json(beside[name]))), run, self.restore
        )


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode("utf-8", "surrogatepass"))


def _small(world: World) -> None:
    shutil.copytree(FIXTURES, world.folder)
    (world.folder / "orchestrator.toml").write_text(TOML)
    (world.folder / "base" / "Pulumi.dev.yaml").write_text("config: {}\n")
    (world.folder / "app" / "Pulumi.alpha.yaml").write_text(
        "config:\n  fixture-app:base: dev\n  fixture-app:listener_slot: 0\n"
    )
    assert world.command(["create-env", "alpha", "--base", "dev"]) == 0
    preview = ["preview-base", "qa", "--kind", "ad-hoc", "--save-plan", str(world.folder / "plan")]
    assert world.command(preview) == 0
    (world.folder / "plan" / "progress.json").write_text('{"base/qa": {"done": false, "ended": true, "state": null}}')


def _real(world: World) -> None:
    world.folder.mkdir()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        other_names.create(world.folder)
    for name, text in REPOSITORY.items():
        _write(world.folder / "repository" / name, text)


def _dotenv(text: str) -> None:
    with contextlib.suppress(UsageError):
        dotenv.parse(text, "file")


@st.composite
def _arguments(draw: st.DrawFn) -> tuple[Any, dict[str, Any]]:
    """A public argument class, with values of the right types."""
    kind = draw(st.sampled_from(KINDS))
    return kind, draw(_fields(kind))


@st.composite
def _fields(draw: st.DrawFn, kind: Any) -> dict[str, Any]:
    """Values of the required fields and of some others."""
    hints = typing.get_type_hints(kind, localns={"Output": pulumi.Output, "T": typing.TypeVar("T")})
    values: dict[str, Any] = {}
    for field in dataclasses.fields(kind):
        needed = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if field.init and not field.name.startswith("_") and (needed or draw(st.integers(0, 4)) == 0):
            values[field.name] = draw(_value(hints[field.name]))
    return values


def _value(hint: Any) -> st.SearchStrategy[Any]:
    members = typing.get_args(hint)
    origin = typing.get_origin(hint)
    if origin is typing.Literal:
        return st.sampled_from(members)
    if isinstance(origin, type) and issubclass(origin, typing.Mapping):  # type: ignore[arg-type]
        return st.dictionaries(odd, _value(members[-1]), max_size=3)
    if isinstance(origin, type) and issubclass(origin, typing.Sequence):  # type: ignore[arg-type]
        return st.lists(_value(members[0]), max_size=3)
    if members and origin is not pulumi.Output:
        plain = [each for each in members if each is not type(None) and typing.get_origin(each) is not pulumi.Output]
        plain = [each for each in plain if typing.get_origin(each) is not collections.abc.Awaitable]
        value = _value(plain[0]) if plain else st.none()
        return value | st.none() if type(None) in members else value
    if hint is bool:
        return st.booleans()
    if hint in (int, float):
        return st.sampled_from([0, 1, -1, 2, 50, 443, 10**400, -(10**400), 2**31]) | st.integers(-5, 5000)
    if hint is str or hint is Any:
        return odd
    if dataclasses.is_dataclass(hint):
        return _fields(hint).map(lambda values: _made_quietly(hint, values)).filter(lambda made: made is not None)
    if isinstance(hint, type) and issubclass(hint, str):
        return st.sampled_from(list(hint))  # type: ignore[arg-type]
    return st.none()


def _made_quietly(kind: Any, values: dict[str, Any]) -> Any:
    for given in (values, {}):
        with contextlib.suppress(TypeError, ValueError):
            return kind(**given)
    return None


def _made(value: tuple[Any, dict[str, Any]]) -> None:
    kind, values = value
    with contextlib.suppress(ValueError):
        kind(**values)


KINDS = [
    kind
    for name in sorted(dir(pulumi_django))
    if dataclasses.is_dataclass(kind := getattr(pulumi_django, name)) and name not in ("BaseContract", "AppOutputs")
]
assert sys.flags.optimize == 0, "the fuzzer needs assertions"
