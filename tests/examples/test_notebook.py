"""The example notebook, in a kernel of its own, and the representations of results in a cell."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nbformat
import pytest
from IPython.core.interactiveshell import InteractiveShell
from nbclient import NotebookClient

import orchestrator
from orchestrator.lifecycle.diagrams import Diagram, Node
from orchestrator.model import (
    ChangeCounts,
    ChangeOp,
    Operation,
    OutputValue,
    ResourceChange,
    RunReport,
    Status,
    Unit,
    UnitResult,
)
from orchestrator.rendering import html

ROOT = Path(__file__).parents[2]
NOTEBOOK = Path("examples/notebook/environments.ipynb")
HOSTILE = "<script>alert('&')</script>\x1b[31m"
MOMENT = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


def shown(cell: Any) -> list[str]:
    """The HTML that a cell shows, as a person sees it at the end."""
    return [output["data"]["text/html"] for output in cell["outputs"] if "text/html" in output.get("data", {})]


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """The code cells of the notebook after their execution in a copy of the repository."""
    folder = tmp_path_factory.mktemp("notebook")
    shutil.copy(ROOT / "orchestrator.toml", folder)
    shutil.copytree(ROOT / "projects", folder / "projects", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / NOTEBOOK.parent).mkdir(parents=True)
    notebook = nbformat.read(ROOT / NOTEBOOK, as_version=4)
    client = NotebookClient(
        notebook, timeout=300, startup_timeout=300, resources={"metadata": {"path": str(folder / NOTEBOOK.parent)}}
    )
    client.execute()
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def test_the_example_notebook_creates_shows_and_destroys_an_environment(executed: list[Any]) -> None:
    _, previewed, created, listed, graph, url, destroyed = executed
    assert "<details>" in "".join(shown(previewed))
    progress, report = shown(created)
    assert "<code>app/notebook</code>" in progress
    assert "created" in progress
    assert "https://notebook.example.com" in report
    assert "<strong>notebook</strong>" in shown(listed)[0]
    assert "<svg" in shown(graph)[0]
    assert url["outputs"][0]["data"]["text/plain"] == "'https://notebook.example.com'"
    assert "destroyed" in shown(destroyed)[-1]


def test_the_notebook_in_the_repository_has_no_outputs() -> None:
    notebook = nbformat.read(ROOT / NOTEBOOK, as_version=4)
    assert not [cell for cell in notebook["cells"] if cell.get("outputs") or cell.get("execution_count")]


def test_a_tuple_of_other_things_and_an_empty_one_keep_their_own_representation() -> None:
    shell = InteractiveShell.instance()
    orchestrator.load_ipython_extension(shell)
    for other in ((), (1, 2), ("alpha",)):
        data, _ = shell.display_formatter.format(other)
        assert set(data) == {"text/plain"}


def test_no_text_of_a_program_or_of_aws_is_obeyed_as_html() -> None:
    change = ResourceChange(urn=HOSTILE, type=HOSTILE, name=HOSTILE, op=ChangeOp.CREATE, properties=(HOSTILE,))
    result = UnitResult(
        unit=Unit("app", HOSTILE),
        operation=Operation.PREVIEW,
        status=Status.FAILED,
        reason=HOSTILE,
        hint=HOSTILE,
        counts=ChangeCounts(create=1),
        changes=(change,),
        outputs={"url": OutputValue(value=f"https://{HOSTILE}", secret=False)},
    )
    run = RunReport(command=HOSTILE, engine="pulumi", notice=HOSTILE, started=MOMENT, ended=MOMENT, results=(result,))
    diagram = Diagram(title=HOSTILE, nodes=(Node(id="a", label=HOSTILE, detail=HOSTILE),), edges=())
    for found in (
        html.report(run),
        html.diagram(diagram),
        html.link(f"https://{HOSTILE}"),
        html.link("javascript:x()"),
    ):
        assert "<script" not in found
        assert "\x1b" not in found
    assert "href" not in html.link("javascript:x()")
