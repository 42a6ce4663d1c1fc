"""`doctor`: each check, passed and failed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws

from orchestrator.api import Orchestrator
from orchestrator.config.stack_config import StackConfig
from orchestrator.errors import EngineUnavailableError, SettingsError
from orchestrator.model import OutputValue, Record, Scope, Unit
from orchestrator.operations.aws import ecr
from orchestrator.operations.aws.clients import RecordingClients
from orchestrator.operations.health import doctor, doctor_aws
from orchestrator.operations.health.doctor_aws import Place
from orchestrator.operations.health.verdicts import Check, Verdict, exit_code
from pulumi_django.deploying.aws_access import AwsAccess
from pulumi_django.rules.kinds import Kind
from tests.support.fake_ecs import FakeAws
from tests.support.moto_clients import MotoClients
from tests.support.operations import BASE_OUTPUTS
from tests.support.workspace import APP_CONFIG, BASE_CONFIG, Workspace

ACCESS = AwsAccess(region="us-east-1")
DOMAIN = {"domain_name": "example.com", "listener_arn": "arn:aws:elasticloadbalancing:us-east-1:1:listener/app/x/1/2"}
CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/1"
ECR = "123456789012.dkr.ecr.us-east-1.amazonaws.com/shop"


def place(*, scope: Scope = Scope.BASE, outputs: Any = DOMAIN, **more: Any) -> Place:
    return Place(name="dev", scope=scope, base="dev", access=ACCESS, base_outputs=dict(outputs), **more)


def canned(more: dict[str, float] | None = None, /, **answers: Any) -> RecordingClients:
    """Real clients whose answers are these, by service and operation with an underscore between.

    `more` are quotas.
    """
    answers.setdefault("sts_GetCallerIdentity", {"Account": "1", "Arn": "arn:aws:iam::1:user/ada"})
    found: dict[str, Callable[[Any], Any]] = {"service-quotas.ListServiceQuotas": quotas(**(more or {}))}
    for name, value in answers.items():
        found[name.replace("_", ".", 1)] = lambda _, value=value: value
    return RecordingClients(ACCESS, found)


class Account(MotoClients):
    """moto, which knows no quotas."""

    def client(self, service: str) -> Any:
        return canned().client(service) if service == "service-quotas" else super().client(service)


def quotas(**values: float) -> Callable[[Any], Any]:
    def answer(given: Any) -> Any:
        usage = {
            "MetricNamespace": "AWS/Usage",
            "MetricName": "ResourceCount",
            "MetricDimensions": {"Service": "Fargate"},
            "MetricStatisticRecommendation": "Maximum",
        }
        names = {
            "elasticloadbalancing": {"Rules per Application Load Balancer": values.get("rules", 100)},
            "fargate": {
                "Fargate On-Demand vCPU resource count": values.get("demand", 6),
                "Fargate Spot vCPU resource count": values.get("spot", 6),
            },
        }[given["ServiceCode"]]
        return {"Quotas": [{"QuotaName": name, "Value": v, "UsageMetric": usage} for name, v in names.items()]}

    return answer


def one(place: Place, clients: Any, name: str, **more: Any) -> Check:
    return next(check for check in doctor_aws.checks(place, clients, **more) if check.name == name)


def shown(check: Check) -> tuple[str, str]:
    return check.verdict.value, check.evidence


# this machine and the backend


def line(found: list[Check], name: str) -> Check:
    return next(check for check in found if check.name == name)


def test_settings_that_cannot_be_read_are_a_line_and_no_error(tmp_path: Path) -> None:
    found = list(doctor.checks(lambda: Orchestrator(tmp_path).context))
    assert [check.name for check in found] == ["settings", "exec plugin"]
    assert shown(found[0]) == ("fail", f"no orchestrator.toml found in {tmp_path}")
    assert exit_code(found) == 1


def test_in_the_simulation_nothing_of_pulumi_and_aws_is_needed(workspace: Workspace) -> None:
    found = list(doctor.checks(workspace.context))
    assert shown(line(found, "pulumi")) == ("n/a", "the simulation does not need it")
    assert shown(line(found, "backend")) == ("ok", "readable and writable: 0 stacks")
    assert shown(line(found, "credentials")) == ("n/a", "the simulation does not call AWS")
    assert workspace.engine.held == ["doctor"]
    assert exit_code(found) == 0


def test_an_unwritable_backend_ends_the_checks(workspace: Workspace) -> None:
    workspace.engine.unavailable = EngineUnavailableError("the state folder /x does not exist", "mkdir -p /x")
    found = list(doctor.checks(workspace.context, "alpha"))
    assert (found[-1].name, found[-1].evidence, found[-1].hint) == (
        "backend",
        "the state folder /x does not exist",
        "mkdir -p /x",
    )


def test_missing_programs_are_reported(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    workspace.engine.notice = None  # type: ignore[assignment]
    found = list(doctor.checks(workspace.context, clients_for=lambda _: canned()))
    plugins = line(found, "plugins")
    assert plugins.verdict is Verdict.WARN
    assert plugins.evidence.startswith("aws 7.")
    assert "`pulumi plugin install resource awsx v" in str(plugins.hint)
    assert shown(line(found, "exec plugin")) == (
        "warn",
        "session-manager-plugin is not installed: exec, tunnel and db shell need it",
    )


def test_plugins_on_the_path_are_there(workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in doctor.PROVIDERS:
        program = tmp_path / f"pulumi-resource-{name}"
        program.touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    workspace.engine.notice = None  # type: ignore[assignment]
    found = list(doctor.checks(workspace.context, clients_for=lambda _: canned()))
    assert line(found, "plugins").verdict is Verdict.OK


def test_a_passphrase_that_is_not_set_is_found_by_the_configuration(workspace: Workspace) -> None:
    workspace.write("app", "alpha", f"encryptionsalt: v1:AAAA:v1:AAAA:AAAA\n{APP_CONFIG}")
    found = list(doctor.checks(workspace.context))
    assert shown(line(found, "secrets")) == ("fail", "the secrets of alpha cannot be read: no passphrase is set")


# where to look


def exists(workspace: Workspace) -> None:
    outputs = {name: OutputValue(value=value) for name, value in {**BASE_OUTPUTS, **DOMAIN}.items()}
    workspace.engine.has(Unit("base", "dev"), outputs=outputs, record=Record(kind=Kind.AD_HOC))


def test_an_environment_is_checked_before_it_exists(workspace: Workspace) -> None:
    exists(workspace)
    found = doctor.find(workspace.context(), "alpha")
    assert (found.name, found.scope, found.base) == ("alpha", Scope.ENVIRONMENT, "dev")
    assert found.access == AwsAccess(region="eu-west-1")
    assert found.of_base("listener_arn") == DOMAIN["listener_arn"]


def test_a_base_that_does_not_exist_is_checked_by_its_configuration(workspace: Workspace) -> None:
    workspace.write("base", "dev", BASE_CONFIG)
    found = doctor.find(workspace.context(), "base/dev")
    assert (found.base_outputs, found.of_base("domain_name")) == ({}, "example.com")


def test_an_unknown_name_is_a_line(workspace: Workspace) -> None:
    found = list(doctor.checks(workspace.context, "nobody"))
    assert shown(found[-1]) == ("fail", "no base or environment 'nobody' exists or is configured")


# AWS


def test_credentials_say_account_identity_and_region() -> None:
    assert shown(one(place(), canned(), "credentials")) == (
        "ok",
        "account 1 as arn:aws:iam::1:user/ada, region us-east-1",
    )


def test_without_credentials_nothing_else_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    from orchestrator.operations.aws.clients import AwsClients

    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    found = list(doctor_aws.checks(place(), AwsClients(ACCESS)))
    assert [(check.name, check.verdict.value) for check in found] == [("credentials", "fail")]
    assert found[0].evidence == "AWS cannot be called: no credentials were found"


def certificate(
    status: str = "ISSUED", days: int = 200, names: tuple[str, ...] = ("example.com", "*.example.com")
) -> Any:
    expires = datetime.now(UTC) + timedelta(days=days)
    found = {"Status": status, "DomainName": names[0], "SubjectAlternativeNames": list(names), "NotAfter": expires}
    return canned(
        elbv2_DescribeListeners={"Listeners": [{"Certificates": [{"CertificateArn": CERTIFICATE}]}]},
        acm_DescribeCertificate={"Certificate": found},
    )


@pytest.mark.parametrize(
    ("clients", "verdict", "evidence"),
    [
        (certificate(), "ok", "issued for example.com, *.example.com until "),
        (certificate("PENDING_VALIDATION"), "fail", "it is pending validation"),
        (certificate(days=5), "warn", "it expires on "),
        (certificate(names=("example.com",)), "fail", "it is for example.com, not for *.example.com"),
    ],
)
def test_a_certificate_is_checked_for_state_names_and_expiry(clients: Any, verdict: str, evidence: str) -> None:
    found = one(place(), clients, "certificate")
    assert found.verdict.value == verdict
    assert found.evidence.startswith(evidence)


def test_a_base_without_a_domain_has_no_certificate_and_no_zone() -> None:
    bare = place(outputs={"alb_dns_name": "x"})
    assert one(bare, canned(), "certificate").verdict is Verdict.NOT_APPLICABLE
    assert one(bare, canned(), "hosted zone").verdict is Verdict.NOT_APPLICABLE


def test_a_certificate_that_is_issued_later_is_not_missed(workspace: Workspace) -> None:
    config = StackConfig.load(workspace.orchestrator().settings.by_key["base"], "dev")
    found = one(place(outputs={}, base_config=config), canned(), "certificate")
    assert shown(found) == ("n/a", "it is issued when the base is created")


@pytest.fixture
def moto() -> Iterator[MotoClients]:
    with mock_aws():
        yield Account()


def zone(moto: MotoClients, name: str) -> str:
    answer = moto.client("route53").create_hosted_zone(Name=name, CallerReference=name)
    return str(answer["HostedZone"]["Id"].rsplit("/", 1)[-1])


def test_the_zone_is_that_of_the_domain(moto: MotoClients) -> None:
    own, other = zone(moto, "example.com"), zone(moto, "other.org")

    def look(zone_id: str) -> tuple[str, str]:
        return shown(one(place(outputs={**DOMAIN, "hosted_zone_id": zone_id}), moto, "hosted zone"))

    assert look(own) == ("ok", f"example.com ({own})")
    assert look(other) == ("fail", f"{other} is the zone of other.org, not of example.com")
    assert look("Z0NOPE") == ("fail", "the zone Z0NOPE does not exist")


def test_the_zone_of_a_configured_base_is_looked_up(moto: MotoClients, workspace: Workspace) -> None:
    config = StackConfig.load(workspace.orchestrator().settings.by_key["base"], "dev")
    configured = place(outputs={}, base_config=config)
    assert shown(one(configured, moto, "hosted zone")) == (
        "fail",
        "this account has no public zone example.com",
    )
    own = zone(moto, "example.com")
    assert shown(one(configured, moto, "hosted zone")) == ("ok", f"example.com ({own})")


@pytest.mark.parametrize(("quota", "verdict"), [(100, "ok"), (4, "ok"), (3, "warn")])
def test_listener_rules_are_counted_without_the_default_one(quota: float, verdict: str) -> None:
    rules = [{"IsDefault": number == 0} for number in range(4)]
    clients = canned({"rules": quota}, elbv2_DescribeRules={"Rules": rules})
    assert shown(one(place(), clients, "listener rules")) == (verdict, f"3 of {quota:g} in use")


@pytest.mark.parametrize(("used", "verdict"), [(1.0, "ok"), (5.0, "warn")])
def test_fargates_quota_and_its_use(used: float, verdict: str) -> None:
    clients = canned(cloudwatch_GetMetricStatistics={"Datapoints": [{"Maximum": used}, {"Maximum": 0.5}]})
    assert shown(one(place(), clients, "Fargate quota")) == (
        verdict,
        f"On-Demand {used:g} of 6 vCPU, Spot {used:g} of 6 vCPU",
    )


class Scripted(RecordingClients):
    """Recording clients without permission for Service Quotas."""

    def client(self, service: str) -> Any:
        if service != "service-quotas":
            return super().client(service)
        fake = FakeAws()
        fake.errors["ListServiceQuotas"] = [("AccessDeniedException", "not for you")] * 2
        return fake.client(service)


def test_without_permission_for_quotas_the_checks_warn_and_continue() -> None:
    clients = Scripted(ACCESS, {"sts.GetCallerIdentity": lambda _: {"Account": "1", "Arn": "a"}})
    found = {check.name: check for check in doctor_aws.checks(place(), clients)}
    said = "the quota is unknown: not for you (AccessDeniedException from ListServiceQuotas)"
    assert shown(found["listener rules"]) == ("warn", f"0 in use; {said}")
    assert shown(found["Fargate quota"]) == ("warn", said)


# images


def application(workspace: Workspace, image: str, more: str = "") -> Place:
    text = APP_CONFIG.replace("registry.example.com/shop:1 # pinned", image) + more
    workspace.write("app", "alpha", text)
    config = StackConfig.load(workspace.orchestrator().settings.by_key["app"], "alpha")
    return place(scope=Scope.ENVIRONMENT, config=config)


def image(*processors: str) -> RecordingClients:
    index: Any = {"manifests": [{"platform": {"architecture": name}} for name in processors]}
    if len(processors) == 1:
        index = {"config": {"digest": "sha256:" + "a" * 64}}
    return canned(
        ecr_BatchGetImage={"images": [{"imageManifest": json.dumps(index)}]},
        ecr_GetDownloadUrlForLayer={"downloadUrl": f"https://x/{processors[0]}"},
    )


def fetched(url: str) -> bytes:
    return json.dumps({"architecture": url.rsplit("/", 1)[-1]}).encode()


@pytest.mark.parametrize(
    ("processors", "more", "verdict", "evidence"),
    [
        (("amd64",), "", "ok", f"{ECR}:1 (amd64)"),
        (("amd64", "arm64", "unknown"), "", "ok", f"{ECR}:1 (amd64, arm64)"),
        (("arm64",), "", "fail", f"{ECR}:1 is built for arm64, but its tasks run on amd64"),
        (("arm64",), "  django-app:architecture: ARM64\n", "ok", f"{ECR}:1 (arm64)"),
    ],
)
def test_an_image_has_to_be_built_for_the_processor(
    workspace: Workspace, processors: tuple[str, ...], more: str, verdict: str, evidence: str
) -> None:
    found = one(application(workspace, f"{ECR}:1", more), image(*processors), "image backend", fetch=fetched)
    assert shown(found) == (verdict, evidence)


def test_an_image_that_does_not_exist(workspace: Workspace, moto: MotoClients) -> None:
    there = application(workspace, f"{ECR}:1")
    assert shown(one(there, moto, "image backend")) == ("fail", f"{ECR}:1 does not exist")
    moto.client("ecr").create_repository(repositoryName="shop")
    assert shown(one(there, moto, "image backend")) == ("fail", f"{ECR}:1 does not exist")


def test_an_image_of_another_registry_is_not_judged(workspace: Workspace) -> None:
    found = one(application(workspace, "docker.io/shop:1"), canned(), "image backend")
    assert found.verdict is Verdict.NOT_APPLICABLE


def test_a_base_has_no_image() -> None:
    assert one(place(), canned(), "images").verdict is Verdict.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("reference", "tag", "digest"),
    [
        (ECR, "latest", None),
        (f"{ECR}:1.4", "1.4", None),
        (f"{ECR}@sha256:{'a' * 64}", None, f"sha256:{'a' * 64}"),
        (f"{ECR}:1.4@sha256:{'a' * 64}", "1.4", f"sha256:{'a' * 64}"),
    ],
)
def test_references_to_ecr(reference: str, tag: str | None, digest: str | None) -> None:
    found = ecr.parse(reference)
    assert found is not None
    assert (found.account, found.region, found.name, found.tag, found.digest) == (
        "123456789012",
        "us-east-1",
        "shop",
        tag,
        digest,
    )
    assert ecr.parse(reference.replace("dkr.ecr", "ecr")) is None


def test_a_failure_is_the_exit_code_and_a_warning_is_none() -> None:
    warning = Check(name="x", verdict=Verdict.WARN, evidence="y")
    assert exit_code([warning]) == 0
    assert exit_code([warning, replace(warning, verdict=Verdict.FAIL)]) == 1


def test_an_error_is_never_more_than_a_line(workspace: Workspace) -> None:
    workspace.write("app", "alpha", "config: [")
    found = list(doctor.checks(workspace.context))
    failed = [check.name for check in found if check.verdict is Verdict.FAIL]
    assert failed == ["secrets", "configuration of app/alpha"]
    with pytest.raises(SettingsError):
        doctor.find(workspace.context(), "alpha")
