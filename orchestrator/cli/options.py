"""The options that every command has, declared once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import wraps
from inspect import Parameter, signature
from pathlib import Path
from typing import Annotated, Any

import typer


class EngineName(StrEnum):
    """Engines that can be named."""

    PULUMI = "pulumi"
    SIMULATION = "simulation"


class KindName(StrEnum):
    """Kinds that can be named."""

    AD_HOC = "ad-hoc"
    PROD = "prod"


class PlanFormatName(StrEnum):
    """Formats of a preview."""

    TEXT = "text"
    MARKDOWN = "markdown"


class GraphFormatName(StrEnum):
    """Formats of `graph`."""

    TEXT = "text"
    MERMAID = "mermaid"
    DOT = "dot"
    SVG = "svg"


@dataclass(frozen=True, kw_only=True)
class Common:
    """What the shared options say."""

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


JsonOption = Annotated[bool, typer.Option("--json", envvar="ORCHESTRATOR_JSON", help="Print one JSON document.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", envvar="ORCHESTRATOR_YES", help="Do not ask.")]
EngineOption = Annotated[
    EngineName | None,
    typer.Option("--engine", envvar="ORCHESTRATOR_ENGINE", help="What carries it out; else orchestrator.toml says."),
]
VerboseOption = Annotated[
    bool, typer.Option("--verbose", "-v", envvar="ORCHESTRATOR_VERBOSE", help="Show every resource, and tracebacks.")
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", envvar="ORCHESTRATOR_QUIET", help="Show no progress.")]
ProjectDirOption = Annotated[
    Path | None,
    typer.Option(
        "--project-dir", envvar="ORCHESTRATOR_PROJECT_DIR", help="Folder of orchestrator.toml, else found upwards."
    ),
]
ParallelOption = Annotated[
    int | None,
    typer.Option("--parallel", min=1, max=64, envvar="ORCHESTRATOR_PARALLEL", help="Units that run at the same time."),
]

WaitOption = Annotated[
    str | None,
    typer.Option(
        "--wait",
        metavar="10m",
        envvar="ORCHESTRATOR_WAIT",
        help="Wait so long while somebody else is at work on a stack.",
    ),
]
AllowProdOption = Annotated[
    bool, typer.Option("--allow-prod", envvar="ORCHESTRATOR_ALLOW_PROD", help="Production may be changed.")
]
FailFastOption = Annotated[
    bool, typer.Option("--fail-fast", envvar="ORCHESTRATOR_FAIL_FAST", help="Begin nothing more after a stack failed.")
]
ContinueOption = Annotated[
    bool,
    typer.Option(
        "--continue",
        envvar="ORCHESTRATOR_CONTINUE",
        help="Within a stack, go on after a resource failed with those that do not depend on it.",
    ),
]
EventsOption = Annotated[
    Path | None,
    typer.Option("--events", metavar="FILE", envvar="ORCHESTRATOR_EVENTS", help="Write events there as JSON lines."),
]
CostOption = Annotated[
    bool, typer.Option("--cost/--no-cost", envvar="ORCHESTRATOR_COST", help="Say before what new stacks will cost.")
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
}


def with_common(command: Callable[..., None], *, working: bool = False) -> Callable[..., None]:
    """Give a command the shared options, and those of runs when it is `working`; it receives them as its first argument,
    a `Common`."""
    options = {**_SHARED, **(_WORKING if working else {})}

    @wraps(command)
    def wrapper(**given: Any) -> None:
        shared = {name: given.pop(name) for name in options}
        engine = shared.pop("engine")
        command(Common(**shared, engine=engine.value if engine else None), **given)

    own = list(signature(command, eval_str=True).parameters.values())[1:]
    added = [
        Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for name, (annotation, default) in options.items()
    ]
    parameters = [parameter.replace(kind=Parameter.KEYWORD_ONLY) for parameter in own] + added
    wrapper.__signature__ = signature(wrapper).replace(parameters=parameters)  # type: ignore[attr-defined]
    wrapper.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return wrapper


NameArgument = Annotated[str, typer.Argument(help="Name of the environment or base.", show_default=False)]
NamesArgument = Annotated[list[str], typer.Argument(help="One or more names.", show_default=False)]
OptionalNameArgument = Annotated[str | None, typer.Argument(help="Name; nothing shows all.", show_default=False)]
BaseOption = Annotated[
    str | None, typer.Option("--base", help="Base to stand on; else the configuration says.", show_default=False)
]
KindOption = Annotated[KindName | None, typer.Option("--kind", help="Kind of the base.", show_default=False)]
OwnerOption = Annotated[
    str | None, typer.Option("--owner", help="Who answers for it; else who git says you are.", show_default=False)
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Set a configuration value, for example web.desired_count=2."),
]
TtlOption = Annotated[
    str | None,
    typer.Option("--ttl", metavar="3d", help="How long it lives after it was last deployed; `reap` destroys it then."),
]
SavePlanOption = Annotated[
    Path | None, typer.Option("--save-plan", metavar="DIR", help="Write a plan there, which `apply DIR` carries out.")
]
PlanFormatOption = Annotated[PlanFormatName, typer.Option("--format", help="How to show the plan.")]
ImageOption = Annotated[
    list[str] | None,
    typer.Option("--image", metavar="NAME=REFERENCE", help="Set an image, for example backend=registry/app:1.4."),
]
