"""Checks of `doctor` in AWS: credentials, certificate, zone, quotas, images."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.error import URLError

from orchestrator.config.stack_config import StackConfig
from orchestrator.model import Kind, Scope
from orchestrator.operations.aws import ecr
from orchestrator.operations.aws.clients import Clients
from orchestrator.operations.aws.errors import explained
from orchestrator.operations.health.verdicts import Check, fail, made, not_applicable, ok, warn
from pulumi_django.deploying.aws_access import AwsAccess
from pulumi_django.deploying.task_runner import aws_message

NAMES = ("credentials", "certificate", "hosted zone", "listener rules", "Fargate quota", "images")

EXPIRES_SOON = timedelta(days=30)
USED_UP = 0.8
"""Share of a quota above which a check warns."""

# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html
RULES_QUOTA = "Rules per Application Load Balancer"
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-quotas.html
FARGATE_QUOTAS = ("Fargate On-Demand vCPU resource count", "Fargate Spot vCPU resource count")


@dataclass(frozen=True, kw_only=True)
class Place:
    """A base or an environment for the checks; it exists or is only configured."""

    name: str
    scope: Scope
    base: str | None
    """Name of the base; its own on a base."""

    access: AwsAccess
    base_outputs: dict[str, Any] = field(default_factory=dict[str, Any], repr=False)
    """Plain outputs of the base; empty while it does not exist."""

    config: StackConfig | None = None
    """Configuration of the environment's application."""

    base_config: StackConfig | None = None
    kind: Kind = Kind.AD_HOC

    def of_base(self, name: str) -> Any:
        """Return a value of the base from its outputs, else from its configuration."""
        if name in self.base_outputs or self.base_config is None:
            return self.base_outputs.get(name)
        return self.base_config.get(name)


def checks(
    place: Place, clients: Clients, *, only_credentials: bool = False, fetch: ecr.Fetch = ecr.fetch
) -> Iterator[Check]:
    """Yield one check after the other; without credentials no other."""
    looks: Mapping[str, Callable[[], Check]] = {
        "credentials": lambda: _credentials(clients),
        "certificate": lambda: certificate(place, clients),
        "hosted zone": lambda: hosted_zone(place, clients),
        "listener rules": lambda: _listener_rules(place, clients),
        "Fargate quota": lambda: _fargate(clients),
    }
    for name, look in looks.items():
        found = made(name, lambda look=look: _explained(place, look))
        yield found
        if name == "credentials" and (only_credentials or found.verdict == "fail"):
            return
    if place.scope is Scope.ENVIRONMENT and place.config is not None:
        yield from _images(place, clients, fetch)
    else:
        yield not_applicable("images", "a base runs no application images")


def _explained(place: Place, look: Callable[[], Check]) -> Check:
    with explained(place.access):
        return look()


def _credentials(clients: Clients) -> Check:
    sts = clients.client("sts")
    identity = sts.get_caller_identity()
    return ok("credentials", f"account {identity['Account']} as {identity['Arn']}, region {sts.meta.region_name}")


