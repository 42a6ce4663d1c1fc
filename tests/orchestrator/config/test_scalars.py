"""Values of a stack file that YAML readers change."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.config.projects import Project
from orchestrator.config.scalars import problems
from orchestrator.config.stack_config import StackConfig, read_snapshot, refuse_unquoted
from orchestrator.errors import SettingsError
from orchestrator.model import Scope

ALWAYS = (
    ("2026-11-20", "is the date 2026-11-20 without quotes"),
    ("2026-1-2", "is the date 2026-1-2 without quotes"),
    ("2026-11-20T10:00:00Z", "is the date 2026-11-20T10:00:00Z without quotes"),
    ("010", "is 010 without quotes, and readers disagree on numbers with leading zeros"),
    ("012345678901", "is 012345678901 without quotes, and readers disagree on numbers with leading zeros"),
    ("-07", "is -07 without quotes, and readers disagree on numbers with leading zeros"),
    ("0X1F", "is 0X1F without quotes, which is a number for some readers and text for others"),
    (".1e3", "is .1e3 without quotes, which is a number for some readers and text for others"),
    ("7e12345", "is 7e12345 without quotes, and that is not a finite number"),
    (".inf", "is .inf without quotes, and that is not a finite number"),
    ("9223372036854775808", "is 9223372036854775808 without quotes, and the number is too large for some programs"),
)
"""Two readers disagree on these, or the engine fails, whatever the key's type."""

WHERE_TEXT_IS_NEEDED = (
    ("1.10", "is 1.10 without quotes and would become 1.1"),
    ("1.0", "is 1.0 without quotes and would become 1"),
    ("1e3", "is 1e3 without quotes and would become 1000"),
    ("0x1F", "is 0x1F without quotes and would become 31"),
    ("1_000", "is 1_000 without quotes and would become 1000"),
    ("+5", "is +5 without quotes and would become 5"),
    ("True", "is True without quotes and would become true"),
    ("123456789012", "is 123456789012 without quotes, a number of 12 digits where text is needed"),
    ("yes", "is yes without quotes, which some readers read as true"),
    ("Off", "is Off without quotes, which some readers read as false"),
)

FINE = (
    "8000",
    "-5",
    "1.5",
    "0.1",
    "true",
    "false",
    "null",
    "~",
    "",
    "a",
    "12:30",
    "1.10.2",
    "v1.10",
    "'1.10'",
    '"010"',
)


def reasons(value: str, *, text: bool | None) -> list[str]:
    found = problems(f"# a comment\nconfig:\n  a:b:\n    c: {value}\n", lambda _path: text)
    assert all((problem.line, problem.path) == (4, ("a:b", "c")) for problem in found)
    return [problem.reason for problem in found]


@pytest.mark.parametrize(("value", "reason"), ALWAYS)
@pytest.mark.parametrize("text", [True, False, None])
def test_a_value_on_which_readers_disagree_is_refused_for_every_type_of_key(
    value: str, reason: str, text: bool | None
) -> None:
    assert reasons(value, text=text) == [f"{reason}: put it in quotes"]


@pytest.mark.parametrize(("value", "reason"), WHERE_TEXT_IS_NEEDED)
def test_a_value_that_would_become_another_text_is_refused_for_a_text_key(value: str, reason: str) -> None:
    assert reasons(value, text=True) == [f"{reason}: put it in quotes"]
    assert reasons(value, text=False) == reasons(value, text=None) == []


@pytest.mark.parametrize("value", [*FINE, "!!str 1.10"])
def test_a_value_that_readers_keep_is_accepted(value: str) -> None:
    assert reasons(value, text=True) == reasons(value, text=None) == []


def test_an_empty_image_in_an_object_is_refused_and_at_the_top_it_is_pulumis_word_for_null() -> None:
    text = 'config:\n  frontend_image: ""\n  sentry_dsn: ""\n  redis: {image: \'\'}\n  backend_image:\n'
    assert [(problem.line, problem.path) for problem in problems(text, lambda _path: True)] == [(4, ("redis", "image"))]


