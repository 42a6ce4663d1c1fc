"""Settings of the access to AWS for code outside the AWS provider: region, credentials, roles, endpoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class AssumedRole:
    """An IAM role to assume."""

    role_arn: str
    """ARN of the role."""

    session_name: str | None = None
    """Name of the session in CloudTrail; `pulumi-django` when omitted."""

    external_id: str | None = None
    """External id that the role requires."""

    duration_seconds: int | None = None
    """Duration of one session in seconds, 900 to 43200; one hour when omitted. Sessions are renewed as needed."""

    policy: str | None = None
    """JSON policy that narrows the session's permissions."""

    policy_arns: Sequence[str] = ()
    """ARNs of managed policies that narrow the session's permissions."""

    source_identity: str | None = None
    """Source identity of the session."""

    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    """Session tags."""

    transitive_tag_keys: Sequence[str] = ()
    """Keys of the session tags that the next role of the chain keeps."""


@dataclass(frozen=True, kw_only=True)
class WebIdentity:
    """A token of an identity provider (OIDC), exchanged for the credentials of a role."""

    role: AssumedRole
    """The role. It takes no external id, source identity or tags, because the token contains them."""

    token: str | None = field(default=None, repr=False)
    """The token itself."""

    token_file: str | None = None
    """File with the token, read again at each renewal."""


@dataclass(frozen=True, kw_only=True)
class AwsSettings:
    """Settings of the access to AWS. Everything omitted comes from boto3's usual chain (environment, files,
    metadata)."""

    region: str | None = None
    """AWS region, for example `us-east-1`."""

    profile: str | None = None
    """Profile of the AWS configuration files."""

    endpoints: Mapping[str, str] = field(default_factory=dict[str, str])
    """Endpoint URL by service (`ecs`, `logs`) in place of AWS's own."""

    assume_role_arn: str | None = None
    """Role to assume: short form of one entry of `assume_roles`. With several entries, the last one."""

    external_id: str | None = None
    """External id that the role of `assume_role_arn` requires."""

    assume_roles: Sequence[AssumedRole] = ()
    """Roles to assume, each with the credentials of the one before it."""

    web_identity: WebIdentity | None = None
    """Token exchanged for the first credentials."""

    access_key: str | None = None
    """Access key id, together with `secret_key`, and `token` for temporary credentials."""

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
    """Whether TLS certificates are not verified."""

    http_proxy: str | None = None
    """Proxy for requests without TLS, and for all requests without `https_proxy`."""

    https_proxy: str | None = None
    """Proxy for requests with TLS."""

    no_proxy: str | None = None
    """Hosts reached without a proxy, separated by commas; the variable NO_PROXY when omitted."""

    sts_region: str | None = None
    """Region of the STS that issues the credentials of roles; `region` when omitted."""

    use_fips_endpoint: bool = False
    """Whether to use endpoints with FIPS 140 cryptography."""

    use_dualstack_endpoint: bool = False
    """Whether to use endpoints that support IPv6 too."""

    s3_use_path_style: bool = False
    """Whether the path of an S3 URL, not its host, contains the bucket."""

    s3_us_east_1_regional_endpoint: str | None = None
    """S3 endpoint of us-east-1: `regional` or `legacy`."""

    max_retries: int | None = None
    """Number of repetitions of a failed request; 7 when omitted."""

    retry_mode: str | None = None
    """Retry mode of botocore: `standard` or `adaptive`; `standard` when omitted."""

    metadata_endpoint: str | None = None
    """Address of the EC2 metadata service."""

    metadata_endpoint_mode: str | None = None
    """Address family of the EC2 metadata service: `IPv4` or `IPv6`."""

    allowed_account_ids: Sequence[str] = ()
    """The only AWS accounts that may be used; every account when empty."""

    forbidden_account_ids: Sequence[str] = ()
    """AWS accounts that must not be used."""

    _known: dict[str, Any] = field(default_factory=dict[str, Any], init=False, repr=False, compare=False)
    """Sessions of roles, and the account, for reuse by every client."""

    def __post_init__(self) -> None:
        roles = tuple(self.assume_roles)
        if not roles and self.assume_role_arn:
            roles = (AssumedRole(role_arn=self.assume_role_arn, external_id=self.external_id),)
        if roles and self.assume_role_arn not in (None, roles[-1].role_arn):
            raise ValueError(
                f"assume_role_arn is {self.assume_role_arn!r} and assume_roles ends with {roles[-1].role_arn!r}: "
                "set one of the two"
            )
        # Both forms of a role give equal settings.
        object.__setattr__(self, "assume_roles", roles)
        object.__setattr__(self, "assume_role_arn", roles[-1].role_arn if roles else None)
        object.__setattr__(self, "external_id", roles[-1].external_id if roles else None)
