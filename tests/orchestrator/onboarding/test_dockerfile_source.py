"""The stage of a Dockerfile that runs the application, and the variables that its script needs."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.onboarding import dockerfile_source, source_tree
from orchestrator.onboarding.dockerfile_source import Dockerfile

SCRIPT = """#!/bin/bash
set -o errexit
set -o nounset
# ${IN_A_COMMENT}
if [ -z "${POSTGRES_USER}" ]; then
    export POSTGRES_USER=postgres
fi
export DATABASE_URL="postgres://${POSTGRES_USER}:${POSTGRES_PASSWORD}@$POSTGRES_HOST:${POSTGRES_PORT:-5432}/db"
NAME=shop
echo "$NAME ${DATABASE_URL} $HOME ${IN_THE_IMAGE} ${MAYBE:+given}"
exec "$@"
"""


def docker(folder: Path, text: str, path: str = "Dockerfile", **files: str) -> Dockerfile:
    for name, content in {path: text, **files}.items():
        file = folder / name.replace("__", "/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, encoding="utf-8")
    return dockerfile_source.read(source_tree.read(folder), path)


@pytest.mark.parametrize(
    ("stages", "target"),
    [
        (["base", "prod", "local"], "prod"),
        (["base", "production", "test"], "production"),
        (["builder", "runtime", "dev"], "runtime"),
        (["django-prod", "django-dev"], "django-prod"),
        (["local", "prod"], None),
        (["base", "local"], None),
        (["python-build-stage", "python-run-stage"], None),
        (["device", "latest"], None),
    ],
)
def test_a_stage_for_production_counts_before_a_last_stage_for_development(
    stages: list[str], target: str | None, tmp_path: Path
) -> None:
    found = docker(tmp_path, "".join(f"FROM python:3.13 AS {name}\n" for name in stages))
    assert (found.stage and found.stage.value) == target


def test_a_stage_has_the_configuration_of_the_stage_that_it_begins_with(tmp_path: Path) -> None:
    text = """FROM python:3.13 AS Base
EXPOSE 8080
USER app
CMD ["gunicorn", "shop.wsgi"]
FROM node AS assets
EXPOSE 3000
FROM base AS prod
USER django
FROM prod AS local
USER root
CMD ["python", "manage.py", "runserver"]
"""
    found = docker(tmp_path, text)
    assert found.stage is not None
    assert found.stage.place == "guess: the last stage, local, is for development"
    assert [each and each.value for each in (found.port, found.user, found.command)] == [
        8080,
        "django",
        "gunicorn shop.wsgi",
    ]


def test_a_stage_that_begins_with_itself_ends_the_search(tmp_path: Path) -> None:
    assert docker(tmp_path, "FROM a AS a\nEXPOSE 8000\n").port is not None
    assert docker(tmp_path, "EXPOSE 8000\n") == Dockerfile(path="Dockerfile")
    assert docker(tmp_path, "FROM\n").port is None


@pytest.mark.parametrize(
    ("path", "text", "script"),
    [
        ("Dockerfile", 'COPY --chown=a:a ./docker/start /entrypoint\nENTRYPOINT ["/entrypoint"]', "docker/start"),
        ("Dockerfile", "COPY docker/start /usr/bin/\nENTRYPOINT /usr/bin/start", "docker/start"),
        ("Dockerfile", 'COPY ["docker/start", "/usr/bin/start"]\nENTRYPOINT ["/usr/bin/start"]', "docker/start"),
        ("Dockerfile", 'COPY . /app\nENTRYPOINT ["/app/docker/start.sh"]', "docker/start.sh"),
        ("backend/Dockerfile", 'COPY . /code\nENTRYPOINT ["./start.sh"]', "backend/start.sh"),
    ],
)
def test_the_script_of_the_entrypoint_names_the_variables_that_nothing_sets(
    path: str, text: str, script: str, tmp_path: Path
) -> None:
    whole = f"FROM python:3.13\nENV IN_THE_IMAGE=1\n{text}\n"
    found = docker(tmp_path, whole, path, **{script.replace("/", "__"): SCRIPT})
    assert {name: (file, variable.line, variable.required) for name, (file, variable) in found.variables.items()} == {
        "POSTGRES_USER": (script, 5, True),
        "POSTGRES_PASSWORD": (script, 8, True),
        "POSTGRES_HOST": (script, 8, True),
        "POSTGRES_PORT": (script, 8, False),
        "MAYBE": (script, 10, False),
    }


@pytest.mark.parametrize(
    ("beginning", "required"),
    [
        ("#!/bin/sh\nset -e\n", False),
        ("#!/bin/bash -eu\n", True),
        ("#!/bin/sh\nset -eu\n", True),
        ("#!/bin/bash\nset -euo pipefail\n", True),
        ("#!/bin/bash\nset -o nounset\n", True),
        ("#!/bin/sh -e\n", False),
    ],
)
def test_a_shell_that_is_not_strict_takes_a_missing_variable_as_empty(
    beginning: str, required: bool, tmp_path: Path
) -> None:
    script = f"{beginning}echo $COLOR\necho ${{SIZE:?}} ${{MODE:-fast}}\n"
    found = docker(tmp_path, 'FROM a\nCOPY . /code\nENTRYPOINT ["/code/run.sh"]\n', **{"run.sh": script})
    assert {name: variable.required for name, (_, variable) in found.variables.items()} == {
        "COLOR": required,
        "SIZE": True,
        "MODE": False,
    }


@pytest.mark.parametrize("entrypoint", ["", 'ENTRYPOINT ["python"]', 'ENTRYPOINT ["/missing.sh"]', "ENTRYPOINT []"])
def test_an_entrypoint_without_a_script_in_the_repository_needs_nothing(entrypoint: str, tmp_path: Path) -> None:
    assert docker(tmp_path, f"FROM python:3.13\n{entrypoint}\n").variables == {}


def test_a_command_that_is_nested_without_end_is_text() -> None:
    assert dockerfile_source.words("[" * 100_000) == "[" * 100_000
