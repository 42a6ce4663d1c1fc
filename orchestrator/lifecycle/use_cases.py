"""The use case of each request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from orchestrator.engines.lock_retry import retry_while_locked
from orchestrator.lifecycle import create_and_update, destroy, drift
from orchestrator.lifecycle.context import Context
from orchestrator.lifecycle.job import Job
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


def prepare(context: Context, request: Request, tell: Callable[[str], None] = lambda _text: None) -> Job:
    """Check a request completely and return the job that carries it out. Nothing is changed.

    Waits for other operations on the same stacks as long as the context allows; `tell` receives a message about each wait.

    Raises UsageError, SettingsError, UnknownStackError, RefusedError, StackLockedError, StateError and
    EngineUnavailableError.
    """
    use_case = _USE_CASES[type(request)]
    return retry_while_locked(partial(use_case, context, request), context.wait_seconds, tell=tell)


_USE_CASES: Mapping[type[Any], Callable[[Context, Any], Job]] = {
    CreateBase: create_and_update.create_base,
    CreateEnv: create_and_update.create_env,
    UpdateBase: create_and_update.update_base,
    UpdateEnv: create_and_update.update_env,
    PreviewBase: create_and_update.preview_base,
    PreviewEnv: create_and_update.preview_env,
    DestroyEnv: destroy.destroy_env,
    DestroyBase: destroy.destroy_base,
    Drift: drift.drift,
    Refresh: drift.refresh,
}
