"""Creates boto3 clients that reach AWS as the provider does: the same credentials, roles, endpoints and certificates.

The order is that of the provider: keys of the configuration, or else the profile, or else boto3's usual chain. A web identity
replaces them. Then each role is assumed with the credentials of the one before it (https://github.com/hashicorp/aws-sdk-go-base).
"""

from __future__ import annotations

import os
import urllib.request
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import boto3
import botocore.session
from botocore.config import Config
from botocore.credentials import (
    AssumeRoleCredentialFetcher,
    AssumeRoleWithWebIdentityCredentialFetcher,
    CredentialProvider,
    CredentialResolver,
    DeferredRefreshableCredentials,
)
from botocore.exceptions import BotoCoreError, NoCredentialsError

from pulumi_django.deploying.aws_settings import AssumedRole, AwsSettings, WebIdentity

CONNECT_TIMEOUT_SECONDS = 10
READ_TIMEOUT_SECONDS = 60
MAX_ATTEMPTS = 8
"""Attempts of one request. Throttled and failed ones are repeated with growing, jittered pauses (botocore's standard
mode)."""

ROLE_SESSION_NAME = "pulumi-django"

_ENDPOINT_NAMES = {
    "appautoscaling": "applicationautoscaling",
    "cloudwatchevents": "events",
    "cloudwatchlog": "logs",
    "cloudwatchlogs": "logs",
    "costexplorer": "ce",
    "elasticloadbalancing": "elb",
    "elasticloadbalancingv2": "elbv2",
    "eventbridge": "events",
    "resourcegroupstagging": "resourcegroupstaggingapi",
    "s3api": "s3",
}
"""boto3's service by a further name that the provider accepts. The usual names are boto3's without dashes."""


class WrongAccountError(BotoCoreError):
    """The credentials belong to an account that the configuration does not allow."""

    fmt = "the credentials belong to the account {account}, which {key} does not allow"


def client(access: AwsSettings, service: str, known: dict[str, Any]) -> Any:
    """Return a client of a service.

    `known` keeps the sessions of roles and the account for further clients of the same settings. Raises WrongAccountError,
    and errors of boto3.
    """
    session = _session(access, known.setdefault("roles", {}))
    if access.allowed_account_ids or access.forbidden_account_ids:
        if "account" not in known:
            known["account"] = str(_made(access, session, "sts").get_caller_identity()["Account"])
        _check_account(access, known["account"])
    return _made(access, session, service)


def _check_account(access: AwsSettings, account: str) -> None:
    if access.allowed_account_ids and account not in access.allowed_account_ids:
        raise WrongAccountError(account=account, key="aws:allowedAccountIds")
    if account in access.forbidden_account_ids:
        raise WrongAccountError(account=account, key="aws:forbiddenAccountIds")


def _session(access: AwsSettings, cache: dict[str, Any]) -> Any:
    """Return the session of the last role, or of the plain credentials without roles and web identity."""
    credentials: Any = None
    if access.web_identity:
        credentials = _of_web_identity(access, access.web_identity, cache)
    elif access.assume_roles:
        credentials = _plain_session(access).get_credentials()
        if credentials is None:
            raise NoCredentialsError()
    for role in access.assume_roles:
        credentials = _of_role(access, role, credentials, cache)
    return _plain_session(access, credentials)


def _plain_session(access: AwsSettings, credentials: Any = None) -> Any:
    """Return a boto3 session with these credentials, or with the keys, files and profile of the configuration."""
    core: Any = botocore.session.Session()
    settings = {
        "config_file": _path(access.shared_config_file),
        "credentials_file": _path(access.shared_credentials_file),
        "ec2_metadata_service_endpoint": access.metadata_endpoint,
        "ec2_metadata_service_endpoint_mode": access.metadata_endpoint_mode,
    }
    for name, value in settings.items():
        if value:
            core.set_config_variable(name, value)
    if credentials is not None:
        core.register_component("credential_provider", CredentialResolver([_Given(credentials)]))
    # The provider reads AWS_REGION. boto3 reads only AWS_DEFAULT_REGION.
    region = access.region or os.environ.get("AWS_REGION") or None
    keys = (access.access_key, access.secret_key, access.token) if credentials is None else (None, None, None)
    return boto3.Session(
        *keys,
        region_name=region,
        botocore_session=core,
        profile_name=_profile(access),
    )


def _profile(access: AwsSettings) -> str | None:
    """Return the profile for boto3; None keeps boto3's own chain."""
    if access.access_key:  # keys have precedence over a profile
        return None
    if access.profile or os.environ.get("AWS_ACCESS_KEY_ID") or os.environ.get("AWS_WEB_IDENTITY_TOKEN_FILE"):
        return access.profile
    # With both variables set, boto3 uses AWS_DEFAULT_PROFILE and the provider uses AWS_PROFILE.
    return os.environ.get("AWS_PROFILE") or None if os.environ.get("AWS_DEFAULT_PROFILE") else None


