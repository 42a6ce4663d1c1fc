"""The examples of the documentation run in the order of the page."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(
    ("name", "least"),
    [("python-api.md", 6), ("operations.md", 6), ("releases.md", 6), ("office-hours.md", 1), ("load.md", 1)],
)
def test_the_examples_of_a_page_run_in_their_order(
    name: str, least: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(ROOT / "projects", tmp_path / "projects", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copyfile(ROOT / "orchestrator.toml", tmp_path / "orchestrator.toml")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ORCHESTRATOR_PROJECT_DIR", raising=False)
    page = ROOT / "docs" / name
    blocks = BLOCK.findall(page.read_text(encoding="utf-8"))
    assert len(blocks) >= least
    names: dict[str, object] = {"__name__": "example"}
    for number, block in enumerate(blocks, 1):
        exec(compile(block, f"{page.name}, example {number}", "exec"), names)
