"""Functions as tools: the description of their result, their hints, and errors that an agent can act on."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import wraps
from typing import Any

from mcp.server.mcpserver.tools import Tool
from mcp_types import CallToolResult, TextContent, ToolAnnotations

from orchestrator.errors import OrchestratorError
from orchestrator.rendering import document
from orchestrator.rendering.schema import schema

Answer = Callable[..., dict[str, Any]]
"""A function that returns a document."""

READS = ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=True)
PLANS = ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=True)
"""A plan is written to a folder of this machine; nothing else changes."""

CHANGES = ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=True)


def tool(function: Answer, described_by: str, hints: ToolAnnotations) -> Tool:
    """A tool that returns the document of a function.

    Args:
        function: its name, docstring and annotated parameters describe the tool.
        described_by: the name of the document's schema in `orchestrator schema`.
        hints: whether the tool reads, plans or changes.
    """
    made = Tool.from_function(_answered(function), annotations=hints, structured_output=False)
    # The published schema is complete; a schema from the return annotation would only say "an object".
    made.fn_metadata.output_schema = {"type": "object", **schema(described_by)}
    return made


def _answered(function: Answer) -> Callable[..., CallToolResult]:
    @wraps(function)
    def answer(**arguments: Any) -> CallToolResult:
        try:
            found = function(**arguments)
        except OrchestratorError as error:
            return _result(document.error(error.message, error.hint, error.exit_code), failed=True)
        return _result(found)

    return answer


def _result(found: dict[str, Any], *, failed: bool = False) -> CallToolResult:
    text = TextContent(type="text", text=json.dumps(found, ensure_ascii=False))
    return CallToolResult(content=[text], structured_content=found, is_error=failed)
