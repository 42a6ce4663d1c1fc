"""The load balancer of a base. Its environments share it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from pulumi_django.data.buckets import LOAD_BALANCER_PREFIX
from pulumi_django.rules import naming

# TLS 1.3, and 1.2 with forward secrecy for older clients.
# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html
TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-2021-06"


@dataclass(frozen=True, kw_only=True)
class LoadBalancerArgs:
    public_subnet_ids: pulumi.Input[Sequence[pulumi.Input[str]]]
    """Public subnets in at least two zones."""

    security_group_id: pulumi.Input[str]
    """Security group of the load balancer."""

    certificate_arn: pulumi.Input[str] | None = None
    """ARN of the certificate of the HTTPS listener; None creates a load balancer with HTTP only."""

    extra_certificate_arns: Sequence[str] = ()
    """ARNs of certificates for further host names. The listener selects one by the requested host name (SNI)."""

    idle_timeout_seconds: int = 60
    """Seconds after which an idle connection is closed, 1 to 4000. It must exceed the longest response time."""

    access_log_bucket: pulumi.Input[str] | None = None
    """Name of the bucket for access logs (`LogBucket`); None writes none."""

    deletion_protection: bool = False
    """Whether AWS and Pulumi refuse to delete the load balancer."""

    def __post_init__(self) -> None:
        # https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-load-balancer-attributes.html
        if not 1 <= self.idle_timeout_seconds <= 4000:
            raise ValueError(f"idle_timeout_seconds is {self.idle_timeout_seconds}: it must be 1 to 4000")
        if self.extra_certificate_arns and self.certificate_arn is None:
            raise ValueError("extra_certificate_arns is set without certificate_arn: HTTPS needs a first certificate")


class LoadBalancer(pulumi.ComponentResource):
    """An internet-facing ALB. It responds with 404 until environments add rules to its listener."""

    arn: pulumi.Output[str]
    """ARN of the load balancer."""

    arn_suffix: pulumi.Output[str]
    """Suffix of the ARN: the dimension `LoadBalancer` of its metrics."""

    dns_name: pulumi.Output[str]
    """DNS name of the load balancer, from AWS."""

    zone_id: pulumi.Output[str]
    """Route 53 zone of that name, for alias records."""

    listener_arn: pulumi.Output[str]
    """ARN of the listener for the environments' rules: HTTPS, or HTTP without a certificate."""

    def __init__(self, name: str, args: LoadBalancerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:load_balancer:LoadBalancer", name, None, opts)
        balancer = aws.lb.LoadBalancer(
            name,
            name=naming.check_length("load balancer name", name, naming.LOAD_BALANCER_NAME_LIMIT),
            load_balancer_type="application",
            subnets=args.public_subnet_ids,
            security_groups=[args.security_group_id],
            drop_invalid_header_fields=True,
            idle_timeout=args.idle_timeout_seconds,
            enable_deletion_protection=args.deletion_protection,
            access_logs=_access_logs(args.access_log_bucket),
            opts=pulumi.ResourceOptions(parent=self, protect=args.deletion_protection),
        )
        listener = self._listeners(name, args, balancer)
        self.arn = balancer.arn
        self.arn_suffix, self.dns_name, self.zone_id = balancer.arn_suffix, balancer.dns_name, balancer.zone_id
        self.listener_arn = listener.arn
        self.register_outputs(
            {
                "arn_suffix": self.arn_suffix,
                "dns_name": self.dns_name,
                "zone_id": self.zone_id,
                "listener_arn": self.listener_arn,
            }
        )

    def _listeners(self, name: str, args: LoadBalancerArgs, balancer: aws.lb.LoadBalancer) -> aws.lb.Listener:
        """Create the listeners and return the one for the environments."""
        child = pulumi.ResourceOptions(parent=self)
        not_found = aws.lb.ListenerDefaultActionArgs(
            type="fixed-response",
            fixed_response=aws.lb.ListenerDefaultActionFixedResponseArgs(
                content_type="text/plain", message_body="Not found", status_code="404"
            ),
        )
        redirect = aws.lb.ListenerDefaultActionArgs(
            type="redirect",
            redirect=aws.lb.ListenerDefaultActionRedirectArgs(port="443", protocol="HTTPS", status_code="HTTP_301"),
        )
        http = aws.lb.Listener(
            f"{name}-http",
            load_balancer_arn=balancer.arn,
            port=80,
            protocol="HTTP",
            default_actions=[redirect if args.certificate_arn is not None else not_found],
            opts=child,
        )
        if args.certificate_arn is None:
            return http
        https = aws.lb.Listener(
            f"{name}-https",
            load_balancer_arn=balancer.arn,
            port=443,
            protocol="HTTPS",
            ssl_policy=TLS_POLICY,
            certificate_arn=args.certificate_arn,
            default_actions=[not_found],
            opts=child,
        )
        for arn in args.extra_certificate_arns:
            key = hashlib.sha256(arn.encode()).hexdigest()[:8]
            aws.lb.ListenerCertificate(
                f"{name}-https-certificate-{key}", listener_arn=https.arn, certificate_arn=arn, opts=child
            )
        return https


def _access_logs(bucket: pulumi.Input[str] | None) -> aws.lb.LoadBalancerAccessLogsArgs | None:
    if bucket is None:
        return None
    return aws.lb.LoadBalancerAccessLogsArgs(bucket=bucket, prefix=LOAD_BALANCER_PREFIX, enabled=True)
