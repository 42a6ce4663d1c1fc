"""How code outside the AWS provider (hooks, operations) reaches the same AWS: region, profile, endpoints, role."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

CONNECT_TIMEOUT_SECONDS = 10
READ_TIMEOUT_SECONDS = 60
MAX_ATTEMPTS = 8
"""Calls per request: throttled and broken ones are repeated with growing, jittered pauses (botocore's standard mode)."""

ROLE_SESSION_NAME = "pulumi-django"


@dataclass(frozen=True, kw_only=True)
class AwsAccess:
    """Where AWS is and who asks. Everything omitted comes from boto3's usual chain (environment, files, metadata)."""

    region: str | None = None
    """AWS region, for example `us-east-1`."""

    profile: str | None = None
    """Profile of the AWS configuration files."""

    endpoints: Mapping[str, str] = field(default_factory=dict[str, str])
    """Endpoint URL by service (`ecs`, `logs`), where it is not AWS's own."""

    assume_role_arn: str | None = None
    """Role to act as."""

    external_id: str | None = None
    """External id that the role demands."""

    def client(self, service: str) -> Any:
        """A boto3 client of that service, made anew; boto3 is loaded here and not before."""
        import boto3
        from botocore.config import Config

        # As the provider reads it; boto3 itself knows only AWS_DEFAULT_REGION.
        region = self.region or os.environ.get("AWS_REGION") or None
        session: Any = boto3.Session(profile_name=self.profile, region_name=region)
        if self.assume_role_arn:
            session = self._assumed(session)
        config = Config(
            connect_timeout=CONNECT_TIMEOUT_SECONDS,
            read_timeout=READ_TIMEOUT_SECONDS,
            retries={"mode": "standard", "total_max_attempts": MAX_ATTEMPTS},
        )
        return session.client(service, endpoint_url=self.endpoints.get(service), config=config)

    def _assumed(self, session: Any) -> Any:
        import boto3

        extra = {"ExternalId": self.external_id} if self.external_id else {}
        answer = session.client("sts", endpoint_url=self.endpoints.get("sts")).assume_role(
            RoleArn=self.assume_role_arn, RoleSessionName=ROLE_SESSION_NAME, **extra
        )
        credentials = answer["Credentials"]
        return boto3.Session(
            aws_access_key_id=credentials["AccessKeyId"],
            aws_secret_access_key=credentials["SecretAccessKey"],
            aws_session_token=credentials["SessionToken"],
            region_name=self.region or session.region_name,
        )

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> AwsAccess:
        """The access that a stack's `aws:*` configuration describes; keys without the `aws:` prefix, values decoded."""
        services: dict[str, str] = {}
        for entry in config.get("endpoints") or []:
            services.update({name: url for name, url in entry.items() if url})
        roles = config.get("assumeRoles") or ([config["assumeRole"]] if config.get("assumeRole") else [])
        role: Mapping[str, Any] = roles[0] if roles else {}
        return cls(
            region=config.get("region"),
            profile=config.get("profile"),
            endpoints=services,
            assume_role_arn=role.get("roleArn"),
            external_id=role.get("externalId"),
        )
