"""Commands that need an optional extra, where it is not installed."""

from __future__ import annotations

import importlib.util
from importlib.machinery import ModuleSpec

import pytest

from tests.support.command_line import Here


@pytest.mark.parametrize(
    ("command", "missing", "extra"), [("mcp", "mcp", "mcp"), ("serve", "uvicorn", "web"), ("serve", "starlette", "web")]
)
def test_a_missing_extra_is_named_with_its_installation(
    command: str, missing: str, extra: str, here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec

    def without(name: str, package: str | None = None) -> ModuleSpec | None:
        return None if name == missing else find(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", without)
    answer = here(command)
    assert answer.code == 1
    assert f"`{command}` cannot run: {missing} is not installed" in answer.err
    assert f"pip install 'pulumi-django[{extra}]'" in answer.err
