"""The ad-hoc environment: its resources, the variables and rights of its tasks, the arguments that it refuses."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any

import pytest

from pulumi_django import (
    AdHocApp,
    AdHocAppArgs,
    BaseContract,
    BeatOptions,
    FrontendOptions,
    HealthCheck,
    Kind,
    ReleaseOptions,
    WebOptions,
    WorkerOptions,
    contract,
)
from pulumi_django.data.secrets import AppSecretsArgs
from pulumi_django.ecs.task import LogGroupArgs, TaskDefinitionArgs
from pulumi_django.ecs.web_service import gunicorn_command
from pulumi_django.testing import SimulatedResource, SimulationResult, simulate

SERVICE = "aws:ecs/service:Service"
TASK_DEFINITION = "aws:ecs/taskDefinition:TaskDefinition"
RULE = "aws:lb/listenerRule:ListenerRule"

BASE: dict[str, Any] = {
    "kind": Kind.AD_HOC,
    "base_stack_name": "dev",
    "region": "us-east-1",
    "vpc_id": "vpc-1",
    "public_subnet_ids": ["subnet-1"],
    "private_subnet_ids": ["subnet-2"],
    "alb_sg_id": "sg-alb",
    "app_sg_id": "sg-app",
    "listener_arn": "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/dev/1/2",
    "alb_arn_suffix": "app/dev/1",
    "alb_dns_name": "dev.elb.amazonaws.com",
    "alb_zone_id": "Z1",
    "domain_name": "example.com",
    "hosted_zone_id": "Z2",
    "database_host": "dev-rds.internal",
    "database_port": 5432,
    "database_master_secret_arn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:rds!master",
    "service_discovery_namespace_id": "ns-1",
    "service_discovery_namespace_name": "dev-sd-ns",
}


def arguments(base: dict[str, Any] | None = None, **changes: Any) -> AdHocAppArgs:
    values: dict[str, Any] = {
        "base": BaseContract(**{**BASE, **(base or {})}),
        "backend_image": "app-backend:v1",
        "frontend_image": "app-frontend:v1",
        "settings_module": "backend.settings.production",
        "web": WebOptions(paths=("/api/*", "/admin/*", "/graphql/*", "/mtv/*")),
        "listener_slot": 0,
        **changes,
    }
    return AdHocAppArgs(**values)


def app(base: dict[str, Any] | None = None, **changes: Any) -> SimulationResult:
    """The environment `alpha`. The usual one is simulated once."""
    return simulated(base, **changes) if base or changes else usual()


@functools.cache
def usual() -> SimulationResult:
    return simulated()


def simulated(base: dict[str, Any] | None = None, **changes: Any) -> SimulationResult:
    return simulate(
        lambda: contract.export(AdHocApp("alpha", arguments(base, **changes)).outputs),
        project="django-app",
        stack="alpha",
    )


def container(result: SimulationResult, service: str) -> dict[str, Any]:
    definition = next(r for r in result.of_type(TASK_DEFINITION) if r.inputs["family"] == f"alpha-{service}")
    containers = json.loads(definition.inputs["containerDefinitions"])
    assert len(containers) == 1
    return containers[0]


def service(result: SimulationResult, name: str) -> SimulatedResource:
    return next(r for r in result.of_type(SERVICE) if r.inputs["name"] == f"alpha-{name}")


def statements(result: SimulationResult, policy: str) -> dict[str, dict[str, Any]]:
    document = json.loads(result.one("aws:iam/rolePolicy:RolePolicy", policy).inputs["policy"])
    return {statement["Sid"]: statement for statement in document["Statement"]}


def test_services_families_and_log_groups_have_the_names_that_outside_tools_rely_on() -> None:
    outputs = app().outputs
    services = ["alpha-gunicorn", "alpha-web-ui", "alpha-default", "alpha-beat", "alpha-redis"]
    assert outputs["service_names"] == services
    assert outputs["task_families"] == [*services, "alpha-backend_update", "alpha-database"]
    assert outputs["cluster_name"] == "alpha-cluster"
    assert outputs["release_task_family"] == "alpha-backend_update"
    assert outputs["database_name"] == "alpha-db"
    assert outputs["log_groups"]["gunicorn"] == "/ecs/alpha/gunicorn"
    assert container(app(), "gunicorn")["name"] == "gunicorn"


def test_every_resource_is_below_the_environment() -> None:
    for resource in app().resources:
        assert resource.type.startswith("pulumi:") or "pulumi-django:app:AdHocApp" in resource.urn


def test_every_service_is_guarded_by_release_and_rollout_hooks() -> None:
    for resource in app().of_type(SERVICE):
        assert resource.hooks == {
            "before_create": ["alpha-release"],
            "before_update": ["alpha-release"],
            "after_create": ["alpha-rollout"],
            "after_update": ["alpha-rollout"],
        }


def test_no_service_starts_before_the_release_tasks_and_the_secrets_values_are_there() -> None:
    result = app()
    needed = {
        r.urn
        for r in result.resources
        if r.type == "aws:secretsmanager/secretVersion:SecretVersion"
        or (r.type == TASK_DEFINITION and r.inputs["family"] in ("alpha-database", "alpha-backend_update"))
    }
    assert len(needed) == 4
    for resource in result.of_type(SERVICE):
        assert needed <= set(resource.dependencies), resource.name


def test_every_service_rolls_back_and_none_has_a_public_address() -> None:
    for resource in app().of_type(SERVICE):
        assert resource.inputs["deploymentCircuitBreaker"] == {"enable": True, "rollback": True}
        assert resource.inputs["networkConfiguration"]["assignPublicIp"] is False
        assert resource.inputs["waitForSteadyState"] is False
        assert list(resource.ignore_changes) == []


def test_web_frontend_and_workers_run_on_spot_beat_and_redis_do_not() -> None:
    result = app()
    capacity = {
        r.inputs["name"]: r.inputs["capacityProviderStrategies"][0]["capacityProvider"] for r in result.of_type(SERVICE)
    }
    assert capacity == {
        "alpha-gunicorn": "FARGATE_SPOT",
        "alpha-web-ui": "FARGATE_SPOT",
        "alpha-default": "FARGATE_SPOT",
        "alpha-beat": "FARGATE",
        "alpha-redis": "FARGATE",
    }


@pytest.mark.parametrize("name", ["beat", "redis"])
def test_there_are_never_two_of_beat_and_redis(name: str) -> None:
    inputs = service(app(), name).inputs
    assert (inputs["deploymentMinimumHealthyPercent"], inputs["deploymentMaximumPercent"]) == (0, 100)
    assert inputs["availabilityZoneRebalancing"] == "DISABLED"


def test_commands_follow_from_the_settings_module_and_can_be_given() -> None:
    result = app()
    assert container(result, "gunicorn")["command"] == gunicorn_command("backend.wsgi", 8000)
    assert container(result, "default")["command"] == [
        "celery",
        "--app=backend",
        "worker",
        "--loglevel=INFO",
        "-Q",
        "default,celery",
    ]
    assert container(result, "beat")["command"][-1] == "--schedule=/tmp/celerybeat-schedule"
    given = app(workers={"mail": WorkerOptions(command=["run-worker"])}, celery_app="shop.celery:app")
    assert container(given, "mail")["command"] == ["run-worker"]
    assert container(given, "beat")["command"][:2] == ["celery", "--app=shop.celery:app"]


def test_the_database_task_creates_the_extensions_of_the_release() -> None:
    result = app(release=ReleaseOptions(extensions=["postgis", "uuid-ossp"]))
    task = container(result, "database")
    assert "CREATE EXTENSION" in task["command"][-1]
    assert "ARRAY['postgis', 'uuid-ossp']" in task["command"][-1]
    # The orchestrator's copies read them from there.
    assert {"name": "APP_EXTENSIONS", "value": "postgis,uuid-ossp"} in task["environment"]
    assert "APP_EXTENSIONS" not in {item["name"] for item in container(app(), "database")["environment"]}


def test_the_database_task_does_not_depend_on_the_entrypoint_of_its_image() -> None:
    task = container(app(), "database")
    assert [*task["entryPoint"], *task["command"]][:3] == ["env", "sh", "-c"]


def test_a_task_definition_contains_no_secret_value() -> None:
    result = app()
    values = {r.outputs["result"] for r in result.of_type("random:index/randomPassword:RandomPassword")}
    assert len(values) == 2
    for definition in result.of_type(TASK_DEFINITION):
        assert definition.secret_inputs == frozenset()
        assert not [value for value in values if value in json.dumps(definition.inputs)]


def test_generated_secrets_stay_secret_on_their_way() -> None:
    result = app()
    for version in result.of_type("aws:secretsmanager/secretVersion:SecretVersion"):
        assert version.secret_inputs == {"secretString"}
    assert result.secret_outputs == frozenset()


def test_the_json_secret_has_everything_that_a_container_refers_to() -> None:
    result = app()
    document = json.loads(
        result.one("aws:secretsmanager/secretVersion:SecretVersion", "alpha-secrets-value").inputs["secretString"]
    )
    assert set(document) == {"SECRET_KEY", "DB_USER", "DB_PASSWORD", "DB_HOST", "DB_PORT", "DB_NAME", "DATABASE_URL"}
    assert document["DATABASE_URL"] == (
        f"postgres://alpha-db:{document['DB_PASSWORD']}@dev-rds.internal:5432/alpha-db?sslmode=require"
    )
    assert len(document["SECRET_KEY"]) == 64
    secret = result.one("aws:secretsmanager/secret:Secret", "alpha-secrets").outputs["arn"]
    references = {item["name"]: item["valueFrom"] for item in container(result, "gunicorn")["secrets"]}
    assert references["SECRET_KEY"] == f"{secret}:SECRET_KEY::"
    assert references["POSTGRES_PASSWORD"] == f"{secret}:DB_PASSWORD::"


def test_the_secret_that_applications_read_themselves_is_the_bare_password() -> None:
    result = app()
    versions = "aws:secretsmanager/secretVersion:SecretVersion"
    document = json.loads(result.one(versions, "alpha-secrets-value").inputs["secretString"])
    assert result.one(versions, "alpha-secrets-password-value").inputs["secretString"] == document["DB_PASSWORD"]
    secret = result.one("aws:secretsmanager/secret:Secret", "alpha-secrets-password").outputs
    env = {item["name"]: item["value"] for item in container(result, "gunicorn")["environment"]}
    assert env["DB_SECRET_NAME"] == secret["name"]
    assert statements(result, "alpha-task-policy")["OwnSecrets"]["Resource"] == [secret["arn"]]


def test_without_that_secret_nothing_can_be_read_by_the_application() -> None:
    result = app(database_password_secret=False)
    assert "OwnSecrets" not in statements(result, "alpha-task-policy")
    assert "DB_SECRET_NAME" not in [item["name"] for item in container(result, "gunicorn")["environment"]]


def test_django_services_and_the_release_share_one_environment() -> None:
    result = app()
    shared = [
        (container(result, name)["environment"], container(result, name)["secrets"])
        for name in ("gunicorn", "default", "beat", "backend_update")
    ]
    assert all(item == shared[0] for item in shared)
    env = {item["name"]: item["value"] for item in shared[0][0]}
    assert env["REDIS_SERVICE_HOST"] == "alpha-redis.dev-sd-ns"
    assert env["CELERY_BROKER_URL"] == "redis://alpha-redis.dev-sd-ns:6379/1"
    assert env["FRONTEND_URL"] == "https://alpha.example.com"


def test_frontend_and_redis_receive_nothing_of_django() -> None:
    result = app(frontend=FrontendOptions(env={"THEME": "dark"}))
    assert container(result, "web-ui")["environment"] == [
        {"name": "NUXT_PUBLIC_API_BASE", "value": "https://alpha.example.com"},
        {"name": "PORT", "value": "3000"},
        {"name": "THEME", "value": "dark"},
    ]
    for name in ("web-ui", "redis"):
        assert container(result, name)["secrets"] == []
    assert container(result, "redis")["environment"] == []


def test_roles_allow_what_is_needed_and_no_more() -> None:
    result = app()
    actions: set[str] = set()
    for policy in result.of_type("aws:iam/rolePolicy:RolePolicy"):
        for statement in json.loads(policy.inputs["policy"])["Statement"]:
            actions |= set(statement["Action"])
            if statement["Resource"] == ["*"]:
                assert statement["Sid"] in {"Exec", "RegistryLogin"}
    assert not [action for action in actions if action.endswith("*")]
    assert set(statements(result, "alpha-plain-policy")) == {"Exec"}


def test_mail_and_further_rights_are_given_to_the_application_only() -> None:
    identity = "arn:aws:ses:us-east-1:123456789012:identity/example.com"
    more = {"Sid": "Queue", "Effect": "Allow", "Action": ["sqs:SendMessage"], "Resource": ["arn:aws:sqs:us-east-1:1:q"]}
    result = app(email_identity_arns=[identity], task_statements=[more])
    granted = statements(result, "alpha-task-policy")
    assert granted["Mail"]["Action"] == ["ses:SendEmail", "ses:SendRawEmail"]
    assert granted["Mail"]["Resource"] == [identity]
    assert granted["Queue"] == more
    assert set(statements(result, "alpha-plain-policy")) == {"Exec"}
    assert "Mail" not in statements(app(), "alpha-task-policy")


def test_redis_and_a_frontend_never_get_the_role_of_the_application() -> None:
    definitions = {r.inputs["family"].removeprefix("alpha-"): r for r in app().of_type(TASK_DEFINITION)}
    roles = {family: r.inputs.get("taskRoleArn", "").rpartition("/")[2] for family, r in definitions.items()}
    assert {family for family, role in roles.items() if role.startswith("alpha-plain-")} == {"redis", "web-ui"}
    assert {family for family, role in roles.items() if role.startswith("alpha-task-")} == {
        "backend_update",
        "gunicorn",
        "default",
        "beat",
    }


def test_only_the_database_task_reads_the_master_password() -> None:
    master = BASE["database_master_secret_arn"]
    result = app()
    readers = [p.name for p in result.of_type("aws:iam/rolePolicy:RolePolicy") if master in p.inputs["policy"]]
    assert readers == ["alpha-database-execution-policy"]
    database = container(result, "database")
    assert {item["name"] for item in database["secrets"]} == {"APP_PASSWORD", "PGUSER", "PGPASSWORD"}
    assert not [word for word in database["command"] if "PASSWORD" in word and "\\getenv" not in word]
    definition = next(r for r in result.of_type(TASK_DEFINITION) if r.inputs["family"] == "alpha-database")
    assert "taskRoleArn" not in definition.inputs


def test_a_server_that_logs_ddl_never_sees_the_password_in_a_statement_that_it_logs() -> None:
    sql = container(app(), "database")["command"][-1]
    logged = ("ALTER", "CREATE", "DROP", "GRANT", "REVOKE", "COMMENT")
    assert not [line for line in sql.splitlines() if line.startswith(logged) and "password" in line.lower()]
    assert "ALTER ROLE %I LOGIN PASSWORD %L" in sql


def test_external_secrets_can_be_read_by_ecs_and_only_those() -> None:
    external = "arn:aws:secretsmanager:us-east-1:123456789012:secret:mail-AbCdEf"
    result = app(extra_secrets={"EMAIL_HOST_PASSWORD": f"{external}:password::"})
    resources = statements(result, "alpha-execution-policy")["Secrets"]["Resource"]
    assert resources == [result.one("aws:secretsmanager/secret:Secret", "alpha-secrets").outputs["arn"], external]
    references = {item["name"]: item["valueFrom"] for item in container(result, "gunicorn")["secrets"]}
    assert references["EMAIL_HOST_PASSWORD"] == f"{external}:password::"


def test_the_environments_own_group_admits_the_load_balancer_and_its_own_tasks_only() -> None:
    result = app()
    group = result.one("aws:ec2/securityGroup:SecurityGroup").id
    rules = [rule.inputs for rule in result.of_type("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")]
    assert sorted((r["referencedSecurityGroupId"], r["fromPort"], r["toPort"]) for r in rules) == sorted(
        [("sg-alb", 3000, 3000), ("sg-alb", 8000, 8000), (group, 6379, 6379)]
    )
    for resource in result.of_type(SERVICE):
        assert resource.inputs["networkConfiguration"]["securityGroups"] == ["sg-app", group]


def test_listener_rules_match_the_host_and_the_frontend_comes_last() -> None:
    rules = {rule.name: rule.inputs for rule in app().of_type(RULE)}
    assert {name: rule["priority"] for name, rule in rules.items()} == {
        "alpha-gunicorn-rule-api": 1,
        "alpha-gunicorn-rule-mtv": 2,
        "alpha-web-ui-rule-all": 50,
    }
    for rule in rules.values():
        assert rule["conditions"][0] == {"hostHeader": {"values": ["alpha.example.com"]}}
    assert rules["alpha-gunicorn-rule-api"]["conditions"][1] == {
        "pathPattern": {"values": ["/api/*", "/admin/*", "/graphql/*"]}
    }


def test_a_task_takes_requests_ten_seconds_after_it_is_up_and_leaves_in_five() -> None:
    group = app().one("aws:lb/targetGroup:TargetGroup", "alpha-gunicorn").inputs
    assert (group["name"], group["port"], group["targetType"]) == ("alpha-gunicorn", 8000, "ip")
    assert group["deregistrationDelay"] == 5
    assert group["healthCheck"] == {
        "path": "/",
        "protocol": "HTTP",
        "port": "traffic-port",
        "interval": 5,
        "timeout": 4,
        "healthyThreshold": 2,
        "unhealthyThreshold": 3,
        "matcher": "200-399",
    }


def test_the_host_name_is_an_alias_of_the_load_balancer() -> None:
    record = app().one("aws:route53/record:Record").inputs
    assert (record["name"], record["type"], record["zoneId"]) == ("alpha.example.com", "A", "Z2")
    assert record["aliases"][0]["name"] == "dev.elb.amazonaws.com"


def test_asleep_every_service_has_no_task_and_nothing_else_changes() -> None:
    awake, asleep = app(), app(asleep=True)
    assert [r.inputs["desiredCount"] for r in awake.of_type(SERVICE)] == [1] * 5
    assert [r.inputs["desiredCount"] for r in asleep.of_type(SERVICE)] == [0] * 5
    before = {r.urn: dict(r.inputs) for r in awake.resources}
    different = {r.type for r in asleep.resources if before[r.urn] != dict(r.inputs)}
    assert different == {SERVICE, "pulumi-django:ecs:Rollout", "pulumi-django:ecs:DatabaseRecord"}


def test_one_service_per_queue() -> None:
    result = app(
        workers={"default": WorkerOptions(), "mail": WorkerOptions(desired_count=3, cpu_units=512, memory_mib=1024)}
    )
    assert service(result, "mail").inputs["desiredCount"] == 3
    assert container(result, "mail")["command"][-1] == "mail"


def test_parts_that_are_off_do_not_exist() -> None:
    result = app(frontend_image=None, workers={}, beat=None, redis=None, web=WebOptions())
    assert [r.name for r in result.of_type(SERVICE)] == ["alpha-gunicorn"]
    assert result.of_type("aws:servicediscovery/service:Service") == ()
    env = {item["name"] for item in container(result, "gunicorn")["environment"]}
    assert not {"REDIS_URL", "REDIS_SERVICE_HOST", "CELERY_BROKER_URL"} & env


def test_two_environments_in_one_stack_do_not_collide() -> None:
    def program() -> None:
        for slot, name in enumerate(("alpha", "beta")):
            AdHocApp(name, arguments(listener_slot=slot))

    result = simulate(program, project="p", stack="both")
    assert len(result.of_type(SERVICE)) == 10
    assert len({rule.inputs["priority"] for rule in result.of_type(RULE)}) == 6
    assert len(set(result.hooks)) == len(result.hooks)


def test_the_shell_line_looks_a_task_up_and_names_cluster_container_and_region() -> None:
    assert app().outputs["exec_command"] == (
        "aws ecs execute-command --region us-east-1 --cluster alpha-cluster --task $(aws ecs list-tasks --region us-east-1 "
        "--cluster alpha-cluster --service-name alpha-gunicorn --query 'taskArns[0]' --output text) --container gunicorn "
        "--interactive --command /bin/bash"
    )


REFUSALS: list[tuple[Callable[[], object], str]] = [
    (
        lambda: app(base={"kind": Kind.PROD}),
        "alpha has the kind ad-hoc and its base dev has the kind prod: use a base of the kind ad-hoc, or change the "
        "kind of alpha",
    ),
    (
        lambda: app(workers={"gunicorn": WorkerOptions()}),
        "two tasks of alpha have one name: web.service and workers.gunicorn are both gunicorn; give each its own name",
    ),
    (
        lambda: app(beat=BeatOptions(cpu_units=256, memory_mib=4096)),
        "memory_mib is 4096: with cpu_units 256 Fargate has 512, 1024, 2048; the nearest is 2048, or cpu_units 512",
    ),
    (
        lambda: app(listener_slot=999),
        "listener_slot is 999: a load balancer has slots 0 to 998",
    ),
    (
        lambda: app(frontend=FrontendOptions(paths=("/api/*",))),
        "web.paths and frontend.paths both have '/api/*': keep it in one of them, or give the services different hosts",
    ),
    (
        lambda: app(web=WebOptions(paths=("/api/*",), desired_count=-1)),
        "desired_count is -1: a service has 0 to 5000 tasks",
    ),
    (lambda: HealthCheck(timeout_seconds=5), "timeout_seconds is 5: it must be less than interval_seconds (5)"),
    (lambda: HealthCheck(path="health"), "path is 'health': it must begin with /"),
    (lambda: HealthCheck(healthy_threshold=1), "healthy_threshold is 1: it must be 2 to 10"),
    (
        lambda: AppSecretsArgs(database_host="h", database_port=1, database_name="d", recovery_window_days=3),
        "recovery_window_days is 3: it must be 0, or 7 to 30",
    ),
    (
        lambda: TaskDefinitionArgs(
            environment="a",
            service="web",
            image="i",
            execution_role_arn="r",
            log_group_name="l",
            region="r",
            stop_timeout_seconds=121,
        ),
        "stop_timeout_seconds is 121: Fargate waits 1 to 120 seconds",
    ),
    (
        lambda: TaskDefinitionArgs(
            environment="a",
            service="web",
            image="i",
            execution_role_arn="r",
            log_group_name="l",
            region="r",
            port=70000,
        ),
        "port is 70000: a TCP port is 1 to 65535",
    ),
    (
        lambda: AdHocApp("Alpha", arguments()),
        "'Alpha' cannot name an environment: a name has 2 to 20 lower-case letters, digits and single hyphens, beginning with a letter and not ending with a hyphen",
    ),
]


@pytest.mark.parametrize(("make", "message"), REFUSALS, ids=[message[:40] for _make, message in REFUSALS])
def test_arguments_that_cannot_work_are_refused(make: Callable[[], object], message: str) -> None:
    def program() -> None:
        make()

    with pytest.raises(Exception, match=r".") as refused:
        make() if "Alpha" not in message else simulate(program)
    assert str(refused.value) == message


def test_a_retention_that_cloudwatch_does_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match=r"retention_days is 2: allowed are 1, 3, 5, 7, 14, 30,"):
        LogGroupArgs(environment="alpha", service="web", retention_days=2)
