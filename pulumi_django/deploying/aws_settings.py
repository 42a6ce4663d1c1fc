"""The settings that give code outside the AWS provider the same AWS: region, credentials, roles, endpoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


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
class AwsSettings:
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
