"""What a create needs in AWS is looked at before it: each missing thing has its own sentence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from orchestrator.engines.protocol import Rehearsal
from orchestrator.errors import RefusedError
from orchestrator.lifecycle import CreateEnv, Job, UpdateEnv
from orchestrator.model import StackResource, Unit
from orchestrator.operations.health import before_create, needs_aws
from tests.support.moto_clients import MotoClients
from tests.support.workspace import APP_CONFIG, BASE_CONFIG, Workspace

BASE, APP = Unit("base", "dev"), Unit("app", "alpha")
ECR = "123456789012.dkr.ecr.us-east-1.amazonaws.com/shop:1"
ELSEWHERE = "arn:aws:acm:eu-west-1:123456789012:certificate/1"
SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:dsn-AbCdEf"
PARAMETER = "arn:aws:ssm:us-east-1:123456789012:parameter/shop/dsn"


FIXTURES = Path(__file__).parents[3] / "fixtures" / "aws_calls"
CALLER = "arn:aws:sts::123456789012:assumed-role/ci/session"


class Iam:
    """IAM of moto, whose simulation of policies is scripted: moto has none."""

    def __init__(self, account: Account) -> None:
        self._account, self._moto = account, account.heard("iam", MotoClients().client("iam"))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._moto, name)

    def simulate_principal_policy(self, **asked: Any) -> Any:
        self._account.simulated_policies.append(asked)
        self._account.asked.add("iam:SimulatePrincipalPolicy")
        (context,) = asked["ContextEntries"]
        allowed = context["ContextKeyValues"][0] not in self._account.refused_roles
        return {"EvaluationResults": [{"EvalDecision": "allowed" if allowed else "implicitDeny"}]}


class Account(MotoClients):
    """moto, with a quota for every code, the caller's rights, and a metric of the used processors."""

    def __init__(self) -> None:
        super().__init__()
        self.quota = 5
        self.processors: dict[str, float] = {"L-3032A538": 6.0, "L-36FBB829": 6.0}
        self.used = 0.0
        self.caller = CALLER
        self.refused_roles: tuple[str, ...] = ()
        self.simulated_policies: list[Any] = []
        self.asked: set[str] = set()
        """The calls as `service:Action`."""

    def client(self, service: str) -> Any:
        if service in ("service-quotas", "cloudwatch", "sts"):
            return self
        return Iam(self) if service == "iam" else self.heard(service, super().client(service))

    def heard(self, service: str, client: Any) -> Any:
        def hear(model: Any, **_more: Any) -> None:
            self.asked.add(f"{'elasticloadbalancing' if service == 'elbv2' else service}:{model.name}")

        client.meta.events.register("before-call", hear)
        return client

    def get_service_quota(self, *, QuotaCode: str, **_given: Any) -> Any:
        self.asked.add("servicequotas:GetServiceQuota")
        metric = {"MetricNamespace": "AWS/Usage", "MetricName": "ResourceCount", "MetricDimensions": {"Class": "x"}}
        if QuotaCode in self.processors:
            return {"Quota": {"Value": self.processors[QuotaCode], "UsageMetric": metric}}
        return {"Quota": {"Value": self.quota}}

    def get_metric_statistics(self, **_given: Any) -> Any:
        self.asked.add("cloudwatch:GetMetricStatistics")
        return {"Datapoints": [{"Maximum": self.used}] if self.used else []}

    def get_caller_identity(self) -> Any:
        return {"Arn": self.caller}


@pytest.fixture
def aws() -> Iterator[Account]:
    with mock_aws():
        yield Account()


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


def job(workspace: Workspace) -> Job:
    made = workspace.orchestrator().prepare(CreateEnv(names=("alpha",), base="dev"))
    vpc = StackResource(urn="urn:vpc", type="aws:ec2/vpc:Vpc", name="vpc")
    made.rehearsals.update({BASE: Rehearsal(resources=(vpc,)), APP: Rehearsal()})
    return made


def refusal(workspace: Workspace, aws: Account) -> str:
    with pytest.raises(RefusedError) as caught:
        before_create.check(job(workspace), clients_for=lambda _place: aws)
    assert "--no-check" in (caught.value.hint or "")
    return caught.value.message


def test_everything_that_is_missing_is_named_at_once(workspace: Workspace, aws: Account) -> None:
    workspace.write("base", "dev", f"{BASE_CONFIG}  django-base:certificate_arn: {ELSEWHERE}\n")
    text = APP_CONFIG.replace("registry.example.com/shop:1", ECR)
    workspace.write("app", "alpha", f"{text}  django-app:extra_secrets:\n    A: {SECRET}\n    B: {PARAMETER}\n")
    aws.quota = 1  # moto has a default VPC
    said = refusal(workspace, aws)
    assert said.startswith("nothing was changed: ")
    for part in (
        f"certificate: {ELSEWHERE} is in eu-west-1, and the base dev in us-east-1",
        "hosted zone: this account has no public zone example.com",
        "quota: 1 of 1 VPCs are in use, and 1 more is needed",
        f"image backend: {ECR} does not exist",
        f"secret: {SECRET} does not exist",
        f"parameter: {PARAMETER} does not exist",
    ):
        assert part in said


