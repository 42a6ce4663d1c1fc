"""podman and buildah. Their commands for images are the same."""

from __future__ import annotations

import contextlib
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.building import builders
from orchestrator.building.builders import Order, is_loopback, probe
from orchestrator.errors import OperationFailedError
from orchestrator.operations import child
from orchestrator.operations.child import Tell


@dataclass(frozen=True, kw_only=True)
class ContainerTool:
    """podman or buildah."""

    name: str

    @property
    def notes(self) -> Sequence[str]:
        """Abilities that the builder lacks."""
        return ()

    @classmethod
    def find(cls, name: str) -> ContainerTool:
        """The tool of this machine. Raises UnusableError: podman on macOS and Windows needs its machine."""
        probe(name, "info")
        return cls(name=name)

    def has(self, reference: str) -> bool:
        """Whether the tool has the image."""
        exists = ("image", "exists") if self.name == "podman" else ("inspect", "--type", "image")
        return self._quietly(*exists, reference)

    def login(self, host: str, user: str, password: str) -> None:
        """Log in to a registry."""
        builders.log_in(self.name, host, user, password, *_insecure(host))

    def build(self, order: Order, tell: Tell, folder: Path) -> str | None:
        """Build, then push; several platforms become one manifest."""
        several = len(order.platforms) > 1
        if several:
            # A manifest of an interrupted build would get its images twice.
            self._quietly("manifest", "rm", order.reference)
        words = [
            *(self.name, "build", *order.options, "--manifest" if several else "--tag", order.reference),
            *("--layers", *_cache(order), str(order.context)),
        ]
        builders.carry_out(words, order, tell, "built")
        if not order.push:
            return None
        digest = folder / "digest"
        push = ("manifest", "push", "--all") if several else ("push",)
        words = [self.name, *push, "--digestfile", str(digest), *_insecure(order.host), order.reference]
        builders.carry_out([*words, *((f"docker://{order.reference}",) if several else ())], order, tell, "pushed")
        return _digest(self.name, digest, order)

    def _quietly(self, *words: str) -> bool:
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            return child.ask((self.name, *words)).returncode == 0
        return False


def _cache(order: Order) -> Sequence[str]:
    """Each layer becomes an image of the cache's repository, which must not be the repository of the images."""
    if order.cache is None or order.cache.rpartition(":")[0] == order.reference.rpartition(":")[0]:
        return ()
    repository = order.cache.rpartition(":")[0]
    read = ("--cache-from", repository, *_insecure(order.host))
    return (*read, "--cache-to", repository) if order.push else read


def _insecure(host: str) -> Sequence[str]:
    return ("--tls-verify=false",) if is_loopback(host) else ()


def _digest(tool: str, file: Path, order: Order) -> str:
    with contextlib.suppress(OSError):
        text = file.read_text(encoding="utf-8").strip()
        if re.fullmatch(r"sha256:[0-9a-f]{64}", text):
            return text
    raise OperationFailedError(
        f"the digest of {order.reference} is unknown: {tool} wrote none", "run the command again"
    )
