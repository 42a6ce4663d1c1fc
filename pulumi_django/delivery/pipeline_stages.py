"""The stages and the trigger of a delivery pipeline."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi
import pulumi_aws as aws

from pulumi_django.delivery.buildspecs import INPUTS, OUTPUT, PLAN, SOURCE, Task
from pulumi_django.delivery.pipeline_arguments import DeliveryPipelineArgs
from pulumi_django.delivery.pipeline_options import PipelineSourceOptions

Action = aws.codepipeline.PipelineStageActionArgs
Stage = aws.codepipeline.PipelineStageArgs
PROVIDER = "CodeStarSourceConnection"


def stages(
    args: DeliveryPipelineArgs,
    connection_arn: pulumi.Input[str],
    projects: Mapping[str, aws.codebuild.Project],
    topic_arn: pulumi.Input[str],
    console: pulumi.Input[str],
) -> list[Stage]:
    """Return source, build, staging with the plan of production, and production behind an approval."""
    return [
        Stage(name="Source", actions=[_source(args.source, connection_arn)]),
        Stage(name="Build", actions=[_build(projects, "build", 1)]),
        # The plan is made after staging has the images, so that it is as new as an approval can have it.
        Stage(name="Staging", actions=[_build(projects, "staging", 1), _build(projects, "plan", 2)]),
        Stage(
            name="Production",
            actions=[_approval(args, topic_arn, console), _build(projects, "production", 2)],
        ),
    ]


def _source(source: PipelineSourceOptions, connection_arn: pulumi.Input[str]) -> Action:
    """Return the action that gets the source.

    A full clone, because the history of releases names the commit, and the tag of an image is a hash of the files of git.
    https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-CodestarConnectionSource.html
    """
    return Action(
        name=SOURCE,
        category="Source",
        owner="AWS",
        provider=PROVIDER,
        version="1",
        namespace=SOURCE,
        output_artifacts=[SOURCE],
        configuration={
            "ConnectionArn": connection_arn,
            "FullRepositoryId": source.repository,
            "BranchName": source.branch,
            "OutputArtifactFormat": "CODEBUILD_CLONE_REF",
            # The trigger starts runs.
            # https://docs.aws.amazon.com/codepipeline/latest/userguide/pipelines-triggers.html
            "DetectChanges": "false",
        },
    )


def _build(projects: Mapping[str, aws.codebuild.Project], task: Task, order: int) -> Action:
    inputs, output = INPUTS[task], OUTPUT.get(task)
    configuration: dict[str, pulumi.Input[str]] = {"ProjectName": projects[task].name}
    if len(inputs) > 1:
        configuration["PrimarySource"] = SOURCE
    return Action(
        name=task,
        category="Build",
        owner="AWS",
        provider="CodeBuild",
        version="1",
        run_order=order,
        # The approval shows a variable of the plan.
        namespace=PLAN if task == "plan" else None,
        input_artifacts=inputs,
        output_artifacts=[output] if output else None,
        configuration=configuration,
    )


def _approval(args: DeliveryPipelineArgs, topic_arn: pulumi.Input[str], console: pulumi.Input[str]) -> Action:
    """Return the approval. https://docs.aws.amazon.com/codepipeline/latest/userguide/approvals-action-add.html"""
    text = (
        f"Commit #{{{SOURCE}.CommitId}} runs on {args.staging.environment}, and its checks passed. The approval carries out the "
        f"plan of {args.production.environment} exactly: #{{{PLAN}.PLAN_LOG}}"
    )
    return Action(
        name="approval",
        category="Approval",
        owner="AWS",
        provider="Manual",
        version="1",
        run_order=1,
        timeout_in_minutes=args.approval_hours * 60,
        configuration={"NotificationArn": topic_arn, "CustomData": text, "ExternalEntityLink": console},
    )


def trigger(source: PipelineSourceOptions) -> aws.codepipeline.PipelineTriggerArgs:
    """Return the trigger: pushes to the branch that change the files."""
    files = None
    if source.file_paths or source.ignored_file_paths:
        files = aws.codepipeline.PipelineTriggerGitConfigurationPushFilePathsArgs(
            includes=list(source.file_paths) or None, excludes=list(source.ignored_file_paths) or None
        )
    push = aws.codepipeline.PipelineTriggerGitConfigurationPushArgs(
        branches=aws.codepipeline.PipelineTriggerGitConfigurationPushBranchesArgs(includes=[source.branch]),
        file_paths=files,
    )
    return aws.codepipeline.PipelineTriggerArgs(
        provider_type=PROVIDER,
        git_configuration=aws.codepipeline.PipelineTriggerGitConfigurationArgs(
            source_action_name=SOURCE, pushes=[push]
        ),
    )
