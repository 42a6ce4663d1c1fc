"""Finds ECS, load balancing and Cloud Map resources."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from orchestrator.recovery.aws import Aws, tags_of
from orchestrator.recovery.finders.candidate import Candidate, Finder, Inputs, text


def _cluster(aws: Aws, inputs: Inputs) -> Iterable[Candidate]:
    answer = aws.client("ecs").describe_clusters(clusters=[text(inputs, "name") or "default"], include=["TAGS"])
    return [
        Candidate(id=cluster["clusterArn"], tags=tags_of(cluster.get("tags")))
        for cluster in answer["clusters"]
        if cluster.get("status") == "ACTIVE"
    ]


def _service(aws: Aws, inputs: Inputs) -> Iterable[Candidate]:
    name = text(inputs, "name")
    if name is None:
        return []
    client = aws.client("ecs")
    try:
        answer = client.describe_services(
            cluster=text(inputs, "cluster") or "default", services=[name], include=["TAGS"]
        )
    except client.exceptions.ClusterNotFoundException:
        return []
    return [
        Candidate(id=service["serviceArn"], tags=tags_of(service.get("tags")))
        for service in answer["services"]
        if service.get("status") == "ACTIVE"
    ]


def _task_definition(aws: Aws, inputs: Inputs) -> Iterable[Candidate]:
    """Find the active revisions of the family, newest first."""
    family = text(inputs, "family")
    if family is None:
        return
    client = aws.client("ecs")
    found = aws.all("ecs", "list_task_definitions", "taskDefinitionArns", familyPrefix=family)
    for arn in sorted(found, key=lambda arn: int(arn.rpartition(":")[2]), reverse=True):
        answer = client.describe_task_definition(taskDefinition=arn, include=["TAGS"])
        yield Candidate(id=family, tags=tags_of(answer.get("tags")), outputs={"arn": arn}, alike=True)


def _capacity_provider(aws: Aws, inputs: Inputs) -> Iterable[Candidate]:
    answer = aws.client("ecs").describe_capacity_providers(
        capacityProviders=[str(inputs.get("name"))], include=["TAGS"]
    )
    return [
        Candidate(id=provider["capacityProviderArn"], tags=tags_of(provider.get("tags")))
        for provider in answer["capacityProviders"]
        if provider.get("status") == "ACTIVE"
    ]


def _tagged(aws: Aws, arns: Iterable[str]) -> Iterable[Candidate]:
    for arn in arns:
        answer = aws.client("elbv2").describe_tags(ResourceArns=[arn])["TagDescriptions"]
        yield Candidate(id=arn, tags=tags_of(answer[0].get("Tags")) if answer else {})


def _named(operation: str, key: str, arn: str) -> Finder:
    def find(aws: Aws, inputs: Inputs) -> Iterable[Candidate]:
        name = text(inputs, "name")
        if name is None:
            return []
        return _tagged(aws, [item[arn] for item in aws.all("elbv2", operation, key, Names=[name])])

    return find


def _listener(aws: Aws, inputs: Inputs) -> Iterable[Candidate]:
    found = aws.all("elbv2", "describe_listeners", "Listeners", LoadBalancerArn=inputs.get("loadBalancerArn"))
    return _tagged(aws, [item["ListenerArn"] for item in found if item.get("Port") == _number(inputs.get("port"))])


def _listener_rule(aws: Aws, inputs: Inputs) -> Iterable[Candidate]:
    if inputs.get("priority") is None:
        return []
    priority = str(_number(inputs["priority"]))
    found = aws.all("elbv2", "describe_rules", "Rules", ListenerArn=inputs.get("listenerArn"))
    return _tagged(aws, [item["RuleArn"] for item in found if item.get("Priority") == priority])


def _number(value: Any) -> int | None:
    return int(float(value)) if value is not None else None


def _namespace(aws: Aws, inputs: Inputs) -> Iterable[Candidate]:
    found = aws.all("servicediscovery", "list_namespaces", "Namespaces")
    return _of_cloud_map(aws, (item for item in found if item.get("Name") == inputs.get("name")))


def _registry(aws: Aws, inputs: Inputs) -> Iterable[Candidate]:
    dns: Mapping[str, Any] = inputs.get("dnsConfig") or {}
    namespace = inputs.get("namespaceId") or dns.get("namespaceId")
    wanted = [{"Name": "NAMESPACE_ID", "Values": [str(namespace)], "Condition": "EQ"}]
    found = aws.all("servicediscovery", "list_services", "Services", Filters=wanted)
    return _of_cloud_map(aws, (item for item in found if item.get("Name") == inputs.get("name")))


def _of_cloud_map(aws: Aws, items: Iterable[Mapping[str, Any]]) -> Iterable[Candidate]:
    for item in items:
        tags = aws.client("servicediscovery").list_tags_for_resource(ResourceARN=item["Arn"]).get("Tags")
        yield Candidate(id=item["Id"], tags=tags_of(tags))


FINDERS: Mapping[str, Finder] = {
    "aws:ecs/capacityProvider:CapacityProvider": _capacity_provider,
    "aws:ecs/cluster:Cluster": _cluster,
    "aws:ecs/service:Service": _service,
    "aws:ecs/taskDefinition:TaskDefinition": _task_definition,
    "aws:lb/listener:Listener": _listener,
    "aws:lb/listenerRule:ListenerRule": _listener_rule,
    "aws:lb/loadBalancer:LoadBalancer": _named("describe_load_balancers", "LoadBalancers", "LoadBalancerArn"),
    "aws:lb/targetGroup:TargetGroup": _named("describe_target_groups", "TargetGroups", "TargetGroupArn"),
    "aws:servicediscovery/privateDnsNamespace:PrivateDnsNamespace": _namespace,
    "aws:servicediscovery/service:Service": _registry,
}
