"""botocore's errors as errors for users: one sentence and a hint. The only place that translates them."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from orchestrator.errors import EngineUnavailableError, OperationFailedError, OrchestratorError
from pulumi_django.deploying.polling import TRANSIENT_CODES

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

    from pulumi_django.deploying.aws_access import AwsAccess

# Codes of AWS services that mean the same: https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html
_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"})
_UNKNOWN_KEY = frozenset(
    {
        "InvalidClientTokenId",
        "UnrecognizedClientException",
        "InvalidAccessKeyId",
        "SignatureDoesNotMatch",
        "AuthFailure",
    }
)
_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "NotAuthorized"})
_SKEW = frozenset({"RequestTimeTooSkewed", "InvalidSignatureException"})
_SERVER_TROUBLE = 500


@contextmanager
def explained(access: AwsAccess) -> Generator[None]:
    """Raise botocore's errors of the block as errors of `orchestrator.errors`; others are not changed.

    `access` is the access to AWS, for the hint.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    from pulumi_django.deploying.task_runner import TaskError

    try:
        yield
    except TaskError as error:
        cause = error.__cause__
        if isinstance(cause, ClientError):
            raise explain(cause, access) from error
        raise OperationFailedError(str(error)) from error
    except (BotoCoreError, ClientError) as error:
        raise explain(error, access) from error


def explain(error: Exception, access: AwsAccess) -> OrchestratorError:
    """Return the error for users of an error of botocore."""
    from botocore.exceptions import ClientError

    return _refused(error, access) if isinstance(error, ClientError) else _unreachable(error, access)


def _refused(error: ClientError, access: AwsAccess) -> OrchestratorError:
    """Return the error for an error response of AWS."""
    detail: Any = error.response.get("Error", {})
    code, text = str(detail.get("Code", "unknown")), str(detail.get("Message", "")).strip().rstrip(".")
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if code in _EXPIRED:
        return EngineUnavailableError("AWS does not accept the credentials: they have expired", _login(access))
    if code in _UNKNOWN_KEY:
        return EngineUnavailableError(f"AWS does not accept the credentials: {text or code}", _login(access))
    if code in _SKEW:
        return EngineUnavailableError(
            f"AWS does not accept the request's time or signature: {text or code}",
            "correct this machine's clock, then log in again",
        )
    if code in _DENIED:
        return OperationFailedError(
            f"AWS does not allow {error.operation_name}: {text or code}",
            "ask for that permission, or use other credentials (AWS_PROFILE)",
        )
    if code in TRANSIENT_CODES or status >= _SERVER_TROUBLE:
        return OperationFailedError(
            f"AWS did not carry out {error.operation_name}: {code} after many attempts ({text or 'no reason given'})",
            "try again in a minute",
        )
    return OperationFailedError(f"AWS refused {error.operation_name}: {text or 'no reason given'} ({code})")


def _unreachable(error: Exception, access: AwsAccess) -> OrchestratorError:
    """Return the error for a call that did not reach AWS."""
    from botocore import exceptions as known

    from pulumi_django.deploying.aws_sessions import WrongAccountError

    text = str(error).strip().rstrip(".")
    match error:
        case WrongAccountError():
            return EngineUnavailableError(f"AWS was not called: {text}", _login(access))
        case known.NoCredentialsError() | known.PartialCredentialsError() | known.CredentialRetrievalError():
            return EngineUnavailableError("AWS cannot be called: no credentials were found", _login(access))
        case (
            known.SSOTokenLoadError()
            | known.UnauthorizedSSOTokenError()
            | known.SSOError()
            | known.TokenRetrievalError()
        ):
            return EngineUnavailableError("AWS does not accept the credentials: the login has expired", _login(access))
        case known.ProfileNotFound():
            return EngineUnavailableError(
                f"the AWS profile {access.profile!r} does not exist: the stack's configuration, or AWS_PROFILE, refers to it",
                "add it with `aws configure sso`, or correct aws:profile",
            )
        case known.NoRegionError():
            return EngineUnavailableError(
                "no AWS region is configured: neither in the stack's configuration nor in the environment",
                "set aws:region in the stack's configuration, or AWS_REGION",
            )
        case known.EndpointConnectionError() | known.ConnectionError() | known.HTTPClientError():
            return EngineUnavailableError(
                f"AWS cannot be reached: {text}", "check the network, the region and the endpoints, then try again"
            )
        case _:
            return OperationFailedError(f"the call to AWS failed: {text}")


def _login(access: AwsAccess) -> str:
    if access.profile:
        return f"log in: `aws sso login --profile {access.profile}`, then run the command again"
    return "log in (`aws sso login`, or set AWS_PROFILE), then run the command again"
