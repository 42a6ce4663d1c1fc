"""The use cases: a request (`requests`) is checked before any work (`prepare`) and carried out (`run`)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from orchestrator.engines.lock_retry import retry_while_locked
from orchestrator.lifecycle import create_and_update, destroy, drift
from orchestrator.lifecycle.context import Context
from orchestrator.lifecycle.job import Job, Step
from orchestrator.lifecycle.job_run import run
from orchestrator.lifecycle.requests import (
    CreateBase,
    CreateEnv,
    DestroyBase,
    DestroyEnv,
    Drift,
    PreviewBase,
    PreviewEnv,
    Refresh,
    Request,
    UpdateBase,
    UpdateEnv,
)

__all__ = [
    "Context",
    "CreateBase",
    "CreateEnv",
    "DestroyBase",
    "DestroyEnv",
    "Drift",
    "Job",
    "PreviewBase",
    "PreviewEnv",
    "Refresh",
    "Request",
    "Step",
    "UpdateBase",
    "UpdateEnv",
    "prepare",
    "run",
]


def prepare(context: Context, request: Request, tell: Callable[[str], None] = lambda _text: None) -> Job:
    """Check a request completely and return the job that carries it out. Nothing is changed.

    Waits for other operations on the same stacks as long as the context allows; `tell` receives a message about each wait.

    Raises UsageError, SettingsError, UnknownStackError, RefusedError, StackLockedError, StateError and
    EngineUnavailableError.
    """
    return retry_while_locked(partial(_prepared, context, request), context.wait_seconds, tell=tell)


def _prepared(context: Context, request: Request) -> Job:
    match request:
        case CreateBase():
            return create_and_update.create_base(context, request)
        case CreateEnv():
            return create_and_update.create_env(context, request)
        case UpdateBase():
            return create_and_update.update_base(context, request)
        case UpdateEnv():
            return create_and_update.update_env(context, request)
        case PreviewBase():
            return create_and_update.preview_base(context, request)
        case PreviewEnv():
            return create_and_update.preview_env(context, request)
        case DestroyEnv():
            return destroy.destroy_env(context, request)
        case DestroyBase():
            return destroy.destroy_base(context, request)
        case Drift():
            return drift.drift(context, request)
        case Refresh():
            return drift.refresh(context, request)
