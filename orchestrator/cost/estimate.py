"""The monthly cost of a stack from its resources. Only resources that are billed while they exist have a price here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.cost.by_use import by_use
from orchestrator.cost.fargate import Fargate, UnknownTask
from orchestrator.cost.open_times import OpenTimes
from orchestrator.cost.prices import HOURS_PER_MONTH, PriceTable
from orchestrator.model import StackResource, Unit

RDS_DEFAULT_STORAGE = "gp2"
SERVERLESS = "db.serverless"
"""Instance class of Aurora Serverless v2."""

ALB_MINIMUM_ZONES = 2


@dataclass(frozen=True, kw_only=True)
class CostLine:
    """One priced resource."""

    type: str
    name: str
    dollars_per_month: float
    detail: str
    """The terms of the sum, as text."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """The cost of one stack in US dollars a month."""

    lines: tuple[CostLine, ...]
    unpriced: tuple[str, ...]
    """Resources that cost money and whose size is missing from the price table: `type name: size`."""

    by_use: tuple[str, ...] = ()
    """Kinds of resources that are billed by use in addition: `CloudFront: $0.085 for each GB to viewers, ...`."""

    @property
    def dollars_per_month(self) -> float:
        """The sum of the lines."""
        return sum(line.dollars_per_month for line in self.lines)


@dataclass(frozen=True)
class _Unpriced:
    what: str


Priced = tuple[float, str] | _Unpriced | None
"""US dollars a month with the terms of the sum; a size without a price; or None for a resource that costs nothing."""


@dataclass(frozen=True, kw_only=True)
class _Stack:
    """Resources that the prices of other resources depend on."""

    fargate: Fargate
    open_times: OpenTimes

    launch_templates: Mapping[str, StackResource]
    """By id."""

    serverless_instances: Mapping[str, int]
    """The number of instances without a fixed size of each Aurora cluster."""


def estimate(resources: Sequence[StackResource], prices: PriceTable) -> Estimate:
    """Price every resource that is billed while it exists."""
    stack = _stack(resources)
    lines: list[CostLine] = []
    unpriced: list[str] = []
    for resource in resources:
        if resource.type in _PRICED_WITH_STACK:
            priced = _PRICED_WITH_STACK[resource.type](resource.inputs, stack, prices)
        else:
            priced = _PRICED.get(resource.type, _free)(resource.inputs, prices)
        if isinstance(priced, _Unpriced):
            unpriced.append(f"{resource.type} {resource.name}: {priced.what}")
        elif priced is not None and priced[0] > 0:
            lines.append(
                CostLine(
                    type=resource.type,
                    name=resource.name,
                    dollars_per_month=round(priced[0], 2),
                    detail=priced[1],
                )
            )
    return Estimate(lines=tuple(lines), unpriced=tuple(unpriced), by_use=by_use(resources, prices))


def _stack(resources: Sequence[StackResource]) -> _Stack:
    serverless: dict[str, int] = {}
    for resource in resources:
        inputs = resource.inputs
        if resource.type == "aws:rds/clusterInstance:ClusterInstance" and inputs.get("instanceClass") == SERVERLESS:
            cluster = str(inputs.get("clusterIdentifier"))
            serverless[cluster] = serverless.get(cluster, 0) + 1
    return _Stack(
        fargate=Fargate.of(resources),
        open_times=OpenTimes.of(resources),
        launch_templates={
            str(resource.id): resource
            for resource in resources
            if resource.type == "aws:ec2/launchTemplate:LaunchTemplate"
        },
        serverless_instances=serverless,
    )


def _free(_inputs: Mapping[str, Any], _prices: PriceTable) -> Priced:
    return None


def _hourly(prices: PriceTable, family: str, key: str, count: float = 1, what: str = "") -> Priced:
    price = prices.price(family, key)
    if price is None:
        return _Unpriced(key)
    times = f"{count:g} x " if count != 1 else ""
    return price * HOURS_PER_MONTH * count, f"{times}{what or key} at ${price:g} an hour"


def _monthly(family: str, key: str) -> Callable[[Mapping[str, Any], PriceTable], Priced]:
    def price(_inputs: Mapping[str, Any], prices: PriceTable) -> Priced:
        value = prices.price(family, key)
        return _Unpriced(key) if value is None else (value, f"{key} at ${value:g} a month")

    return price


def _plus(*parts: Priced) -> Priced:
    total, details = 0.0, list[str]()
    for part in parts:
        if isinstance(part, _Unpriced):
            return part
        if part is not None:
            total += part[0]
            details.append(part[1])
    return total, " + ".join(details)


def _nat_gateway(inputs: Mapping[str, Any], prices: PriceTable) -> Priced:
    return _hourly(prices, "nat_gateway", "gateway", what="NAT gateway") if _public(inputs) else None


def _public(inputs: Mapping[str, Any]) -> bool:
    return inputs.get("connectivityType", "public") == "public"


def _elastic_ip(_inputs: Mapping[str, Any], prices: PriceTable) -> Priced:
    return _hourly(prices, "public_ipv4", "address", what="public IPv4 address")


def _load_balancer(inputs: Mapping[str, Any], prices: PriceTable) -> Priced:
    kind = str(inputs.get("loadBalancerType", "application"))
    subnets = inputs.get("subnets")
    zones = len(subnets) if isinstance(subnets, list) and subnets else ALB_MINIMUM_ZONES  # pyright: ignore[reportUnknownArgumentType]
    addresses = None if inputs.get("internal") else _hourly(prices, "public_ipv4", "address", zones, "public IPv4")
    return _plus(_hourly(prices, "load_balancer", kind, what=f"{kind} load balancer"), addresses)


def _vpc_endpoint(inputs: Mapping[str, Any], prices: PriceTable) -> Priced:
    if inputs.get("vpcEndpointType", "Gateway") != "Interface":
        return None
    zones = len(inputs.get("subnetIds") or ["one"])
    return _hourly(prices, "vpc_endpoint", "interface", zones, "interface endpoint")


def _instance(inputs: Mapping[str, Any], prices: PriceTable) -> Priced:
    root: Mapping[str, Any] = inputs.get("rootBlockDevice") or {}
    disk = _gigabytes(prices, "ebs", str(root.get("volumeType", "gp3")), float(root.get("volumeSize") or 8))
    return _plus(_hourly(prices, "ec2", str(inputs.get("instanceType"))), disk)


def _gigabytes(prices: PriceTable, family: str, kind: str, gigabytes: float, times: int = 1) -> Priced:
    price = prices.price(family, kind)
    if price is None:
        return _Unpriced(f"{kind} storage")
    return price * gigabytes * times, f"{gigabytes:g} GB {kind} at ${price * times:g}"


def _part(priced: Priced, share: float) -> Priced:
    """A price for a part of the month."""
    if share == 1 or not isinstance(priced, tuple):
        return priced
    return priced[0] * share, f"{priced[1]}, open {share:.0%} of the time"


def _rds_instance(inputs: Mapping[str, Any], stack: _Stack, prices: PriceTable) -> Priced:
    times = 2 if inputs.get("multiAz") else 1
    hourly = _hourly(prices, "rds", str(inputs.get("instanceClass")), times)
    instance = _part(hourly, stack.open_times.servers)
    kind = str(inputs.get("storageType") or RDS_DEFAULT_STORAGE)
    return _plus(instance, _gigabytes(prices, "rds_storage", kind, float(inputs.get("allocatedStorage") or 0), times))


def _volume(inputs: Mapping[str, Any], prices: PriceTable) -> Priced:
    return _gigabytes(prices, "ebs", str(inputs.get("type") or "gp2"), float(inputs.get("size") or 0))


def _rds_cluster(inputs: Mapping[str, Any], stack: _Stack, prices: PriceTable) -> Priced:
    scaling: Mapping[str, Any] = inputs.get("serverlessv2ScalingConfiguration") or {}
    instances = stack.serverless_instances.get(str(inputs.get("clusterIdentifier")), 1)
    minimum = float(scaling.get("minCapacity") or 0) * instances
    if not scaling:
        return None
    return _part(_hourly(prices, "aurora_serverless", "acu", minimum, "ACU (minimum)"), stack.open_times.servers)


def _rds_cluster_instance(inputs: Mapping[str, Any], stack: _Stack, prices: PriceTable) -> Priced:
    size = str(inputs.get("instanceClass"))
    # The cluster counts its instances without a fixed size.
    return None if size == SERVERLESS else _part(_hourly(prices, "aurora", size), stack.open_times.servers)


def _replication_group(inputs: Mapping[str, Any], prices: PriceTable) -> Priced:
    nodes = int(inputs.get("numCacheClusters") or 0)
    if not nodes:
        nodes = int(inputs.get("numNodeGroups") or 1) * (int(inputs.get("replicasPerNodeGroup") or 0) + 1)
    return _hourly(prices, "elasticache", f"{inputs.get('engine', 'redis')}.{inputs.get('nodeType')}", nodes)


def _ecs_service(inputs: Mapping[str, Any], stack: _Stack, prices: PriceTable) -> Priced:
    tasks = stack.fargate.tasks(inputs)
    if tasks is None:
        return None
    if isinstance(tasks, UnknownTask):
        return _Unpriced(f"tasks of {tasks.family or 'an unknown task definition'}")
    table = "fargate_spot" if tasks.spot else "fargate"
    vcpu, gib = prices.price(table, tasks.architecture, "vcpu"), prices.price(table, tasks.architecture, "gib")
    if vcpu is None or gib is None:
        return _Unpriced(f"Fargate on {tasks.architecture}")
    whole = (
        (tasks.vcpu * vcpu + tasks.gib * gib) * HOURS_PER_MONTH * tasks.count,
        f"{tasks.count} x {tasks.vcpu:g} vCPU {tasks.gib:g} GB on {table.upper()}",
    )
    cluster = str(inputs.get("cluster", "")).rpartition("/")[2]
    return _part(whole, stack.open_times.service(cluster, str(inputs.get("name"))))


def _auto_scaling_group(inputs: Mapping[str, Any], stack: _Stack, prices: PriceTable) -> Priced:
    count = int(inputs.get("desiredCapacity") or inputs.get("minSize") or 0)
    if not count:
        return None
    mixed: Mapping[str, Any] = (inputs.get("mixedInstancesPolicy") or {}).get("launchTemplate") or {}
    named: Mapping[str, Any] = inputs.get("launchTemplate") or mixed.get("launchTemplateSpecification") or {}
    template = stack.launch_templates.get(str(named.get("id") or named.get("launchTemplateId")))
    if template is None:
        return _Unpriced("instances of an unknown launch template")
    disks = [
        _gigabytes(prices, "ebs", str(disk.get("volumeType") or "gp2"), float(disk.get("volumeSize") or 8), count)
        for mapping in template.inputs.get("blockDeviceMappings") or ()
        if (disk := mapping.get("ebs"))
    ]
    return _plus(_hourly(prices, "ec2", str(template.inputs.get("instanceType")), count), *disks)


def _web_acl(inputs: Mapping[str, Any], prices: PriceTable) -> Priced:
    acl, rule = prices.price("waf", "web_acl"), prices.price("waf", "rule")
    if acl is None or rule is None:
        return _Unpriced("web ACL")
    rules = len(inputs.get("rules") or ())
    noun = "rule" if rules == 1 else "rules"
    return acl + rules * rule, f"web ACL at ${acl:g} a month + {rules} {noun} at ${rule:g}"


_PRICED: Mapping[str, Callable[[Mapping[str, Any], PriceTable], Priced]] = {
    "aws:cloudwatch/dashboard:Dashboard": _monthly("cloudwatch", "dashboard"),
    "aws:cloudwatch/metricAlarm:MetricAlarm": _monthly("cloudwatch", "alarm"),
    "aws:ebs/volume:Volume": _volume,
    "aws:ec2/eip:Eip": _elastic_ip,
    "aws:ec2/instance:Instance": _instance,
    "aws:ec2/natGateway:NatGateway": _nat_gateway,
    "aws:ec2/vpcEndpoint:VpcEndpoint": _vpc_endpoint,
    "aws:elasticache/replicationGroup:ReplicationGroup": _replication_group,
    "aws:kms/key:Key": _monthly("kms", "key"),
    "aws:lb/loadBalancer:LoadBalancer": _load_balancer,
    "aws:route53/zone:Zone": _monthly("hosted_zone", "zone"),
    "aws:secretsmanager/secret:Secret": _monthly("secret", "secret"),
    "aws:servicediscovery/privateDnsNamespace:PrivateDnsNamespace": _monthly("hosted_zone", "zone"),
    "aws:wafv2/webAcl:WebAcl": _web_acl,
}

_PRICED_WITH_STACK: Mapping[str, Callable[[Mapping[str, Any], _Stack, PriceTable], Priced]] = {
    "aws:autoscaling/group:Group": _auto_scaling_group,
    "aws:ecs/service:Service": _ecs_service,
    "aws:rds/cluster:Cluster": _rds_cluster,
    "aws:rds/clusterInstance:ClusterInstance": _rds_cluster_instance,
    "aws:rds/instance:Instance": _rds_instance,
}


@dataclass(frozen=True, kw_only=True)
class MonthlyCost:
    """The cost of a stack in US dollars a month, before and after a plan."""

    before: float
    after: float

    def __str__(self) -> str:
        if not self.before:
            return f"${self.after:.2f} a month"
        if abs(self.after - self.before) < 0.005:
            return f"${self.after:.2f} a month, unchanged"
        change = self.after - self.before
        return f"${self.after:.2f} a month, {'+' if change > 0 else '-'}${abs(change):.2f}"


Costs = Mapping[Unit, MonthlyCost]
