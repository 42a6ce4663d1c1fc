"""Resources for agents: the pages of this documentation, and the JSON Schemas of documents and configuration files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from mcp.server.mcpserver.resources import FunctionResource, Resource

from orchestrator.rendering.schema import SCHEMAS, schema

PACKAGE = Path(__file__).parents[1]
_FILE_SCHEMAS = {"settings": "orchestrator.toml", "base": "stack files of bases", "app": "stack files of environments"}


def pages_folder() -> Path | None:
    """The folder of the documentation: in the installed package, or in a checkout. None when it is missing."""
    return next((folder for folder in (PACKAGE / "pages", PACKAGE.parent / "docs") if folder.is_dir()), None)


def resources() -> Iterator[Resource]:
    """All resources. The content of each is made when it is read."""
    folder = pages_folder()
    for page in sorted(folder.rglob("*.md")) if folder else ():
        path = page.relative_to(folder).as_posix() if folder else page.name
        yield FunctionResource.from_function(
            partial(page.read_text, encoding="utf-8"),
            uri=f"docs://{path}",
            name=path,
            description=_title(page),
            mime_type="text/markdown",
        )
    for name, published in SCHEMAS.items():
        yield _schema(f"schema://documents/{name}", published.description, partial(schema, name))
    for name, what in _FILE_SCHEMAS.items():
        yield _schema(f"schema://files/{name}", f"The {what}.", partial(_file_schema, name))


def _schema(uri: str, description: str, make: partial[object]) -> Resource:
    return FunctionResource.from_function(
        lambda: json.dumps(make(), indent=1),
        uri=uri,
        name=uri.partition("://")[2],
        description=description,
        mime_type="application/schema+json",
    )


def _file_schema(name: str) -> object:
    from orchestrator.onboarding.initialise import schema as file_schema  # the other resources do not need it

    return file_schema(name, f"django-{name}")


def _title(page: Path) -> str:
    with page.open(encoding="utf-8") as opened:
        return next((line[2:].strip() for line in opened if line.startswith("# ")), page.stem)
