"""The sub-group `pr`: the environment of each pull request of GitHub, or merge request of GitLab."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.options import BuildOption, Commands, Common, CreateRepositoryOption, ImageOption
from orchestrator.cli.shared import end, images_of, printed, session_of

if TYPE_CHECKING:
    from orchestrator.cli.session import Session
    from orchestrator.lifecycle import CreateEnv
    from orchestrator.pull_requests.events import PipelineEvent
    from orchestrator.pull_requests.results import SyncResult
    from orchestrator.pull_requests.service import Build, PullRequests


class CiForge(StrEnum):
    """Values of the argument of `ci init`."""

    GITHUB = "github"
    GITLAB = "gitlab"


NumberOption = Annotated[
    int | None,
    typer.Option(
        "--number", "-n", min=1, help="Number of the pull request (default: that of the pipeline).", show_default=False
    ),
]


def pr_sync(
    common: Common,
    number: NumberOption = None,
    commit: Annotated[
        str | None,
        typer.Option(
            "--commit",
            metavar="HASH",
            help="Do nothing unless this is the newest commit (default: that of the pipeline).",
            show_default=False,
        ),
    ] = None,
    image: ImageOption = None,
    build: BuildOption = False,
    create_repository: CreateRepositoryOption = False,
) -> None:
    """Create or update the environment of a pull request, and report in its comment.

    `[pull_requests]` of orchestrator.toml says which pull requests get one. The token comes from GITHUB_TOKEN or
    GITLAB_TOKEN. `--build` builds from the working copy, which must be the newest commit of the pull request.

    Example: orchestrator pr sync --number 123
    """
    images, event = images_of(image), _event(number, commit)
    session = session_of(common)
    building = _build(session, images, create_repository) if build else None
    result = _pull_requests(session).sync(event.number, event.commit, images=images, build=building)
    _end(session, result)


def _build(session: Session, given: dict[str, str], create_repository: bool) -> Build:
    """Builds the images that `--image` does not give."""
    from dataclasses import replace

    from orchestrator.cli.building import images_with_built

    def build(request: CreateEnv) -> dict[str, str]:
        return images_with_built(
            session,
            request.names,
            given,
            request.assignments,
            create_repository=create_repository,
            checked=lambda named: session.orchestrator.prepare(replace(request, images={**request.images, **named})),
        )

    return build


def pr_close(common: Common, number: NumberOption = None) -> None:
    """Destroy the environment of a pull request, and say so in its comment. It asks for no confirmation.

    Example: orchestrator pr close --number 123
    """
    event = _event(number, None)
    session = session_of(common)
    _end(session, _pull_requests(session).close(event.number))


def pr_reap(
    common: Common,
    execute: Annotated[bool, typer.Option("--execute", help="Carry it out (default: only show it).")] = False,
) -> None:
    """Destroy environments of closed pull requests and expired ones, and put those above the limit to sleep.

    Orphans are listed and stay: environments and deployment entries with the name of a pull request that no pull request
    explains.

    Example: orchestrator pr reap --execute
    """
    from orchestrator.rendering import pull_request_documents as documents

    session = session_of(common)
    result = _pull_requests(session).reap(execute=execute)
    for note in result.notes:
        session.console.warning(note)
    printed(session, documents.reaped(result, session.notice), documents.reaped_text(result))
    end(result.exit_code)


def pr_status(common: Common, number: NumberOption = None) -> None:
    """List the environments of pull requests. It does not call the forge.

    Example: orchestrator pr status
    """
    from datetime import UTC, datetime

    from orchestrator.pull_requests import previews
    from orchestrator.rendering import pull_request_documents as documents

    session = session_of(common)
    found = previews.statuses(session.orchestrator.context, session.orchestrator.settings.pull_requests.name, number)
    text = documents.previews_text(found, datetime.now(UTC), session.console.width)
    printed(session, documents.previews(found, session.notice), text)


def pr_comment(
    common: Common,
    file: Annotated[Path, typer.Argument(help="Markdown file.", show_default=False)],
    name: Annotated[
        str, typer.Option("--name", help="Name of the comment: the next run replaces the one of this name.")
    ],
    number: NumberOption = None,
) -> None:
    """Write a Markdown file as a comment of the pull request, such as a plan of `preview-env --format markdown`.

    Example: orchestrator pr comment plan.md --name plan
    """
    import os

    from orchestrator.config import documents
    from orchestrator.console import Console
    from orchestrator.errors import UsageError
    from orchestrator.pull_requests import comment, forges
    from orchestrator.rendering import pull_request_documents

    event = _event(number, None)
    try:
        text = documents.text(file, comment.MOST_CHARACTERS * 4)
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{file} cannot be read: it is not UTF-8 text") from None
    address = comment.write(forges.of_environment(os.environ), event.number, name, text)
    console = Console(quiet=common.quiet, verbose=common.verbose, as_json=common.as_json)
    if common.as_json:
        console.document(pull_request_documents.commented(address))
    else:
        console.result(f"{address}\n")


def ci_init(
    common: Common,
    forge: Annotated[CiForge, typer.Argument(help="Forge of the repository.", show_default=False)],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the files, and write nothing.")] = False,
) -> None:
    """Write the pipeline of this repository: pull requests, infrastructure, deploys, reaping.

    Files that you edited stay as they are.

    Example: orchestrator ci init github
    """
    from orchestrator.config import settings
    from orchestrator.console import Console
    from orchestrator.onboarding import pipeline_files, written_files
    from orchestrator.rendering import pull_request_documents as documents

    found = pipeline_files.pipeline(settings.load(common.project_dir))
    files = pipeline_files.compared(found, forge.value)
    if not dry_run:
        written_files.write(files)
    console = Console(quiet=common.quiet, verbose=common.verbose, as_json=common.as_json)
    if common.as_json:
        console.document(documents.pipeline(files, found.root, written=not dry_run))
    else:
        console.table(documents.pipeline_text(files, found.root, written=not dry_run))


def _event(number: int | None, commit: str | None) -> PipelineEvent:
    import os

    from orchestrator.pull_requests import events

    return events.given(number, commit, os.environ)


def _pull_requests(session: Session) -> PullRequests:
    import os

    from orchestrator.pull_requests import forges
    from orchestrator.pull_requests.service import PullRequests

    forge = forges.of_environment(os.environ)
    return PullRequests(session.orchestrator, forge, lambda job: session.do(job, quiet_document=True, confirmed=True))


def _end(session: Session, result: SyncResult) -> None:
    from orchestrator.rendering import pull_request_documents as documents

    for note in result.notes:
        session.console.warning(note)
    printed(session, documents.synced(result, session.notice), documents.synced_text(result))
    end(result.exit_code)


GROUP = "Pull requests"
PR: Commands = {
    "sync": (pr_sync, True),
    "close": (pr_close, True),
    "reap": (pr_reap, True),
    "status": (pr_status, False),
    "comment": (pr_comment, False),
}
CI: Commands = {"init": (ci_init, False)}
SUBGROUPS = {
    "pr": ("Create, update and destroy the environments of pull requests.", PR),
    "ci": ("Write the pipeline of a repository.", CI),
}
