"""AWS's errors for users: one sentence and a hint."""

from __future__ import annotations

import socket
from typing import Any

import boto3
import pytest
from botocore import exceptions
from botocore.config import Config
from botocore.exceptions import ClientError

from orchestrator.errors import EngineUnavailableError, OperationFailedError, OrchestratorError
from orchestrator.operations.aws.errors import explain, explained
from pulumi_django.deploying.aws_access import AwsAccess
from pulumi_django.deploying.task_runner import TaskError, TaskRequest, TaskRunner
from tests.support.fake_ecs import FakeAws

ACCESS = AwsAccess(region="eu-west-1")
LOGIN = "log in (`aws sso login`, or set AWS_PROFILE), then run the command again"


def said(code: str, message: str = "no", status: int = 400) -> ClientError:
    answer: Any = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "RunTask")


@pytest.mark.parametrize(
    ("error", "kind", "message", "hint"),
    [
        (
            said("ExpiredTokenException", "The security token included in the request is expired"),
            EngineUnavailableError,
            "AWS does not accept the credentials: they have expired",
            LOGIN,
        ),
        (
            said("UnrecognizedClientException", "The security token included in the request is invalid."),
            EngineUnavailableError,
            "AWS does not accept the credentials: The security token included in the request is invalid",
            LOGIN,
        ),
        (
            said(
                "InvalidSignatureException", "Signature expired: 20261120T080000Z is now earlier than 20261120T084500Z"
            ),
            EngineUnavailableError,
            "AWS does not accept the request's time or signature: "
            "Signature expired: 20261120T080000Z is now earlier than 20261120T084500Z",
            "correct this machine's clock, then log in again",
        ),
        (
            said("AccessDeniedException", "User: ada is not authorized to perform: ecs:RunTask"),
            OperationFailedError,
            "AWS does not allow RunTask: User: ada is not authorized to perform: ecs:RunTask",
            "ask for that permission, or use other credentials (AWS_PROFILE)",
        ),
        (
            said("ThrottlingException", "Rate exceeded"),
            OperationFailedError,
            "AWS did not carry out RunTask: ThrottlingException after many attempts (Rate exceeded)",
            "try again in a minute",
        ),
        (
            said("Whatever", "boom", status=503),
            OperationFailedError,
            "AWS did not carry out RunTask: Whatever after many attempts (boom)",
            "try again in a minute",
        ),
        (
            said("ClusterNotFoundException", "Cluster not found."),
            OperationFailedError,
            "AWS refused RunTask: Cluster not found (ClusterNotFoundException)",
            None,
        ),
        (
            exceptions.NoCredentialsError(),
            EngineUnavailableError,
            "AWS cannot be called: no credentials were found",
            LOGIN,
        ),
        (
            exceptions.UnauthorizedSSOTokenError(),
            EngineUnavailableError,
            "AWS does not accept the credentials: the login has expired",
            LOGIN,
        ),
        (
            exceptions.NoRegionError(),
            EngineUnavailableError,
            "no AWS region is configured: neither in the stack's configuration nor in the environment",
            "set aws:region in the stack's configuration, or AWS_REGION",
        ),
        (
            exceptions.ParamValidationError(report="no cluster"),
            OperationFailedError,
            "the call to AWS failed: Parameter validation failed:\nno cluster",
            None,
        ),
    ],
)
def test_an_error_of_aws_is_one_sentence_and_a_hint(
    error: Exception, kind: type[OrchestratorError], message: str, hint: str | None
) -> None:
    found = explain(error, ACCESS)
    assert type(found) is kind
    assert (found.message, found.hint) == (message, hint)


def test_the_hint_names_the_stacks_own_profile() -> None:
    access = AwsAccess(profile="shop")
    assert explain(exceptions.NoCredentialsError(), access).hint == (
        "log in: `aws sso login --profile shop`, then run the command again"
    )
    assert explain(exceptions.ProfileNotFound(profile="shop"), access).message == (
        "the AWS profile 'shop' does not exist: the stack's configuration, or AWS_PROFILE, refers to it"
    )


def test_an_endpoint_without_a_listener_is_unreachable() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    client: Any = boto3.client(
        "ecs",
        region_name="eu-west-1",
        endpoint_url=url,
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=Config(retries={"total_max_attempts": 1}),
    )
    with pytest.raises(EngineUnavailableError) as caught, explained(ACCESS):
        client.list_clusters()
    assert caught.value.message == f'AWS cannot be reached: Could not connect to the endpoint URL: "{url}/"'
    assert caught.value.hint == "check the network, the region and the endpoints, then try again"


def test_an_error_of_a_task_contains_the_message_of_aws() -> None:
    aws = FakeAws(errors={"RunTask": [("AccessDeniedException", "ada may not")]})
    runner = TaskRunner(aws.client("ecs"), aws.client("logs"), clock=aws.clock)
    request = TaskRequest(cluster="c", task_definition="alpha-gunicorn:1", subnet_ids=["s"], security_group_ids=["g"])
    with pytest.raises(OperationFailedError) as caught, explained(ACCESS):
        runner.start(request)
    assert caught.value.message == "AWS does not allow RunTask: ada may not"


def test_a_task_that_could_not_run_is_reported_with_its_reason() -> None:
    with pytest.raises(OperationFailedError, match=r"^ECS did not start the task: RESOURCE:CPU$"), explained(ACCESS):
        raise TaskError("ECS did not start the task: RESOURCE:CPU")


def test_other_errors_pass() -> None:
    with pytest.raises(KeyError), explained(ACCESS):
        raise KeyError("x")
