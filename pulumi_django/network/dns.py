"""DNS: alias records, certificates that DNS validates, and the private namespace of a VPC."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from pulumi_django.rules import host_names, naming


@dataclass(frozen=True, kw_only=True)
class AliasRecordArgs:
    host: str
    """Host name, for example `alpha.example.com`."""

    hosted_zone_id: pulumi.Input[str]
    """Route 53 zone of the host name."""

    target_dns_name: pulumi.Input[str]
    """DNS name of the load balancer or distribution."""

    target_zone_id: pulumi.Input[str]
    """Route 53 zone of the target's DNS name."""

    ipv6: bool = False
    """Whether the target supports IPv6 too, as CloudFront does."""

    def __post_init__(self) -> None:
        host_names.check("host", self.host, wildcard=True)


class AliasRecord(pulumi.ComponentResource):
    """An alias record of type A, which follows the target's addresses. Unlike a CNAME it needs no second look-up, and it can be
    at the top of a domain."""

    host: str
    """The host name."""

    def __init__(self, name: str, args: AliasRecordArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:dns:AliasRecord", name, None, opts)
        self._record(name, args, "A")
        if args.ipv6:
            self._record(f"{name}-ipv6", args, "AAAA")
        self.host = args.host
        self.register_outputs({"host": self.host})

    def _record(self, name: str, args: AliasRecordArgs, type_: str) -> None:
        aws.route53.Record(
            name,
            zone_id=args.hosted_zone_id,
            name=args.host,
            type=type_,
            aliases=[
                aws.route53.RecordAliasArgs(
                    name=args.target_dns_name, zone_id=args.target_zone_id, evaluate_target_health=False
                )
            ],
            opts=pulumi.ResourceOptions(parent=self),
        )


RECORD_TTL_SECONDS = 300
# CloudFront uses certificates of this region only, for origins in every region.
# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cnames-and-https-requirements.html
CLOUDFRONT_REGION = "us-east-1"


@dataclass(frozen=True, kw_only=True)
class CertificateArgs:
    domain_name: str
    """Domain of the certificate."""

    hosted_zone_id: pulumi.Input[str]
    """Route 53 zone of the domain. The component creates the validation record for ACM in it."""

    wildcard: bool = True
    """Whether it also covers every name one label below the domain."""

    region: str | None = None
    """AWS region of the certificate, `us-east-1` for CloudFront; None is the provider's region."""

    def __post_init__(self) -> None:
        host_names.check("domain_name", self.domain_name, wildcard=False)


class Certificate(pulumi.ComponentResource):
    """A certificate for a domain, and by default for `*.` below it. ACM renews it while its validation record
    exists."""

    arn: pulumi.Output[str]
    """ARN of the certificate, known after ACM has issued it."""

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
        # One record validates the domain and its wildcard.
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


@dataclass(frozen=True, kw_only=True)
class ServiceDiscoveryArgs:
    namespace: str
    """DNS name of the namespace, for example `dev-sd-ns`."""

    vpc_id: pulumi.Input[str]
    """VPC in which its names resolve."""

    def __post_init__(self) -> None:
        naming.check_length("namespace name", self.namespace, naming.NAMESPACE_NAME_LIMIT)


class ServiceDiscovery(pulumi.ComponentResource):
    """A Cloud Map namespace: private DNS names in the VPC of a base."""

    namespace_id: pulumi.Output[str]
    """Id of the namespace."""

    namespace_name: str
    """DNS name of the namespace."""

    def __init__(self, name: str, args: ServiceDiscoveryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:service_discovery:ServiceDiscovery", name, None, opts)
        namespace = aws.servicediscovery.PrivateDnsNamespace(
            name,
            name=args.namespace,
            vpc=args.vpc_id,
            description=f"{name}: names of the environments' own services",
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.namespace_id, self.namespace_name = namespace.id, args.namespace
        self.register_outputs({"namespace_id": self.namespace_id, "namespace_name": self.namespace_name})
