"""The three projects with their checked-in configuration, and what their users can get wrong."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from orchestrator.cli.main import main
from pulumi_django import contract
from pulumi_django.contract import APP_OUTPUTS, REQUIRED, ContractError
from pulumi_django.program import project
from pulumi_django.program.config import ConfigError
from pulumi_django.testing import SimulationResult
from pulumi_django.testing.mocks import taggable
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
            if not taggable(resource.type):
                continue
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


def test_a_wrong_configuration_is_reported_at_once_with_key_stack_file_and_the_nearest_key() -> None:
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
            '  django-app:web.port: is "http": it must be a whole number',
            '  django-app:spot: is "perhaps": it must be true or false',
        ]
    )


def test_a_value_that_its_part_refuses_is_reported_with_the_key() -> None:
    with pytest.raises(ConfigError) as refused:
        simulate_alpha(changes={"django-app:web": {"health_check": {"path": "health"}}})
    assert refused.value.problems == ("django-app:web.health_check: path is 'health': it must begin with /",)


def container(result: SimulationResult, family: str) -> dict[str, str]:
    """The plain environment variables of a task definition's first container."""
    tasks = result.of_type("aws:ecs/taskDefinition:TaskDefinition")
    (task,) = [task for task in tasks if task.inputs["family"] == family]
    return {item["name"]: item["value"] for item in json.loads(task.inputs["containerDefinitions"])[0]["environment"]}


def test_the_port_of_the_base_is_a_whole_number_wherever_it_is_text() -> None:
    alpha = simulate_alpha()
    web = container(alpha, "alpha-gunicorn")
    assert (web["DB_PORT"], web["POSTGRES_SERVICE_PORT"]) == ("5432", "5432")
    assert container(alpha, "alpha-database")["PGPORT"] == "5432"
    secrets = [v.inputs["secretString"] for v in alpha.of_type("aws:secretsmanager/secretVersion:SecretVersion")]
    (document,) = [json.loads(text) for text in secrets if "DATABASE_URL" in text]
    assert document["DB_PORT"] == "5432"
    assert ":5432/alpha-db" in document["DATABASE_URL"]


@pytest.mark.parametrize("kind", ["ad-hoc", "prod"])
def test_no_text_of_an_environment_has_a_port_with_a_fraction(kind: str) -> None:
    base = simulate_dev(changes={"django-base:kind": kind, "django-base:publish_parameters": True})
    changes = {"django-app:publish_parameters": True, "django-app:cache": {} if kind == "prod" else None}
    for result in (base, simulate_alpha(base, changes=changes)):
        for resource in result.resources:
            assert not re.search(r"(5432|6379)\.0", json.dumps([resource.inputs, resource.outputs])), resource.urn


