"""A CloudFront distribution in front of a private bucket."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import pulumi
import pulumi_aws as aws

from pulumi_django.delivery import headers
from pulumi_django.network.dns import CLOUDFRONT_REGION, AliasRecord, AliasRecordArgs, Certificate, CertificateArgs
from pulumi_django.rules import aws_rules, host_names, naming

PriceClass = Literal["PriceClass_100", "PriceClass_200", "PriceClass_All"]
Routing = Literal["files", "directories", "single-page"]

ORIGIN = "bucket"
# Set even without such an object: otherwise a distribution that can list its bucket would show the list.
ROOT_OBJECT = "index.html"
# TLS 1.2 with forward secrecy, and 1.3.
# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/secure-connections-supported-viewer-protocols-ciphers.html
TLS_POLICY = "TLSv1.2_2021"
# Forwards the headers of CORS to S3: https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-origin-request-policies.html
CORS_S3_ORIGIN_POLICY = "88a5eaf4-2fd4-4709-b370-b4c650ea3fcf"
MAX_TTL_SECONDS = 31_536_000
# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutDeliverySource.html
DELIVERY_NAME_LIMIT = 60

_REWRITE: Mapping[Routing, str] = {
    "directories": "request.uri += request.uri.endsWith('/') ? 'index.html' : '/index.html';",
    "single-page": "request.uri = '/index.html';",
}


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """Options of the delivery of a bucket's objects to browsers."""

    host: str | None = None
    """Host name; None uses CloudFront's host name and certificate."""

    hosted_zone_id: pulumi.Input[str] | None = None
    """Route 53 zone in which the component creates the records of the host; None creates none."""

    certificate_arn: pulumi.Input[str] | None = None
    """ARN of the certificate of the host, in us-east-1; None requests one, which needs `hosted_zone_id`."""

    cors_origins: Sequence[pulumi.Input[str]] = ()
    """Origins, such as `https://alpha.example.com`, whose pages can read the files from scripts and use them as fonts; none by
    default. Each distribution with origins has its own policy. AWS's default quota is 20 policies in an account."""

    price_class: PriceClass = "PriceClass_100"
    """Locations of the caches: North America and Europe (`_100`), also Asia and Africa (`_200`), all (`_All`)."""

    default_ttl_seconds: int = 86_400
    """Seconds for which a file without Cache-Control is cached, 0 to 31536000."""

    web_acl_arn: pulumi.Input[str] | None = None
    """ARN of a WAF web ACL with the scope CLOUDFRONT; None uses none."""

    access_log_bucket_arn: pulumi.Input[str] | None = None
    """ARN of the bucket for access logs (`LogBucket`); None writes none."""

    def __post_init__(self) -> None:
        if self.host is None and (self.hosted_zone_id is not None or self.certificate_arn is not None):
            raise ValueError("hosted_zone_id or certificate_arn is set without host: set the host name too")
        if self.host is not None:
            host_names.check("host", self.host, wildcard=False)
        aws_rules.check_certificate_arn("certificate_arn", self.certificate_arn, region=CLOUDFRONT_REGION)
        aws_rules.check_web_acl_arn("web_acl_arn", self.web_acl_arn)
        if self.host is not None and self.hosted_zone_id is None and self.certificate_arn is None:
            raise ValueError(f"host is {self.host!r} without hosted_zone_id and certificate_arn: set one of them")
        if not 0 <= self.default_ttl_seconds <= MAX_TTL_SECONDS:
            raise ValueError(f"default_ttl_seconds is {self.default_ttl_seconds}: it must be 0 to {MAX_TTL_SECONDS}")
        for origin in self.cors_origins:
            if origin == "*":
                raise ValueError("cors_origins has '*': name the origins whose pages use the files")


@dataclass(frozen=True, kw_only=True)
class CdnArgs:
    origin_domain_name: pulumi.Input[str]
    """Regional domain name of the bucket. Its policy must admit the distribution (`cdn.reads`)."""

    delivery: Delivery = field(default_factory=Delivery)
    """Host, certificate and caching."""

    routing: Routing = "files"
    """Object for a path without a file name: the one with that key (`files`), the directory's index.html (`directories`), or
    /index.html (`single-page`)."""

    not_found_page: str | None = None
    """Path of the page, such as `/404.html`, for missing objects, with status 404; None keeps S3's response."""

    def __post_init__(self) -> None:
        aws_rules.check_page("not_found_page", self.not_found_page)


