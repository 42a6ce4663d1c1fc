"""The monthly cost of a stack: a worked example for each priced type, and the name of each size without a price."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from orchestrator.cost.estimate import CostLine, estimate
from orchestrator.cost.prices import HOURS_PER_MONTH, packaged
from orchestrator.model import StackResource

PRICES = packaged()


def resource(type_: str, name: str = "it", **inputs: Any) -> StackResource:
    return StackResource(urn=f"urn:pulumi:dev::p::{type_}::{name}", type=type_, name=name, inputs=inputs)


def definition(family: str, cpu: str, memory: str, **more: Any) -> StackResource:
    return resource("aws:ecs/taskDefinition:TaskDefinition", family, family=family, cpu=cpu, memory=memory, **more)


def service(family: str, count: int, **more: Any) -> StackResource:
    arn = f"arn:aws:ecs:us-east-1:123456789012:task-definition/{family}:7"
    return resource("aws:ecs/service:Service", family, taskDefinition=arn, desiredCount=count, **more)


SPOT = [{"capacityProvider": "FARGATE_SPOT", "weight": 100}, {"capacityProvider": "FARGATE", "weight": 0}]


@pytest.mark.parametrize(
    ("type_", "inputs", "dollars"),
    [
        ("aws:ec2/natGateway:NatGateway", {"connectivityType": "public"}, 0.045 * 730),
        ("aws:ec2/natGateway:NatGateway", {}, 0.045 * 730),
        ("aws:ec2/eip:Eip", {}, 0.005 * 730),
        ("aws:lb/loadBalancer:LoadBalancer", {"subnets": ["a", "b", "c"]}, (0.0225 + 3 * 0.005) * 730),
        ("aws:lb/loadBalancer:LoadBalancer", {"subnets": ["a", "b"], "internal": True}, 0.0225 * 730),
        ("aws:ec2/vpcEndpoint:VpcEndpoint", {"vpcEndpointType": "Interface", "subnetIds": ["a", "b"]}, 14.6),
        ("aws:ec2/instance:Instance", {"instanceType": "t4g.nano"}, 0.0042 * 730 + 8 * 0.08),
        (
            "aws:rds/instance:Instance",
            {"instanceClass": "db.t4g.micro", "allocatedStorage": 20, "storageType": "gp3"},
            0.016 * 730 + 20 * 0.115,
        ),
        (
            "aws:rds/instance:Instance",
            {"instanceClass": "db.t4g.medium", "allocatedStorage": 20, "storageType": "gp3", "multiAz": True},
            2 * (0.065 * 730 + 20 * 0.115),
        ),
        ("aws:rds/cluster:Cluster", {"serverlessv2ScalingConfiguration": {"minCapacity": 0.5}}, 0.5 * 0.12 * 730),
        (
            "aws:elasticache/replicationGroup:ReplicationGroup",
            {"engine": "valkey", "nodeType": "cache.t4g.micro", "numCacheClusters": 2},
            2 * 0.0128 * 730,
        ),
        ("aws:secretsmanager/secret:Secret", {}, 0.40),
        ("aws:wafv2/webAcl:WebAcl", {"rules": [{}, {}]}, 7.0),
        ("aws:servicediscovery/privateDnsNamespace:PrivateDnsNamespace", {}, 0.50),
    ],
)
def test_a_resource_has_the_cost_of_the_price_list(type_: str, inputs: Mapping[str, Any], dollars: float) -> None:
    result = estimate([resource(type_, **inputs)], PRICES)
    assert result.dollars_per_month == pytest.approx(dollars, abs=0.01)
    assert result.unpriced == ()


@pytest.mark.parametrize(
    "free",
    [
        resource("aws:ec2/vpc:Vpc"),
        resource("aws:ec2/vpcEndpoint:VpcEndpoint", vpcEndpointType="Gateway"),
        resource("aws:ec2/natGateway:NatGateway", connectivityType="private"),
        resource("aws:rds/cluster:Cluster", serverlessv2ScalingConfiguration={"minCapacity": 0}),
        service("alpha-web", 0),
    ],
)
def test_a_free_resource_has_no_line(free: StackResource) -> None:
    assert estimate([free], PRICES).lines == ()


def test_the_cost_of_a_service_follows_from_size_count_and_capacity_of_its_tasks() -> None:
    on_demand = estimate([definition("alpha-web", "1024", "2048"), service("alpha-web", 2)], PRICES)
    assert on_demand.lines == (
        CostLine(
            type="aws:ecs/service:Service",
            name="alpha-web",
            dollars_per_month=round(2 * (0.04048 + 2 * 0.004445) * HOURS_PER_MONTH, 2),
            detail="2 x 1 vCPU 2 GB on FARGATE",
        ),
    )


def test_a_service_on_spot_and_on_arm_is_cheaper() -> None:
    arm = definition("alpha-web", "256", "512", runtimePlatform={"cpuArchitecture": "ARM64"})
    spot = estimate([arm, service("alpha-web", 1, capacityProviderStrategies=SPOT)], PRICES)
    assert spot.lines[0].dollars_per_month == round((0.25 * 0.009714 + 0.5 * 0.001068) * HOURS_PER_MONTH, 2)
    assert spot.lines[0].detail == "1 x 0.25 vCPU 0.5 GB on FARGATE_SPOT"


def test_a_scaled_service_costs_at_least_its_lowest_number_of_tasks() -> None:
    cluster = "arn:aws:ecs:us-east-1:123456789012:cluster/shop-cluster"
    task = definition("shop-gunicorn", "1024", "2048")
    plain = service("shop-gunicorn", 0, cluster=cluster)
    scaled = replace(plain, inputs={**plain.inputs, "name": "shop-gunicorn"})
    bounds = resource(
        "aws:appautoscaling/target:Target",
        resourceId="service/shop-cluster/shop-gunicorn",
        minCapacity=2,
        maxCapacity=5,
    )
    awake, asleep = estimate([task, scaled, bounds], PRICES), estimate([task, scaled], PRICES)
    assert [line.detail for line in awake.lines] == ["2 x 1 vCPU 2 GB on FARGATE"]
    assert asleep.lines == ()


def test_a_size_without_a_price_is_named_and_never_free() -> None:
    result = estimate([resource("aws:rds/instance:Instance", "db", instanceClass="db.x9.huge")], PRICES)
    assert result.lines == ()
    assert result.unpriced == ("aws:rds/instance:Instance db: db.x9.huge",)


def test_a_service_of_an_unknown_task_definition_is_named() -> None:
    assert estimate([service("other", 1)], PRICES).unpriced == ("aws:ecs/service:Service other: tasks of other",)


def test_every_family_of_the_packaged_table_names_its_source_and_unit() -> None:
    for name, family in PRICES.families.items():
        assert family["source"].startswith("https://aws.amazon.com/"), name
        assert family["unit"], name
    assert PRICES.source("rds") == "https://aws.amazon.com/rds/postgresql/pricing/"


CLUSTER = "aws:rds/cluster:Cluster"
MEMBER = "aws:rds/clusterInstance:ClusterInstance"


def test_an_aurora_cluster_costs_the_minimum_of_each_serverless_instance() -> None:
    cluster = resource(
        CLUSTER, clusterIdentifier="dev-aurora", serverlessv2ScalingConfiguration={"minCapacity": 0.5, "maxCapacity": 4}
    )
    members = [
        resource(MEMBER, name, clusterIdentifier="dev-aurora", instanceClass="db.serverless") for name in ("a", "b")
    ]
    result = estimate([cluster, *members], PRICES)
    assert [(line.type, line.dollars_per_month) for line in result.lines] == [(CLUSTER, round(2 * 0.5 * 0.12 * 730, 2))]


def test_an_aurora_instance_of_a_fixed_size_has_the_price_of_its_size() -> None:
    result = estimate([resource(MEMBER, clusterIdentifier="x", instanceClass="db.r7g.large")], PRICES)
    assert result.dollars_per_month == pytest.approx(0.276 * 730, abs=0.01)


def test_a_group_of_instances_has_the_cost_of_its_launch_template() -> None:
    template = StackResource(
        urn="urn:lt",
        type="aws:ec2/launchTemplate:LaunchTemplate",
        name="lt",
        id="lt-1",
        inputs={
            "instanceType": "m7g.large",
            "blockDeviceMappings": [{"deviceName": "/dev/sdf", "ebs": {"volumeType": "gp3", "volumeSize": 10}}],
        },
    )
    group = resource("aws:autoscaling/group:Group", minSize=2, launchTemplate={"id": "lt-1", "version": "3"})
    mixed = {"launchTemplate": {"launchTemplateSpecification": {"launchTemplateId": "lt-1"}}}
    other = resource("aws:autoscaling/group:Group", desiredCapacity=1, mixedInstancesPolicy=mixed)
    result = estimate([template, group, other], PRICES)
    assert [line.detail for line in result.lines] == [
        "2 x m7g.large at $0.0816 an hour + 10 GB gp3 at $0.16",
        "m7g.large at $0.0816 an hour + 10 GB gp3 at $0.08",
    ]
    unknown = estimate([group], PRICES)
    assert unknown.unpriced == ("aws:autoscaling/group:Group it: instances of an unknown launch template",)


@pytest.mark.parametrize(
    "placement",
    [{"launchType": "EC2"}, {"capacityProviderStrategies": [{"capacityProvider": "alpha-instances", "weight": 1}]}],
)
def test_tasks_on_instances_have_no_cost_of_their_own(placement: Mapping[str, Any]) -> None:
    assert estimate([definition("alpha-web", "256", "512"), service("alpha-web", 1, **placement)], PRICES).lines == ()


def test_the_cost_of_a_volume_follows_from_its_size() -> None:
    result = estimate([resource("aws:ebs/volume:Volume", size=100, type="gp3")], PRICES)
    assert result.dollars_per_month == pytest.approx(8.0)


def test_a_resource_that_is_billed_by_use_is_named_once_and_never_added() -> None:
    result = estimate(
        [
            resource("aws:s3/bucket:Bucket", "one"),
            resource("aws:s3/bucket:Bucket", "two"),
            resource("aws:cloudfront/distribution:Distribution"),
            resource("aws:sqs/queue:Queue"),
            resource("aws:ec2/vpcEndpoint:VpcEndpoint", vpcEndpointType="Gateway"),
            resource("aws:efs/fileSystem:FileSystem"),
        ],
        PRICES,
    )
    assert result.dollars_per_month == 0
    assert result.by_use == (
        "CloudFront: $0.085 for each GB to viewers, $0.01 for each 10,000 HTTPS requests",
        "EFS: $0.3 for each GB a month, $0.03 for each GB read, $0.06 for each GB written",
        "S3: $0.023 for each GB a month",
        "SQS: $0.4 for each million requests",
    )


def test_the_runs_of_a_pipeline_are_billed_by_the_minute() -> None:
    types = ("aws:codebuild/project:Project", "aws:codepipeline/pipeline:Pipeline")
    result = estimate([resource(type_) for type_ in types], PRICES)
    assert result.lines == ()
    assert result.by_use == (
        "CodeBuild: $0.005 for each minute on a small machine, $0.01 for each minute on a medium one",
        "CodePipeline: $0.002 for each minute of an action",
    )
