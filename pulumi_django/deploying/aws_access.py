"""Boto3 clients for code outside the AWS provider (hooks, operations), with the provider's own access to AWS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pulumi_django.deploying.aws_settings import AssumedRole, AwsSettings, WebIdentity
from pulumi_django.rules import aws_config
from pulumi_django.rules.aws_config import AwsConfigError


@dataclass(frozen=True, kw_only=True)
class AwsAccess(AwsSettings):
    """Access to AWS. Everything omitted comes from boto3's usual chain (environment, files, metadata)."""

    def client(self, service: str) -> Any:
        """Return a new boto3 client of the service. The first call loads boto3.

        Raises an error of botocore when the credentials belong to an account that must not be used.
        """
        from pulumi_django.deploying import aws_sessions

        return aws_sessions.client(self, service, self._known)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> AwsAccess:
        """Return the access that a stack's `aws:*` configuration describes; keys without `aws:`, values decoded or text.

        Raises AwsConfigError for an unknown key, a value of a wrong type, and a key that only the provider supports.
        """
        known = aws_config.read(config)
        _check(known)
        services: dict[str, str] = {}
        for entry in known.get("endpoints", ()):
            services.update(entry)
        names = {key: name for key, name in _PLAIN.items() if key in known}
        return cls(
            endpoints=services,
            assume_roles=tuple(_role(item) for item in known.get("assumeRoles", ())),
            web_identity=_web_identity(known.get("assumeRoleWithWebIdentity")),
            shared_config_file=next(iter(known.get("sharedConfigFiles", ())), None),
            shared_credentials_file=next(iter(known.get("sharedCredentialsFiles", ())), None),
            allowed_account_ids=tuple(known.get("allowedAccountIds", ())),
            forbidden_account_ids=tuple(known.get("forbiddenAccountIds", ())),
            **{name: known[key] for key, name in names.items()},
        )


_PLAIN = {
    "region": "region",
    "profile": "profile",
    "accessKey": "access_key",
    "secretKey": "secret_key",
    "token": "token",
    "customCaBundle": "ca_bundle",
    "insecure": "insecure",
    "httpProxy": "http_proxy",
    "httpsProxy": "https_proxy",
    "noProxy": "no_proxy",
    "stsRegion": "sts_region",
    "useFipsEndpoint": "use_fips_endpoint",
    "useDualstackEndpoint": "use_dualstack_endpoint",
    "s3UsePathStyle": "s3_use_path_style",
    "s3UsEast1RegionalEndpoint": "s3_us_east_1_regional_endpoint",
    "maxRetries": "max_retries",
    "retryMode": "retry_mode",
    "ec2MetadataServiceEndpoint": "metadata_endpoint",
    "ec2MetadataServiceEndpointMode": "metadata_endpoint_mode",
}
"""Fields by the provider's key, for values that need no conversion."""

_ONE_FILE = "names {} files: hooks and operations support one; put the profiles into one file"


def _check(known: Mapping[str, Any]) -> None:
    """Raise AwsConfigError that names every key that hooks and operations do not support."""
    problems: list[str] = []
    for key in ("sharedConfigFiles", "sharedCredentialsFiles"):
        if len(known.get(key, ())) > 1:
            problems.append(f"aws:{key} {_ONE_FILE.format(len(known[key]))}")
    if "/" in known.get("noProxy", ""):
        problems.append("aws:noProxy has an address range: hooks and operations support host names only")
    missing = [key for key in ("accessKey", "secretKey") if key not in known]
    if len(missing) == 1 or (missing and "token" in known):
        problems.append(f"aws:{missing[0]} is missing: aws:accessKey and aws:secretKey go together")
    identity: Mapping[str, Any] | None = known.get("assumeRoleWithWebIdentity")
    if identity and ("webIdentityToken" in identity) == ("webIdentityTokenFile" in identity):
        problems.append("aws:assumeRoleWithWebIdentity needs one of webIdentityToken and webIdentityTokenFile")
    if problems:
        raise AwsConfigError(problems)


def _role(item: Mapping[str, Any]) -> AssumedRole:
    return AssumedRole(
        role_arn=item["roleArn"],
        session_name=item.get("sessionName"),
        external_id=item.get("externalId"),
        duration_seconds=aws_config.seconds_of(item["duration"]) if "duration" in item else None,
        policy=item.get("policy"),
        policy_arns=tuple(item.get("policyArns", ())),
        source_identity=item.get("sourceIdentity"),
        tags=item.get("tags", {}),
        transitive_tag_keys=tuple(item.get("transitiveTagKeys", ())),
    )


def _web_identity(item: Mapping[str, Any] | None) -> WebIdentity | None:
    if not item:
        return None
    token, file = item.get("webIdentityToken"), item.get("webIdentityTokenFile")
    return WebIdentity(role=_role(item), token=token, token_file=file)
