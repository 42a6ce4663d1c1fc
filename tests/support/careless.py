"""An account in which everything is wrong, so that every check has something to find."""

from __future__ import annotations

import json
from typing import Any

import pulumi
import pulumi_aws as aws
import pulumi_random as random

from pulumi_django.testing import simulate
from tests.support.posture import World

ANYWHERE = "0.0.0.0/0"


def policy(**statement: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})


def identities() -> None:
    foreign = policy(Action="sts:AssumeRole", Principal={"AWS": "999999999999"})
    role = aws.iam.Role("role", assume_role_policy=foreign)
    aws.iam.RolePolicy("any", role=role.name, policy=policy(Action=["s3:*", "kms:Decrypt"], Resource="*"))
    aws.iam.RolePolicy("climber", role=role.name, policy=policy(Action="iam:CreateAccessKey", Resource="*"))
    aws.iam.RolePolicyAttachment("admin", role=role.name, policy_arn="arn:aws:iam::aws:policy/AdministratorAccess")
    aws.iam.User("someone")
    aws.kms.Key("key", deletion_window_in_days=7)
    aws.secretsmanager.Secret("secret", recovery_window_in_days=0)
    password = random.RandomPassword("password", length=32)
    aws.ssm.Parameter("plain", name="/shop/DB_PASSWORD", type="String", value="hunter2")
    aws.sns.Topic("gossip", display_name=pulumi.Output.unsecret(password.result))


def firewall() -> None:
    shown = aws.wafv2.WebAclVisibilityConfigArgs(
        cloudwatch_metrics_enabled=False, metric_name="open", sampled_requests_enabled=False
    )
    aws.wafv2.WebAcl("open", scope="REGIONAL", default_action={"allow": {}}, visibility_config=shown)


def network() -> aws.ec2.Vpc:
    vpc = aws.ec2.Vpc("vpc", cidr_block="10.0.0.0/16")
    aws.ec2.Subnet("subnet", vpc_id=vpc.id, cidr_block="10.0.0.0/20", map_public_ip_on_launch=True)
    rules = [{"protocol": "tcp", "from_port": 22, "to_port": 22, "cidr_blocks": [ANYWHERE]}]
    group = aws.ec2.SecurityGroup("group", vpc_id=vpc.id, description="", ingress=rules)  # type: ignore[arg-type]
    aws.vpc.SecurityGroupIngressRule("world", security_group_id=group.id, cidr_ipv4=ANYWHERE, ip_protocol="-1")
    aws.vpc.SecurityGroupIngressRule("office", security_group_id=group.id, cidr_ipv4="10.1.0.0/16", ip_protocol="-1")
    aws.vpc.SecurityGroupEgressRule("out", security_group_id=group.id, cidr_ipv4=ANYWHERE, ip_protocol="-1")
    aws.ec2.VpcEndpoint("endpoint", vpc_id=vpc.id, service_name="com.amazonaws.us-east-1.s3")
    return vpc


def compute() -> None:
    container = {
        "name": "web",
        "image": "web",
        "privileged": True,
        "user": "root",
        "environment": [{"name": "DB_PASSWORD", "value": "hunter2"}],
        "linuxParameters": {"capabilities": {"add": ["SYS_PTRACE"]}},
    }
    files = aws.ecs.TaskDefinitionVolumeEfsVolumeConfigurationArgs(file_system_id="fs-1")
    task = aws.ecs.TaskDefinition(
        "task",
        family="web",
        network_mode="host",
        pid_mode="task",
        container_definitions=json.dumps([container]),
        volumes=[aws.ecs.TaskDefinitionVolumeArgs(name="files", efs_volume_configuration=files)],
    )
    cluster = aws.ecs.Cluster(
        "cluster", settings=[aws.ecs.ClusterSettingArgs(name="containerInsights", value="disabled")]
    )
    aws.ecs.Service(
        "service",
        cluster=cluster.arn,
        task_definition=task.arn,
        enable_execute_command=True,
        platform_version="1.3.0",
        network_configuration=aws.ecs.ServiceNetworkConfigurationArgs(subnets=["subnet-1"], assign_public_ip=True),
    )
    aws.ec2.Instance("instance", ami="ami-1", instance_type="t3.micro", key_name="mine")


