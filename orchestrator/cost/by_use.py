"""Resources that are billed by use: each is named with its price and never added to a sum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from orchestrator.cost.prices import PriceTable
from orchestrator.model import StackResource

_USES: Mapping[str, tuple[str, tuple[tuple[str, str, str], ...]]] = {
    "aws:cloudfront/distribution:Distribution": (
        "CloudFront",
        (
            ("cloudfront_use", "gb_to_viewers", "GB to viewers"),
            ("cloudfront_use", "https_requests_10k", "10,000 HTTPS requests"),
        ),
    ),
    "aws:cloudwatch/logGroup:LogGroup": ("logs", (("logs_use", "gb_written", "GB written"),)),
    "aws:codebuild/project:Project": (
        "CodeBuild",
        (
            ("codebuild_use", "small_minute", "minute on a small machine"),
            ("codebuild_use", "medium_minute", "minute on a medium one"),
        ),
    ),
    "aws:codepipeline/pipeline:Pipeline": (
        "CodePipeline",
        (("codepipeline_use", "action_minute", "minute of an action"),),
    ),
    "aws:ec2/natGateway:NatGateway": ("NAT gateway", (("nat_gateway_use", "gb_through", "GB of traffic"),)),
    "aws:ec2/vpcEndpoint:VpcEndpoint": ("interface endpoints", (("vpc_endpoint_use", "gb_through", "GB of traffic"),)),
    "aws:efs/fileSystem:FileSystem": (
        "EFS",
        (
            ("efs_use", "gb_month", "GB a month"),
            ("efs_use", "gb_read", "GB read"),
            ("efs_use", "gb_written", "GB written"),
        ),
    ),
    "aws:lb/loadBalancer:LoadBalancer": (
        "load balancer",
        (("load_balancer_use", "capacity_unit_hour", "capacity unit and hour"),),
    ),
    "aws:s3/bucket:Bucket": ("S3", (("s3_use", "gb_month", "GB a month"),)),
    "aws:sqs/queue:Queue": ("SQS", (("sqs_use", "requests_million", "million requests"),)),
}


def by_use(resources: Sequence[StackResource], prices: PriceTable) -> tuple[str, ...]:
    """A line for each kind of resource that exists and is billed by use, in the order of their names."""
    found: dict[str, None] = {}
    for resource in resources:
        if resource.type not in _USES or _is_free(resource):
            continue
        name, uses = _USES[resource.type]
        priced = [(prices.price(family, key), what) for family, key, what in uses]
        words = [f"${price:g} for each {what}" for price, what in priced if price is not None]
        if words:
            found[f"{name}: {', '.join(words)}"] = None
    return tuple(sorted(found))


def _is_free(resource: StackResource) -> bool:
    return resource.type == "aws:ec2/vpcEndpoint:VpcEndpoint" and (
        resource.inputs.get("vpcEndpointType", "Gateway") == "Gateway"
    )
