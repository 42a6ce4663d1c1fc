# pyright: basic
# Strict typing ends here: the SDK publishes no types for its runtime internals and protocol messages.
"""Runs a whole Pulumi program in this process against a recording monitor: no CLI, no engine, no AWS."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import importlib
import logging
import threading
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from google.protobuf import empty_pb2
from pulumi.runtime import config as sdk_config
from pulumi.runtime import mocks as sdk_mocks
from pulumi.runtime import settings
from pulumi.runtime import stack as sdk_stack

from pulumi_django.testing.mocks import Mocks, StackOutputs
from pulumi_django.testing.model import SimulatedResource, SimulationResult
from pulumi_django.testing.monitor import RecordingMonitor

Program = Callable[[], Awaitable[None] | None]

_LAZY_MODULES_USED = (
    (
        "pulumi_aws",
        (
            "acm",
            "appautoscaling",
            "cloudfront",
            "cloudwatch",
            "ec2",
            "ecs",
            "elasticache",
            "iam",
            "kms",
            "lb",
            "rds",
            "route53",
            "s3",
            "scheduler",
            "secretsmanager",
            "sns",
            "sqs",
            "ssm",
            "vpc",
            "wafv2",
        ),
    ),
)
_loaded = threading.Lock()


def simulate(
    program: Program,
    *,
    project: str = "project",
    stack: str = "stack",
    organization: str = "organization",
    config: Mapping[str, str] | None = None,
    secret_keys: Iterable[str] = (),
    preview: bool = False,
    mocks: Mocks | None = None,
    stacks: Mapping[str, StackOutputs | SimulationResult] | None = None,
    prior: Mapping[str, SimulatedResource] | None = None,
) -> SimulationResult:
    """Run `program` as `pulumi up` (or `pulumi preview`) would, and return what it registered.

    Args:
        program: a callable without arguments; it may be async, and may call `pulumi.run`.
        project, stack, organization: what `pulumi.get_project()` and its like answer.
        config: stack configuration by full key (`django-app:base`); objects as JSON text, as Pulumi passes them.
        secret_keys: keys of `config` that are secret.
        preview: make ids and computed outputs of new resources unknown, so that `apply` callbacks do not run.
        mocks: answers of AWS; plausible ones when omitted.
        stacks: what StackReferences read, by full stack name; results of earlier simulations or (outputs, secret names).
        prior: resources of the previous state by URN. Unchanged resources keep ids and computed outputs, replaced ones
            get new ones.

    Whatever the program raises is raised here, also from an `apply`. Runs do not disturb each other, in one thread or
    several.

    Example:
        >>> import pulumi, pulumi_aws as aws
        >>> def program():
        ...     pulumi.export("arn", aws.sns.Topic("news").arn)
        >>> simulate(program).of_type("aws:sns/topic:Topic")[0].name
        'news'
    """
    _load_lazy_modules()
    answers = mocks or Mocks(region=(config or {}).get("aws:region") or "us-east-1")
    monitor = RecordingMonitor(answers, preview=preview, prior=prior or {}, stacks=_stack_outputs(stacks or {}))
    logs = _LogLines()
    known = sdk_mocks.MockSettings(
        monitor=monitor,
        monitor_features=set(monitor.GetDeploymentInfo(empty_pb2.Empty()).supportedFeatures),
        engine=sdk_mocks.MockEngine(logs.logger),
        project=project,
        stack=stack,
        dry_run=preview,
        organization=organization,
        callbacks=None,
        outputs=set(),
        root_directory=None,
        package_refs={},
        base_providers_by_ref={},
    )
    known.lock = threading.Lock()  # pyright: ignore[reportAttributeAccessIssue]
    contextvars.copy_context().run(_run, program, known, dict(config or {}), list(secret_keys))
    return SimulationResult(
        resources=tuple(monitor.resources_by_urn.values()),
        outputs=monitor.stack_outputs,
        secret_outputs=monitor.secret_outputs,
        invokes=tuple(monitor.invokes),
        hooks=tuple(monitor.hook_names),
        logs=tuple(logs.lines),
    )


def _run(program: Program, known: Any, config: dict[str, str], secret_keys: list[str]) -> None:
    loop = asyncio.new_event_loop()
    # The mock monitor answers on the loop's executor. One worker keeps the calls in a fixed order; its event loop, which
    # the monitor makes to resolve references, is ours to close.
    worker_loop = asyncio.new_event_loop()
    worker = concurrent.futures.ThreadPoolExecutor(
        1, "simulation", initializer=lambda: asyncio.set_event_loop(worker_loop)
    )
    loop.set_default_executor(worker)
    # After a failure every Output that depended on it complains once more; the first error is what is raised.
    loop.set_exception_handler(lambda _loop, _context: None)
    asyncio.set_event_loop(loop)
    try:
        settings.ROOT.set(None)
        sdk_config.set_all_config(config, secret_keys)
        settings.configure(known)
        loop.run_until_complete(sdk_stack.run_in_stack(program))
    finally:
        _close(loop, worker, worker_loop)


def _close(
    loop: asyncio.AbstractEventLoop,
    worker: concurrent.futures.ThreadPoolExecutor,
    worker_loop: asyncio.AbstractEventLoop,
) -> None:
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    if left:
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
    worker.shutdown()
    worker_loop.close()
    asyncio.set_event_loop(None)
    loop.close()


def _stack_outputs(stacks: Mapping[str, StackOutputs | SimulationResult]) -> dict[str, StackOutputs]:
    return {
        name: (stack.outputs, stack.secret_outputs) if isinstance(stack, SimulationResult) else stack
        for name, stack in stacks.items()
    }


def _load_lazy_modules() -> None:
    """Touch the SDK's lazily loaded modules under a lock: two threads that do so at once break each other's import."""
    with _loaded:
        for package, modules in _LAZY_MODULES_USED:
            loaded = importlib.import_module(package)
            for module in modules:
                dir(getattr(loaded, module))


class _LogLines(logging.Handler):
    """Collects what the program logs through `pulumi.log`."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: list[tuple[str, str]] = []
        self.logger = logging.Logger("simulation", logging.INFO)
        self.logger.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append((record.levelname.lower(), record.getMessage()))
