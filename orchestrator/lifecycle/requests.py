"""The requests to the orchestrator: one frozen record for each use case. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from orchestrator.config.assignments import Assignment
from orchestrator.errors import UsageError
from orchestrator.model import Kind


def kind_of(kind: Kind | str | None) -> Kind | None:
    """The kind of that name. Raises UsageError."""
    if kind is not None and kind not in list(Kind):
        raise UsageError(f"there is no kind {kind!r}: kinds are {' and '.join(Kind)}")
    return None if kind is None else Kind(kind)


@dataclass(frozen=True, kw_only=True)
class CreateBase:
    """Create a base, or continue where an earlier attempt stopped."""

    name: str
    kind: Kind | None = None
    """Kind of the base; None: the kind in its configuration, else ad-hoc."""

    assignments: tuple[Assignment, ...] = ()
    """Values for the base's configuration (`--set`)."""

    owner: str | None = None
    """Owner of the base; None: the git user."""


@dataclass(frozen=True, kw_only=True)
class CreateEnv:
    """Create environments on a base. A configured base that does not exist yet is created first."""

    names: tuple[str, ...]
    base: str | None = None
    """Name of the base; None: the base in the environment's configuration."""

    images: Mapping[str, str] = field(default_factory=dict[str, str])
    """Image references by name: `{"backend": "registry/app:tag"}` sets `backend_image`."""

    assignments: tuple[Assignment, ...] = ()
    owner: str | None = None
    ttl: timedelta | None = None
    """Time to live after each deployment; None: their current one, else `default_ttl` of the settings."""


@dataclass(frozen=True, kw_only=True)
class UpdateBase:
    """Bring bases in line with their configuration and program."""

    names: tuple[str, ...]
    with_envs: bool = False
    """Update the environments on them afterwards."""

    assignments: tuple[Assignment, ...] = ()


@dataclass(frozen=True, kw_only=True)
class UpdateEnv:
    """Bring environments in line with their configuration and program. Their bases are only read."""

    names: tuple[str, ...]
    images: Mapping[str, str] = field(default_factory=dict[str, str])
    assignments: tuple[Assignment, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PreviewBase:
    """Preview the creation or update of a base. Nothing is changed and no file is written."""

    name: str
    kind: Kind | None = None
    assignments: tuple[Assignment, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PreviewEnv:
    """Preview the creation or update of an environment, even before its base exists."""

    name: str
    base: str | None = None
    images: Mapping[str, str] = field(default_factory=dict[str, str])
    assignments: tuple[Assignment, ...] = ()


@dataclass(frozen=True, kw_only=True)
class DestroyEnv:
    """Destroy environments: resources, stacks and records."""

    names: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class DestroyBase:
    """Destroy bases; refused while environments are on them."""

    names: tuple[str, ...]
    cascade: bool = False
    """Destroy the environments on them first."""


@dataclass(frozen=True, kw_only=True)
class Drift:
    """Compare bases and environments with the resources in AWS. Nothing is changed."""

    names: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Refresh:
    """Bring the state of bases and environments in line with AWS. Nothing in AWS is changed."""

    names: tuple[str, ...]


Request = (
    CreateBase
    | CreateEnv
    | UpdateBase
    | UpdateEnv
    | PreviewBase
    | PreviewEnv
    | DestroyEnv
    | DestroyBase
    | Drift
    | Refresh
)
