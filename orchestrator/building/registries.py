"""The registry of a repository: the digest of a tag, and what a builder needs to push."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from orchestrator.building.builders import Builder, host_of
from orchestrator.building.http_registry import HttpRegistry
from orchestrator.errors import OperationFailedError, RefusedError
from orchestrator.operations.aws import ecr
from orchestrator.operations.aws.clients import Clients
from orchestrator.operations.aws.errors import explained
from pulumi_django.rules import image_expiry, partitions

Ask = Callable[[str], bool]
"""Asks a question that is answered with yes or no."""


class Registry(Protocol):
    """The registry of one repository."""

    def digest(self, tag: str) -> str | None:
        """The digest of the image with this tag; None when there is none. Raises OrchestratorError."""
        ...

    def open(self, builder: Builder, *, create: Ask) -> tuple[str, ...]:
        """Make sure that the repository exists and that the builder may push to it. Returns what was done, as sentences."""
        ...

    def keeps_cache(self) -> bool:
        """Whether a tag can move, as that of a cache does."""
        ...


def of(repository: str, clients: Callable[[str], Clients]) -> Registry:
    """The registry of a repository; `clients` returns the AWS clients of a region."""
    place = ecr.parse(f"{repository}:latest")
    if place is None:
        return _OtherRegistry(HttpRegistry(repository), host_of(repository))
    return EcrRegistry(repository, place, clients(place.region))


@dataclass(frozen=True)
class _OtherRegistry:
    """A registry for which the user logged in."""

    http: HttpRegistry
    host: str

    def digest(self, tag: str) -> str | None:
        return self.http.digest(tag)

    def open(self, builder: Builder, *, create: Ask) -> tuple[str, ...]:
        del builder, create  # a repository comes with its first push
        return ()

    def keeps_cache(self) -> bool:
        return True


@dataclass
class EcrRegistry:
    """A repository in ECR."""

    repository: str
    place: ecr.Repository
    clients: Clients

    def digest(self, tag: str) -> str | None:
        """The digest of the image with this tag."""
        client = self.clients.client("ecr")
        with explained(self.clients.access):
            try:
                found = client.describe_images(**self._where, imageIds=[{"imageTag": tag}])
            except (client.exceptions.ImageNotFoundException, client.exceptions.RepositoryNotFoundException):
                return None
        return str(found["imageDetails"][0]["imageDigest"]) if found["imageDetails"] else None

    def open(self, builder: Builder, *, create: Ask) -> tuple[str, ...]:
        """Create the repository if it is missing and `create` agrees, and log the builder in."""
        done: tuple[str, ...] = ()
        if self._described() is None:
            if not create(f"The repository {self.place.name} does not exist in ECR ({self.place.region}). Create it"):
                raise RefusedError(
                    f"nothing was built: the repository {self.place.name} does not exist in ECR ({self.place.region})",
                    "pass --create-repository, or add it to `repositories` of the bootstrap",
                )
            self._create()
            done = (
                f"created the repository {self.place.name} with the settings of the bootstrap; add it to `repositories` "
                "there, with `pulumi import`, to manage it",
            )
        user, password = self._credentials()
        builder.login(host_of(self.repository), user, password)
        return done

    def keeps_cache(self) -> bool:
        """Whether the tags of the repository can move."""
        found = self._described()
        return found is not None and found["imageTagMutability"] == "MUTABLE"

    @property
    def _where(self) -> dict[str, str]:
        return {"registryId": self.place.account, "repositoryName": self.place.name}

    def _described(self) -> dict[str, Any] | None:
        client = self.clients.client("ecr")
        with explained(self.clients.access):
            try:
                found = client.describe_repositories(registryId=self.place.account, repositoryNames=[self.place.name])
            except client.exceptions.RepositoryNotFoundException:
                return None
        return found["repositories"][0]

    def _create(self) -> None:
        client = self.clients.client("ecr")
        with explained(self.clients.access):
            client.create_repository(
                **self._where,
                imageTagMutability="IMMUTABLE",
                imageScanningConfiguration={"scanOnPush": True},
                encryptionConfiguration={"encryptionType": "AES256"},
                tags=[{"Key": "managed-by", "Value": "pulumi-django"}],
            )
            client.put_lifecycle_policy(
                **self._where,
                lifecyclePolicyText=image_expiry.policy(
                    keep_images=image_expiry.KEEP_IMAGES, untagged_days=image_expiry.UNTAGGED_DAYS
                ),
            )

    def _credentials(self) -> tuple[str, str]:
        with explained(self.clients.access):
            found = self.clients.client("ecr").get_authorization_token()["authorizationData"][0]
        try:
            user, _, password = base64.b64decode(found["authorizationToken"]).decode().partition(":")
        except ValueError:
            raise OperationFailedError("ECR returned a token that cannot be read", "run the command again") from None
        return user, password


def discovered(name: str, clients: Clients) -> list[str]:
    """The repositories in ECR whose name is that of an image, or ends with `-NAME` or `/NAME`."""
    with explained(clients.access):
        pages = clients.client("ecr").get_paginator("describe_repositories").paginate()
        found = [repository for page in pages for repository in page["repositories"]]
    return [
        str(repository["repositoryUri"])
        for repository in found
        if repository["repositoryName"] == name or repository["repositoryName"].endswith((f"-{name}", f"/{name}"))
    ]


def named(name: str, clients: Clients) -> str | None:
    """The repository of that name in ECR; None when there is none."""
    client = clients.client("ecr")
    with explained(clients.access):
        try:
            return str(client.describe_repositories(repositoryNames=[name])["repositories"][0]["repositoryUri"])
        except client.exceptions.RepositoryNotFoundException:
            return None


def address(name: str, clients: Clients) -> str:
    """The address that a repository of that name has in ECR, in the account of the credentials."""
    with explained(clients.access):
        account = str(clients.client("sts").get_caller_identity()["Account"])
        region = str(clients.client("ecr").meta.region_name)
    return f"{account}.dkr.ecr.{region}.{partitions.partition(region).dns_suffix}/{name}"
