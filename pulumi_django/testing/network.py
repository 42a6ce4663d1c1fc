"""Plausible outputs of network resources: VPC, load balancer, certificate, DNS, CloudFront."""

from __future__ import annotations

from pulumi_django.testing.resource import Answer, Resource


def vpc(r: Resource) -> Answer:
    id_ = r.id("vpc")
    return id_, {
        "arn": r.arn("ec2", f"vpc/{id_}"),
        "mainRouteTableId": f"rtb-0{r.hex(16, 'main')}",
        "defaultSecurityGroupId": f"sg-0{r.hex(16, 'default')}",
        "ownerId": r.account_id,
    }


def security_group(r: Resource) -> Answer:
    id_ = r.id("sg")
    return id_, {"arn": r.arn("ec2", f"security-group/{id_}"), "name": r.named(), "ownerId": r.account_id}


def security_group_rule(r: Resource) -> Answer:
    id_ = r.id("sgr")
    return id_, {"arn": r.arn("ec2", f"security-group-rule/{id_}"), "securityGroupRuleId": id_}


def launch_template(r: Resource) -> Answer:
    id_ = r.id("lt")
    added = {"arn": r.arn("ec2", f"launch-template/{id_}"), "name": r.named(), "latestVersion": 1, "defaultVersion": 1}
    return id_, added


def eip(r: Resource) -> Answer:
    id_ = r.id("eipalloc")
    octets = [int(r.hex(2, str(n)), 16) % 254 + 1 for n in range(2)]
    return id_, {"allocationId": id_, "publicIp": f"203.0.{octets[0]}.{octets[1]}", "domain": "vpc"}


def instance(r: Resource) -> Answer:
    id_ = r.id("i")
    ip = f"10.0.{int(r.hex(2), 16) % 250}.{int(r.hex(2, 'b'), 16) % 250 + 4}"
    return id_, {
        "arn": r.arn("ec2", f"instance/{id_}"),
        "privateIp": ip,
        "privateDns": f"ip-{ip.replace('.', '-')}.ec2.internal",
        "instanceState": "running",
        "primaryNetworkInterfaceId": f"eni-0{r.hex(16)}",
    }


def vpc_endpoint(r: Resource) -> Answer:
    id_ = r.id("vpce")
    return id_, {"arn": r.arn("ec2", f"vpc-endpoint/{id_}"), "state": "available", "dnsEntries": []}


def load_balancer(r: Resource) -> Answer:
    name = r.named()
    kind = "net" if r.inputs.get("loadBalancerType") == "network" else "app"
    suffix = f"{kind}/{name}/{r.hex(16)}"
    arn = r.arn("elasticloadbalancing", f"loadbalancer/{suffix}")
    return arn, {
        "arn": arn,
        "name": name,
        "arnSuffix": suffix,
        "dnsName": f"{name}-{int(r.hex(8), 16)}.{r.region}.elb.{r.suffix}",
        "zoneId": "Z35SXDOTRQ7X7K",
    }


def target_group(r: Resource) -> Answer:
    suffix = f"targetgroup/{r.named()}/{r.hex(16)}"
    arn = r.arn("elasticloadbalancing", suffix)
    return arn, {"arn": arn, "name": r.named(), "arnSuffix": suffix}


def listener(r: Resource) -> Answer:
    balancer = str(r.inputs.get("loadBalancerArn", "")).partition("loadbalancer/")[2] or f"app/{r.name}/{r.hex(16)}"
    arn = r.arn("elasticloadbalancing", f"listener/{balancer}/{r.hex(16)}")
    return arn, {"arn": arn}


def listener_rule(r: Resource) -> Answer:
    listener = str(r.inputs.get("listenerArn", "")).partition("listener/")[2] or f"app/{r.name}/{r.hex(16)}"
    arn = r.arn("elasticloadbalancing", f"listener-rule/{listener}/{r.hex(16, 'rule')}")
    return arn, {"arn": arn}


def certificate(r: Resource) -> Answer:
    arn = r.arn("acm", f"certificate/{r.hex(8)}-{r.hex(4, 'a')}-{r.hex(4, 'b')}-{r.hex(4, 'c')}-{r.hex(12, 'd')}")
    names = [str(r.inputs.get("domainName", "example.com")), *(r.inputs.get("subjectAlternativeNames") or [])]
    options = [
        {
            "domainName": name,
            "resourceRecordName": f"_{r.hex(32, name.removeprefix('*.'))}.{name.removeprefix('*.')}.",
            "resourceRecordType": "CNAME",
            "resourceRecordValue": f"_{r.hex(32, name.removeprefix('*.') + '=')}.acm-validations.aws.",
        }
        for name in dict.fromkeys(names)
    ]
    return arn, {"arn": arn, "status": "PENDING_VALIDATION", "domainValidationOptions": options}


def certificate_validation(r: Resource) -> Answer:
    return "2026-01-01 00:00:00 +0000 UTC", {"certificateArn": r.inputs.get("certificateArn")}


def zone(r: Resource) -> Answer:
    id_ = f"Z{r.hex(13).upper()}"
    servers = [f"ns-{n}.awsdns-{n:02}.org" for n in (1, 2, 3, 4)]
    return id_, {"zoneId": id_, "arn": f"arn:{r.partition.id}:route53:::hostedzone/{id_}", "nameServers": servers}


def record(r: Resource) -> Answer:
    zone, name, type_ = (str(r.inputs.get(key, "")) for key in ("zoneId", "name", "type"))
    return f"{zone}_{name}_{type_}", {"fqdn": name}
