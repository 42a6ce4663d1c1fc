"""The secrets of one environment: generated, kept in Secrets Manager, handed to containers by reference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
import pulumi_random as random

from pulumi_django.contract import number_text

SECRET_KEY_LENGTH = 64
"""Django generates 50 characters; letters and digits alone carry a little less, so there are more of them."""

DATABASE_PASSWORD_LENGTH = 32

KEYS = ("SECRET_KEY", "DB_USER", "DB_PASSWORD", "DB_HOST", "DB_PORT", "DB_NAME", "DATABASE_URL")
"""Keys of the JSON secret."""

READER_KEY = "DATABASE_READER_URL"
"""One more key where the server has a host for queries that only read."""


@dataclass(frozen=True, kw_only=True)
class AppSecretsArgs:
    database_host: pulumi.Input[str]
    """Host name of the database server."""

    database_port: pulumi.Input[int]
    """Its TCP port."""

    database_name: str
    """Database of the environment; its role has the same name."""

    database_reader_host: pulumi.Input[str] | None = None
    """Host name for queries that only read; None without one."""

    password_secret: bool = True
    """Whether the database password also stands in a secret of its own, as plain text, for applications that read the
    secret named by DB_SECRET_NAME themselves."""

    recovery_window_days: int = 0
    """Days for which a deleted secret can be restored, 7 to 30; 0 deletes at once."""

    kms_key_arn: pulumi.Input[str] | None = None
    """Key of the values, which who reads them must be allowed to use; None leaves them to the account's key for Secrets
    Manager."""

    def __post_init__(self) -> None:
        # https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DeleteSecret.html
        if self.recovery_window_days != 0 and not 7 <= self.recovery_window_days <= 30:
            raise ValueError(f"recovery_window_days is {self.recovery_window_days}: it is 0, or 7 to 30")


class AppSecrets(pulumi.ComponentResource):
    """SECRET_KEY and the database access of one environment, in one JSON secret."""

    secret_arn: pulumi.Output[str]
    """The JSON secret."""

    references: Mapping[str, pulumi.Output[str]]
    """`valueFrom` of ECS by key of the JSON secret."""

    password_secret_arn: pulumi.Output[str] | None
    """The secret with just the password, when there is one."""

    password_secret_name: pulumi.Output[str] | None
    """Its name."""

    versions: list[pulumi.Resource]
    """The secrets' values; a task that starts before they are there fails."""

    def __init__(self, name: str, args: AppSecretsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:app_secrets:AppSecrets", name, None, opts)
        secret_key = self._generated(f"{name}-secret-key", SECRET_KEY_LENGTH)
        password = self._generated(f"{name}-database-password", DATABASE_PASSWORD_LENGTH)
        self.versions = []
        secret = self._secret(name, args, _document(args, secret_key, password))
        self.secret_arn = secret.arn
        self.references = {key: pulumi.Output.concat(secret.arn, f":{key}::") for key in _keys(args)}
        plain = self._secret(f"{name}-password", args, password) if args.password_secret else None
        self.password_secret_arn = plain.arn if plain else None
        self.password_secret_name = plain.name if plain else None
        self.register_outputs({"secret_arn": self.secret_arn, "password_secret_arn": self.password_secret_arn})

    def _generated(self, name: str, length: int) -> pulumi.Output[str]:
        # Letters and digits only: the password stands in a URL, where others would need quoting.
        return random.RandomPassword(
            name, length=length, special=False, opts=pulumi.ResourceOptions(parent=self)
        ).result

    def _secret(self, name: str, args: AppSecretsArgs, value: pulumi.Output[str]) -> aws.secretsmanager.Secret:
        child = pulumi.ResourceOptions(parent=self)
        secret = aws.secretsmanager.Secret(
            name, recovery_window_in_days=args.recovery_window_days, kms_key_id=args.kms_key_arn, opts=child
        )
        self.versions.append(
            aws.secretsmanager.SecretVersion(f"{name}-value", secret_id=secret.arn, secret_string=value, opts=child)
        )
        return secret


def _keys(args: AppSecretsArgs) -> tuple[str, ...]:
    return KEYS if args.database_reader_host is None else (*KEYS, READER_KEY)


def _document(args: AppSecretsArgs, secret_key: pulumi.Output[str], password: pulumi.Output[str]) -> pulumi.Output[str]:
    port = number_text(args.database_port)
    user = args.database_name

    def url(host: pulumi.Input[str]) -> pulumi.Output[str]:
        return pulumi.Output.concat(f"postgres://{user}:", password, "@", host, ":", port, f"/{user}?sslmode=require")

    reader = args.database_reader_host
    return pulumi.Output.json_dumps(
        {
            "SECRET_KEY": secret_key,
            "DB_USER": user,
            "DB_PASSWORD": password,
            "DB_HOST": args.database_host,
            "DB_PORT": port,
            "DB_NAME": args.database_name,
            "DATABASE_URL": url(args.database_host),
            **({READER_KEY: url(reader)} if reader is not None else {}),
        }
    )
