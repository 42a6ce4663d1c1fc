"""SQS as Celery's broker: an SQS queue for each Celery queue, each with a dead-letter queue."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pulumi_aws as aws

from pulumi_django.rules import naming
from pulumi_django.rules.container_env import queue_variable

BROKER_URL = "sqs://"
"""Value of CELERY_BROKER_URL. It contains no keys, so that Celery uses the role of the task."""

# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html
MAX_VISIBILITY_SECONDS = 43_200
MAX_RETENTION_SECONDS = 1_209_600
QUEUE_NAME_LIMIT = 80

DEFAULT_VISIBILITY_SECONDS = 3600
"""With Celery's own default of 1800 s, a task that takes longer runs twice."""

DEFAULT_MAX_RECEIVES = 5
DEFAULT_RETENTION_SECONDS = 345_600
WAIT_SECONDS = 20
"""Longest long poll:
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html"""

DEAD = "dead"

QUEUE_ACTIONS = tuple(
    f"sqs:{verb}"
    for verb in (
        "SendMessage",
        "ReceiveMessage",
        "DeleteMessage",
        "ChangeMessageVisibility",
        "GetQueueAttributes",
        "GetQueueUrl",
    )
)
"""The actions that kombu calls."""


@dataclass(frozen=True, kw_only=True)
class SqsBrokerArgs:
    environment: str
    """Name of the environment. The names of its queues are `{environment}-{queue}`."""

    queues: Sequence[str]
    """Names of Celery's queues, at least one."""

    other_names: Mapping[str, str] = field(default_factory=dict[str, str])
    """Queue by further name. A task that Celery sends to the further name goes to that queue."""

    visibility_timeout_seconds: int = DEFAULT_VISIBILITY_SECONDS
    """Seconds after which a message that a worker received returns to the queue, 60 to 43200 (12 hours). It must exceed the
    longest task and the longest countdown or ETA; otherwise those tasks run twice."""

    max_receives: int = DEFAULT_MAX_RECEIVES
    """Number of deliveries of a message before it moves to the dead-letter queue, 1 to 1000."""

    retention_seconds: int = DEFAULT_RETENTION_SECONDS
    """Seconds to keep a message that no worker finished, more than the visibility timeout and up to 1209600 (14 days).
    Dead-letter queues keep messages for 14 days."""

    kms_key_arn: pulumi.Input[str] | None = None
    """ARN of the KMS key of the messages; None uses SQS's own encryption."""

    def __post_init__(self) -> None:
        if not self.queues:
            raise ValueError("queues is empty: Celery needs at least one queue, usually 'default'")
        for queue in self.queues:
            naming.check_service_name(queue, "queues", "queue")
            naming.check_length("queue name", f"{self.environment}-{queue}-{DEAD}", QUEUE_NAME_LIMIT)
        check_queues(self.queues)
        for other, queue in self.other_names.items():
            if queue not in self.queues or other in self.queues:
                raise ValueError(
                    f"other_names has {other!r} for {queue!r}: set a new name for one of {', '.join(self.queues)}"
                )
        if not 60 <= self.visibility_timeout_seconds <= MAX_VISIBILITY_SECONDS:
            raise ValueError(
                f"visibility_timeout_seconds is {self.visibility_timeout_seconds}: it must be 60 to {MAX_VISIBILITY_SECONDS}"
            )
        if not 1 <= self.max_receives <= 1000:
            raise ValueError(f"max_receives is {self.max_receives}: it must be 1 to 1000")
        if not self.visibility_timeout_seconds < self.retention_seconds <= MAX_RETENTION_SECONDS:
            raise ValueError(
                f"retention_seconds is {self.retention_seconds}: it must be more than visibility_timeout_seconds "
                f"({self.visibility_timeout_seconds}) and up to {MAX_RETENTION_SECONDS}"
            )


def check_queues(queues: Sequence[str]) -> None:
    """Raise ValueError for queues that would share the name of an SQS queue or of an environment variable."""
    by_name = {f"{queue}-{DEAD}": queue for queue in queues}
    by_variable: dict[str, str] = {}
    for queue in sorted(set(queues)):
        owner = by_name.get(queue)
        if owner is not None:
            raise ValueError(
                f"queues has {owner!r} and {queue!r}: the dead-letter queue of {owner!r} has the name "
                f"{queue!r}, so rename one of them"
            )
        other = by_variable.setdefault(queue_variable(queue), queue)
        if other != queue:
            raise ValueError(
                f"queues has {other!r} and {queue!r}: both need the variable {queue_variable(queue)}, so rename one of "
                "them"
            )


