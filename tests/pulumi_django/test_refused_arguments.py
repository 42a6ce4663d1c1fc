"""Arguments of the public components that AWS refuses: each is refused at construction, with the name of the argument."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import pulumi_django as pd
from pulumi_django.testing import simulate
from tests.pulumi_django.app.environment import BASE, prod

HUGE = 10**400
COMPOSE = str(Path(__file__).parents[2] / "examples" / "compose-host" / "compose.yaml")
KEY = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:alarms"
SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:shop-AbCdEf"
ACL = "arn:aws:wafv2:us-east-1:123456789012:global/webacl/shop/12345678-1234-1234-1234-123456789012"
ALLOW: dict[str, Any] = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::media/*"}
WITHOUT_ACTION: list[dict[str, Any]] = [{"Effect": "Allow", "Resource": "*"}]
WITHOUT_RESOURCE: list[dict[str, Any]] = [{"Effect": "Allow", "Action": "s3:*"}]

Made = Callable[[], Any]
OPTIONS: dict[Any, str] = {
    pd.WebOptions: "web",
    pd.FrontendOptions: "frontend",
    pd.ProdFrontendOptions: "frontend",
    pd.WorkerOptions: "workers",
    pd.ScheduledCommandOptions: "scheduled_commands",
    pd.BeatOptions: "beat",
    pd.SqsOptions: "sqs",
    pd.ReleaseOptions: "release",
    pd.AppAssetsOptions: "assets",
    pd.TracingOptions: "tracing",
}
"""Options that an environment checks together with its other arguments."""


def app(**changes: Any) -> Made:
    """A production environment with these arguments."""
    return lambda: prod(**changes)


def of(kind: Any, **values: Any) -> Made:
    """An instance of an argument class, or an environment with such options."""
    if kind not in OPTIONS:
        return lambda: kind(**values)
    name = OPTIONS[kind]
    return lambda: prod(
        **{name: {"jobs": kind(**values)} if name in ("workers", "scheduled_commands") else kind(**values)}
    )


def base(**values: Any) -> Made:
    """A production base with these arguments."""
    return lambda: simulate(lambda: pd.ProdBase("prod", pd.ProdBaseArgs(**{"region": "eu-west-1", **values})))


def deploy(**values: Any) -> Made:
    options = {"subjects": ["repo:shop/shop:ref:refs/heads/main"], **values}
    return account(deploy=lambda: pd.DeployOptions(**options))


def account(**options: Made) -> Made:
    """The resources of an account with these options."""

    def program() -> None:
        made = {name: option() for name, option in options.items()}
        pd.AccountBootstrap("account", pd.AccountBootstrapArgs(region="eu-west-1", **made))

    return lambda: simulate(program)


def host(**values: Any) -> Made:
    usual = {"vpc_id": "vpc-1", "subnet_id": "subnet-1", "zone": "eu-west-1a", "compose_file": COMPOSE}
    return of(pd.ComposeHostArgs, **{**usual, **values})


def fleet(**values: Any) -> Made:
    usual = {
        "vpc_id": "vpc-1",
        "subnet_ids": ["subnet-1"],
        "alb_sg_id": "sg-1",
        "app_sg_id": "sg-2",
        "listener_arn": BASE["listener_arn"],
        "user_data": "#!/bin/sh\n",
    }
    return of(pd.Ec2WebFleetArgs, **{**usual, **values})


REFUSED: dict[str, list[Made]] = {
    # variables
    "extra_env": [app(extra_env={"A=B": "x"}), app(extra_env={"": "x"}), app(extra_env={"A\0": "x"})],
    "extra_secrets": [app(extra_secrets={"A B": "secretsmanager:x"})],
    "env": [
        of(pd.Sidecar, image="nginx:1", env={"A=B": "x"}),
        of(pd.Sidecar, image="nginx:1", env={"": "x"}),
        of(pd.FrontendOptions, env={"A B": "x"}),
        of(pd.ProdFrontendOptions, env={"1A": "x"}),
    ],
    "secrets": [of(pd.Sidecar, image="nginx:1", secrets={"A:B": SECRET})],
    # images
    "backend_image": [app(backend_image=""), app(backend_image="a b"), app(backend_image="Shop:1"), app(backend_image="a:")],
    "frontend_image": [app(frontend_image="  "), app(frontend_image="https://ghcr.io/a:1")],
    "database_client_image": [of(pd.ReleaseOptions, database_client_image=""), of(pd.ReleaseOptions, database_client_image="a@sha256:1")],
    "image": [
        of(pd.Sidecar, image=""),
        of(pd.Sidecar, image="nginx latest"),
        of(pd.Sidecar, image="nginx:"),
        of(pd.RedisOptions, image="\n"),
        of(pd.TracingOptions, image=""),
        of(pd.RedisOptions, image="redis:7:8"),
    ],
    # modules
    "settings_module": [app(settings_module=""), app(settings_module="a..b"), app(settings_module="a/b.py")],
    "wsgi_module": [app(wsgi_module="a b"), app(wsgi_module=":application")],
    "celery_app": [app(celery_app="shop:")],
    # ARNs
    "secret_key_arns": [app(secret_key_arns=["alias/shop"]), app(secret_key_arns=KEY), app(secret_key_arns=[KEY + " "])],
    "email_identity_arns": [app(email_identity_arns=["example.com"])],
    "certificate_arn": [
        base(domain_name="example.com", certificate_arn="example.com"),
        base(domain_name="example.com", certificate_arn=KEY),
        base(domain_name="example.com", certificate_arn=""),
        of(pd.CdnOptions, certificate_arn="arn:aws:acm:eu-west-1:123456789012:certificate/1"),
        of(pd.StaticSiteOptions, certificate_arn="12345678-1234-1234-1234-123456789012"),
        of(pd.Delivery, certificate_arn="arn:aws:acm"),
    ],
    "extra_certificate_arns": [
        base(domain_name="example.com", extra_certificate_arns=["x"]),
        base(domain_name="example.com", extra_certificate_arns=CERTIFICATE),
    ],
    "web_acl_arn": [of(pd.CdnOptions, web_acl_arn="shop"), of(pd.Delivery, web_acl_arn=KEY)],
    "topic_arn": [of(pd.AlarmOptions, topic_arn="alarms"), of(pd.AlarmOptions, topic_arn=KEY)],
    "kms_key_arn": [of(pd.SqsOptions, kms_key_arn="alias/sqs"), of(pd.SqsOptions, kms_key_arn=TOPIC)],
    "oidc_provider_arn": [deploy(oidc_provider_arn="token.actions.githubusercontent.com")],
    "master_secret_arn": [of(pd.ExistingDatabaseOptions, host="db.example.com", master_secret_arn="shop")],
    # statements
    "task_statements": [
        app(task_statements=WITHOUT_ACTION),
        app(task_statements=WITHOUT_RESOURCE),
        app(task_statements=[{**ALLOW, "Effect": "allow"}]),
        app(task_statements=[{**ALLOW, "Action": ["GetObject"]}]),
        app(task_statements=[{**ALLOW, "Principal": "*"}]),
    ],
    "workload_statements": [
        deploy(workload_statements=WITHOUT_ACTION),
        deploy(workload_statements=WITHOUT_RESOURCE),
        deploy(workload_statements=[{**ALLOW, "Sid": "a b"}]),
    ],
    "statements": [
        host(statements=WITHOUT_ACTION),
        host(statements=WITHOUT_RESOURCE),
        fleet(statements=WITHOUT_ACTION),
        fleet(statements=WITHOUT_RESOURCE),
        of(pd.TaskRoleArgs, statements=WITHOUT_ACTION),
        of(pd.ExecutionRoleArgs, log_group_arns=["arn:aws:logs:eu-west-1:1:log-group:a"], statements=WITHOUT_RESOURCE),
    ],
    # paths
    "paths": [
        of(pd.WebOptions, paths=("/a b",)),
        of(pd.WebOptions, paths=("api",)),
        of(pd.WebOptions, paths=()),
        of(pd.FrontendOptions, paths=("/\u00fc",)),
        of(pd.WebOptions, paths=("/" + "a" * 128,)),
        of(pd.WebOptions, paths=("/" + "*" * 7,)),
        fleet(paths=("/<x>",)),
        fleet(paths=()),
    ],
    "path": [
        of(pd.HealthCheck, path="health"),
        of(pd.HealthCheck, path=""),
        of(pd.HealthCheck, path="/a b"),
        of(pd.HealthCheck, path="/a#b"),
        of(pd.HealthCheck, path="/\u00fc"),
        of(pd.HealthCheck, path="/" + "a" * 1024),
    ],
    "prefixes": [of(pd.CdnOptions, prefixes=("/static/",)), of(pd.CdnOptions, prefixes=("st atic/",)), of(pd.CdnOptions, prefixes=("",))],
    "not_found_page": [of(pd.StaticSiteOptions, routing="files", not_found_page="/404 .html")],
    # hosts
    "host": [
        app(host="https://shop.example.com"),
        app(host="shop.example.com:80"),
        app(host="Shop.example.com"),
        app(host="b\u00fccher.example.com"),
        app(host="-a.example.com"),
        app(host="a..example.com"),
        app(host="shop"),
        app(host="shop.example.com."),
        app(host="shop_1.example.com"),
        app(host="a" * 64 + ".example.com"),
        app(host="xn--.example.com"),
        app(cdn=pd.CdnOptions(host="static"), assets=pd.ProdAppAssetsOptions(source="own")),
        app(static_site=pd.StaticSiteOptions(host="www.b\u00fccher.com")),
        of(pd.Delivery, host="*.example.com"),
        of(pd.AliasRecordArgs, host="a b.example.com", hosted_zone_id="Z1", target_dns_name="a.b", target_zone_id="Z2"),
        host(host="shop/", hosted_zone_id="Z1"),
        fleet(host="http://a.example.com"),
        of(pd.ExistingDatabaseOptions, host="a b", master_secret_arn=SECRET),
        of(pd.ExistingDatabaseOptions, host="postgres://a", master_secret_arn=SECRET),
    ],
    "extra_hosts": [app(extra_hosts=["*.*.example.com"]), app(extra_hosts=[""]), app(extra_hosts=["shop@example.com"])],
    "hosts": [of(pd.WebOptions, hosts=["a_b.example.com"]), of(pd.FrontendOptions, hosts=["\u00fc.example.com"])],
    "domain_name": [
        base(domain_name="https://example.com"),
        base(domain_name="example"),
        base(domain_name="ex ample.com"),
        base(domain_name="b\u00fccher.example"),
        base(domain_name="*.example.com"),
        base(domain_name="Example.com"),
        base(domain_name="example.com."),
        base(domain_name="-example.com"),
        of(pd.CertificateArgs, domain_name="a..b", hosted_zone_id="Z1"),
        of(pd.CertificateArgs, domain_name="b\u00fccher.de", hosted_zone_id="Z1"),
    ],
    "domain": [of(pd.MailDomainArgs, domain_name="https://example.com", hosted_zone_id="Z1"), of(pd.MailDomainArgs, domain_name="b\u00fccher.de", hosted_zone_id="Z1")],
    "hosted_zone_id": [base(domain_name="example.com", hosted_zone_id="example.com"), base(domain_name="example.com", hosted_zone_id="Z 1")],
    # schedules
    "schedule": [
        of(pd.ScheduledCommandOptions, command=["a"], schedule="cron(\u0660 1 * * ? *)"),
        of(pd.ScheduledCommandOptions, command=["a"], schedule="0 1 * * *"),
        of(pd.ScheduledCommandOptions, command=["a"], schedule="rate(1 days)"),
        of(pd.ScheduledCommandOptions, command=["a"], schedule=f"rate({'9' * 5000} days)"),
        of(pd.ScheduledScaling, schedule="cron(0 25 * * ? *)", min_tasks=1, max_tasks=2),
    ],
    "timezone": [of(pd.ScheduledCommandOptions, command=["a"], schedule="rate(1 day)", timezone="Berlin")],
    # names
    "service": [
        of(pd.WebOptions, service="web-"),
        of(pd.WebOptions, service="Web"),
        of(pd.FrontendOptions, service=""),
        of(pd.BeatOptions, service="beat_"),
        of(pd.WebOptions, service="a" * 33),
    ],
    "name": [app(workers={"a-": pd.ProdWorkerOptions()}), app(workers={"a.b": pd.ProdWorkerOptions()}), app(scheduled_commands={"x-": pd.ScheduledCommandOptions(command=["a"], schedule="rate(1 day)")})],
    "sidecars": [of(pd.WebOptions, paths=("/x/*",), sidecars={"Nginx": pd.Sidecar(image="nginx:1")}), of(pd.WebOptions, paths=("/x/*",), sidecars={"nginx-": pd.Sidecar(image="nginx:1")})],
    "target group": [app(web=pd.ProdWebOptions(service="shop_web", paths=("/x/*",)), frontend=pd.ProdFrontendOptions(service="shop-web"))],
    "queues": [of(pd.SqsBrokerArgs, environment="shop", queues=["a.b", "a-b"]), of(pd.SqsBrokerArgs, environment="shop", queues=["a-"])],
    "role_name": [deploy(role_name="deploy role"), deploy(role_name="")],
    "name_prefix": [deploy(name_prefix="shop/")],
    # numbers
    "sample_percent": [of(pd.TracingOptions, sample_percent=HUGE)],
    "target_value": [of(pd.TrackedMetric, namespace="shop", name="load", target_value=-HUGE)],
    "memory_mib": [of(pd.Sidecar, image="nginx:1", memory_mib=HUGE), of(pd.WebOptions, paths=("/x/*",), memory_mib=HUGE), of(pd.TracingOptions, memory_mib=HUGE)],
    "cpu_units": [of(pd.WebOptions, paths=("/x/*",), cpu_units=HUGE), of(pd.WorkerOptions, cpu_units=-1)],
    "desired_count": [of(pd.WebOptions, desired_count=HUGE), of(pd.WorkerOptions, desired_count=-1)],
    "port": [of(pd.WebOptions, paths=("/x/*",), port=HUGE), of(pd.WebOptions, paths=("/x/*",), port=0), of(pd.Sidecar, image="nginx:1", port=70000)],
    "retries": [of(pd.ScheduledCommandOptions, command=["a"], schedule="rate(1 day)", retries=HUGE)],
    "timeout_seconds": [of(pd.ReleaseOptions, timeout_seconds=-1), of(pd.ReleaseOptions, timeout_seconds=HUGE)],
    "deregistration_delay_seconds": [of(pd.WebOptions, deregistration_delay_seconds=HUGE)],
    "stop_timeout_seconds": [of(pd.WorkerOptions, stop_timeout_seconds=HUGE), of(pd.WorkerOptions, stop_timeout_seconds=-1)],
    "visibility_timeout_seconds": [of(pd.SqsOptions, visibility_timeout_seconds=HUGE)],
    "max_receives": [of(pd.SqsOptions, max_receives=HUGE)],
    "retention_seconds": [of(pd.SqsOptions, retention_seconds=1)],
    "log_retention_days": [app(log_retention_days=HUGE), app(log_retention_days=2)],
    "storage_gib": [of(pd.ProdDatabaseOptions, storage_gib=HUGE)],
    "backup_retention_days": [of(pd.ProdDatabaseOptions, backup_retention_days=HUGE)],
    "max_acu": [of(pd.ProdAuroraOptions, max_acu=HUGE)],
    "idle_timeout_seconds": [base(idle_timeout_seconds=HUGE)],
    "old_version_days": [of(pd.AssetsOptions, old_version_days=HUGE), of(pd.AppAssetsOptions, old_version_days=0)],
    "secret_recovery_days": [app(secret_recovery_days=HUGE), app(secret_recovery_days=5)],
    "monthly_dollars": [of(pd.BudgetAlarmArgs, monthly_dollars=HUGE, emails=["a@example.com"])],
    "emails": [of(pd.BudgetAlarmArgs, monthly_dollars=5, emails=["nobody"]), of(pd.AlarmOptions, emails=["a b@example.com"]), of(pd.BaseAlarmOptions, emails=[""])],
}  # fmt: skip
CASES = [
    pytest.param(name, made, id=f"{name}-{number}")
    for name, several in REFUSED.items()
    for number, made in enumerate(several, 1)
]


def test_there_are_enough_cases() -> None:
    assert len(CASES) >= 110


@pytest.mark.parametrize(("argument", "made"), CASES)
def test_an_argument_that_aws_refuses_is_refused_by_name(argument: str, made: Made) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        made()
    assert argument in str(refused.value)
    assert len(str(refused.value)) < 5000 + 400


ACCEPTED: list[Made] = [
    app(backend_image="registry.example.com:5000/team/shop_1/web.api:1.4.2-rc_1"),
    app(backend_image="123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop@sha256:" + "a" * 64),
    app(backend_image="ghcr.io/a/b:1@sha256:" + "0" * 64, frontend_image="nginx"),
    app(host="xn--bcher-kva.example.com"),
    app(host="a" * 63 + ".example.com", extra_hosts=["*.shop.example.com", "1.example.com"]),
    app(extra_env={"_A": "x", "spring.name": "x", "WITH-HYPHEN": None}),
    app(secret_key_arns=[KEY, "arn:aws-cn:kms:cn-north-1:123456789012:key/mrk-1234"]),
    app(task_statements=[ALLOW, {"Effect": "Deny", "NotAction": ["s3:*"], "NotResource": "*"}]),
    app(workers={"mail-in": pd.ProdWorkerOptions(), "mail_out": pd.ProdWorkerOptions()}),
    base(domain_name="example.com", hosted_zone_id="Z0123456789ABC", certificate_arn=CERTIFICATE),
    base(domain_name="a-b.co.uk", extra_certificate_arns=[CERTIFICATE.replace("aws:", "aws-us-gov:", 1)]),
    deploy(workload_statements=[ALLOW], name_prefix="shop-", role_name="deploy+=,.@-_1"),
    fleet(paths=("/api/*", "/v?/$x~"), host="shop.example.com", statements=[ALLOW]),
    host(host="shop.example.com", hosted_zone_id="Z1", statements=[ALLOW]),
    of(pd.Sidecar, image="nginx:1", env={"_A": "x"}, secrets={"B": SECRET}, memory_mib=4, port=65535),
    of(pd.FrontendOptions, env={"NEXT_PUBLIC_X": "y"}, paths=("/*",)),
    of(pd.WebOptions, paths=("/" + "a" * 127,), service="a" * 32, port=1024),
    of(pd.HealthCheck, path="/" + "a" * 1023),
    of(pd.HealthCheck, path="/health/?full=1&a=%20"),
    lambda: pd.CdnOptions(host="static.example.com", certificate_arn=CERTIFICATE, web_acl_arn=ACL, prefixes=("static/", "media/x-1/")),
    of(pd.AlarmOptions, topic_arn=TOPIC + ".fifo"),
    of(pd.SqsOptions, kms_key_arn=KEY, visibility_timeout_seconds=43200),
    of(pd.ScheduledCommandOptions, command=["a"], schedule="cron(0/15 8-18 ? * MON-FRI 2026)", timezone="UTC"),
    of(pd.ExistingDatabaseOptions, host="db-1.abc.eu-west-1.rds.amazonaws.com", master_secret_arn=SECRET),
    of(pd.ExistingDatabaseOptions, host="10.0.0.5", master_secret_arn=SECRET),
    of(pd.BudgetAlarmArgs, monthly_dollars=1, emails=["first.last+aws@sub.example.com"]),
    of(pd.AliasRecordArgs, host="*.a.example.com", hosted_zone_id="Z1", target_dns_name="a.b", target_zone_id="Z2"),
]  # fmt: skip


@pytest.mark.parametrize("made", ACCEPTED)
def test_a_value_at_the_limit_of_what_aws_accepts_is_accepted(made: Made) -> None:
    assert made() is not None
