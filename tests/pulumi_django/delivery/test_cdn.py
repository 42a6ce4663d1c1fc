"""Static files, media and static sites through CloudFront: access, TLS, host names and caching."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from pulumi_django import AssetsBucket, AssetsBucketArgs, CdnArgs, Delivery, StaticSite, StaticSiteArgs
from pulumi_django.testing import SimulationResult, simulate

DISTRIBUTION = "aws:cloudfront/distribution:Distribution"
RECORD = "aws:route53/record:Record"
SHOP = "https://shop.example.com"


def run(make: Callable[[], object]) -> SimulationResult:
    return simulate(lambda: (make(), None)[1])


def assets(*, preview: bool = False, **delivery: Any) -> SimulationResult:
    bucket = {name: delivery.pop(name) for name in ("delivered", "cors_origins_of_bucket") if name in delivery}
    if "cors_origins_of_bucket" in bucket:
        bucket["cors_origins"] = bucket.pop("cors_origins_of_bucket")
    args = AssetsBucketArgs(delivery=Delivery(**delivery), **bucket)
    return simulate(lambda: (AssetsBucket("shop", args), None)[1], preview=preview)


def named(**more: Any) -> SimulationResult:
    return assets(host="static.shop.example.com", hosted_zone_id="Z1", **more)


def site(**args: Any) -> SimulationResult:
    return run(lambda: StaticSite("shop", StaticSiteArgs(**args)))


def policy(result: SimulationResult) -> dict[str, dict[str, Any]]:
    document = json.loads(result.one("aws:s3/bucketPolicy:BucketPolicy").inputs["policy"])
    return {statement["Sid"]: statement for statement in document["Statement"]}


def test_only_the_distribution_reads_the_bucket_and_only_the_delivered_prefixes() -> None:
    result = assets(delivered=("static/", "media/public/"))
    bucket, distribution = result.one("aws:s3/bucket:Bucket"), result.one(DISTRIBUTION)
    assert policy(result)["Cdn"] == {
        "Sid": "Cdn",
        "Effect": "Allow",
        "Principal": {"Service": "cloudfront.amazonaws.com"},
        "Action": "s3:GetObject",
        "Resource": [f"{bucket.outputs['arn']}/static/*", f"{bucket.outputs['arn']}/media/public/*"],
        "Condition": {"StringEquals": {"aws:SourceArn": distribution.outputs["arn"]}},
    }
    block = result.one("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock").inputs
    assert block["restrictPublicBuckets"] is True


def test_media_is_not_delivered_unless_it_is_named() -> None:
    result = assets()
    assert policy(result)["Cdn"]["Resource"] == [f"{result.one('aws:s3/bucket:Bucket').outputs['arn']}/static/*"]


def test_a_bucket_without_delivery_has_no_distribution() -> None:
    result = run(lambda: AssetsBucket("shop", AssetsBucketArgs()))
    assert result.of_type(DISTRIBUTION) == ()
    assert list(policy(result)) == ["TlsOnly"]


def test_requests_to_the_bucket_are_signed() -> None:
    result = assets()
    control = result.one("aws:cloudfront/originAccessControl:OriginAccessControl")
    inputs = control.inputs
    assert (inputs["originAccessControlOriginType"], inputs["signingBehavior"], inputs["signingProtocol"]) == (
        "s3",
        "always",
        "sigv4",
    )
    origin = result.one(DISTRIBUTION).inputs["origins"][0]
    assert origin["originAccessControlId"] == control.id
    assert origin["domainName"] == result.one("aws:s3/bucket:Bucket").outputs["bucketRegionalDomainName"]


def test_browsers_need_tls_1_2_or_newer() -> None:
    inputs = named().one(DISTRIBUTION).inputs
    assert inputs["defaultCacheBehavior"]["viewerProtocolPolicy"] == "redirect-to-https"
    assert inputs["viewerCertificate"]["minimumProtocolVersion"] == "TLSv1.2_2021"
    assert inputs["viewerCertificate"]["sslSupportMethod"] == "sni-only"
    assert inputs["httpVersion"] == "http2and3"


def test_the_certificate_is_issued_in_us_east_1_for_just_that_host() -> None:
    result = named()
    certificate = result.one("aws:acm/certificate:Certificate")
    assert certificate.inputs["domainName"] == "static.shop.example.com"
    assert "subjectAlternativeNames" not in certificate.inputs
    assert certificate.inputs["region"] == "us-east-1"
    issued = result.one("aws:acm/certificateValidation:CertificateValidation")
    assert issued.inputs["region"] == "us-east-1"
    assert result.one(DISTRIBUTION).inputs["viewerCertificate"]["acmCertificateArn"] == certificate.outputs["arn"]


def test_the_host_has_records_for_ipv4_and_ipv6() -> None:
    result = named()
    distribution = result.one(DISTRIBUTION)
    assert distribution.inputs["aliases"] == ["static.shop.example.com"]
    records = [r.inputs for r in result.of_type(RECORD) if r.inputs["name"] == "static.shop.example.com"]
    assert [(r["type"], r["aliases"][0]["name"]) for r in records] == [
        ("A", distribution.outputs["domainName"]),
        ("AAAA", distribution.outputs["domainName"]),
    ]


def test_a_given_certificate_needs_no_zone_and_then_no_records_are_made() -> None:
    arn = "arn:aws:acm:us-east-1:123456789012:certificate/1"
    result = assets(host="static.shop.example.com", certificate_arn=arn)
    assert result.one(DISTRIBUTION).inputs["viewerCertificate"]["acmCertificateArn"] == arn
    assert result.of_type(RECORD) == ()


def test_cors_is_limited_to_the_applications_origins() -> None:
    result = assets(cors_origins=[SHOP], cors_origins_of_bucket=[SHOP])
    headers = result.one("aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy")
    cors = headers.inputs["corsConfig"]
    assert cors["accessControlAllowOrigins"] == {"items": [SHOP]}
    assert cors["accessControlAllowMethods"] == {"items": ["GET", "HEAD", "OPTIONS"]}
    assert cors["accessControlAllowCredentials"] is True
    assert cors["originOverride"] is True
    behavior = result.one(DISTRIBUTION).inputs["defaultCacheBehavior"]
    assert behavior["responseHeadersPolicyId"] == headers.id
    rule = result.one("aws:s3/bucketCorsConfiguration:BucketCorsConfiguration").inputs["corsRules"][0]
    assert rule["allowedOrigins"] == [SHOP]
    assert rule["allowedMethods"] == ["GET", "PUT", "POST"]


def test_without_origins_there_is_no_cors_at_all() -> None:
    result = assets()
    assert result.of_type("aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy") == ()
    behavior = result.one(DISTRIBUTION).inputs["defaultCacheBehavior"]
    assert behavior["responseHeadersPolicyId"] == "67f7725c-6f97-4210-82d7-5512b31e9d03"
    assert result.of_type("aws:s3/bucketCorsConfiguration:BucketCorsConfiguration") == ()


def test_access_logs_are_delivered_from_us_east_1() -> None:
    result = assets(access_log_bucket_arn="arn:aws:s3:::logs")
    source = result.one("aws:cloudwatch/logDeliverySource:LogDeliverySource").inputs
    assert (source["logType"], source["region"]) == ("ACCESS_LOGS", "us-east-1")
    assert source["resourceArn"] == result.one(DISTRIBUTION).outputs["arn"]
    target = result.one("aws:cloudwatch/logDeliveryDestination:LogDeliveryDestination").inputs
    assert target["deliveryDestinationConfiguration"] == {"destinationResourceArn": "arn:aws:s3:::logs"}
    assert result.one("aws:cloudwatch/logDelivery:LogDelivery").inputs["deliverySourceName"] == source["name"]


def test_a_site_is_the_whole_bucket_and_its_own_cloudfront_name_without_a_host() -> None:
    result = site()
    bucket = result.one("aws:s3/bucket:Bucket")
    assert policy(result)["Cdn"]["Resource"] == [f"{bucket.outputs['arn']}/*"]
    inputs = result.one(DISTRIBUTION).inputs
    assert inputs["viewerCertificate"] == {"cloudfrontDefaultCertificate": True}
    assert inputs["defaultRootObject"] == "index.html"
    component = result.one("pulumi-django:delivery:StaticSite")
    assert component.outputs["url"] == f"https://{result.one(DISTRIBUTION).outputs['domainName']}"


def test_the_cache_keeps_pages_of_a_site_for_a_minute() -> None:
    result = site()
    caching = result.one("aws:cloudfront/cachePolicy:CachePolicy")
    assert (caching.inputs["minTtl"], caching.inputs["defaultTtl"]) == (0, 60)
    assert result.one(DISTRIBUTION).inputs["defaultCacheBehavior"]["cachePolicyId"] == caching.id


@pytest.mark.parametrize(
    ("routing", "rewrite"),
    [
        ("single-page", "request.uri = '/index.html';"),
        ("directories", "request.uri += request.uri.endsWith('/') ? 'index.html' : '/index.html';"),
    ],
)
def test_paths_without_a_file_name_are_rewritten_at_the_edge(routing: str, rewrite: str) -> None:
    result = site(routing=routing)
    function = result.one("aws:cloudfront/function:Function")
    assert rewrite in function.inputs["code"]
    association = result.one(DISTRIBUTION).inputs["defaultCacheBehavior"]["functionAssociations"]
    assert association == [{"eventType": "viewer-request", "functionArn": function.outputs["arn"]}]


def test_a_site_of_plain_files_has_no_function() -> None:
    assert site(routing="files").of_type("aws:cloudfront/function:Function") == ()


def test_a_missing_object_shows_the_sites_own_page() -> None:
    pages = site(not_found_page="/404.html").one(DISTRIBUTION).inputs["customErrorResponses"]
    assert [(p["errorCode"], p["responseCode"], p["responsePagePath"]) for p in pages] == [(403, 404, "/404.html")]


def test_a_preview_shows_the_same_resources() -> None:
    def registered(result: SimulationResult) -> set[tuple[str, str]]:
        return {(r.type, r.name) for r in result.resources}

    options: dict[str, Any] = {"host": "static.shop.example.com", "hosted_zone_id": "Z1", "cors_origins": [SHOP]}
    assert registered(assets(preview=True, **options)) == registered(assets(**options))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Delivery(hosted_zone_id="Z1"),
            "hosted_zone_id or certificate_arn is set without host: set the host name too",
        ),
        (
            lambda: Delivery(host="Static.example.com", hosted_zone_id="Z1"),
            "host is 'Static.example.com': write it in lower case: 'static.example.com'",
        ),
        (
            lambda: Delivery(host="static.example.com"),
            "host is 'static.example.com' without hosted_zone_id and certificate_arn: set one of them",
        ),
        (lambda: Delivery(default_ttl_seconds=-1), "default_ttl_seconds is -1: it must be 0 to 31536000"),
        (lambda: Delivery(cors_origins=["*"]), "cors_origins has '*': name the origins whose pages use the files"),
        (
            lambda: AssetsBucketArgs(cors_origins=["*"]),
            "cors_origins has '*': name the origins whose pages load and upload files",
        ),
        (
            lambda: AssetsBucketArgs(delivered=["/static"]),
            "delivered has '/static': write a key prefix like 'static/'",
        ),
        (
            lambda: AssetsBucketArgs(delivered=[]),
            "delivered is empty: name at least one public key prefix, such as 'static/'",
        ),
        (
            lambda: CdnArgs(origin_domain_name="b", not_found_page="404.html"),
            "not_found_page is '404.html': it must begin with / and have ASCII characters without spaces",
        ),
    ],
)
def test_an_invalid_delivery_is_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011 -- the whole message is compared
        make()
    assert str(refused.value) == message
