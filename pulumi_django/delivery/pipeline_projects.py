"""The projects of a delivery pipeline in CodeBuild, each with its role, its log and the alarm on its failures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

import pulumi
import pulumi_aws as aws

from pulumi_django.delivery import buildspecs, pipeline_grants
from pulumi_django.delivery.buildspecs import Architecture, Task
from pulumi_django.delivery.pipeline_arguments import DeliveryPipelineArgs
from pulumi_django.delivery.pipeline_secrets import Variable, plain, referring
from pulumi_django.observability.metrics import Condition, Metric, metric_alarm
from pulumi_django.policies.secret_references import Resolver
from pulumi_django.policies.trust import trust_policy
from pulumi_django.rules.partitions import partition

CODEBUILD = "codebuild.amazonaws.com"
TASKS: Sequence[Task] = ("build", "staging", "plan", "production")
# https://docs.aws.amazon.com/codebuild/latest/userguide/build-env-ref-available.html: Amazon Linux 2023
_IMAGES: Mapping[Architecture, str] = {
    "X86_64": "aws/codebuild/amazonlinux-x86_64-standard:5.0",
    "ARM64": "aws/codebuild/amazonlinux-aarch64-standard:3.0",
}
_MACHINES: Mapping[Architecture, str] = {"X86_64": "LINUX_CONTAINER", "ARM64": "ARM_CONTAINER"}
_STAGE_MINUTES = 120
"""Longest time of a plan or a deploy: more than the releases and rollouts of an environment take."""

_FAILURE = Condition(threshold=1, period_seconds=300, periods=1)


@dataclass(frozen=True, kw_only=True)
class PipelineParts:
    """The parts of a pipeline that its projects share."""

    component: pulumi.ComponentResource
    name: str
    """Name of the pipeline."""

    args: DeliveryPipelineArgs
    account_id: pulumi.Output[str]
    arns: pipeline_grants.Arns
    topic_arn: pulumi.Output[str]
    resolver: Resolver


@dataclass(frozen=True, kw_only=True)
class PipelineProject:
    """A project and its role."""

    project: aws.codebuild.Project
    role_arn: pulumi.Output[str]


def create(parts: PipelineParts, task: Task) -> PipelineProject:
    """Create the project of a task."""
    name, args = f"{parts.name}-{task}", parts.args
    child = pulumi.ResourceOptions(parent=parts.component)
    log = aws.cloudwatch.LogGroup(
        name,
        name=f"/aws/codebuild/{name}",
        retention_in_days=args.log_retention_days,
        kms_key_id=parts.arns.key,
        opts=child,
    )
    variables, secret_arns = _variables(parts, task)
    statements = pipeline_grants.of_project(
        task,
        parts.arns,
        log_group_arn=log.arn,
        secret_arns=secret_arns,
        secret_key_arns=args.secret_key_arns,
        role_arn=_assumed(args, task),
        repository_arns=args.repository_arns if task == "build" else (),
        image=args.tools.image,
    )
    role_arn = role(parts, name, CODEBUILD, statements)
    project = aws.codebuild.Project(
        name,
        name=name,
        description=f"{parts.name}: {task}",
        service_role=role_arn,
        build_timeout=args.build.minutes if task == "build" else _STAGE_MINUTES,
        encryption_key=parts.arns.key,
        artifacts=aws.codebuild.ProjectArtifactsArgs(type="CODEPIPELINE"),
        source=aws.codebuild.ProjectSourceArgs(type="CODEPIPELINE", buildspec=_buildspec(args, task)),
        environment=_environment(args, task, variables),
        logs_config=aws.codebuild.ProjectLogsConfigArgs(
            cloudwatch_logs=aws.codebuild.ProjectLogsConfigCloudwatchLogsArgs(group_name=log.name)
        ),
        opts=child,
    )
    _alarm(parts, name, task, project)
    return PipelineProject(project=project, role_arn=role_arn)


def role(
    parts: PipelineParts, name: str, service: str, statements: Sequence[pipeline_grants.Statement]
) -> pulumi.Output[str]:
    """Create the role of a service and return its ARN, known after its rights exist.

    It has a fixed name, because the trust policies of the bootstrap's roles name it.
    """
    child = pulumi.ResourceOptions(parent=parts.component)
    made = aws.iam.Role(name, name=name, assume_role_policy=trust_policy(service, parts.account_id), opts=child)
    document = pulumi.Output.json_dumps({"Version": "2012-10-17", "Statement": list(statements)})
    policy = aws.iam.RolePolicy(name, role=made.name, policy=document, opts=child)
    return pulumi.Output.all(made.arn, policy.id).apply(lambda values: str(values[0]))


def console(parts: PipelineParts, task: Task) -> pulumi.Output[str]:
    """Return the page of a project in AWS's console."""
    region = parts.args.region
    # https://docs.aws.amazon.com/awsconsolehelpdocs/latest/gsg/select-region.html
    domain = {"aws-cn": "amazonaws.cn", "aws-us-gov": "amazonaws-us-gov.com"}.get(
        partition(region).id, "aws.amazon.com"
    )
    place = f"https://{region}.console.{domain}/codesuite/codebuild/"
    return pulumi.Output.concat(place, parts.account_id, f"/projects/{parts.name}-{task}")


