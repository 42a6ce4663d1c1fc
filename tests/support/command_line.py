"""The command line in a folder with the small fixture projects, on the simulation engine."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestrator.cli.main import main
from tests.support.engines import FIXTURES, SETTINGS

NOTICE = 'simulation: nothing is created in AWS (engine = "simulation" in orchestrator.toml)'


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str


class Here:
    """A project folder with the small fixture projects, and the command line in it."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capsys = folder, capsys
        shutil.copytree(FIXTURES, folder, dirs_exist_ok=True)
        (folder / "orchestrator.toml").write_text(f'engine = "simulation"\n{SETTINGS}', encoding="utf-8")
        (folder / "base" / "Pulumi.dev.yaml").write_text("config: {}\n", encoding="utf-8")
        alpha = "config:\n  fixture-app:base: dev\n  fixture-app:listener_slot: 0\n"
        (folder / "app" / "Pulumi.alpha.yaml").write_text(alpha, encoding="utf-8")

    def after(self, *words: str) -> Here:
        """Bring the folder into its state after a command that succeeds. Equal folders run the command once."""
        before = _files(self.folder)
        known = _after.get((words, before))
        if known is None:
            answer = self(*words)
            assert answer.code == 0, answer.err
            _after[words, before] = _files(self.folder)
        else:
            for name, mode, content in known:
                file = self.folder / name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)
                file.chmod(mode)
        return self

    def __call__(self, *words: str) -> Answer:
        own = words.index("--") if "--" in words else len(words)  # what follows belongs to a command that is run
        code = main([*words[:own], "--project-dir", str(self.folder), *words[own:]])
        captured = self._capsys.readouterr()
        return Answer(code, _timeless(captured.out), _timeless(captured.err))


_Files = tuple[tuple[str, int, bytes], ...]
"""Name, mode and content of each file of a folder."""

_after: dict[tuple[tuple[str, ...], _Files], _Files] = {}


def _files(folder: Path) -> _Files:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return tuple((str(path.relative_to(folder)), path.stat().st_mode, path.read_bytes()) for path in files)


def _timeless(text: str) -> str:
    return re.sub(r"\d+\.\d s", "0.0 s", text)
