"""Builds images, and pushes those that the registry does not have."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from orchestrator.building import recipes, registries
from orchestrator.building.builders import INSTALL_HINT, NAMES, Builder, Order, UnusableError
from orchestrator.building.buildx import Buildx
from orchestrator.building.container_tools import ContainerTool
from orchestrator.building.recipes import MakeClients, Recipe
from orchestrator.building.registries import Ask, Registry
from orchestrator.building.requests import BuildImages, BuiltImage, ImageStatus
from orchestrator.config.settings import Settings
from orchestrator.errors import (
    EngineUnavailableError,
    InterruptedRunError,
    OperationFailedError,
    RefusedError,
    UsageError,
)
from orchestrator.lifecycle.git import checkout
from orchestrator.operations.aws.clients import AwsClients
from orchestrator.operations.child import Tell

REVISION = "org.opencontainers.image.revision"
BRANCH = "org.opencontainers.image.ref.name"
"""https://github.com/opencontainers/image-spec/blob/main/annotations.md"""


class Building:
    """The images of one request.

    Args:
        settings: the settings with `[images]`.
        request: the images.
        simulated: whether the engine is the simulation. It never pushes: a request that pushes only gets names.
        make_clients: makes AWS clients.
    """

    def __init__(
        self, settings: Settings, request: BuildImages, *, simulated: bool, make_clients: MakeClients = AwsClients
    ) -> None:
        self._request = request
        self._simulated = simulated
        self._make_clients = make_clients
        self.recipes: tuple[Recipe, ...] = recipes.read(
            settings, request, simulated=simulated, make_clients=make_clients
        )
        self._registries: dict[str, Registry] = {}
        self._known: dict[str, BuiltImage] = {}

    @property
    def named(self) -> tuple[BuiltImage, ...]:
        """The images by name and tag, before anything is built."""
        return tuple(_result(recipe, ImageStatus.NAMED) for recipe in self.recipes)

    def look(self) -> bool:
        """Look up the images in their registries. Returns whether one of them has to be built. Raises OrchestratorError."""
        if self._simulated and self._request.push:
            self._known = {image.name: image for image in self.named}
        elif self._request.push:
            for recipe in self.recipes:
                digest = self._registry(recipe).digest(recipe.tag)
                status = ImageStatus.UNCHANGED if digest else ImageStatus.NAMED
                if digest or self._request.only_names:
                    self._known[recipe.name] = _result(recipe, status, digest=digest)
        elif self._request.only_names:
            self._known = {image.name: image for image in self.named}
        return len(self._known) < len(self.recipes)

    def run(self, tell: Callable[[str, str], None], ask: Ask) -> tuple[BuiltImage, ...]:
        """Build what is missing. `tell` gets the name of an image and a line of output; `ask` agrees to new repositories.

        Raises OrchestratorError; InterruptedRunError after Ctrl-C. An image counts only when its digest is known, so an
        interrupted push is never deployed.
        """
        self.look()
        return tuple(
            self._known.get(recipe.name) or self._build(recipe, lambda line, name=recipe.name: tell(name, line), ask)
            for recipe in self.recipes
        )

    @cached_property
    def _builder(self) -> Builder:
        return find_builder(self._request.builder)

    def _registry(self, recipe: Recipe) -> Registry:
        repository = str(recipe.repository)
        if repository not in self._registries:
            self._registries[repository] = registries.of(
                repository, lambda region: self._make_clients(recipes.in_region(recipe.access, region))
            )
        return self._registries[repository]

    def _build(self, recipe: Recipe, tell: Tell, ask: Ask) -> BuiltImage:
        builder, push = self._builder, self._request.push
        if not push and len(recipe.platforms) == 1 and builder.has(recipe.reference):
            return _result(recipe, ImageStatus.UNCHANGED, builder=builder.name)
        started = time.monotonic()
        done = self._registry(recipe).open(builder, create=ask) if push else ()
        cache, notes = self._cache(recipe, builder)
        files = len(recipe.tree.files)
        tell(f"building {recipe.reference} with {builder.name} ({', '.join(recipe.platforms)}, {files} files)")
        try:
            with _staged(recipe) as stage:
                digest = builder.build(_order(recipe, stage, cache, push=push), tell, stage.folder)
        except KeyboardInterrupt:
            raise InterruptedRunError(
                f"interrupted: the image {recipe.name} was not {'pushed' if push else 'built'}, and nothing was deployed",
                "run the command again",
            ) from None
        return _result(
            replace(recipe, notes=(*recipe.notes, *done, *notes, *builder.notes)),
            ImageStatus.BUILT,
            digest=digest,
            builder=builder.name,
            seconds=time.monotonic() - started,
        )

    def _cache(self, recipe: Recipe, builder: Builder) -> tuple[str | None, tuple[str, ...]]:
        """The image that keeps layers; none in a repository whose tags cannot move."""
        if recipe.cache is None or not self._request.push:
            return None, ()
        own = recipe.settings.cache is True and isinstance(builder, Buildx) and builder.full
        if own and not self._registry(recipe).keeps_cache():
            return None, (
                f"{recipe.repository} keeps no layers, because its tags are immutable: set images.{recipe.name}.cache to a "
                "repository with mutable tags, or to false",
            )
        return recipe.cache, ()


