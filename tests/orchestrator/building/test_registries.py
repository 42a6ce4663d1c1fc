"""Registries: the digest of a tag, logins, repositories in ECR."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws

from orchestrator.building import registries
from orchestrator.building.buildx import Buildx
from orchestrator.building.http_registry import HttpRegistry
from orchestrator.building.images import Building
from orchestrator.building.requests import BuildImages, BuiltImage, ImageStatus
from orchestrator.config import settings
from orchestrator.errors import OperationFailedError, RefusedError, SettingsError
from pulumi_django.account.repository import RepositoryOptions
from pulumi_django.rules import image_expiry
from tests.orchestrator.building.conftest import configured
from tests.support import aws
from tests.support.builders import DIGEST, Builders, LoopbackRegistry
from tests.support.moto_clients import MotoClients
from tests.support.workspace import Workspace

HOST = "123456789012.dkr.ecr.us-east-1.amazonaws.com"
MANIFEST = {
    "schemaVersion": 2,
    "mediaType": "application/vnd.oci.image.manifest.v1+json",
    "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": DIGEST, "size": 2},
    "layers": [],
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without logins."""
    for name in ("DOCKER_CONFIG", "REGISTRY_AUTH_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    return tmp_path


def login(file: Path, host: str, **document: Any) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    auth = base64.b64encode(b"ada:pa55").decode()
    file.write_text(json.dumps(document or {"auths": {host: {"auth": auth}}}))


# registries of the distribution protocol


@pytest.mark.usefixtures("home")
def test_the_digest_of_a_tag_is_read_without_pulling_the_image() -> None:
    with LoopbackRegistry(images={"shop/backend:c-1": DIGEST}).served() as registry:
        repository = HttpRegistry(f"{registry.host}/shop/backend")
        assert repository.digest("c-1") == DIGEST
        assert repository.digest("c-2") is None
        assert registry.asked == ["/v2/shop/backend/manifests/c-1", "/v2/shop/backend/manifests/c-2"]


@pytest.mark.parametrize("tokens", [False, True])
@pytest.mark.parametrize("file", [".docker/config.json", "run/containers/auth.json", ".config/containers/auth.json"])
def test_the_login_of_docker_podman_and_buildah_is_used(home: Path, tokens: bool, file: str) -> None:
    with LoopbackRegistry(images={"shop:c-1": DIGEST}, users={"ada": "pa55"}, tokens=tokens).served() as registry:
        with pytest.raises(OperationFailedError, match=r"refuses access to .* \(HTTP 401\)") as caught:
            HttpRegistry(f"{registry.host}/shop").digest("c-1")
        assert caught.value.hint
        assert f"docker login {registry.host}" in caught.value.hint
        login(home / file, registry.host)
        assert HttpRegistry(f"{registry.host}/shop").digest("c-1") == DIGEST


def test_a_credential_helper_is_asked(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    helper = home / "bin" / "docker-credential-mine"
    helper.parent.mkdir()
    helper.write_text('#!/bin/sh\ncat >/dev/null\necho \'{"Username": "ada", "Secret": "pa55"}\'\n')
    helper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{helper.parent}:/usr/bin:/bin")
    login(home / ".docker/config.json", "", credsStore="mine")
    with LoopbackRegistry(images={"shop:c-1": DIGEST}, users={"ada": "pa55"}).served() as registry:
        assert HttpRegistry(f"{registry.host}/shop").digest("c-1") == DIGEST


@pytest.mark.usefixtures("home")
def test_a_registry_in_trouble_or_out_of_reach_is_an_error() -> None:
    with LoopbackRegistry(status=503).served() as registry:
        with pytest.raises(OperationFailedError, match=r"did not say whether it has .* \(HTTP 503\)"):
            HttpRegistry(f"{registry.host}/shop").digest("c-1")
        host = registry.host
    with pytest.raises(OperationFailedError, match="cannot be reached"):
        HttpRegistry(f"{host}/shop").digest("c-1")


# ECR


@pytest.fixture
def ecr() -> Iterator[Any]:
    with mock_aws():
        yield aws.client("ecr")


def build(workspace: Workspace, *, create: bool = False, **request: Any) -> BuiltImage:
    building = Building(
        settings.load(workspace.root),
        BuildImages(push=True, **request),
        simulated=False,
        make_clients=lambda _access: MotoClients(),
    )
    (image,) = building.run(lambda *_: None, lambda _question: create)
    return image


@pytest.mark.usefixtures("source", "home")
def test_the_password_of_ecr_goes_to_standard_input(workspace: Workspace, builders: Builders, ecr: Any) -> None:
    ecr.create_repository(repositoryName="shop-backend")
    configured(workspace, f'repository = "{HOST}/shop-backend"')
    builders.container_tool()
    image = build(workspace)
    assert image.reference == f"{HOST}/shop-backend:{image.tag}@{DIGEST}"
    assert builders.call("buildah login") == f"buildah login --username AWS --password-stdin {HOST}"
    assert builders.password
    assert not any(builders.password in call for call in builders.calls)


@pytest.mark.usefixtures("source", "home", "builders")
def test_an_image_that_ecr_has_is_not_built(workspace: Workspace, ecr: Any) -> None:
    ecr.create_repository(repositoryName="shop-backend")
    configured(workspace, f'repository = "{HOST}/shop-backend"')
    named = Building(settings.load(workspace.root), BuildImages(), simulated=True).named[0]
    put = ecr.put_image(repositoryName="shop-backend", imageTag=named.tag, imageManifest=json.dumps(MANIFEST))
    image = build(workspace)
    assert (image.status, image.digest) == (ImageStatus.UNCHANGED, put["image"]["imageId"]["imageDigest"])


@pytest.mark.usefixtures("source", "home")
def test_a_missing_repository_is_created_only_when_asked(workspace: Workspace, builders: Builders, ecr: Any) -> None:
    configured(workspace, f'repository = "{HOST}/shop-backend"')
    builders.container_tool()
    with pytest.raises(
        RefusedError, match=r"the repository shop-backend does not exist in ECR \(us-east-1\)"
    ) as caught:
        build(workspace)
    assert caught.value.hint == "pass --create-repository, or add it to `repositories` of the bootstrap"
    assert not any(call.startswith("buildah build") for call in builders.calls)
    image = build(workspace, create=True)
    assert image.notes[-1].startswith("created the repository shop-backend with the settings of the bootstrap")
    (found,) = ecr.describe_repositories()["repositories"]
    assert found["imageTagMutability"] == "IMMUTABLE"
    assert found["imageScanningConfiguration"] == {"scanOnPush": True}
    policy = ecr.get_lifecycle_policy(repositoryName="shop-backend")["lifecyclePolicyText"]
    usual = RepositoryOptions()
    assert json.loads(policy) == json.loads(
        image_expiry.policy(keep_images=usual.keep_images, untagged_days=usual.untagged_days)
    )


@pytest.mark.usefixtures("source", "home")
def test_the_repository_of_the_bootstrap_is_the_default(workspace: Workspace, builders: Builders, ecr: Any) -> None:
    workspace.write("app", "alpha", f"config:\n  django-app:backend_image: {HOST}/placeholder-of-init:1\n")
    configured(workspace)
    builders.container_tool()
    with pytest.raises(SettingsError, match="the repository of the image backend is not known") as caught:
        build(workspace)
    assert caught.value.hint == 'set `repository` in [images.backend], for example repository = "shop-backend"'
    ecr.create_repository(repositoryName="shop-backend")
    ecr.create_repository(repositoryName="shop-frontend")
    assert build(workspace).reference.startswith(f"{HOST}/shop-backend:c-")
    ecr.create_repository(repositoryName="other/backend")
    with pytest.raises(SettingsError, match=r"and .* match"):
        build(workspace)


@pytest.mark.usefixtures("source", "home")
def test_the_name_of_a_repository_in_ecr_is_enough(workspace: Workspace, builders: Builders, ecr: Any) -> None:
    configured(workspace, 'repository = "own/name"')
    builders.container_tool()
    with pytest.raises(RefusedError, match="the repository own/name does not exist"):
        build(workspace)
    ecr.create_repository(repositoryName="own/name")
    assert build(workspace).reference.startswith(f"{HOST}/own/name:c-")


@pytest.mark.usefixtures("source", "home")
def test_tags_that_cannot_move_hold_no_cache(workspace: Workspace, builders: Builders, ecr: Any) -> None:
    ecr.create_repository(repositoryName="shop-backend", imageTagMutability="IMMUTABLE")
    configured(workspace, f'repository = "{HOST}/shop-backend"')
    builders.docker()
    image = build(workspace)
    assert "--cache-to" not in builders.call("docker buildx build")
    assert any(note.startswith(f"{HOST}/shop-backend keeps no layers") for note in image.notes)
    mutable = registries.of(f"{HOST}/shop-backend", lambda _region: MotoClients())
    ecr.put_image_tag_mutability(repositoryName="shop-backend", imageTagMutability="MUTABLE")
    assert mutable.keeps_cache()


@pytest.mark.usefixtures("home")
def test_a_login_that_fails_does_not_show_the_password(builders: Builders) -> None:
    builders.docker()
    file = builders.folder / "bin" / "docker"
    file.write_text('#!/bin/sh\necho "bad: $(cat)" >&2\nexit 1\n')
    with pytest.raises(OperationFailedError, match=r"docker cannot log in to example\.com: bad: \[secret\]"):
        Buildx(full=True).login("example.com", "AWS", "s3cr3t")
