"""Images in ECR: their existence and their processors."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from orchestrator.operations.aws.clients import Clients

# https://docs.aws.amazon.com/AmazonECR/latest/userguide/Registries.html
_ECR = re.compile(
    r"(?P<account>\d{12})\.dkr[.-]ecr\.(?P<region>[a-z0-9-]+)\.[a-z.]+/(?P<repository>[^:@]+)"
    r"(?::(?P<tag>[^@]+))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)
_TYPES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
ARCHITECTURES = {"X86_64": "amd64", "ARM64": "arm64"}
"""Names of processors in images, by their names in ECS."""

FETCH_SECONDS = 30
Fetch = Callable[[str], bytes]


@dataclass(frozen=True)
class Repository:
    """An image in ECR."""

    account: str
    region: str
    name: str
    tag: str | None
    digest: str | None


def parse(reference: str) -> Repository | None:
    """Return the place of an image in ECR; None for other registries."""
    match = _ECR.fullmatch(reference)
    if match is None:
        return None
    tag = match["tag"] or (None if match["digest"] else "latest")
    return Repository(match["account"], match["region"], match["repository"], tag, match["digest"])


def fetch(url: str) -> bytes:
    """Return the content of a URL of AWS."""
    with urllib.request.urlopen(url, timeout=FETCH_SECONDS) as answer:
        return answer.read()


def exists(repository: Repository, clients: Clients) -> bool:
    """Return whether the image exists."""
    client = clients.client("ecr")
    image = {"imageDigest": repository.digest} if repository.digest else {"imageTag": repository.tag}
    where = {"registryId": repository.account, "repositoryName": repository.name}
    try:
        answer = client.batch_get_image(**where, imageIds=[image], acceptedMediaTypes=list(_TYPES))
    except client.exceptions.RepositoryNotFoundException:
        return False
    return bool(answer["images"])


def architectures(repository: Repository, clients: Clients, fetch: Fetch = fetch) -> tuple[str, ...] | None:
    """Return the image's processors (`amd64`); None when the image does not exist."""
    ecr = clients.client("ecr")
    image = {"imageDigest": repository.digest} if repository.digest else {"imageTag": repository.tag}
    where = {"registryId": repository.account, "repositoryName": repository.name}
    try:
        answer = ecr.batch_get_image(**where, imageIds=[image], acceptedMediaTypes=list(_TYPES))
    except ecr.exceptions.RepositoryNotFoundException:
        return None
    if not answer["images"]:
        return None
    manifest: Any = json.loads(answer["images"][0]["imageManifest"])
    if "manifests" in manifest:
        found = [item.get("platform", {}).get("architecture", "unknown") for item in manifest["manifests"]]
        # An index also lists attestations, for the processor `unknown`.
        return tuple(dict.fromkeys(name for name in found if name != "unknown"))
    url = ecr.get_download_url_for_layer(**where, layerDigest=manifest["config"]["digest"])["downloadUrl"]
    return (str(json.loads(fetch(url)).get("architecture", "unknown")),)
