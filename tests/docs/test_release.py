"""A release: the wheel alone works, its metadata is valid, the changelog has its changes, the version follows from commits."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import zipfile
from datetime import date
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
needs_build = pytest.mark.skipif(
    not all(map(find_spec, ("build", "hatchling", "twine"))), reason="build, hatchling or twine is not installed"
)
needs_commitizen = pytest.mark.skipif(not (BIN / "cz").exists(), reason="commitizen is not installed")
CHANGELOG = """# Changelog

## Unreleased

### Added

- A thing.

## 0.1.0 (2026-01-02)

- The beginning.
"""


@pytest.fixture(scope="module")
def release_notes() -> ModuleType:
    spec = importlib.util.spec_from_file_location("release_notes", ROOT / "docs" / "release_notes.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Wheel and sdist."""
    folder = tmp_path_factory.mktemp("dist")
    words = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    built = subprocess.run(words, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    return folder


@needs_build
def test_wheel_and_sdist_have_valid_metadata(dist: Path) -> None:
    files = sorted(map(str, dist.iterdir()))
    assert sorted(Path(file).suffix for file in files) == [".gz", ".whl"]
    checked = subprocess.run(
        [sys.executable, "-m", "twine", "check", "--strict", *files], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


@needs_build
def test_the_wheel_has_every_file_of_both_packages_and_the_pages_and_no_other(dist: Path) -> None:
    (wheel,) = dist.glob("*.whl")
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    listed = subprocess.run(
        ["git", "ls-files", "orchestrator", "pulumi_django", "docs/*.md"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    tracked = [re.sub("^docs/", "orchestrator/pages/", name) for name in listed.stdout.splitlines()]
    assert held == set(tracked)


@needs_build
def test_a_new_django_project_gets_an_environment_from_the_wheel_alone(dist: Path, tmp_path: Path) -> None:
    (wheel,) = dist.glob("*.whl")
    packages, repository = tmp_path / "packages", tmp_path / "shop"
    zipfile.ZipFile(wheel).extractall(packages)
    repository.mkdir()
    subprocess.run([sys.executable, "-m", "django", "startproject", "shop", str(repository)], check=True)
    subprocess.run(["git", "init", "--quiet", str(repository)], check=True)
    variables = {**os.environ, "PYTHONPATH": str(packages)}

    def run(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, *words], cwd=repository, env=variables, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    place = run("-c", "import orchestrator, pulumi_django; print(orchestrator.__file__, pulumi_django.__file__)")
    assert all(str(packages) in file for file in place.split())
    run("-m", "orchestrator", "init", "--yes")
    run("-m", "orchestrator", "ci", "init", "github", "--project-dir", "infrastructure")
    assert "alpha  environment  created" in run("-m", "orchestrator", "create-env", "alpha", "--base", "dev")


def test_the_unreleased_changes_become_those_of_the_version(release_notes: ModuleType) -> None:
    begun = release_notes.begin(CHANGELOG, "0.2.0", date(2026, 11, 27))
    assert release_notes.notes(begun, "0.2.0") == "### Added\n\n- A thing."
    assert "## Unreleased\n\n## 0.2.0 (2026-11-27)\n\n### Added" in begun
    assert release_notes.notes(begun, "0.1.0") == "- The beginning."


@pytest.mark.parametrize(
    ("version", "text", "message"),
    [
        ("0.1.0", CHANGELOG, "CHANGELOG.md has 0.1.0 already"),
        ("next", CHANGELOG, "'next' is not a version such as 1.2.0"),
        ("0.2.0", CHANGELOG.replace("### Added\n\n- A thing.\n", ""), "CHANGELOG.md has no unreleased changes"),
        ("0.2.0", "# Changelog\n", "CHANGELOG.md has no unreleased changes"),
    ],
)
def test_a_release_without_changes_or_with_a_wrong_version_is_refused(
    release_notes: ModuleType, version: str, text: str, message: str
) -> None:
    with pytest.raises(release_notes.ChangelogError) as raised:
        release_notes.begin(text, version, date(2026, 11, 27))
    assert str(raised.value).startswith(message)


def test_the_changelog_has_unreleased_or_released_changes(release_notes: ModuleType) -> None:
    found = release_notes.sections((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
    assert next(iter(found)) == "Unreleased"
    assert any(found.values())


@needs_commitizen
@pytest.mark.parametrize(
    ("commits", "version"),
    [
        (["fix(db): a", "docs: b"], "0.4.1"),
        (["fix: a", "feat(smoke): b"], "0.5.0"),
        (["feat!: a"], "0.5.0"),
        (["docs: a", "test: b"], None),
    ],
)
def test_the_version_follows_from_the_commits_since_the_last_tag(
    tmp_path: Path, commits: list[str], version: str | None
) -> None:
    """`cz bump` with the settings of this repository, in a repository with the tag v0.4.0."""
    settings = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    before = next(line for line in settings.splitlines() if line.startswith("version = "))
    (tmp_path / "pyproject.toml").write_text(settings.replace(before, 'version = "0.4.0"', 1), encoding="utf-8")
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG, encoding="utf-8")
    (tmp_path / "docs").mkdir()
    shutil.copy(ROOT / "docs" / "release_notes.py", tmp_path / "docs")

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        variables = {
            **os.environ,
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
            "GIT_CONFIG_GLOBAL": str(tmp_path / ".git" / "person"),
        }
        return subprocess.run(words, cwd=tmp_path, env=variables, capture_output=True, text=True, check=False)

    run("git", "init", "--quiet", "--initial-branch", "main")
    (tmp_path / ".git" / "person").write_text("[user]\n\tname = ada\n\temail = ada@example.com\n")
    run("git", "add", ".")
    run("git", "commit", "--quiet", "--message", "chore: begin")
    run("git", "tag", "--annotate", "v0.4.0", "--message", "v0.4.0")
    for message in commits:
        run("git", "commit", "--quiet", "--allow-empty", "--message", message)
    bumped = run("cz", "bump", "--yes")
    tags = run("git", "tag").stdout.split()
    assert tags == ["v0.4.0"] + ([f"v{version}"] if version else []), bumped.stdout + bumped.stderr
    if version:
        assert run("git", "status", "--porcelain").stdout == ""
        assert f'version = "{version}"' in (tmp_path / "pyproject.toml").read_text(encoding="utf-8")
        assert f"## {version} (" in (tmp_path / "CHANGELOG.md").read_text(encoding="utf-8")
