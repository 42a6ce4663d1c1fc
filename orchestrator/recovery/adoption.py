"""Finds the resources in AWS that an engine was creating when it died.

`find_pending` searches AWS; `pending_creates` and `decide` are pure. `state_edit.adopted_state` adds the findings to the
state.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from orchestrator.recovery.aws import Aws, ClientFactory, Tags, reason
from orchestrator.recovery.finders import FINDERS, REPEATABLE, Candidate
from pulumi_django.rules.wire import SIGNATURE

AWS_OWN_TAGS = "aws:"
"""Prefix of tags that only AWS sets."""


@dataclass(frozen=True, kw_only=True)
class PendingCreate:
    """A create that began and has no end in the state."""

    urn: str
    type: str
    inputs: Mapping[str, Any] = field(repr=False)
    """Inputs after the check by the provider, so with physical names; secrets are None."""

    tags: Tags = field(default_factory=dict[str, str])
    """Tags of the resource if it exists: its own tags and the default tags of the provider."""


@dataclass(frozen=True, kw_only=True)
class Adoption:
    """The resource exists and is added to the state."""

    urn: str
    type: str
    physical_id: str
    """The id of the resource in the form of the AWS provider."""

    outputs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Outputs that differ from the inputs and that a refresh needs to read the resource."""


@dataclass(frozen=True, kw_only=True)
class NotFound:
    """The next update can create the resource: it does not exist, or creating it twice is harmless."""

    urn: str
    type: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Undecided:
    """Only a person can decide: several resources match, AWS did not answer, or the type is unknown."""

    urn: str
    type: str
    reason: str
    candidates: tuple[str, ...] = ()
    """Ids of the matching resources."""


Finding = Adoption | NotFound | Undecided


def find_pending(deployment: Mapping[str, Any], client: ClientFactory) -> tuple[Finding, ...]:
    """Search AWS for every pending create of a deployment; return one finding for each, in their order.

    `deployment` has version 3 or 4, from `pulumi stack export` (below `deployment`) or a checkpoint (`latest`). `client` returns
    a boto3 client by service name for the stack's region and account. Nothing is changed. When a service refuses a request, its
    resources are undecided.
    """
    aws = Aws(client)
    pending = pending_creates(deployment)
    looked = {create.urn: _candidates(aws, create) for create in pending}
    return decide(pending, looked, physical_ids(deployment))


def pending_creates(deployment: Mapping[str, Any]) -> tuple[PendingCreate, ...]:
    """The pending creates, in the order in which they began."""
    providers = {
        f"{item['urn']}::{item.get('id')}": item
        for item in deployment.get("resources") or ()
        if item["type"].startswith("pulumi:providers:")
    }
    found: dict[str, PendingCreate] = {}
    for operation in deployment.get("pending_operations") or ():
        resource: Mapping[str, Any] = operation["resource"]
        if operation["type"] == "creating" and resource.get("custom", True):
            inputs: Mapping[str, Any] = _plain(resource.get("inputs") or {})
            tags = {**_default_tags(providers.get(str(resource.get("provider")))), **_own_tags(inputs)}
            found[resource["urn"]] = PendingCreate(urn=resource["urn"], type=resource["type"], inputs=inputs, tags=tags)
    return tuple(found.values())


def physical_ids(deployment: Mapping[str, Any]) -> frozenset[tuple[str, str]]:
    """Type and id, and type and ARN, of every resource in the state: none of them belongs to a pending create."""
    return frozenset(
        (item["type"], str(key))
        for item in deployment.get("resources") or ()
        for key in (item.get("id"), (item.get("outputs") or {}).get("arn"))
        if key
    )


Looked = Mapping[str, Sequence[Candidate] | Undecided | NotFound]
"""Candidates in AWS by URN; a finding where there was no search or no answer."""


def decide(pending: Sequence[PendingCreate], looked: Looked, taken: frozenset[tuple[str, str]]) -> tuple[Finding, ...]:
    """Match candidates with creates.

    A candidate with a unique name matches unless its tags contradict; any other candidate must have all the tags. Exact tags
    come before additional ones. No resource is matched with two creates; creates with equal inputs are interchangeable.
    """
    found: dict[str, Finding] = {}
    claimed = set(taken)
    for exact in (True, False):
        for create in pending:
            answer = looked[create.urn]
            if create.urn in found or isinstance(answer, NotFound | Undecided):
                continue
            free = [item for item in answer if _fits(item, create, exact) and (create.type, item.key) not in claimed]
            twins = sum(1 for other in pending if other.urn not in found and _twins(other, create))
            if free and (len(free) <= twins or free[0].alike):
                first = free[0]
                claimed.add((create.type, first.key))
                found[create.urn] = Adoption(
                    urn=create.urn, type=create.type, physical_id=first.id, outputs=first.outputs
                )
            elif free:
                found[create.urn] = _several(create, [item.id for item in free])
    for create in pending:
        if create.urn not in found:
            answer = looked[create.urn]
            found[create.urn] = answer if isinstance(answer, NotFound | Undecided) else _nothing(create, answer)
    return tuple(found[create.urn] for create in pending)


