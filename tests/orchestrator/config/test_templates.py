"""Values that a new environment does not get from its template."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from orchestrator.config.assignments import make_assignment
from orchestrator.config.projects import Project
from orchestrator.config.stack_config import StackConfig, config_path
from orchestrator.config.templates import BY_SCALE
from orchestrator.model import Scope

ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:alpha/pushed-AbCdEf:KEY::"
PARAMETER = "arn:aws:ssm:us-east-1:123456789012:parameter/alpha/pushed/KEY"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(key="app", path=tmp_path, name="django-app", scope=Scope.ENVIRONMENT, template="alpha")


def new(project: Project, config: dict[str, Any]) -> StackConfig:
    text = yaml.safe_dump({"config": {f"django-app:{key}": value for key, value in config.items()}})
    config_path(project, "alpha").write_text(text)
    return StackConfig.from_template(project, "beta")


@pytest.mark.parametrize(
    ("config", "copied", "left_out"),
    [
        ({"host": "shop.example.com", "kept": 1}, {"kept": 1}, "host"),
        ({"extra_hosts": ["a.example.com"], "kept": 1}, {"kept": 1}, "extra_hosts"),
        ({"asleep": True, "kept": 1}, {"kept": 1}, "asleep"),
        ({"web": {"hosts": ["a.example.com"], "port": 80}}, {"web": {"port": 80}}, "web.hosts"),
        ({"frontend": {"hosts": ["a.example.com"]}}, {"frontend": {}}, "frontend.hosts"),
        (
            {"services": {"a": {"hosts": ["a.example.com"]}, "b": {"port": 80}}},
            {"services": {"a": {}, "b": {"port": 80}}},
            "services.a.hosts",
        ),
        (
            {"cdn": {"host": "a.example.com", "certificate_arn": "arn"}},
            {"cdn": {}},
            "cdn.host, cdn.certificate_arn",
        ),
        ({"static_site": {"host": "a.example.com", "routing": "files"}}, {"static_site": {"routing": "files"}}, "static_site.host"),
        ({"cache": {"cache_database": 1, "broker_database": 2, "key_prefix": "a:"}}, {"cache": {}}, "cache.cache_database, "),
    ],
)  # fmt: skip
def test_values_that_only_one_environment_can_have_are_left_out_and_named(
    project: Project, config: dict[str, Any], copied: dict[str, Any], left_out: str
) -> None:
    made = new(project, config)
    assert {key: made.get(key) for key in copied} == copied
    assert len(made.snapshot().values) == len(copied)
    assert "beta is a copy of alpha without values that only one environment can have: " + left_out in made.notes[0]


def test_a_template_without_such_values_is_copied_without_a_word(project: Project) -> None:
    made = new(project, {"base": "dev", "listener_slot": 3, "cdn": {"certificate_arn": "arn"}, "web": {"port": 80}})
    assert made.notes == ()
    assert made.snapshot().values == {"django-app:cdn": {"certificate_arn": "arn"}, "django-app:web": {"port": 80}}


def test_a_base_takes_its_template_over_whole(project: Project) -> None:
    base = replace(project, scope=Scope.BASE)
    made = new(base, {"host": "db.example.com", "asleep": True})
    assert (made.get("host"), made.get("asleep"), made.notes) == ("db.example.com", True, ())


@pytest.mark.parametrize(
    "reference", [ARN, PARAMETER, "secretsmanager:alpha/pushed:KEY", "ssm:/alpha/pushed/KEY", "ssm:alpha/pushed/KEY"]
)
def test_a_new_environment_does_not_get_secrets_pushed_for_its_template(project: Project, reference: str) -> None:
    made = new(project, {"extra_secrets": {"KEY": reference, "OTHER": "secretsmanager:team/stripe:pushed"}})
    assert made.get("extra_secrets") == {"OTHER": "secretsmanager:team/stripe:pushed"}
    assert made.notes == (
        "beta does not get the secrets that were pushed for alpha: KEY; store them with `orchestrator secrets push beta`",
    )


def scaled(project: Project, text: str, key: str, value: Any) -> StackConfig:
    config_path(project, "alpha").write_text(text)
    config = StackConfig.load(project, "alpha")
    config.assign(replace(make_assignment(key, value), remark=BY_SCALE))
    config.write()
    return StackConfig.from_template(project, "beta")


@pytest.mark.parametrize(
    "text",
    [
        "config:\n  django-app:web: {port: 80, desired_count: 2}\n",
        "config:\n  django-app:web:\n    desired_count: 2 # enough\n    port: 80\n",
        "config:\n  django-app:web:\n    port: 80\n",
    ],
)
def test_a_number_that_scale_chose_is_not_taken_over(project: Project, text: str) -> None:
    made = scaled(project, text, "web.desired_count", 5)
    assert made.get("web") == {"port": 80}
    assert made.notes == (
        "beta is a copy of alpha without values that only one environment can have: web.desired_count",
    )
    assert StackConfig.load(project, "alpha").get("web") == {"port": 80, "desired_count": 5}


def test_bounds_and_workers_that_scale_chose_are_not_taken_over_either(project: Project) -> None:
    text = "config:\n  django-app:workers:\n    mail: {}\n    default: {desired_count: 2}\n"
    made = scaled(project, text, "workers.mail.scaling", {"min_tasks": 2, "max_tasks": 6})
    assert made.get("workers") == {"mail": {}, "default": {"desired_count": 2}}


def test_a_number_that_scale_set_for_one_of_the_services_is_left_out(project: Project) -> None:
    scaled(
        project,
        "config:\n  django-app:services:\n    channels:\n      port: 80\n",
        "services.channels.desired_count",
        5,
    )
    assert StackConfig.from_template(project, "beta").get("services") == {"channels": {"port": 80}}


def test_a_number_that_was_edited_after_scale_is_copied(project: Project) -> None:
    scaled(project, "config:\n  django-app:web:\n    port: 80\n", "web.desired_count", 5)
    config = StackConfig.load(project, "alpha")
    config.assign(make_assignment("web.desired_count", 3))
    config.write()
    assert BY_SCALE not in config.path.read_text()
    assert StackConfig.from_template(project, "beta").get("web") == {"port": 80, "desired_count": 3}


def test_the_template_itself_stays_as_it_is(project: Project) -> None:
    new(project, {"host": "shop.example.com", "web": {"hosts": ["a.example.com"]}})
    before = config_path(project, "alpha").read_text()
    template = StackConfig.load(project, "alpha")
    StackConfig.from_template(project, "beta").write()
    assert template.text() == before == config_path(project, "alpha").read_text()


@pytest.mark.parametrize(
    ("text", "noted"),
    [
        ("https://shop.example.com", True),
        ("https://alpha.example.com", True),
        ("a@x.org,shop.example.com:443", True),
        ("https://workshop.example.com", False),
        ("{FRONTEND_URL}", False),
        ("https://api.stripe.com", False),
    ],
)
def test_a_note_names_variables_that_contain_a_host_of_the_template(project: Project, text: str, noted: bool) -> None:
    made = new(project, {"host": "shop.example.com", "extra_env": {"CSRF_TRUSTED_ORIGINS": text}})
    said = "extra_env.CSRF_TRUSTED_ORIGINS of beta contains a host of alpha"
    assert any(note.startswith(said) for note in made.notes) is noted
