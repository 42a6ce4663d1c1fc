"""CloudFront, alarms, dashboard, traces and recorded sessions of an environment."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pulumi_django import (
    AdHocApp,
    AlarmOptions,
    CdnOptions,
    ContractError,
    ExecSessionOptions,
    StaticSiteOptions,
    TracingOptions,
    contract,
)
from pulumi_django.ecs.read_only import AGENT_PATHS
from pulumi_django.testing import SimulationResult, simulate

from .test_ad_hoc import TASK_DEFINITION, arguments, statements

KEY = "arn:aws:kms:us-east-1:123456789012:key/base"
TOPIC = "arn:aws:sns:us-east-1:123456789012:base"
DISTRIBUTION = "aws:cloudfront/distribution:Distribution"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"


def app(base: dict[str, Any] | None = None, *, preview: bool = False, **changes: Any) -> SimulationResult:
    def program() -> None:
        contract.export(AdHocApp("alpha", arguments(base, **changes)).outputs)

    return simulate(program, project="django-app", stack="alpha", preview=preview)


def containers(result: SimulationResult, service: str) -> dict[str, dict[str, Any]]:
    definition = next(r for r in result.of_type(TASK_DEFINITION) if r.inputs["family"] == f"alpha-{service}")
    return {container["name"]: container for container in json.loads(definition.inputs["containerDefinitions"])}


def env(result: SimulationResult, service: str = "gunicorn") -> dict[str, str]:
    return {item["name"]: item["value"] for item in containers(result, service)[service]["environment"]}


def test_by_default_there_is_none_of_it_and_aws_is_asked_nothing() -> None:
    result = app()
    types = {resource.type for resource in result.resources}
    assert not {type_ for type_ in types if "cloudfront" in type_ or "sns" in type_ or "kms" in type_}
    assert result.of_type(ALARM) == ()
    assert result.invokes == ()
    assert list(containers(result, "gunicorn")) == ["gunicorn"]


def test_static_files_have_a_host_below_the_environments_and_django_knows_it() -> None:
    result = app(cdn=CdnOptions())
    assert result.one(DISTRIBUTION).inputs["aliases"] == ["static.alpha.example.com"]
    assert result.outputs["static_url"] == "https://static.alpha.example.com"
    assert env(result)["AWS_STATIC_FILES_CLOUDFRONT_URL"] == "https://static.alpha.example.com"
    assert env(result)["AWS_STATIC_FILES_BUCKET_NAME"] == env(result)["S3_BUCKET_NAME"]
    cors = result.one("aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy").inputs["corsConfig"]
    assert cors["accessControlAllowOrigins"] == {"items": ["https://alpha.example.com"]}


@pytest.mark.parametrize(("base", "more"), [({"hosted_zone_id": None}, {}), ({}, {"host": "shop.example.org"})])
def test_without_a_hosted_zone_for_it_cloudfronts_own_name_serves(base: dict[str, Any], more: dict[str, Any]) -> None:
    result = app(base, cdn=CdnOptions(), **more)
    assert "aliases" not in result.one(DISTRIBUTION).inputs
    assert result.outputs["static_url"] == f"https://{result.one(DISTRIBUTION).outputs['domainName']}"


@pytest.mark.parametrize(
    ("base", "host"), [({"hosted_zone_id": None}, "static.example.com"), ({}, "static.example.org")]
)
def test_a_host_without_zone_and_certificate_is_refused(base: dict[str, Any], host: str) -> None:
    with pytest.raises(ContractError) as refused:
        app(base, cdn=CdnOptions(host=host))
    assert str(refused.value) == (
        f"alpha cannot have the host {host}: its base dev has no hosted zone in which to issue a certificate for it; set certificate_arn, or "
        "leave host out"
    )


def test_a_host_of_another_domain_has_a_given_certificate_and_no_records_here() -> None:
    arn = "arn:aws:acm:us-east-1:123456789012:certificate/1"
    result = app(cdn=CdnOptions(host="static.example.org", certificate_arn=arn))
    assert result.one(DISTRIBUTION).inputs["viewerCertificate"]["acmCertificateArn"] == arn
    assert {record.inputs["name"] for record in result.of_type("aws:route53/record:Record")} == {"alpha.example.com"}


def test_access_logs_go_to_a_bucket_of_the_environments_own() -> None:
    result = app(cdn=CdnOptions(access_logs=True))
    logs = result.one("pulumi-django:log_bucket:LogBucket", "alpha-static-logs")
    target = result.one("aws:cloudwatch/logDeliveryDestination:LogDeliveryDestination").inputs
    assert target["deliveryDestinationConfiguration"]["destinationResourceArn"] == logs.outputs["bucket_arn"]


def test_a_static_site_is_the_frontend_where_no_other_runs() -> None:
    result = app(static_site=StaticSiteOptions(), cdn=CdnOptions(), browser_uploads=True, frontend_image=None)
    assert result.outputs["site_url"] == "https://www.alpha.example.com"
    assert result.outputs["site_bucket_name"]
    assert result.outputs["site_distribution_id"]
    assert env(result)["FRONTEND_URL"] == "https://www.alpha.example.com"
    rule = result.one("aws:s3/bucketCorsConfiguration:BucketCorsConfiguration").inputs["corsRules"][0]
    assert rule["allowedOrigins"] == ["https://alpha.example.com", "https://www.alpha.example.com"]


def test_beside_a_frontend_service_the_environments_own_url_stays_the_frontend() -> None:
    assert env(app(static_site=StaticSiteOptions()))["FRONTEND_URL"] == "https://alpha.example.com"


def test_alarms_tell_the_bases_topic() -> None:
    result = app({"alarm_topic_arn": TOPIC}, alarms=AlarmOptions(web_errors=3))
    assert {name for alarm in result.of_type(ALARM) for name in alarm.inputs["alarmActions"]} == {TOPIC}
    assert result.of_type("aws:sns/topic:Topic") == ()
    errors = result.one(ALARM, "alpha-alarms-gunicorn-errors").inputs
    group = next(r for r in result.of_type("aws:lb/targetGroup:TargetGroup") if r.inputs["name"] == "alpha-gunicorn")
    assert errors["threshold"] == 3
    assert errors["dimensions"] == {"LoadBalancer": "app/dev/1", "TargetGroup": group.outputs["arnSuffix"]}
    services = {"gunicorn", "web-ui", "default", "beat", "redis"}
    assert {alarm.name for alarm in result.of_type(ALARM)} >= {f"alpha-alarms-{service}-cpu" for service in services}


def test_alarms_have_an_encrypted_topic_of_their_own_where_the_base_has_none() -> None:
    result = app(alarms=AlarmOptions(emails=["ops@example.com"]))
    topic, key = result.one("aws:sns/topic:Topic"), result.one("aws:kms/key:Key")
    assert topic.inputs["kmsMasterKeyId"] == key.outputs["arn"]
    assert result.one(ALARM, "alpha-alarms-gunicorn-errors").inputs["alarmActions"] == [topic.outputs["arn"]]


def test_addresses_and_a_foreign_topic_do_not_go_together() -> None:
    with pytest.raises(ValueError, match=r"^emails is \['ops@example.com'\] with topic_arn '.*': addresses subscribe "):
        AlarmOptions(topic_arn=TOPIC, emails=["ops@example.com"])


def test_the_dashboard_shows_the_bases_database() -> None:
    made = app({"database_instance_id": "dev-rds"}, dashboard=True).one("aws:cloudwatch/dashboard:Dashboard").inputs
    assert made["dashboardName"] == "alpha"
    titles = [widget["properties"]["title"] for widget in json.loads(made["dashboardBody"])["widgets"]]
    assert titles[-3:] == ["Database CPU, %", "Database connections", "Free storage of the database, bytes"]


def test_every_django_service_has_its_own_collector_of_traces() -> None:
    result = app(tracing=TracingOptions())
    for service in ("gunicorn", "default", "beat"):
        assert list(containers(result, service)) == [service, "otel-collector"]
        assert env(result, service)["OTEL_SERVICE_NAME"] == f"alpha-{service}"
    for service in ("web-ui", "redis", "backend_update"):
        assert list(containers(result, service)) == [service]
    assert statements(result, "alpha-task-policy")["Traces"]["Action"] == [
        "xray:PutTraceSegments",
        "xray:PutTelemetryRecords",
    ]


def test_logs_and_secrets_are_encrypted_with_the_bases_key_which_the_tasks_may_use() -> None:
    result = app({"kms_key_arn": KEY})
    assert result.of_type("aws:kms/key:Key") == ()
    for type_ in ("aws:cloudwatch/logGroup:LogGroup", "aws:secretsmanager/secret:Secret"):
        assert {made.inputs["kmsKeyId"] for made in result.of_type(type_)} == {KEY}
    for policy in ("alpha-execution-policy", "alpha-database-execution-policy", "alpha-task-policy"):
        assert statements(result, policy)["SecretKeys"]["Resource"] == [KEY]


@pytest.mark.parametrize("base", [{}, {"kms_key_arn": KEY}])
def test_recorded_sessions_keep_the_environments_key_when_the_base_gets_one(base: dict[str, Any]) -> None:
    result = app(base, exec_sessions=ExecSessionOptions(bucket=True))
    key = result.one("aws:kms/key:Key").outputs["arn"]
    groups = result.of_type("aws:cloudwatch/logGroup:LogGroup")
    assert {group.inputs["kmsKeyId"] for group in groups} == {key}
    assert "/ecs/alpha/_exec" in {group.inputs["name"] for group in groups}
    for role in ("alpha-task-policy", "alpha-plain-policy"):
        assert statements(result, role)["SessionKey"]["Resource"] == [key]
    settings = result.one("aws:ecs/cluster:Cluster").inputs["configuration"]["executeCommandConfiguration"]
    assert (settings["kmsKeyId"], settings["logging"]) == (key, "OVERRIDE")


def test_a_preview_shows_the_same_resources() -> None:
    options: dict[str, Any] = {
        "cdn": CdnOptions(access_logs=True),
        "static_site": StaticSiteOptions(),
        "alarms": AlarmOptions(),
        "dashboard": True,
        "tracing": TracingOptions(),
        "exec_sessions": ExecSessionOptions(bucket=True),
    }
    shown, made = app(preview=True, **options), app(**options)
    assert {(r.type, r.name) for r in shown.resources} == {(r.type, r.name) for r in made.resources}


def test_containers_may_be_locked_to_a_user_and_to_tmp() -> None:
    result = app(read_only_root=True, container_user="1000:1000", exec_enabled=False)
    for service in ("gunicorn", "default", "beat", "web-ui", "backend_update"):
        own = containers(result, service)[service]
        assert (own["user"], own["readonlyRootFilesystem"]) == ("1000:1000", True)
    for service in ("redis", "database"):
        own = containers(result, service)[service]
        assert own["user"] == "65534:65534"


def test_our_own_containers_write_nowhere_but_where_a_shell_does() -> None:
    agent = ["/managed-agents", "/var/lib/amazon/ssm", "/var/log/amazon/ssm"]
    for options in ({}, {"exec_enabled": False}):
        result = app(**options)
        for service in ("redis", "database"):
            made = containers(result, service)
            assert list(made) == [service]
            assert made[service]["readonlyRootFilesystem"] is True
            assert [mount["containerPath"] for mount in made[service]["mountPoints"]] == agent


def test_a_shell_in_a_container_with_a_read_only_root_has_the_folders_of_its_agent() -> None:
    result = app(read_only_root=True, exec_enabled=True)
    for service in ("gunicorn", "default", "beat", "web-ui", "backend_update"):
        own = containers(result, service)[service]
        assert own["readonlyRootFilesystem"] is True
        assert [mount["containerPath"] for mount in own["mountPoints"]] == ["/tmp", *AGENT_PATHS]
    own = containers(app(read_only_root=True, exec_enabled=False), "gunicorn")["gunicorn"]
    assert [mount["containerPath"] for mount in own["mountPoints"]] == ["/tmp"]
