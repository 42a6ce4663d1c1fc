"""The Celery queues of each worker. Pure.

Celery sends a task that names no queue to `celery`. An application that configures no queues uses only that one:
https://docs.celeryq.dev/en/stable/userguide/configuration.html#task-default-queue
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from pulumi_django.app.options import WorkerOptions

CELERY_DEFAULT = "celery"
DEFAULT_WORKER = "default"
_QUEUE = re.compile(r"[A-Za-z0-9_.:@-]{1,100}")


def of_workers(workers: Mapping[str, WorkerOptions]) -> dict[str, tuple[str, ...]]:
    """Return the queues of each worker: its `queues`, else its own name. The worker `default`, or the only worker, also
    works on Celery's default queue, unless another worker does. Raises ValueError for a name that Celery's `-Q` refuses."""
    for name, options in workers.items():
        _check(name, options)
    found = {
        name: tuple(options.queues) if options.queues is not None else (name,) for name, options in workers.items()
    }
    taken = {queue for queues in found.values() for queue in queues}
    default = DEFAULT_WORKER if DEFAULT_WORKER in workers else next(iter(workers)) if len(workers) == 1 else None
    if default is not None and CELERY_DEFAULT not in taken and workers[default].queues is None:
        found[default] = (*found[default], CELERY_DEFAULT)
    return found


def of_sqs(workers: Mapping[str, WorkerOptions]) -> tuple[dict[str, tuple[str, ...]], dict[str, str]]:
    """Return the same for SQS as broker, and second names of queues.

    Celery's default queue is then a second name of the default worker's queue: it needs no SQS queue and no polling.
    """
    found, names = of_workers(workers), dict[str, str]()
    for name, queues in found.items():
        if workers[name].queues is None and queues[1:] == (CELERY_DEFAULT,):
            names[CELERY_DEFAULT] = queues[0]
            found[name] = queues[:1]
    return found, names


def _check(name: str, options: WorkerOptions) -> None:
    queues = options.queues
    if queues is None:
        return
    if options.command is not None:
        raise ValueError(
            f"workers.{name} has queues and a command: name the queues in the command (-Q), or remove the command"
        )
    if not queues or len(set(queues)) < len(queues):
        raise ValueError(f"workers.{name}.queues is {list(queues)}: it names at least one queue, and each queue once")
    for queue in queues:
        if not _QUEUE.fullmatch(queue):
            raise ValueError(
                f"workers.{name}.queues has {queue!r}: a queue's name has 1 to 100 letters, digits and any of _ . : @ -"
            )
