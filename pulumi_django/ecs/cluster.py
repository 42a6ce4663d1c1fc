"""The ECS cluster of an environment."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from pulumi_django.rules import naming


@dataclass(frozen=True, kw_only=True)
class ClusterArgs:
    environment: str
    """Name of the environment; the cluster is called `{environment}-cluster`."""

    container_insights: bool = False
    """Whether CloudWatch collects metrics of every task, which is billed by metric."""

    configuration: aws.ecs.ClusterConfigurationArgs | None = None
    """How shell sessions are encrypted and written down (`ExecSessions.configuration`); None leaves them to the log of
    their container."""


class Cluster(pulumi.ComponentResource):
    """A cluster that runs tasks on FARGATE and FARGATE_SPOT."""

    cluster_name: str
    """Name of the cluster."""

    cluster_arn: pulumi.Output[str]
    """Its ARN, known once its capacity providers are there too."""

    def __init__(self, name: str, args: ClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:ecs:Cluster", name, None, opts)
        self.cluster_name = naming.cluster_name(args.environment)
        cluster = aws.ecs.Cluster(
            name,
            name=self.cluster_name,
            settings=[
                aws.ecs.ClusterSettingArgs(
                    name="containerInsights", value="enabled" if args.container_insights else "disabled"
                )
            ],
            configuration=args.configuration,
            opts=pulumi.ResourceOptions(parent=self),
        )
        providers = aws.ecs.ClusterCapacityProviders(
            f"{name}-capacity",
            cluster_name=cluster.name,
            capacity_providers=["FARGATE", "FARGATE_SPOT"],
            opts=pulumi.ResourceOptions(parent=self),
        )
        # A service that names a capacity provider is refused until the cluster has it.
        self.cluster_arn = pulumi.Output.all(cluster.arn, providers.id).apply(lambda values: str(values[0]))
        self.register_outputs({"cluster_name": self.cluster_name, "cluster_arn": self.cluster_arn})
