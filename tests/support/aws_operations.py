"""More resources as our components make them: what scales, schedules and watches, and what belongs to an account."""

from __future__ import annotations

from tests.support.aws import client, pairs
from tests.support.aws_resources import (
    DENY,
    Made,
    elastic_ip,
    instance,
    launch_template,
    network,
    policy,
    role,
    service,
    spec,
    topic,
)

SCALED = {
    "serviceNamespace": "ecs",
    "resourceId": "service/alpha-cluster/alpha-web",
    "scalableDimension": "ecs:service:DesiredCount",
}


def task_definition(tags: dict[str, str]) -> Made:
    containers = [{"name": "web", "image": "x", "memory": 64}]
    client("ecs").register_task_definition(
        family="alpha-web", containerDefinitions=containers, tags=pairs(tags, "key", "value")
    )
    return "alpha-web", {"family": "alpha-web"}


def alarm(tags: dict[str, str]) -> Made:
    client("cloudwatch").put_metric_alarm(
        AlarmName="dev-cpu",
        MetricName="CPUUtilization",
        Namespace="AWS/ECS",
        Period=60,
        Statistic="Average",
        Threshold=1,
        EvaluationPeriods=1,
        ComparisonOperator="GreaterThanThreshold",
        Tags=pairs(tags),
    )
    return "dev-cpu", {"name": "dev-cpu"}


def event_rule(tags: dict[str, str]) -> Made:
    client("events").put_rule(Name="alpha-nightly", ScheduleExpression="rate(1 day)", Tags=pairs(tags))
    return "alpha-nightly", {"name": "alpha-nightly"}


def repository(tags: dict[str, str]) -> Made:
    client("ecr").create_repository(repositoryName="shop", tags=pairs(tags))
    return "shop", {"name": "shop"}


def email_identity(tags: dict[str, str]) -> Made:
    client("sesv2").create_email_identity(EmailIdentity="example.com", Tags=pairs(tags))
    return "example.com", {"emailIdentity": "example.com"}


def volume(tags: dict[str, str]) -> Made:
    made = client("ec2").create_volume(AvailabilityZone="us-east-1a", Size=8, TagSpecifications=spec("volume", tags))
    return made["VolumeId"], {"availabilityZone": "us-east-1a", "size": 8}


def auto_scaling_group(tags: dict[str, str]) -> Made:
    template, _ = launch_template(tags)
    keys = [{"Key": key, "Value": value, "PropagateAtLaunch": True} for key, value in tags.items()]
    client("autoscaling").create_auto_scaling_group(
        AutoScalingGroupName="dev-instances",
        MinSize=0,
        MaxSize=1,
        LaunchTemplate={"LaunchTemplateId": template},
        VPCZoneIdentifier=network(tags)["subnet"],
        Tags=keys,
    )
    return "dev-instances", {"name": "dev-instances"}


def log_destination(tags: dict[str, str]) -> Made:
    client("s3").create_bucket(Bucket="flows")
    client("logs").put_delivery_destination(
        name="dev-cdn", deliveryDestinationConfiguration={"destinationResourceArn": "arn:aws:s3:::flows"}, tags=tags
    )
    return "dev-cdn", {"name": "dev-cdn"}


def web_acl(tags: dict[str, str]) -> Made:
    seen = {"SampledRequestsEnabled": False, "CloudWatchMetricsEnabled": False, "MetricName": "x"}
    made = client("wafv2").create_web_acl(
        Name="dev-web", Scope="REGIONAL", DefaultAction={"Allow": {}}, VisibilityConfig=seen, Tags=pairs(tags)
    )
    return made["Summary"]["Id"], {"name": "dev-web", "scope": "REGIONAL"}


def role_policy(tags: dict[str, str]) -> Made:
    role(tags)
    client("iam").put_role_policy(RoleName="alpha-task-1", PolicyName="own", PolicyDocument=DENY)
    return "alpha-task-1:own", {"role": "alpha-task-1", "name": "own"}


def role_policy_attachment(tags: dict[str, str]) -> Made:
    role(tags)
    arn, _ = policy(tags)
    client("iam").attach_role_policy(RoleName="alpha-task-1", PolicyArn=arn)
    return f"alpha-task-1/{arn}", {"role": "alpha-task-1", "policyArn": arn}


def dashboard(_tags: dict[str, str]) -> Made:
    for name in ("alpha", "alpha-two"):
        client("cloudwatch").put_dashboard(DashboardName=name, DashboardBody='{"widgets": []}')
    return "alpha", {"dashboardName": "alpha"}


def event_target(tags: dict[str, str]) -> Made:
    event_rule(tags)
    arn, _ = topic(tags)
    client("events").put_targets(Rule="alpha-nightly", Targets=[{"Id": "t", "Arn": arn}])
    return "alpha-nightly-t", {"rule": "alpha-nightly", "targetId": "t"}


def _scaled() -> dict[str, str]:
    return {f"{key[0].upper()}{key[1:]}": value for key, value in SCALED.items()}


def scalable_target(tags: dict[str, str]) -> Made:
    service(tags)
    client("application-autoscaling").register_scalable_target(**_scaled(), MinCapacity=1, MaxCapacity=2)
    return SCALED["resourceId"], SCALED


def scaling_policy(tags: dict[str, str]) -> Made:
    scalable_target(tags)
    client("application-autoscaling").put_scaling_policy(**_scaled(), PolicyName="cpu", PolicyType="StepScaling")
    return "cpu", {**SCALED, "name": "cpu"}


def scheduled_action(tags: dict[str, str]) -> Made:
    scalable_target(tags)
    client("application-autoscaling").put_scheduled_action(
        **_scaled(), ScheduledActionName="night", Schedule="cron(0 20 * * ? *)"
    )
    return f"night-ecs-{SCALED['resourceId']}", {**SCALED, "name": "night"}


def elastic_ip_association(tags: dict[str, str]) -> Made:
    id_, _ = instance(tags)
    address, _ = elastic_ip(tags)
    made = client("ec2").associate_address(InstanceId=id_, AllocationId=address)
    return made["AssociationId"], {"allocationId": address, "instanceId": id_}


def schedule(tags: dict[str, str]) -> Made:
    client("scheduler").create_schedule_group(Name="alpha", Tags=pairs(tags))
    client("scheduler").create_schedule(
        Name="clearsessions",
        GroupName="alpha",
        ScheduleExpression="rate(1 day)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={
            "Arn": "arn:aws:ecs:us-east-1:123456789012:cluster/c",
            "RoleArn": "arn:aws:iam::123456789012:role/alpha-task-1",
        },
    )
    return "alpha/clearsessions", {"name": "clearsessions", "groupName": "alpha"}


def log_resource_policy(_tags: dict[str, str]) -> Made:
    client("logs").put_resource_policy(policyName="dev-cdn", policyDocument="{}")
    return "dev-cdn", {"policyName": "dev-cdn"}


def budget(_tags: dict[str, str]) -> Made:
    limit = {"Amount": "1", "Unit": "USD"}
    wanted = {"BudgetName": "month", "BudgetType": "COST", "TimeUnit": "MONTHLY", "BudgetLimit": limit}
    client("budgets").create_budget(AccountId="123456789012", Budget=wanted)
    return "123456789012:month", {"name": "month"}
