"""Deployments as the engine writes them, for tests of recovery."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pulumi_django.rules import wire

STACK = "urn:pulumi:alpha::app::pulumi:pulumi:Stack::app-alpha"
PROVIDER = "urn:pulumi:alpha::app::pulumi:providers:aws::aws"
TAGS = {"base": "dev", "environment": "alpha", "managed-by": "pulumi-django"}
SECRET = {wire.SIGNATURE: wire.SECRET, "ciphertext": "v1:abc:def"}


def urn(type_: str, name: str) -> str:
    """The URN of a resource of the stack `alpha`."""
    return f"urn:pulumi:alpha::app::{type_}::{name}"


def resource(type_: str, name: str, id_: str | None = None, /, *needs: str, **inputs: Any) -> dict[str, Any]:
    """A resource as the state holds it; without an id as a pending operation holds it."""
    made = {"id": id_, "outputs": {**inputs, "id": id_}} if id_ else {}
    return {
        "urn": urn(type_, name),
        "custom": True,
        "type": type_,
        "inputs": inputs,
        "parent": STACK,
        "provider": f"{PROVIDER}::0d65",
        "dependencies": list(needs),
        **made,
    }


def pending(type_: str, name: str, /, *needs: str, **inputs: Any) -> dict[str, Any]:
    """A create that was in flight."""
    return {"type": "creating", "resource": resource(type_, name, None, *needs, **inputs)}


def deployment(
    *operations: Mapping[str, Any], resources: tuple[Mapping[str, Any], ...] = (), tags: Mapping[str, str] = TAGS
) -> dict[str, Any]:
    """A deployment with a stack, a provider with default tags, and what is given."""
    stack = {"urn": STACK, "custom": False, "type": "pulumi:pulumi:Stack"}
    provider = {
        "urn": PROVIDER,
        "custom": True,
        "id": "0d65",
        "type": "pulumi:providers:aws",
        "inputs": {"region": "us-east-1", "defaultTags": json.dumps({"tags": dict(tags)})},
        "parent": STACK,
    }
    return {
        "manifest": {"time": "2026-11-20T09:00:00Z"},
        "resources": [stack, provider, *map(dict, resources)],
        "pending_operations": [dict(item) for item in operations],
    }
