"""The command `build`, and the option `--build` of commands that deploy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli import completion
from orchestrator.cli.options import BuilderName, Commands, Common, CreateRepositoryOption
from orchestrator.cli.shared import assignments_of, printed, session_of

if TYPE_CHECKING:
    from orchestrator.building.images import Building
    from orchestrator.building.requests import BuiltImage
    from orchestrator.cli.one_environment import EnvironmentCommand
    from orchestrator.cli.session import Session
    from orchestrator.config.assignments import Assignment


def build_(
    common: Common,
    images: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="IMAGE",
            help="Images (default: all of [images] in orchestrator.toml).",
            show_default=False,
            autocompletion=completion.built_images,
        ),
    ] = None,
    push: Annotated[bool, typer.Option("--push", help="Push each image that the registry does not have.")] = False,
    environment: Annotated[
        str | None,
        typer.Option(
            "--for",
            metavar="ENVIRONMENT",
            help="Environment whose platform and AWS account are used (default: those of the template).",
            show_default=False,
            autocompletion=completion.environments,
        ),
    ] = None,
    create_repository: CreateRepositoryOption = False,
    builder: Annotated[
        BuilderName | None,
        typer.Option("--builder", help="Builder (default: the first of these that works).", show_default=False),
    ] = None,
) -> None:
    """Build images with docker buildx, podman or buildah.

    The tag is a hash of everything that goes into the image, so files that did not change are not built again.

    Example: orchestrator build --push
    """
    from orchestrator.building.requests import BuildImages
    from orchestrator.rendering import build_documents

    session = session_of(common)
    request = BuildImages(
        images=tuple(images or ()),
        environments=(environment,) if environment else (),
        push=push,
        builder=builder.value if builder else None,
    )
    found = _run(session, session.orchestrator.building(request), create_repository)
    printed(session, build_documents.built(found, session.notice), build_documents.built_text(found))


def images_with_built(
    session: Session,
    environments: Sequence[str],
    images: Mapping[str, str],
    assignments: Sequence[Assignment] = (),
    *,
    only_names: bool = False,
    create_repository: bool = False,
    checked: Callable[[Mapping[str, str]], object],
) -> dict[str, str]:
    """The images of `--image`, and those that `--build` builds and pushes, by name.

    `checked` refuses a request that cannot be carried out before anything is built.
    """
    from orchestrator.building.requests import BuildImages, references
    from orchestrator.errors import UsageError

    settings = session.orchestrator.settings
    wanted = tuple(name for name in settings.images if name not in images)
    if settings.images and not wanted:
        raise UsageError(
            "--build has nothing to build, because --image gives every image of [images]", "leave one of them out"
        )
    request = BuildImages(
        images=wanted,
        environments=tuple(environments),
        push=True,
        only_names=only_names,
        architecture=_architecture(assignments),
    )
    building = session.orchestrator.building(request)
    if building.look():
        checked({**images, **references(building.named)})
    found = _run(session, building, create_repository)
    return {**images, **references(found)}


def images_of_deploy(
    work: EnvironmentCommand,
    images: Mapping[str, str],
    set_: Sequence[str] | None,
    *,
    dry_run: bool,
    create_repository: bool,
) -> dict[str, str]:
    """The images of `deploy`, and those that its `--build` builds and pushes; with `dry_run` their names only."""
    return images_with_built(
        work.session,
        (work.name,),
        images,
        assignments_of(set_),
        only_names=dry_run,
        create_repository=create_repository,
        checked=lambda _named: work.operations.target(work.name),
    )


def _run(session: Session, building: Building, create_repository: bool) -> tuple[BuiltImage, ...]:
    from orchestrator.building.requests import ImageStatus

    def agreed(question: str) -> bool:
        choices = {"yes": "yes", "no": "no"}
        return create_repository or session.console.choose(question, choices, "no") == "yes"

    found = building.run(lambda name, line: session.tell(f"{name}: {line}"), agreed)
    for image in found:
        for note in image.notes:
            session.console.note(f"note      {image.name}: {note}")
        if image.status is not ImageStatus.BUILT:
            why = "is not built: only its name was computed" if image.status is ImageStatus.NAMED else "exists already"
            session.console.note(f"image     {image.name} {why}: {image.reference}")
    return found


def _architecture(assignments: Sequence[Assignment]) -> str | None:
    """The `architecture` of `--set`."""
    values: list[Any] = [each.value for each in assignments if each.path == ("architecture",)]
    return str(values[0]) if values and values[0] is not None else None


GROUP = "Daily work"
COMMANDS: Commands = {"build": (build_, False)}