@pytest.mark.parametrize("kind", ["ad-hoc", "prod"])
def test_a_base_that_is_handed_over_gives_the_same_environment_as_one_that_is_read(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = simulate_dev(changes={"django-base:kind": kind})
    read = simulate_alpha(base)
    file = tmp_path / "outputs.json"
    file.write_text(json.dumps({"organization/django-base/dev": base.outputs}), encoding="utf-8")
    monkeypatch.setenv(project.BASE_OUTPUTS_VARIABLE, str(file))
    handed_over = simulate_alpha(base)
    of_the_environment = [r for r in read.resources if r.type != "pulumi:pulumi:StackReference"]
    assert {r.urn: r.inputs for r in handed_over.resources} == {r.urn: r.inputs for r in of_the_environment}


def test_a_missing_base_setting_is_reported() -> None:
    with pytest.raises(ConfigError) as refused:
        simulate_alpha(changes={"django-app:base": None})
    assert refused.value.problems == ("django-app:base: is missing",)


def test_a_base_of_the_other_kind_is_refused_in_one_sentence() -> None:
    with pytest.raises(ConfigError) as refused:
        simulate_dev(changes={"django-base:kind": "production"})
    assert refused.value.problems == ('django-base:kind: is "production": it must be one of ad-hoc, prod',)


PROD = {"django-base:kind": "prod"}


def test_a_base_of_the_kind_prod_takes_the_options_of_its_kind_from_the_configuration() -> None:
    live = simulate_dev(
        changes={
            **PROD,
            "django-base:network": {"nat": "none", "interface_endpoints": ["sqs"]},
            "django-base:aurora": {"min_acu": 0, "max_acu": "8.5", "auto_pause_seconds": 900},
            "django-base:cache": {"engine": "redis", "nodes": 3},
            "django-base:alarms": {"emails": ["ops@example.com"]},
            "django-base:deletion_protection": False,
        }
    )
    assert set(REQUIRED) <= set(live.outputs) <= {*REQUIRED, *contract.OPTIONAL}
    assert (live.outputs["kind"], live.outputs["isolated"]) == ("prod", True)
    scaling = live.one("aws:rds/cluster:Cluster").inputs["serverlessv2ScalingConfiguration"]
    assert scaling == {"minCapacity": 0, "maxCapacity": 8.5, "secondsUntilAutoPause": 900}
    assert live.one("aws:elasticache/replicationGroup:ReplicationGroup").inputs["numCacheClusters"] == 3
    assert live.one("aws:lb/loadBalancer:LoadBalancer").outputs["tagsAll"]["kind"] == "prod"


def test_a_production_base_without_more_words_shows_the_same_in_a_preview() -> None:
    update, preview = simulate_dev(changes=PROD), simulate_dev(changes=PROD, preview=True)
    assert {resource.urn for resource in preview.resources} == {resource.urn for resource in update.resources}


def test_keys_of_the_other_kind_are_reported() -> None:
    with pytest.raises(ConfigError) as refused:
        simulate_dev(changes={"django-base:deletion_protection": True, "django-base:database": {"multi_zone": True}})
    other, nearest = refused.value.problems
    assert other.startswith("django-base:deletion_protection: is not a key here; valid keys are aurora, bastion, ")
    assert nearest == "django-base:database.multi_zone: is not a key here: did you mean multi_az?"


def test_options_of_a_base_that_exclude_each_other_are_both_named() -> None:
    for key, value, problem in (
        (
            "aurora",
            {"auto_pause_seconds": 600, "min_acu": 0.5},
            "django-base:aurora: auto_pause_seconds is 600 and min_acu is 0.5: a server sleeps only when min_acu is 0",
        ),
        (
            "network",
            {"cidr_block": "10.0.0.0/16", "peered_cidr_blocks": ["10.0.4.0/24"]},
            "django-base:network: cidr_block is '10.0.0.0/16': it overlaps '10.0.4.0/24' of peered_cidr_blocks",
        ),
        (
            "network",
            {"zones": ["us-east-1a"]},
            "django-base: zones is ['us-east-1a']: a load balancer and a database need two different zones",
        ),
    ):
        with pytest.raises(ConfigError) as refused:
            simulate_dev(changes={**PROD, f"django-base:{key}": value})
        assert refused.value.problems == (problem,)


def test_an_ad_hoc_application_on_a_production_base_is_refused_in_one_sentence() -> None:
    with pytest.raises(ContractError) as refused:
        simulate_alpha(simulate_dev(changes=PROD), changes={"django-app:kind": "ad-hoc"})
    assert str(refused.value) == (
        "alpha has the kind ad-hoc and its base dev has the kind prod: use a base of the kind ad-hoc, or change the "
        "kind of alpha"
    )


def test_a_production_application_on_an_ad_hoc_base_is_refused_in_one_sentence() -> None:
    with pytest.raises(ContractError) as refused:
        simulate_alpha(changes={"django-app:kind": "prod"})
    assert str(refused.value) == (
        "alpha has the kind prod and its base dev has the kind ad-hoc: use a base of the kind prod, or change the "
        "kind of alpha"
    )


def test_the_kind_of_an_environment_is_its_bases() -> None:
    alpha = simulate_alpha(simulate_dev(changes=PROD))
    assert alpha.outputs["kind"] == "prod"
    assert [r.name for r in alpha.resources if r.type == "pulumi-django:app:ProdApp"] == ["alpha"]


def test_an_isolated_base_takes_only_images_from_its_own_registry() -> None:
    base = simulate_dev(changes={"django-base:network": {"nat": "none"}})
    with pytest.raises(ContractError) as refused:
        simulate_alpha(base)
    assert str(refused.value) == (
        "alpha cannot run the image public.ecr.aws/docker/library/postgres:18-alpine on dev: its subnets are isolated and "
        "reach only ECR in us-east-1; push the image there, or give the base a NAT gateway"
    )
    ecr = "123456789012.dkr.ecr.us-east-1.amazonaws.com"
    alpha = simulate_alpha(
        base,
        changes={
            "django-app:release": {"database_client_image": f"{ecr}/postgres:17"},
            "django-app:redis": {"image": f"{ecr}/redis:7"},
        },
    )
    assert alpha.outputs["task_subnet_ids"] == base.outputs["private_subnet_ids"]


@pytest.mark.parametrize("kind", ["ad-hoc", "prod"])
def test_what_a_base_offers_is_published_as_parameters_on_request(kind: str) -> None:
    changes = {"django-base:kind": kind, "django-base:publish_parameters": True}
    dev = simulate_dev(changes=changes)
    made = {r.inputs["name"]: r.inputs["value"] for r in dev.of_type("aws:ssm/parameter:Parameter")}
    assert {f"/dev/{output}" for output in dev.outputs} == set(made)
    assert made["/dev/vpc_id"] == dev.outputs["vpc_id"]
    assert made["/dev/private_subnet_ids"] == ",".join(dev.outputs["private_subnet_ids"])


def test_a_base_that_was_destroyed_is_refused_with_the_way_out() -> None:
    with pytest.raises(ContractError) as refused:
        simulate_alpha(base=SimulationResult(resources=(), outputs={}))
    assert str(refused.value) == (
        "alpha cannot use dev: that stack has no outputs, so it does not exist yet; run `orchestrator update-base "
        "dev` (or `pulumi up` in projects/base) and then alpha again"
    )


def test_a_base_without_a_domain_serves_over_http_at_the_load_balancers_name() -> None:
    base = simulate_dev(changes={"django-base:domain_name": None})
    alpha = simulate_alpha(base)
    assert alpha.outputs["url"] == f"http://{base.outputs['alb_dns_name']}"
    assert alpha.of_type("aws:route53/record:Record") == ()
    assert len(base.of_type("aws:lb/listener:Listener")) == 1


def test_production_is_created_from_a_fresh_clone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = Path(__file__).parents[2]
    shutil.copytree(root / "projects", tmp_path / "projects")
    shutil.copy(root / "orchestrator.toml", tmp_path)
    words = ["create-env", "live", "--base", "prod", "--project-dir", str(tmp_path)]
    assert main(words) == 1
    assert "--allow-prod" in capsys.readouterr().err
    assert main([*words, "--allow-prod"]) == 0
