"""The sections of CHANGELOG.md: `begin VERSION` makes one of the unreleased changes, `notes VERSION` prints one, and
`notes Unreleased` those to come.

`cz bump` (commitizen) finds the version from the commits and calls `begin` before it commits (pyproject.toml).
"""

from __future__ import annotations

import os
import re
import sys
from datetime import UTC, date, datetime
from pathlib import Path

CHANGELOG = Path(__file__).parents[1] / "CHANGELOG.md"
UNRELEASED = "Unreleased"
HEADING = re.compile(r"^## (.+)$", re.MULTILINE)
VERSION = re.compile(r"\d+\.\d+\.\d+")


class ChangelogError(Exception):
    """The changelog has no such section, or an empty one; the text is a sentence."""


def sections(text: str) -> dict[str, str]:
    """The text of each section by its heading, without the date."""
    parts = HEADING.split(text)
    return {name.split(" ")[0]: body.strip() for name, body in zip(parts[1::2], parts[2::2], strict=True)}


def notes(text: str, version: str) -> str:
    """The changes of a version. Raises ChangelogError."""
    found = sections(text).get(version)
    if not found:
        raise ChangelogError(f"CHANGELOG.md has no changes below the heading {version}")
    return found


def begin(text: str, version: str, day: date) -> str:
    """The changelog with the unreleased changes as those of a version. Raises ChangelogError."""
    known = sections(text)
    if not VERSION.fullmatch(version):
        raise ChangelogError(f"{version!r} is not a version such as 1.2.0")
    if version in known:
        raise ChangelogError(f"CHANGELOG.md has {version} already")
    if not known.get(UNRELEASED):
        raise ChangelogError("CHANGELOG.md has no unreleased changes: write what changes for users first")
    heading = f"## {UNRELEASED}"
    return text.replace(heading, f"{heading}\n\n## {version} ({day.isoformat()})", 1)


def main(words: list[str]) -> int:
    """Write or print, and return the exit code."""
    action, version = [*words, os.environ.get("CZ_PRE_NEW_VERSION", "")][:2] if words else ("", "")
    text = CHANGELOG.read_text(encoding="utf-8")
    try:
        if action == "begin":
            CHANGELOG.write_text(begin(text, version, datetime.now(UTC).date()), encoding="utf-8")
        elif action == "notes":
            sys.stdout.write(notes(text, version) + "\n")
        else:
            sys.stderr.write("usage: release_notes.py begin|notes VERSION\n")
            return 2
    except ChangelogError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
