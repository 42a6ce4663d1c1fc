"""`orchestrator.toml`: its keys and the messages about mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from orchestrator.config import settings
from orchestrator.config.settings import PulumiSettings, RunnerSettings
from orchestrator.errors import GraphError, OrchestratorError, SettingsError
from orchestrator.model import Scope
from tests.support.workspace import TOML, Workspace


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("ORCHESTRATOR_PROJECT_DIR", raising=False)
    return Workspace(tmp_path).root


def refused(root: Path, toml: str) -> tuple[str, str | None]:
    """Message, with FILE for the file's name, and hint."""
    (root / "orchestrator.toml").write_text(toml)
    with pytest.raises(OrchestratorError) as caught:
        settings.load(root)
    return caught.value.message.replace(str(root / "orchestrator.toml"), "FILE"), caught.value.hint


def test_a_file_is_read_with_its_projects_by_key(root: Path) -> None:
    read = settings.load(root)
    assert (read.engine, read.root, read.state_dir) == ("simulation", root, root / ".orchestrator")
    assert [(p.key, p.name, p.scope, p.depends_on, p.template, p.path) for p in read.projects] == [
        ("app", "django-app", Scope.ENVIRONMENT, ("base",), "alpha", root / "projects" / "app"),
        ("base", "django-base", Scope.BASE, (), "dev", root / "projects" / "base"),
    ]
    assert read.in_scope(Scope.BASE) == (read.by_key["base"],)


def test_absent_keys_have_defaults(root: Path) -> None:
    (root / "orchestrator.toml").write_text(TOML.replace('engine = "simulation"', ""))
    read = settings.load(root)
    assert (read.engine, read.pulumi, read.runner) == ("pulumi", PulumiSettings(), RunnerSettings(parallel=4))


def test_every_setting_can_be_given(root: Path) -> None:
    more = '[pulumi]\nbackend = "s3://state"\nsecrets_provider = "awskms://alias/pulumi"\n[runner]\nparallel = 8\n'
    (root / "orchestrator.toml").write_text(TOML + more)
    read = settings.load(root)
    assert read.pulumi == PulumiSettings(backend="s3://state", secrets_provider="awskms://alias/pulumi")
    assert read.runner == RunnerSettings(parallel=8)


def test_the_file_is_found_from_a_folder_below(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root / "projects" / "app")
    assert settings.find() == root / "orchestrator.toml"


