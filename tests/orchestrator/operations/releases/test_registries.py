"""The existence of images, asked of ECR and of registries."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from orchestrator.operations.releases.registries import Existence, existence
from tests.support.fake_ecs import FakeAws
from tests.support.operations import ScriptedClients

DIGEST = "sha256:" + "0123456789abcdef" * 4
ECR = "123456789012.dkr.ecr.us-east-1.amazonaws.com/shop"


@dataclass
class Registry:
    """A registry that answers with these statuses by URL."""

    statuses: Mapping[str, int]
    challenge: str = ""
    asked: list[tuple[str, str | None]] = field(default_factory=list[tuple[str, str | None]])

    def __call__(self, url: str, headers: Mapping[str, str]) -> tuple[int, Mapping[str, str], bytes]:
        authorization = headers.get("Authorization")
        self.asked.append((url, authorization))
        if url.startswith("https://auth."):
            return 200, {}, json.dumps({"token": "t"}).encode()
        if self.challenge and not authorization:
            return 401, {"www-authenticate": self.challenge}, b""
        if url not in self.statuses:
            raise OSError("no route")
        return self.statuses[url], {}, b""


def asked(reference: str, registry: Registry) -> Existence:
    return existence(reference, ScriptedClients(FakeAws()), registry)


@pytest.mark.parametrize(
    ("reference", "url"),
    [
        ("ghcr.io/acme/shop:1.4", "https://ghcr.io/v2/acme/shop/manifests/1.4"),
        (f"ghcr.io/acme/shop:1.4@{DIGEST}", f"https://ghcr.io/v2/acme/shop/manifests/{DIGEST}"),
        ("registry.example.com:5000/shop", "https://registry.example.com:5000/v2/shop/manifests/latest"),
        ("localhost:5055/shop:2", "http://localhost:5055/v2/shop/manifests/2"),
        ("postgres:17", "https://registry-1.docker.io/v2/library/postgres/manifests/17"),
        ("docker.io/acme/shop:2", "https://registry-1.docker.io/v2/acme/shop/manifests/2"),
        ("acme/shop:2", "https://registry-1.docker.io/v2/acme/shop/manifests/2"),
    ],
)
def test_a_registry_is_asked_for_the_digest_or_the_tag(reference: str, url: str) -> None:
    assert asked(reference, Registry({url: 200})) is Existence.EXISTS
    assert asked(reference, Registry({url: 404})) is Existence.GONE
    assert asked(reference, Registry({url: 500})) is Existence.UNKNOWN
    assert asked(reference, Registry({})) is Existence.UNKNOWN


def test_a_public_registry_gives_an_anonymous_token() -> None:
    challenge = 'Bearer realm="https://auth.example.com/token",service="ghcr.io",scope="repository:acme/shop:pull"'
    registry = Registry({"https://ghcr.io/v2/acme/shop/manifests/1": 200}, challenge)
    assert asked("ghcr.io/acme/shop:1", registry) is Existence.EXISTS
    assert registry.asked[1][0].startswith("https://auth.example.com/token?service=ghcr.io&scope=repository")
    assert registry.asked[2][1] == "Bearer t"
    private = Registry({}, 'Basic realm="private"')
    assert asked("ghcr.io/acme/shop:1", private) is Existence.UNKNOWN
    assert len(private.asked) == 1


def test_ecr_is_asked_through_its_own_api() -> None:
    found = FakeAws(answers={"BatchGetImage": {"images": [{"imageManifest": "{}"}], "failures": []}})
    assert existence(f"{ECR}@{DIGEST}", ScriptedClients(found)) is Existence.EXISTS
    assert found.called("BatchGetImage")[0]["imageIds"] == [{"imageDigest": DIGEST}]
    gone = FakeAws(answers={"BatchGetImage": {"images": [], "failures": []}})
    assert existence(f"{ECR}:1", ScriptedClients(gone)) is Existence.GONE
    no_repository = FakeAws(errors={"BatchGetImage": [("RepositoryNotFoundException", "no")]})
    assert existence(f"{ECR}:1", ScriptedClients(no_repository)) is Existence.GONE


def test_the_simulation_asks_no_registry() -> None:
    assert existence("ghcr.io/acme/shop:1", ScriptedClients(FakeAws(), simulated=True)) is Existence.UNKNOWN
