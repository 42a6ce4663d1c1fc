"""The options of a delivery pipeline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import pulumi

from pulumi_django.policies import secret_references
from pulumi_django.rules import aws_rules, naming, pipelines
from pulumi_django.rules.text import as_written

Compute = Literal["small", "medium", "large", "xlarge"]
"""Size of the machine of a build. https://docs.aws.amazon.com/codebuild/latest/userguide/build-env-ref-compute-types.html"""


@dataclass(frozen=True, kw_only=True)
class PipelineSourceOptions:
    repository: str
    """Full name of the repository, such as `acme/shop`."""

    branch: str = "main"
    """Branch from which the pipeline deploys."""

    file_paths: Sequence[str] = ()
    """Patterns of files, such as `backend/**`, at most 8. A push that changes none of them starts no run. The empty default
    starts one for every push."""

    ignored_file_paths: Sequence[str] = ()
    """Patterns of files, at most 8. A push that changes only such files starts no run."""

    provider: Literal["GitHub", "GitLab", "Bitbucket"] = "GitHub"
    """Host of the repository. A server of your own needs `connection_arn`."""

    connection_arn: pulumi.Input[str] | None = None
    """ARN of an existing connection. None creates a connection, which does nothing until a person confirms it in the
    console. https://docs.aws.amazon.com/dtconsole/latest/userguide/connections-update.html"""

    def __post_init__(self) -> None:
        pipelines.check_repository("source.repository", self.repository)
        pipelines.check_branch("source.branch", self.branch)
        pipelines.check_file_paths("source.file_paths", self.file_paths)
        pipelines.check_file_paths("source.ignored_file_paths", self.ignored_file_paths)
        pipelines.check_connection_arn("source.connection_arn", self.connection_arn)


@dataclass(frozen=True, kw_only=True)
class PipelineStageOptions:
    environment: str
    """Name of an existing environment."""

    deploy_role_arn: pulumi.Input[str]
    """ARN of the role that deploys the environment: `deploy_role_arn` of the bootstrap, whose `trusted_roles` must name the
    role of the stage's project, such as `shop-production`."""

    allow_prod: bool = False
    """Whether the environment of the first stage is on a production base. The second stage always allows production."""

    def __post_init__(self) -> None:
        naming.check_environment_name(self.environment)
        pipelines.check_role_arn("deploy_role_arn", self.deploy_role_arn)


@dataclass(frozen=True, kw_only=True)
class PipelineBuildOptions:
    images: Sequence[str] = ()
    """Names in `[images]` of `orchestrator.toml` that are built; the empty default builds all of them."""

    compute: Compute = "medium"
    """Size of the machine that builds images."""

    privileged: bool = True
    """Whether the machine that builds images gives its root user all rights, which Docker needs. Without it buildah builds,
    and `image` must have buildah."""

    secrets: Mapping[str, str] = field(default_factory=dict[str, str])
    """Variables of the build and references to their values, such as `{"PIP_INDEX_URL": "secretsmanager:pip"}`, for `secrets`
    in `[images]`."""

    docker_hub_secret: str | None = None
    """Secret with the JSON keys `username` and `password`, such as `secretsmanager:docker-hub`, because Docker Hub limits
    downloads without an account. None does not log in."""

    minutes: int = 60
    """Longest time of a build in minutes, 5 to 2160."""

    def __post_init__(self) -> None:
        pipelines.check_images("build.images", self.images)
        pipelines.check_secret_variables("build.secrets", self.secrets)
        pipelines.check_minutes("build.minutes", self.minutes)
        secret_references.check([*self.secrets.values()])
        if self.docker_hub_secret is not None:
            found = secret_references.parse(self.docker_hub_secret)
            by_name = (
                isinstance(found, secret_references.SecretByName) and found.json_key is None and found.version == ":"
            )
            if not by_name:
                raise ValueError(
                    f"build.docker_hub_secret is {self.docker_hub_secret!r}: write the secret's name, as in "
                    "'secretsmanager:docker-hub'"
                )


@dataclass(frozen=True, kw_only=True)
class PipelineToolsOptions:
    image: str | None = None
    """Image of the builds, in ECR or public. None is AWS's own image for the processor, with Python 3.12, Docker and git.
    https://docs.aws.amazon.com/codebuild/latest/userguide/build-env-ref-available.html"""

    package: str | None = None
    """Requirement for pip that has `orchestrator`. None is `pulumi-django` in the version that creates the pipeline."""

    pulumi_version: str | None = None
    """Version of the Pulumi CLI. None is the version of the Pulumi SDK that creates the pipeline. An `image` with `pulumi` on
    its PATH keeps its own."""

    pulumi_sha256: str | None = None
    """SHA-256 of the CLI's archive for the processor. None trusts the TLS connection to get.pulumi.com alone."""

    commands: Sequence[str] = ()
    """Commands in bash that run before `orchestrator`, such as `pip install -r requirements.txt`."""

    def __post_init__(self) -> None:
        if self.image is not None:
            aws_rules.check_image("tools.image", self.image)
        pipelines.check_requirement("tools.package", self.package)
        pipelines.check_pulumi(self.pulumi_version, self.pulumi_sha256)
        if isinstance(self.commands, str):
            raise ValueError(f"tools.commands is {as_written(self.commands)}: it must be a list of commands")


@dataclass(frozen=True, kw_only=True)
class PipelineNoticeOptions:
    emails: Sequence[str] = ()
    """E-mail addresses that get the request for an approval, and failed builds. Each must confirm the subscription first."""

    chat_arns: Sequence[pulumi.Input[str]] = ()
    """ARNs of channels in Slack (`aws.chatbot.SlackChannelConfiguration`) that show started, failed and finished runs and
    approvals."""

    def __post_init__(self) -> None:
        aws_rules.check_addresses("notices.emails", self.emails)
        pipelines.check_chat_arns("notices.chat_arns", self.chat_arns)
