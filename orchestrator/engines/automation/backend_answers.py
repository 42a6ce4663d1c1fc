"""The answers of backends about stacks: locks, the end of the last operation, the stacks of a project."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator.errors import LockOwner


@dataclass(frozen=True, kw_only=True)
class Lock:
    """A lock in the backend."""

    name: str
    owner: LockOwner


@dataclass(frozen=True, kw_only=True)
class Ending:
    """The end of the last operation on a stack."""

    never: bool = False
    """No operation on the stack has ever finished."""

    failed: bool = False
    cut_off: bool = False
    """Its engine died."""

    destroying: bool = False
    """The operation was a destroy."""

    finished: bool = True
    """An update of the stack has succeeded, this one or an earlier one."""


@dataclass(frozen=True, kw_only=True)
class Listing:
    """The stacks of one project."""

    stamps: Mapping[str, str]
    tagged: frozenset[str]