def certificate(place: Place, clients: Clients) -> Check:
    """Check the certificate of the listener, or the configured one."""
    arn, domain = place.of_base("certificate_arn"), place.of_base("domain_name")
    if not domain and not arn:
        return not_applicable("certificate", f"the base {place.base} has no domain name and uses HTTP")
    if place.base_outputs.get("listener_arn"):
        listeners = clients.client("elbv2").describe_listeners(ListenerArns=[place.base_outputs["listener_arn"]])
        certificates = [item for listener in listeners["Listeners"] for item in listener.get("Certificates", [])]
        arn = certificates[0]["CertificateArn"] if certificates else None
        if arn is None:
            return fail(
                "certificate", f"the listener of {place.base} has none", f"`orchestrator update-base {place.base}`"
            )
    if not arn:
        return not_applicable("certificate", "it is issued when the base is created")
    found = clients.client("acm").describe_certificate(CertificateArn=arn)["Certificate"]
    status, expires = found["Status"], found.get("NotAfter")
    if status != "ISSUED":
        return fail(
            "certificate",
            f"it is {status.lower().replace('_', ' ')}",
            "check that its validation records are in the zone of the domain, and that the domain is delegated to it",
        )
    names = [str(found["DomainName"]), *found.get("SubjectAlternativeNames", [])]
    if domain and f"*.{domain}" not in names:
        return fail(
            "certificate",
            f"it is for {', '.join(dict.fromkeys(names))}, not for *.{domain}",
            "environments have names below the domain: issue a certificate for *." + str(domain),
        )
    if expires is not None and expires - datetime.now(UTC) < EXPIRES_SOON:
        return warn(
            "certificate",
            f"it expires on {expires:%Y-%m-%d}",
            "ACM renews it only while its validation records are in the zone",
        )
    until = f" until {expires:%Y-%m-%d}" if expires else ""
    return ok("certificate", f"issued for {', '.join(dict.fromkeys(names))}{until}")


def hosted_zone(place: Place, clients: Clients) -> Check:
    """Check that the domain has its public zone in this account."""
    domain, zone = place.of_base("domain_name"), place.of_base("hosted_zone_id")
    if not domain:
        return not_applicable("hosted zone", f"the base {place.base} has no domain name")
    if place.of_base("dns") is False or (place.base_outputs and not zone):
        return not_applicable("hosted zone", f"the records of {domain} are managed elsewhere")
    route53 = clients.client("route53")
    if zone:
        try:
            found = route53.get_hosted_zone(Id=str(zone))
        except route53.exceptions.NoSuchHostedZone:
            return fail("hosted zone", f"the zone {zone} does not exist", "correct hosted_zone_id, or remove it")
        name = str(found["HostedZone"]["Name"]).rstrip(".")
        if domain != name and not str(domain).endswith(f".{name}"):
            return fail("hosted zone", f"{zone} is the zone of {name}, not of {domain}", "correct hosted_zone_id")
        return ok("hosted zone", f"{name} ({zone})")
    listed = route53.list_hosted_zones_by_name(DNSName=str(domain), MaxItems="10")["HostedZones"]
    own = [z for z in listed if z["Name"].rstrip(".") == domain and not z.get("Config", {}).get("PrivateZone")]
    if not own:
        return fail(
            "hosted zone",
            f"this account has no public zone {domain}",
            f"create it (`aws route53 create-hosted-zone --name {domain} ...`), or set dns to false and certificate_arn",
        )
    return ok("hosted zone", f"{domain} ({own[0]['Id'].rsplit('/', 1)[-1]})")


def _listener_rules(place: Place, clients: Clients) -> Check:
    listener = place.base_outputs.get("listener_arn")
    if not listener:
        return not_applicable("listener rules", f"the base {place.base} does not exist yet")
    elb = clients.client("elbv2")
    pages = elb.get_paginator("describe_rules").paginate(ListenerArn=listener)
    used = sum(not rule["IsDefault"] for page in pages for rule in page["Rules"])
    try:
        quotas = _quotas(clients, "elasticloadbalancing")
    except clients.client("service-quotas").exceptions.ClientError as error:
        return warn("listener rules", f"{used} in use; the quota is unknown: {aws_message(error)}")
    quota = next((quota["Value"] for quota in quotas if quota["QuotaName"] == RULES_QUOTA), None)
    if quota is None:
        return warn("listener rules", f"{used} in use; the quota is unknown")
    text = f"{used:g} of {quota:g} in use"
    if used >= quota * USED_UP:
        return warn(
            "listener rules", text, f"destroy environments, use another base, or ask AWS for more ({RULES_QUOTA})"
        )
    return ok("listener rules", text)


