"""Deletes services and their access: ECS, load balancing, Cloud Map, CloudFront, schedules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.recovery import arns
from orchestrator.recovery.aws import Aws
from orchestrator.recovery.deleters.deleter import Deleter
from orchestrator.recovery.orphans import Orphan


def _ecs_service(aws: Aws, orphan: Orphan) -> None:
    # With `force` the service stops its tasks.
    cluster = arns.name_of(orphan.arn).partition("/")[0]
    aws.client("ecs").delete_service(cluster=cluster, service=orphan.arn, force=True)


def _task_definition(aws: Aws, orphan: Orphan) -> None:
    aws.client("ecs").deregister_task_definition(taskDefinition=orphan.arn)


def _cluster(aws: Aws, orphan: Orphan) -> None:
    ecs = aws.client("ecs")
    for task in aws.all("ecs", "list_tasks", "taskArns", cluster=orphan.arn):
        ecs.stop_task(cluster=orphan.arn, task=task, reason="its cluster is an orphan")
    ecs.delete_cluster(cluster=orphan.arn)


def _capacity_provider(aws: Aws, orphan: Orphan) -> None:
    aws.client("ecs").delete_capacity_provider(capacityProvider=orphan.arn)


def _elb(operation: str, parameter: str) -> Deleter:
    def delete(aws: Aws, orphan: Orphan) -> None:
        getattr(aws.client("elbv2"), operation)(**{parameter: orphan.arn})

    return delete


def _registry(aws: Aws, orphan: Orphan) -> None:
    client, id_ = aws.client("servicediscovery"), arns.last_name(orphan.arn)
    for instance in aws.all("servicediscovery", "list_instances", "Instances", ServiceId=id_):
        client.deregister_instance(ServiceId=id_, InstanceId=instance["Id"])
    client.delete_service(Id=id_)


def _namespace(aws: Aws, orphan: Orphan) -> None:
    aws.client("servicediscovery").delete_namespace(Id=arns.last_name(orphan.arn))


def _distribution(aws: Aws, orphan: Orphan) -> None:
    """Disable the distribution first. It can be deleted a few minutes later, when all edges are updated."""
    client, id_ = aws.client("cloudfront"), arns.last_name(orphan.arn)
    answer: Mapping[str, Any] = client.get_distribution_config(Id=id_)
    config, version = answer["DistributionConfig"], answer["ETag"]
    if config["Enabled"]:
        answer = client.update_distribution(Id=id_, IfMatch=version, DistributionConfig={**config, "Enabled": False})
        version = answer["ETag"]
    client.delete_distribution(Id=id_, IfMatch=version)


def _schedule_group(aws: Aws, orphan: Orphan) -> None:
    aws.client("scheduler").delete_schedule_group(Name=arns.last_name(orphan.arn))


def _web_acl(aws: Aws, orphan: Orphan) -> None:
    # The ARN ends with webacl/NAME/ID, after `regional` or `global`.
    client, (_, name, id_) = aws.client("wafv2"), orphan.name.split("/")
    scope = "CLOUDFRONT" if orphan.type == "wafv2:global" else "REGIONAL"
    lock = client.get_web_acl(Name=name, Scope=scope, Id=id_)["LockToken"]
    client.delete_web_acl(Name=name, Scope=scope, Id=id_, LockToken=lock)


def _alarm(aws: Aws, orphan: Orphan) -> None:
    aws.client("cloudwatch").delete_alarms(AlarmNames=[orphan.name])


def _of_logs(operation: str, parameter: str) -> Deleter:
    def delete(aws: Aws, orphan: Orphan) -> None:
        getattr(aws.client("logs"), operation)(**{parameter: arns.last_name(orphan.arn)})

    return delete


def _rule(aws: Aws, orphan: Orphan) -> None:
    client, name = aws.client("events"), arns.last_name(orphan.arn)
    targets = [item["Id"] for item in aws.all("events", "list_targets_by_rule", "Targets", Rule=name)]
    if targets:
        client.remove_targets(Rule=name, Ids=targets)
    client.delete_rule(Name=name)


def _auto_scaling_group(aws: Aws, orphan: Orphan) -> None:
    aws.client("autoscaling").delete_auto_scaling_group(
        AutoScalingGroupName=arns.last_name(orphan.arn), ForceDelete=True
    )


def _scalable_target(aws: Aws, orphan: Orphan) -> None:
    targets = aws.all("application-autoscaling", "describe_scalable_targets", "ScalableTargets", ServiceNamespace="ecs")
    for target in targets:
        if target.get("ScalableTargetARN") == orphan.arn:
            keys = ("ServiceNamespace", "ResourceId", "ScalableDimension")
            named = {key: target[key] for key in keys}
            aws.client("application-autoscaling").deregister_scalable_target(**named)


DELETERS: Mapping[str, tuple[int, Deleter]] = {
    "application-autoscaling:scalable-target": (10, _scalable_target),
    "autoscaling:autoScalingGroup": (12, _auto_scaling_group),
    "cloudfront:distribution": (14, _distribution),
    "cloudwatch:alarm": (10, _alarm),
    "ecs:capacity-provider": (24, _capacity_provider),
    "ecs:cluster": (22, _cluster),
    "ecs:service": (20, _ecs_service),
    "ecs:task-definition": (21, _task_definition),
    "elasticloadbalancing:listener": (31, _elb("delete_listener", "ListenerArn")),
    "elasticloadbalancing:listener-rule": (30, _elb("delete_rule", "RuleArn")),
    "elasticloadbalancing:loadbalancer": (32, _elb("delete_load_balancer", "LoadBalancerArn")),
    "elasticloadbalancing:targetgroup": (33, _elb("delete_target_group", "TargetGroupArn")),
    "events:rule": (10, _rule),
    "logs:delivery": (15, _of_logs("delete_delivery", "id")),
    "logs:delivery-destination": (16, _of_logs("delete_delivery_destination", "name")),
    "logs:delivery-source": (16, _of_logs("delete_delivery_source", "name")),
    "scheduler:schedule-group": (10, _schedule_group),
    "servicediscovery:namespace": (41, _namespace),
    "servicediscovery:service": (40, _registry),
    "wafv2:global": (34, _web_acl),
    "wafv2:regional": (34, _web_acl),
}
"""Position in the order (lowest first) and deleter, by type."""
