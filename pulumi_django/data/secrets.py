"""The generated secrets of one environment. Secrets Manager stores them, and containers get references."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
import pulumi_random as random

from pulumi_django.contract import number_text

SECRET_KEY_LENGTH = 64
"""More than the 50 characters of Django's own keys, because letters and digits alone have less entropy each."""

DATABASE_PASSWORD_LENGTH = 32

KEYS = ("SECRET_KEY", "DB_USER", "DB_PASSWORD", "DB_HOST", "DB_PORT", "DB_NAME", "DATABASE_URL")
"""Keys of the JSON secret."""

READER_KEY = "DATABASE_READER_URL"
"""One more key, for a server with a host for read-only queries."""


@dataclass(frozen=True, kw_only=True)
class AppSecretsArgs:
    database_host: pulumi.Input[str]
    """Host name of the database server."""

    database_port: pulumi.Input[int]
    """TCP port of the database server."""

    database_name: str
    """Name of the environment's database and of its role."""

    database_reader_host: pulumi.Input[str] | None = None
    """Host name for read-only queries; None without one."""

    password_secret: bool = True
    """Whether a second secret contains only the database password as plain text, for applications that read the secret in
    DB_SECRET_NAME themselves."""

    recovery_window_days: int = 0
    """Days within which a deleted secret can be restored, 7 to 30; 0 deletes it at once."""

    kms_key_arn: pulumi.Input[str] | None = None
    """ARN of the KMS key of the values. Readers need permission to use it. None uses the account's key for Secrets
    Manager."""

    def __post_init__(self) -> None:
        # https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DeleteSecret.html
        if self.recovery_window_days != 0 and not 7 <= self.recovery_window_days <= 30:
            raise ValueError(f"recovery_window_days is {self.recovery_window_days}: it must be 0, or 7 to 30")


class AppSecrets(pulumi.ComponentResource):
    """SECRET_KEY and the database access of one environment, in one JSON secret."""

    secret_arn: pulumi.Output[str]
    """ARN of the JSON secret."""

    references: Mapping[str, pulumi.Output[str]]
    """`valueFrom` for ECS by key of the JSON secret."""

    password_secret_arn: pulumi.Output[str] | None
    """ARN of the secret that contains only the password; None without it."""

    password_secret_name: pulumi.Output[str] | None
    """Name of that secret; None without it."""

    versions: list[pulumi.Resource]
    """The values of the secrets. A task that starts before they exist fails."""

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
        # Letters and digits only, because other characters would need quoting in a URL.
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
