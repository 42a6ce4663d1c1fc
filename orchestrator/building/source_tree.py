"""The files that an image gets: those of git without those of `.dockerignore`, with their hash, and a copy of exactly them.

The builder sees the copy and nothing else. So a tag that is the hash of these files names the same image everywhere, and a file
that git ignores, such as `.env`, reaches no image by accident.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.building.dockerignore import IgnoreRules
from orchestrator.errors import OperationFailedError, RefusedError, SettingsError

_IGNORE_FILE = ".dockerignore"
_GIT_SECONDS = 60
_CHUNK = 1 << 20


@dataclass(frozen=True)
class SourceFile:
    """A file below the context."""

    path: str
    """Path relative to the context, with `/`."""

    link: str | None
    """Target of a symbolic link; None for a file with contents."""

    executable: bool


@dataclass(frozen=True, kw_only=True)
class SourceTree:
    """The context of an image."""

    root: Path
    dockerfile: Path
    files: tuple[SourceFile, ...]
    """The files in the order of their paths."""

    uncommitted: int = 0
    """Number of the image's files that differ from the last commit, also files that are gone."""

    in_git: bool = True

    def hash(self) -> str:
        """The hash of the Dockerfile, and of the paths, contents and execution bits of the files. Raises OperationFailedError."""
        whole = hashlib.sha256(b"Dockerfile\0" + _digest(self.dockerfile))
        for file in self.files:
            content = os.fsencode(file.link) if file.link is not None else _digest(self.root / file.path)
            kind = b"link" if file.link is not None else b"program" if file.executable else b"file"
            whole.update(b"\0".join((b"", os.fsencode(file.path), kind, content)))
        return whole.hexdigest()

    def copy_to(self, folder: Path) -> None:
        """Copy the files into a folder. Raises OperationFailedError."""
        folder.mkdir(parents=True, exist_ok=True)
        for file in self.files:
            source, target = self.root / file.path, folder / file.path
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target, follow_symlinks=False)
            except OSError as error:
                hint = (
                    "free some space, or set TMPDIR to a folder on a larger disk"
                    if error.errno == errno.ENOSPC
                    else None
                )
                raise OperationFailedError(
                    f"the files for the builder cannot be copied to {folder}: {error.strerror or error} ({file.path})",
                    hint,
                ) from None


def read(root: Path, dockerfile: str, include: Sequence[str] = (), without: Sequence[Path] = ()) -> SourceTree:
    """Find the files of a context, except the folders and files `without`.

    Raises SettingsError, RefusedError and OperationFailedError.
    """
    if not root.is_dir():
        raise SettingsError(
            f"the build context {root} is not a folder", "correct `context` in [images] of orchestrator.toml"
        )
    file = Path(os.path.normpath(root / dockerfile))
    if not file.is_file():
        raise SettingsError(
            f"there is no Dockerfile {file}",
            "run `orchestrator init --dockerfile`, or correct `context` and `dockerfile` in [images] of orchestrator.toml",
        )
    rules, own = _rules(root, file)
    in_git = _in_work_tree(root)
    paths = _git_files(root) if in_git else _walk(root)
    if in_git and include:
        paths = {*paths, *_included(root, include)}
    if own:
        # The builder would apply it beside the file of the Dockerfile.
        paths = {*paths} - {_IGNORE_FILE}
    left_out = [f"{path.relative_to(root)}" for path in without if path.is_relative_to(root) and path != root]

    def belongs(path: str) -> bool:
        return not rules.match(path) and not any(path == each or path.startswith(f"{each}/") for each in left_out)

    found = [_source_file(root, path) for path in sorted(paths) if belongs(path)]
    return SourceTree(
        root=root,
        dockerfile=file,
        files=tuple(each for each in found if each is not None),
        uncommitted=sum(map(belongs, _changed(root))) if in_git else 0,
        in_git=in_git,
    )


def _rules(root: Path, dockerfile: Path) -> tuple[IgnoreRules, bool]:
    """The rules of `<Dockerfile>.dockerignore`, else those of `.dockerignore`, and whether they are the Dockerfile's own."""
    for file, own in ((dockerfile.with_name(f"{dockerfile.name}{_IGNORE_FILE}"), True), (root / _IGNORE_FILE, False)):
        try:
            return IgnoreRules.parse(file.read_text(encoding="utf-8-sig").splitlines()), own
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:  # a UnicodeDecodeError is a ValueError too
            reason = "it is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else str(error)
            raise SettingsError(f"{file} cannot be read: {reason}") from None
    return IgnoreRules(), False


