"""Writes the page of the dashboard: one file with style, script and data, and its data as JSON beside it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from importlib import resources
from pathlib import Path

from orchestrator.config.atomic_files import write_atomically
from orchestrator.errors import RefusedError, SettingsError
from orchestrator.lifecycle.diagrams import Diagram
from orchestrator.rendering.dashboard_document import DashboardDocument
from orchestrator.rendering.document import plain
from orchestrator.rendering.graph_svg import svg

FILES = ("index.html", "dashboard.json")


def write(document: DashboardDocument, folder: Path) -> Path:
    """Write the page into a folder and return its file. An earlier dashboard there is replaced.

    Raises RefusedError when the folder holds other files, SettingsError when it cannot be written.
    """
    content = json.dumps(plain(document), ensure_ascii=False)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        others = sorted(file.name for file in folder.iterdir() if file.name not in FILES)
        if others:
            raise RefusedError(
                f"the dashboard was not written: {folder} holds other files, such as {others[0]}", "use a new folder"
            )
        for name, text in zip(FILES, (page(document, content), f"{content}\n"), strict=True):
            write_atomically(folder / name, text)
    except OSError as error:
        raise SettingsError(f"the dashboard cannot be written to {folder}: {error.strerror or error}") from None
    return folder / FILES[0]


def page(document: DashboardDocument, content: str, live: str | None = None) -> str:
    """The page with the document's JSON text. It loads nothing from elsewhere, and only its own script runs.

    `live` are the options of the page that `orchestrator serve` serves, as JSON text.
    """
    script = _asset("page.js") + (_asset("live.js") if live else "")
    edges = tuple((edge["from"], edge["to"]) for edge in document.edges)
    parts = {
        "style": _asset("page.css"),
        "script": script,
        "script-hash": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        "connect": "; connect-src 'self'" if live else "",
        "live": _asset("live.html").replace("{{options}}", _in_script(live)) if live else "",
        "graph": svg(Diagram(title="Dependencies", nodes=tuple(document.nodes), edges=edges)),
        "data": _in_script(content),
    }
    return re.sub(r"\{\{([a-z-]+)\}\}", lambda found: parts[found[1]], _asset("page.html"))


def _in_script(json_text: str) -> str:
    """JSON text within a script element, where only `<` can begin markup."""
    return json_text.replace("<", "\\u003c")


def _asset(name: str) -> str:
    return (resources.files("orchestrator.dashboard") / name).read_text(encoding="utf-8")
