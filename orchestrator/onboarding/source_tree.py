"""The files of a repository: what git knows, or everything below the folder."""

from __future__ import annotations

import os
import subprocess
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from orchestrator.errors import UsageError

MOST_FILES = 50_000
"""Limit of files in a survey. A larger tree is a home folder, or contains data."""

MOST_BYTES = 1_000_000
"""Limit of a file in bytes. A larger one is data, not source."""

_SKIPPED = frozenset(
    {
        "node_modules",
        "site-packages",
        "__pycache__",
        "venv",
        "env",
        "dist",
        "build",
        "htmlcov",
        "staticfiles",
        "cdk.out",
    }
)


@dataclass(frozen=True)
class SourceTree:
    """The files below a folder."""

    root: Path
    files: tuple[str, ...]
    """Paths relative to the root, with `/`, sorted: shallow ones first."""

    unread: list[str] = field(default_factory=list[str])
    """Files that could not be read as text, each with the reason, in the order in which they were needed."""

    def named(self, *names: str) -> list[str]:
        """The files with one of these names, shallow ones first."""
        return [path for path in self.files if PurePosixPath(path).name in names]

    def below(self, folder: str) -> SourceTree:
        """The tree of a folder; `.` is the tree itself."""
        if folder in ("", "."):
            return self
        start = f"{folder}/"
        inside = tuple(path.removeprefix(start) for path in self.files if path.startswith(start))
        return SourceTree(self.root / folder, inside, self.unread)

    def text(self, path: str) -> str | None:
        """The text of a file; None for a file that does not exist, is too large, or is not text. `unread` keeps the reason."""
        file = self.root / path
        if not _is_inside(file, self.root):
            return self._unread(path, "it is a link out of the repository")
        try:
            if not file.is_file():
                return None
            if file.stat().st_size > MOST_BYTES:
                return self._unread(path, f"it is larger than {MOST_BYTES // 1_000_000} MB")
            if file.suffix == ".py":
                with tokenize.open(file) as stream:  # the encoding of the first lines counts
                    return stream.read()
            return file.read_text(encoding="utf-8-sig")
        except (UnicodeDecodeError, SyntaxError):
            return self._unread(path, "it is not UTF-8 text")
        except OSError as error:
            return self._unread(path, error.strerror or str(error))

    def _unread(self, path: str, reason: str) -> None:
        line = f"{path}: {reason}"
        if line not in self.unread:
            self.unread.append(line)


def read(root: Path) -> SourceTree:
    """List the files of a folder. Raises UsageError for a path that is not a folder, or has too many files."""
    if not root.is_dir():
        raise UsageError(f"{root} is not a folder", "pass the folder of a Django project, or nothing for this folder")
    found = _known_to_git(root)
    paths = _walked(root) if found is None else iter(found)
    files: list[str] = []
    for path in paths:
        parts = PurePosixPath(path).parts
        if not any(part in _SKIPPED or (part.startswith(".") and part != ".copilot") for part in parts[:-1]):
            files.append(path)
        if len(files) > MOST_FILES:
            raise UsageError(f"{root} has more than {MOST_FILES} files", "pass the folder of the Django project")
    return SourceTree(root, tuple(sorted(files, key=lambda path: (path.count("/"), path))))


def _known_to_git(root: Path) -> Sequence[str] | None:
    """Tracked and new files, without ignored ones; None outside a work tree, or without git."""
    command = ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        answer = subprocess.run(command, capture_output=True, check=False, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return None
    if answer.returncode:
        return None
    return [os.fsdecode(path) for path in answer.stdout.split(b"\0") if path]


def _walked(root: Path) -> Iterator[str]:
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in _SKIPPED and not name.startswith("."))
        for name in names:
            yield (Path(folder) / name).relative_to(root).as_posix()


def _is_inside(file: Path, root: Path) -> bool:
    try:
        return file.resolve().is_relative_to(root.resolve())
    except (OSError, RuntimeError):
        return False
