"""Images are built once for the same files, named by them, and deployed by digest."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from orchestrator.building.images import Building
from orchestrator.building.requests import BuildImages, BuiltImage, ImageStatus
from orchestrator.config import settings
from orchestrator.errors import (
    EngineUnavailableError,
    OperationFailedError,
    OrchestratorError,
    SettingsError,
    UsageError,
)
from tests.orchestrator.building.conftest import configured
from tests.support.builders import DIGEST, Builders, LoopbackRegistry
from tests.support.workspace import Workspace


def run(workspace: Workspace, *, simulated: bool = False, lines: list[str] | None = None, **request: Any) -> BuiltImage:
    building = Building(settings.load(workspace.root), BuildImages(**request), simulated=simulated)
    (image,) = building.run(
        lambda name, line: (lines if lines is not None else []).append(f"{name}: {line}"), lambda _: False
    )
    return image


def refusal(workspace: Workspace, **request: Any) -> OrchestratorError:
    with pytest.raises(OrchestratorError) as caught:
        run(workspace, **request)
    return caught.value


@pytest.mark.usefixtures("source")
def test_a_build_shows_its_output_and_names_the_image_by_what_goes_in(workspace: Workspace, builders: Builders) -> None:
    builders.container_tool(build="echo STEP 1; echo STEP 2 >&2")
    lines: list[str] = []
    image = run(workspace, lines=lines)
    assert image.status is ImageStatus.BUILT
    assert image.reference == f"registry.example.com/shop:{image.tag}"
    assert (image.digest, image.builder, image.files, image.platforms) == (None, "buildah", 2, ("linux/amd64",))
    assert lines == [
        f"backend: building {image.reference} with buildah (linux/amd64, 2 files)",
        "backend: STEP 1",
        "backend: STEP 2",
    ]
    assert builders.context == {"Dockerfile": "FROM scratch\nCOPY . /app\n", "manage.py": "print()\n"}
    assert not any(call.startswith("buildah push") for call in builders.calls)


@pytest.mark.parametrize(
    "table",
    ['target = "x"', 'args = {A = "1"}', 'platforms = ["linux/amd64", "linux/arm64"]'],
)
def test_target_arguments_and_platforms_are_part_of_the_tag(
    workspace: Workspace, source: Path, builders: Builders, table: str
) -> None:
    builders.container_tool()
    before = run(workspace).tag
    assert run(workspace).tag == before
    configured(workspace, table)
    changed = run(workspace).tag
    assert changed != before
    (source / "manage.py").write_text("changed")
    assert run(workspace).tag not in (before, changed)


def test_an_image_that_the_registry_has_is_neither_built_nor_pushed(
    workspace: Workspace, source: Path, builders: Builders
) -> None:
    assert source.is_dir()
    with LoopbackRegistry().served() as registry:
        configured(workspace, f'repository = "{registry.host}/shop/backend"')
        builders.container_tool()
        first = run(workspace, push=True)
        assert (first.status, first.digest) == (ImageStatus.BUILT, DIGEST)
        assert first.reference == f"{registry.host}/shop/backend:{first.tag}@{DIGEST}"
        registry.images[f"shop/backend:{first.tag}"] = DIGEST
        calls = builders.calls
        second = run(workspace, push=True)
    assert (second.status, second.reference) == (ImageStatus.UNCHANGED, first.reference)
    assert builders.calls == calls


@pytest.mark.usefixtures("source")
def test_several_platforms_become_one_manifest(workspace: Workspace, builders: Builders) -> None:
    with LoopbackRegistry().served() as registry:
        configured(workspace, f'repository = "{registry.host}/shop"\nplatforms = ["linux/arm64", "linux/amd64"]')
        builders.container_tool("podman")
        image = run(workspace, push=True)
    assert image.platforms == ("linux/amd64", "linux/arm64")
    reference = f"{registry.host}/shop:{image.tag}"
    assert "--platform linux/amd64,linux/arm64" in builders.call("podman build")
    assert f"--manifest {reference}" in builders.call("podman build")
    assert builders.call("podman manifest push").endswith(f"--tls-verify=false {reference} docker://{reference}")
    assert builders.calls.index(builders.call("podman manifest rm")) < builders.calls.index(
        builders.call("podman build")
    )


@pytest.mark.usefixtures("source")
def test_buildx_pushes_in_one_step_with_cache_provenance_and_sbom(workspace: Workspace, builders: Builders) -> None:
    with LoopbackRegistry().served() as registry:
        configured(workspace, f'repository = "{registry.host}/shop"\ntarget = "web"\nargs = {{A = "1 2"}}')
        builders.docker()
        image = run(workspace, push=True)
    call, reference = builders.call("docker buildx build"), f"{registry.host}/shop"
    assert image.reference == f"{reference}:{image.tag}@{DIGEST}"
    for words in (
        "--target web --platform linux/amd64 --build-arg A=1 2",
        f"--tag {reference}:{image.tag} --progress plain",
        f"--cache-from type=registry,ref={reference}:cache",
        f"--cache-to type=registry,ref={reference}:cache,mode=max,image-manifest=true,oci-mediatypes=true,ignore-error=true",
        "--provenance true --sbom true --push",
    ):
        assert words in call


@pytest.mark.usefixtures("source")
def test_the_builder_docker_without_containerd_gets_no_cache_and_one_platform(
    workspace: Workspace, builders: Builders
) -> None:
    builders.docker(driver="docker")
    image = run(workspace)
    assert "--load" in builders.call("docker buildx build")
    assert "--cache-from" not in builders.call("docker buildx build")
    assert image.notes[-1].startswith("Docker's default builder keeps no layers in a registry")
    configured(workspace, 'platforms = ["linux/amd64", "linux/arm64"]')
    assert refusal(workspace).hint == "create a builder that builds several: `docker buildx create --use`"


def test_labels_name_the_commit_and_the_branch(workspace: Workspace, source: Path, builders: Builders) -> None:
    for words in (["init", "-q"], ["checkout", "-q", "-b", "feature/x"], ["add", "."], ["commit", "-q", "-m", "x"]):
        subprocess.run(["git", *words], cwd=source, check=True)
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=source, check=True, capture_output=True, text=True
    ).stdout.strip()
    builders.container_tool()
    run(workspace)
    assert f"--label org.opencontainers.image.revision={head} " in builders.call("buildah build")
    assert "--label org.opencontainers.image.ref.name=feature/x " in builders.call("buildah build")
    (source / "manage.py").write_text("dirty")
    image = run(workspace)
    assert image.notes == ("1 file is not committed: the image gets it as it is",)
    assert f"image.revision={head}-dirty " in builders.calls[-1]


@pytest.mark.usefixtures("source")
def test_a_cache_in_another_repository_is_used_by_every_builder(workspace: Workspace, builders: Builders) -> None:
    with LoopbackRegistry().served() as registry:
        configured(workspace, f'repository = "{registry.host}/shop"\ncache = "shop-cache"')
        builders.container_tool()
        run(workspace, push=True)
        place = f"{registry.host}/shop-cache"
        assert f"--cache-from {place} --tls-verify=false --cache-to {place}" in builders.call("buildah build")
        builders.docker()
        run(workspace, push=True)
        assert f"--cache-to type=registry,ref={place}:cache-backend,mode=max" in builders.call("docker buildx build")
        configured(workspace, f'repository = "{registry.host}/shop"\ncache = false')
        run(workspace, push=True)
        assert "--cache" not in builders.calls[-1]


@pytest.mark.parametrize("context", ["..", "."])
def test_a_deploy_that_writes_the_image_into_a_stack_file_does_not_change_the_tag(
    tmp_path: Path, builders: Builders, context: str
) -> None:
    builders.container_tool()
    (tmp_path / "repository" / "stacks").mkdir(parents=True)
    workspace = Workspace(tmp_path / "repository" / "stacks")
    (workspace.root / context / "Dockerfile").write_text("FROM scratch\n")
    file = workspace.root / "orchestrator.toml"
    file.write_text(f'{file.read_text()}\n[images.backend]\ncontext = "{context}"\n')
    before = run(workspace)
    assert builders.context == {"Dockerfile": "FROM scratch\n"}
    workspace.write("app", "alpha", "config:\n  django-app:backend_image: registry.example.com/shop:2\n")
    file.write_text(f"{file.read_text()}# a comment\n")
    assert run(workspace).tag == before.tag


# builders


@pytest.mark.usefixtures("source")
def test_the_first_builder_that_works_is_used(workspace: Workspace, builders: Builders) -> None:
    builders.container_tool("buildah")
    assert run(workspace).builder == "buildah"
    builders.container_tool("podman")
    assert run(workspace).builder == "podman"
    builders.docker(version="exit 1")
    assert run(workspace).builder == "podman"
    builders.docker(info="echo 'Cannot connect to the Docker daemon' >&2; exit 1")
    assert run(workspace).builder == "podman"
    builders.docker()
    assert run(workspace).builder == "docker buildx"
    assert run(workspace, builder="buildah").builder == "buildah"


@pytest.mark.usefixtures("source")
def test_without_a_builder_the_message_says_what_to_install(workspace: Workspace, builders: Builders) -> None:
    builders.docker(info="echo 'Cannot connect to the Docker daemon at unix:///var/run/docker.sock.' >&2; exit 1")
    error = refusal(workspace)
    assert isinstance(error, EngineUnavailableError)
    assert error.message == (
        "no image can be built: docker is not usable: Cannot connect to the Docker daemon at "
        "unix:///var/run/docker.sock.; podman is not installed; buildah is not installed"
    )
    assert error.hint
    assert error.hint.startswith("install one of them: Docker with buildx (https://")
    assert "buildah is not installed" in refusal(workspace, builder="buildah").message


@pytest.mark.parametrize(
    ("output", "cause", "hint"),
    [
        ("write /x: no space left on device", "the disk is full", "free some space"),
        (
            "denied: requested access to the resource is denied",
            "a registry refuses access",
            "log in with `buildah login",
        ),
        ("unauthorized: authentication required", "a registry refuses access", "log in with"),
        ("dial tcp 10.0.0.1:443: i/o timeout", "a registry cannot be reached", "check the network"),
        ("exec /bin/sh: exec format error", "this machine cannot run programs of another processor", "install"),
        ("sh: ./run: Permission denied: x", "buildah ended with exit code 7", "correct the step that failed"),
    ],
)
@pytest.mark.usefixtures("source")
def test_a_failing_build_shows_its_last_lines_and_the_cause(
    workspace: Workspace, builders: Builders, output: str, cause: str, hint: str
) -> None:
    builders.container_tool(build=f"echo STEP 1; echo '{output}' >&2; exit 7")
    error = refusal(workspace)
    assert isinstance(error, OperationFailedError)
    first, *last = error.message.splitlines()
    assert first.endswith(f" was not built: {cause}:")
    assert last == ["  STEP 1", f"  {output}"]
    assert (error.hint or "").startswith(hint)


@pytest.mark.usefixtures("source")
def test_a_push_that_the_registry_refuses_fails_and_has_no_digest(workspace: Workspace, builders: Builders) -> None:
    with LoopbackRegistry().served() as registry:
        configured(workspace, f'repository = "{registry.host}/shop"')
        builders.container_tool(push="echo 'requested access denied: unauthorized: no' >&2; exit 125")
        assert " was not pushed: a registry refuses access:" in refusal(workspace, push=True).message
        builders.container_tool(push="exit 0")
        assert "buildah wrote none" in refusal(workspace, push=True).message
        builders.docker(build="exit 0")
        assert "docker buildx wrote no metadata" in refusal(workspace, push=True).message


# secrets


@pytest.mark.usefixtures("source")
def test_a_secret_reaches_the_builder_by_name_and_is_masked_in_its_output(
    workspace: Workspace, builders: Builders, monkeypatch: pytest.MonkeyPatch
) -> None:
    (workspace.root / "pip.conf").write_text("[global]\nindex-url = https://user:pa55word@example.com\n")
    configured(workspace, 'secrets = {token = "env:PIP_TOKEN", conf = "file:pip.conf"}')
    monkeypatch.setenv("PIP_TOKEN", "s3cr3t")
    builders.container_tool(build='echo "got $PIP_TOKEN"; echo "index-url = https://user:pa55word@example.com"; exit 1')
    lines: list[str] = []
    with pytest.raises(OperationFailedError) as caught:
        run(workspace, lines=lines)
    assert lines[1:] == ["backend: got [secret]", "backend: [secret]"]
    assert "s3cr3t" not in caught.value.message
    call = builders.call("buildah build")
    assert f"--secret id=token,env=PIP_TOKEN --secret id=conf,src={workspace.root}/pip.conf" in call
    assert "s3cr3t" not in call


@pytest.mark.usefixtures("source")
def test_a_missing_secret_is_refused_before_the_build(workspace: Workspace, builders: Builders) -> None:
    builders.container_tool()
    configured(workspace, 'secrets = {token = "env:PIP_TOKEN"}')
    error = refusal(workspace)
    assert error.message == "the secret token of the image backend is missing: the variable PIP_TOKEN is not set"
    configured(workspace, 'secrets = {conf = "file:none.conf"}')
    assert "none.conf: No such file or directory" in refusal(workspace).message
    assert builders.calls == []


@pytest.mark.usefixtures("source")
def test_a_build_argument_that_looks_like_a_secret_is_noted(workspace: Workspace, builders: Builders) -> None:
    builders.container_tool()
    configured(workspace, 'args = {API_TOKEN = "x"}')
    assert any(note.startswith("the argument API_TOKEN stays readable") for note in run(workspace).notes)


# environments, the simulation


@pytest.mark.usefixtures("source")
def test_the_environment_decides_platform_and_repository(workspace: Workspace, builders: Builders) -> None:
    builders.container_tool()
    workspace.write(
        "app",
        "beta",
        "config:\n  django-app:architecture: ARM64\n  django-app:backend_image: other.example.com:5000/a/b:1@sha256:x\n",
    )
    image = run(workspace, environments=("beta",))
    assert image.platforms == ("linux/arm64",)
    assert image.reference.startswith("other.example.com:5000/a/b:c-")
    assert run(workspace, environments=("gamma",)).platforms == ("linux/amd64",), "the template counts"
    assert run(workspace, environments=("alpha", "beta")).platforms == ("linux/amd64", "linux/arm64")
    assert run(workspace, architecture="ARM64").platforms == ("linux/arm64",)


@pytest.mark.usefixtures("source")
def test_the_simulation_computes_names_and_needs_no_builder(workspace: Workspace, builders: Builders) -> None:
    image = run(workspace, simulated=True, push=True)
    assert (image.status, image.digest) == (ImageStatus.NAMED, None)
    assert image.reference == f"registry.example.com/shop:{image.tag}"
    assert builders.calls == []
    builders.container_tool()
    assert run(workspace, simulated=True).tag == image.tag


# bad input


@pytest.mark.usefixtures("builders")
def test_the_hint_for_a_repository_without_images_says_what_to_add(workspace: Workspace) -> None:
    error = refusal(workspace)
    assert error.message.endswith("orchestrator.toml has no [images]: no image can be built")
    assert "[images.backend]" in (error.hint or "")


@pytest.mark.usefixtures("source", "builders")
def test_an_unknown_image_builder_or_architecture_is_refused(workspace: Workspace) -> None:
    error = refusal(workspace, images=("backnd",))
    assert isinstance(error, UsageError)
    assert error.hint == "did you mean backend?"
    assert isinstance(refusal(workspace, architecture="MIPS"), UsageError)
    assert isinstance(refusal(workspace, builder="kaniko"), UsageError)
    configured(workspace, 'platforms = ["linux/arm64"]')
    error = refusal(workspace)
    assert isinstance(error, SettingsError)
    assert "images.backend.platforms has no linux/amd64, and the environment runs on it" in error.message


def test_files_that_change_during_the_build_are_noticed(workspace: Workspace, source: Path, builders: Builders) -> None:
    builders.container_tool()
    building = Building(settings.load(workspace.root), BuildImages(), simulated=False)
    (source / "manage.py").write_text("changed meanwhile")
    with pytest.raises(OrchestratorError, match="its files changed while they were read"):
        building.run(lambda *_: None, lambda _: False)
    assert not any(call.startswith("buildah build") for call in builders.calls)


@pytest.mark.usefixtures("source")
def test_ctrl_c_ends_the_builder_and_nothing_is_pushed(workspace: Workspace, builders: Builders) -> None:
    ended = builders.folder / "ended"
    builders.container_tool(build=f"trap 'echo x > {ended}; exit 130' INT; echo started; while :; do sleep 0.02; done")
    program = (
        "import sys\n"
        "from orchestrator.building.images import Building\n"
        "from orchestrator.building.requests import BuildImages\n"
        "from orchestrator.config import settings\n"
        "from orchestrator.errors import InterruptedRunError\n"
        "from pathlib import Path\n"
        f"building = Building(settings.load(Path({str(workspace.root)!r})), BuildImages(push=True), simulated=False)\n"
        "building.look = lambda: True\n"
        "try:\n"
        "    building.run(lambda name, line: print(line, flush=True), lambda _: False)\n"
        "except InterruptedRunError as error:\n"
        "    sys.exit(f'{error.message}')\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert process.stdout is not None
    assert process.stderr is not None
    for line in process.stdout:
        if line.strip() == "started":
            process.send_signal(signal.SIGINT)
            break
    error = process.stderr.read()
    process.wait()
    process.stdout.close()
    process.stderr.close()
    assert error == "interrupted: the image backend was not pushed, and nothing was deployed\n"
    assert ended.exists()
    assert not any(call.startswith("buildah push") for call in builders.calls)
