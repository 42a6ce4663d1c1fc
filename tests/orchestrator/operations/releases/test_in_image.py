"""The script that reports migrations, on a real Django and a real PostgreSQL."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.operations.releases.image_tasks import MARK, words_of
from orchestrator.operations.releases.migrations import compared, planned
from tests.support import postgres

SETTINGS = """
DATABASES = {{"default": {{"ENGINE": "django.db.backends.postgresql", "NAME": "shop", "USER": "rdsadmin",
    "HOST": "127.0.0.1", "PORT": {port}}}}}
INSTALLED_APPS = ["shop"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
SECRET_KEY = "x"
print("settings are loaded")
"""
HEAD = """
from django.contrib.postgres.operations import AddConstraintNotValid, AddIndexConcurrently, ValidateConstraint
from django.db import migrations as m, models
from django.db.models import Q

class Migration(m.Migration):
    atomic = {atomic}
    dependencies = [{before}]
    operations = [{operations}]
"""
FIRST = """m.CreateModel("Item", [("id", models.BigAutoField(primary_key=True)),
    ("gone", models.IntegerField()), ("old", models.IntegerField()), ("maybe", models.IntegerField(null=True)),
    ("count", models.IntegerField()), ("short", models.CharField(max_length=10)), ("price", models.IntegerField()),
    ("label", models.CharField(max_length=5)), ("kept", models.IntegerField())]),
    m.CreateModel("Dropped", [("id", models.BigAutoField(primary_key=True))]),
    m.CreateModel("Renamed", [("id", models.BigAutoField(primary_key=True))]),
    m.CreateModel("Moved", [("id", models.BigAutoField(primary_key=True))]),
    m.AddIndex("item", models.Index(fields=["kept"], name="kept_index"))"""
DANGEROUS = {
    "remove": ('m.RemoveField("item", "gone")', "breaks", "drops item.gone"),
    "rename": ('m.RenameField("item", "old", "new")', "breaks", "renames item.old to new"),
    "drop": ('m.DeleteModel("Dropped")', "breaks", "drops the table of Dropped"),
    "rename_model": ('m.RenameModel("Renamed", "Other")', "breaks", "renames the table of Renamed"),
    "move": ('m.AlterModelTable("moved", "elsewhere")', "breaks", "renames the table of moved"),
    "required": ('m.AddField("item", "size", models.IntegerField(default=1))', "breaks", "adds size as NOT NULL"),
    "not_null": ('m.AlterField("item", "maybe", models.IntegerField(default=1))', "breaks", "makes maybe NOT NULL"),
    "type": ('m.AlterField("item", "count", models.BigIntegerField())', "locks", "from integer to bigint"),
    "shorter": ('m.AlterField("item", "short", models.CharField(max_length=3))', "locks", "varchar(10) to varchar(3)"),
    "index": ('m.AddIndex("item", models.Index(fields=["price"], name="p"))', "locks", "without CONCURRENTLY"),
    "constraint": (
        'm.AddConstraint("item", models.CheckConstraint(condition=Q(price__gte=0), name="c"))', "locks", "checks all rows"
    ),
    "together": ('m.AlterUniqueTogether("item", {("price", "kept")})', "locks", "builds an index"),
    "unique": ('m.AddField("item", "code", models.IntegerField(null=True, unique=True))', "locks", "an index on code"),
    "sql": ('m.RunSQL("ALTER TABLE shop_item DROP COLUMN kept -- old", "SELECT 1", [m.RemoveIndex("item", "kept_index"), m.RemoveField("item", "kept")])', "breaks", "SQL that drops"),
}  # fmt: skip
SAFE = {
    "create": 'm.CreateModel("Note", [("id", models.BigAutoField(primary_key=True)), ("text", models.TextField())])',
    "fill_new": 'm.AddField("note", "size", models.IntegerField(default=1, db_index=True))',
    "index_new": 'm.AddIndex("note", models.Index(fields=["text"], name="t"))',
    "nullable": 'm.AddField("item", "extra", models.IntegerField(null=True))',
    "db_default": 'm.AddField("item", "state", models.IntegerField(db_default=0))',
    "wider": 'm.AlterField("item", "label", models.CharField(max_length=50))',
    "text": 'm.AlterField("item", "label", models.TextField())',
    "help": 'm.AlterField("item", "price", models.IntegerField(help_text="cents"))',
    "options": 'm.AlterModelOptions("item", {"ordering": ["price"]})',
    "many": 'm.AddField("item", "notes", models.ManyToManyField("shop.note"))',
    "not_valid": 'AddConstraintNotValid("item", models.CheckConstraint(condition=Q(price__gt=-9), name="n"))',
    "validate": 'ValidateConstraint("item", "n")',
    "concurrently": 'AddIndexConcurrently("item", models.Index(fields=["state"], name="s"))',
    "sql_safe": 'm.RunSQL("CREATE INDEX CONCURRENTLY i ON shop_item (price)", "DROP INDEX i")',
    "python": "m.RunPython(m.RunPython.noop)",
}


class Django:
    """A Django project on a server of its own."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        (folder / "settings.py").write_text(SETTINGS.format(port=port), encoding="utf-8")
        (folder / "backend" / "shop" / "migrations").mkdir(parents=True)
        (folder / "backend" / "shop" / "__init__.py").touch()
        (folder / "backend" / "shop" / "migrations" / "__init__.py").touch()
        self.names: list[str] = []
        self.migration("0001_first", FIRST)

    def migration(self, name: str, operations: str) -> None:
        before = f'("shop", "{self.names[-1]}")' if self.names else ""
        atomic = "concurrently" not in operations.lower()
        text = HEAD.format(atomic=atomic, before=before, operations=operations)
        (self.folder / "backend" / "shop" / "migrations" / f"{name}.py").write_text(text, encoding="utf-8")
        self.names.append(name)

    def run(self, *words: str) -> str:
        path = os.pathsep.join([str(self.folder), os.environ.get("PYTHONPATH", "")])
        variables = {**os.environ, "DJANGO_SETTINGS_MODULE": "settings", "PYTHONPATH": path}
        done = subprocess.run(words, cwd=self.folder, env=variables, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def migrate(self, *words: str) -> None:
        code = "import sys; sys.path.insert(0, 'backend'); from django.core.management import execute_from_command_line as e"
        self.run(sys.executable, "-c", f"{code}; e(['manage.py', 'migrate', *{list(words)!r}])")

    def ask(self, what: str) -> list[dict[str, Any]]:
        lines = self.run(*words_of(what, [sys.executable, "backend/manage.py", "migrate"])).splitlines()
        assert lines[0] == "settings are loaded"
        return [json.loads(line.removeprefix(MARK)) for line in lines if line.startswith(MARK)]


@pytest.fixture(scope="module")
def django(tmp_path_factory: pytest.TempPathFactory) -> Generator[Django]:
    """The first migration is applied, all others are pending."""
    if why := postgres.missing():
        pytest.skip(why)
    pytest.importorskip("psycopg")
    with postgres.server() as server:
        server.query("CREATE DATABASE shop", "postgres")
        project = Django(tmp_path_factory.mktemp("django"), server.port)
        project.migrate("shop", "0001")
        for name, operations in SAFE.items():
            project.migration(name, operations)
        for name, (operations, _, _) in DANGEROUS.items():
            project.migration(name, operations)
        yield project


@pytest.fixture(scope="module")
def found(django: Django) -> dict[str, list[str]]:
    """The dangers of each pending migration, as `severity text`."""
    listed = planned(django.ask("plan"), ["python", "manage.py", "migrate"])
    return {item.name: [f"{danger.severity} {danger.what}" for danger in item.dangers] for item in listed}


def test_the_pending_migrations_are_listed_in_the_order_of_django(django: Django, found: dict[str, list[str]]) -> None:
    assert list(found) == django.names[1:]


@pytest.mark.parametrize("name", DANGEROUS)
def test_an_operation_that_breaks_running_code_or_locks_a_table_is_found(
    found: dict[str, list[str]], name: str
) -> None:
    _, severity, text = DANGEROUS[name]
    assert any(danger.startswith(severity) and text in danger for danger in found[name]), found[name]


@pytest.mark.parametrize("name", SAFE)
def test_a_safe_operation_passes(found: dict[str, list[str]], name: str) -> None:
    assert found[name] == []


def test_the_migrations_between_two_images_have_their_names_and_whether_they_can_be_reversed(django: Django) -> None:
    before = django.ask("state")
    django.migrate()
    now = django.ask("state")
    assert [line["kind"] for line in django.ask("plan")] == ["done"]
    assert compared(now, now) == ()
    older = [{**line, "names": line["names"][:1]} if line["kind"] == "known" else line for line in before]
    found = {item.name: item.reversible for item in compared(now, older)}
    assert set(found) == set(django.names[1:])
    assert [name for name, reversible in found.items() if not reversible] == ["python"]
