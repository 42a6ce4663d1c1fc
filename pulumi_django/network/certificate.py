"""TLS certificates, issued by ACM and validated in the domain's hosted zone."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

RECORD_TTL_SECONDS = 300
# CloudFront takes its certificates from there, wherever its origins are.
# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cnames-and-https-requirements.html
CLOUDFRONT_REGION = "us-east-1"


@dataclass(frozen=True, kw_only=True)
class CertificateArgs:
    domain_name: str
    """Domain of the certificate."""

    hosted_zone_id: pulumi.Input[str]
    """Route 53 zone of the domain, in which ACM looks for the validation record."""

    wildcard: bool = True
    """Whether it covers every name right below the domain too."""

    region: str | None = None
    """Region of the certificate, `us-east-1` for CloudFront; None is the provider's."""


class Certificate(pulumi.ComponentResource):
    """A certificate for a domain, and by default `*.` below it, that renews itself while its record stands."""

    arn: pulumi.Output[str]
    """ARN of the certificate, known once it is issued."""

    def __init__(self, name: str, args: CertificateArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:certificate:Certificate", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        certificate = aws.acm.Certificate(
            name,
            domain_name=args.domain_name,
            subject_alternative_names=[f"*.{args.domain_name}"] if args.wildcard else None,
            validation_method="DNS",
            region=args.region,
            opts=child,
        )
        # The domain and its wildcard are validated by one and the same record.
        # https://docs.aws.amazon.com/acm/latest/userguide/dns-validation.html
        option = certificate.domain_validation_options[0]
        record = aws.route53.Record(
            f"{name}-validation",
            zone_id=args.hosted_zone_id,
            name=option.resource_record_name,
            type=option.resource_record_type,
            records=[option.resource_record_value],
            ttl=RECORD_TTL_SECONDS,
            allow_overwrite=True,
            opts=child,
        )
        issued = aws.acm.CertificateValidation(
            f"{name}-issued",
            certificate_arn=certificate.arn,
            validation_record_fqdns=[record.fqdn],
            region=args.region,
            opts=child,
        )
        self.arn = issued.certificate_arn
        self.register_outputs({"arn": self.arn})
