"""The existence of images in their registries: ECR through its API, others through the registry protocol."""

from __future__ import annotations

import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from enum import StrEnum
from http import HTTPStatus

from orchestrator.config import documents
from orchestrator.operations.aws import ecr
from orchestrator.operations.aws.clients import Clients

TIMEOUT_SECONDS = 10
_ACCEPT = (
    "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json"
)
_DOCKER_HUB = "registry-1.docker.io"
_LOCAL = ("localhost", "127.0.0.1")

Request = Callable[[str, Mapping[str, str]], tuple[int, Mapping[str, str], bytes]]
"""Sends a request with these headers; returns status, headers in lower case, and content. Raises OSError."""


class Existence(StrEnum):
    """The answer of a registry."""

    EXISTS = "exists"
    GONE = "gone"
    UNKNOWN = "unknown"
    """The registry cannot be asked: it needs a login, or does not answer."""


def existence(reference: str, clients: Clients, request: Request | None = None) -> Existence:
    """Return whether an image exists. Raises the errors of boto3 for ECR. The simulation asks no registry."""
    if clients.simulated:
        return Existence.UNKNOWN
    repository = ecr.parse(reference)
    if repository is not None:
        return Existence.EXISTS if ecr.exists(repository, clients) else Existence.GONE
    try:
        return _by_protocol(reference, request or send)
    except (OSError, ValueError):
        return Existence.UNKNOWN


def _by_protocol(reference: str, request: Request) -> Existence:
    host, name, version = _parts(reference)
    url = f"{'http' if host.partition(':')[0] in _LOCAL else 'https'}://{host}/v2/{name}/manifests/{version}"
    status, headers, _ = request(url, {"Accept": _ACCEPT})
    if status == HTTPStatus.UNAUTHORIZED and (token := _token(headers.get("www-authenticate", ""), request)):
        status, _, _ = request(url, {"Accept": _ACCEPT, "Authorization": f"Bearer {token}"})
    if status == HTTPStatus.OK:
        return Existence.EXISTS
    return Existence.GONE if status == HTTPStatus.NOT_FOUND else Existence.UNKNOWN


def _parts(reference: str) -> tuple[str, str, str]:
    """Host, repository and tag or digest of a reference. https://github.com/distribution/reference"""
    path, _, digest = reference.partition("@")
    last = path.rpartition("/")[2]
    name, _, tag = (path, "", "") if ":" not in last else path.rpartition(":")
    first, slash, rest = name.partition("/")
    if not slash or not ("." in first or ":" in first or first == "localhost"):
        return _DOCKER_HUB, name if slash else f"library/{name}", digest or tag or "latest"
    return (_DOCKER_HUB if first == "docker.io" else first), rest, digest or tag or "latest"


def _token(challenge: str, request: Request) -> str | None:
    """An anonymous token, as the registry offers it. https://distribution.github.io/distribution/spec/auth/token/"""
    fields = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
    realm = fields.pop("realm", "")
    if not challenge.lower().startswith("bearer") or not realm.startswith("https://"):
        return None
    status, _, content = request(f"{realm}?{urllib.parse.urlencode(fields)}", {})
    if status != HTTPStatus.OK:
        return None
    try:
        answer = documents.json_value(content)
        return answer.get("token") or answer.get("access_token")
    except (ValueError, AttributeError):
        return None


def send(url: str, headers: Mapping[str, str]) -> tuple[int, Mapping[str, str], bytes]:
    """Send a request. Raises OSError."""
    asked = urllib.request.Request(url, headers=dict(headers), method="GET")
    try:
        with urllib.request.urlopen(asked, timeout=TIMEOUT_SECONDS) as answer:
            return (
                answer.status,
                {name.lower(): value for name, value in answer.headers.items()},
                answer.read(1_000_000),
            )
    except urllib.error.HTTPError as error:
        return error.code, {name.lower(): value for name, value in error.headers.items()}, b""
