"""The documentation site builds without a warning, loads nothing from other servers, and looks like the pages on GitHub."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from tests.docs.test_pages import ROOT

HOOKS = (ROOT / "docs" / "site_hooks.py").read_text(encoding="utf-8")
VERSION = re.search(r'MERMAID_VERSION = "(.+)"', HOOKS)
SCRIPT = ROOT / ".venv" / "npm" / "mermaid" / (VERSION[1] if VERSION else "") / "mermaid.min.js"
needs_mkdocs = pytest.mark.skipif(find_spec("material") is None, reason="mkdocs-material is not installed")
needs_script = pytest.mark.skipif(not SCRIPT.is_file(), reason="mermaid is not installed: `make npm`")
PARTS = ("docs", "mkdocs.yml", "examples", "projects", "benchmarks", "CHANGELOG.md", "CONTRIBUTING.md")


def build(folder: Path, site: Path) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(site)]
    variables = {**os.environ, "NO_MKDOCS_2_WARNING": "1", "SITE_MERMAID": str(SCRIPT)}
    variables |= {"SITE_REPOSITORY": "https://git.example.com/acme/shop", "SITE_URL": "https://docs.example.com/"}
    return subprocess.run(words, cwd=folder, env=variables, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    built = build(ROOT, folder)
    assert built.returncode == 0, built.stdout + built.stderr
    return folder


class Loaded(HTMLParser):
    """The addresses that a browser loads with a page, and the number of each element of its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.counts = dict.fromkeys(("h1", "h2", "h3", "li", "pre", "td", "th"), 0)
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {key: value or "" for key, value in attrs}
        if tag in ("script", "img", "iframe", "source"):
            self.addresses += [values.get("src", "")]
        elif tag == "link" and values.get("rel") != "canonical":
            self.addresses += [values.get("href", "")]
        if tag in self.counts:
            self.counts[tag] += 1


def pages(site: Path) -> Iterator[tuple[Path, str]]:
    for file in site.rglob("index.html"):
        yield file, file.read_text(encoding="utf-8")


@needs_mkdocs
@needs_script
def test_a_browser_loads_nothing_from_another_server(site: Path) -> None:
    addresses = [address for _, text in pages(site) for address in Loaded(text).addresses]
    assert [address for address in addresses if "://" in address or address.startswith("//")] == []
    assert len(addresses) > 100
    styles = "".join(file.read_text(encoding="utf-8") for file in site.rglob("*.css"))
    assert re.findall(r"@import|url\([\"']?(?:https?:)?//", styles) == []


@needs_mkdocs
@needs_script
def test_a_link_to_a_file_that_is_no_page_leads_to_the_repository(site: Path) -> None:
    text = (site / "python-api" / "index.html").read_text(encoding="utf-8")
    assert 'href="https://git.example.com/acme/shop/blob/main/examples/notebook/environments.ipynb"' in text
    assert '<a href="https://git.example.com/acme/shop">Source</a>' in text


@needs_mkdocs
@needs_script
def test_pages_with_a_diagram_and_only_those_load_mermaid(site: Path) -> None:
    found = {file.parent.name: ('class="mermaid"' in text, "mermaid.min.js" in text) for file, text in pages(site)}
    assert {name for name, (diagram, script) in found.items() if diagram != script} == set()
    assert found["architecture"] == (True, True)
    assert found["cost"] == (False, False)
    assert (site / "assets" / "mermaid.min.js").stat().st_size > 1_000_000


@needs_mkdocs
@needs_script
def test_a_page_has_the_headings_lists_blocks_and_tables_that_it_has_on_github(site: Path) -> None:
    """Python-Markdown needs four spaces where GitHub needs two or three: otherwise a list swallows a block."""
    different: dict[str, object] = {}
    for source in sorted((ROOT / "docs").rglob("*.md")):
        place = source.relative_to(ROOT / "docs").with_suffix("")
        text = (site / ("." if place.name == "index" else place) / "index.html").read_text(encoding="utf-8")
        article = re.search(r"<article.*?</article>", text, re.DOTALL)
        assert article is not None, place
        here = Loaded(article[0]).counts
        there = Loaded(MarkdownIt("commonmark").enable("table").render(source.read_text(encoding="utf-8"))).counts
        if here != there:
            different[str(place)] = {key: (there[key], here[key]) for key in here if here[key] != there[key]}
    assert different == {}


@needs_mkdocs
@needs_script
def test_every_page_is_in_the_navigation_and_in_the_search(site: Path) -> None:
    index = json.loads((site / "search" / "search_index.json").read_text(encoding="utf-8"))
    found = {entry["location"].partition("#")[0] for entry in index["docs"]}
    assert {"", "migrate/", "reference/cli/", "examples/shop/"} <= found
    home = (site / "index.html").read_text(encoding="utf-8")
    assert [page for page in found if page and f'href="{page}"' not in home] == []


@needs_mkdocs
@needs_script
def test_a_broken_link_and_a_wrong_anchor_fail_the_build(tmp_path: Path) -> None:
    for part in PARTS:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        copy(ROOT / part, tmp_path / part)
    with (tmp_path / "docs" / "cost.md").open("a", encoding="utf-8") as page:
        page.write("\n[a](no-such-page.md) [b](cost.md#no-such-heading) [c](../no-such-folder)\n")
    built = build(tmp_path, tmp_path / "site")
    assert built.returncode != 0
    assert all(each in built.stderr for each in ("no-such-page.md", "no-such-heading", "no-such-folder"))
