"""Write docs/reference, the diagrams of docs/architecture.md, the JSON Schemas of configuration files and the schema of the plugin.

`python docs/generate.py` writes; `--check` only compares.
"""

from __future__ import annotations

import inspect
import json
import re
import sys
import tomllib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import griffe
import pulumi

sys.path.insert(0, str(Path(__file__).parents[1]))

import pulumi_django
from docs import plugin_schema, schemas
from orchestrator.cli.parser import parser

ROOT = Path(__file__).parents[1]
SOURCE = griffe.load("pulumi_django", search_paths=[ROOT])
"""The package as griffe reads it, because Python keeps no docstrings of fields."""

OTHER_CLASSES = (
    "BaseContract",
    "AppOutputs",
    "AwsAccess",
    "AssumedRole",
    "WebIdentity",
    "ContainerSetup",
    "EfsVolume",
    "HealthCheck",
    "Mount",
    "ServicePlacement",
    "TaskSize",
    "Ulimit",
)
"""Classes in the reference whose names do not end in `Args` or `Options`."""


def fields(cls: type) -> dict[str, tuple[str, str, str]]:
    """Type, default and docstring of the annotated names of a class, with the inherited ones first."""
    found: dict[str, tuple[str, str, str]] = {}
    source = SOURCE[f"{cls.__module__}.{cls.__name__}".removeprefix("pulumi_django.")]
    for part in [*reversed(source.mro()), source]:
        for name, attribute in part.attributes.items():
            if attribute.annotation is not None and "property" not in attribute.labels and not name.startswith("_"):
                # A class that only changes a default inherits the docstring.
                inherited = found[name][2] if name in found else ""
                text = attribute.docstring.value.replace("\n", " ") if attribute.docstring else inherited
                found[name] = (str(attribute.annotation), default(attribute.value), text)
    return found


def default(value: str | griffe.Expr | None) -> str:
    """The default of a field as a reader writes it: the result of a factory, not the factory."""
    text = "required" if value is None else str(value)
    factory = re.search(r"default_factory=(lambda: )?(.*)\)$", text, re.DOTALL)
    if factory is None:
        return text
    if factory[1]:
        return factory[2]
    name = factory[2].partition(",")[0]
    return "{}" if name.startswith("dict") else f"{name}()"


def table(cls: type, *, defaults: bool) -> str:
    """The fields of a class as a Markdown table."""
    head = ["name", "type", *(["default"] if defaults else []), "meaning"]
    rows = [
        [f"`{name}`", f"`{type_}`", *([f"`{default}`"] if defaults else []), text]
        for name, (type_, default, text) in fields(cls).items()
    ]
    lines = [head, ["---"] * len(head), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines) if rows else "None.\n"


def components() -> str:
    """The content of docs/reference/components.md."""
    public: dict[str, Any] = {name: getattr(pulumi_django, name) for name in pulumi_django.__all__}
    parts = [n for n, v in public.items() if isinstance(v, type) and issubclass(v, pulumi.ComponentResource)]
    text = '# Components\n\nGenerated from the docstrings by `make docs`. Use each component as `Name("name", NameArgs(...), opts)`.\n'
    for name in sorted(parts, key=lambda part: (not is_composite(public[part]), part)):
        text += f"\n## {name}\n\n{inspect.getdoc(public[name])}\n\nToken `{token(public[name])}`.\n"
        text += f"\n### {name}Args\n\n{table(public[f'{name}Args'], defaults=True)}"
        text += f"\n### Outputs of {name}\n\n{table(public[name], defaults=False)}"
    text += "\n# Options and other classes\n"
    for name in sorted(n for n in public if n.endswith("Options") or n in OTHER_CLASSES):
        docstring = inspect.getdoc(public[name]) or ""
        # A dataclass without a docstring gets its signature as one.
        described = "" if docstring.startswith(f"{name}(") else f"{docstring}\n\n"
        text += f"\n## {name}\n\n{described}{table(public[name], defaults=True)}"
    return text


