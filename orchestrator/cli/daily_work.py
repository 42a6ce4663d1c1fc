"""The group Daily work: deploy to an environment, run commands in it, and read its logs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli import completion
from orchestrator.cli.options import (
    BuildOption,
    Commands,
    Common,
    CreateRepositoryOption,
    EnvironmentArgument,
    ImageOption,
    SetOption,
)
from orchestrator.cli.shared import duration_of, end, images_of, on_environment, values_of

if TYPE_CHECKING:
    from orchestrator.cli.one_environment import EnvironmentCommand
    from orchestrator.operations.deploy import DeployResult

ServiceOption = Annotated[
    str | None,
    typer.Option(
        "--service",
        "-s",
        help="Service (default: the web service).",
        show_default=False,
        autocompletion=completion.services,
    ),
]
ServicesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--service",
        "-s",
        help="Service; can be repeated (default: all services).",
        show_default=False,
        autocompletion=completion.services,
    ),
]
CommandArgument = Annotated[
    list[str] | None, typer.Argument(metavar="COMMAND", help="Command and its arguments, after --.", show_default=False)
]


def deploy_(
    common: Common,
    name: EnvironmentArgument,
    image: ImageOption = None,
    set_: SetOption = None,
    release: Annotated[
        bool, typer.Option("--release/--no-release", help="Run the release command on the new image first.")
    ] = True,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Do not wait for the rollouts.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the changes, and change nothing.")] = False,
    check_migrations: Annotated[
        bool | None,
        typer.Option(
            "--check-migrations/--no-check-migrations",
            help="Refuse pending migrations that break running code or lock tables (default: orchestrator.toml).",
            show_default=False,
        ),
    ] = None,
    smoke: Annotated[bool, typer.Option("--smoke", help="Run the checks of `smoke` afterwards.")] = False,
    build: BuildOption = False,
    create_repository: CreateRepositoryOption = False,
) -> None:
    """Deploy an image: run the release command, then roll out each service.

    Example: orchestrator deploy alpha --image backend=registry.example.com/shop:1.4.2
    """
    from orchestrator.cli.building import images_of_deploy
    from orchestrator.cli.one_environment import RolloutLines

    images, values = images_of(image), values_of(set_)
    work = on_environment(common, name)
    if build:
        images = images_of_deploy(work, images, set_, dry_run=dry_run, create_repository=create_repository)
    result = work.operations.deploy(
        name,
        images,
        values=values,
        release=release,
        detach=detach,
        dry_run=dry_run,
        check_migrations=check_migrations,
        observer=RolloutLines(work.session, work.view),
    )
    _report_deploy(work, result, shown=not dry_run, smoke=smoke and not (dry_run or detach))


def _report_deploy(work: EnvironmentCommand, result: DeployResult, *, shown: bool, smoke: bool) -> None:
    """Print a deploy, run the checks of `smoke` if it succeeded, and leave with the exit code."""
    from orchestrator.cli.looking import smoke_all
    from orchestrator.rendering import operation_documents, operation_text

    as_json = work.session.common.as_json
    if not as_json and shown:
        work.report(result, operation_text.deployed(result, work.name, work.console.width), always=True)
    code, smoked = result.exit_code, None
    if smoke and not code:
        (smoked,), code = smoke_all(work.session, (work.name,))
    if as_json:
        work.report(operation_documents.deployed(result, smoked), "", always=True)
    end(code)


def run_(
    common: Common,
    name: EnvironmentArgument,
    command: CommandArgument = None,
    service: ServiceOption = None,
    size: Annotated[
        str | None,
        typer.Option(
            "--size",
            metavar="CPU/MEMORY",
            help="CPU units and MiB, for example 1024/2048 (default: those of the service).",
        ),
    ] = None,
    spot: Annotated[
        bool, typer.Option("--spot", help="Run on Fargate Spot: cheaper, but AWS can stop the task at any time.")
    ] = False,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Do not wait for the end of the task.")] = False,
    timeout: Annotated[
        str | None,
        typer.Option("--timeout", metavar="DURATION", help="Stop the task after this time, for example 30m."),
    ] = None,
) -> None:
    """Run a command in a new task that is configured like a service.

    The exit code is that of the command.

    Example: orchestrator run alpha -- python manage.py migrate
    """
    from orchestrator.rendering import operation_text

    cpu_units, memory_mib = _size(size)
    work = on_environment(common, name)
    with work.interruptible():
        result = work.operations.run(
            name,
            command or (),
            service=service,
            cpu_units=cpu_units,
            memory_mib=memory_mib,
            spot=spot,
            detach=detach,
            timeout=duration_of(timeout),
            observer=work.view,
            decide=work.decide,
        )
    work.report(result, operation_text.detached(result, name) if detach else "")
    if result.code and not common.as_json:
        work.console.problem(f"task {result.task} {result.reason}", result.hint)
    if result.code:
        raise typer.Exit(result.code)


def exec_(
    common: Common,
    name: EnvironmentArgument,
    command: CommandArgument = None,
    service: ServiceOption = None,
    task: Annotated[
        str | None, typer.Option("--task", metavar="ID", help="Task id, or its beginning (default: a healthy task).")
    ] = None,
    print_: Annotated[bool, typer.Option("--print", help="Print the AWS command instead of running it.")] = False,
) -> None:
    """Open a shell or run a command in a running task.

    Example: orchestrator exec alpha -- python manage.py createsuperuser
    """
    work = on_environment(common, name)
    if print_ or common.as_json:
        shell = work.operations.find_shell(name, command or (), service=service, task=task, observer=work.view)
        work.report(shell, f"{shell.aws_command}\n")
        return
    result = work.operations.exec(name, command or (), service=service, task=task, observer=work.view)
    if work.simulated:
        work.report(result, "")
    if result.code:
        raise typer.Exit(result.code)


def logs_(
    common: Common,
    name: EnvironmentArgument,
    service: ServicesOption = None,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="DURATION", help="Start this long ago, for example 10m (default: 1h)."),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Keep printing new lines as they are written.")
    ] = False,
    previous: Annotated[
        bool, typer.Option("--previous", "-p", help="Read the log of the last task that stopped.")
    ] = False,
    grep: Annotated[
        str | None,
        typer.Option("--grep", "-g", metavar="REGEX", help="Print only lines that match this regular expression."),
    ] = None,
    times: Annotated[bool, typer.Option("--times", "-t", help="Print the time of each line.")] = False,
) -> None:
    """Print the logs of the services in order of time. With --json, each line is a document.

    Example: orchestrator logs alpha --service web --since 10m --follow
    """
    from orchestrator.cli.one_environment import Prefixes
    from orchestrator.rendering import operation_documents

    work = on_environment(common, name)
    lines = work.operations.logs(
        name,
        service or (),
        since=duration_of(since),
        follow=follow,
        previous=previous,
        grep=grep,
        observer=work.view,
    )
    prefixes = Prefixes(work.console, lines.services, times=times)
    if not common.as_json:
        work.note_simulation()
    try:
        for line in lines:
            work.console.result(operation_documents.line(line) if common.as_json else prefixes.text(line))
            if work.console.gone:
                break
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    if work.simulated and not common.as_json:
        work.report(None, "", picture=True)


def ps_(
    common: Common,
    name: EnvironmentArgument,
    service: ServicesOption = None,
) -> None:
    """Show services and tasks: versions, health, last events, and why the last task stopped.

    Example: orchestrator ps alpha --service web
    """
    from datetime import UTC, datetime

    from orchestrator.rendering import operation_text

    work = on_environment(common, name)
    found = work.operations.ps(name, service or (), observer=work.view)
    work.report(found, operation_text.processes(found, datetime.now(UTC), work.console.width), picture=True)


def open_(
    common: Common,
    name: EnvironmentArgument,
    path: Annotated[str, typer.Option("--path", help="Path of the page, for example /admin/.")] = "",
    print_: Annotated[bool, typer.Option("--print", help="Print the address instead of opening a browser.")] = False,
) -> None:
    """Open an environment in a browser.

    Example: orchestrator open alpha --path /admin/
    """
    work = on_environment(common, name)
    page = work.operations.open(name, path, observer=work.view)
    opened = not (print_ or common.as_json or work.simulated) and _browse(page.url)
    if work.simulated and not common.as_json:
        work.note_simulation()
        work.console.result(f"{page.url}\n")
        return
    work.report(page, "" if opened else f"{page.url}\n")


def _browse(url: str) -> bool:
    """Open a browser; False when there is none."""
    import webbrowser

    return webbrowser.open(url)


def _size(text: str | None) -> tuple[int | None, int | None]:
    """`1024/2048` as numbers. Raises UsageError."""
    from orchestrator.errors import UsageError

    if text is None:
        return None, None
    cpu, slash, memory = text.partition("/")
    if not slash or not all(part.isascii() and part.isdigit() and len(part) < 7 for part in (cpu, memory)):
        raise UsageError(
            f"--size {text} is invalid: it must be CPU/MEMORY, in CPU units and MiB",
            "use, for example, --size 1024/2048",
        )
    return int(cpu), int(memory)


def scale_(
    common: Common,
    name: EnvironmentArgument,
    counts: Annotated[
        list[str],
        typer.Argument(
            metavar="SERVICE=N",
            help="Number of tasks, or MIN..MAX for a service with autoscaling.",
            autocompletion=completion.counts,
        ),
    ],
) -> None:
    """Change the number of tasks of services.

    Example: orchestrator scale alpha web=3 default=2
    """
    from orchestrator.rendering import operation_documents, operation_text

    work = on_environment(common, name)
    result = work.operations.scale(
        name, counts, found=lambda found: work.console.note(operation_text.scaled(found)), observer=work.view
    )
    if common.as_json:
        work.console.document(operation_documents.scale(name, result.services, result.report, work.session.notice))
    end(result.exit_code)


GROUP = "Daily work"
COMMANDS: Commands = {
    "deploy": (deploy_, True),
    "run": (run_, False),
    "exec": (exec_, False),
    "logs": (logs_, False),
    "ps": (ps_, False),
    "open": (open_, False),
    "scale": (scale_, True),
}