def test_keys_outside_the_configuration_are_not_checked() -> None:
    assert problems("encryptionsalt: 010\nconfig: {}\n", lambda _path: True) == ()
    assert problems("", lambda _path: True) == ()


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(key="app", path=tmp_path, name="django-app", scope=Scope.ENVIRONMENT, template="alpha")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("  django-app:extra_env:\n    VERSION: 1.10\n", ":4: django-app:extra_env.VERSION is 1.10 without quotes and would become 1.1: put it in quotes"),
        ("  extra_env:\n    ACCOUNT: 123456789012\n", ":4: extra_env.ACCOUNT is 123456789012 without quotes, a number of 12 digits where text is needed: put it in quotes"),
        ("  django-app:extra_hosts:\n  - 1.50\n", ":4: django-app:extra_hosts[0] is 1.50 without quotes and would become 1.5: put it in quotes"),
        ("  django-app:app: {tags: {day: 2026-11-20}}\n", ":3: django-app:app.tags.day is the date 2026-11-20 without quotes: put it in quotes"),
        ("  aws:assumeRoles:\n  - externalId: 0123\n", ":4: aws:assumeRoles[0].externalId is 0123 without quotes, and readers disagree on numbers with leading zeros: put it in quotes"),
        ('  django-app:redis: {image: ""}\n', ":3: django-app:redis.image is an empty image"),
    ],
)  # fmt: skip
def test_the_refusal_names_file_line_and_key(project: Project, lines: str, message: str) -> None:
    file = project.path / "Pulumi.alpha.yaml"
    file.write_text(f"config:\n  aws:region: us-east-1\n{lines}")
    for read in (
        lambda: read_snapshot(project, "alpha"),
        lambda: StackConfig.from_template(project, "beta"),
        lambda: refuse_unquoted(project, file, file.read_text()),
    ):
        with pytest.raises(SettingsError) as refused:
            read()
        assert refused.value.message == f"{file}{message}"


def test_numbers_where_numbers_are_needed_and_text_of_other_programs_are_taken(project: Project) -> None:
    (project.path / "Pulumi.alpha.yaml").write_text(
        "config:\n  django-app:web: {cpu_units: 1_024, scaling: {cpu_percent: 75.0}}\n"
        "  aws:allowedAccountIds: [123456789012]\n  other:release: 1.10\n  django-app:own: 1.10\n"
    )
    assert read_snapshot(project, "alpha").wire() == {
        "django-app:web": '{"cpu_units":1024,"scaling":{"cpu_percent":75}}',
        "aws:allowedAccountIds": "[123456789012]",
        "other:release": "1.1",
        "django-app:own": "1.1",
    }


def test_every_such_line_is_named_at_once(project: Project) -> None:
    (project.path / "Pulumi.alpha.yaml").write_text(
        "config:\n  django-app:extra_env:\n    A: 1.10\n    B: ok\n    C: yes\n    D: 010\n"
    )
    with pytest.raises(SettingsError) as refused:
        read_snapshot(project, "alpha")
    assert refused.value.hint == 'write "1.10"; see also line 5, 6'


@pytest.mark.parametrize("null", ["", "null", "~", '""'])
def test_null_and_empty_text_for_null_are_absent_values(project: Project, null: str) -> None:
    (project.path / "Pulumi.alpha.yaml").write_text(f"config:\n  django-app:frontend_image: {null}\n")
    assert StackConfig.load(project, "alpha").get("frontend_image") is None
    assert read_snapshot(project, "alpha").wire() == {"django-app:frontend_image": ""}


def test_a_file_with_such_a_value_can_still_be_read_without_an_engine(project: Project) -> None:
    (project.path / "Pulumi.alpha.yaml").write_text("config:\n  django-app:base: dev\n  extra_env: {A: 1.10}\n")
    assert StackConfig.load(project, "alpha").get("base") == "dev"
