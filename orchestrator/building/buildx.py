"""`docker buildx`."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.building import builders
from orchestrator.building.builders import Order, UnusableError, probe
from orchestrator.errors import OperationFailedError
from orchestrator.operations import child
from orchestrator.operations.child import Tell

_LACKS = (
    "Docker's default builder keeps no layers in a registry and writes no provenance: "
    "`docker buildx create --use` creates a builder that does"
)


@dataclass(frozen=True, kw_only=True)
class Buildx:
    """Docker with its plugin buildx."""

    full: bool
    """Whether the builder keeps caches in a registry, attests images and builds several platforms. The builder `docker`
    without the image store of containerd does not. https://docs.docker.com/build/builders/drivers/"""

    name: str = "docker buildx"

    @property
    def notes(self) -> Sequence[str]:
        """Abilities that the builder lacks."""
        return () if self.full else (_LACKS,)

    @classmethod
    def find(cls) -> Buildx:
        """The builder of this machine. Raises UnusableError."""
        try:
            probe("docker", "buildx", "version")
        except UnusableError:
            raise UnusableError("it has no plugin buildx") from None
        driver = next(
            (
                line.partition(":")[2].strip()
                for line in probe("docker", "buildx", "inspect").splitlines()
                if line.startswith("Driver:")
            ),
            "docker",
        )
        if driver not in ("docker", "docker-container"):
            return cls(full=True)  # its daemon is elsewhere
        store = probe("docker", "info", "--format", "{{json .DriverStatus}}")
        return cls(full=driver == "docker-container" or "io.containerd" in store)

    def has(self, reference: str) -> bool:
        """Whether docker has the image."""
        return _answers("docker", "image", "inspect", reference)

    def login(self, host: str, user: str, password: str) -> None:
        """Log in to a registry."""
        builders.log_in("docker", host, user, password)

    def build(self, order: Order, tell: Tell, folder: Path) -> str | None:
        """Build and push in one step; without a push docker gets the image."""
        if len(order.platforms) > 1 and not self.full:
            raise OperationFailedError(
                f"the image {order.reference} was not built: Docker's default builder builds one platform at a time",
                "create a builder that builds several: `docker buildx create --use`",
            )
        metadata = folder / "metadata.json"
        words = [
            *("docker", "buildx", "build", *order.options, "--tag", order.reference, "--progress", "plain"),
            *("--metadata-file", str(metadata)),
            *self._cache(order),
            *(("--provenance", "true", "--sbom", "true") if self.full and order.push else ()),
            *_output(order),
            str(order.context),
        ]
        builders.carry_out(words, order, tell, "built and pushed" if order.push else "built")
        return _digest(metadata, order) if order.push else None

    def _cache(self, order: Order) -> Sequence[str]:
        if order.cache is None or not self.full:
            return ()
        # https://github.com/aws/containers-roadmap/issues/876: ECR takes a cache only in this form.
        to = f"type=registry,ref={order.cache},mode=max,image-manifest=true,oci-mediatypes=true,ignore-error=true"
        read = ("--cache-from", f"type=registry,ref={order.cache}")
        return (*read, "--cache-to", to) if order.push else read


def _output(order: Order) -> Sequence[str]:
    if order.push:
        return ("--push",)
    # Docker's own store holds images of one platform.
    return ("--load",) if len(order.platforms) == 1 else ("--output", "type=cacheonly")


def _digest(metadata: Path, order: Order) -> str:
    try:
        found: Any = json.loads(metadata.read_text(encoding="utf-8"))
        return str(found["containerimage.digest"])
    except (OSError, ValueError, KeyError, TypeError):
        raise OperationFailedError(
            f"the digest of {order.reference} is unknown: docker buildx wrote no metadata", "run the command again"
        ) from None


def _answers(*words: str) -> bool:
    try:
        return child.ask(words).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
