"""`Pulumi.<stack>.yaml`: reading, checking, changing, writing."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from orchestrator.config.assignments import make_assignment
from orchestrator.config.projects import Project
from orchestrator.config.stack_config import (
    GENERATED_MARK,
    ConfigSnapshot,
    StackConfig,
    config_path,
    configured_stacks,
    read_snapshot,
)
from orchestrator.errors import OrchestratorError, SettingsError
from orchestrator.model import SECRET_MASK, Scope

TEXT = """\
# The example environment.
config:
  aws:region: us-east-1  # cheap
  django-app:base: dev
  django-app:backend_image: "shop:1"
  # Workers by queue.
  django-app:workers:
    default: {desired_count: 2}
  django-app:paths:
    - /api/*
    - /admin/*
  django-app:token:
    secure: v1:abc
  django-app:nested:
    open: 1
    inner:
      secure: v1:def
encryptionsalt: v1:salt
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(key="app", path=tmp_path, name="django-app", scope=Scope.ENVIRONMENT, template="alpha")


def write(project: Project, stack: str, text: str) -> Path:
    config_path(project, stack).write_text(text)
    return config_path(project, stack)


def test_the_values_are_plain_and_the_encrypted_ones_named(project: Project) -> None:
    write(project, "alpha", TEXT)
    assert read_snapshot(project, "alpha") == ConfigSnapshot(
        values={
            "aws:region": "us-east-1",
            "django-app:base": "dev",
            "django-app:backend_image": "shop:1",
            "django-app:workers": {"default": {"desired_count": 2}},
            "django-app:paths": ["/api/*", "/admin/*"],
            "django-app:token": SECRET_MASK,
            "django-app:nested": {"open": 1, "inner": SECRET_MASK},
        },
        secret_keys=frozenset({"django-app:token", "django-app:nested"}),
    )


def test_programs_get_text_and_json_as_from_pulumi(project: Project) -> None:
    write(
        project,
        "alpha",
        'config:\n  name: x\n  a:count: 3\n  a:ratio: 1.50\n  a:whole: 2.0\n  a:on: true\n  a:day: "2026-11-20"\n'
        "  a:anchored: &b false\n  a:object: {b: [1, c, 2.0], a: *b}\n  a:nothing:\n",
    )
    assert read_snapshot(project, "alpha").wire() == {
        "django-app:name": "x",
        "a:count": "3",
        "a:ratio": "1.5",
        "a:whole": "2",
        "a:on": "true",
        "a:day": "2026-11-20",
        "a:anchored": "false",
        "a:object": '{"a":false,"b":[1,"c",2]}',
        "a:nothing": "",
    }


@pytest.mark.parametrize("text", [None, "", "# nothing\n", "config:\n", "config: {}\n"])
def test_a_stack_without_values_is_an_empty_configuration(project: Project, text: str | None) -> None:
    if text is not None:
        write(project, "alpha", text)
    assert read_snapshot(project, "alpha") == ConfigSnapshot()
    assert not StackConfig.load(project, "alpha").changed


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("config: [", "FILE:1 is not valid YAML: expected the node content, but found '<stream end>'", None),
        ("config:\n  a:b: 1\n  a:b: 2\n", 'FILE:3 is not valid YAML: found duplicate key "a:b" with value "2" (original value: "1")', None),
        ("- config\n", "FILE:1 is not a mapping of keys to values", None),
        ("config: 3\n", "FILE:1: config is not a mapping", "write keys such as `aws:region` below it"),
        ("# x\nconfg:\n  a:b: 1\n", "FILE:2: confg is not a valid key of a stack file", "did you mean `config`?"),
        ("config: {}\nbackend_image: x\n", "FILE:2: backend_image is not a valid key of a stack file", "write the values of the stack below `config:`"),
        ("config:\n  django-ap:base: dev\n", "FILE:2: django-ap:base is in the namespace 'django-ap', but this project has the namespace 'django-app'", "did you mean `django-app:base`?"),
        ("config:\n  django-base:base: dev\n", "FILE:2: django-base:base is in the namespace 'django-base', but this project has the namespace 'django-app'", "did you mean `django-app:base`?"),
        ("config:\n  base: dev\n  django-app:base: dev\n", "FILE:2: base is given twice: with and without `django-app:`", None),
        ("config:\n  a b: dev\n", "FILE:2: a b is not a configuration key", "write `django-app:name`"),
        ("config:\n  1: dev\n", "FILE:2: 1 is not a configuration key", "write `django-app:name`"),
        ("config:\n  a:b: " + "[" * 40 + "]" * 40 + "\n", "FILE:2 is nested too deeply: the limit is 32 levels", None),
        ("config:\n  a:b: 1\n  a:c: [" + "x, " * 10_000 + "]\n", "FILE:3 is too large: the limit is 10000 values", None),
        ("config:\n  a:b: {1: x}\n", "FILE:2: a:b has the key 1, which is not text", None),
        ("config:\n  a:b: !thing x\n", "FILE:2: a:b has a value of type TaggedScalar: text, numbers, booleans, lists and objects are allowed", None),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_file_line_and_key(project: Project, text: str, message: str, hint: str | None) -> None:
    file = write(project, "alpha", text)
    with pytest.raises(SettingsError) as caught:
        StackConfig.load(project, "alpha", ["django-base"])
    assert (caught.value.message.replace(str(file), "FILE"), caught.value.hint) == (message, hint)


def test_a_file_that_is_no_text_is_refused(project: Project) -> None:
    config_path(project, "alpha").write_bytes(b"config: \xff\n")
    with pytest.raises(SettingsError, match="is not UTF-8 text"):
        StackConfig.load(project, "alpha")


def test_a_folder_in_place_of_the_file_is_refused(project: Project) -> None:
    config_path(project, "alpha").mkdir()
    with pytest.raises(SettingsError, match=r"Pulumi\.alpha\.yaml cannot be read: it is a folder, not a file$"):
        StackConfig.load(project, "alpha")


def test_a_change_keeps_comments_order_and_indentation(project: Project) -> None:
    file = write(project, "alpha", TEXT)
    config = StackConfig.load(project, "alpha")
    config.assign(make_assignment("backend_image", "shop:2"))
    config.assign(make_assignment("workers.mail.desired_count", 1))
    config.assign(make_assignment("aws:region", "eu-west-1"))
    assert config.changed
    config.write()
    expected = (
        TEXT.replace("shop:1", "shop:2")
        .replace("us-east-1", "eu-west-1")
        .replace("{desired_count: 2}\n", "{desired_count: 2}\n    mail:\n      desired_count: 1\n")
    )
    assert file.read_text() == expected


def test_setting_the_current_value_changes_nothing(project: Project) -> None:
    write(project, "alpha", TEXT)
    config = StackConfig.load(project, "alpha")
    config.set("base", "dev")
    config.assign(make_assignment("workers.default", {"desired_count": 2}))
    config.assign(make_assignment("gone.inner", None))
    assert not config.changed


@pytest.mark.parametrize(("before", "after"), [(1, True), (1, "1"), (1, 1.0), ("true", True)])
def test_a_value_of_another_type_is_a_change(project: Project, before: Any, after: Any) -> None:
    config = StackConfig.load(project, "new")
    config.set("key", before)
    config.write()
    config = StackConfig.load(project, "new")
    config.set("key", after)
    assert config.changed


def test_null_takes_a_key_away(project: Project) -> None:
    write(project, "alpha", TEXT)
    config = StackConfig.load(project, "alpha")
    config.assign(make_assignment("workers.default", None))
    config.assign(make_assignment("base", None))
    config.write()
    values = read_snapshot(project, "alpha").values
    assert values["django-app:workers"] == {}
    assert "django-app:base" not in values


def test_a_key_without_namespace_is_changed_in_place(project: Project) -> None:
    file = write(project, "alpha", "config:\n  base: dev\n")
    config = StackConfig.load(project, "alpha")
    config.set("base", "qa")
    config.write()
    assert file.read_text() == "config:\n  base: qa\n"


@pytest.mark.parametrize("key", ["token", "nested", "nested.inner", "token.part"])
def test_an_encrypted_value_is_not_replaced_by_a_plain_one(project: Project, key: str) -> None:
    write(project, "alpha", TEXT)
    with pytest.raises(SettingsError, match=r"is encrypted and cannot be set as plain text$") as caught:
        StackConfig.load(project, "alpha").assign(make_assignment(key, "plain"))
    assert caught.value.hint == f"use `pulumi config set --secret` in {project.path}"


def test_a_plain_neighbor_of_an_encrypted_value_can_be_set(project: Project) -> None:
    write(project, "alpha", TEXT)
    config = StackConfig.load(project, "alpha")
    config.assign(make_assignment("nested.open", 2))
    assert config.text() == TEXT.replace("open: 1", "open: 2")


def test_a_key_inside_a_value_that_is_not_an_object_is_refused(project: Project) -> None:
    file = write(project, "alpha", TEXT)
    with pytest.raises(SettingsError) as caught:
        StackConfig.load(project, "alpha").assign(make_assignment("base.name", "x"))
    assert caught.value.message == f"{file}: django-app:base is not an object, so name cannot be set in it"


def test_a_new_stack_copies_the_template_without_values_of_the_other_stack(project: Project) -> None:
    write(project, "alpha", TEXT.replace("base: dev", "base: dev\n  django-app:listener_slot: 3"))
    config = StackConfig.from_template(project, "beta")
    assert (config.exists, config.changed) == (False, True)
    config.write()
    assert config_path(project, "beta").read_text() == (
        f"{GENERATED_MARK}\n"
        "config:\n"
        "  aws:region: us-east-1\n"
        '  django-app:backend_image: "shop:1"\n'
        "  django-app:workers:\n"
        "    default:\n"
        "      desired_count: 2\n"
        "  django-app:paths:\n"
        "  - /api/*\n"
        "  - /admin/*\n"
    )
    assert StackConfig.load(project, "beta").generated


def test_a_template_without_a_file_is_refused(project: Project) -> None:
    with pytest.raises(SettingsError) as caught:
        StackConfig.from_template(project, "beta")
    assert (
        caught.value.message
        == f"the template 'alpha' of the project app has no file: {config_path(project, 'alpha')} does not exist"
    )


def test_a_project_without_a_template_starts_empty(tmp_path: Path) -> None:
    project = Project(key="app", path=tmp_path, name="django-app", scope=Scope.ENVIRONMENT)
    config = StackConfig.from_template(project, "beta")
    assert not config.changed
    config.set("base", "dev")
    assert config.text() == f"{GENERATED_MARK}\nconfig:\n  django-app:base: dev\n"


def test_a_configuration_that_is_read_again_has_the_values_of_the_file_and_not_what_a_reader_made_of_them(
    project: Project,
) -> None:
    write(project, "alpha", TEXT)
    first, values = read_snapshot(project, "alpha"), read_snapshot(project, "alpha").values
    for value in values.values():
        if isinstance(value, dict | list):
            value.clear()
    changed = StackConfig.load(project, "alpha")
    changed.set("base", "other")
    assert read_snapshot(project, "alpha") == first
    changed.write()
    assert read_snapshot(project, "alpha").values["django-app:base"] == "other"


def test_a_file_that_people_wrote_is_not_taken_for_a_generated_one(project: Project) -> None:
    write(project, "alpha", TEXT)
    assert not StackConfig.load(project, "alpha").generated


def test_restoring_brings_back_the_old_text_or_takes_the_new_file_away(project: Project) -> None:
    old, new = write(project, "alpha", TEXT), config_path(project, "beta")
    for stack in ("alpha", "beta"):
        config = StackConfig.load(project, stack)
        config.set("base", "qa")
        config.write()
        assert "qa" in config_path(project, stack).read_text()
        config.restore()
    assert old.read_text() == TEXT
    assert not new.exists()


def test_writing_keeps_the_files_mode_and_follows_a_link(project: Project, tmp_path: Path) -> None:
    target = tmp_path / "shared.yaml"
    target.write_text(TEXT)
    target.chmod(0o600)
    config_path(project, "alpha").symlink_to(target)
    config = StackConfig.load(project, "alpha")
    config.set("base", "qa")
    config.write()
    assert config_path(project, "alpha").is_symlink()
    assert "django-app:base: qa" in target.read_text()
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_a_write_that_fails_leaves_the_old_file_and_no_other(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(project, "alpha", TEXT)
    config = StackConfig.load(project, "alpha")
    config.set("base", "qa")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(SettingsError) as caught:
        config.write()
    assert caught.value.message == f"{file} cannot be written: No space left on device"
    assert file.read_text() == TEXT
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(
    "value",
    [
        *("yes", "off", "y", "3", "true", "2026-11-20", "a: b", "#x", "", "null", "0o7", "1_000", "'", "é\n"),
        *("1.10", "010", "-012", "08", "0X1F", "0B1", "0O17", ".1e3", "-.5e1", "+.5", "1.", "1e3", "7e12345", ".inf"),
        *(
            "123456789012",
            "2026-1-2",
            "2026-1-2 3:4:5",
            "12:30:45",
            "190:20:30.5",
            "=",
            "<<",
            "~",
            "!!str x",
            "&a",
            "*a",
        ),
    ],
)
def test_text_stays_text_for_every_reader(project: Project, value: str) -> None:
    import yaml

    config = StackConfig.load(project, "new")
    config.assign(make_assignment("key", {"inner": value}))
    config.write()
    assert read_snapshot(project, "new").values == {"django-app:key": {"inner": value}}
    assert yaml.safe_load(config_path(project, "new").read_text()) == {"config": {"django-app:key": {"inner": value}}}


def test_the_configured_stacks_are_those_with_a_file(project: Project) -> None:
    for stack in ("beta", "alpha"):
        write(project, stack, "")
    (project.path / "Pulumi.yaml").write_text("name: django-app\n")
    (project.path / "Pulumi.folder.yaml").mkdir()
    assert configured_stacks(project) == ("alpha", "beta")


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    content=st.one_of(
        st.binary(max_size=120),
        st.text(st.sampled_from("config:ab-{}[]&*!|>'\"#%\n 1.~?,"), max_size=60).map(str.encode),
    )
)
def test_every_file_is_read_or_refused_with_our_error(project: Project, content: bytes) -> None:
    config_path(project, "alpha").write_bytes(content)
    try:
        config = StackConfig.load(project, "alpha")
        config.set("base", "dev")
        config.write()
    except OrchestratorError:
        return
    assert StackConfig.load(project, "alpha").get("base") == "dev"


_PLAIN = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**63) + 1, 2**63 - 1),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(max_size=12),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(min_size=1, max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(value=_PLAIN)
def test_every_value_comes_back_as_it_was_written(project: Project, value: Any) -> None:
    config_path(project, "new").unlink(missing_ok=True)
    config = StackConfig.load(project, "new")
    config.assign(make_assignment("key.inner", value))
    config.write()
    found = StackConfig.load(project, "new").get("key")
    assert found == ({"inner": value} if value is not None else None)
