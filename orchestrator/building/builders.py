"""The builders of images that the orchestrator drives: docker buildx, podman and buildah, in this order."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from orchestrator.errors import OperationFailedError
from orchestrator.operations import child
from orchestrator.operations.child import Ended, Tell

NAMES = ("docker", "podman", "buildah")
INSTALL_HINT = (
    "install one of them: Docker with buildx (https://docs.docker.com/engine/install/), podman "
    "(https://podman.io/docs/installation) or buildah (https://github.com/containers/buildah/blob/main/install.md)"
)


@dataclass(frozen=True, kw_only=True)
class SecretSource:
    """A secret of a build: a variable of this process, or a file."""

    id: str
    variable: str | None = None
    file: Path | None = None

    @property
    def option(self) -> str:
        """The value of `--secret`. It has the name of the secret, and never the secret."""
        return f"id={self.id},env={self.variable}" if self.variable else f"id={self.id},src={self.file}"


@dataclass(frozen=True, kw_only=True)
class Order:
    """One build."""

    reference: str
    """Name of the image with its tag."""

    context: Path
    dockerfile: Path
    target: str | None
    args: Mapping[str, str]
    platforms: tuple[str, ...]
    labels: Mapping[str, str]
    secrets: tuple[SecretSource, ...] = ()
    cache: str | None = None
    """Image that keeps the layers, with its tag; None keeps none in a registry."""

    push: bool = False
    masked: Sequence[str] = field(default=(), repr=False)
    """Values of secrets, which are masked in the output."""

    @property
    def host(self) -> str:
        """Host of the registry."""
        return host_of(self.reference)

    @property
    def options(self) -> list[str]:
        """The options that every builder has."""
        return [
            *("--file", str(self.dockerfile)),
            *(("--target", self.target) if self.target else ()),
            *("--platform", ",".join(self.platforms)),
            *(word for name, value in self.args.items() for word in ("--build-arg", f"{name}={value}")),
            *(word for name, value in self.labels.items() for word in ("--label", f"{name}={value}")),
            *(word for secret in self.secrets for word in ("--secret", secret.option)),
        ]


class Builder(Protocol):
    """A builder of this machine."""

    @property
    def name(self) -> str:
        """Name for the user, such as `docker buildx`."""
        ...

    @property
    def notes(self) -> Sequence[str]:
        """Abilities that this builder lacks, as sentences."""
        ...

    def has(self, reference: str) -> bool:
        """Whether this machine has the image."""
        ...

    def login(self, host: str, user: str, password: str) -> None:
        """Log in to a registry. The password goes to standard input. Raises OperationFailedError."""
        ...

    def build(self, order: Order, tell: Tell, folder: Path) -> str | None:
        """Build, and push if the order says so. Returns the digest of a pushed image.

        `folder` is an empty folder for files of the builder. Raises OperationFailedError.
        """
        ...


def host_of(reference: str) -> str:
    """The host of the registry in a reference; Docker Hub without one."""
    first, slash, _ = reference.partition("/")
    return first if slash and ("." in first or ":" in first or first == "localhost") else "docker.io"


def is_loopback(host: str) -> bool:
    """Whether the host is this machine, whose registries have no certificate. Docker has the same rule."""
    name = host.rpartition(":")[0] or host
    return name in ("localhost", "[::1]") or name.startswith("127.")


class UnusableError(Exception):
    """A program exists and cannot build; the message is the reason."""


def first_line(answer: subprocess.CompletedProcess[str]) -> str:
    """The first line of an error."""
    lines = [line for line in (answer.stderr or answer.stdout).strip().splitlines() if line.strip()]
    return lines[0].strip() if lines else f"it ended with exit code {answer.returncode}"


def probe(*words: str) -> str:
    """The output of a program that answers at once. Raises UnusableError."""
    try:
        answer = child.ask(words)
    except subprocess.TimeoutExpired:
        raise UnusableError(f"`{' '.join(words)}` does not answer") from None
    except OSError as error:
        raise UnusableError(error.strerror or str(error)) from None
    if answer.returncode:
        raise UnusableError(first_line(answer))
    return answer.stdout


def log_in(program: str, host: str, user: str, password: str, *options: str) -> None:
    """Log in to a registry with the password on standard input. Raises OperationFailedError."""
    words = [program, "login", "--username", user, "--password-stdin", *options, host]
    try:
        answer = child.ask(words, typed=password)
    except (OSError, subprocess.TimeoutExpired):
        raise OperationFailedError(f"{program} cannot log in to {host}", "run the command again") from None
    if answer.returncode:
        lines = first_line(answer).replace(password, "[secret]")
        raise OperationFailedError(f"{program} cannot log in to {host}: {lines}", "check the credentials")


def carry_out(words: Sequence[str], order: Order, tell: Tell, doing: str) -> None:
    """Run a step of a build. Raises OperationFailedError with the last lines."""
    try:
        ended = child.run(words, tell, masked=order.masked)
    except OSError as error:
        raise OperationFailedError(f"{words[0]} cannot be started: {error.strerror or error}", INSTALL_HINT) from None
    if ended.code:
        raise _failure(words[0], order, ended, doing)


_CAUSES: Sequence[tuple[str, str, str]] = (
    (
        r"no space left on device|disk quota exceeded",
        "the disk is full",
        "free some space, for example with `{program} system prune`, and run the command again",
    ),
    (
        r"cannot connect to the docker daemon|is the docker daemon running|error during connect",
        "the builder does not run",
        "start it, for example with `systemctl start docker`",
    ),
    (
        r"exec format error",
        "this machine cannot run programs of another processor",
        "install the emulators: `docker run --privileged --rm tonistiigi/binfmt --install all`",
    ),
    (
        r"tag .*immutable|immutable tag|cannot be overwritten",
        "the registry has another image with this tag",
        "run the command again: it takes the image that the registry has",
    ),
    (
        r"unauthorized: |(?<!permission )denied: |access denied|authentication required|no basic auth|authorization failed"
        r"|403 forbidden|invalid username/password",
        "a registry refuses access",
        "log in with `{program} login {host}`, and check that you may push to the repository",
    ),
    (
        r"name unknown|repository does not exist|repository .* not found",
        "the registry {host} has no such repository",
        "create the repository, or pass --create-repository for one in ECR",
    ),
    (
        r"dial tcp|i/o timeout|tls handshake",
        "a registry cannot be reached",
        "check the network, and the names of the images in the Dockerfile",
    ),
)
"""Expressions for the output of builders, the causes that they show, and what helps."""


def _failure(program: str, order: Order, ended: Ended, doing: str) -> OperationFailedError:
    text = "\n".join(ended.last).lower()
    values = {"program": program, "host": order.host}
    cause, hint = f"{program} ended with exit code {ended.code}", "correct the step that failed; nothing was deployed"
    for pattern, known, helps in _CAUSES:
        if re.search(pattern, text):
            cause, hint = known.format(**values), helps.format(**values)
            break
    lines = "".join(f"\n  {line}" for line in ended.last)
    return OperationFailedError(f"the image {order.reference} was not {doing}: {cause}{lines and ':'}{lines}", hint)
