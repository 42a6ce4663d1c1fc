"""How the rights of the account's roles are written down. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

MANAGED_BY_TAG, MANAGED_BY = "managed-by", "pulumi-django"
ROLE_PATH = "/pulumi-django/"
"""IAM path of the roles that the pipeline makes; it reaches no others."""

Condition = Mapping[str, Mapping[str, Any]]
RESOURCE_TAG, REQUEST_TAG = f"aws:ResourceTag/{MANAGED_BY_TAG}", f"aws:RequestTag/{MANAGED_BY_TAG}"
OWN: Condition = {"StringEquals": {RESOURCE_TAG: MANAGED_BY}}
NEW: Condition = {"StringEquals": {REQUEST_TAG: MANAGED_BY}}


class Adopts(Enum):
    """Whether a grant lets the role tag, and so take over, what somebody else made.

    Some services ask for the right to tag when something is made, and do not say that it is new.
    """

    NOTHING = "nothing"
    UNNAMED = "unnamed"
    """Names are free, so only a name prefix tells ours from others."""

    ANYTHING = "anything"
    """There are no names, only random ids."""


@dataclass(frozen=True)
class Grant:
    """Actions of one service."""

    service: str
    actions: str
    """Names without the service, separated by blanks."""

    resources: Sequence[str] = ("*",)
    """ARN patterns. `{region}` is any of the role's, `{prefix}` begins the names, `{zone}` is a hosted zone."""

    regional: bool = True
    """Whether the grant holds in the role's regions only."""

    condition: Condition | None = None
    """Further conditions; `{boundary}` in a value is the permissions boundary's ARN."""

    adopts: Adopts = Adopts.NOTHING
    """What the grant lets the role take over."""


def own(service: str, actions: str, *resources: str, regional: bool = True) -> Grant:
    """Actions on what carries the projects' tag."""
    return Grant(service, actions, resources or ("*",), regional, OWN)


def new(service: str, actions: str, *resources: str, regional: bool = True, adopts: Adopts = Adopts.NOTHING) -> Grant:
    """Actions whose request gives the projects' tag."""
    return Grant(service, actions, resources or ("*",), regional, NEW, adopts)


def tagging(service: str, action: str, create_actions: str, *resources: str) -> Grant:
    """The right to tag while one of `create_actions` makes the resource; `service` says that it is new."""
    condition = {"StringEquals": {f"{service}:CreateAction": create_actions.split(), REQUEST_TAG: MANAGED_BY}}
    return Grant(service, action, resources or ("*",), True, condition)
