"""ARNs: which type of resource one names, and whether it is the one that a state knows by its id. Pure."""

from __future__ import annotations

from collections.abc import Mapping

WHOLE_NAME = {"s3": "bucket", "sns": "topic", "sqs": "queue"}
"""Services whose ARNs end with the bare name."""

SERVICES: Mapping[str, tuple[str, ...]] = {
    "appautoscaling": ("application-autoscaling",),
    "cloudwatch": ("logs", "cloudwatch", "events"),
    "lb": ("elasticloadbalancing",),
    "vpc": ("ec2",),
}
"""ARN services of the modules of Pulumi's AWS package, where the names differ."""


def service(arn: str) -> str:
    """`ecs` of `arn:aws:ecs:...`."""
    return arn.split(":", 5)[2]


def type_of(arn: str) -> str:
    """`ecs:service` of `arn:aws:ecs:eu-west-1:123456789012:service/alpha-cluster/alpha-web`."""
    found = service(arn)
    if found in WHOLE_NAME:
        return f"{found}:{WHOLE_NAME[found]}"
    rest = arn.split(":", 5)[5]
    return f"{found}:{rest[: _end(rest)]}"


def name_of(arn: str) -> str:
    """What follows the type: `alpha-cluster/alpha-web` of `...:service/alpha-cluster/alpha-web`."""
    rest = arn.split(":", 5)[5]
    if service(arn) in WHOLE_NAME:
        return rest
    return rest[_end(rest) + 1 :].removesuffix(":*")


def last_name(arn: str) -> str:
    """The last part of a name with a path: `alpha-web`."""
    return name_of(arn).rpartition("/")[2]


def services_of(token: str) -> tuple[str, ...]:
    """ARN services of a Pulumi type: `("ec2",)` of `aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule`."""
    module = token.split(":")[1].partition("/")[0] if token.count(":") > 1 else ""
    return SERVICES.get(module, (module,))


def _end(rest: str) -> int:
    """Where the type ends: at the first slash or colon."""
    places = [place for place in (rest.find("/"), rest.find(":")) if place >= 0]
    return min(places, default=len(rest))
