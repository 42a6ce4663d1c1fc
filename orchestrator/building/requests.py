"""The request for a build, and its results. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, kw_only=True)
class BuildImages:
    """Build images of `[images]`."""

    images: tuple[str, ...] = ()
    """Names of the images; empty: all."""

    environments: tuple[str, ...] = ()
    """Environments that get the images: their `architecture` is the platform. Empty: the template of environments."""

    push: bool = False
    """Push each image that the registry does not have."""

    only_names: bool = False
    """Compute the names of the images, and build nothing."""

    builder: str | None = None
    """`docker`, `podman` or `buildah`; None: the first of them that works."""

    architecture: str | None = None
    """`X86_64` or `ARM64` in place of that in the configuration of the environments."""


class ImageStatus(StrEnum):
    """The fate of an image."""

    BUILT = "built"
    UNCHANGED = "unchanged"
    """The registry, or this machine, already has the image of these files."""

    NAMED = "not built"
    """Only the name was computed."""


@dataclass(frozen=True, kw_only=True)
class BuiltImage:
    """One image."""

    name: str
    """Name in `[images]`, for `--image NAME=REFERENCE`."""

    status: ImageStatus
    reference: str
    """The image to deploy: `REPOSITORY:TAG`, for a pushed image with `@` and its digest."""

    tag: str
    """`c-` and a hash of everything that goes into the image."""

    digest: str | None
    """Digest of the image in the registry; None for an image that is not there."""

    platforms: tuple[str, ...]
    files: int
    """Number of files in the build context."""

    builder: str | None = None
    """The builder that built it."""

    duration_seconds: float = 0.0
    notes: tuple[str, ...] = ()


def references(images: Sequence[BuiltImage]) -> Mapping[str, str]:
    """The images to deploy, by name."""
    return {image.name: image.reference for image in images}
