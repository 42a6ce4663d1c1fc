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
    """Whether CloudWatch collects metrics of every task, which AWS bills by metric."""

    configuration: aws.ecs.ClusterConfigurationArgs | None = None
    """Encryption and records of shell sessions (`ExecSessions.configuration`). None leaves them to the log of their
    container."""


class Cluster(pulumi.ComponentResource):
    """A cluster with the capacity providers FARGATE and FARGATE_SPOT."""

    cluster_name: str
    """Name of the cluster."""

    cluster_arn: pulumi.Output[str]
    """ARN of the cluster, known when its capacity providers exist too."""

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
        # ECS refuses a service with a capacity provider that the cluster does not have yet.
        self.cluster_arn = pulumi.Output.all(cluster.arn, providers.id).apply(lambda values: str(values[0]))
        self.register_outputs({"cluster_name": self.cluster_name, "cluster_arn": self.cluster_arn})
