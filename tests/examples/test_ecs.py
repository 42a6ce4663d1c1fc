"""The examples of the systems S0, S1, S3 and S4 deploy the figures of those systems (docs/coverage.md)."""

from __future__ import annotations

import json
from typing import Any

from pulumi_django.testing import SimulationResult
from tests.support.examples import run, simulate_example

STAGING, PRODUCTION = 0, 1
TARGET, POLICY = "aws:appautoscaling/target:Target", "aws:appautoscaling/policy:Policy"
DEFINITION = "aws:ecs/taskDefinition:TaskDefinition"


def serverless(stage: int) -> SimulationResult:
    return run("s0-serverless")[stage]


def bounds(result: SimulationResult, service: str) -> tuple[int, int]:
    (target,) = [t.inputs for t in result.of_type(TARGET) if t.inputs["resourceId"].endswith(f"-{service}")]
    return target["minCapacity"], target["maxCapacity"]


def container(result: SimulationResult, family: str) -> dict[str, Any]:
    (definition,) = [d.inputs for d in result.of_type(DEFINITION) if d.inputs["family"] == family]
    return json.loads(definition["containerDefinitions"])[0]


def size(result: SimulationResult, family: str) -> tuple[str, str]:
    (definition,) = [d.inputs for d in result.of_type(DEFINITION) if d.inputs["family"] == family]
    return definition["cpu"], definition["memory"]


# S0


def test_private_subnets_have_no_nat_gateway_and_tasks_reach_aws_through_endpoints() -> None:
    result = serverless(STAGING)
    assert result.of_type("aws:ec2/natGateway:NatGateway") == ()
    services = {
        e.inputs["serviceName"].partition("us-east-1.")[2] for e in result.of_type("aws:ec2/vpcEndpoint:VpcEndpoint")
    }
    assert {"s3", "ecr.api", "ecr.dkr", "logs", "secretsmanager", "sqs"} <= services


def test_the_database_sleeps_in_staging_and_never_in_production() -> None:
    scaling = [
        serverless(stage).one("aws:rds/cluster:Cluster").inputs["serverlessv2ScalingConfiguration"]
        for stage in (STAGING, PRODUCTION)
    ]
    assert scaling == [
        {"minCapacity": 0, "maxCapacity": 4, "secondsUntilAutoPause": 300},
        {"minCapacity": 2, "maxCapacity": 4},
    ]
    assert serverless(STAGING).one("aws:rds/cluster:Cluster").inputs["enableHttpEndpoint"] is True


def test_the_web_service_scales_to_75_percent_cpu_within_the_bounds_of_its_stage() -> None:
    assert [bounds(serverless(stage), "gunicorn") for stage in (STAGING, PRODUCTION)] == [(1, 2), (2, 5)]
    policy = serverless(STAGING).one(POLICY, "staging-gunicorn-scaling-cpu").inputs
    assert policy["targetTrackingScalingPolicyConfiguration"]["targetValue"] == 75
    assert size(serverless(STAGING), "staging-gunicorn") == ("256", "512")


def test_the_health_check_of_the_web_service_requests_status() -> None:
    check = serverless(STAGING).one("aws:lb/targetGroup:TargetGroup").inputs["healthCheck"]
    assert (check["path"], check["healthyThreshold"], check["unhealthyThreshold"]) == ("/status/", 3, 2)
    assert (check["interval"], check["timeout"]) == (30, 5)


def test_workers_scale_with_the_depth_of_their_queue_in_the_steps_of_their_stage() -> None:
    assert [bounds(serverless(stage), "default") for stage in (STAGING, PRODUCTION)] == [(1, 2), (2, 4)]

    def steps(stage: int, name: str) -> tuple[int, list[tuple[str, int]]]:
        result = serverless(stage)
        alarm = result.one("aws:cloudwatch/metricAlarm:MetricAlarm", f"{name}-default-scaling-queue-depth-high").inputs
        policy = result.one(POLICY, f"{name}-default-scaling-queue-out").inputs["stepScalingPolicyConfiguration"]
        return alarm["threshold"], [
            (s["metricIntervalLowerBound"], s["scalingAdjustment"]) for s in policy["stepAdjustments"]
        ]

    assert steps(STAGING, "staging") == (10, [("0", 1)])
    assert steps(PRODUCTION, "production") == (100, [("0", 1), ("100", 1), ("400", 2)])


