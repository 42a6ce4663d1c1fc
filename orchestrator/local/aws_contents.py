"""The buckets, queues and secrets of an environment, created in moto's server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator.local.declaration import Declaration
from orchestrator.local.secret_values import SecretValues
from orchestrator.local.tasks import Tasks

_QUEUE_ATTRIBUTES = {
    "visibilityTimeoutSeconds": "VisibilityTimeout",
    "delaySeconds": "DelaySeconds",
    "receiveWaitTimeSeconds": "ReceiveMessageWaitTimeSeconds",
    "messageRetentionSeconds": "MessageRetentionPeriod",
    "maxMessageSize": "MaximumMessageSize",
    "fifoQueue": "FifoQueue",
    "contentBasedDeduplication": "ContentBasedDeduplication",
}


def buckets(declaration: Declaration, tasks: Tasks) -> tuple[str, ...]:
    """The names of the buckets that the variables of containers name."""
    values = {value for each in tasks.services for one in each.task.containers for value in one.environment.values()}
    names = [str(each.outputs.get("bucket") or each.id) for each in declaration.of_type("aws:s3/bucket:Bucket")]
    return tuple(name for name in dict.fromkeys(names) if name in values)


def queues(declaration: Declaration) -> dict[str, dict[str, str]]:
    """The attributes of each queue by its name."""
    found: dict[str, dict[str, str]] = {}
    for resource in declaration.of_type("aws:sqs/queue:Queue"):
        given = resource.inputs
        attributes = {own: given[key] for key, own in _QUEUE_ATTRIBUTES.items() if given.get(key) is not None}
        texts = {
            name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in attributes.items()
        }
        found[str(resource.outputs.get("name") or resource.name)] = texts
    return found


def create(
    endpoint: str,
    region: str,
    wanted_buckets: Sequence[str],
    wanted_queues: Mapping[str, Mapping[str, str]],
    secrets: SecretValues,
) -> None:
    """Create everything in the server at `endpoint`."""
    import boto3
    from botocore.config import Config

    session = boto3.Session(aws_access_key_id="local", aws_secret_access_key="local", region_name=region)
    config = Config(retries={"max_attempts": 2}, proxies={})

    def client(service: Any) -> Any:
        return session.client(service, endpoint_url=endpoint, config=config)

    if wanted_buckets:
        s3 = client("s3")
        where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        for name in wanted_buckets:
            s3.create_bucket(Bucket=name, **where)
    if wanted_queues:
        sqs = client("sqs")
        for name, attributes in wanted_queues.items():
            sqs.create_queue(QueueName=name, Attributes=dict(attributes))
    stored = {secrets.names[arn]: text for arn, text in secrets.stored.items() if arn in secrets.names}
    if stored:
        manager = client("secretsmanager")
        for name, text in stored.items():
            manager.create_secret(Name=name, SecretString=text)
