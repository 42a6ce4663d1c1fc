"""The database task's SQL on a real server, and the extensions that are refused."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.operations.database import scripts
from pulumi_django import ReleaseOptions
from pulumi_django.ecs.database_script import check_extensions, ensure_sql, psql_command
from tests.support import postgres
from tests.support.postgres import MASTER, SUPERUSER, Server

REASON = postgres.missing()
NEWEST = 0 if REASON else max(postgres.installations(), default=0)
real = pytest.mark.skipif(REASON is not None, reason=REASON or "")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with postgres.server() as running:
        yield running


def available(server: Server, *names: str) -> None:
    there = server.query("SELECT name FROM pg_available_extensions", "postgres")
    if not {*names} <= {*there}:
        pytest.skip("PostgreSQL's contrib extensions are not installed")


def extensions(server: Server, database: str) -> set[str]:
    return {*server.query("SELECT extname FROM pg_extension", database)} - {"plpgsql"}


@real
def test_a_second_run_changes_nothing_and_says_nothing_but_that_the_database_is_ready(server: Server) -> None:
    for _ in range(2):
        ran = server.run(psql_command(ensure_sql()), "alpha-db")
        assert (ran.code, ran.out, ran.err) == (0, "database alpha-db is ready\n", "")

    owner = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'alpha-db'"
    assert server.query(owner, "alpha-db") == ["alpha-db"]


@pytest.mark.skipif(
    NEWEST < 16, reason="PostgreSQL 16 or newer is not installed, and older ones know no such membership"
)
def test_a_membership_with_which_the_master_cannot_act_as_the_role_is_completed() -> None:
    with postgres.server(postgres.installations()[NEWEST]) as server:
        server.query('CREATE ROLE "half-db"', "postgres")
        server.query(f'GRANT "half-db" TO {MASTER} WITH ADMIN TRUE, SET FALSE, INHERIT FALSE', "postgres")

        assert server.run(psql_command(ensure_sql()), "half-db").code == 0


@real
def test_the_master_creates_the_extensions_that_the_applications_role_may_not(server: Server) -> None:
    available(server, "dblink", "earthdistance", "cube", "uuid-ossp")
    wanted = ["earthdistance", "cube", "dblink", "uuid-ossp"]
    first = server.run(psql_command(ensure_sql(wanted)), "geo-db", SUPERUSER)
    second = server.run(psql_command(ensure_sql(wanted)), "geo-db", SUPERUSER)

    assert first.code == 0
    assert (second.code, second.out, second.err) == (0, "database geo-db is ready\n", "")
    assert extensions(server, "geo-db") == {*wanted}
    # What Django's CreateExtension runs, as the role that migrates.
    server.query("CREATE EXTENSION IF NOT EXISTS dblink", "geo-db", "geo-db")
    with pytest.raises(RuntimeError, match="permission denied to create extension"):
        server.query("CREATE EXTENSION file_fdw", "geo-db", "geo-db")


@real
def test_a_trusted_extension_is_created_by_a_master_that_is_no_superuser(server: Server) -> None:
    available(server, "hstore")
    for _ in range(2):
        ran = server.run(psql_command(ensure_sql(["hstore"])), "trusted-db")
        assert (ran.code, ran.err) == (0, "")
    assert extensions(server, "trusted-db") == {"hstore"}


@real
def test_an_extension_that_the_server_does_not_have_fails_the_task(server: Server) -> None:
    ran = server.run(psql_command(ensure_sql(["nosuch"])), "alpha-db")
    assert ran.code != 0
    assert 'extension "nosuch" is not available' in ran.err


# copies of a database


@pytest.fixture(autouse=True)
def dump_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Copies pass through a file of this test: the volume of the database's tasks does not exist here."""
    monkeypatch.setattr(scripts, "DUMP_FILE", str(tmp_path / "database.dump"))


