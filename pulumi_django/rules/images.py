"""What an image reference must be before ECS sees it. Pure."""

from __future__ import annotations


def check_image(name: str, image: object) -> None:
    """Refuse a reference that is known and cannot be one. Raises ValueError that names the argument."""
    if isinstance(image, str) and (not image or any(letter.isspace() or not letter.isprintable() for letter in image)):
        raise ValueError(f"{name} is {image!r}: an image is written like `registry/repository:tag`")