def _source_file(root: Path, path: str) -> SourceFile | None:
    """The file; None for one that git knows and that is gone, and for a socket or a device. Raises RefusedError."""
    try:
        mode = os.lstat(root / path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    if stat.S_ISLNK(mode):
        target = os.readlink(root / path)
        inside = os.path.normpath(os.path.join(os.path.dirname(path), target))
        if os.path.isabs(target) or inside == ".." or inside.startswith(f"..{os.sep}"):
            raise RefusedError(
                f"{root / path} is a symbolic link to {target}, outside the build context {root}",
                f"replace the link with the file, make `context` a folder that has both, or add {path} to .dockerignore",
            )
        return SourceFile(path, target, executable=False)
    return SourceFile(path, None, bool(mode & stat.S_IXUSR)) if stat.S_ISREG(mode) else None


def _in_work_tree(root: Path) -> bool:
    """Whether git knows the folder. Raises RefusedError for a bare repository and for one of another user."""
    try:
        answer = _run_git(root, "rev-parse", "--is-inside-work-tree")
    except FileNotFoundError:
        return False
    if b"dubious ownership" in answer.stderr:
        raise RefusedError(
            f"git does not read {root}: another user owns it", f"run `git config --global --add safe.directory {root}`"
        )
    if answer.stdout.strip() == b"false":
        raise RefusedError(
            f"{root} is in a bare git repository, which has no files to build", "use a clone of it: `git clone`"
        )
    return answer.returncode == 0


def _git_files(root: Path) -> set[str]:
    """The files that git tracks, and those that it neither tracks nor ignores."""
    found: set[str] = set()
    for path in _split(_git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard")):
        folder = root / path
        # A submodule, or a clone inside this one.
        inner = folder.is_dir() and not folder.is_symlink()
        found |= {f"{path.rstrip('/')}/{each}" for each in _git_files(folder)} if inner and _own(folder) else {path}
    return found


def _changed(root: Path) -> Iterator[str]:
    """The files that differ from the last commit, and new ones."""
    prefix = os.fsdecode(_git(root, "rev-parse", "--show-prefix").removesuffix(b"\n"))
    # Each entry begins with two letters and a space; the path begins at the top of the repository.
    for entry in _split(_git(root, "status", "--porcelain", "-z", "--no-renames", "--untracked-files=all", "--", ".")):
        yield entry[3:].removeprefix(prefix)


def _own(folder: Path) -> bool:
    """Whether the folder is a checked-out repository of its own; an empty submodule is not."""
    return (folder / ".git").exists()


def _included(root: Path, patterns: Sequence[str]) -> Iterator[str]:
    """The files that git ignores and one of the patterns matches."""
    try:
        wanted = IgnoreRules.parse(patterns)
    except ValueError as error:
        raise SettingsError(
            f"a pattern of `include` in [images] of orchestrator.toml cannot be read: {error}"
        ) from None
    ignored = _split(_git(root, "ls-files", "-z", "--others", "--ignored", "--exclude-standard"))
    return (path for path in ignored if wanted.match(path))


def _walk(root: Path) -> set[str]:
    """Every file of a folder that is not in git."""
    found: set[str] = set()
    for place, folders, files in os.walk(root):
        folders[:] = [each for each in folders if each != ".git"]
        links = [each for each in folders if os.path.islink(os.path.join(place, each))]
        found |= {os.path.relpath(os.path.join(place, each), root) for each in (*files, *links)}
    return found


def _git(root: Path, *arguments: str) -> bytes:
    answer = _run_git(root, *arguments)
    if answer.returncode:
        reason = answer.stderr.decode(errors="replace").strip().splitlines()
        raise OperationFailedError(f"git cannot list the files of {root}: {reason[-1] if reason else 'it failed'}")
    return answer.stdout


def _run_git(root: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            ["git", *arguments],
            cwd=root,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_GIT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise OperationFailedError(f"git did not list the files of {root} within {_GIT_SECONDS} s") from None


def _split(answer: bytes) -> list[str]:
    return [os.fsdecode(path) for path in answer.split(b"\0") if path]


def _digest(file: Path) -> bytes:
    found = hashlib.sha256()
    try:
        with open(file, "rb") as stream:
            while chunk := stream.read(_CHUNK):
                found.update(chunk)
    except OSError as error:
        raise OperationFailedError(f"{file} cannot be read: {error.strerror or error}", "make it readable") from None
    return found.digest()
