"""The links and the words of the pages that people read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [
    *ROOT.glob("*.md"),
    *(ROOT / "docs").rglob("*.md"),
    *(page for name in ("examples", "projects", "benchmarks") for page in (ROOT / name).rglob("*.md")),
]
PROSE = [page for page in PAGES if page.name not in ("CHANGELOG.md", "CONTRIBUTING.md", "cli.md", "components.md")]
"""Pages without generated text, without the history, and without the bad examples of the style guide."""

CODE = re.compile(r"^```.*?^```$|^    .*?$|`[^`\n]*`", re.MULTILINE | re.DOTALL)
REFUSED = re.compile(
    r"\b(whoever|nobody|somebody|anew|is wanted|stands? on|save with|is told|are told)\b", re.IGNORECASE
)
"""Words that CONTRIBUTING.md replaces with others."""


@cache
def anchors(page: Path) -> frozenset[str]:
    """The anchors that GitHub gives the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return frozenset(re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings)


def broken_links(page: Path, text: str) -> Iterator[str]:
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if "://" not in link and not (target.exists() and (not anchor or anchor in anchors(target))):
            yield link


def refused_words(text: str) -> list[str]:
    return REFUSED.findall(CODE.sub("", text))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    assert list(broken_links(page, page.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("page", PROSE, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_uses_the_usual_words(page: Path) -> None:
    assert refused_words(page.read_text(encoding="utf-8")) == []


def test_a_broken_link_and_a_refused_word_are_found() -> None:
    links = "[a](none.md) [b](CONTRIBUTING.md#no-such-heading) [c](CONTRIBUTING.md#wording) [d](https://example.com)"
    assert list(broken_links(ROOT / "README.md", links)) == ["none.md", "CONTRIBUTING.md#no-such-heading"]
    assert refused_words("Nobody reads `anew` here.") == ["Nobody"]