def test_the_environment_variable_names_the_folder(root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    monkeypatch.setenv("ORCHESTRATOR_PROJECT_DIR", str(root))
    assert settings.find() == root / "orchestrator.toml"


def test_a_missing_file_is_answered_with_an_example(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        settings.load(tmp_path)
    assert caught.value.message == f"no orchestrator.toml found in {tmp_path}"
    assert caught.value.hint == f"create one, for example:\n\n{settings.EXAMPLE}"


def test_the_example_of_the_hint_can_be_used_as_it_is(root: Path) -> None:
    (root / "orchestrator.toml").write_text(settings.EXAMPLE)
    assert sorted(settings.load(root).by_key) == ["app", "base"]


@pytest.mark.parametrize(
    ("before", "after", "message", "hint"),
    [
        ("[projects.app]", "[project.app]", "FILE:8: project is an unknown key", "did you mean `projects`?"),
        ("scope = \"env", "scop = \"env", "FILE:10: projects.app.scop is an unknown key", "did you mean `scope`?"),
        (
            'template = "dev"', "color = 3", "FILE:6: projects.base.color is an unknown key",
            "valid keys here are path, scope, depends_on, template",
        ),
        ('"simulation"', '"simulator"', "FILE:1: engine is 'simulator': it must be one of simulation, pulumi", "did you mean 'simulation'?"),
        ('scope = "base"', "", "FILE:3: projects.base.scope is missing", None),
        ('scope = "base"', 'scope = "global"', "FILE:5: projects.base.scope is 'global': it must be one of base, environment", None),
        ('path = "projects/app"', "path = 7", "FILE:9: projects.app.path is 7: it must be a string", None),
        ('path = "projects/app"', 'path = "gone"', "FILE:9: projects.app.path is 'gone': that folder has no Pulumi.yaml", None),
        ('depends_on = ["base"]', 'depends_on = "base"', "FILE:11: projects.app.depends_on is 'base': it must be a list", None),
        ('depends_on = ["base"]', "depends_on = [1]", "FILE:11: projects.app.depends_on contains 1: it must be a list of project keys", None),
        (
            'depends_on = ["base"]', 'depends_on = ["bas"]', "the project app depends on bas, which does not exist",
            "did you mean base?",
        ),
        (
            'path = "projects/app"', 'path = "projects/base"',
            "FILE:4: projects.base.path and projects.app.path both have the Pulumi project name 'django-base': names must be unique",
            None,
        ),
        ('engine = "simulation"', "runner = 3", "FILE:1: runner is 3: it must be a table", None),
        ('engine = "simulation"', "runner.parallel = 0", "FILE:1: runner.parallel is 0: it must be from 1 to 64", None),
        ('engine = "simulation"', "runner.parallel = true", "FILE:1: runner.parallel is true: it must be a whole number", None),
        ('engine = "simulation"', "engine = ", "FILE is not valid TOML: Invalid value (at line 1, column 10)", None),
        ('engine = "simulation"', "images.backend = 3", "FILE:1: images.backend is 3: it must be a table", None),
        ('engine = "simulation"', "images.Back.context = 'x'", "FILE:1: images.Back is not the name of an image: use lower-case letters, digits, _ and -", None),
        ('engine = "simulation"', "images.b.dockerfil = 'x'", "FILE:1: images.b.dockerfil is an unknown key", "did you mean `dockerfile`?"),
        ('engine = "simulation"', "images.b.context = 3", "FILE:1: images.b.context is not text", None),
        ('engine = "simulation"', "images.b.platforms = ['linux/s390x']", "FILE:1: images.b.platforms contains 'linux/s390x': platforms are linux/amd64 and linux/arm64", None),
        ('engine = "simulation"', "images.b.args = {A = 1}", "FILE:1: images.b.args.A is not text", None),
        ('engine = "simulation"', "images.b.args = {'A B' = ''}", "FILE:1: images.b.args.A B is not the name of a build argument", None),
        ('engine = "simulation"', "images.b.secrets = {t = 'ghp_x'}", "FILE:1: images.b.secrets.t is neither env:VARIABLE nor file:PATH; never write a secret here", None),
        ('engine = "simulation"', "images.b.secrets = {'-' = 'env:A'}", "FILE:1: images.b.secrets.- is not the id of a secret: use letters, digits, _, . and -", None),
        ('engine = "simulation"', "images.b.cache = 1", "FILE:1: images.b.cache is not text", None),
        ('engine = "simulation"', "images.b.repository = 'a/b:1'", "FILE:1: images.b.repository is 'a/b:1': it must be a repository without a tag, such as registry.example.com/shop/backend", None),
        ("[projects.base]", '[projects."a b"]', "FILE:3: projects.a b is not a valid project key: use letters, digits, - and _", None),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_file_line_and_key(
    root: Path, before: str, after: str, message: str, hint: str | None
) -> None:
    assert before in TOML
    assert refused(root, TOML.replace(before, after)) == (message, hint)


def test_a_file_without_projects_is_answered_with_an_example(root: Path) -> None:
    assert refused(root, "") == ("FILE has no projects", f"create one, for example:\n\n{settings.EXAMPLE}")


def test_projects_in_a_circle_are_named(root: Path) -> None:
    toml = TOML.replace('template = "dev"', 'depends_on = ["net"]')
    toml += '[projects.net]\npath = "projects/net"\nscope = "base"\ndepends_on = ["base"]\n'
    (root / "projects" / "net").mkdir()
    (root / "projects" / "net" / "Pulumi.yaml").write_text("name: net\n")
    (root / "orchestrator.toml").write_text(toml)
    with pytest.raises(GraphError, match=r"^the projects have a dependency cycle: base -> net -> base$"):
        settings.load(root)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("runtime: python\n", ": name is missing"),
        ("name: [\n", ":2 is not valid YAML: expected the node content, but found '<stream end>'"),
        ("- name\n", ":1 is not a mapping of keys to values"),
        ("name: 7\n", ":1: name is not text"),
    ],
)
def test_a_bad_pulumi_yaml_is_named(root: Path, text: str, problem: str) -> None:
    file = root / "projects" / "app" / "Pulumi.yaml"
    file.write_text(text)
    with pytest.raises(SettingsError) as caught:
        settings.load(root)
    assert caught.value.message == f"{file}{problem}"


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(content=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)))
def test_every_file_is_read_or_refused_with_our_error(root: Path, content: bytes) -> None:
    (root / "orchestrator.toml").write_bytes(content)
    with pytest.raises(OrchestratorError):
        settings.load(root)


_VALUES = st.recursive(
    st.one_of(
        st.integers(-5, 90), st.booleans(), st.text(st.characters(codec="ascii", categories=["L", "N"]), max_size=5)
    ),
    lambda inner: st.lists(inner, max_size=2),
    max_leaves=3,
)
_KEYS = st.sampled_from(["engine", "runner", "projects", "pulumi", "path", "scope", "parallel", "depends_on", "x"])


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(table=st.sampled_from(["", "[projects.app]", "[projects]", "[runner]", "[pulumi]"]), key=_KEYS, value=_VALUES)
def test_every_value_is_read_or_refused_with_our_error(root: Path, table: str, key: str, value: object) -> None:
    text = (
        str(value).lower() if isinstance(value, bool) else repr(value).replace("True", "true").replace("False", "false")
    )
    (root / "orchestrator.toml").write_text(f"{table}\n{key} = {text}\n")
    with pytest.raises(OrchestratorError):
        settings.load(root)
