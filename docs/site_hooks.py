"""Hooks of the documentation site (mkdocs.yml).

The site has pages from outside docs/ too, such as the READMEs of the examples. Links between all pages are those of the
repository, so they work on GitHub and on the site.
"""

from __future__ import annotations

import hashlib
import html
import logging
import os
import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
LOG = logging.getLogger("mkdocs.hooks")

OUTSIDE = ("CHANGELOG.md", "CONTRIBUTING.md", "examples/**/*.md", "projects/**/*.md", "benchmarks/*.md")
"""Pages from outside docs/. They keep their path on the site."""

MERMAID_SCRIPT = "assets/mermaid.min.js"
MERMAID_VERSION = "11.17.2"
MERMAID_SHA256 = "581ed7d74bd9048d0e3a91363927d72ef22942d7722546b27f7cc29e35390eb8"
"""Of `dist/mermaid.min.js` in the npm package. With it on the site, browsers load no script from another server."""

LINK = re.compile(r"(?P<before>!?\[(?P<text>(?:[^\[\]]|\[[^\]]*\])*)\]\()(?P<link>[^)\s]+)\)")
FENCE = re.compile(r"^\s*```")
CODE = re.compile(r"`[^`]+`")
"""Code in tables. GitHub needs `\\|` there, and Python-Markdown shows the backslash."""

SHORT_CODE = re.compile(r"<code>(?=[^<]{1,24}</code>)")


def mermaid_file() -> Path:
    """The file that `make site` fetches."""
    return Path(os.environ.get("SITE_MERMAID", ROOT / ".venv" / "npm" / "mermaid" / MERMAID_VERSION / "mermaid.min.js"))


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Link the repository in the footer."""
    if repository := config.extra["repository"]:
        config.copyright = f'<a href="{html.escape(repository)}">Source</a>'
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages from outside docs/, and Mermaid's script."""
    for pattern in OUTSIDE:
        for page in sorted(ROOT.glob(pattern)):
            files.append(File.generated(config, page.relative_to(ROOT).as_posix(), abs_src_path=str(page)))
    script = mermaid_file()
    if not script.is_file():
        LOG.warning("%s is missing: `make site` fetches it with npm", script)
    elif hashlib.sha256(script.read_bytes()).hexdigest() != MERMAID_SHA256:
        LOG.warning("%s is not the script of mermaid %s", script, MERMAID_VERSION)
    else:
        files.append(File.generated(config, MERMAID_SCRIPT, abs_src_path=str(script)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Point the links of the repository to the pages of the site."""
    lines: list[str] = []
    fenced = False
    for line in markdown.split("\n"):
        fenced ^= bool(FENCE.match(line))
        if not fenced:
            line = LINK.sub(lambda found: _link(found, page, config, files), line)
            if line.startswith("|"):
                line = CODE.sub(lambda found: found[0].replace("\\|", "|"), line)
        lines.append(line)
    return "\n".join(lines)


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:  # noqa: ARG001
    """Keep short code on one line, and load Mermaid's script on pages with a diagram, before the script of the theme."""
    output = SHORT_CODE.sub('<code class="whole">', output)
    if 'class="mermaid"' not in output:
        return output
    path = posixpath.relpath(MERMAID_SCRIPT, page.url or ".")
    return output.replace("</head>", f'<script defer src="{path}"></script></head>')


def in_repository(uri: str, files: Files) -> str:
    """The path of a page of the site in the repository."""
    file = files.get_file_from_path(uri)
    inside = file is None or file.generated_by is None
    return posixpath.join("docs", uri) if inside else uri


def _link(found: re.Match[str], page: Page, config: MkDocsConfig, files: Files) -> str:
    link = found["link"]
    path, mark, anchor = link.partition("#")
    if not path or "://" in link or link.startswith("mailto:"):
        return found[0]
    source = in_repository(page.file.src_uri, files)
    target = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
    uri = _uri(target, files)
    if uri is not None:
        relative = posixpath.relpath(uri, posixpath.dirname(page.file.src_uri) or ".")
        return f"{found['before']}{relative}{mark}{anchor})"
    if not (ROOT / target).exists():
        return found[0]  # MkDocs warns.
    if repository := config.extra["repository"]:
        kind = "tree" if (ROOT / target).is_dir() else "blob"
        return f"{found['before']}{repository}/{kind}/main/{target}{mark}{anchor})"
    return found["text"]


def _uri(target: str, files: Files) -> str | None:
    """The address on the site of a file or folder of the repository."""
    if target == "README.md":
        return "index.md"
    for candidate in (target, f"{target}/README.md"):
        uri = candidate.removeprefix("docs/")
        file = files.get_file_from_path(uri)
        if file is not None and in_repository(uri, files) == candidate:
            return uri
    return None
