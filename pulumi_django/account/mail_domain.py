"""The domain from which applications send mail."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from pulumi_django.rules import host_names

RECORD_TTL_SECONDS = 600
# https://docs.aws.amazon.com/ses/latest/dg/send-email-authentication-dkim-easy.html
DKIM_RECORDS = 3


@dataclass(frozen=True, kw_only=True)
class MailDomainArgs:
    domain_name: str
    """Domain of the sender addresses."""

    hosted_zone_id: pulumi.Input[str]
    """Route 53 zone of the domain."""

    def __post_init__(self) -> None:
        host_names.check("domain_name", self.domain_name, wildcard=False)


class MailDomain(pulumi.ComponentResource):
    """An SES identity with DKIM records, which verify the domain and sign its mail. SES creates and rotates the
    keys."""

    identity_arn: pulumi.Output[str]
    """ARN of the identity, for `email_identity_arns` of an application."""

    def __init__(self, name: str, args: MailDomainArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:account:MailDomain", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        identity = aws.sesv2.EmailIdentity(
            name,
            email_identity=args.domain_name,
            dkim_signing_attributes=aws.sesv2.EmailIdentityDkimSigningAttributesArgs(
                next_signing_key_length="RSA_2048_BIT"
            ),
            opts=child,
        )
        tokens = identity.dkim_signing_attributes.tokens
        for number in range(DKIM_RECORDS):
            token = tokens.apply(lambda found, number=number: found[number])
            aws.route53.Record(
                f"{name}-dkim-{number + 1}",
                zone_id=args.hosted_zone_id,
                name=pulumi.Output.format("{0}._domainkey.{1}", token, args.domain_name),
                type="CNAME",
                ttl=RECORD_TTL_SECONDS,
                records=[pulumi.Output.format("{0}.dkim.amazonses.com", token)],
                opts=child,
            )
        self.identity_arn = identity.arn
        self.register_outputs({"identity_arn": self.identity_arn})