def test_the_broker_is_sqs_with_celerys_visibility_timeout_and_a_dead_letter_queue() -> None:
    result = serverless(STAGING)
    queue = result.one("aws:sqs/queue:Queue", "staging-broker-default").inputs
    dead = result.one("aws:sqs/queue:Queue", "staging-broker-default-dead").outputs["arn"]
    assert queue["visibilityTimeoutSeconds"] == 3600
    assert json.loads(queue["redrivePolicy"]) == {"deadLetterTargetArn": dead, "maxReceiveCount": 5}


def test_cloudfront_serves_static_files_from_a_private_bucket_to_the_applications_origin_only() -> None:
    result = serverless(STAGING)
    assert result.one("aws:cloudfront/originAccessControl:OriginAccessControl").inputs["signingBehavior"] == "always"
    cors = result.one("aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy").inputs["corsConfig"]
    assert cors["accessControlAllowOrigins"]["items"] == ["https://stage.example.com"]
    assert cors["accessControlAllowMethods"]["items"] == ["GET", "HEAD", "OPTIONS"]
    assert "x-csrftoken" in cors["accessControlAllowHeaders"]["items"]
    behavior = result.one("aws:cloudfront/distribution:Distribution").inputs["defaultCacheBehavior"]
    assert behavior["viewerProtocolPolicy"] == "redirect-to-https"


def test_the_values_of_a_stage_are_parameters_below_its_name() -> None:
    parameters = {
        p.inputs["name"]: p.inputs["value"] for p in serverless(STAGING).of_type("aws:ssm/parameter:Parameter")
    }
    assert parameters["/staging/cluster_name"] == "staging-cluster"
    assert parameters["/staging/url"] == "https://stage.example.com"
    assert {"/staging/task_subnet_ids", "/staging/task_families", "/staging/static_url"} <= set(parameters)


def test_the_host_can_be_the_domain_itself_as_an_alias_of_the_load_balancer() -> None:
    record = serverless(PRODUCTION).one("aws:route53/record:Record", "production-host").inputs
    assert (record["name"], record["type"]) == ("example.com", "A")
    assert (
        record["aliases"][0]["name"]
        == serverless(PRODUCTION).one("aws:lb/loadBalancer:LoadBalancer").outputs["dnsName"]
    )


def test_web_and_workers_share_one_cluster_and_one_image_with_different_commands() -> None:
    result = serverless(STAGING)
    assert len(result.of_type("aws:ecs/cluster:Cluster")) == 1
    web, worker = container(result, "staging-gunicorn"), container(result, "staging-default")
    assert web["image"] == worker["image"]
    assert web["command"] != worker["command"]
    assert "worker" in worker["command"]


# S1


def test_the_smallest_application_is_one_container_and_a_separate_release_task() -> None:
    (result,) = run("s1-dockerized")
    families = {d.inputs["family"] for d in result.of_type(DEFINITION)}
    assert families == {"dev-gunicorn", "dev-backend_update", "dev-database"}
    assert size(result, "dev-gunicorn") == ("256", "512")
    assert container(result, "dev-gunicorn")["portMappings"][0]["containerPort"] == 80
    assert container(result, "dev-backend_update")["command"] == ["python", "manage.py", "migrate", "--no-input"]
    (service,) = result.of_type("aws:ecs/service:Service")
    assert service.inputs["desiredCount"] == 1


