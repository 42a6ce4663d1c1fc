"""The JSON Schema of every document that `--json` prints, and of the lines of `--events`. Pure.

Within one version a name is never taken away or given another meaning; names are added.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.model import ChangeOp, Kind, Operation, Scope, StackStatus, Status
from orchestrator.rendering.document import SCHEMA_VERSION

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_TEXT: dict[str, Any] = {"type": "string"}
_COUNT: dict[str, Any] = {"type": "integer", "minimum": 0}
_NUMBER: dict[str, Any] = {"type": "number"}
_FLAG: dict[str, Any] = {"type": "boolean"}
_TIME: dict[str, Any] = {"type": "string", "format": "date-time"}


def _maybe(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema, or null."""
    return {"anyOf": [dict(schema), {"type": "null"}]}


def _one_of(words: Any) -> dict[str, Any]:
    return {"enum": [str(word) for word in words]}


def _list(items: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": dict(items)}


def _object(**properties: Mapping[str, Any]) -> dict[str, Any]:
    """An object with exactly these names, all of them present."""
    return {
        "type": "object",
        "properties": {name: dict(schema) for name, schema in properties.items()},
        "required": list(properties),
        "additionalProperties": False,
    }


def _document(description: str, **properties: Mapping[str, Any]) -> dict[str, Any]:
    found = _object(version={"const": SCHEMA_VERSION}, notice=_maybe(_TEXT), **properties)
    return {"description": description, **found}


_COUNTS = _object(create=_COUNT, update=_COUNT, replace=_COUNT, delete=_COUNT, same=_COUNT)
_CHANGE = _object(urn=_TEXT, type=_TEXT, name=_TEXT, op=_one_of(ChangeOp), properties=_list(_TEXT))
_OUTPUTS: dict[str, Any] = {"type": "object", "description": "Values by name; secret ones are masked."}
_UNIT: dict[str, Mapping[str, Any]] = {
    "project": _TEXT,
    "stack": _TEXT,
    "operation": _one_of(Operation),
    "status": _one_of(Status),
    "reason": _maybe(_TEXT),
    "hint": _maybe(_TEXT),
    "duration_seconds": _NUMBER,
    "counts": _COUNTS,
    "changes": _list(_CHANGE),
    "outputs": _OUTPUTS,
    "warnings": _list(_TEXT),
    "monthly_cost": _maybe(_object(before=_NUMBER, after=_NUMBER)),
}
_RUN: dict[str, Mapping[str, Any]] = {
    "command": _TEXT,
    "engine": _TEXT,
    "started": _TIME,
    "ended": _TIME,
    "exit_code": {"enum": [0, 1, 130]},
    "units": _list(_object(**_UNIT)),
}
_DEPLOYMENT: dict[str, Mapping[str, Any]] = {
    "name": _TEXT,
    "scope": _one_of(Scope),
    "kind": _one_of(Kind),
    "base": _maybe(_TEXT),
    "status": _one_of(StackStatus),
    "owner": _maybe(_TEXT),
    "created": _maybe(_TIME),
    "expires": _maybe(_TIME),
    "pinned": _FLAG,
    "asleep": _FLAG,
    "commit": _maybe(_TEXT),
    "branch": _maybe(_TEXT),
    "last_update": _maybe(_TIME),
    "resources": _COUNT,
    "url": _maybe(_TEXT),
    "monthly_cost": _maybe(_NUMBER),
    "recorded": _FLAG,
}
_STACK = _object(
    project=_TEXT,
    stack=_TEXT,
    status=_one_of(StackStatus),
    resources=_COUNT,
    last_update=_maybe(_TIME),
    problem=_maybe(_TEXT),
)
_COST = _object(
    name=_TEXT,
    dollars=_NUMBER,
    lines=_list(_object(type=_TEXT, name=_TEXT, dollars=_NUMBER, detail=_TEXT)),
    unpriced=_list(_TEXT),
    by_use=_list(_TEXT),
)
_REPORT = _document("What a run came to.", **_RUN)


def _event(event_name: str, /, **properties: Mapping[str, Any]) -> dict[str, Any]:
    return _object(version={"const": SCHEMA_VERSION}, time=_TIME, event={"const": event_name}, **properties)


SCHEMAS: Mapping[str, Mapping[str, Any]] = {
    "report": _REPORT,
    "list": _document("Bases and environments.", deployments=_list(_object(**_DEPLOYMENT))),
    "show": _document(
        "One base or environment.",
        **_DEPLOYMENT,
        environments=_list(_TEXT),
        listener_slot=_maybe(_COUNT),
        missing=_list(_TEXT),
        stacks=_list(_STACK),
        outputs=_OUTPUTS,
    ),
    "outputs": _document("The outputs of one base or environment.", name=_TEXT, outputs=_OUTPUTS),
    "cost": _document(
        "US dollars a month, by name.",
        currency={"const": "USD"},
        per={"const": "month"},
        prices=_object(region=_TEXT, date=_TEXT),
        costs=_list(_COST),
    ),
    "graph": _document(
        "What stands on what.",
        nodes=_list(_object(id=_TEXT, label=_TEXT, detail=_TEXT, parent=_maybe(_TEXT))),
        edges=_list({"type": "object", "properties": {"from": _TEXT, "to": _TEXT}, "required": ["from", "to"]}),
    ),
    "life": _document(
        "How long environments live now: `extend`, `pin`, `unpin`.",
        environments=_list(
            _object(name=_TEXT, expires=_maybe(_TIME), ttl_seconds=_maybe(_COUNT), pinned=_FLAG),
        ),
    ),
    "unlock": _document("Locks that were removed.", removed=_list(_object(project=_TEXT, stack=_TEXT, owner=_TEXT))),
    "reap": _document(
        "What expired, what will soon, what stays.",
        expired=_list(_object(**_DEPLOYMENT)),
        soon=_list(_object(name=_TEXT, seconds_left=_COUNT, last_call=_FLAG)),
        left=_list(_object(name=_TEXT, why=_TEXT)),
        run=_maybe(_REPORT),
    ),
    "idle": _document(
        "Who had no request for long, and who stays awake: `reap --sleep-after`.",
        idle=_list(_object(name=_TEXT, seconds_quiet=_COUNT)),
        busy=_list(_object(name=_TEXT, why=_TEXT)),
        run=_maybe(_REPORT),
    ),
    "orphans": _document(
        "Resources in AWS that no stack knows.",
        orphans=_list(
            _object(
                arn=_TEXT,
                type=_TEXT,
                name=_TEXT,
                base=_maybe(_TEXT),
                environment=_maybe(_TEXT),
                outcome=_maybe(_one_of(("deleted", "kept", "failed"))),
                reason=_maybe(_TEXT),
            )
        ),
        problems=_list(_TEXT),
    ),
    "error": _document(
        "An error; `code` is the exit code.",
        error=_object(message=_TEXT, hint=_maybe(_TEXT), code={"enum": [1, 2, 130]}),
    ),
    "event": {
        "description": "One line of `--events`.",
        "oneOf": [
            _event(
                "plan", operation=_one_of(Operation), units=_list(_object(project=_TEXT, stack=_TEXT, exists=_FLAG))
            ),
            _event("started", project=_TEXT, stack=_TEXT, operation=_one_of(Operation), expected=_maybe(_COUNT)),
            _event(
                "resource",
                project=_TEXT,
                stack=_TEXT,
                urn=_TEXT,
                type=_TEXT,
                name=_TEXT,
                op=_one_of(ChangeOp),
                phase=_one_of(("started", "done", "failed")),
            ),
            _event(
                "message",
                project=_maybe(_TEXT),
                stack=_maybe(_TEXT),
                severity=_one_of(("info", "warning", "error")),
                message=_TEXT,
            ),
            _event("finished", **_UNIT),
        ],
    },
}
"""By name of the document; runs (create, update, preview, apply, destroy, drift, refresh) print a `report`."""


def schema(name: str) -> dict[str, Any]:
    """The schema of one document. KeyError for an unknown name."""
    return {"$schema": DIALECT, "title": f"orchestrator {name}", **SCHEMAS[name]}
