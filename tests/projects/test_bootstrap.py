"""The bootstrap project with its checked-in configuration, and what its users can get wrong."""

from __future__ import annotations

import pytest

from pulumi_django.account.role_parts import RULE
from pulumi_django.program.config import ConfigError
from pulumi_django.testing.mocks import taggable
from tests.support.projects import ROOT, simulate_project

SUBJECT_KEY = "django-bootstrap:deploy"


def test_the_program_has_at_most_forty_lines() -> None:
    assert len((ROOT / "projects/bootstrap/__main__.py").read_text(encoding="utf-8").splitlines()) <= 40


def test_the_account_exports_what_pipelines_and_people_need() -> None:
    outputs = simulate_project("bootstrap", "account").outputs
    assert set(outputs) == {
        "backend_url",
        "secrets_provider",
        "repository_urls",
        "deploy_role_arn",
        "plan_role_arn",
        "permissions_boundary_arn",
    }
    assert outputs["deploy_role_arn"] == "arn:aws:iam::123456789012:role/pulumi-django-deploy"
    assert outputs["repository_urls"] == {
        name: f"123456789012.dkr.ecr.us-east-1.amazonaws.com/{name}" for name in ("shop-backend", "shop-frontend")
    }


def test_preview_shows_the_same_resources_as_an_update() -> None:
    update, preview = (simulate_project("bootstrap", "account", preview=p) for p in (False, True))
    assert {resource.urn for resource in preview.resources} == {resource.urn for resource in update.resources}


def test_everything_carries_the_tag_without_which_nothing_is_deleted() -> None:
    tagged = [r for r in simulate_project("bootstrap", "account").resources if taggable(r.type)]
    assert len(tagged) > 5
    for resource in tagged:
        assert resource.outputs["tagsAll"]["managed-by"] == "pulumi-django", resource.urn


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        (
            {SUBJECT_KEY: {"subjects": ["repo:example/*:ref:refs/heads/main"]}},
            "django-bootstrap:deploy: subjects has 'repo:example/*:ref:refs/heads/main': a wildcard would let further "
            f"workflows assume the role; write each subject in full, as {RULE}",
        ),
        (
            {"django-bootstrap:repositories": {"Shop": {}}},
            "django-bootstrap: 'Shop' cannot name a repository: a name has 2 to 256 lower-case letters and digits, in "
            "groups joined by single '.', '_', '-' or '/', beginning with a letter",
        ),
        (
            {"django-bootstrap:repositories": {"shop": {"keep": 3}}},
            "django-bootstrap:repositories.shop.keep: is not a key here; valid keys are immutable_tags, keep_images, "
            "untagged_days",
        ),
        (
            {"django-bootstrap:budget": {"monthly_dollars": "many", "emails": ["a@example.com"]}},
            'django-bootstrap:budget.monthly_dollars: is "many": it must be a whole number',
        ),
    ],
)
def test_a_wrong_configuration_is_one_sentence(changes: dict[str, object], problem: str) -> None:
    with pytest.raises(ConfigError) as refused:
        simulate_project("bootstrap", "account", changes=changes)
    assert refused.value.problems == (problem,)