def _assumed(args: DeliveryPipelineArgs, task: Task) -> pulumi.Input[str] | None:
    """Return the ARN of the role that `orchestrator` uses; None for the build of images."""
    match task:
        case "build":
            return None
        case "staging":
            return args.staging.deploy_role_arn
        case "plan":
            return args.plan_role_arn
        case "production":
            return args.production.deploy_role_arn


def _environment(
    args: DeliveryPipelineArgs, task: Task, variables: Sequence[Variable]
) -> aws.codebuild.ProjectEnvironmentArgs:
    compute = args.build.compute if task == "build" else args.compute
    return aws.codebuild.ProjectEnvironmentArgs(
        type=_MACHINES[args.architecture],
        compute_type=f"BUILD_GENERAL1_{compute.upper()}",
        image=args.tools.image or _IMAGES[args.architecture],
        image_pull_credentials_type="CODEBUILD" if args.tools.image is None else "SERVICE_ROLE",
        privileged_mode=task == "build" and args.build.privileged,
        environment_variables=list(variables),
    )


def _buildspec(args: DeliveryPipelineArgs, task: Task) -> str:
    return buildspecs.buildspec(
        task,
        architecture=args.architecture,
        own_image=args.tools.image is not None,
        checked=args.tools.pulumi_sha256 is not None,
        commands=args.tools.commands,
        images=args.build.images,
        docker_hub=args.build.docker_hub_secret is not None,
        privileged=args.build.privileged,
        allow_prod=args.staging.allow_prod,
    )


def _variables(parts: PipelineParts, task: Task) -> tuple[list[Variable], Sequence[pulumi.Input[str]]]:
    """Return the variables of a project, and the ARNs of the secrets among them."""
    args, tools = parts.args, parts.args.tools
    stage = args.staging if task in ("build", "staging") else args.production
    values: dict[str, pulumi.Input[str]] = {
        "ENVIRONMENT": stage.environment,
        "ORCHESTRATOR_PACKAGE": tools.package or f"pulumi-django=={_installed('pulumi-django')}",
        "ORCHESTRATOR_PROJECT_DIR": args.folder,
    }
    assumed = _assumed(args, task)
    if assumed is None:
        values |= {} if args.build.privileged else {"BUILDAH_ISOLATION": "chroot", "STORAGE_DRIVER": "vfs"}
        secrets = _build_secrets(args)
    else:
        values |= {
            "AWS_CONFIG_FILE": buildspecs.PROFILE_FILE,
            "AWS_PROFILE": buildspecs.PROFILE,
            "DEPLOY_ROLE_ARN": assumed,
            "PULUMI_BACKEND_URL": args.backend_url,
            "PULUMI_VERSION": tools.pulumi_version or _installed("pulumi"),
            **({"PULUMI_SHA256": tools.pulumi_sha256} if tools.pulumi_sha256 else {}),
        }
        secrets = args.secrets
    if task == "plan":
        values["CONSOLE"] = console(parts, task)
    found = referring(secrets, parts.resolver)
    return [*plain(values), *found.found], found.arns


def _build_secrets(args: DeliveryPipelineArgs) -> dict[str, str]:
    hub = args.build.docker_hub_secret
    login = {f"DOCKER_HUB_{key.upper()}": f"{hub}:{key}" for key in ("username", "password")} if hub else {}
    return {**args.build.secrets, **login}


def _alarm(parts: PipelineParts, name: str, task: Task, project: aws.codebuild.Project) -> None:
    # https://docs.aws.amazon.com/codebuild/latest/userguide/monitoring-metrics.html
    failures = Metric(
        namespace="AWS/CodeBuild", name="FailedBuilds", dimensions={"ProjectName": project.name}, statistic="Sum"
    )
    what = f"The task {task} of the pipeline {parts.name} failed"
    metric_alarm(parts.component, f"{name}-failed", failures, _FAILURE, description=what, topic_arn=parts.topic_arn)


def _installed(package: str) -> str:
    """Return the version of a package that runs here, so that the pipeline runs the same."""
    try:
        return version(package)
    except PackageNotFoundError:  # run from a checkout
        return "0.1.0"