def test_nothing_is_refused_when_all_is_there(workspace: Workspace, aws: Account) -> None:
    aws.client("route53").create_hosted_zone(Name="example.com", CallerReference="1")
    aws.client("ssm").put_parameter(Name="/shop/dsn", Value="x", Type="String")
    workspace.write("app", "alpha", f"{APP_CONFIG}  django-app:extra_secrets:\n    B: {PARAMETER}\n")
    before_create.check(job(workspace), clients_for=lambda _place: aws)


def resource(kind: str, called: str = "x", **inputs: Any) -> StackResource:
    return StackResource(urn=f"urn:{called}:{kind}", type=kind, name=called, inputs=inputs)


def service(name: str, vcpu: float, count: int = 1, *, spot: bool = False) -> tuple[StackResource, ...]:
    """A service on Fargate with its task definition."""
    definition = resource("aws:ecs/taskDefinition:TaskDefinition", name, family=name, cpu=str(int(vcpu * 1024)))
    provider = [{"capacityProvider": "FARGATE_SPOT" if spot else "FARGATE", "weight": 1}]
    arn = f"arn:aws:ecs:us-east-1:123456789012:task-definition/{name}:1"
    more = {"name": name, "taskDefinition": arn, "desiredCount": count, "capacityProviderStrategies": provider}
    return definition, resource("aws:ecs/service:Service", name, **more)


def rehearsed(workspace: Workspace, names: tuple[str, ...], *resources: StackResource) -> Job:
    """A create on an existing base, each environment with these resources."""
    workspace.orchestrator(check=False).create_base("dev")
    made = workspace.orchestrator().prepare(CreateEnv(names=names, base="dev"))
    of_env = Rehearsal(resources=resources)
    made.rehearsals.update({Unit("app", name): of_env for name in names})
    return made


def said(made: Job, aws: Account) -> str | None:
    """The refusal and its hint; None without one."""
    try:
        before_create.check(made, clients_for=lambda _place: aws)
    except RefusedError as error:
        return f"{error.message}\n{error.hint}"
    return None


@pytest.mark.parametrize(("spot", "name", "code"), [(False, "On-Demand", "L-3032A538"), (True, "Spot", "L-36FBB829")])
def test_processors_that_fargate_does_not_have_are_counted_over_all_services(
    workspace: Workspace, aws: Account, spot: bool, name: str, code: str
) -> None:
    made = rehearsed(workspace, ("alpha",), *service("web", 1, 2, spot=spot), *service("worker", 0.25, spot=spot))
    aws.used = 3.75
    assert said(made, aws) is None
    aws.used = 4
    assert said(made, aws) == (
        f"nothing was changed: Fargate quota: 4 of 6 {name} vCPU are in use, and 2.25 more are needed\n"
        f"put environments to sleep, or ask AWS for more (Service Quotas, {code}); --no-check goes on without these checks"
    )


def test_one_more_processor_is_needed_in_the_singular(workspace: Workspace, aws: Account) -> None:
    aws.used = 6
    assert "and 1 more is needed" in str(said(rehearsed(workspace, ("alpha",), *service("web", 1)), aws))


def test_the_stacks_of_one_run_need_their_processors_together(workspace: Workspace, aws: Account) -> None:
    made = rehearsed(workspace, ("beta", "gamma"), *service("web", 3))
    assert said(made, aws) is None
    made = rehearsed(workspace, ("beta", "gamma"), *service("web", 3.25))
    assert "0 of 6 On-Demand vCPU are in use, and 6.5 more are needed" in str(said(made, aws))


def test_an_existing_environment_needs_no_new_processors(workspace: Workspace, aws: Account) -> None:
    assert workspace.orchestrator(check=False).create_env("alpha", base="dev").exit_code == 0
    aws.used = 100
    made = workspace.orchestrator().prepare(UpdateEnv(names=("alpha",)))
    made.rehearsals.update({APP: Rehearsal(resources=service("web", 4))})
    assert said(made, aws) is None


LINKED = [
    ("aws:ecs/cluster:Cluster", "AWSServiceRoleForECS", "ecs.amazonaws.com"),
    (
        "aws:lb/loadBalancer:LoadBalancer",
        "AWSServiceRoleForElasticLoadBalancing",
        "elasticloadbalancing.amazonaws.com",
    ),
    ("aws:rds/instance:Instance", "AWSServiceRoleForRDS", "rds.amazonaws.com"),
    ("aws:rds/cluster:Cluster", "AWSServiceRoleForRDS", "rds.amazonaws.com"),
    ("aws:elasticache/replicationGroup:ReplicationGroup", "AWSServiceRoleForElastiCache", "elasticache.amazonaws.com"),
    (
        "aws:appautoscaling/target:Target",
        "AWSServiceRoleForApplicationAutoScaling_ECSService",
        "ecs.application-autoscaling.amazonaws.com",
    ),
    (
        "aws:efs/mountTarget:MountTarget",
        "AWSServiceRoleForAmazonElasticFileSystem",
        "elasticfilesystem.amazonaws.com",
    ),
    ("aws:autoscaling/group:Group", "AWSServiceRoleForAutoScaling", "autoscaling.amazonaws.com"),
]


