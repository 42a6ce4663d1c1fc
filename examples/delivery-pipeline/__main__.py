"""A pipeline in AWS for one repository, and the account's resources that it needs: images, state and roles."""

import pulumi

from pulumi_django import (
    AccountBootstrap,
    AccountBootstrapArgs,
    DeliveryPipeline,
    DeliveryPipelineArgs,
    DeployOptions,
    PipelineNoticeOptions,
    PipelineSourceOptions,
    PipelineStageOptions,
    RepositoryOptions,
)
from pulumi_django.program import project


def main() -> None:
    name, region, config = pulumi.get_stack(), project.region(), pulumi.Config()
    options = pulumi.ResourceOptions(providers=[project.aws_provider()])
    retain = config.get_bool("retain_state") is not False
    account = AccountBootstrap(
        "acme",
        AccountBootstrapArgs(
            region=region,
            repositories={f"{name}-backend": RepositoryOptions()},
            # The roles of the pipeline's projects: `<pipeline>-<task>`.
            deploy=DeployOptions(
                trusted_roles=[f"{name}-staging", f"{name}-production"], plan_trusted_roles=[f"{name}-plan"]
            ),
            retain_state=retain,
        ),
        options,
    )
    assert account.deploy_role_arn is not None
    assert account.plan_role_arn is not None
    pipeline = DeliveryPipeline(
        name,
        DeliveryPipelineArgs(
            region=region,
            source=PipelineSourceOptions(repository=config.require("repository"), ignored_file_paths=["docs/**"]),
            folder=config.require("folder"),
            staging=PipelineStageOptions(environment="alpha", deploy_role_arn=account.deploy_role_arn),
            production=PipelineStageOptions(environment="live", deploy_role_arn=account.deploy_role_arn),
            plan_role_arn=account.plan_role_arn,
            repository_arns=list(account.repository_arns.values()),
            backend_url=account.backend_url,
            notices=PipelineNoticeOptions(emails=config.require_object("emails")),
            force_destroy=not retain,
        ),
        options,
    )
    pulumi.export("connection_arn", pipeline.connection_arn)
    pulumi.export("backend_url", account.backend_url)
    pulumi.export("secrets_provider", account.secrets_provider)
    pulumi.export("permissions_boundary_arn", account.permissions_boundary_arn)


main()
