"""Adds resources that were found in AWS to a deployment: a pending create becomes a resource of the state. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from orchestrator.recovery.adoption import Adoption, Finding, Undecided

BRIDGE_NOTES = "__defaults"
"""Key among the inputs with the list of inputs that the AWS provider chose itself."""


def adopted_state(deployment: Mapping[str, Any], findings: Iterable[Finding]) -> dict[str, Any]:
    """The deployment with every adopted resource, for `pulumi stack import`. A refresh must follow.

    An adopted resource keeps its inputs, including encrypted secrets, and has them as outputs. A create that was not found is
    dropped. So are pending updates, deletions and reads: their resources are in the state, and the refresh reads them.
    Undecided creates stay pending, but `pulumi stack import` drops them with a warning, so report them to the user first. The
    given deployment is not changed.
    """
    found = {finding.urn: finding for finding in findings}
    resources: list[dict[str, Any]] = [dict(item) for item in deployment.get("resources") or ()]
    left: list[Any] = []
    for operation in deployment.get("pending_operations") or ():
        finding = found.get(operation["resource"]["urn"]) if operation["type"] == "creating" else None
        if isinstance(finding, Adoption):
            resources = _with(resources, _resource(operation["resource"], finding))
        elif isinstance(finding, Undecided):
            left.append(operation)
    edited = {key: value for key, value in deployment.items() if key != "pending_operations"}
    return {**edited, "resources": _ordered(resources), **({"pending_operations": left} if left else {})}


def _resource(pending: Mapping[str, Any], adoption: Adoption) -> dict[str, Any]:
    outputs = {**_without_notes(pending.get("inputs") or {}), **adoption.outputs}
    return {**pending, "custom": True, "id": adoption.physical_id, "outputs": outputs}


def _with(resources: list[dict[str, Any]], new: dict[str, Any]) -> list[dict[str, Any]]:
    """The resources with `new` at the end. A resource with the same URN is the one that it replaces."""
    kept: list[dict[str, Any]] = []
    for resource in resources:
        if resource["urn"] == new["urn"] and not resource.get("delete"):
            if resource.get("pendingReplacement"):
                # The old resource was deleted before its replacement began.
                continue
            kept.append({**resource, "delete": True})
        else:
            kept.append(resource)
    return [*kept, new]


def _ordered(resources: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Sort each resource after those that it needs, and one that waits for deletion after its replacement."""
    places: dict[str, list[int]] = {}
    for place, resource in enumerate(resources):
        places.setdefault(resource["urn"], []).append(place)
    needs = [
        [other for urn in _references(resource) for other in _meant(places.get(urn, []), resources) if other != place]
        for place, resource in enumerate(resources)
    ]
    order: dict[int, None] = {}
    for start in range(len(resources)):
        # A list instead of recursion, because the resource tree may be deeper than Python's stack.
        waiting, entered = [start], set[int]()
        while waiting:
            place = waiting[-1]
            missing = [need for need in needs[place] if need not in order and need not in entered]
            entered.add(place)
            if missing:
                waiting.extend(reversed(missing))
            else:
                order.setdefault(waiting.pop())
    return [resources[place] for place in order]


def _meant(places: list[int], resources: list[dict[str, Any]]) -> list[int]:
    """The resources of a URN: the one that stays, or else all that wait for deletion."""
    return [place for place in places if not resources[place].get("delete")] or places


def _references(resource: Mapping[str, Any]) -> Iterator[str]:
    if resource.get("delete"):
        yield resource["urn"]
    for key in ("parent", "deletedWith", "viewOf"):
        if resource.get(key):
            yield resource[key]
    if resource.get("provider"):
        # URN and id of the provider, separated by two colons like the parts of a URN.
        yield resource["provider"].rpartition("::")[0]
    yield from resource.get("dependencies") or ()
    for urns in (resource.get("propertyDependencies") or {}).values():
        yield from urns or ()


def _without_notes(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_notes(item) for key, item in value.items() if key != BRIDGE_NOTES}
    return [_without_notes(item) for item in value] if isinstance(value, list) else value
