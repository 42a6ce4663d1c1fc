"""SQS as broker, with dead-letter queues and a visibility timeout for long tasks."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from pulumi_django import SqsBroker, SqsBrokerArgs
from pulumi_django.testing import SimulationResult, simulate

QUEUE = "aws:sqs/queue:Queue"
KEY = "arn:aws:kms:us-east-1:123456789012:key/1"


def arguments(**changes: Any) -> SqsBrokerArgs:
    return SqsBrokerArgs(**{"environment": "shop", "queues": ["default", "mail"], **changes})


def broker(**changes: Any) -> SimulationResult:
    def program() -> None:
        made = SqsBroker("shop-broker", arguments(**changes))
        pulumi.export("options", made.transport_options)
        pulumi.export("statements", made.statements)
        pulumi.export("urls", made.queue_urls)

    return simulate(program)


def test_every_celery_queue_has_an_sqs_queue_and_a_dead_letter_queue() -> None:
    result = broker()
    assert sorted(r.inputs["name"] for r in result.of_type(QUEUE)) == [
        "shop-default",
        "shop-default-dead",
        "shop-mail",
        "shop-mail-dead",
    ]
    queue, dead = result.one(QUEUE, "shop-broker-mail"), result.one(QUEUE, "shop-broker-mail-dead")
    assert json.loads(queue.inputs["redrivePolicy"]) == {
        "deadLetterTargetArn": dead.outputs["arn"],
        "maxReceiveCount": 5,
    }
    assert dead.inputs["messageRetentionSeconds"] == 14 * 86_400
    allowed = result.one("aws:sqs/redriveAllowPolicy:RedriveAllowPolicy", "shop-broker-mail-dead-from").inputs
    assert json.loads(allowed["redriveAllowPolicy"]) == {
        "redrivePermission": "byQueue",
        "sourceQueueArns": [queue.outputs["arn"]],
    }


def test_celery_gets_the_visibility_timeout_of_the_queues() -> None:
    result = broker(visibility_timeout_seconds=7200)
    assert result.one(QUEUE, "shop-broker-mail").inputs["visibilityTimeoutSeconds"] == 7200
    options = json.loads(result.outputs["options"])
    assert options["visibility_timeout"] == 7200
    assert options["predefined_queues"] == {queue: {"url": url} for queue, url in result.outputs["urls"].items()}
    assert json.loads(broker().outputs["options"])["visibility_timeout"] == 3600


def test_messages_are_encrypted_and_received_only_over_tls() -> None:
    result = broker()
    for queue in result.of_type(QUEUE):
        assert queue.inputs["sqsManagedSseEnabled"] is True
    policies = result.of_type("aws:sqs/queuePolicy:QueuePolicy")
    assert len(policies) == 4
    for policy in policies:
        (statement,) = json.loads(policy.inputs["policy"])["Statement"]
        assert (statement["Effect"], statement["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    own = broker(kms_key_arn=KEY)
    for queue in own.of_type(QUEUE):
        assert queue.inputs["kmsMasterKeyId"] == KEY
        assert "sqsManagedSseEnabled" not in queue.inputs


def test_the_role_can_only_send_and_run_tasks_of_these_queues() -> None:
    result = broker()
    arns = sorted(r.outputs["arn"] for r in result.of_type(QUEUE) if not r.name.endswith("-dead"))
    (statement,) = result.outputs["statements"]
    assert sorted(statement["Resource"]) == arns
    assert statement["Action"] == [
        "sqs:SendMessage",
        "sqs:ReceiveMessage",
        "sqs:DeleteMessage",
        "sqs:ChangeMessageVisibility",
        "sqs:GetQueueAttributes",
        "sqs:GetQueueUrl",
    ]
    _, key = broker(kms_key_arn=KEY).outputs["statements"]
    assert key == {
        "Sid": "QueueKey",
        "Effect": "Allow",
        "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
        "Resource": [KEY],
    }


def test_two_brokers_in_one_stack_do_not_collide() -> None:
    def program() -> None:
        for name in ("alpha", "beta"):
            SqsBroker(f"{name}-broker", arguments(environment=name))

    names = [r.inputs["name"] for r in simulate(program).of_type(QUEUE)]
    assert len(set(names)) == len(names) == 8


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: arguments(queues=[]), "queues is empty: Celery needs at least one queue, usually 'default'"),
        (
            lambda: arguments(visibility_timeout_seconds=50_000),
            "visibility_timeout_seconds is 50000: it must be 60 to 43200",
        ),
        (lambda: arguments(max_receives=0), "max_receives is 0: it must be 1 to 1000"),
        (
            lambda: arguments(retention_seconds=3600),
            "retention_seconds is 3600: it must be more than visibility_timeout_seconds (3600) and up to 1209600",
        ),
        (
            lambda: arguments(queues=["Mail"]),
            "queues: 'Mail' cannot name a queue: a name has 1 to 32 lower-case letters, digits, hyphens and underscores, "
            "beginning with a letter and ending with a letter or digit",
        ),
    ],
)
def test_values_that_sqs_does_not_allow_are_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        make()
    assert str(refused.value) == message
