"""Writes docs/reference and the diagrams of docs/architecture.md: `python docs/generate.py`; `--check` only compares."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import sys
import tomllib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]

sys.path.insert(0, str(ROOT))

PLAIN = (
    "BaseContract",
    "AppOutputs",
    "AwsAccess",
    "AssumedRole",
    "WebIdentity",
    "ContainerSetup",
    "HealthCheck",
    "ServicePlacement",
    "TaskSize",
)


def documented(cls: type) -> list[tuple[str, str, str, str]]:
    """(name, type, default, text) of the annotated names of a class and of those it inherits, from their source."""
    found: dict[str, tuple[str, str, str, str]] = {}
    for part in reversed(cls.__mro__):
        if part.__module__.startswith("pulumi_django"):
            for name, type_, default, text in _own(part):
                # A class that only sets another default inherits the text.
                found[name] = (name, type_, default, text or found.get(name, ("", "", "", ""))[3])
    return list(found.values())


def _own(cls: type) -> list[tuple[str, str, str, str]]:
    tree = ast.parse(Path(inspect.getfile(cls)).read_text(encoding="utf-8"))
    body = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == cls.__name__).body
    found: list[tuple[str, str, str, str]] = []
    for index, node in enumerate(body):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and not node.target.id.startswith("_"):
            after = body[index + 1] if index + 1 < len(body) else None
            text = ""
            if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
                text = inspect.cleandoc(str(after.value.value)).replace("\n", " ")
            found.append((node.target.id, ast.unparse(node.annotation), _default(node.value), text))
    return found


def _default(value: ast.expr | None) -> str:
    if value is None:
        return "required"
    text = ast.unparse(value)
    if "default_factory=lambda: " in text:
        return text.partition("default_factory=lambda: ")[2].removesuffix(")")
    if "default_factory=" in text:
        inner = text.partition("default_factory=")[2].partition(",")[0].removesuffix(")")
        return "{}" if inner.startswith("dict") else f"{inner}()"
    return text


def table(cls: type, *, defaults: bool) -> str:
    """The fields of a class as a Markdown table."""
    head = "| name | type | default | meaning |\n| --- | --- | --- | --- |\n"
    if not defaults:
        head = "| name | type | meaning |\n| --- | --- | --- |\n"
    rows: list[str] = []
    for name, type_, default, text in documented(cls):
        cells = [f"`{name}`", f"`{type_}`", *([f"`{default}`"] if defaults else []), text]
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n")
    return head + "".join(rows) if rows else "None.\n"


def doc(value: Any) -> str:
    """A docstring as a paragraph."""
    return inspect.cleandoc(value.__doc__ or "")


def components() -> str:
    """docs/reference/components.md."""
    import pulumi

    import pulumi_django

    public = {name: getattr(pulumi_django, name) for name in pulumi_django.__all__}
    parts = [
        n for n, value in public.items() if isinstance(value, type) and issubclass(value, pulumi.ComponentResource)
    ]
    composites = [
        name for name in parts if public[name].__module__.startswith(("pulumi_django.base", "pulumi_django.app."))
    ]
    text = '# Components\n\nGenerated from the docstrings by `make docs`. Each is used as `Name("name", NameArgs(...), opts)`.\n'
    for name in [*composites, *(part for part in sorted(parts) if part not in composites)]:
        text += f"\n## {name}\n\n{doc(public[name])}\n\nToken `{token(public[name])}`.\n"
        text += f"\n### {name}Args\n\n{table(public[f'{name}Args'], defaults=True)}"
        text += f"\n### Outputs of {name}\n\n{table(public[name], defaults=False)}"
    text += "\n# Options and other classes\n"
    for name in sorted(n for n in public if n.endswith("Options") or n in PLAIN):
        text += f"\n## {name}\n\n{doc(public[name]) if not doc(public[name]).startswith(f'{name}(') else ''}\n\n{table(public[name], defaults=True)}"
    return text


def token(component: type) -> str:
    """The type token of a component, from its source."""
    for node in ast.walk(ast.parse(inspect.getsource(component))):
        if isinstance(node, ast.Constant) and str(node.value).startswith("pulumi-django:"):
            return str(node.value)
    raise LookupError(component.__name__)


def commands() -> str:
    """docs/reference/cli.md."""
    typer_main: Any = importlib.import_module("typer.main")
    root: Any = typer_main.get_command(importlib.import_module("orchestrator.cli.main").app)
    text = "# Command line\n\nGenerated from the commands by `make docs`. Options with a variable in the last column can also be set by it.\n"
    text += "\nExit codes: 0 done or nothing to do, 1 failed or refused, 2 wrong usage, 130 interrupted.\n"
    for name, command in root.commands.items():
        text += f"\n## {name}\n\n{inspect.cleandoc(command.help or '')}\n\n"
        arguments = [(p.name or "").upper() for p in command.params if type(p).__name__ == "TyperArgument"]
        text += f"    orchestrator {name} {' '.join(arguments)} [options]\n\n".replace("  [", " [")
        text += "| option | meaning | environment variable |\n| --- | --- | --- |\n" + "".join(_options(command))
    return text


def _options(command: Any) -> Iterator[str]:
    for parameter in command.params:
        if type(parameter).__name__ == "TyperOption":
            names = ", ".join(f"`{option}`" for option in parameter.opts)
            variable = f"`{parameter.envvar}`" if parameter.envvar else ""
            yield f"| {names} | {parameter.help or ''} | {variable} |\n"


def architecture() -> str:
    """docs/architecture.md with the diagrams of import-linter's contracts."""
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    for contract in contracts:
        if contract["type"] == "layers":
            begin, end = f"<!-- layers of {contract['containers'][0]} -->\n", "<!-- end -->"
            before, _, rest = page.partition(begin)
            page = f"{before}{begin}{layers(contract['layers'])}{end}{rest.partition(end)[2]}"
    return page


def layers(rows: list[str]) -> str:
    """A diagram of rooms: each row may import the rows below it."""
    names = [re.split(r"\s*[:|]\s*", row) for row in rows]
    boxes = [f"    {row[0]}[{', '.join(row)}]\n" for row in names]
    arrows = [f"    {upper[0]} --> {lower[0]}\n" for upper, lower in pairwise(names)]
    return f"```mermaid\nflowchart TD\n{''.join(boxes)}{''.join(arrows)}```\n"


def main() -> int:
    """Write or check the files; returns the exit code."""
    stale: list[str] = []
    pages = {"reference/components.md": components(), "reference/cli.md": commands(), "architecture.md": architecture()}
    for name, text in pages.items():
        file = ROOT / "docs" / name
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            stale.append(name)
            if "--check" not in sys.argv:
                file.write_text(text, encoding="utf-8")
    if "--check" in sys.argv and stale:
        sys.stderr.write(f"stale: {', '.join(stale)}; run `make docs`\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