class SqsBroker(pulumi.ComponentResource):
    """The SQS queues of one environment.

    Celery gets their URLs (`predefined_queues`). It therefore never lists, creates or deletes queues, and its role needs no
    such permission.
    """

    queue_names: dict[str, pulumi.Output[str]]
    """Name of the SQS queue by Celery queue: the dimension `QueueName` of its metrics."""

    queue_urls: dict[str, pulumi.Output[str]]
    """URL of the SQS queue by Celery queue."""

    queue_arns: list[pulumi.Output[str]]
    """ARNs of the queues."""

    dead_letter_queue_names: dict[str, pulumi.Output[str]]
    """Name of the dead-letter queue by Celery queue."""

    transport_options: pulumi.Output[str]
    """JSON for Celery's `broker_transport_options`."""

    statements: list[Mapping[str, Any]]
    """IAM statements for a role that sends and runs Celery tasks."""

    def __init__(self, name: str, args: SqsBrokerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:broker:SqsBroker", name, None, opts)
        queues: dict[str, aws.sqs.Queue] = {}
        self.dead_letter_queue_names = {}
        for queue in sorted(set(args.queues)):
            dead = self._dead_letter_queue(f"{name}-{queue}-{DEAD}", queue, args)
            queues[queue] = self._queue(f"{name}-{queue}", queue, dead, args)
            self._accept(f"{name}-{queue}-{DEAD}-from", dead, queues[queue])
            self.dead_letter_queue_names[queue] = dead.name
        self.queue_names = {queue: made.name for queue, made in queues.items()}
        self.queue_urls = {queue: made.url for queue, made in queues.items()}
        self.queue_arns = [made.arn for made in queues.values()]
        self.transport_options = pulumi.Output.all(**self.queue_urls).apply(lambda urls: _transport_options(urls, args))
        self.statements = _statements(self.queue_arns, args.kms_key_arn)
        self.register_outputs({"queue_urls": self.queue_urls})

    def _queue(self, name: str, queue: str, dead: aws.sqs.Queue, args: SqsBrokerArgs) -> aws.sqs.Queue:
        redrive = {"deadLetterTargetArn": dead.arn, "maxReceiveCount": args.max_receives}
        made = aws.sqs.Queue(
            name,
            name=f"{args.environment}-{queue}",
            visibility_timeout_seconds=args.visibility_timeout_seconds,
            message_retention_seconds=args.retention_seconds,
            receive_wait_time_seconds=WAIT_SECONDS,
            redrive_policy=pulumi.Output.json_dumps(redrive),
            **_encryption(args.kms_key_arn),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self._tls_only(f"{name}-tls", made)
        return made

    def _dead_letter_queue(self, name: str, queue: str, args: SqsBrokerArgs) -> aws.sqs.Queue:
        made = aws.sqs.Queue(
            name,
            name=f"{args.environment}-{queue}-{DEAD}",
            message_retention_seconds=MAX_RETENTION_SECONDS,
            **_encryption(args.kms_key_arn),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self._tls_only(f"{name}-tls", made)
        return made

    def _accept(self, name: str, dead: aws.sqs.Queue, source: aws.sqs.Queue) -> None:
        """Allow only the environment's own queue to move messages to this dead-letter queue."""
        policy = {"redrivePermission": "byQueue", "sourceQueueArns": [source.arn]}
        aws.sqs.RedriveAllowPolicy(
            name,
            queue_url=dead.url,
            redrive_allow_policy=pulumi.Output.json_dumps(policy),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _tls_only(self, name: str, queue: aws.sqs.Queue) -> None:
        statement = {
            "Sid": "TlsOnly",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "sqs:*",
            "Resource": queue.arn,
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
        aws.sqs.QueuePolicy(
            name,
            queue_url=queue.url,
            policy=pulumi.Output.json_dumps({"Version": "2012-10-17", "Statement": [statement]}),
            opts=pulumi.ResourceOptions(parent=self),
        )


def _encryption(key_arn: pulumi.Input[str] | None) -> dict[str, Any]:
    return {"sqs_managed_sse_enabled": True} if key_arn is None else {"kms_master_key_id": key_arn}


def _transport_options(urls: Mapping[str, str], args: SqsBrokerArgs) -> str:
    named = {**urls, **{other: urls[queue] for other, queue in args.other_names.items()}}
    return json.dumps(
        {
            "predefined_queues": {queue: {"url": url} for queue, url in sorted(named.items())},
            "visibility_timeout": args.visibility_timeout_seconds,
            "wait_time_seconds": WAIT_SECONDS,
        }
    )


def _statements(queue_arns: Sequence[Any], key_arn: pulumi.Input[str] | None) -> list[Mapping[str, Any]]:
    """Return statements for the calls of kombu: send, receive, return and delete messages of these queues."""
    statements: list[Mapping[str, Any]] = [
        {"Sid": "Queues", "Effect": "Allow", "Action": list(QUEUE_ACTIONS), "Resource": list(queue_arns)}
    ]
    if key_arn is not None:
        key_actions = ["kms:Decrypt", "kms:GenerateDataKey"]
        statements.append({"Sid": "QueueKey", "Effect": "Allow", "Action": key_actions, "Resource": [key_arn]})
    return statements
