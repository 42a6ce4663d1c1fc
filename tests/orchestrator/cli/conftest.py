"""The command line, ready to be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.command_line import Here


@pytest.fixture
def here(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Here:
    """No colors, 80 columns, no summary page of a CI job."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    return Here(tmp_path, capsys)