def _candidates(aws: Aws, create: PendingCreate) -> Sequence[Candidate] | Undecided | NotFound:
    from botocore.exceptions import BotoCoreError, ClientError

    if create.type in REPEATABLE:
        return NotFound(urn=create.urn, type=create.type, reason=REPEATABLE[create.type])
    if not create.type.startswith(("aws:", "aws-native:", "awsx:")):
        return NotFound(urn=create.urn, type=create.type, reason="it exists in the state only, not in AWS")
    finder = FINDERS.get(create.type)
    if finder is None:
        return Undecided(urn=create.urn, type=create.type, reason="this type cannot be searched in AWS")
    try:
        return tuple(finder(aws, create.inputs))
    except (BotoCoreError, ClientError) as error:
        return Undecided(urn=create.urn, type=create.type, reason=f"AWS did not answer: {reason(error)}")


def _fits(candidate: Candidate, create: PendingCreate, exact: bool) -> bool:
    if candidate.tags is None:
        return candidate.distinct
    tags = _without_aws(candidate.tags)
    if exact:
        return tags == dict(create.tags) and (bool(tags) or candidate.distinct)
    if candidate.distinct:
        # Several services set tags with a second call, which may be missing after a crash.
        return not tags or _contains(tags, create.tags)
    return bool(create.tags) and _contains(tags, create.tags)


def _contains(tags: Tags, wanted: Tags) -> bool:
    return all(tags.get(key) == value for key, value in wanted.items())


def _without_aws(tags: Tags) -> dict[str, str]:
    return {key: value for key, value in tags.items() if not key.startswith(AWS_OWN_TAGS)}


def _twins(one: PendingCreate, other: PendingCreate) -> bool:
    return (one.type, one.inputs, one.tags) == (other.type, other.inputs, other.tags)


def _several(create: PendingCreate, ids: Sequence[str]) -> Undecided:
    return Undecided(
        urn=create.urn, type=create.type, reason=f"{len(ids)} resources match: {', '.join(ids)}", candidates=tuple(ids)
    )


def _nothing(create: PendingCreate, candidates: Sequence[Candidate]) -> NotFound:
    others = [item for item in candidates if item.distinct and item.tags is not None]
    for item in others:
        wrong = sorted(key for key, value in create.tags.items() if (item.tags or {}).get(key) != value)
        if wrong:
            said = ", ".join(f"{key} is {(item.tags or {}).get(key, 'missing')}" for key in wrong)
            return NotFound(
                urn=create.urn, type=create.type, reason=f"{item.id} belongs to another owner: its tag {said}"
            )
    return NotFound(urn=create.urn, type=create.type, reason="AWS has no resource with its name or tags")


def _own_tags(inputs: Mapping[str, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    for key in ("tags", "tagsAll"):
        tags = inputs.get(key)
        if isinstance(tags, Mapping):
            found.update(_texts(tags.items()))
        elif isinstance(tags, list):
            # The tags of an Auto Scaling group are a list.
            found.update(_texts((tag.get("key"), tag.get("value")) for tag in tags))
    return found


def _default_tags(provider: Mapping[str, Any] | None) -> dict[str, str]:
    defaults: Any = ((provider or {}).get("inputs") or {}).get("defaultTags") or {}
    if isinstance(defaults, str):
        # The configuration of a provider is stored as text.
        defaults = json.loads(defaults)
    return dict(_texts((defaults.get("tags") or {}).items()))


def _texts(items: Iterable[tuple[Any, Any]]) -> Iterator[tuple[str, str]]:
    return (
        (key, value) for key, value in items if isinstance(key, str) and isinstance(value, str) and key != "__defaults"
    )


def _plain(value: Any) -> Any:
    """A wire value without secrets and without `__defaults` of the bridge."""
    if isinstance(value, dict):
        if SIGNATURE in value:
            return None
        return {key: _plain(item) for key, item in value.items() if key != "__defaults"}
    return [_plain(item) for item in value] if isinstance(value, list) else value