def test_the_smallest_database_runs_on_graviton_grows_and_is_private() -> None:
    (result,) = run("s1-dockerized")
    inputs = result.one("aws:rds/instance:Instance").inputs
    assert (inputs["instanceClass"], inputs["allocatedStorage"], inputs["maxAllocatedStorage"]) == (
        "db.t4g.micro",
        20,
        50,
    )
    assert inputs["publiclyAccessible"] is False
    assert result.outputs["database_host"] == result.one("aws:rds/instance:Instance").outputs["address"]


def test_the_load_balancer_listens_on_80_without_a_domain_and_also_on_443_with_one() -> None:
    (plain,) = run("s1-dockerized")
    assert [listener.inputs["port"] for listener in plain.of_type("aws:lb/listener:Listener")] == [80]
    secure = simulate_example("s1-dockerized", "dev", changes={"example-dockerized:domain_name": "example.com"})
    assert sorted(listener.inputs["port"] for listener in secure.of_type("aws:lb/listener:Listener")) == [80, 443]


# S3


def test_development_has_one_nat_gateway_and_production_has_one_in_each_of_three_zones() -> None:
    counts = [len(result.of_type("aws:ec2/natGateway:NatGateway")) for result in run("s3-monorepo")]
    assert counts == [1, 3]


def test_postgres_18_is_small_in_development_and_has_a_standby_in_production() -> None:
    servers = [result.one("aws:rds/instance:Instance").inputs for result in run("s3-monorepo")]
    assert [(s["engineVersion"], s["instanceClass"], s["multiAz"]) for s in servers] == [
        ("18", "db.t4g.micro", False),
        ("18", "db.r6g.large", True),
    ]


def test_browsers_upload_to_the_media_bucket_only_from_pages_of_the_environment() -> None:
    (rule,) = run("s3-monorepo")[0].one("aws:s3/bucketCorsConfiguration:BucketCorsConfiguration").inputs["corsRules"]
    assert rule["allowedMethods"] == ["GET", "PUT", "POST"]
    assert (rule["allowedHeaders"], rule["maxAgeSeconds"]) == (["*"], 3600)
    assert "*" not in rule["allowedOrigins"]


def test_cloudfront_serves_the_frontend_and_django_keeps_its_paths() -> None:
    production = run("s3-monorepo")[PRODUCTION]
    hosts = {d.name: d.inputs["aliases"] for d in production.of_type("aws:cloudfront/distribution:Distribution")}
    assert hosts == {"production-site-cdn": ["www.example.com"], "production-assets-cdn": ["static.example.com"]}
    (rule,) = production.of_type("aws:lb/listenerRule:ListenerRule")
    patterns = [c["pathPattern"]["values"] for c in rule.inputs["conditions"] if "pathPattern" in c]
    assert patterns == [["/api/*", "/admin/*"]]


def test_each_queue_has_its_own_service_and_traces_go_to_x_ray() -> None:
    production = run("s3-monorepo")[PRODUCTION]
    assert {"production-default", "production-mail", "production-beat"} <= set(production.outputs["service_names"])
    (definition,) = [d.inputs for d in production.of_type(DEFINITION) if d.inputs["family"] == "production-gunicorn"]
    assert len(json.loads(definition["containerDefinitions"])) == 2
    policies = [p.inputs["policy"] for p in production.of_type("aws:iam/rolePolicy:RolePolicy")]
    assert any("xray:PutTraceSegments" in policy for policy in policies)


def test_keys_of_other_services_are_passed_by_reference() -> None:
    secrets = {
        s["name"]: s["valueFrom"] for s in container(run("s3-monorepo")[PRODUCTION], "production-gunicorn")["secrets"]
    }
    assert "shop/payments" in secrets["STRIPE_SECRET_KEY"]
    assert "DATABASE_URL" in secrets
    assert "DJANGO_SECRET_KEY" in secrets


# S4


