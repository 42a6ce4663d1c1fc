"""CloudFront's policies for caching and for response headers."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

# AWS's own policies, the same in every account.
# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-cache-policies.html
CACHING_OPTIMIZED, CACHING_OPTIMIZED_TTL_SECONDS = "658327ea-f89d-4fab-a63d-7ee88639e58f", 86_400
# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-response-headers-policies.html
SECURITY_HEADERS = "67f7725c-6f97-4210-82d7-5512b31e9d03"

CORS_HEADERS = (
    "accept",
    "accept-encoding",
    "authorization",
    "content-type",
    "dnt",
    "origin",
    "user-agent",
    "x-csrftoken",
)
ONE_YEAR_SECONDS = 31_536_000


def cache_policy(component: pulumi.Resource, name: str, default_ttl_seconds: int) -> pulumi.Input[str]:
    """Return the id of a cache policy with the path as the only key; AWS's own policy when its TTL matches."""
    if default_ttl_seconds == CACHING_OPTIMIZED_TTL_SECONDS:
        return CACHING_OPTIMIZED
    cloudfront = aws.cloudfront
    return cloudfront.CachePolicy(
        f"{name}-caching",
        comment=f"{name}: by path, {default_ttl_seconds} s without Cache-Control",
        min_ttl=0,
        default_ttl=default_ttl_seconds,
        max_ttl=ONE_YEAR_SECONDS,
        parameters_in_cache_key_and_forwarded_to_origin=cloudfront.CachePolicyParametersInCacheKeyAndForwardedToOriginArgs(
            enable_accept_encoding_brotli=True,
            enable_accept_encoding_gzip=True,
            cookies_config=cloudfront.CachePolicyParametersInCacheKeyAndForwardedToOriginCookiesConfigArgs(
                cookie_behavior="none"
            ),
            headers_config=cloudfront.CachePolicyParametersInCacheKeyAndForwardedToOriginHeadersConfigArgs(
                header_behavior="none"
            ),
            query_strings_config=cloudfront.CachePolicyParametersInCacheKeyAndForwardedToOriginQueryStringsConfigArgs(
                query_string_behavior="none"
            ),
        ),
        opts=pulumi.ResourceOptions(parent=component),
    ).id


def response_headers_policy(
    component: pulumi.Resource, name: str, origins: Sequence[pulumi.Input[str]]
) -> pulumi.Input[str]:
    """Return the id of a policy with security headers and CORS for these origins; AWS's own policy without origins."""
    if not origins:
        return SECURITY_HEADERS
    cloudfront = aws.cloudfront
    return cloudfront.ResponseHeadersPolicy(
        f"{name}-headers",
        comment=f"{name}: CORS of the application's origins",
        cors_config=cloudfront.ResponseHeadersPolicyCorsConfigArgs(
            access_control_allow_credentials=True,
            access_control_allow_headers=cloudfront.ResponseHeadersPolicyCorsConfigAccessControlAllowHeadersArgs(
                items=list(CORS_HEADERS)
            ),
            access_control_allow_methods=cloudfront.ResponseHeadersPolicyCorsConfigAccessControlAllowMethodsArgs(
                items=["GET", "HEAD", "OPTIONS"]
            ),
            access_control_allow_origins=cloudfront.ResponseHeadersPolicyCorsConfigAccessControlAllowOriginsArgs(
                items=list(origins)
            ),
            origin_override=True,
        ),
        security_headers_config=_security_headers(),
        opts=pulumi.ResourceOptions(parent=component),
    ).id


def _security_headers() -> aws.cloudfront.ResponseHeadersPolicySecurityHeadersConfigArgs:
    """Return the headers of AWS's own policy, which a custom policy must repeat."""
    cloudfront = aws.cloudfront
    return cloudfront.ResponseHeadersPolicySecurityHeadersConfigArgs(
        content_type_options=cloudfront.ResponseHeadersPolicySecurityHeadersConfigContentTypeOptionsArgs(override=True),
        frame_options=cloudfront.ResponseHeadersPolicySecurityHeadersConfigFrameOptionsArgs(
            frame_option="SAMEORIGIN", override=False
        ),
        referrer_policy=cloudfront.ResponseHeadersPolicySecurityHeadersConfigReferrerPolicyArgs(
            referrer_policy="strict-origin-when-cross-origin", override=False
        ),
        strict_transport_security=cloudfront.ResponseHeadersPolicySecurityHeadersConfigStrictTransportSecurityArgs(
            access_control_max_age_sec=ONE_YEAR_SECONDS, override=False
        ),
    )