class _Given(CredentialProvider):
    """A credential provider of botocore with fixed credentials."""

    METHOD = CANONICAL_NAME = ROLE_SESSION_NAME

    def __init__(self, credentials: Any) -> None:
        super().__init__()
        self._credentials = credentials

    def load(self) -> Any:
        return self._credentials


def _of_web_identity(access: AwsSettings, identity: WebIdentity, cache: dict[str, Any]) -> Any:
    def token() -> str:
        if identity.token is not None:
            return identity.token
        return Path(_path(identity.token_file) or "").read_text(encoding="utf-8").strip()

    fetcher = AssumeRoleWithWebIdentityCredentialFetcher(
        _sts_maker(access), token, identity.role.role_arn, extra_args=_extra(identity.role), cache=cache
    )
    return DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role-with-web-identity")


def _of_role(access: AwsSettings, role: AssumedRole, source: Any, cache: dict[str, Any]) -> Any:
    fetcher = AssumeRoleCredentialFetcher(
        _sts_maker(access), source, role.role_arn, extra_args=_extra(role), cache=cache
    )
    return DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")


def _extra(role: AssumedRole) -> dict[str, Any]:
    """Return the parameters of AssumeRole except the role."""
    wanted: dict[str, Any] = {
        "RoleSessionName": role.session_name or ROLE_SESSION_NAME,
        "ExternalId": role.external_id,
        "DurationSeconds": role.duration_seconds,
        "Policy": role.policy,
        "PolicyArns": [{"arn": arn} for arn in role.policy_arns],
        "SourceIdentity": role.source_identity,
        "Tags": [{"Key": key, "Value": value} for key, value in role.tags.items()],
        "TransitiveTagKeys": list(role.transitive_tag_keys),
    }
    return {name: value for name, value in wanted.items() if value}


def _sts_maker(access: AwsSettings) -> Any:
    """Return the function with which botocore creates STS clients for the credentials of roles."""
    session = _plain_session(access)

    def make(service: str, config: Config | None = None, **keys: Any) -> Any:
        return _made(access, session, service, region=access.sts_region, config=config, **keys)

    return make


def _made(
    access: AwsSettings,
    session: Any,
    service: str,
    region: str | None = None,
    config: Config | None = None,
    **keys: Any,
) -> Any:
    """Return a client, without a proxy for a host that needs none."""
    endpoint = _endpoint(access, service)
    options: dict[str, Any] = {"region_name": region, "endpoint_url": endpoint, "verify": _verify(access), **keys}
    proxies = _proxies(access)
    # None makes boto3 read the proxies of the environment.
    made = session.client(service, config=_config(access, {} if proxies else None, config), **options)
    if not proxies or _direct(access, made.meta.endpoint_url):
        return made
    return session.client(service, config=_config(access, proxies, config), **options)


def _config(access: AwsSettings, proxies: dict[str, str] | None, more: Config | None) -> Config:
    attempts = MAX_ATTEMPTS if access.max_retries is None else access.max_retries + 1
    s3 = {
        "addressing_style": "path" if access.s3_use_path_style else None,
        "us_east_1_regional_endpoint": access.s3_us_east_1_regional_endpoint,
    }
    given: dict[str, Any] = {
        "use_fips_endpoint": access.use_fips_endpoint,
        "use_dualstack_endpoint": access.use_dualstack_endpoint,
        "s3": {key: value for key, value in s3.items() if value},
    }
    config = Config(
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
        read_timeout=READ_TIMEOUT_SECONDS,
        proxies=proxies,
        retries=cast(Any, {"mode": access.retry_mode or "standard", "total_max_attempts": attempts}),
        **{key: value for key, value in given.items() if value},  # everything else comes from the environment
    )
    return config.merge(more) if more else config


def _endpoint(access: AwsSettings, service: str) -> str | None:
    """Return the endpoint of a service, under any name that the provider accepts."""
    by_name = {_ENDPOINT_NAMES.get(name, name): url for name, url in access.endpoints.items()}
    return by_name.get(service) or by_name.get(service.replace("-", ""))


def _verify(access: AwsSettings) -> bool | str | None:
    return False if access.insecure else _path(access.ca_bundle)


def _proxies(access: AwsSettings) -> dict[str, str]:
    found = {"http": access.http_proxy, "https": access.https_proxy or access.http_proxy}
    if access.no_proxy is not None:  # otherwise boto3 would read the NO_PROXY of the environment
        found = {**urllib.request.getproxies(), **{key: url for key, url in found.items() if url}}
    return {key: url for key, url in found.items() if url and key in ("http", "https")}


def _direct(access: AwsSettings, url: str) -> bool:
    hosts = access.no_proxy if access.no_proxy is not None else urllib.request.getproxies().get("no", "")
    return bool(cast(Any, urllib.request).proxy_bypass_environment(urlsplit(url).hostname or "", {"no": hosts}))


def _path(path: str | None) -> str | None:
    return os.path.expanduser(os.path.expandvars(path)) if path else None
