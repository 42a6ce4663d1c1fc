"""Grants: the form in which this package writes the permissions of the account's roles. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

MANAGED_BY_TAG, MANAGED_BY = "managed-by", "pulumi-django"
ROLE_PATH = "/pulumi-django/"
"""IAM path of the roles that the pipeline creates. It can change no other roles."""

Condition = Mapping[str, Mapping[str, Any]]
RESOURCE_TAG, REQUEST_TAG = f"aws:ResourceTag/{MANAGED_BY_TAG}", f"aws:RequestTag/{MANAGED_BY_TAG}"
OWN: Condition = {"StringEquals": {RESOURCE_TAG: MANAGED_BY}}
NEW: Condition = {"StringEquals": {REQUEST_TAG: MANAGED_BY}}


class Adopts(Enum):
    """Resources of others that a grant lets the role tag, and so take over.

    Some services need the permission to tag for the creation of a resource, and a policy cannot limit it to new resources.
    """

    NOTHING = "nothing"
    UNNAMED = "unnamed"
    """Resources with free names. Only a name prefix limits the grant."""

    ANYTHING = "anything"
    """Resources with random ids instead of names."""


@dataclass(frozen=True)
class Grant:
    """Actions of one service."""

    service: str
    actions: str
    """Names of the actions without the service, separated by spaces."""

    resources: Sequence[str] = ("*",)
    """ARN patterns. `{region}` is a region of the role, `{prefix}` the start of the names, `{zone}` a hosted zone."""

    regional: bool = True
    """Whether the grant is limited to the role's regions."""

    condition: Condition | None = None
    """Further conditions. The value `{boundary}` is the ARN of the permissions boundary."""

    adopts: Adopts = Adopts.NOTHING
    """Resources of others that the grant lets the role take over."""


def own(service: str, actions: str, *resources: str, regional: bool = True) -> Grant:
    """Return a grant on resources that have the projects' tag."""
    return Grant(service, actions, resources or ("*",), regional, OWN)


def new(service: str, actions: str, *resources: str, regional: bool = True, adopts: Adopts = Adopts.NOTHING) -> Grant:
    """Return a grant for requests that set the projects' tag."""
    return Grant(service, actions, resources or ("*",), regional, NEW, adopts)


def tagging(service: str, action: str, create_actions: str, *resources: str) -> Grant:
    """Return the grant to tag a resource during its creation by one of `create_actions`."""
    condition = {"StringEquals": {f"{service}:CreateAction": create_actions.split(), REQUEST_TAG: MANAGED_BY}}
    return Grant(service, action, resources or ("*",), True, condition)