@pytest.mark.parametrize(("kind", "name", "principal"), LINKED)
def test_a_service_linked_role_that_nothing_may_create_is_named(
    workspace: Workspace, aws: Account, kind: str, name: str, principal: str
) -> None:
    made = rehearsed(workspace, ("alpha",), resource(kind), resource(kind, "another"))
    ci = aws.client("iam").create_role(RoleName="ci", Path="/deploy/", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    assert said(made, aws) is None, "AWS creates it"
    (asked,) = aws.simulated_policies
    assert asked["PolicySourceArn"] == ci == "arn:aws:iam::123456789012:role/deploy/ci"
    assert asked["ResourceArns"] == [f"arn:aws:iam::123456789012:role/aws-service-role/{principal}/{name}"]

    aws.refused_roles = (principal,)
    assert said(made, aws) == (
        f"nothing was changed: service-linked role: {name} does not exist, and {CALLER} may not create it "
        "(iam:CreateServiceLinkedRole)\n"
        "an administrator creates it once for the account: `aws iam create-service-linked-role --aws-service-name "
        f"{principal}`; --no-check goes on without these checks"
    )
    aws.caller = "arn:aws:iam::123456789012:root"
    assert said(made, aws) is None, "the root user may everything"


def test_a_service_linked_role_that_exists_needs_no_right(workspace: Workspace, aws: Account) -> None:
    aws.client("iam").create_service_linked_role(AWSServiceName="rds.amazonaws.com")
    aws.refused_roles = ("rds.amazonaws.com",)
    assert said(rehearsed(workspace, ("alpha",), resource("aws:rds/instance:Instance")), aws) is None
    assert aws.simulated_policies == []


def test_the_rights_of_a_user_are_its_own(workspace: Workspace, aws: Account) -> None:
    aws.caller = "arn:aws:iam::123456789012:user/ada"
    assert said(rehearsed(workspace, ("alpha",), resource("aws:ecs/cluster:Cluster")), aws) is None
    assert aws.simulated_policies[0]["PolicySourceArn"] == aws.caller


def test_the_calls_are_those_that_the_deploy_role_is_asked_about(workspace: Workspace, aws: Account) -> None:
    here = "arn:aws:acm:us-east-1:123456789012:certificate/1"
    workspace.write("base", "dev", f"{BASE_CONFIG}  django-base:certificate_arn: {here}\n")
    text = APP_CONFIG.replace("registry.example.com/shop:1", ECR)
    workspace.write("app", "alpha", f"{text}  django-app:extra_secrets:\n    A: {SECRET}\n    B: {PARAMETER}\n")
    quotas = [resource(quota.type) for quota in needs_aws.QUOTAS]
    aws.client("iam").create_role(RoleName="ci", AssumeRolePolicyDocument="{}")
    aws.asked.clear()
    made = job(workspace)
    made.rehearsals[BASE] = Rehearsal(resources=(*quotas, resource("aws:ecs/cluster:Cluster"), *service("web", 1)))
    assert said(made, aws) is not None
    expected = set((FIXTURES / "checks.txt").read_text(encoding="utf-8").split())
    assert {call for call in aws.asked if not call.startswith("ecr:")} == expected | {
        # The role may not look at itself. It may create each of these roles, so nothing is missing.
        "iam:SimulatePrincipalPolicy"
    }


class Closed(Account):
    """An account without credentials."""

    def client(self, service: str) -> Any:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": service}}, "Look")


def test_a_check_that_cannot_look_blocks_nothing(workspace: Workspace) -> None:
    before_create.check(job(workspace), clients_for=lambda _place: Closed())


def test_a_refused_run_touches_nothing(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_job: Job) -> None:
        raise RefusedError("nothing was changed: the zone is missing")

    monkeypatch.setattr(before_create, "check", refuse)
    workspace.engine.notice = None
    before = workspace.files()
    with pytest.raises(RefusedError):
        workspace.orchestrator().create_env("alpha", base="dev")
    assert workspace.files() == before
    assert workspace.engine.calls == []
    assert workspace.orchestrator(check=False).create_env("alpha", base="dev").exit_code == 0


def test_the_simulation_is_not_checked(workspace: Workspace) -> None:
    before_create.check(job(workspace))


def test_an_environment_goes_to_sleep_without_its_image(workspace: Workspace, aws: Account) -> None:
    text = APP_CONFIG.replace("registry.example.com/shop:1", ECR)
    workspace.write("app", "alpha", text)
    assert "image backend" in refusal(workspace, aws)
    workspace.write("app", "alpha", f"{text}  django-app:asleep: true\n")
    assert "image backend" not in refusal(workspace, aws)  # the base still lacks its hosted zone
