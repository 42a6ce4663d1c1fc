"""Host names of environments and of what is delivered by CloudFront."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws


@dataclass(frozen=True, kw_only=True)
class AliasRecordArgs:
    host: str
    """Host name, for example `alpha.example.com`."""

    hosted_zone_id: pulumi.Input[str]
    """Route 53 zone that holds it."""

    target_dns_name: pulumi.Input[str]
    """DNS name of the load balancer or distribution."""

    target_zone_id: pulumi.Input[str]
    """Route 53 zone of that name."""

    ipv6: bool = False
    """Whether the target answers on IPv6 too, as CloudFront does."""


class AliasRecord(pulumi.ComponentResource):
    """An A record that follows the target's addresses; unlike a CNAME it costs no second look-up and may stand at the top
    of a domain."""

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