def data() -> None:
    aws.rds.Instance(
        "database",
        instance_class="db.t3.micro",
        username="postgres",
        password="hunter22",
        publicly_accessible=True,
        auto_minor_version_upgrade=False,
        skip_final_snapshot=True,
    )
    aws.rds.Instance("watched", instance_class="db.t3.micro", password="hunter22", performance_insights_enabled=True)
    aws.rds.ParameterGroup("parameters", family="postgres17")
    aws.rds.ClusterParameterGroup("cluster-parameters", family="aurora-postgresql17")
    cluster = aws.rds.Cluster("aurora", engine="aurora-postgresql", master_username="admin")
    aws.rds.ClusterInstance(
        "member",
        cluster_identifier=cluster.id,
        engine="aurora-postgresql",
        instance_class="db.serverless",
        publicly_accessible=True,
        auto_minor_version_upgrade=False,
    )
    aws.rds.ClusterInstance(
        "watched-member",
        cluster_identifier="another",
        engine="aurora-postgresql",
        instance_class="db.serverless",
        performance_insights_enabled=True,
    )
    aws.elasticache.ReplicationGroup("cache", description="cache", auto_minor_version_upgrade=False)
    files = aws.efs.FileSystem("files")
    aws.efs.AccessPoint("point", file_system_id=files.id)
    aws.s3.Bucket("bucket")
    for name, days in (("forever", None), ("short", 1)):
        aws.cloudwatch.LogGroup(name, retention_in_days=days)
    topic = aws.sns.Topic("topic")
    aws.sns.TopicPolicy("anybody", arn=topic.arn, policy=policy(Action="sns:Publish", Principal="*", Resource="*"))
    source = {"Service": "s3.amazonaws.com"}
    aws.sns.TopicPolicy(
        "any-source", arn=topic.arn, policy=policy(Action="sns:Publish", Principal=source, Resource="*")
    )
    aws.sqs.Queue("queue")


def edge(vpc: aws.ec2.Vpc) -> None:
    balancer = aws.lb.LoadBalancer("balancer", desync_mitigation_mode="monitor")
    forward: Any = [{"type": "forward", "target_group_arn": "arn:aws:elasticloadbalancing:us-east-1:1:targetgroup/a/b"}]
    aws.lb.Listener("http", load_balancer_arn=balancer.arn, protocol="HTTP", default_actions=forward)
    aws.lb.Listener(
        "https",
        load_balancer_arn=balancer.arn,
        protocol="HTTPS",
        ssl_policy="ELBSecurityPolicy-2016-08",
        default_actions=forward,
    )
    aws.acm.Certificate("certificate", domain_name="*.example.com")
    aws.lb.TargetGroup("targets", vpc_id=vpc.id, protocol="HTTP", port=80)
    nothing: Any = {"geo_restriction": {"restriction_type": "none"}}
    behavior: Any = {
        "target_origin_id": "bucket",
        "viewer_protocol_policy": "allow-all",
        "allowed_methods": ["GET"],
        "cached_methods": ["GET"],
    }
    aws.cloudfront.Distribution(
        "distribution",
        enabled=True,
        origins=[aws.cloudfront.DistributionOriginArgs(origin_id="bucket", domain_name="b.s3.amazonaws.com")],
        default_cache_behavior=behavior,
        restrictions=nothing,
        viewer_certificate=aws.cloudfront.DistributionViewerCertificateArgs(cloudfront_default_certificate=True),
    )


def delivery() -> None:
    variables = [aws.codebuild.ProjectEnvironmentEnvironmentVariableArgs(name="API_TOKEN", value="hunter2")]
    aws.codebuild.Project(
        "build",
        service_role="arn:aws:iam::123456789012:role/build",
        artifacts=aws.codebuild.ProjectArtifactsArgs(type="CODEPIPELINE"),
        source=aws.codebuild.ProjectSourceArgs(type="CODEPIPELINE"),
        environment=aws.codebuild.ProjectEnvironmentArgs(
            type="LINUX_CONTAINER",
            compute_type="BUILD_GENERAL1_SMALL",
            image="aws/codebuild/amazonlinux-x86_64-standard:5.0",
            privileged_mode=True,
            environment_variables=variables,
        ),
    )
    source = aws.codepipeline.PipelineStageActionArgs(
        name="source", category="Source", owner="AWS", provider="S3", version="1"
    )
    aws.codepipeline.Pipeline(
        "pipeline",
        role_arn="arn:aws:iam::123456789012:role/pipeline",
        artifact_stores=[aws.codepipeline.PipelineArtifactStoreArgs(location="artifacts", type="S3")],
        stages=[aws.codepipeline.PipelineStageArgs(name="all", actions=[source])],
    )


def careless() -> World:
    def program() -> None:
        identities()
        vpc = network()
        compute()
        data()
        edge(vpc)
        firewall()
        delivery()

    return World.of(simulate(program))
