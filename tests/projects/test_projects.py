"""The three projects with their checked-in configuration, and what their users can get wrong."""

from __future__ import annotations

import pytest

from pulumi_django import contract
from pulumi_django.config import ConfigError
from pulumi_django.contract import APP_OUTPUTS, REQUIRED, ContractError
from tests.support.projects import ROOT, simulate_alpha, simulate_dev, simulate_project

PROJECTS = ("base", "app", "standalone")


@pytest.mark.parametrize("project", PROJECTS)
def test_a_program_has_at_most_forty_lines(project: str) -> None:
    lines = (ROOT / "projects" / project / "__main__.py").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 40


def test_the_base_exports_everything_that_an_application_requires() -> None:
    assert set(REQUIRED) <= set(simulate_dev().outputs)
    assert set(simulate_dev().outputs) <= {*REQUIRED, *contract.OPTIONAL}


def test_the_environment_exports_its_contract_and_stands_at_its_own_host() -> None:
    alpha = simulate_alpha()
    assert set(alpha.outputs) == set(APP_OUTPUTS)
    assert alpha.outputs["url"] == "https://alpha.example.com"
    assert alpha.outputs["service_names"] == [
        "alpha-gunicorn",
        "alpha-web-ui",
        "alpha-default",
        "alpha-beat",
        "alpha-redis",
    ]


@pytest.mark.parametrize("project", PROJECTS)
def test_preview_shows_the_same_resources_as_an_update(project: str) -> None:
    runs = {
        "base": simulate_dev,
        "app": simulate_alpha,
        "standalone": lambda **o: simulate_project("standalone", "dev", **o),
    }
    update, preview = runs[project](), runs[project](preview=True)
    assert {resource.urn for resource in preview.resources} == {resource.urn for resource in update.resources}


def test_everything_lives_in_the_stacks_own_provider_with_its_tags() -> None:
    for result, environment in ((simulate_dev(), None), (simulate_alpha(), "alpha")):
        managed = [r for r in result.resources if r.custom and r.type.startswith("aws:") and not r.read]
        assert managed
        for resource in managed:
            assert "::pulumi:providers:aws::aws::" in resource.provider, resource.urn
            tags = resource.outputs["tagsAll"]
            assert (tags["base"], tags["kind"], tags["managed-by"]) == ("dev", "ad-hoc", "pulumi-django")
            assert tags.get("environment") == environment


def test_the_users_tags_win_over_ours() -> None:
    dev = simulate_dev(changes={"django-base:tags": {"team": "shop", "kind": "mine"}})
    tags = dev.one("aws:lb/loadBalancer:LoadBalancer").outputs["tagsAll"]
    assert (tags["team"], tags["kind"]) == ("shop", "mine")


def test_base_and_environment_stand_together_in_one_stack() -> None:
    result = simulate_project("standalone", "dev")
    assert result.outputs["url"] == "https://dev.example.com"
    assert result.of_type("pulumi:pulumi:StackReference") == ()


def test_a_wrong_configuration_is_told_in_one_go_with_key_stack_file_and_the_nearest_key() -> None:
    changes = {
        "django-app:setings_module": "x",
        "django-app:settings_module": None,
        "django-app:spot": "perhaps",
        "django-app:web": {"port": "http", "helth_check": {"path": "/"}},
    }
    with pytest.raises(ConfigError) as refused:
        simulate_alpha(changes=changes)
    assert str(refused.value) == "\n".join(
        [
            "the configuration of the stack alpha cannot be used (file Pulumi.alpha.yaml)",
            "  django-app:setings_module: is not a key here: did you mean settings_module?",
            "  django-app:settings_module: is missing",
            "  django-app:web.helth_check: is not a key here: did you mean health_check?",
            '  django-app:web.port: is "http": a whole number is wanted',
            '  django-app:spot: is "perhaps": true or false is wanted',
        ]
    )


def test_a_value_that_its_part_refuses_is_told_with_the_key() -> None:
    with pytest.raises(ConfigError) as refused:
        simulate_alpha(changes={"django-app:web": {"health_check": {"path": "health"}}})
    assert refused.value.problems == ("django-app:web.health_check: path is 'health': it begins with /",)


def test_a_missing_base_setting_is_told() -> None:
    with pytest.raises(ConfigError) as refused:
        simulate_alpha(changes={"django-app:base": None})
    assert refused.value.problems == ("django-app:base: is missing",)


def test_a_base_of_the_other_kind_is_refused_in_one_sentence() -> None:
    with pytest.raises(ConfigError) as refused:
        simulate_dev(changes={"django-base:kind": "production"})
    assert refused.value.problems == ('django-base:kind: is "production": it is one of ad-hoc, prod',)


def test_a_base_that_was_destroyed_is_refused_with_the_way_out() -> None:
    from pulumi_django.testing import SimulationResult

    with pytest.raises(ContractError) as refused:
        simulate_alpha(base=SimulationResult(resources=(), outputs={}))
    assert str(refused.value) == (
        "alpha cannot stand on dev: that stack has no outputs, so it was not created yet; run `orchestrator update-base "
        "dev` (or `pulumi up` in projects/base) and then alpha again"
    )


def test_a_base_without_a_domain_serves_over_http_at_the_load_balancers_name() -> None:
    base = simulate_dev(changes={"django-base:domain_name": None})
    alpha = simulate_alpha(base)
    assert alpha.outputs["url"] == f"http://{base.outputs['alb_dns_name']}"
    assert alpha.of_type("aws:route53/record:Record") == ()
    assert len(base.of_type("aws:lb/listener:Listener")) == 1
