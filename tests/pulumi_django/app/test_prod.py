"""The production environment: its defaults, the resources of its base that it uses, its refusals."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pytest

from pulumi_django import (
    AdHocApp,
    AdHocAppArgs,
    AppAssetsOptions,
    AppCacheOptions,
    BaseContract,
    DeploymentOptions,
    ExecSessionOptions,
    Kind,
    ProdAppArgs,
    ProdAppAssetsOptions,
    ProdWebOptions,
    ProdWorkerOptions,
    QueueStep,
    QueueSteps,
    RedisOptions,
    Scaling,
    ScheduledCommandOptions,
    Sidecar,
    SqsOptions,
    WebOptions,
)
from pulumi_django.testing import simulate
from tests.pulumi_django.app.environment import (
    BASE,
    REDIS_SECRET,
    RULE,
    SERVICE,
    TARGET,
    TARGET_GROUP,
    TASK_DEFINITION,
    containers,
    environment,
    prod,
    prod_arguments,
    secrets,
    service,
    statements,
)


def test_everything_runs_on_demand_capacity_and_nothing_has_a_shell() -> None:
    for resource in prod().of_type(SERVICE):
        assert resource.inputs["capacityProviderStrategies"] == [{"capacityProvider": "FARGATE", "weight": 100}]
        assert resource.inputs["enableExecuteCommand"] is False
    assert "Exec" not in statements(prod(), "shop-task-policy")


def test_web_and_frontend_have_two_tasks_and_grow_to_five_by_cpu() -> None:
    result = prod()
    for name in ("gunicorn", "web-ui"):
        assert service(result, name).inputs["desiredCount"] == 2
        bounds = result.one(TARGET, f"shop-{name}-scaling").inputs
        assert (bounds["minCapacity"], bounds["maxCapacity"]) == (2, 5)
        policy = result.one("aws:appautoscaling/policy:Policy", f"shop-{name}-scaling-cpu").inputs
        assert policy["targetTrackingScalingPolicyConfiguration"] == {
            "predefinedMetricSpecification": {"predefinedMetricType": "ECSServiceAverageCPUUtilization"},
            "scaleInCooldown": 300,
            "scaleOutCooldown": 60,
            "targetValue": 75.0,
        }


def test_a_workers_number_follows_its_cpu_and_there_is_never_more_than_one_beat() -> None:
    result = prod()
    assert {r.name for r in result.of_type(TARGET)} == {
        "shop-gunicorn-scaling",
        "shop-web-ui-scaling",
        "shop-default-scaling",
    }
    beat = service(result, "beat").inputs
    assert (beat["deploymentMinimumHealthyPercent"], beat["deploymentMaximumPercent"]) == (0, 100)


def test_the_count_is_left_to_scaling_where_a_service_is_scaled_and_only_there() -> None:
    ignored = {r.inputs["name"]: list(r.ignore_changes) for r in prod().of_type(SERVICE)}
    assert ignored == {
        "shop-gunicorn": ["desiredCount"],
        "shop-web-ui": ["desiredCount"],
        "shop-default": ["desiredCount"],
        "shop-beat": [],
    }


def test_no_bound_is_raised_before_the_release() -> None:
    for target in prod().of_type(TARGET):
        assert target.hooks == {"before_create": ["shop-wake"], "before_update": ["shop-wake"]}


def test_asleep_brings_every_count_and_every_bound_to_zero_and_stops_the_clock() -> None:
    scaling = Scaling(
        min_tasks=2,
        max_tasks=5,
        cpu_percent=75,
        schedules={"night": _night()},
    )
    result = prod(
        asleep=True,
        web=ProdWebOptions(scaling=scaling),
        frontend_image=None,
        scheduled_commands={"sweep": _sweep()},
    )
    for resource in result.of_type(SERVICE):
        assert resource.inputs["desiredCount"] == 0
        assert list(resource.ignore_changes) == []
    for target in result.of_type(TARGET):
        assert (target.inputs["minCapacity"], target.inputs["maxCapacity"]) == (0, 0)
    night = result.one("aws:appautoscaling/scheduledAction:ScheduledAction").inputs
    assert night["scalableTargetAction"] == {"minCapacity": 0, "maxCapacity": 0}
    assert result.one("aws:scheduler/schedule:Schedule").inputs["state"] == "DISABLED"


def test_a_leaving_task_has_thirty_seconds_and_a_worker_two_minutes() -> None:
    result = prod()
    for group in result.of_type(TARGET_GROUP):
        assert group.inputs["deregistrationDelay"] == 30
    assert containers(result, "default")[0]["stopTimeout"] == 120


def test_lines_are_kept_for_a_year_and_deleted_secrets_for_seven() -> None:
    result = prod()
    for group in result.of_type("aws:cloudwatch/logGroup:LogGroup"):
        assert group.inputs["retentionInDays"] == 365
        assert group.inputs["kmsKeyId"] == BASE["kms_key_arn"]
    for secret in result.of_type("aws:secretsmanager/secret:Secret"):
        assert secret.inputs["recoveryWindowInDays"] == 7


def test_secrets_are_encrypted_with_the_bases_key_which_their_readers_may_use() -> None:
    result = prod()
    made = result.of_type("aws:secretsmanager/secret:Secret")
    assert made
    assert {secret.inputs["kmsKeyId"] for secret in made} == {BASE["kms_key_arn"]}
    for policy in ("shop-execution-policy", "shop-database-execution-policy", "shop-task-policy"):
        assert statements(result, policy)["SecretKeys"] == {
            "Sid": "SecretKeys",
            "Effect": "Allow",
            "Action": ["kms:Decrypt"],
            "Resource": [BASE["kms_key_arn"]],
        }


def test_sessions_of_production_are_encrypted_with_the_bases_key() -> None:
    result = prod(exec_enabled=True, exec_sessions=ExecSessionOptions())
    assert result.of_type("aws:kms/key:Key") == ()
    groups = {str(group.inputs["name"]): group.inputs for group in result.of_type("aws:cloudwatch/logGroup:LogGroup")}
    assert {group["kmsKeyId"] for group in groups.values()} == {BASE["kms_key_arn"]}
    assert "/ecs/shop/_exec" in groups
    for role in ("shop-task-policy", "shop-plain-policy"):
        assert statements(result, role)["SessionKey"]["Resource"] == [BASE["kms_key_arn"]]


def test_files_go_to_the_bases_bucket() -> None:
    result = prod()
    assert result.of_type("aws:s3/bucket:Bucket") == ()
    assert environment(result)["S3_BUCKET_NAME"] == "prod-assets"
    assert statements(result, "shop-task-policy")["Objects"]["Resource"] == ["arn:aws:s3:::prod-assets/*"]


def test_a_bucket_of_its_own_is_versioned_and_protected() -> None:
    result = prod(assets=ProdAppAssetsOptions(source="own"))
    bucket = result.one("aws:s3/bucket:Bucket", "shop-assets")
    assert (bucket.inputs["forceDestroy"], bucket.protect) == (False, True)
    assert len(result.of_type("aws:s3/bucketVersioning:BucketVersioning")) == 1


def test_the_urls_of_the_bases_cache_come_from_its_secret() -> None:
    result = prod()
    assert secrets(result)["REDIS_URL"] == f"{REDIS_SECRET}:REDIS_URL_0::"
    assert secrets(result)["CELERY_BROKER_URL"] == f"{REDIS_SECRET}:REDIS_URL_1::"
    assert not {"REDIS_URL", "CELERY_BROKER_URL"} & set(environment(result))
    assert REDIS_SECRET in statements(result, "shop-execution-policy")["Secrets"]["Resource"]
    assert environment(result)["REDIS_KEY_PREFIX"] == "shop:"
    assert json.loads(environment(result)["CELERY_BROKER_TRANSPORT_OPTIONS"]) == {"global_keyprefix": "shop:"}
    assert "shop-redis" not in [r.inputs["name"] for r in result.of_type(SERVICE)]


def test_a_cache_without_token_is_reached_by_plain_urls() -> None:
    result = prod({"redis_auth_secret_arn": None, "redis_tls": False})
    assert environment(result)["REDIS_URL"] == "redis://prod-redis.internal:6379/0"
    encrypted = prod({"redis_auth_secret_arn": None})
    assert environment(encrypted)["CELERY_BROKER_URL"] == ("rediss://prod-redis.internal:6379/1?ssl_cert_reqs=required")


@pytest.mark.parametrize(("slot", "cache", "broker"), [(0, 0, 1), (3, 6, 7), (7, 14, 15), (8, 0, 1)])
def test_each_slot_has_two_databases_of_the_shared_cache(slot: int, cache: int, broker: int) -> None:
    references = secrets(prod(listener_slot=slot, frontend_image=None))
    assert references["REDIS_URL"].endswith(f":REDIS_URL_{cache}::")
    assert references["CELERY_BROKER_URL"].endswith(f":REDIS_URL_{broker}::")


def test_databases_and_prefix_can_be_given() -> None:
    result = prod(cache=AppCacheOptions(cache_database=4, broker_database=9, key_prefix=""))
    assert secrets(result)["REDIS_URL"].endswith(":REDIS_URL_4::")
    assert secrets(result)["CELERY_BROKER_URL"].endswith(":REDIS_URL_9::")
    assert environment(result)["REDIS_KEY_PREFIX"] == ""


def test_with_sqs_every_worker_has_a_queue_and_the_cache_stays_a_cache() -> None:
    workers = {"default": ProdWorkerOptions(scaling="production"), "mail": ProdWorkerOptions(scaling="staging")}
    result = prod(sqs=SqsOptions(), workers=workers)
    env = environment(result)
    assert env["CELERY_BROKER_URL"] == "sqs://"
    assert secrets(result)["REDIS_URL"] == f"{REDIS_SECRET}:REDIS_URL_0::"
    assert "CELERY_BROKER_URL" not in secrets(result)
    options = json.loads(env["CELERY_BROKER_TRANSPORT_OPTIONS"])
    assert set(options["predefined_queues"]) == {"celery", "default", "mail"}
    assert env["SQS_MAIL_QUEUE_URL"] == options["predefined_queues"]["mail"]["url"]
    assert "Queues" in statements(result, "shop-task-policy")
    alarm = result.one("aws:cloudwatch/metricAlarm:MetricAlarm", "shop-mail-scaling-queue-depth-high").inputs
    assert (alarm["threshold"], alarm["dimensions"]) == (10.0, {"QueueName": "shop-mail"})


def test_scheduled_commands_share_the_web_services_image_role_environment_and_secrets() -> None:
    result = prod(scheduled_commands={"sweep": _sweep()})
    command, web = containers(result, "sweep")[0], containers(result, "gunicorn")[0]
    assert command["command"] == ["python", "manage.py", "clearsessions"]
    for key in ("image", "environment", "secrets"):
        assert command[key] == web[key]
    roles = {
        r.inputs["family"]: (r.inputs["taskRoleArn"], r.inputs["executionRoleArn"])
        for r in result.of_type(TASK_DEFINITION)
        if r.inputs["family"] in ("shop-sweep", "shop-gunicorn")
    }
    assert roles["shop-sweep"] == roles["shop-gunicorn"]
    schedule = result.one("aws:scheduler/schedule:Schedule", "shop-sweep-schedule")
    # The release has then run for this image.
    assert service(result, "gunicorn").urn in schedule.dependencies
    assert result.outputs["log_groups"]["sweep"] == "/ecs/shop/sweep"
    assert "shop-sweep" in result.outputs["task_families"]


def test_a_proxy_takes_requests_over_tls_and_only_its_port_is_open() -> None:
    web = ProdWebOptions(sidecars={"nginx": Sidecar(image="nginx:1", port=443)}, proxy="nginx", target_protocol="HTTPS")
    result = prod(web=web, frontend_image=None)
    group = result.one(TARGET_GROUP, "shop-gunicorn").inputs
    assert (group["port"], group["protocol"], group["healthCheck"]["protocol"]) == (443, "HTTPS", "HTTPS")
    assert service(result, "gunicorn").inputs["loadBalancers"][0]["containerName"] == "nginx"
    assert service(result, "gunicorn").inputs["loadBalancers"][0]["containerPort"] == 443
    rules = result.of_type("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
    assert [rule.inputs["fromPort"] for rule in rules] == [443]
    # Workers and the release run the image alone.
    assert len(containers(result, "default")) == 1


def test_further_hosts_and_the_domain_itself_are_answered_and_have_records() -> None:
    result = prod(host="example.com", extra_hosts=["www.example.com", "shop.elsewhere.org"], frontend_image=None)
    hosts = [rule.inputs["conditions"][0]["hostHeader"]["values"] for rule in result.of_type(RULE)]
    assert hosts == [["example.com", "www.example.com", "shop.elsewhere.org"]] * 2
    records = sorted(record.inputs["name"] for record in result.of_type("aws:route53/record:Record"))
    assert records == ["example.com", "www.example.com"]
    assert result.outputs["url"] == "https://example.com"
    assert environment(result)["FRONTEND_URL"] == "https://example.com"


def test_services_can_answer_different_hosts() -> None:
    result = prod(
        web=ProdWebOptions(hosts=["api.example.com"]),
        frontend=_frontend(hosts=["www.example.com"]),
    )
    rules = {rule.name: rule.inputs["conditions"][0]["hostHeader"]["values"] for rule in result.of_type(RULE)}
    assert rules == {
        "shop-gunicorn-rule-all": ["api.example.com"],
        "shop-web-ui-rule-all": ["www.example.com"],
    }
    records = sorted(record.inputs["name"] for record in result.of_type("aws:route53/record:Record"))
    # Nothing answers shop.example.com.
    assert records == ["api.example.com", "www.example.com"]
    assert result.outputs["url"] == "https://www.example.com"
    assert environment(result)["FRONTEND_URL"] == "https://www.example.com"
    assert environment(result, "web-ui")["NUXT_PUBLIC_API_BASE"] == "https://api.example.com"


def test_existing_secrets_and_parameters_are_taken_by_name() -> None:
    result = prod(
        extra_secrets={"STRIPE_KEY": "secretsmanager:/prod/stripe:api_key", "FLAGS": "ssm:/prod/flags"},
        secret_key_arns=["arn:aws:kms:us-east-1:123456789012:key/2"],
    )
    taken = secrets(result)
    assert taken["FLAGS"] == "arn:aws:ssm:us-east-1:123456789012:parameter/prod/flags"
    assert taken["STRIPE_KEY"].startswith("arn:aws:secretsmanager:us-east-1:123456789012:secret:/prod/stripe-")
    assert taken["STRIPE_KEY"].endswith(":api_key::")
    granted = statements(result, "shop-execution-policy")
    assert taken["FLAGS"] in granted["Secrets"]["Resource"]
    assert taken["STRIPE_KEY"].removesuffix(":api_key::") in granted["Secrets"]["Resource"]
    assert granted["SecretKeys"]["Resource"] == [BASE["kms_key_arn"], "arn:aws:kms:us-east-1:123456789012:key/2"]


def test_outputs_are_published_as_parameters_on_request() -> None:
    parameters = "aws:ssm/parameter:Parameter"
    assert prod().of_type(parameters) == ()
    made = {r.inputs["name"]: r.inputs for r in prod(publish_parameters=True).of_type(parameters)}
    assert made["/shop/cluster_name"]["value"] == "shop-cluster"
    assert (made["/shop/service_names"]["type"], made["/shop/service_names"]["value"]) == (
        "StringList",
        "shop-gunicorn,shop-web-ui,shop-default,shop-beat",
    )
    assert made["/shop/log_groups/gunicorn"]["value"] == "/ecs/shop/gunicorn"
    assert not [p for p in made.values() if p["type"] == "SecureString"]


def test_roles_of_the_base_get_the_environments_permissions() -> None:
    roles = {
        "task_role_arn": "arn:aws:iam::123456789012:role/prod-task",
        "execution_role_arn": "arn:aws:iam::123456789012:role/prod-execution",
    }
    result = prod(roles)
    definition = next(r for r in result.of_type(TASK_DEFINITION) if r.inputs["family"] == "shop-gunicorn")
    assert definition.inputs["taskRoleArn"] == roles["task_role_arn"]
    assert definition.inputs["executionRoleArn"] == roles["execution_role_arn"]
    assert result.one("aws:iam/rolePolicy:RolePolicy", "shop-task-policy").inputs["role"] == "prod-task"
    assert "shop-task" not in [r.name for r in result.of_type("aws:iam/role:Role")]


@pytest.mark.parametrize("architecture", ["ARM64", "X86_64"])
def test_every_task_runs_on_the_processor_that_is_asked_for(architecture: str) -> None:
    for definition in prod(architecture=architecture).of_type(TASK_DEFINITION):
        assert definition.inputs["runtimePlatform"]["cpuArchitecture"] == architecture


def test_a_task_can_have_more_storage_than_fargates_own() -> None:
    result = prod(
        web=ProdWebOptions(ephemeral_storage_gib=21),
        workers={"default": ProdWorkerOptions(ephemeral_storage_gib=200)},
        frontend_image=None,
    )
    storage = {r.inputs["family"]: r.inputs.get("ephemeralStorage") for r in result.of_type(TASK_DEFINITION)}
    assert storage["shop-gunicorn"] == {"sizeInGib": 21}
    assert storage["shop-default"] == {"sizeInGib": 200}
    assert storage["shop-beat"] is None


def test_both_kinds_have_the_same_arguments() -> None:
    assert [field.name for field in fields(ProdAppArgs)] == [field.name for field in fields(AdHocAppArgs)]


def test_an_ad_hoc_environment_can_be_scaled_too_and_begins_with_ad_hoc_defaults() -> None:
    base = BaseContract(**{**BASE, "kind": Kind.AD_HOC})
    args = AdHocAppArgs(
        base=base,
        backend_image="app:v1",
        settings_module="backend.settings",
        redis=None,
        web=WebOptions(scaling=Scaling(min_tasks=1, max_tasks=2, cpu_percent=50)),
    )
    result = simulate(lambda: AdHocApp("shop", args) and None)
    assert service(result, "gunicorn").inputs["capacityProviderStrategies"][0]["capacityProvider"] == "FARGATE_SPOT"
    assert [r.name for r in result.of_type(TARGET)] == ["shop-gunicorn-scaling"]


def _night() -> Any:
    from pulumi_django import ScheduledScaling

    return ScheduledScaling(schedule="cron(0 20 * * ? *)", min_tasks=1, max_tasks=2)


def _sweep() -> ScheduledCommandOptions:
    return ScheduledCommandOptions(command=["python", "manage.py", "clearsessions"], schedule="cron(0 3 * * ? *)")


def _frontend(**changes: Any) -> Any:
    from pulumi_django import ProdFrontendOptions

    return ProdFrontendOptions(**changes)


BY_QUEUE = Scaling(min_tasks=0, max_tasks=4, queue_steps=QueueSteps(steps=[QueueStep(at_least=1, change=1)]))

REFUSALS: list[tuple[Callable[[], object], str]] = [
    (
        lambda: prod({"kind": Kind.AD_HOC}),
        "shop has the kind prod and its base prod has the kind ad-hoc: use a base of the kind prod, or change the "
        "kind of shop",
    ),
    (
        lambda: prod({"redis_host": None}),
        "shop cannot use the cache of its base prod, which has "
        "none: set cache to null (and sqs to {} for a broker), or give "
        "the base a cache",
    ),
    (
        lambda: prod({"redis_cluster_mode": True}),
        "the workers of shop cannot use the cache of its base prod as broker: it is sharded (cluster mode), which "
        "Celery does not support; set sqs to {}, or give the base a cache without shards",
    ),
    (
        lambda: prod({"assets_bucket_name": None}),
        "shop cannot use the assets bucket of its base prod, which has none: set assets.source to own, or give the "
        "base a bucket",
    ),
    (
        lambda: prod(browser_uploads=True),
        "browser_uploads is set and shop uses its base's assets bucket (assets.source), whose policy only the base "
        "can change: set assets.source to own, or leave browser_uploads out",
    ),
    (
        lambda: prod(workers={"default": ProdWorkerOptions(scaling="production")}),
        "the worker default of shop has scaling by queue depth (queue_steps) and a Redis as broker, for which "
        "CloudWatch has no metric: set sqs to {}, or scale it by cpu_percent, or by metrics that the application "
        "publishes",
    ),
    (
        lambda: prod(web=ProdWebOptions(scaling=BY_QUEUE)),
        "gunicorn of shop has scaling by queue_steps and works on no queue: scale it by cpu_percent, memory_percent "
        "or requests_per_target",
    ),
    (
        lambda: prod(
            workers={"mail": ProdWorkerOptions(scaling=Scaling(min_tasks=1, max_tasks=2, requests_per_target=5))}
        ),
        "the worker mail of shop has scaling by requests_per_target and answers no requests: scale it by cpu_percent "
        "or queue_steps",
    ),
    (
        lambda: prod(sqs=SqsOptions(), workers={}),
        "sqs is set and shop has no workers: name a worker for each queue, or leave sqs out",
    ),
    (
        lambda: prod(redis=RedisOptions()),
        "redis and cache are both set: an environment has its own Redis or uses its base's, so set one of them to null",
    ),
    (
        lambda: prod(workers={"database": ProdWorkerOptions()}),
        "database names a service of shop and the task that creates its database: give the service another name",
    ),
    (
        lambda: prod(scheduled_commands={"beat": _sweep()}),
        "two tasks of shop have one name: beat.service and scheduled_commands.beat are both beat; give each its own name",
    ),
    (
        lambda: ProdWebOptions(proxy="nginx"),
        "proxy is 'nginx' and the sidecars of this service are none: name one of them",
    ),
    (
        lambda: ProdWebOptions(sidecars={"nginx": Sidecar(image="nginx:1")}, proxy="nginx"),
        "proxy is 'nginx' and that sidecar has no port: name the port on which it listens",
    ),
    (
        lambda: ProdWebOptions(
            scaling=Scaling(min_tasks=2, max_tasks=5, requests_per_target=100),
            deployment=DeploymentOptions(strategy="blue-green"),
        ),
        "requests_per_target is 100 and strategy is 'blue-green': requests move between two target groups and are "
        "counted in one, so scale by cpu_percent, or choose strategy 'rolling'",
    ),
    (
        lambda: prod_arguments(extra_secrets={"KEY": "prod/stripe"}),
        "'prod/stripe' is not a reference to a secret: write 'secretsmanager:<name>', 'secretsmanager:<name>:<JSON key>', "
        "'ssm:<parameter name>', or the ARN of either, that of a secret with ':<JSON key>::' for one key",
    ),
    (
        lambda: ProdWebOptions(ephemeral_storage_gib=20),
        "ephemeral_storage_gib is 20: it must be 21 to 200, or omitted for 20",
    ),
    (
        lambda: AppCacheOptions(cache_database=16),
        "cache_database is 16: a Redis has the databases 0 to 15",
    ),
    (
        lambda: ScheduledCommandOptions(command=["x"], schedule="0 3 * * *"),
        "the schedule '0 3 * * *' cannot be used: a schedule is 'cron(minutes hours day-of-month month day-of-week year)' "
        "or 'rate(value unit)'",
    ),
]


@pytest.mark.parametrize(("make", "message"), REFUSALS, ids=[message[:40] for _make, message in REFUSALS])
def test_arguments_that_cannot_work_are_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(Exception, match=r".") as refused:
        make()
    assert str(refused.value) == message


def test_the_own_bucket_of_an_ad_hoc_environment_is_versioned_and_deleted_with_it() -> None:
    assert AppAssetsOptions() == AppAssetsOptions(source="own", force_destroy=True, versioned=True, protect=False)


def test_secrets_of_a_sidecar_are_references_that_ecs_may_read() -> None:
    parameter = "arn:aws:ssm:us-east-1:123456789012:parameter/proxy/key"
    sidecar = Sidecar(image="proxy:v1", secrets={"KEY": "ssm:/proxy/key"})
    result = prod(web=ProdWebOptions(sidecars={"proxy": sidecar}), frontend_image=None)
    proxy = next(container for container in containers(result, "gunicorn") if container["name"] == "proxy")
    assert proxy["secrets"] == [{"name": "KEY", "valueFrom": parameter}]
    assert parameter in statements(result, "shop-execution-policy")["Secrets"]["Resource"]


def test_a_sidecars_secret_that_is_none_is_refused() -> None:
    sidecar = Sidecar(image="proxy:v1", secrets={"KEY": "a=b"})
    with pytest.raises(ValueError, match="a text of 3 characters is not a reference to a secret"):
        prod(web=ProdWebOptions(sidecars={"proxy": sidecar}), frontend_image=None)
