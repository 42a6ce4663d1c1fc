"""A delivery pipeline in AWS: CodePipeline and CodeBuild run the commands of `orchestrator`."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi
import pulumi_aws as aws

from pulumi_django.data import buckets
from pulumi_django.data.encryption import EncryptionKey, EncryptionKeyArgs
from pulumi_django.delivery import pipeline_grants, pipeline_projects, pipeline_stages
from pulumi_django.delivery.pipeline_arguments import DeliveryPipelineArgs
from pulumi_django.delivery.pipeline_projects import PipelineParts, PipelineProject
from pulumi_django.observability.topic import AlarmTopic, AlarmTopicArgs
from pulumi_django.policies.secret_references import Resolver
from pulumi_django.rules import pipelines

CODEPIPELINE = "codepipeline.amazonaws.com"
_OLD_VERSION_DAYS = 7
# https://docs.aws.amazon.com/dtconsole/latest/userguide/concepts.html#concepts-api
_CHAT_EVENTS = (
    "codepipeline-pipeline-manual-approval-needed",
    "codepipeline-pipeline-pipeline-execution-failed",
    "codepipeline-pipeline-pipeline-execution-started",
    "codepipeline-pipeline-pipeline-execution-succeeded",
)


class DeliveryPipeline(pulumi.ComponentResource):
    """A pipeline from a push to production: build, staging with checks, plan, approval, and exactly that plan.

    The images are built once and deployed by digest. Every project has a role for itself. The pipeline's rights to deploy are
    those of the bootstrap's roles.
    """

    pipeline_name: str
    """Name of the pipeline, with which the names of its projects and roles begin."""

    pipeline_arn: pulumi.Output[str]
    """ARN of the pipeline."""

    connection_arn: pulumi.Output[str]
    """ARN of the connection to the repository. Confirm a new one in the console once."""

    artifact_bucket_name: pulumi.Output[str]
    """Name of the bucket of artifacts."""

    topic_arn: pulumi.Output[str]
    """ARN of the SNS topic of approvals and failures."""

    role_arns: Mapping[str, pulumi.Output[str]]
    """ARN of the role of each project: `build`, `staging`, `plan`, `production`."""

    def __init__(self, name: str, args: DeliveryPipelineArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:delivery:DeliveryPipeline", name, None, opts)
        self.pipeline_name = pipelines.check_name(name)
        account = aws.get_caller_identity_output(opts=pulumi.InvokeOutputOptions(parent=self)).account_id
        child = pulumi.ResourceOptions(parent=self)
        key = EncryptionKey(f"{name}-key", EncryptionKeyArgs(account_id=account, region=args.region), child)
        topic = AlarmTopicArgs(account_id=account, kms_key_arn=key.arn, emails=args.notices.emails)
        self.topic_arn = AlarmTopic(f"{name}-topic", topic, child).topic_arn
        bucket = self._bucket(f"{name}-artifacts", args, key.arn)
        self.artifact_bucket_name, self.connection_arn = bucket.bucket, self._connection(name, args)
        repository = args.source.repository
        parts = PipelineParts(
            component=self,
            name=name,
            args=args,
            account_id=account,
            arns=pipeline_grants.Arns(
                bucket=bucket.arn, key=key.arn, connection=self.connection_arn, repository=repository
            ),
            topic_arn=self.topic_arn,
            resolver=Resolver(args.region, self),
        )
        projects = {str(task): pipeline_projects.create(parts, task) for task in pipeline_projects.TASKS}
        self.role_arns = {task: made.role_arn for task, made in projects.items()}
        pipeline = self._pipeline(parts, bucket, projects)
        self.pipeline_arn = pipeline.arn
        self._chat(name, args, pipeline)
        outputs = {"pipeline_arn": self.pipeline_arn, "connection_arn": self.connection_arn}
        self.register_outputs({**outputs, "topic_arn": self.topic_arn, "role_arns": self.role_arns})

    def _bucket(self, name: str, args: DeliveryPipelineArgs, key_arn: pulumi.Output[str]) -> aws.s3.Bucket:
        child = pulumi.ResourceOptions(parent=self)
        bucket = aws.s3.Bucket(name, force_destroy=args.force_destroy, opts=child)
        buckets.guard(self, name, bucket, kms_key_arn=key_arn)
        versioning = buckets.versions(self, name, bucket)
        buckets.expire(self, name, bucket, versioning, days=args.artifact_days, old_version_days=_OLD_VERSION_DAYS)
        return bucket

    def _connection(self, name: str, args: DeliveryPipelineArgs) -> pulumi.Output[str]:
        if args.source.connection_arn is not None:
            return pulumi.Output.from_input(args.source.connection_arn)
        return aws.codeconnections.Connection(
            name, name=name, provider_type=args.source.provider, opts=pulumi.ResourceOptions(parent=self)
        ).arn

    def _pipeline(
        self, parts: PipelineParts, bucket: aws.s3.Bucket, projects: Mapping[str, PipelineProject]
    ) -> aws.codepipeline.Pipeline:
        made = {task: project.project for task, project in projects.items()}
        statements = pipeline_grants.of_pipeline(
            parts.arns, [project.arn for project in made.values()], parts.topic_arn
        )
        key = aws.codepipeline.PipelineArtifactStoreEncryptionKeyArgs(id=parts.arns.key, type="KMS")
        return aws.codepipeline.Pipeline(
            parts.name,
            name=parts.name,
            pipeline_type="V2",
            execution_mode=parts.args.execution_mode.upper(),
            role_arn=pipeline_projects.role(parts, f"{parts.name}-pipeline", CODEPIPELINE, statements),
            artifact_stores=[
                aws.codepipeline.PipelineArtifactStoreArgs(location=bucket.bucket, type="S3", encryption_key=key)
            ],
            stages=pipeline_stages.stages(
                parts.args, self.connection_arn, made, parts.topic_arn, pipeline_projects.console(parts, "plan")
            ),
            triggers=[pipeline_stages.trigger(parts.args.source)],
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _chat(self, name: str, args: DeliveryPipelineArgs, pipeline: aws.codepipeline.Pipeline) -> None:
        if not args.notices.chat_arns:
            return
        targets = [
            aws.codestarnotifications.NotificationRuleTargetArgs(address=arn, type="AWSChatbotSlack")
            for arn in args.notices.chat_arns
        ]
        aws.codestarnotifications.NotificationRule(
            name,
            name=name,
            resource=pipeline.arn,
            detail_type="FULL",
            event_type_ids=list(_CHAT_EVENTS),
            targets=targets,
            opts=pulumi.ResourceOptions(parent=self),
        )
