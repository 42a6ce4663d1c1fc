"""The record of one environment that the functions of this package pass on: its name, its arguments, its addresses."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import pulumi

from pulumi_django.app import hosts
from pulumi_django.app.arguments import AppArgs
from pulumi_django.app.hosts import Addresses
from pulumi_django.contract import BaseContract
from pulumi_django.rules import naming
from pulumi_django.rules.kinds import Kind
from pulumi_django.rules.office_hours import OfficeHours
from pulumi_django.rules.partitions import of_region


@dataclass(frozen=True, kw_only=True)
class Environment:
    """One environment: everything about it that is known before any of its resources exists."""

    name: str
    kind: Kind
    args: AppArgs
    opts: pulumi.ResourceOptions
    """Options of every part: its parent is the environment's component."""

    @property
    def base(self) -> BaseContract:
        """Contract of its base."""
        return self.args.base

    @property
    def database_name(self) -> str:
        """Name of its database, and of the role that owns it."""
        return naming.database_name(self.name)

    @cached_property
    def addresses(self) -> Addresses:
        """Host name of each part."""
        return hosts.addresses(self.name, self.args)

    @property
    def url(self) -> pulumi.Output[str]:
        """URL at which the environment answers."""
        return self.at(self.addresses.environment)

    @property
    def hours(self) -> OfficeHours | None:
        """Times of the week outside which no service has a task: its own, or the base's."""
        return self.args.hours or self.base.hours

    @property
    def has_shared_roles(self) -> bool:
        """Whether the base has roles for the tasks of all environments, which reach everything with the base's tag."""
        return self.base.database_role_arn is not None

    @property
    def base_keys(self) -> list[pulumi.Input[str]]:
        """The base's KMS key, which encrypts the environment's secrets; empty on a base without one."""
        return [] if self.base.kms_key_arn is None else [self.base.kms_key_arn]

    @property
    def log_groups_arn(self) -> str:
        """ARN pattern of its log groups."""
        region = self.base.region
        return f"arn:{of_region(region)}:logs:{region}:*:log-group:/ecs/{self.name}/*"

    def at(self, host: pulumi.Input[str]) -> pulumi.Output[str]:
        """Return the URL of a host."""
        scheme = "https" if self.base.domain_name else "http"
        return pulumi.Output.concat(f"{scheme}://", host)