def is_composite(component: type) -> bool:
    """Whether a component is a whole base or environment."""
    return component.__module__.startswith(("pulumi_django.base.", "pulumi_django.app."))


def token(component: type) -> str:
    """The type token of a component, from its source."""
    found = re.search(r'"(pulumi-django:[^"]+)"', inspect.getsource(component))
    if found is None:
        raise LookupError(component.__name__)
    return found[1]


def commands() -> str:
    """The content of docs/reference/cli.md."""
    text = "# Command line\n\nGenerated from the commands by `make docs`. The last column names the environment variable that sets an option.\n"
    text += "\nExit codes: 0 done or nothing to do, 1 failed or refused, 2 wrong usage, 3 drift (`drift --fail`), 130 interrupted.\n"
    for name, command in walk(parser()):
        described = re.sub(
            r"^Example: (.+)$", r"Example: `\1`", inspect.cleandoc(command.help or ""), flags=re.MULTILINE
        )
        text += f"\n## {name}\n\n{described}\n"
        if not hasattr(command, "commands"):
            arguments = "".join(
                f"{p.name.upper()} " for p in command.params if p.param_type_name == "argument" and not p.hidden
            )
            text += f"\n    orchestrator {name} {arguments}[options]\n\n"
            rows = "".join(options(command))
            text += (
                f"| option | meaning | environment variable |\n| --- | --- | --- |\n{rows}" if rows else "No options.\n"
            )
    return text


def walk(group: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every command with its full name; a group comes before its commands."""
    for name, command in group.commands.items():
        yield f"{prefix}{name}", command
        if hasattr(command, "commands"):
            yield from walk(command, f"{prefix}{name} ")


def options(command: Any) -> Iterator[str]:
    """The options of a command as rows of a Markdown table."""
    for parameter in command.params:
        if parameter.param_type_name == "option":
            names = ", ".join(f"`{option}`" for option in parameter.opts)
            variable = f"`{parameter.envvar}`" if parameter.envvar else ""
            yield f"| {names} | {parameter.help or ''} | {variable} |\n"


def architecture() -> str:
    """The content of docs/architecture.md, with the diagrams of import-linter's contracts."""
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    for contract in settings["contracts"]:
        if contract["type"] == "layers":
            begin, end = f"<!-- layers of {contract['containers'][0]} -->\n", "<!-- end -->"
            before, _, rest = page.partition(begin)
            page = f"{before}{begin}{layers(contract['layers'])}{end}{rest.partition(end)[2]}"
    return page


def layers(rows: list[str]) -> str:
    """A diagram of rooms: each row can import the rows below it."""
    names = [re.split(r"\s*[:|]\s*", row) for row in rows]
    boxes = [f"    {row[0]}[{', '.join(row)}]\n" for row in names]
    arrows = [f"    {upper[0]} --> {lower[0]}\n" for upper, lower in pairwise(names)]
    return f"```mermaid\nflowchart TD\n{''.join(boxes)}{''.join(arrows)}```\n"


def main() -> int:
    """Write or compare the files, and return the exit code."""
    pages = {"reference/components.md": components(), "reference/cli.md": commands(), "architecture.md": architecture()}
    files = {ROOT / "docs" / name: text for name, text in pages.items()}
    documented = schemas.documented_by(SOURCE, ROOT)
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    plugin = plugin_schema.document(version, documented)
    files[ROOT / "pulumi_django/provider/schema.json"] = json.dumps(plugin, indent=1) + "\n"
    for name, schema in schemas.all_schemas(documented).items():
        files[ROOT / f"orchestrator/onboarding/schemas/{name}.json"] = json.dumps(schema, indent=1) + "\n"
    stale = [file for file, text in files.items() if not file.exists() or file.read_text(encoding="utf-8") != text]
    if "--check" in sys.argv and stale:
        sys.stderr.write(f"stale: {', '.join(file.name for file in stale)}; run `make docs`\n")
        return 1
    for file in stale:
        file.write_text(files[file], encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
