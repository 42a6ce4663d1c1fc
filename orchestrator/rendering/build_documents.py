"""The JSON document and the text of `build`. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.building.requests import BuiltImage, ImageStatus
from orchestrator.rendering.columns import aligned
from orchestrator.rendering.document import plain
from orchestrator.rendering.document_types import Document


@dataclass(frozen=True, kw_only=True)
class BuildDocument(Document):
    """Images that were built, that exist already, or that were only named."""

    images: tuple[BuiltImage, ...]


def built(images: Sequence[BuiltImage], notice: str | None) -> dict[str, Any]:
    """The document of `build`."""
    return plain(BuildDocument(notice=notice, images=tuple(images)))


def built_text(images: Sequence[BuiltImage]) -> str:
    """Each image with its reference."""
    return aligned([(image.name, image.status.value, _how(image), image.reference) for image in images])


def _how(image: BuiltImage) -> str:
    if image.status is ImageStatus.BUILT:
        return f"{image.duration_seconds:.1f} s"
    return ", ".join(platform.removeprefix("linux/") for platform in image.platforms)
