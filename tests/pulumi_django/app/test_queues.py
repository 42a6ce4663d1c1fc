"""A task that names no queue reaches a worker."""

from __future__ import annotations

import json

import pytest

from pulumi_django import ProdWorkerOptions, SqsOptions, WorkerOptions
from pulumi_django.app.queues import of_sqs, of_workers
from tests.pulumi_django.app.environment import containers, environment, prod, statements

PLAIN = WorkerOptions()


@pytest.mark.parametrize(
    ("workers", "queues"),
    [
        ({"default": PLAIN}, {"default": ("default", "celery")}),
        ({"mail": PLAIN}, {"mail": ("mail", "celery")}),
        ({"default": PLAIN, "mail": PLAIN}, {"default": ("default", "celery"), "mail": ("mail",)}),
        ({"celery": PLAIN, "default": PLAIN}, {"celery": ("celery",), "default": ("default",)}),
        ({"celery": PLAIN}, {"celery": ("celery",)}),
        ({"high": PLAIN, "low": PLAIN}, {"high": ("high",), "low": ("low",)}),
        ({"default": WorkerOptions(queues=["default"])}, {"default": ("default",)}),
        (
            {"default": PLAIN, "all": WorkerOptions(queues=["celery", "mail"])},
            {"default": ("default",), "all": ("celery", "mail")},
        ),
        ({}, {}),
    ],
)
def test_one_worker_takes_celerys_default_queue(
    workers: dict[str, WorkerOptions], queues: dict[str, tuple[str, ...]]
) -> None:
    assert of_workers(workers) == queues


def test_on_sqs_celerys_default_queue_is_another_name_of_the_default_workers() -> None:
    assert of_sqs({"default": PLAIN, "mail": PLAIN}) == (
        {"default": ("default",), "mail": ("mail",)},
        {"celery": "default"},
    )
    assert of_sqs({"celery": PLAIN}) == ({"celery": ("celery",)}, {})
    assert of_sqs({"a": WorkerOptions(queues=["a", "celery"])}) == ({"a": ("a", "celery")}, {})


def test_the_queues_are_in_the_workers_command() -> None:
    result = prod(workers={"default": ProdWorkerOptions(), "mail": ProdWorkerOptions(queues=["mail", "sms"])})
    assert containers(result, "default")[0]["command"][-2:] == ["-Q", "default,celery"]
    assert containers(result, "mail")[0]["command"][-2:] == ["-Q", "mail,sms"]


def test_on_sqs_every_name_leads_to_a_queue_that_the_role_may_use() -> None:
    workers = {"default": ProdWorkerOptions(), "mail": ProdWorkerOptions(queues=["mail", "sms"])}
    result = prod(sqs=SqsOptions(), workers=workers)
    assert containers(result, "default")[0]["command"][-2:] == ["-Q", "default"]
    queues = json.loads(environment(result)["CELERY_BROKER_TRANSPORT_OPTIONS"])["predefined_queues"]
    assert set(queues) == {"celery", "default", "mail", "sms"}
    assert queues["celery"] == queues["default"]
    allowed = {arn.rsplit(":", 1)[1] for arn in statements(result, "shop-task-policy")["Queues"]["Resource"]}
    assert {queue["url"].rsplit("/", 1)[1] for queue in queues.values()} == allowed


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (WorkerOptions(queues=[]), r"workers.mail.queues is \[\]: it names at least one queue"),
        (WorkerOptions(queues=["a", "a"]), r"and each queue once"),
        (WorkerOptions(queues=["a,b"]), r"workers.mail.queues has 'a,b': a queue's name has 1 to 100 letters"),
        (WorkerOptions(queues=["a"], command=["x"]), r"workers.mail has queues and a command"),
    ],
)
def test_queues_that_celery_cannot_take_are_refused(options: WorkerOptions, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        of_workers({"mail": options})


def test_scaling_by_depth_needs_one_queue() -> None:
    workers = {"mail": ProdWorkerOptions(queues=["a", "b"], scaling="staging")}
    with pytest.raises(
        ValueError, match="has scaling by queue_steps and works on a, b: give each queue its own worker"
    ):
        prod(sqs=SqsOptions(), workers=workers)
