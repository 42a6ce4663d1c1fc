"""A registry that speaks the distribution protocol, with the credentials of `docker login` and `podman login`.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md
https://distribution.github.io/distribution/spec/auth/token/
"""

from __future__ import annotations

import base64
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import urllib3

from orchestrator.building.builders import host_of, is_loopback
from orchestrator.config import documents
from orchestrator.errors import OperationFailedError
from orchestrator.operations import child

_ACCEPTED = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
_DOCKER_HUB = ("registry-1.docker.io", "https://index.docker.io/v1/")
"""Host of the API of Docker Hub, and the name of its credentials."""

_SECONDS = 20.0
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_FIELD = re.compile(r'(\w+)="([^"]*)"')


@dataclass(frozen=True)
class HttpRegistry:
    """One repository of a registry."""

    repository: str

    def digest(self, tag: str) -> str | None:
        """The digest of the image with this tag; None when there is none. Raises OperationFailedError."""
        url = f"{self._url}/v2/{self._name}/manifests/{tag}"
        accept = {"Accept": ", ".join(_ACCEPTED)}
        answer = self._request("HEAD", url, accept)
        if answer.status == 401:
            answer = self._request(
                "HEAD", url, accept | self._authorization(answer.headers.get("WWW-Authenticate", ""))
            )
        if answer.status == 404:
            return None
        if answer.status in (401, 403):
            raise OperationFailedError(
                f"the registry {self._host} refuses access to {self.repository} (HTTP {answer.status})",
                f"log in with `docker login {self._host}`, `podman login {self._host}` or `buildah login {self._host}`",
            )
        digest = answer.headers.get("Docker-Content-Digest", "")
        if answer.status != 200 or not _DIGEST.fullmatch(digest):
            raise OperationFailedError(
                f"the registry {self._host} did not say whether it has {self.repository}:{tag} (HTTP {answer.status})",
                "check the name of the repository, then run the command again",
            )
        return digest

    @property
    def _host(self) -> str:
        return host_of(self.repository)

    @property
    def _name(self) -> str:
        name = self.repository.removeprefix(f"{self._host}/")
        return f"library/{name}" if self._host == "docker.io" and "/" not in name else name

    @property
    def _url(self) -> str:
        scheme = "http" if is_loopback(self._host) else "https"
        return f"{scheme}://{_DOCKER_HUB[0] if self._host == 'docker.io' else self._host}"

    def _request(self, method: str, url: str, headers: Mapping[str, str]) -> urllib3.BaseHTTPResponse:
        try:
            return urllib3.request(
                method, url, headers=headers, timeout=_SECONDS, retries=urllib3.Retry(2, redirect=3), redirect=True
            )
        except urllib3.exceptions.HTTPError as error:
            reason = getattr(error, "reason", None) or error
            raise OperationFailedError(
                f"the registry {self._host} cannot be reached: {reason}",
                "check the name of the repository and the network; nothing was built",
            ) from None

    def _authorization(self, challenge: str) -> dict[str, str]:
        """The header that answers a challenge; none when the user has not logged in."""
        login = _login(_DOCKER_HUB[1] if self._host == "docker.io" else self._host)
        basic = {"Authorization": f"Basic {login}"} if login else dict[str, str]()
        if not challenge.lower().startswith("bearer"):
            return basic
        fields = dict(_FIELD.findall(challenge))
        realm = fields.pop("realm", "")
        if not realm.startswith(("https://", "http://")):
            return {}
        if login and not realm.startswith("https://") and not is_loopback(self._host):
            return {}  # credentials never leave unencrypted
        query = {"service": fields.get("service", ""), "scope": f"repository:{self._name}:pull"}
        answer = self._request("GET", f"{realm}?{urlencode(query)}", basic)
        try:
            found: Any = documents.json_value(answer.data)
            token = str(found.get("token") or found.get("access_token") or "")
        except (ValueError, AttributeError):
            token = ""
        return {"Authorization": f"Bearer {token}"} if token else {}


def _login(host: str) -> str | None:
    """User and password in the form of basic authentication."""
    for document in _documents():
        helper = _text(_table(document, "credHelpers").get(host)) or _text(document.get("credsStore"))
        entry = _table(document, "auths").get(host)
        if isinstance(entry, dict) and _text(entry.get("auth")):
            return str(entry["auth"])
        if helper and (found := _from_helper(helper, host)):
            return found
    return None


def _documents() -> Iterator[Mapping[str, Any]]:
    """The files of credentials: of docker, podman and buildah."""
    home = Path.home()
    docker = Path(os.environ.get("DOCKER_CONFIG") or home / ".docker") / "config.json"
    runtime = Path(os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}") / "containers" / "auth.json"
    named = [Path(os.environ["REGISTRY_AUTH_FILE"])] if os.environ.get("REGISTRY_AUTH_FILE") else []
    root = Path(f"/run/containers/{os.getuid()}/auth.json")
    for file in (*named, docker, runtime, root, home / ".config" / "containers" / "auth.json"):
        try:
            found: Any = documents.json_value(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(found, dict):
            yield found


def _from_helper(helper: str, host: str) -> str | None:
    """The credentials of a helper. https://docs.docker.com/reference/cli/docker/login/#credential-helper-protocol"""
    try:
        answer = child.ask((f"docker-credential-{helper}", "get"), typed=host, seconds=_SECONDS)
        found: Any = documents.json_value(answer.stdout) if answer.returncode == 0 else {}
        user, password = _text(found.get("Username")), _text(found.get("Secret"))
    except (OSError, subprocess.TimeoutExpired, ValueError, AttributeError):
        return None
    return base64.b64encode(f"{user}:{password}".encode()).decode() if user and password else None


def _table(document: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = document.get(key)
    return found if isinstance(found, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