class Cdn(pulumi.ComponentResource):
    """A distribution with exclusive read access to a private bucket (origin access control). Browsers must use TLS."""

    distribution_arn: pulumi.Output[str]
    """ARN of the distribution, for the bucket's policy."""

    distribution_id: pulumi.Output[str]
    """Id of the distribution, for invalidations."""

    domain_name: pulumi.Output[str]
    """Host name of the files: the host in the options or CloudFront's."""

    url: pulumi.Output[str]
    """URL of that host name, without a path."""

    def __init__(self, name: str, args: CdnArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:delivery:Cdn", name, None, opts)
        distribution = self._distribution(name, args)
        self._records(name, args.delivery, distribution)
        if args.delivery.access_log_bucket_arn is not None:
            self._access_log(name, distribution, args.delivery.access_log_bucket_arn)
        self.distribution_arn, self.distribution_id = distribution.arn, distribution.id
        host = args.delivery.host
        self.domain_name = pulumi.Output.from_input(host) if host is not None else distribution.domain_name
        self.url = pulumi.Output.concat("https://", self.domain_name)
        self.register_outputs({"distribution_id": self.distribution_id, "url": self.url})

    def _distribution(self, name: str, args: CdnArgs) -> aws.cloudfront.Distribution:
        delivery, child = args.delivery, pulumi.ResourceOptions(parent=self)
        control = aws.cloudfront.OriginAccessControl(
            name,
            description=f"{name}: signs requests to the bucket",
            origin_access_control_origin_type="s3",
            signing_behavior="always",
            signing_protocol="sigv4",
            opts=child,
        )
        origin = aws.cloudfront.DistributionOriginArgs(
            origin_id=ORIGIN, domain_name=args.origin_domain_name, origin_access_control_id=control.id
        )
        return aws.cloudfront.Distribution(
            name,
            comment=name,
            enabled=True,
            is_ipv6_enabled=True,
            http_version="http2and3",
            price_class=delivery.price_class,
            aliases=[delivery.host] if delivery.host is not None else None,
            default_root_object=ROOT_OBJECT,
            origins=[origin],
            default_cache_behavior=self._behavior(name, args),
            custom_error_responses=_error_pages(args.not_found_page),
            restrictions=aws.cloudfront.DistributionRestrictionsArgs(
                geo_restriction=aws.cloudfront.DistributionRestrictionsGeoRestrictionArgs(restriction_type="none")
            ),
            viewer_certificate=self._certificate(name, delivery),
            web_acl_id=delivery.web_acl_arn,
            opts=child,
        )

    def _behavior(self, name: str, args: CdnArgs) -> aws.cloudfront.DistributionDefaultCacheBehaviorArgs:
        rewrite = _REWRITE.get(args.routing)
        return aws.cloudfront.DistributionDefaultCacheBehaviorArgs(
            target_origin_id=ORIGIN,
            viewer_protocol_policy="redirect-to-https",
            allowed_methods=["GET", "HEAD", "OPTIONS"],
            cached_methods=["GET", "HEAD", "OPTIONS"],
            compress=True,
            cache_policy_id=headers.cache_policy(self, name, args.delivery.default_ttl_seconds),
            origin_request_policy_id=CORS_S3_ORIGIN_POLICY,
            response_headers_policy_id=headers.response_headers_policy(self, name, args.delivery.cors_origins),
            function_associations=[self._rewriting(name, rewrite)] if rewrite else None,
        )

    def _rewriting(
        self, name: str, rewrite: str
    ) -> aws.cloudfront.DistributionDefaultCacheBehaviorFunctionAssociationArgs:
        """A function at the edge: error pages would turn a missing script into a page with status 200."""
        function = aws.cloudfront.Function(
            f"{name}-routing",
            runtime="cloudfront-js-2.0",
            comment=f"{name}: paths without a file name",
            code=_function(rewrite),
            opts=pulumi.ResourceOptions(parent=self),
        )
        return aws.cloudfront.DistributionDefaultCacheBehaviorFunctionAssociationArgs(
            event_type="viewer-request", function_arn=function.arn
        )

    def _certificate(self, name: str, delivery: Delivery) -> aws.cloudfront.DistributionViewerCertificateArgs:
        if delivery.host is None:
            return aws.cloudfront.DistributionViewerCertificateArgs(cloudfront_default_certificate=True)
        arn = delivery.certificate_arn
        if arn is None and delivery.hosted_zone_id is not None:
            arn = Certificate(
                f"{name}-certificate",
                CertificateArgs(
                    domain_name=delivery.host,
                    hosted_zone_id=delivery.hosted_zone_id,
                    wildcard=False,
                    region=CLOUDFRONT_REGION,
                ),
                pulumi.ResourceOptions(parent=self),
            ).arn
        return aws.cloudfront.DistributionViewerCertificateArgs(
            acm_certificate_arn=arn, minimum_protocol_version=TLS_POLICY, ssl_support_method="sni-only"
        )

    def _records(self, name: str, delivery: Delivery, distribution: aws.cloudfront.Distribution) -> None:
        if delivery.host is None or delivery.hosted_zone_id is None:
            return
        AliasRecord(
            f"{name}-host",
            AliasRecordArgs(
                host=delivery.host,
                hosted_zone_id=delivery.hosted_zone_id,
                target_dns_name=distribution.domain_name,
                target_zone_id=distribution.hosted_zone_id,
                ipv6=True,
            ),
            pulumi.ResourceOptions(parent=self),
        )

    def _access_log(self, name: str, distribution: aws.cloudfront.Distribution, bucket_arn: pulumi.Input[str]) -> None:
        """Turn on standard logging, version 2. Unlike version 1 it needs no bucket with ACLs. Its resources are in us-east-1.
        https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/standard-logging.html
        """
        child = pulumi.ResourceOptions(parent=self)
        physical = naming.shortened(name, DELIVERY_NAME_LIMIT)
        source = aws.cloudwatch.LogDeliverySource(
            f"{name}-log",
            name=physical,
            log_type="ACCESS_LOGS",
            resource_arn=distribution.arn,
            region=CLOUDFRONT_REGION,
            opts=child,
        )
        destination = aws.cloudwatch.LogDeliveryDestination(
            f"{name}-log",
            name=physical,
            output_format="w3c",
            delivery_destination_configuration=aws.cloudwatch.LogDeliveryDestinationDeliveryDestinationConfigurationArgs(
                destination_resource_arn=bucket_arn
            ),
            region=CLOUDFRONT_REGION,
            opts=child,
        )
        aws.cloudwatch.LogDelivery(
            f"{name}-log",
            delivery_source_name=source.name,
            delivery_destination_arn=destination.arn,
            region=CLOUDFRONT_REGION,
            opts=child,
        )


def reads(
    bucket_arn: pulumi.Input[str], distribution_arn: pulumi.Input[str], prefixes: Sequence[str] = ("",)
) -> Mapping[str, Any]:
    """Return the statement of a bucket policy that lets one distribution read keys below `prefixes`."""
    return {
        "Sid": "Cdn",
        "Effect": "Allow",
        "Principal": {"Service": "cloudfront.amazonaws.com"},
        "Action": "s3:GetObject",
        "Resource": [pulumi.Output.concat(bucket_arn, f"/{prefix}*") for prefix in prefixes],
        "Condition": {"StringEquals": {"aws:SourceArn": distribution_arn}},
    }


def _error_pages(not_found_page: str | None) -> list[aws.cloudfront.DistributionCustomErrorResponseArgs] | None:
    """Return the error pages. S3 responds with 403 for a missing object when the client cannot list the bucket."""
    if not_found_page is None:
        return None
    return [
        aws.cloudfront.DistributionCustomErrorResponseArgs(
            error_code=403, response_code=404, response_page_path=not_found_page, error_caching_min_ttl=10
        )
    ]


def _function(rewrite: str) -> str:
    return f"""function handler(event) {{
    var request = event.request;
    if (!request.uri.split('/').pop().includes('.')) {{
        {rewrite}
    }}
    return request;
}}
"""