def _fargate(clients: Clients) -> Check:
    """Check the used share of the account's vCPUs, measured by the metric of Service Quotas."""
    try:
        quotas = _quotas(clients, "fargate")
    except clients.client("service-quotas").exceptions.ClientError as error:
        return warn("Fargate quota", f"the quota is unknown: {aws_message(error)}")
    found = [quota for quota in quotas if quota["QuotaName"] in FARGATE_QUOTAS]
    if not found:
        return warn("Fargate quota", "the quota is unknown")
    shown: list[str] = []
    tight = False
    for quota in found:
        used = usage(clients, quota.get("UsageMetric"))
        kind = quota["QuotaName"].removeprefix("Fargate ").removesuffix(" vCPU resource count")
        shown.append(f"{kind} {'?' if used is None else f'{used:g}'} of {quota['Value']:g} vCPU")
        tight = tight or (used or 0) >= quota["Value"] * USED_UP
    text = ", ".join(shown)
    if tight:
        return warn(
            "Fargate quota", text, "put environments to sleep, or ask AWS for more (Service Quotas, AWS Fargate)"
        )
    return ok("Fargate quota", text)


def _quotas(clients: Clients, service: str) -> list[Any]:
    pages = clients.client("service-quotas").get_paginator("list_service_quotas").paginate(ServiceCode=service)
    return [quota for page in pages for quota in page["Quotas"]]


def usage(clients: Clients, metric: Mapping[str, Any] | None) -> float | None:
    """The most that the metric of a quota had in the last hour; None for a quota without a metric."""
    if not metric:
        return None
    now = datetime.now(UTC)
    statistic = metric.get("MetricStatisticRecommendation", "Maximum")
    answer = clients.client("cloudwatch").get_metric_statistics(
        Namespace=metric["MetricNamespace"],
        MetricName=metric["MetricName"],
        Dimensions=[{"Name": name, "Value": value} for name, value in metric["MetricDimensions"].items()],
        StartTime=now - timedelta(hours=1),
        EndTime=now,
        Period=3600,
        Statistics=[statistic],
    )
    points = [float(point[statistic]) for point in answer["Datapoints"]]
    return max(points, default=0.0)


def _images(place: Place, clients: Clients, fetch: ecr.Fetch) -> Iterator[Check]:
    assert place.config is not None
    found = images_of(place.config)
    for name, reference, wanted in found:

        def look(name: str = name, reference: str = reference, wanted: str = wanted) -> Check:
            with explained(place.access):
                return image(name, reference, wanted, clients, fetch)

        yield made(name, look)
    if not found:
        yield not_applicable("images", "none is configured")


def images_of(config: StackConfig) -> list[tuple[str, str, str]]:
    """The name, reference and wanted processor of each configured image."""
    wanted = ecr.ARCHITECTURES.get(str(config.get("architecture") or "X86_64"), "amd64")
    found = [(key, config.get(key)) for key in ("backend_image", "frontend_image")]
    return [(f"image {key.removesuffix('_image')}", each, wanted) for key, each in found if isinstance(each, str)]


def image(name: str, reference: str, wanted: str, clients: Clients, fetch: ecr.Fetch) -> Check:
    """Check that an image of ECR exists for the processor of its tasks."""
    repository = ecr.parse(reference)
    if repository is None:
        return not_applicable(name, f"{reference} is not in ECR: it was not checked")
    if repository.region != clients.client("ecr").meta.region_name:
        return warn(
            name,
            f"{reference} is in {repository.region}: it was not checked",
            "tasks start faster from their own region",
        )
    try:
        built = ecr.architectures(repository, clients, fetch)
    except (URLError, TimeoutError, ValueError) as error:
        return warn(name, f"{reference} exists, but its processors are unknown ({error})")
    if built is None:
        return fail(name, f"{reference} does not exist", "build and push it, or correct the reference")
    if wanted not in built:
        return fail(
            name,
            f"{reference} is built for {', '.join(built)}, but its tasks run on {wanted}",
            f"build it with `docker buildx build --platform linux/{wanted}`, or set `architecture`",
        )
    return ok(name, f"{reference} ({', '.join(built)})")
