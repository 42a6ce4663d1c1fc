"""The use cases: what is asked (`requests`), checked before any work (`prepare`), and carried out (`Job.run`)."""

from __future__ import annotations

from collections.abc import Callable

from orchestrator.engines.lock_retry import retry_while_locked
from orchestrator.lifecycle import create, destroy, look
from orchestrator.lifecycle.context import Context
from orchestrator.lifecycle.job import Job, Step
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
]


def prepare(context: Context, request: Request, tell: Callable[[str], None] = lambda _text: None) -> Job:
    """Check a request completely, and say what it comes to. Nothing is touched.

    Waits for other operations on the same stacks as long as the context says; `tell` hears about the wait.

    Raises UsageError, SettingsError, UnknownStackError, RefusedError, StackLockedError, StateError and
    EngineUnavailableError.
    """
    return retry_while_locked(lambda: _prepared(context, request), context.wait_seconds, tell=tell)


def _prepared(context: Context, request: Request) -> Job:
    match request:
        case CreateBase():
            return create.create_base(context, request)
        case CreateEnv():
            return create.create_env(context, request)
        case UpdateBase():
            return create.update_base(context, request)
        case UpdateEnv():
            return create.update_env(context, request)
        case PreviewBase():
            return create.preview_base(context, request)
        case PreviewEnv():
            return create.preview_env(context, request)
        case DestroyEnv():
            return destroy.destroy_env(context, request)
        case DestroyBase():
            return destroy.destroy_base(context, request)
        case Drift():
            return look.drift(context, request)
        case Refresh():
            return look.refresh(context, request)
