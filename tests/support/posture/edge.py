"""Load balancer and CloudFront: what the world reaches."""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_django.testing import SimulatedResource
from tests.support.posture.world import World, check, wrong

TLS_POLICIES = ("ELBSecurityPolicy-TLS13-1-2-2021-06", "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09")
VIEWER_TLS = ("TLSv1.2_2021", "TLSv1.2_2025", "TLSv1.3_2025")

BALANCER, LISTENER, DISTRIBUTION = "aws:lb:LoadBalancer", "aws:lb:Listener", "aws:cloudfront:Distribution"

wrong("balancer-takes-invalid-headers", BALANCER, lambda alb: not alb.get("dropInvalidHeaderFields"))
wrong("balancer-without-access-log", BALANCER, lambda alb: not alb.get("accessLogs", {}).get("enabled"))
wrong("balancer-deletable", BALANCER, lambda alb: not alb.get("enableDeletionProtection"))
wrong("balancer-without-desync-guard", BALANCER, lambda alb: alb.get("desyncMitigationMode") == "monitor")
wrong(
    "listener-without-tls",
    LISTENER,
    lambda listener: listener.get("protocol") == "HTTP" and listener["defaultActions"][0]["type"] != "redirect",
)
wrong(
    "listener-with-old-tls",
    LISTENER,
    lambda listener: listener.get("protocol") == "HTTPS" and listener.get("sslPolicy") not in TLS_POLICIES,
)
wrong("target-without-tls", "aws:lb:TargetGroup", lambda group: group.get("protocol") == "HTTP")


wrong(
    "certificate-with-wildcard",
    "aws:acm:Certificate",
    lambda certificate: any(
        "*" in name for name in (certificate["domainName"], *certificate.get("subjectAlternativeNames", []))
    ),
)


@check("balancer-without-firewall")
def without_firewall(world: World) -> Iterator[SimulatedResource]:
    for balancer in world.all(BALANCER):
        if not world.attached("aws:wafv2:WebAclAssociation", balancer, "resourceArn"):
            yield balancer


@check("firewall-without-log")
def firewall_without_log(world: World) -> Iterator[SimulatedResource]:
    for firewall in world.all("aws:wafv2:WebAcl"):
        if not world.attached("aws:wafv2:WebAclLoggingConfiguration", firewall, "resourceArn"):
            yield firewall


wrong(
    "distribution-without-tls",
    DISTRIBUTION,
    lambda cdn: cdn["defaultCacheBehavior"]["viewerProtocolPolicy"] == "allow-all",
)
wrong(
    "distribution-with-old-tls",
    DISTRIBUTION,
    lambda cdn: cdn["viewerCertificate"].get("minimumProtocolVersion") not in VIEWER_TLS,
)
wrong("distribution-without-root-object", DISTRIBUTION, lambda cdn: not cdn.get("defaultRootObject"))
wrong("distribution-without-firewall", DISTRIBUTION, lambda cdn: not cdn.get("webAclId"))
wrong(
    "distribution-without-origin-control",
    DISTRIBUTION,
    lambda cdn: not all(origin.get("originAccessControlId") for origin in cdn["origins"]),
)
wrong(
    "distribution-without-headers",
    DISTRIBUTION,
    lambda cdn: not cdn["defaultCacheBehavior"].get("responseHeadersPolicyId"),
)
wrong("distribution-without-failover", DISTRIBUTION, lambda cdn: not cdn.get("originGroups"))


@check("distribution-without-access-log")
def without_access_log(world: World) -> Iterator[SimulatedResource]:
    for distribution in world.all(DISTRIBUTION):
        if not world.attached("aws:cloudwatch:LogDeliverySource", distribution, "resourceArn"):
            yield distribution