def test_both_kinds_run_the_same_services_under_the_names_that_the_workflows_use() -> None:
    _dev, alpha, _prod, stage = run("s4-rosetta-stone")
    for result, name in ((alpha, "alpha"), (stage, "stage")):
        assert result.outputs["cluster_name"] == f"{name}-cluster"
        services = {f"{name}-{service}" for service in ("gunicorn", "web-ui", "default", "beat")}
        assert services <= set(result.outputs["service_names"])
        assert result.outputs["release_task_family"] == f"{name}-backend_update"
        assert result.outputs["log_groups"]["gunicorn"] == f"/ecs/{name}/gunicorn"
        assert size(result, f"{name}-gunicorn") == ("1024", "2048")


def test_ad_hoc_environments_have_their_own_redis_and_production_uses_the_cache_of_the_base() -> None:
    dev, alpha, prod, stage = run("s4-rosetta-stone")
    assert "alpha-redis" in alpha.outputs["service_names"]
    assert dev.of_type("aws:elasticache/replicationGroup:ReplicationGroup") == ()
    assert "stage-redis" not in stage.outputs["service_names"]
    assert len(prod.of_type("aws:elasticache/replicationGroup:ReplicationGroup")) == 1


def test_the_backend_answers_four_paths_and_the_frontend_answers_the_rest() -> None:
    alpha = run("s4-rosetta-stone")[1]
    rules = sorted((r.inputs for r in alpha.of_type("aws:lb/listenerRule:ListenerRule")), key=lambda r: r["priority"])
    paths = [
        value for r in rules for c in r["conditions"] if "pathPattern" in c for value in c["pathPattern"]["values"]
    ]
    assert paths == ["/api/*", "/admin/*", "/graphql/*", "/mtv/*", "/*"]
    hosts = {v for r in rules for c in r["conditions"] if "hostHeader" in c for v in c["hostHeader"]["values"]}
    assert hosts == {"alpha.example.com"}


def test_ad_hoc_runs_on_spot_and_production_on_demand() -> None:
    def providers(result: SimulationResult, service: str) -> list[str]:
        inputs = next(s.inputs for s in result.of_type("aws:ecs/service:Service") if s.inputs["name"] == service)
        return [s["capacityProvider"] for s in inputs["capacityProviderStrategies"] if s.get("weight")]

    _dev, alpha, _prod, stage = run("s4-rosetta-stone")
    assert providers(alpha, "alpha-gunicorn") == ["FARGATE_SPOT"]
    assert providers(stage, "stage-gunicorn") == ["FARGATE"]


def test_cpu_steps_add_a_task_at_85_percent_and_remove_one_at_10() -> None:
    web = {"paths": ["/*"], "scaling": {"min_tasks": 1, "max_tasks": 3, "cpu_steps": {}}}
    stacks = {"organization/example-rosetta-base/prod": run("s4-rosetta-stone")[2]}
    changes = {"example-rosetta-app:web": web, "example-rosetta-app:frontend_image": None}
    stage = simulate_example("s4-rosetta-stone/app", "stage", changes=changes, stacks=stacks)
    assert bounds(stage, "gunicorn") == (1, 3)
    alarms = [a.inputs for a in stage.of_type("aws:cloudwatch/metricAlarm:MetricAlarm") if "gunicorn-scaling" in a.name]
    assert {
        (a["name"], a["threshold"], a["comparisonOperator"], a["period"], a["evaluationPeriods"]) for a in alarms
    } == {
        ("stage-gunicorn_cpu_utilization_high", 85, "GreaterThanOrEqualToThreshold", 60, 2),
        ("stage-gunicorn_cpu_utilization_low", 10, "LessThanOrEqualToThreshold", 60, 2),
    }
    changes_of = {
        p.name.rpartition("-")[2]: p.inputs["stepScalingPolicyConfiguration"]["stepAdjustments"]
        for p in stage.of_type(POLICY)
        if "gunicorn-scaling" in p.name
    }
    assert sorted(step["scalingAdjustment"] for steps in changes_of.values() for step in steps) == [-1, 1]
