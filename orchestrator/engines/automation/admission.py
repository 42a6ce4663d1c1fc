"""Checks before an operation: the right AWS account, and secrets that can be decrypted."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from orchestrator.config import aws_settings, documents
from orchestrator.config.projects import Project
from orchestrator.config.stack_config import StackConfig
from orchestrator.errors import EngineUnavailableError, OrchestratorError, RefusedError
from orchestrator.model import Unit
from orchestrator.recovery import arns
from pulumi_django.deploying.aws_access import AwsAccess
from pulumi_django.rules.aws_config import AwsConfigError

_REJECTED = (
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
)


def account_of(latest: Mapping[str, Any]) -> str | None:
    """The AWS account of a checkpoint's resources, from the first ARN with an account; None without one."""
    for resource in latest.get("resources") or []:
        arn = (resource.get("outputs") or {}).get("arn")
        found = arns.account(arn) if arns.is_arn(arn) else None
        if found:
            return found
    return None


def check_accounts(stacks: Iterable[tuple[Unit, Project, str]]) -> None:
    """Check that each stack's AWS configuration belongs to the account of its resources.

    `stacks` are units with their projects and accounts. Each set of credentials is checked once. Without credentials there is
    no check, and the provider reports the problem. Raises RefusedError, EngineUnavailableError.
    """
    asked: dict[str, str | None] = {}
    for unit, project, account in stacks:
        config = aws_config(project, unit.stack)
        if config is None or config.get("skipRequestingAccountId"):
            continue
        try:
            access = AwsAccess.from_config(config)
        except AwsConfigError:  # a key that only the provider supports
            continue
        if repr(access) not in asked:
            asked[repr(access)] = _identity(access)
        ours = asked[repr(access)]
        if ours is not None and ours != account:
            raise RefusedError(
                f"{unit.stack} was not changed: it is in the AWS account {account}, and the credentials are for {ours}",
                "log in to the account of the stack (AWS_PROFILE, `aws sso login`), or set `aws:profile` in its configuration",
            )


def aws_config(project: Project, stack: str) -> dict[str, Any] | None:
    """The stack's `aws:*` configuration without the prefix; None when it cannot be read, which the program reports."""
    try:
        return aws_settings.provider_config(project, stack, StackConfig.load(project, stack).snapshot())
    except OrchestratorError:
        return None


def _identity(access: AwsAccess) -> str | None:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return str(access.client("sts").get_caller_identity()["Account"])
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in _REJECTED:
            raise EngineUnavailableError(
                "AWS rejected the credentials: they are expired or wrong",
                "log in (`aws sso login`, or set AWS_PROFILE), then run the command again",
            ) from error
        return None
    except BotoCoreError:
        return None


# pulumi/sdk: secrets/passphrase, symmetric.go: key and text with which a passphrase is checked
_ITERATIONS = 1_000_000
_KEY_BYTES = 32
_CHECKED_TEXT = b"pulumi"
_CONTEXT = "context_"
"""Prefix of parameters of an `awskms://` address that form the encryption context."""

# With another passphrase the engine reports no error: the secret outputs of a referenced stack arrive as `{}`.
_HINT = "otherwise stacks that read its secret outputs get empty values without an error"


def check_secrets(unit: Unit, provider: Mapping[str, Any] | None) -> None:
    """Check that the secrets of `unit` can be decrypted.

    `provider` is the secrets provider in the stack's checkpoint. Only passphrases and AWS KMS are checked. Raises RefusedError, EngineUnavailableError.
    """
    kind, state = (provider or {}).get("type"), (provider or {}).get("state") or {}
    if kind == "passphrase" and state.get("salt"):
        _check_passphrase(unit, str(state["salt"]))
    elif kind == "cloud" and str(state.get("url", "")).startswith("awskms://"):
        _check_kms(unit, str(state["url"]), str(state.get("encryptedkey", "")))


def _check_passphrase(unit: Unit, salt: str) -> None:
    passphrase = _passphrase()
    if passphrase is None:
        raise EngineUnavailableError(
            f"the secrets of {unit.stack} cannot be read: no passphrase is set",
            "set PULUMI_CONFIG_PASSPHRASE, or PULUMI_CONFIG_PASSPHRASE_FILE to a file with the passphrase",
        )
    if not passphrase_fits(passphrase, salt):
        raise RefusedError(
            f"the secrets of {unit.stack} cannot be read: the stack was created with another passphrase",
            f"set PULUMI_CONFIG_PASSPHRASE to that passphrase; {_HINT}",
        )


def _passphrase() -> str | None:
    if "PULUMI_CONFIG_PASSPHRASE" in os.environ:
        return os.environ["PULUMI_CONFIG_PASSPHRASE"]
    file = os.environ.get("PULUMI_CONFIG_PASSPHRASE_FILE")
    try:
        return documents.text(Path(file)).strip() if file else None
    except (OSError, UnicodeDecodeError):
        return None


def passphrase_fits(passphrase: str, salt: str) -> bool:
    """Whether the passphrase belongs to a stack's `encryptionsalt` (`v1:SALT:v1:NONCE:TEXT`)."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    parts = salt.split(":")
    if len(parts) != 5 or parts[0] != "v1" or parts[2] != "v1":
        return True  # a newer format, which the CLI checks
    random, nonce, text = (base64.b64decode(parts[at]) for at in (1, 3, 4))
    key = hashlib.pbkdf2_hmac("sha256", passphrase.encode(), random, _ITERATIONS, _KEY_BYTES)
    try:
        return AESGCM(key).decrypt(nonce, text, None) == _CHECKED_TEXT
    except InvalidTag:
        return False


def _check_kms(unit: Unit, url: str, encrypted: str) -> None:
    from botocore.exceptions import BotoCoreError, ClientError

    given = {name: values[-1] for name, values in parse_qs(urlsplit(url).query).items()}
    endpoints = {"kms": given["endpoint"]} if "endpoint" in given else {}
    access = AwsAccess(region=given.get("region"), profile=given.get("profile"), endpoints=endpoints)
    context = {name.removeprefix(_CONTEXT): value for name, value in given.items() if name.startswith(_CONTEXT)}
    try:
        access.client("kms").decrypt(CiphertextBlob=base64.b64decode(encrypted), EncryptionContext=context)
    except (BotoCoreError, ClientError) as error:
        key = url.partition("?")[0].removeprefix("awskms://")
        raise RefusedError(
            f"the secrets of {unit.stack} cannot be read: the KMS key {key} does not decrypt them ({type(error).__name__})",
            f"log in with permission to use that key; {_HINT}",
        ) from error
