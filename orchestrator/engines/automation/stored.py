"""The documents of a DIY backend as types: checkpoints, tags, locks, history (sdk/go/common/apitype in Pulumi).

The types hold what this program reads. Other keys are allowed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec

from orchestrator.config.documents import ProcessId
from orchestrator.model import SECRET_MASK

Seconds = Annotated[int, msgspec.Meta(ge=0, lt=2**40)]


@dataclass(frozen=True, kw_only=True)
class Version:
    """The version of any checkpoint file."""

    version: int


@dataclass(frozen=True, kw_only=True)
class Resource:
    """A resource of a state."""

    urn: str
    type: str
    id: str | None = None
    parent: str | None = None
    provider: str | None = None
    inputs: Mapping[str, Any] | None = None
    outputs: Mapping[str, Any] | None = None
    dependencies: Sequence[str] | None = None
    propertyDependencies: Mapping[str, Sequence[str] | None] | None = None
    protect: bool = False
    retainOnDelete: bool = False


@dataclass(frozen=True, kw_only=True)
class PendingOperation:
    """An operation that a dead engine did not finish."""

    type: str
    resource: Resource


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """The time of a state."""

    time: str | None = None


@dataclass(frozen=True, kw_only=True)
class SecretsProvider:
    """The encryption of a state."""

    type: str | None = None
    state: Mapping[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class Latest:
    """A state."""

    manifest: Manifest | None = None
    secrets_providers: SecretsProvider | None = None
    resources: Sequence[Resource] | None = None
    pending_operations: Sequence[PendingOperation] | None = None


@dataclass(frozen=True, kw_only=True)
class State:
    """The part of a checkpoint file below its version."""

    latest: Latest | None = None


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A checkpoint file of version 3 or 4."""

    checkpoint: State


@dataclass(frozen=True, kw_only=True)
class Tags:
    """The tags of a stack."""

    tags: dict[str, str] | None = None


@dataclass(frozen=True, kw_only=True)
class Lock:
    """The lock of a stack."""

    hostname: str
    pid: ProcessId
    username: str
    timestamp: str | None = None


@dataclass(frozen=True, kw_only=True)
class Entry:
    """An entry of a history."""

    kind: str = ""
    result: str = ""
    startTime: Seconds = 0


@dataclass(frozen=True, kw_only=True)
class WholeEntry(Entry):
    """An entry of a history with its details."""

    message: str = ""
    environment: Mapping[str, str] | None = None
    config: Mapping[str, Any] | None = None
    endTime: Seconds = 0
    resourceChanges: Mapping[str, int] | None = None


@dataclass(frozen=True, kw_only=True)
class ListedValue:
    """A value of a configuration in `pulumi stack history --json`."""

    value: str | None = None
    objectValue: Any = None
    secret: bool = False

    @property
    def plain(self) -> Any:
        """The value, masked when it is secret."""
        if self.secret:
            return SECRET_MASK
        return self.value if self.objectValue is None else self.objectValue


@dataclass(frozen=True, kw_only=True)
class ListedEntry:
    """An entry of `pulumi stack history --json`."""

    kind: str = ""
    result: str = ""
    startTime: str = ""
    endTime: str | None = None
    message: str = ""
    version: int = 0
    environment: Mapping[str, str] | None = None
    config: Mapping[str, ListedValue] | None = None
    resourceChanges: Mapping[str, int] | None = None
