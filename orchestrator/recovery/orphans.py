"""Orphans: resources in AWS with our tags that no stack has in its state."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrator.recovery import arns
from orchestrator.recovery.adoption import pending_creates
from orchestrator.recovery.aws import Aws, ClientFactory, Tags
from orchestrator.recovery.tagged_resources import still_there, tagged


@dataclass(frozen=True, kw_only=True)
class Orphan:
    """A resource in AWS that has our tags and is in no stack's state."""

    arn: str
    type: str
    """Service and type from the ARN, for example `ecs:service`."""

    tags: Tags = field(repr=False)
    environment: str | None
    """The environment of the resource; None for a resource of a base."""

    base: str | None

    @property
    def name(self) -> str:
        """The name or id at the end of the ARN."""
        return arns.name_of(self.arn)


@dataclass(frozen=True, kw_only=True)
class OrphanSearch:
    """The result of a search for orphans."""

    orphans: tuple[Orphan, ...]
    """The orphans, in the order of base, environment, type and ARN."""

    problems: tuple[str, ...]
    """Searches that failed, so that their resources are missing."""


def find_orphans(
    client: ClientFactory,
    deployments: Callable[[], Iterable[Mapping[str, Any]]],
    *,
    base: str | None = None,
) -> OrphanSearch:
    """Find the orphans of a region (and of IAM and CloudFront), of all bases or of one. Changes nothing.

    `client` returns a boto3 client by service name. `deployments` reads the deployments of **all** stacks that may own such
    resources in this account. It is called after the listing of AWS, so that it includes resources that an update creates
    meanwhile. A resource that may belong to a pending create is not an orphan: the next operation on that stack adopts it.
    Resources of a damaged stack look like orphans, so refuse to delete orphans while there is one.
    """
    aws = Aws(client)
    found, problems = tagged(aws, base)
    known = known_resources(deployments())
    unknown = {arn: tags for arn, tags in found.items() if not known.has(arn, tags)}
    alive, more = still_there(aws, unknown)
    orphans = (_orphan(arn, unknown[arn]) for arn in alive)
    return OrphanSearch(orphans=tuple(sorted(orphans, key=_order)), problems=(*problems, *more))


def _orphan(arn: str, tags: Tags) -> Orphan:
    return Orphan(
        arn=arn, type=arns.type_of(arn), tags=tags, environment=tags.get("environment"), base=tags.get("base")
    )


def _order(orphan: Orphan) -> tuple[str, str, str, str]:
    return orphan.base or "", orphan.environment or "", orphan.type, orphan.arn


@dataclass(frozen=True, kw_only=True)
class Known:
    """The resources that are in the state of a stack or may belong to a pending create."""

    arns: frozenset[str]
    ids: frozenset[tuple[str, str]]
    """ARN service and id, as several resources, such as a NAT gateway, have no ARN in the state."""

    unfinished: tuple[tuple[tuple[str, ...], Tags], ...]
    """ARN services and tags of pending creates, whose resources are adopted and not deleted."""

    def has(self, arn: str, tags: Tags) -> bool:
        """Whether a stack has the resource, or may adopt it when its unfinished operation runs again."""
        service = arns.service(arn)
        if arn in self.arns or any((service, name) in self.ids for name in (arns.name_of(arn), arns.last_name(arn))):
            return True
        return any(
            service in services and wanted and wanted.items() <= dict(tags).items()
            for services, wanted in self.unfinished
        )


def known_resources(deployments: Iterable[Mapping[str, Any]]) -> Known:
    """The resources of the given deployments (checkpoints' `latest`, or exported ones), including those that wait for their
    deletion."""
    found_arns: set[str] = set()
    ids: set[tuple[str, str]] = set()
    unfinished: list[tuple[tuple[str, ...], Tags]] = []
    for deployment in deployments:
        for resource in deployment.get("resources") or ():
            id_, arn = resource.get("id"), (resource.get("outputs") or {}).get("arn")
            for value in (id_, arn):
                if arns.is_arn(value):
                    found_arns.add(value.removesuffix(":*"))
            if isinstance(id_, str) and not arns.is_arn(id_):
                ids.update((service, id_) for service in arns.services_of(resource["type"]))
        for create in pending_creates(deployment):
            unfinished.append((arns.services_of(create.type), create.tags))
    return Known(arns=frozenset(found_arns), ids=frozenset(ids), unfinished=tuple(unfinished))
