"""The states of other stacks in the backend of a preview that is thrown away, so that its program can read them by name.

A program that uses nothing but `pulumi.StackReference` finds its base there: as it is, or, while it is only planned, with the
outputs that are known and the sentinel for those that are not.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from orchestrator.engines.automation.checkpoint import STACK_TYPE, is_secret
from orchestrator.engines.automation.state import STACKS, Backend
from orchestrator.errors import StateError
from orchestrator.model import UNKNOWN, Unit


def lend(
    backend: Backend,
    scratch: Path,
    unit: Unit,
    project: str,
    environments: Collection[str],
    planned: Mapping[str, Mapping[str, Any]],
) -> None:
    """Put states into the scratch backend of a preview of `unit`, whose Pulumi project is `project`.

    Other environments' stacks (of the projects `environments`) are left out: there may be hundreds. `planned` are outputs by
    reference name of stacks that do not exist yet.
    """
    for other, stack in backend.everything():
        if (other, stack) == (project, unit.stack) or (other in environments and stack != unit.stack):
            continue
        try:
            content = backend.raw(other, stack)
        except StateError:  # a damaged neighbor is told of when the program reads it
            continue
        if content is not None:
            _place(scratch, other, stack, content)
    for reference, outputs in planned.items():
        _organization, other, stack = reference.split("/")
        _place(scratch, other, stack, json.dumps(_planned(other, stack, outputs)).encode())


def _place(scratch: Path, project: str, stack: str, content: bytes) -> None:
    file = scratch / STACKS / project / f"{stack}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)


def _planned(project: str, stack: str, outputs: Mapping[str, Any]) -> dict[str, Any]:
    """A checkpoint of a stack that has nothing but these outputs; what is secret is not known."""
    urn = f"urn:pulumi:{stack}::{project}::{STACK_TYPE}::{project}-{stack}"
    shown = {name: UNKNOWN if is_secret(value) else value for name, value in outputs.items()}
    root = {"urn": urn, "custom": False, "type": STACK_TYPE, "outputs": shown}
    return {
        "version": 3,
        "checkpoint": {
            "stack": f"organization/{project}/{stack}",
            "latest": {"manifest": {"time": "2026-01-01T00:00:00Z", "magic": "", "version": ""}, "resources": [root]},
        },
    }
