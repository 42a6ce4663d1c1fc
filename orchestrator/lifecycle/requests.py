"""What can be asked of the orchestrator: one frozen request per use case. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from orchestrator.config.assignments import Assignment
from orchestrator.model import Kind


@dataclass(frozen=True, kw_only=True)
class CreateBase:
    """Create a base, or go on where an earlier attempt stopped."""

    name: str
    kind: Kind | None = None
    """Kind of the base; None: what its configuration says, else ad-hoc."""

    assignments: tuple[Assignment, ...] = ()
    """Values for the base's configuration (`--set`)."""

    owner: str | None = None
    """Who answers for it; None: who git says is at work here."""


@dataclass(frozen=True, kw_only=True)
class CreateEnv:
    """Create environments on a base, which is created first when it is configured and not there yet."""

    names: tuple[str, ...]
    base: str | None = None
    """Name of the base; None: what the environment's configuration says."""

    images: Mapping[str, str] = field(default_factory=dict[str, str])
    """Image references by name: `{"backend": "registry/app:tag"}` sets `backend_image`."""

    assignments: tuple[Assignment, ...] = ()
    owner: str | None = None
    ttl: timedelta | None = None
    """How long they live after they were last deployed; None: what they have, else `default_ttl` of the settings."""


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
    """Show what creating or updating a base would do. Nothing is changed, no file is written."""

    name: str
    kind: Kind | None = None
    assignments: tuple[Assignment, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PreviewEnv:
    """Show what creating or updating an environment would do, also when its base does not exist yet."""

    name: str
    base: str | None = None
    images: Mapping[str, str] = field(default_factory=dict[str, str])
    assignments: tuple[Assignment, ...] = ()


@dataclass(frozen=True, kw_only=True)
class DestroyEnv:
    """Destroy environments: resources, stacks, records."""

    names: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class DestroyBase:
    """Destroy bases; refused while environments stand on them."""

    names: tuple[str, ...]
    cascade: bool = False
    """Destroy the environments on them first."""


@dataclass(frozen=True, kw_only=True)
class Drift:
    """Compare bases and environments with what is in AWS. Nothing is changed."""

    names: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Refresh:
    """Bring the state of bases and environments in line with what is in AWS. Nothing in AWS is changed."""

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

COMMANDS: Mapping[type[Request], str] = {
    CreateBase: "create-base",
    CreateEnv: "create-env",
    UpdateBase: "update-base",
    UpdateEnv: "update-env",
    PreviewBase: "preview-base",
    PreviewEnv: "preview-env",
    DestroyEnv: "destroy-env",
    DestroyBase: "destroy-base",
    Drift: "drift",
    Refresh: "refresh",
}
"""Name of the use case, in reports and in the stacks' history."""
