"""`build`, and `--build` of the commands that deploy."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import jsonschema
import pytest

from orchestrator.engines.simulation import SimulationEngine
from orchestrator.rendering.schema import schema
from tests.support.builders import DIGEST, Builders, LoopbackRegistry
from tests.support.command_line import NOTICE, Here
from tests.support.operations import OUTPUTS


@pytest.fixture
def builders(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Builders:
    return Builders(tmp_path_factory.mktemp("builders"), monkeypatch)


@pytest.fixture
def shop(here: Here) -> Here:
    """A folder with an image to build, whose program exports it."""
    (here.folder / "orchestrator.toml").write_text(
        (here.folder / "orchestrator.toml").read_text() + '\n[images.backend]\ncontext = "source"\n'
    )
    program = "import pulumi\nfor name, value in {outputs!r}.items():\n    pulumi.export(name, value)\n"
    for project, outputs in (("app", asdict(OUTPUTS)), ("base", {"region": "us-east-1"})):
        (here.folder / project / "__main__.py").write_text(program.format(outputs=outputs))
    (here.folder / "source").mkdir()
    (here.folder / "source" / "Dockerfile").write_text("FROM scratch\n")
    return here


def in_registry(shop: Here, registry: LoopbackRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine counts as real, and the image has a repository."""
    monkeypatch.setattr(SimulationEngine, "notice", None)
    file = shop.folder / "orchestrator.toml"
    file.write_text(f'{file.read_text()}repository = "{registry.host}/shop"\n')


def image_of(folder: Path) -> str:
    """The image in alpha's configuration."""
    lines = (folder / "app" / "Pulumi.alpha.yaml").read_text().splitlines()
    return next((line.split(": ", 1)[1] for line in lines if "backend_image" in line), "")


def test_build_shows_the_output_and_prints_the_reference(shop: Here, builders: Builders) -> None:
    builders.container_tool(build="echo STEP 1")
    answer = shop("build")
    assert answer.code == 0, answer.err
    assert answer.out.startswith("backend  built  0.0 s  backend:c-")
    assert "backend: STEP 1\n" in answer.err
    document = json.loads(shop("build", "backend", "--json").out)
    jsonschema.validate(document, schema("build"))
    assert document["images"][0]["reference"] == answer.out.split()[-1]
    assert document["notice"] == NOTICE


def test_a_build_that_fails_ends_with_exit_code_1_and_its_last_lines(shop: Here, builders: Builders) -> None:
    builders.container_tool(build="echo STEP 1; echo 'pip: not found' >&2; exit 127")
    answer = shop("build", "--quiet")
    assert (answer.code, answer.out) == (1, "")
    assert "was not built: buildah ended with exit code 127:\n  STEP 1\n  pip: not found\nhint: " in answer.err


def test_in_the_simulation_an_environment_gets_the_name_and_nothing_is_built(shop: Here, builders: Builders) -> None:
    for words in (("create-env", "alpha"), ("preview-env", "alpha"), ("deploy", "alpha", "--dry-run")):
        answer = shop(*words, "--build")
        assert answer.code == 0, answer.err
        assert "image     backend is not built: only its name was computed: backend:c-" in answer.err
    assert image_of(shop.folder).startswith("backend:c-")
    assert builders.calls == []


def test_an_environment_is_created_with_the_digest_of_the_image(
    shop: Here, builders: Builders, monkeypatch: pytest.MonkeyPatch
) -> None:
    builders.container_tool()
    with LoopbackRegistry().served() as registry:
        in_registry(shop, registry, monkeypatch)
        answer = shop("create-env", "alpha", "--build")
        assert answer.code == 0, answer.err
        image = image_of(shop.folder)
        assert image.startswith(f"{registry.host}/shop:c-")
        assert image.endswith(f"@{DIGEST}")
        registry.images[image.partition("@")[0].removeprefix(f"{registry.host}/")] = DIGEST
        calls = builders.calls
        answer = shop("create-env", "alpha", "--build")
        assert answer.code == 0, answer.err
        assert f"image     backend exists already: {image}" in answer.err
    assert builders.calls == calls


def test_a_failing_build_touches_nothing_of_the_environment(
    shop: Here, builders: Builders, monkeypatch: pytest.MonkeyPatch
) -> None:
    builders.container_tool(build="exit 1")
    before = (shop.folder / "app" / "Pulumi.alpha.yaml").read_text()
    with LoopbackRegistry().served() as registry:
        in_registry(shop, registry, monkeypatch)
        assert shop("create-env", "alpha", "--build").code == 1
    assert (shop.folder / "app" / "Pulumi.alpha.yaml").read_text() == before
    assert shop("list").out == "nothing exists yet\n"


def test_a_request_that_is_refused_is_refused_before_the_build(
    shop: Here, builders: Builders, monkeypatch: pytest.MonkeyPatch
) -> None:
    builders.container_tool()
    with LoopbackRegistry().served() as registry:
        in_registry(shop, registry, monkeypatch)
        answer = shop("create-env", "alpha", "--base", "none", "--build")
        assert answer.code in (1, 2), answer.err
        answer = shop("deploy", "gamma", "--build")
        assert answer.code == 1
    assert "gamma" in answer.err
    assert builders.calls == []


def test_an_image_that_is_given_is_not_built(shop: Here, builders: Builders) -> None:
    answer = shop("create-env", "alpha", "--build", "--image", "backend=registry.example.com/a:1")
    assert answer.code == 2
    assert answer.err.startswith("error: --build has nothing to build, because --image gives every image of [images]")
    assert builders.calls == []


def test_a_repository_without_images_has_nothing_to_build(here: Here) -> None:
    answer = here("create-env", "alpha", "--build")
    assert answer.code == 1
    assert "has no [images]: no image can be built\nhint: add a table, for example:" in answer.err
