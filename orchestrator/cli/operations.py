"""The commands of daily work on an environment: each parses, calls one operation, prints what it returns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.options import Common, ImageOption, NameArgument, SetOption, with_common

if TYPE_CHECKING:
    from orchestrator.cli.operating import Operating

WORK = "Work with an environment"

ServiceOption = Annotated[
    str | None, typer.Option("--service", "-s", help="Service, else the web service.", show_default=False)
]
CommandArgument = Annotated[
    list[str] | None, typer.Argument(metavar="COMMAND", help="Words of the command.", show_default=False)
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for name, command, working in (
        ("deploy", deploy_, True),
        ("run", run_, False),
        ("exec", exec_, False),
        ("logs", logs_, False),
        ("ps", ps_, False),
        ("open", open_, False),
    ):
        app.command(name, rich_help_panel=WORK)(with_common(command, working=working))


def deploy_(
    common: Common,
    name: NameArgument,
    image: ImageOption = None,
    set_: SetOption = None,
    release: Annotated[
        bool, typer.Option("--release/--no-release", help="Run the release command on the new image first.")
    ] = True,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Do not wait for the rollouts.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")] = False,
    smoke: Annotated[bool, typer.Option("--smoke", help="End with the questions of `smoke`.")] = False,
) -> None:
    """Put a new image into service: release, then roll out each service and watch it.

    Example: orchestrator deploy alpha --image backend=registry.example.com/shop:1.4.2
    """
    from orchestrator.cli.health import smoke_all
    from orchestrator.cli.operating import RolloutLines
    from orchestrator.config.assignments import parse_assignment, parse_images
    from orchestrator.config.durations import parse_duration
    from orchestrator.operations import deploy
    from orchestrator.rendering import operation_documents, operation_text

    request = deploy.Deploy(
        images=dict(parse_images(image or ())),
        release=release,
        detach=detach,
        dry_run=dry_run,
        assignments=tuple(parse_assignment(text) for text in set_ or ()),
        wait_seconds=parse_duration(common.wait).total_seconds() if common.wait else 0.0,
    )
    work = _operating(common, name)
    result = deploy.run(
        request,
        work.target,
        work.clients,
        RolloutLines(work.session, work.view),
        context=work.session.orchestrator.context,
        carry_out=lambda job: work.session.do(job, quiet_document=True),
    )
    if not common.as_json and not dry_run:
        work.report(result, operation_text.deployed(result, name, work.console.width), always=True)
    code, smoked = result.exit_code, None
    if smoke and not (code or dry_run or detach):
        (smoked,), code = smoke_all(work.session, (work.target.environment,))
    if common.as_json:
        work.report(operation_documents.deployed(result, smoked), "", always=True)
    if code:
        raise typer.Exit(code)


def run_(
    common: Common,
    name: NameArgument,
    command: CommandArgument = None,
    service: ServiceOption = None,
    size: Annotated[
        str | None,
        typer.Option(
            "--size", metavar="CPU/MEMORY", help="CPU units and MiB, for example 1024/2048; else the service's."
        ),
    ] = None,
    spot: Annotated[bool, typer.Option("--spot", help="Cheaper; AWS may end it at any time.")] = False,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Do not wait for its end.")] = False,
    timeout: Annotated[
        str | None, typer.Option("--timeout", metavar="DURATION", help="Stop it after so long, for example 30m.")
    ] = None,
) -> None:
    """Run a command in a task of its own, like a service's; ends with the command's own exit code.

    Example: orchestrator run alpha -- python manage.py migrate
    """
    from orchestrator.config.durations import parse_duration
    from orchestrator.operations import run
    from orchestrator.rendering import operation_text

    cpu_units, memory_mib = _size(size)
    request = run.RunCommand(
        command=tuple(command or ()),
        service=service,
        cpu_units=cpu_units,
        memory_mib=memory_mib,
        spot=spot,
        detach=detach,
        timeout_seconds=parse_duration(timeout).total_seconds() if timeout else run.FOREVER_SECONDS,
    )
    work = _operating(common, name)

    def decide(task: str) -> run.OnInterrupt:
        from orchestrator.cli.operating import ask_by_letter

        if not work.console.can_ask:
            return run.OnInterrupt.STOP
        choices = {choice.value: choice.value for choice in run.OnInterrupt}
        return run.OnInterrupt(ask_by_letter(work.console, f"task {task} runs", choices, run.OnInterrupt.LEAVE.value))

    with work.interruptible():
        result = run.run(request, work.target, work.clients, work.view, decide=decide)
    work.report(result, operation_text.detached(result, name) if detach else "")
    if result.code and not common.as_json:
        work.console.problem(f"task {result.task} {result.reason}", result.hint)
    if result.code:
        raise typer.Exit(result.code)


def exec_(
    common: Common,
    name: NameArgument,
    command: CommandArgument = None,
    service: ServiceOption = None,
    task: Annotated[
        str | None, typer.Option("--task", metavar="ID", help="Task, or the beginning of its id; else a healthy one.")
    ] = None,
    print_: Annotated[bool, typer.Option("--print", help="Print the AWS command instead.")] = False,
) -> None:
    """Open a shell, or run a command, in a running task.

    Example: orchestrator exec alpha -- python manage.py createsuperuser
    """
    from orchestrator.operations import execute

    request = execute.OpenShell(command=tuple(command or execute.DEFAULT_COMMAND), service=service, task=task)
    work = _operating(common, name)
    if print_ or common.as_json:
        shell = execute.locate(request, work.target, work.clients, work.view)
        work.report(shell, f"{shell.aws_command}\n")
        return
    result = execute.run(request, work.target, work.clients, work.view)
    if work.target.notice:
        work.report(result, "")
    if result.code:
        raise typer.Exit(result.code)


def ps_(
    common: Common,
    name: NameArgument,
    service: Annotated[
        list[str] | None,
        typer.Option("--service", "-s", help="Service; several times for several.", show_default=False),
    ] = None,
) -> None:
    """Show services and tasks: versions, health, last events, why the last task stopped."""
    from datetime import UTC, datetime

    from orchestrator.operations import ps
    from orchestrator.rendering import operation_text

    work = _operating(common, name)
    found = ps.run(ps.ListTasks(services=tuple(service or ())), work.target, work.clients, work.view)
    work.report(found, operation_text.processes(found, datetime.now(UTC), work.console.width))


def open_(
    common: Common,
    name: NameArgument,
    path: Annotated[str, typer.Option("--path", help="Page, for example /admin/.")] = "",
    print_: Annotated[bool, typer.Option("--print", help="Print the address instead.")] = False,
) -> None:
    """Open the environment in a browser."""
    from orchestrator.operations import open_url

    work = _operating(common, name)
    page = open_url.run(open_url.OpenUrl(path=path), work.target, work.clients, work.view)
    opened = not (print_ or common.as_json or work.target.notice) and _browse(page.url)
    if work.target.notice and not common.as_json:
        work.console.note(f"{work.target.notice}\n")
        work.console.result(f"{page.url}\n")
        return
    work.report(page, "" if opened else f"{page.url}\n")


def _browse(url: str) -> bool:
    """Whether a browser was found."""
    import webbrowser

    return webbrowser.open(url)


def logs_(
    common: Common,
    name: NameArgument,
    service: Annotated[
        list[str] | None,
        typer.Option("--service", "-s", help="Service; several times for several.", show_default=False),
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="DURATION", help="How far back, for example 10m; else 1h.")
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what is written from now on.")] = False,
    previous: Annotated[bool, typer.Option("--previous", "-p", help="Of the last task that ended.")] = False,
    grep: Annotated[
        str | None, typer.Option("--grep", "-g", metavar="REGEX", help="Only lines in which this is found.")
    ] = None,
    times: Annotated[bool, typer.Option("--times", "-t", help="Show when each line was written.")] = False,
) -> None:
    """Show what the services wrote, interleaved by time. --json prints a document per line.

    Example: orchestrator logs alpha --service web --since 10m --follow
    """
    from orchestrator.cli.operating import Prefixes
    from orchestrator.config.durations import parse_duration
    from orchestrator.operations import logs
    from orchestrator.rendering import operation_documents

    request = logs.ReadLogs(
        services=tuple(service or ()),
        since=parse_duration(since) if since else None,
        follow=follow,
        previous=previous,
        grep=grep,
    )
    work = _operating(common, name)
    prefixes = Prefixes(work.console, logs.names(request, work.target), times=times)
    try:
        for line in logs.lines(request, work.target, work.clients, work.view):
            work.console.result(operation_documents.line(line) if common.as_json else prefixes.text(line))
            if work.console.gone:
                break
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    if work.target.notice:
        work.report(None, "")


def _operating(common: Common, name: str) -> Operating:
    from orchestrator.cli.operating import Operating

    return Operating(common, name)


def _size(text: str | None) -> tuple[int | None, int | None]:
    """`1024/2048` as numbers. Raises UsageError."""
    from orchestrator.errors import UsageError

    if text is None:
        return None, None
    cpu, slash, memory = text.partition("/")
    if not slash or not all(part.isascii() and part.isdigit() and len(part) < 7 for part in (cpu, memory)):
        raise UsageError(
            f"--size {text!r} cannot be understood: CPU/MEMORY is wanted, in CPU units and MiB",
            "write for example --size 1024/2048",
        )
    return int(cpu), int(memory)
