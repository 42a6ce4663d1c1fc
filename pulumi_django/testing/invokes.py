"""Plausible results of the provider functions that programs call."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from pulumi_django.rules.partitions import of_region, partition
from pulumi_django.testing.resource import Resource, zones_of

READ_RESOURCES = "pulumi:pulumi:readStackResourceOutputs"
"""The engine's function that reads a stack's state."""

Answerer = Callable[[Mapping[str, Any], str, str], dict[str, Any]]
"""Function of arguments, region and account id that returns the result."""


def _identity(seed: str, region: str) -> Resource:
    return Resource(type="invoke", name=seed, inputs={}, seed=seed, region=region)


def _region(_args: Mapping[str, Any], region: str, _account: str) -> dict[str, Any]:
    return {
        "id": region,
        "name": region,
        "region": region,
        "description": region,
        "endpoint": f"ec2.{region}.{partition(region).dns_suffix}",
    }


def _zones(_args: Mapping[str, Any], region: str, _account: str) -> dict[str, Any]:
    found = zones_of(region)
    return {
        "id": region,
        "names": list(found),
        "zoneIds": list(found.values()),
        "groupNames": [f"{region}-zg-1"],
    }


def _own_resources(_args: Mapping[str, Any], _region: str, _account: str) -> dict[str, Any]:
    """Return the empty state of a new stack. `simulate` returns the previous state instead."""
    return {"outputs": {}}


def _caller(_args: Mapping[str, Any], region: str, account: str) -> dict[str, Any]:
    return {
        "id": account,
        "accountId": account,
        "arn": f"arn:{of_region(region)}:iam::{account}:user/test",
        "userId": "AIDATEST",
    }


def _partition(_args: Mapping[str, Any], region: str, _account: str) -> dict[str, Any]:
    found = partition(region)
    reverse = ".".join(reversed(found.dns_suffix.split(".")))
    return {"id": found.id, "partition": found.id, "dnsSuffix": found.dns_suffix, "reverseDnsPrefix": reverse}


def _zone(args: Mapping[str, Any], region: str, _account: str) -> dict[str, Any]:
    name = str(args.get("name") or args.get("zoneId") or "example.com").rstrip(".")
    zone_id = str(args.get("zoneId") or f"Z{_identity(name, region).hex(13).upper()}")
    arn = f"arn:{of_region(region)}:route53:::hostedzone/{zone_id}"
    return {"id": zone_id, "zoneId": zone_id, "name": name, "arn": arn, "nameServers": [], "privateZone": False}


def _ami(args: Mapping[str, Any], region: str, _account: str) -> dict[str, Any]:
    identity = _identity(json.dumps(args, sort_keys=True, default=str), region)
    id_ = identity.id("ami")
    return {"id": id_, "imageId": id_, "architecture": "arm64", "name": "al2023-ami", "rootDeviceName": "/dev/xvda"}


def _ssm_parameter(args: Mapping[str, Any], region: str, account: str) -> dict[str, Any]:
    name = str(args.get("name", ""))
    value = _identity(name, region).id("ami") if "ami" in name else f"value-of{name.replace('/', '-')}"
    arn = f"arn:{of_region(region)}:ssm:{region}:{account}:parameter{name}"
    return {
        "id": name,
        "name": name,
        "arn": arn,
        "type": "String",
        "value": value,
        "insecureValue": value,
        "version": 1,
    }


def _secret(args: Mapping[str, Any], region: str, account: str) -> dict[str, Any]:
    name = str(args.get("name") or args.get("arn") or "")
    arn = (
        f"arn:{of_region(region)}:secretsmanager:{region}:{account}:secret:{name}-{_identity(name, region).letters(6)}"
    )
    return {"id": arn, "arn": arn, "name": name, "kmsKeyId": "", "policy": "", "tags": {}}


def _policy_document(args: Mapping[str, Any], _region: str, _account: str) -> dict[str, Any]:
    statements: list[dict[str, Any]] = []
    for statement in args.get("statements") or []:
        rendered: dict[str, Any] = {"Effect": statement.get("effect", "Allow")}
        for key, name in (("sid", "Sid"), ("actions", "Action"), ("resources", "Resource")):
            if statement.get(key):
                rendered[name] = statement[key]
        for principal in statement.get("principals") or []:
            rendered.setdefault("Principal", {})[principal["type"]] = principal["identifiers"]
        for condition in statement.get("conditions") or []:
            tests = rendered.setdefault("Condition", {}).setdefault(condition["test"], {})
            tests[condition["variable"]] = condition["values"]
        statements.append(rendered)
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    return {"id": "policy", "json": document, "minifiedJson": document}


def _elb_account(_args: Mapping[str, Any], _region: str, _account: str) -> dict[str, Any]:
    return {"id": "127311923021", "arn": "arn:aws:iam::127311923021:root"}


def _default_tags(_args: Mapping[str, Any], _region: str, _account: str) -> dict[str, Any]:
    return {"id": "tags", "tags": {}}


INVOKES: Mapping[str, Answerer] = {
    "aws:ec2/getAmi:getAmi": _ami,
    "aws:elb/getServiceAccount:getServiceAccount": _elb_account,
    "aws:iam/getPolicyDocument:getPolicyDocument": _policy_document,
    "aws:index/getAvailabilityZones:getAvailabilityZones": _zones,
    "aws:index/getCallerIdentity:getCallerIdentity": _caller,
    "aws:index/getDefaultTags:getDefaultTags": _default_tags,
    "aws:index/getPartition:getPartition": _partition,
    "aws:index/getRegion:getRegion": _region,
    "aws:route53/getZone:getZone": _zone,
    "aws:secretsmanager/getSecret:getSecret": _secret,
    "aws:ssm/getParameter:getParameter": _ssm_parameter,
    READ_RESOURCES: _own_resources,
}
