"""Finds scaling, schedules, alarms, dashboards, log delivery, repositories, budgets and mail identities."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from orchestrator.recovery.aws import Aws, is_absent, tags_of
from orchestrator.recovery.finders.candidate import Candidate, Finder, Inputs, text


def _schedule_group(aws: Aws, inputs: Inputs) -> Iterable[Candidate]:
    for group in aws.all("scheduler", "list_schedule_groups", "ScheduleGroups"):
        if group["Name"] == inputs.get("name"):
            tags = aws.client("scheduler").list_tags_for_resource(ResourceArn=group["Arn"]).get("Tags")
            yield Candidate(id=group["Name"], tags=tags_of(tags))


def _schedule(aws: Aws, inputs: Inputs) -> Iterable[Candidate]:
    name, group = text(inputs, "name"), text(inputs, "groupName") or "default"
    for item in aws.all("scheduler", "list_schedules", "Schedules", GroupName=group):
        if item["Name"] == name:
            yield Candidate(id=f"{group}/{name}", tags=None)


def _auto_scaling_group(aws: Aws, inputs: Inputs) -> Iterable[Candidate]:
    name = text(inputs, "name")
    wanted = {"AutoScalingGroupNames": [name]}
    for group in aws.all("autoscaling", "describe_auto_scaling_groups", "AutoScalingGroups", **wanted) if name else ():
        if not group.get("Status"):
            yield Candidate(id=group["AutoScalingGroupName"], tags=tags_of(_pairs(group)))


def _pairs(group: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [{"Key": tag["Key"], "Value": tag.get("Value", "")} for tag in group.get("Tags") or ()]


def _scaling(operation: str, key: str, name: str | None, id_: str) -> Finder:
    """A finder for Application Auto Scaling by resource, dimension and name. `id_` is a template of the id."""

    def find(aws: Aws, inputs: Inputs) -> Iterable[Candidate]:
        resource, namespace = text(inputs, "resourceId"), text(inputs, "serviceNamespace")
        if not (resource and namespace):
            return
        for item in aws.all("application-autoscaling", operation, key, ServiceNamespace=namespace):
            same = item["ResourceId"] == resource and item["ScalableDimension"] == inputs.get("scalableDimension")
            if same and (name is None or item[name] == inputs.get("name")):
                found = id_.format(name=inputs.get("name"), namespace=namespace, resource=resource)
                yield Candidate(id=found, tags=None)

    return find


def _alarm(aws: Aws, inputs: Inputs) -> Iterable[Candidate]:
    name = text(inputs, "name")
    for alarm in aws.all("cloudwatch", "describe_alarms", "MetricAlarms", AlarmNames=[name]) if name else ():
        tags = aws.client("cloudwatch").list_tags_for_resource(ResourceARN=alarm["AlarmArn"]).get("Tags")
        yield Candidate(id=alarm["AlarmName"], tags=tags_of(tags))


def _dashboard(aws: Aws, inputs: Inputs) -> Iterable[Candidate]:
    name = text(inputs, "dashboardName")
    for item in aws.all("cloudwatch", "list_dashboards", "DashboardEntries", DashboardNamePrefix=name) if name else ():
        if item["DashboardName"] == name:
            yield Candidate(id=item["DashboardName"], tags=None)


def _event_rule(aws: Aws, inputs: Inputs) -> Iterable[Candidate]:
    name, bus = text(inputs, "name"), text(inputs, "eventBusName") or "default"
    for rule in aws.all("events", "list_rules", "Rules", NamePrefix=name, EventBusName=bus) if name else ():
        if rule["Name"] == name:
            tags = aws.client("events").list_tags_for_resource(ResourceARN=rule["Arn"]).get("Tags")
            yield Candidate(id=rule["Name"] if bus == "default" else f"{bus}/{name}", tags=tags_of(tags))


def _event_target(aws: Aws, inputs: Inputs) -> Iterable[Candidate]:
    rule, target, bus = text(inputs, "rule"), text(inputs, "targetId"), text(inputs, "eventBusName") or "default"
    for item in aws.all("events", "list_targets_by_rule", "Targets", Rule=rule, EventBusName=bus) if rule else ():
        if item["Id"] == target:
            lead = "" if bus == "default" else f"{bus}-"
            yield Candidate(id=f"{lead}{rule}-{target}", tags=None)


def _log_resource_policy(aws: Aws, inputs: Inputs) -> Iterable[Candidate]:
    name = text(inputs, "policyName")
    for item in aws.all("logs", "describe_resource_policies", "resourcePolicies"):
        if name is not None and item["policyName"] == name:
            yield Candidate(id=name, tags=None)


def _log_delivery(aws: Aws, inputs: Inputs) -> Iterable[Candidate]:
    for item in aws.all("logs", "describe_deliveries", "deliveries"):
        wanted = (inputs.get("deliverySourceName"), inputs.get("deliveryDestinationArn"))
        if (item.get("deliverySourceName"), item.get("deliveryDestinationArn")) == wanted:
            yield Candidate(id=item["id"], tags=tags_of(item.get("tags")))


def _log_delivery_end(operation: str, key: str) -> Finder:
    def find(aws: Aws, inputs: Inputs) -> Iterable[Candidate]:
        for item in aws.all("logs", operation, key):
            if item["name"] == inputs.get("name"):
                yield Candidate(id=item["name"], tags=tags_of(item.get("tags")))

    return find


def _repository(aws: Aws, inputs: Inputs) -> Iterable[Candidate]:
    name = text(inputs, "name")
    for item in aws.all("ecr", "describe_repositories", "repositories", repositoryNames=[name]) if name else ():
        tags = aws.client("ecr").list_tags_for_resource(resourceArn=item["repositoryArn"]).get("tags")
        yield Candidate(id=item["repositoryName"], tags=tags_of(tags))


def _budget(aws: Aws, inputs: Inputs) -> Iterable[Candidate]:
    name = text(inputs, "name")
    account = text(inputs, "accountId") or aws.client("sts").get_caller_identity()["Account"]
    for item in aws.all("budgets", "describe_budgets", "Budgets", AccountId=account) if name else ():
        if item["BudgetName"] == name:
            yield Candidate(id=f"{account}:{name}", tags=None)


def _email_identity(aws: Aws, inputs: Inputs) -> Iterable[Candidate]:
    from botocore.exceptions import ClientError

    name = text(inputs, "emailIdentity")
    if name is None:
        return
    try:
        answer: Mapping[str, Any] = aws.client("sesv2").get_email_identity(EmailIdentity=name)
    except ClientError as error:
        if is_absent(error):
            return
        raise
    yield Candidate(id=name, tags=tags_of(answer.get("Tags")))


FINDERS: Mapping[str, Finder] = {
    "aws:appautoscaling/policy:Policy": _scaling(
        "describe_scaling_policies", "ScalingPolicies", "PolicyName", "{name}"
    ),
    "aws:appautoscaling/scheduledAction:ScheduledAction": _scaling(
        "describe_scheduled_actions", "ScheduledActions", "ScheduledActionName", "{name}-{namespace}-{resource}"
    ),
    "aws:appautoscaling/target:Target": _scaling("describe_scalable_targets", "ScalableTargets", None, "{resource}"),
    "aws:autoscaling/group:Group": _auto_scaling_group,
    "aws:budgets/budget:Budget": _budget,
    "aws:cloudwatch/dashboard:Dashboard": _dashboard,
    "aws:cloudwatch/eventRule:EventRule": _event_rule,
    "aws:cloudwatch/eventTarget:EventTarget": _event_target,
    "aws:cloudwatch/logDelivery:LogDelivery": _log_delivery,
    "aws:cloudwatch/logDeliveryDestination:LogDeliveryDestination": _log_delivery_end(
        "describe_delivery_destinations", "deliveryDestinations"
    ),
    "aws:cloudwatch/logDeliverySource:LogDeliverySource": _log_delivery_end(
        "describe_delivery_sources", "deliverySources"
    ),
    "aws:cloudwatch/logResourcePolicy:LogResourcePolicy": _log_resource_policy,
    "aws:cloudwatch/metricAlarm:MetricAlarm": _alarm,
    "aws:ecr/repository:Repository": _repository,
    "aws:scheduler/schedule:Schedule": _schedule,
    "aws:scheduler/scheduleGroup:ScheduleGroup": _schedule_group,
    "aws:sesv2/emailIdentity:EmailIdentity": _email_identity,
}
