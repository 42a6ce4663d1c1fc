# pyright: basic
# Strict typing ends here: the SDK publishes no types for its runtime internals and protocol messages.
"""Runs a whole Pulumi program in this process with a recording monitor: no CLI, no engine, no AWS."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import logging
import threading
import weakref
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from google.protobuf import empty_pb2
from pulumi.runtime import config as sdk_config
from pulumi.runtime import mocks as sdk_mocks
from pulumi.runtime import resource as sdk_resource
from pulumi.runtime import settings
from pulumi.runtime import stack as sdk_stack
from pulumi.runtime.proto import source_pb2

from pulumi_django import lazy_services
from pulumi_django.testing.mocks import Mocks, StackOutputs
from pulumi_django.testing.model import SimulatedResource, SimulationResult
from pulumi_django.testing.monitor import RecordingMonitor
from pulumi_django.testing.outputs_in_flight import OutputsInFlight

Program = Callable[[], Awaitable[None] | None]

_simulating = contextvars.ContextVar("simulating", default=False)
_stack_trace = sdk_resource._get_stack_trace


def _no_stack_trace_in_simulations() -> Any:
    """Return no lines of the program, which the SDK reads for each resource and the engine's state keeps.

    The simulation does not record them. Reading them takes a quarter of its time. Other programs keep the SDK's function.
    """
    return source_pb2.StackTrace() if _simulating.get() else _stack_trace()


sdk_resource._get_stack_trace = _no_stack_trace_in_simulations


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
    """Run `program` as `pulumi up` (or `pulumi preview`) does, and return the registered resources.

    Args:
        program: a callable without arguments. It can be async, and it can call `pulumi.run`.
        project, stack, organization: results of `pulumi.get_project()` and the like.
        config: stack configuration by full key (`django-app:base`), with objects as JSON text.
        secret_keys: keys of `config` that are secret.
        preview: whether ids and computed outputs of new resources are unknown, so that `apply` callbacks do not run.
        mocks: results of AWS; plausible results when omitted.
        stacks: outputs for StackReferences by full stack name: earlier results, or (outputs, secret names).
        prior: resources of the previous state by URN. Unchanged resources keep their ids and computed outputs; replaced
            resources get new ones.

    Errors of the program, also in an `apply`, are raised here. Runs are independent, in one thread or in several.

    Example:
        >>> import pulumi, pulumi_aws as aws
        >>> def program():
        ...     pulumi.export("arn", aws.sns.Topic("news").arn)
        >>> simulate(program).of_type("aws:sns/topic:Topic")[0].name
        'news'
    """
    lazy_services.begin()
    answers = mocks or Mocks(region=(config or {}).get("aws:region") or "us-east-1")
    monitor = RecordingMonitor(answers, preview=preview, prior=prior or {}, stacks=_stack_outputs(stacks or {}))
    logs = _LogLines()
    names = {"project": project, "stack": stack, "organization": organization}
    known = _settings(monitor, logs.logger, dry_run=preview, **names)
    _in_own_loop(_run, program, known, dict(config or {}), list(secret_keys))
    return SimulationResult(
        resources=tuple(monitor.resources_by_urn.values()),
        outputs=monitor.stack_outputs,
        secret_outputs=monitor.secret_outputs,
        invokes=tuple(monitor.invokes),
        hooks=tuple(monitor.hook_names),
        logs=tuple(logs.lines),
    )


def _settings(monitor: RecordingMonitor, logger: logging.Logger, *, dry_run: bool, **names: str) -> Any:
    known: Any = sdk_mocks.MockSettings(
        monitor=monitor,
        monitor_features=set(monitor.GetDeploymentInfo(empty_pb2.Empty()).supportedFeatures),
        engine=sdk_mocks.MockEngine(logger),
        dry_run=dry_run,
        callbacks=None,
        outputs=OutputsInFlight(),
        root_directory=None,
        package_refs={},
        base_providers_by_ref={},
        **names,
    )
    known.lock = threading.Lock()
    return known


def _in_own_loop(run: Callable[..., None], *arguments: Any) -> None:
    """Call `run`, which runs an event loop; in a thread of its own when one runs here, as in a notebook."""
    context = contextvars.copy_context()
    if _a_loop_runs():
        with concurrent.futures.ThreadPoolExecutor(1, "simulation-loop") as thread:
            thread.submit(context.run, run, *arguments).result()
    else:
        context.run(run, *arguments)


def _a_loop_runs() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _run(program: Program, known: Any, config: dict[str, str], secret_keys: list[str]) -> None:
    loop = asyncio.new_event_loop()
    # The mock monitor runs on the loop's executor. One worker keeps the order of the calls. The monitor needs an event loop
    # for references, which this function creates and closes.
    worker_loop = asyncio.new_event_loop()
    worker = concurrent.futures.ThreadPoolExecutor(
        1, "simulation", initializer=lambda: asyncio.set_event_loop(worker_loop)
    )
    loop.set_default_executor(worker)
    # After a failure every dependent Output reports an error too. Only the first error is raised.
    loop.set_exception_handler(lambda _loop, _context: None)
    tasks = _remember_tasks(loop)
    asyncio.set_event_loop(loop)
    _simulating.set(True)
    try:
        settings.ROOT.set(None)
        sdk_config.set_all_config(config, secret_keys)
        settings.configure(known)
        loop.run_until_complete(sdk_stack.run_in_stack(program))
    finally:
        _close(loop, tasks, worker, worker_loop)


def _remember_tasks(loop: asyncio.AbstractEventLoop) -> weakref.WeakSet[asyncio.Task[Any]]:
    """Return the set in which the loop's tasks will be.

    `asyncio.all_tasks` reads the tasks of all loops, also of earlier ones that wait for the search for cyclic garbage.
    """
    tasks: weakref.WeakSet[asyncio.Task[Any]] = weakref.WeakSet()

    def create(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
        task = asyncio.Task(coroutine, loop=loop, **options)
        tasks.add(task)
        return task

    loop.set_task_factory(create)
    return tasks


def _close(
    loop: asyncio.AbstractEventLoop,
    tasks: Iterable[asyncio.Task[Any]],
    worker: concurrent.futures.ThreadPoolExecutor,
    worker_loop: asyncio.AbstractEventLoop,
) -> None:
    left = [task for task in tasks if not task.done()]
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


class _LogLines(logging.Handler):
    """Collects the messages of `pulumi.log`."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: list[tuple[str, str]] = []
        self.logger = logging.Logger("simulation", logging.INFO)
        self.logger.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append((record.levelname.lower(), record.getMessage()))