@dataclass(frozen=True)
class _Stage:
    """A folder with exactly the files of an image."""

    folder: Path
    """Folder for files of the builder."""

    context: Path
    dockerfile: Path


@contextmanager
def _staged(recipe: Recipe) -> Generator[_Stage]:
    """Copy the files of an image into a temporary folder. Raises OperationFailedError, RefusedError."""
    try:
        folder = Path(tempfile.mkdtemp(prefix="orchestrator-build-"))
    except OSError as error:
        hint = "free some space, or set TMPDIR to another folder"
        raise OperationFailedError(f"no temporary folder can be created: {error.strerror or error}", hint) from None
    try:
        stage = _Stage(folder, folder / "context", folder / "Dockerfile")
        recipe.tree.copy_to(stage.context)
        try:
            shutil.copyfile(recipe.tree.dockerfile, stage.dockerfile)
        except OSError as error:
            raise OperationFailedError(
                f"{recipe.tree.dockerfile} cannot be copied: {error.strerror or error}"
            ) from None
        if replace(recipe.tree, root=stage.context, dockerfile=stage.dockerfile).hash() != recipe.content:
            raise RefusedError(
                f"the image {recipe.name} was not built: its files changed while they were read",
                "run the command again",
            )
        yield stage
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _order(recipe: Recipe, stage: _Stage, cache: str | None, *, push: bool) -> Order:
    git = checkout(recipe.tree.root)
    labels: dict[str, str] = {}
    if git.commit:
        labels[REVISION] = f"{git.commit}-dirty" if recipe.tree.uncommitted else git.commit
    if git.branch:
        labels[BRANCH] = git.branch
    return Order(
        reference=recipe.reference,
        context=stage.context,
        dockerfile=stage.dockerfile,
        target=recipe.settings.target,
        args=recipe.settings.args,
        platforms=recipe.platforms,
        labels=labels,
        secrets=recipe.secrets,
        cache=cache,
        push=push,
        masked=recipe.masked,
    )


def _result(
    recipe: Recipe, status: ImageStatus, *, digest: str | None = None, builder: str | None = None, seconds: float = 0.0
) -> BuiltImage:
    return BuiltImage(
        name=recipe.name,
        status=status,
        reference=f"{recipe.reference}@{digest}" if digest else recipe.reference,
        tag=recipe.tag,
        digest=digest,
        platforms=recipe.platforms,
        files=len(recipe.tree.files),
        builder=builder,
        duration_seconds=seconds,
        notes=recipe.notes,
    )


def find_builder(wanted: str | None = None) -> Builder:
    """The first builder that works, or the wanted one. Raises EngineUnavailableError, UsageError."""
    if wanted is not None and wanted not in NAMES:
        raise UsageError(f"there is no builder {wanted}", f"builders are {', '.join(NAMES)}")
    problems: list[str] = []
    for name in NAMES if wanted is None else (wanted,):
        if shutil.which(name) is None:
            problems.append(f"{name} is not installed")
            continue
        try:
            return Buildx.find() if name == "docker" else ContainerTool.find(name)
        except UnusableError as error:
            problems.append(f"{name} is not usable: {error}")
    raise EngineUnavailableError(f"no image can be built: {'; '.join(problems)}", INSTALL_HINT)
