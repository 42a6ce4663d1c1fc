"""How code outside the AWS provider (hooks, operations) reaches the same AWS: region, credentials, roles, endpoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pulumi_django.rules import aws_config
from pulumi_django.rules.aws_config import AwsConfigError

CONNECT_TIMEOUT_SECONDS = 10
READ_TIMEOUT_SECONDS = 60
MAX_ATTEMPTS = 8
"""Calls per request: throttled and broken ones are repeated with growing, jittered pauses (botocore's standard mode)."""

ROLE_SESSION_NAME = "pulumi-django"


@dataclass(frozen=True, kw_only=True)
class AssumedRole:
    """A role to act as, and how it is asked for."""

    role_arn: str
    """ARN of the role."""

    session_name: str | None = None
    """Name of the session, as CloudTrail shows it. `pulumi-django` when omitted."""

    external_id: str | None = None
    """External id that the role demands."""

    duration_seconds: int | None = None
    """How long one session lasts, 900 to 43200. AWS's own default is an hour; sessions are renewed as needed."""

    policy: str | None = None
    """JSON policy that narrows the session's permissions."""

    policy_arns: Sequence[str] = ()
    """ARNs of managed policies that narrow them."""

    source_identity: str | None = None
    """Source identity of the session."""

    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    """Session tags."""

    transitive_tag_keys: Sequence[str] = ()
    """Keys of session tags that the next role of the chain keeps."""


@dataclass(frozen=True, kw_only=True)
class WebIdentity:
    """A token of an identity provider (OIDC) that is exchanged for a role."""

    role: AssumedRole
    """The role that the token leads to. It has no external id, source identity or tags: the token brings them."""

    token: str | None = field(default=None, repr=False)
    """The token itself."""

    token_file: str | None = None
    """File with the token, read again at each renewal."""


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
    """Role to act as: short for one entry of `assume_roles`. With several it is the last one."""

    external_id: str | None = None
    """External id that the role of `assume_role_arn` demands."""

    assume_roles: Sequence[AssumedRole] = ()
    """Roles to act as, each assumed by the one before it."""

    web_identity: WebIdentity | None = None
    """Token that is exchanged for the first credentials."""

    access_key: str | None = None
    """Access key id; with `secret_key`, and `token` for temporary ones."""

    secret_key: str | None = field(default=None, repr=False)
    """Secret access key."""

    token: str | None = field(default=None, repr=False)
    """Session token of temporary credentials."""

    shared_config_file: str | None = None
    """File with profiles in place of `~/.aws/config`."""

    shared_credentials_file: str | None = None
    """File with credentials in place of `~/.aws/credentials`."""

    ca_bundle: str | None = None
    """File with the certificate authorities to trust."""

    insecure: bool = False
    """Whether certificates are not looked at."""

    http_proxy: str | None = None
    """Proxy for requests without TLS, and for all when there is no `https_proxy`."""

    https_proxy: str | None = None
    """Proxy for requests with TLS."""

    no_proxy: str | None = None
    """Hosts that are reached without a proxy, separated by commas; NO_PROXY when omitted."""

    sts_region: str | None = None
    """Region whose STS gives out the credentials of roles; `region` when omitted."""

    use_fips_endpoint: bool = False
    """Whether to use the endpoints with FIPS 140 cryptography."""

    use_dualstack_endpoint: bool = False
    """Whether to use the endpoints that speak IPv6 too."""

    s3_use_path_style: bool = False
    """Whether the bucket is in the path of an S3 URL and not in its host."""

    s3_us_east_1_regional_endpoint: str | None = None
    """`regional` or `legacy`: which S3 endpoint us-east-1 has."""

    max_retries: int | None = None
    """How often a failed request is repeated; 7 times when omitted."""

    retry_mode: str | None = None
    """`standard` or `adaptive`."""

    metadata_endpoint: str | None = None
    """Address of the EC2 metadata service."""

    metadata_endpoint_mode: str | None = None
    """`IPv4` or `IPv6`."""

    allowed_account_ids: Sequence[str] = ()
    """The only accounts that may be touched; all when empty."""

    forbidden_account_ids: Sequence[str] = ()
    """Accounts that must not be touched."""

    _known: dict[str, Any] = field(default_factory=dict[str, Any], init=False, repr=False, compare=False)
    """Sessions of roles, and the account: every client uses them again."""

    def __post_init__(self) -> None:
        roles = tuple(self.assume_roles)
        if not roles and self.assume_role_arn:
            roles = (AssumedRole(role_arn=self.assume_role_arn, external_id=self.external_id),)
        if roles and self.assume_role_arn not in (None, roles[-1].role_arn):
            raise ValueError(
                f"assume_role_arn is {self.assume_role_arn!r} and assume_roles ends with {roles[-1].role_arn!r}: "
                "set one of the two"
            )
        # Both ways to name a role give the same access.
        object.__setattr__(self, "assume_roles", roles)
        object.__setattr__(self, "assume_role_arn", roles[-1].role_arn if roles else None)
        object.__setattr__(self, "external_id", roles[-1].external_id if roles else None)

    def client(self, service: str) -> Any:
        """A boto3 client of that service, a new one at each call. boto3 is loaded here and not before.

        Raises an error of botocore when the credentials lead to an account that must not be touched.
        """
        from pulumi_django.deploying import aws_sessions

        return aws_sessions.client(self, service, self._known)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> AwsAccess:
        """The access that a stack's `aws:*` configuration describes; keys without the `aws:` prefix, values decoded or text.

        Raises AwsConfigError for an unknown key, a value of a wrong type, and a key that only the provider can follow.
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
"""Our names of the provider's keys whose values we take as they are."""

_ONE_FILE = "names {} files: hooks and operations can follow one; put the profiles into one file"


def _check(known: Mapping[str, Any]) -> None:
    """Refuse by name what cannot be followed. Raises AwsConfigError."""
    problems: list[str] = []
    for key in ("sharedConfigFiles", "sharedCredentialsFiles"):
        if len(known.get(key, ())) > 1:
            problems.append(f"aws:{key} {_ONE_FILE.format(len(known[key]))}")
    if "/" in known.get("noProxy", ""):
        problems.append("aws:noProxy has an address range: hooks and operations can follow host names only")
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
