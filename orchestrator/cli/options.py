"""The arguments and options that several commands have, each declared once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import wraps
from inspect import Parameter, signature
from pathlib import Path
from typing import Annotated, Any

import typer

from orchestrator.cli import completion

Commands = Mapping[str, tuple[Callable[..., None], bool]]
"""The commands of a group by name, and whether each has the options of runs."""


class EngineName(StrEnum):
    """Values of --engine."""

    PULUMI = "pulumi"
    SIMULATION = "simulation"


class KindName(StrEnum):
    """Values of --kind."""

    AD_HOC = "ad-hoc"
    PROD = "prod"


class PlanFormatName(StrEnum):
    """Values of --format of a preview."""

    TEXT = "text"
    MARKDOWN = "markdown"


class StoreName(StrEnum):
    """Values of --to of `secrets`."""

    SECRETS_MANAGER = "secretsmanager"
    SSM = "ssm"


class ProvidedName(StrEnum):
    """Values of --provided of `secrets`."""

    REFUSE = "refuse"
    KEEP = "keep"
    REPLACE = "replace"


class GraphFormatName(StrEnum):
    """Values of --format of `graph`."""

    TEXT = "text"
    MERMAID = "mermaid"
    DOT = "dot"
    SVG = "svg"


class BuilderName(StrEnum):
    """Values of --builder."""

    DOCKER = "docker"
    PODMAN = "podman"
    BUILDAH = "buildah"


@dataclass(frozen=True, kw_only=True)
class Common:
    """The values of the shared options."""

    as_json: bool
    yes: bool
    engine: str | None
    verbose: bool
    quiet: bool
    project_dir: Path | None
    parallel: int | None = None
    wait: str | None = None
    allow_prod: bool = False
    fail_fast: bool = False
    keep_going: bool = False
    events: Path | None = None
    cost: bool = True
    check: bool = True


JsonOption = Annotated[
    bool, typer.Option("--json", envvar="ORCHESTRATOR_JSON", help="Print one JSON document, also for an error.")
]
YesOption = Annotated[bool, typer.Option("--yes", "-y", envvar="ORCHESTRATOR_YES", help="Do not ask for confirmation.")]
EngineOption = Annotated[
    EngineName | None,
    typer.Option("--engine", envvar="ORCHESTRATOR_ENGINE", help="Engine (default: the one in orchestrator.toml)."),
]
VerboseOption = Annotated[
    bool,
    typer.Option(
        "--verbose",
        "-v",
        envvar="ORCHESTRATOR_VERBOSE",
        help="Show every resource, API calls of the simulation, and tracebacks.",
    ),
]
QuietOption = Annotated[
    bool, typer.Option("--quiet", "-q", envvar="ORCHESTRATOR_QUIET", help="Hide progress and notes.")
]
ProjectDirOption = Annotated[
    Path | None,
    typer.Option(
        "--project-dir",
        metavar="DIR",
        envvar="ORCHESTRATOR_PROJECT_DIR",
        help="Folder of orchestrator.toml (default: this folder or the nearest one above it).",
    ),
]
ParallelOption = Annotated[
    int | None,
    typer.Option(
        "--parallel",
        metavar="N",
        min=1,
        max=64,
        envvar="ORCHESTRATOR_PARALLEL",
        help="Number of stacks that run at the same time.",
    ),
]

WaitOption = Annotated[
    str | None,
    typer.Option(
        "--wait",
        metavar="10m",
        envvar="ORCHESTRATOR_WAIT",
        help="Wait up to this long for another operation on the same stack.",
    ),
]
AllowProdOption = Annotated[
    bool, typer.Option("--allow-prod", envvar="ORCHESTRATOR_ALLOW_PROD", help="Allow changes to production.")
]
FailFastOption = Annotated[
    bool, typer.Option("--fail-fast", envvar="ORCHESTRATOR_FAIL_FAST", help="Start no further stack after a failure.")
]
ContinueOption = Annotated[
    bool,
    typer.Option(
        "--continue",
        envvar="ORCHESTRATOR_CONTINUE",
        help="After a resource fails, continue with the resources of its stack that do not depend on it.",
    ),
]
EventsOption = Annotated[
    Path | None,
    typer.Option(
        "--events", metavar="FILE", envvar="ORCHESTRATOR_EVENTS", help="Write events to this file as JSON lines."
    ),
]
CostOption = Annotated[
    bool,
    typer.Option("--cost/--no-cost", envvar="ORCHESTRATOR_COST", help="Show the estimated cost of new stacks first."),
]

CheckOption = Annotated[
    bool,
    typer.Option(
        "--check/--no-check",
        envvar="ORCHESTRATOR_CHECK",
        help="Check the zone, certificate, images, secrets and quotas in AWS first, and preview new stacks.",
    ),
]

_SHARED: dict[str, tuple[Any, Any]] = {
    "as_json": (JsonOption, False),
    "yes": (YesOption, False),
    "engine": (EngineOption, None),
    "verbose": (VerboseOption, False),
    "quiet": (QuietOption, False),
    "project_dir": (ProjectDirOption, None),
}
_WORKING: dict[str, tuple[Any, Any]] = {
    "parallel": (ParallelOption, None),
    "wait": (WaitOption, None),
    "allow_prod": (AllowProdOption, False),
    "fail_fast": (FailFastOption, False),
    "keep_going": (ContinueOption, False),
    "events": (EventsOption, None),
    "cost": (CostOption, True),
    "check": (CheckOption, True),
}


def with_common(command: Callable[..., None], *, working: bool = False) -> Callable[..., None]:
    """Add the shared options to a command, and the options of runs when it is `working`.

    The command receives their values as its first argument, a `Common`.
    """
    options = {**_SHARED, **(_WORKING if working else {})}
    own = list(signature(command, eval_str=True).parameters.values())[1:]

    scopes = {parameter.name: scope for parameter in own for kind, scope in _scopes() if parameter.annotation == kind}

    @wraps(command)
    def wrapper(**given: Any) -> None:
        for name, scope in scopes.items():
            given[name] = _plain_names(given[name], scope, given["project_dir"])
        shared = {name: given.pop(name) for name in options}
        engine = shared.pop("engine")
        command(Common(**shared, engine=engine.value if engine else None), **given)

    added = [
        Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for name, (annotation, default) in options.items()
    ]
    parameters = [parameter.replace(kind=Parameter.KEYWORD_ONLY) for parameter in own] + added
    wrapper.__signature__ = signature(wrapper).replace(parameters=parameters)  # type: ignore[attr-defined]
    wrapper.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return wrapper


def _names(help_: str, completed: Callable[..., Any]) -> Any:
    return typer.Argument(metavar="NAME", help=help_, show_default=False, autocompletion=completed)


NameArgument = Annotated[str, _names("Environment or base.", completion.stacks)]
NamesArgument = Annotated[list[str], _names("Environments or bases.", completion.stacks)]
OptionalNameArgument = Annotated[str | None, _names("Environment or base (default: all).", completion.stacks)]
EnvironmentArgument = Annotated[str, _names("Environment.", completion.environments)]
EnvironmentsArgument = Annotated[list[str], _names("Environments.", completion.environments)]
BaseArgument = Annotated[str, _names("Base.", completion.bases)]
BasesArgument = Annotated[list[str], _names("Bases.", completion.bases)]
BaseOption = Annotated[
    str | None,
    typer.Option(
        "--base",
        metavar="BASE",
        help="Base (default: the configured one).",
        show_default=False,
        autocompletion=completion.bases,
    ),
]
KindOption = Annotated[KindName | None, typer.Option("--kind", help="Kind of the base.", show_default=False)]
OwnerOption = Annotated[
    str | None, typer.Option("--owner", metavar="NAME", help="Owner (default: your git identity).", show_default=False)
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Set a configuration value, for example web.desired_count=2."),
]
TtlOption = Annotated[
    str | None,
    typer.Option("--ttl", metavar="3d", help="Time from the last deploy until the environment expires; see `reap`."),
]
SavePlanOption = Annotated[
    Path | None, typer.Option("--save-plan", metavar="DIR", help="Save the plan in this folder, for `apply DIR`.")
]
PlanFormatOption = Annotated[PlanFormatName, typer.Option("--format", help="Format of the plan.")]
ImageOption = Annotated[
    list[str] | None,
    typer.Option(
        "--image",
        metavar="NAME=REFERENCE",
        help="Set an image, for example backend=registry/app:1.4.",
        autocompletion=completion.images,
    ),
]
BuildOption = Annotated[
    bool, typer.Option("--build", help="Build and push the images of [images] in orchestrator.toml first.")
]
CreateRepositoryOption = Annotated[
    bool, typer.Option("--create-repository", help="Create a repository that is missing in ECR.")
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Show the changes, and change nothing.")]


def _scopes() -> tuple[tuple[Any, str | None], ...]:
    """The arguments that hold names, with the scope of the names; None is either scope."""
    return (
        (NameArgument, None),
        (NamesArgument, None),
        (OptionalNameArgument, None),
        (EnvironmentArgument, "environment"),
        (EnvironmentsArgument, "environment"),
        (BaseArgument, "base"),
        (BasesArgument, "base"),
        (BaseOption, "base"),
    )


def _plain_names(given: Any, scope: str | None, folder: Path | None) -> Any:
    if isinstance(given, list):
        return [_plain_name(str(name), scope, folder) for name in given]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    return given if given is None else _plain_name(str(given), scope, folder)


def _plain_name(name: str, scope: str | None, folder: Path | None) -> str:
    """`alpha` for `alpha`, `environment/alpha` and `app/alpha`. Without a scope, `base/dev` stays, to differ from an
    environment of this name. Raises UsageError for a name of the other scope."""
    from orchestrator.errors import UsageError

    prefix, slash, plain = name.partition("/")
    if not slash:
        return name
    if prefix not in ("base", "environment"):
        from orchestrator.config import settings

        project = settings.load(folder).by_key.get(prefix)
        if project is None:
            return name
        prefix = project.scope.value
    if scope is None:
        return f"{prefix}/{plain}"
    if prefix != scope:
        kind = "a base" if scope == "base" else "an environment"
        raise UsageError(f"{name} is not {kind}", f"pass the name of {kind}")
    return plain