def _source(server: Server) -> None:
    available(server, "dblink", "hstore")
    assert server.run(psql_command(ensure_sql(["dblink"])), "source-db", SUPERUSER).code == 0
    server.query("CREATE EXTENSION IF NOT EXISTS hstore", "source-db", "source-db")
    server.query("CREATE TABLE IF NOT EXISTS things (value hstore)", "source-db", "source-db")
    server.query("TRUNCATE things", "source-db", "source-db")
    server.query("INSERT INTO things VALUES ('a => 1')", "source-db", "source-db")


@real
def test_a_clone_has_the_extensions_of_the_master_and_those_of_the_role(server: Server) -> None:
    _source(server)
    assert server.run(psql_command(ensure_sql()), "copy-db").code == 0

    ran = server.run(scripts.clone("source-db"), "copy-db", SUPERUSER, {"APP_EXTENSIONS": "dblink"})

    assert (ran.code, ran.err) == (0, "")
    assert extensions(server, "copy-db") == {"dblink", "hstore"}
    assert server.query("SELECT value FROM things", "copy-db", "copy-db") == ['"a"=>"1"']


@real
def test_a_copy_that_needs_an_extension_of_the_master_is_refused_before_anything_is_lost(server: Server) -> None:
    _source(server)
    assert server.run(psql_command(ensure_sql()), "poor-db").code == 0
    server.query("CREATE TABLE kept (id int)", "poor-db", "poor-db")

    ran = server.run(scripts.clone("source-db"), "poor-db", SUPERUSER)

    assert ran.code != 0
    assert ran.err.startswith("the data needs extensions that only the master role may create: dblink\n")
    assert "release.extensions" in ran.err
    assert server.query("SELECT count(*) FROM kept", "poor-db", "poor-db") == ["0"]


@real
def test_an_extension_that_another_one_brings_with_it_need_not_be_named(server: Server) -> None:
    available(server, "earthdistance")
    assert server.run(psql_command(ensure_sql(["earthdistance"])), "far-db", SUPERUSER).code == 0
    assert server.run(psql_command(ensure_sql()), "near-db").code == 0

    ran = server.run(scripts.clone("far-db"), "near-db", SUPERUSER, {"APP_EXTENSIONS": "earthdistance"})

    assert (ran.code, extensions(server, "near-db")) == (0, {"cube", "earthdistance"})


@real
def test_an_emptied_database_has_its_extensions_again(server: Server) -> None:
    available(server, "hstore")
    assert server.run(psql_command(ensure_sql(["hstore"])), "empty-db").code == 0

    ran = server.run(scripts.psql(scripts.EMPTY_SQL), "empty-db", variables={"APP_EXTENSIONS": "hstore"})

    assert (ran.code, ran.err) == (0, "")
    assert extensions(server, "empty-db") == {"hstore"}


# names


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("postgis", "extensions is 'postgis': it must be a list of names"),
        (["PostGIS"], "extensions has 'PostGIS': the name of a PostgreSQL extension is lower-case letters"),
        (["x'; DROP TABLE y; --"], "extensions has "),
        (["postgis\n"], "extensions has "),
        ([""], "extensions has ''"),
        (["a" * 64], "extensions has "),
        (["postgis", "hstore", "postgis"], "extensions has postgis more than once"),
    ],
)
def test_an_invalid_extension_is_refused(names: list[str], message: str) -> None:
    for check in (check_extensions, lambda given: ReleaseOptions(extensions=given)):
        with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
            check(names)


def test_names_of_extensions_are_taken_as_postgresql_has_them() -> None:
    names = ["postgis", "uuid-ossp", "pg_trgm", "postgis_topology", "vector", "h3"]
    check_extensions(names)
    assert ReleaseOptions(extensions=names).extensions == names


def test_without_extensions_nothing_connects_to_the_environments_database() -> None:
    assert "EXTENSION" not in ensure_sql()
    assert r"\connect" not in ensure_sql()
