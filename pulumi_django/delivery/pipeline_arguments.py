"""The arguments of a delivery pipeline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import pulumi

from pulumi_django.delivery.buildspecs import Architecture
from pulumi_django.delivery.pipeline_options import (
    Compute,
    PipelineBuildOptions,
    PipelineNoticeOptions,
    PipelineSourceOptions,
    PipelineStageOptions,
    PipelineToolsOptions,
)
from pulumi_django.policies import secret_references
from pulumi_django.rules import aws_rules, pipelines
from pulumi_django.rules.sizing import check_log_retention


@dataclass(frozen=True, kw_only=True)
class DeliveryPipelineArgs:
    region: str
    """AWS region of the pipeline."""

    source: PipelineSourceOptions
    """Repository, branch and files."""

    staging: PipelineStageOptions
    """Environment that gets the images first."""

    production: PipelineStageOptions
    """Environment that gets the same images after the approval."""

    plan_role_arn: pulumi.Input[str]
    """ARN of the role that previews production: `plan_role_arn` of the bootstrap, whose `plan_trusted_roles` must name the role
    of the plan's project, such as `shop-plan`."""

    repository_arns: Sequence[pulumi.Input[str]]
    """ARNs of the ECR repositories to which the pipeline pushes images."""

    backend_url: pulumi.Input[str]
    """Address of Pulumi's state: `backend_url` of the bootstrap, or `https://api.pulumi.com`."""

    folder: str = "."
    """Folder of `orchestrator.toml` in the repository."""

    secrets: Mapping[str, str] = field(default_factory=dict[str, str])
    """Variables of plan and deploys and references to their values, such as
    `{"PULUMI_CONFIG_PASSPHRASE": "ssm:/shop/passphrase"}`. State that a KMS key encrypts needs none."""

    secret_key_arns: Sequence[pulumi.Input[str]] = ()
    """KMS keys of the secrets, where they are not AWS's own keys."""

    build: PipelineBuildOptions = field(default_factory=PipelineBuildOptions)
    """Build of the images."""

    tools: PipelineToolsOptions = field(default_factory=PipelineToolsOptions)
    """Image and programs of all builds."""

    architecture: Architecture = "X86_64"
    """Processor of the machines: that of the environments, because images are built natively."""

    compute: Compute = "small"
    """Size of the machines that plan and deploy."""

    execution_mode: Literal["superseded", "queued"] = "superseded"
    """Order of runs. `superseded`: a newer run overtakes an older one that waits for an approval or for a stage. `queued`: every
    run is finished or rejected in its turn. https://docs.aws.amazon.com/codepipeline/latest/userguide/concepts-how-it-works.html"""

    approval_hours: int = 168
    """Time within which an approval must come in hours, 1 to 1440; afterwards the run fails."""

    notices: PipelineNoticeOptions = field(default_factory=PipelineNoticeOptions)
    """Receivers of approvals and failures."""

    log_retention_days: int = 365
    """Days to keep the logs of builds: 1, 3, 5, 7, 14, 30, ...
    https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html"""

    artifact_days: int = 30
    """Days to keep artifacts: sources, image references and plans. It must be longer than an approval takes."""

    force_destroy: bool = False
    """Whether deleting the pipeline deletes its artifacts. Without it a bucket with artifacts cannot be deleted."""

    def __post_init__(self) -> None:
        if self.staging.environment == self.production.environment:
            raise ValueError(
                f"staging and production are both {self.production.environment!r}: the approval is between two environments"
            )
        pipelines.check_role_arn("plan_role_arn", self.plan_role_arn)
        pipelines.check_repository_arns("repository_arns", self.repository_arns)
        pipelines.check_backend_url("backend_url", self.backend_url)
        pipelines.check_folder("folder", self.folder)
        pipelines.check_secret_variables("secrets", self.secrets)
        secret_references.check([*self.secrets.values()])
        aws_rules.check_key_arns("secret_key_arns", self.secret_key_arns)
        pipelines.check_approval_hours("approval_hours", self.approval_hours)
        check_log_retention("log_retention_days", self.log_retention_days)
        aws_rules.check_days("artifact_days", self.artifact_days)
        if self.artifact_days * 24 <= self.approval_hours:
            raise ValueError(
                f"artifact_days is {self.artifact_days}: approval_hours is {self.approval_hours}, and the plan must still exist then"
            )
        if not self.build.privileged and self.tools.image is None:
            raise ValueError("build.privileged is off: tools.image must name an image that has buildah")
