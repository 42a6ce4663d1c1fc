"""`orchestrator db` with the tasks that it makes, on real servers of the oldest and a newer PostgreSQL, with TLS as on RDS."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from orchestrator.config import settings
from orchestrator.errors import OperationFailedError
from orchestrator.local import declaration
from orchestrator.operations.database import databases, scripts
from orchestrator.operations.database.databases import CloneDatabase, ResetDatabase, RestoreDatabase
from orchestrator.operations.events import Event, LogLine
from tests.live.account import Account, Environment
from tests.live.shop import SHOP
from tests.support import postgres
from tests.support.operations import Heard
from tests.support.postgres import SUPERUSER, Server

OLDEST = 15
INSTALLED = postgres.installations()
NEWEST = max(INSTALLED, default=0)
NEWER = [major for major in sorted(INSTALLED) if major > OLDEST] or [OLDEST + 2]
"""Its programs are those of the image of the tasks, for every server."""

WHY = postgres.missing()
pytestmark = pytest.mark.skipif(WHY is not None, reason=str(WHY))
SERVERS = [
    pytest.param(
        major,
        marks=pytest.mark.skipif(major not in INSTALLED, reason=f"PostgreSQL {major} is not installed"),
        id=f"postgresql-{major}",
    )
    for major in (OLDEST, *NEWER)
]
CONFIG = "  shop-app:release: {extensions: [pg_trgm, hstore]}\n"


@dataclass
class Two:
    """Two environments on one server."""

    account: Account
    server: Server
    alpha: Environment
    beta: Environment

    def rows(self, sql: str, environment: str = "alpha") -> list[str]:
        return self.server.query(sql, f"{environment}-db")

    def say(self, event: Event) -> None:
        """Print the log of a task, which pytest shows with a failure."""
        if isinstance(event, LogLine):
            print(event.text)  # noqa: T201


@pytest.fixture(scope="module")
def declared(tmp_path_factory: pytest.TempPathFactory) -> dict[str, declaration.Declaration]:
    folder = tmp_path_factory.mktemp("declared") / "infrastructure"
    shutil.copytree(SHOP / "infrastructure", folder, ignore=shutil.ignore_patterns(".*"))
    text = (folder / "app" / "Pulumi.alpha.yaml").read_text(encoding="utf-8")
    for name, slot in (("alpha", 0), ("beta", 1)):
        own = text.replace("listener_slot: 0", f"listener_slot: {slot}")
        (folder / "app" / f"Pulumi.{name}.yaml").write_text(own + CONFIG, encoding="utf-8")
    return {name: declaration.declared_apart(settings.load(folder), name) for name in ("alpha", "beta")}


@pytest.fixture(scope="module")
def endpoint() -> Generator[str]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="module", params=SERVERS)
def two(
    request: pytest.FixtureRequest,
    declared: dict[str, declaration.Declaration],
    endpoint: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Generator[Two]:
    with started(request.param) as server:
        made = {
            name: Environment(declaration=each, server=server, folder=tmp_path_factory.mktemp(name), endpoint=endpoint)
            for name, each in declared.items()
        }
        account = Account(environments=list(made.values()))
        s3 = account.client("s3")
        for name in {each.bucket for each in made.values()}:
            s3.create_bucket(Bucket=name)
        two = Two(account, server, **made)
        for each in made.values():
            databases.reset(ResetDatabase(), each.target, account.clients(), two.say)
        yield two


def add(two: Two, name: str, environment: str = "alpha") -> None:
    two.rows(
        f"INSERT INTO catalog_product (name, price_cents, stock, picture) VALUES ('{name}', 1, 1, '') ON CONFLICT DO NOTHING",
        environment,
    )


NAMES = "SELECT name FROM catalog_product ORDER BY name"


def test_a_created_database_belongs_to_its_role_and_has_the_extensions(two: Two) -> None:
    owner = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()"
    assert two.rows(owner) == ["alpha-db"]
    assert two.rows("SELECT extname FROM pg_extension ORDER BY 1") == ["hstore", "pg_trgm", "plpgsql"]


def test_neither_another_role_nor_a_connection_without_tls_enters_a_database(two: Two) -> None:
    url = f"host=127.0.0.1 port={two.server.port} dbname=beta-db user=alpha-db"
    alpha = two.alpha.variables("alpha-gunicorn")
    for more, error in (("sslmode=require", "permission denied for database"), ("sslmode=disable", "no encryption")):
        ran = two.server.run(["psql", f"{url} {more}"], "", variables={"PGPASSWORD": alpha["DB_PASSWORD"]})
        assert (ran.code, error in ran.err) == (2, True), ran.err


def test_the_shell_opens_as_the_role_of_the_environment(two: Two, tmp_path: Path) -> None:
    queries = tmp_path / "psqlrc"
    queries.write_text("SELECT current_user, current_database();\n", encoding="utf-8")
    (definition,) = two.alpha.definitions()["alpha-database"]
    ended = two.alpha.run(definition, scripts.client(), {"PSQLRC": str(queries)})
    assert ended.code == 0
    assert any(line.split() == ["alpha-db", "|", "alpha-db"] for line in ended.lines)


def test_a_dump_is_restored_over_changes(two: Two, tmp_path: Path) -> None:
    add(two, "dumped")
    target, clients = two.alpha.target, two.account.clients()
    file = tmp_path / "alpha.dump"
    written = databases.dump(target, clients, two.say, to=str(file)).dump
    assert written is not None
    assert written.size_bytes == file.stat().st_size > 1000

    add(two, "later")
    two.rows("DROP TABLE catalog_order")
    restored = databases.restore(RestoreDatabase(source=written.source), target, clients, two.say)
    assert restored.done == ("emptied", "filled", "released")
    assert two.rows(NAMES) == ["dumped"]
    add(two, "later")
    databases.restore(RestoreDatabase(source=str(file), release=False), target, clients, two.say)
    assert two.rows(NAMES) == ["dumped"]
    assert two.rows("SELECT count(*) FROM catalog_order") == ["0"]
    owners = "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'"
    assert two.rows(owners) == ["alpha-db"]
    kept = [each["Key"] for each in clients.client("s3").list_objects_v2(Bucket=two.alpha.bucket)["Contents"]]
    assert written.place[1] in kept
    assert not [key for key in kept if "incoming" in key], "the copy of the file is deleted after the restore"


def test_a_clone_has_the_data_of_the_other_environment_and_belongs_to_its_own_role(two: Two) -> None:
    add(two, "cloned", "beta")
    with connected(two.alpha):
        request = CloneDatabase(source=two.beta.target)
        result = databases.clone(request, two.alpha.target, two.account.clients(), two.say)
    assert result.done == ("emptied", "filled", "released")
    assert "cloned" in two.rows(NAMES)
    assert two.rows("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'") == ["alpha-db"]
    assert two.rows("SELECT extname FROM pg_extension ORDER BY 1") == ["hstore", "pg_trgm", "plpgsql"]


def test_data_with_an_extension_that_the_target_does_not_create_changes_nothing(two: Two) -> None:
    if "dblink" not in two.rows("SELECT name FROM pg_available_extensions"):
        pytest.skip("PostgreSQL's contrib extensions are not installed")
    two.server.query("CREATE EXTENSION dblink", "beta-db")
    add(two, "kept")
    try:
        heard = Heard()
        with pytest.raises(OperationFailedError, match="the task alpha-database-copy ended with exit code 1"):
            databases.clone(CloneDatabase(source=two.beta.target), two.alpha.target, two.account.clients(), heard)
    finally:
        two.server.query("DROP EXTENSION dblink", "beta-db")
    assert "the data needs extensions that only the master role may create: dblink" in heard.lines
    assert "kept" in two.rows(NAMES)


def test_a_dump_that_is_none_changes_nothing(two: Two, tmp_path: Path) -> None:
    add(two, "untouched")
    (tmp_path / "not.dump").write_text("SELECT 1", encoding="utf-8")
    heard = Heard()
    request = RestoreDatabase(source=str(tmp_path / "not.dump"))
    with pytest.raises(OperationFailedError, match="the task alpha-database-copy ended with exit code 1"):
        databases.restore(request, two.alpha.target, two.account.clients(), heard)
    assert any("does not appear to be a valid archive" in line for line in heard.lines)
    assert "untouched" in two.rows(NAMES)


def test_data_that_cannot_be_restored_changes_nothing_and_leaves_nothing_behind(two: Two, tmp_path: Path) -> None:
    add(two, "safe")
    target, clients = two.alpha.target, two.account.clients()
    file = tmp_path / "whole.dump"
    databases.dump(target, clients, two.say, to=str(file))
    cut = tmp_path / "cut.dump"
    cut.write_bytes(file.read_bytes()[:-100])
    heard = Heard()
    with pytest.raises(OperationFailedError, match="the task alpha-database-copy ended with exit code 1"):
        databases.restore(RestoreDatabase(source=str(cut)), target, clients, heard)
    assert "database alpha-db was not replaced and keeps its data" in heard.lines
    assert "safe" in two.rows(NAMES)
    assert two.server.query("SELECT datname FROM pg_database WHERE datname LIKE '%incoming'", "postgres") == []


@pytest.mark.parametrize(
    ("part", "broken"),
    [("--use-list=", "--use-list=/no/such/folder"), ("--output=/dev/null", "--no-such-option")],
    ids=["pg_restore", "psql"],
)
def test_a_copy_ends_when_one_of_its_programs_fails(two: Two, part: str, broken: str) -> None:
    add(two, "here")
    (definition,) = two.alpha.definitions()["alpha-database"]
    words = scripts.clone("beta-db")
    assert part in words[2]
    words[2] = words[2].replace(part, broken)
    volume = {"containerPath": str(Path(scripts.DUMP_FILE).parent), "sourceVolume": "dump"}
    ended = two.alpha.run({**definition, "mountPoints": [volume]}, words, {})
    assert ended.code != 0
    assert "database alpha-db was not replaced and keeps its data" in ended.lines
    assert "here" in two.rows(NAMES)


def test_a_database_whose_copy_was_interrupted_is_dropped_with_the_copy(two: Two) -> None:
    two.server.query('CREATE DATABASE "beta-db-incoming" OWNER "beta-db"', "postgres")
    databases.drop(two.beta.target, two.account.clients(), two.say)
    assert two.server.query("SELECT datname FROM pg_database WHERE datname LIKE 'beta%'", "postgres") == []
    databases.reset(ResetDatabase(), two.beta.target, two.account.clients(), two.say)


def test_a_reset_database_is_empty_migrated_and_seeded(two: Two) -> None:
    add(two, "gone")
    code = "import django; django.setup(); from catalog.models import Product as P; P.objects.create(name='seed', price_cents=1)"
    with connected(two.alpha):
        request = ResetDatabase(seed=("python", "-c", code))
        result = databases.reset(request, two.alpha.target, two.account.clients(), two.say)
    assert result.done == ("dropped", "created", "released", "seeded")
    assert two.rows(NAMES) == ["seed"]


def test_a_dropped_database_leaves_neither_data_nor_role(two: Two) -> None:
    target, clients = two.beta.target, two.account.clients()
    with connected(two.beta):
        databases.drop(target, clients, two.say)
    known = "SELECT datname FROM pg_database UNION SELECT rolname FROM pg_roles"
    assert "beta-db" not in two.server.query(known, "postgres")
    databases.drop(target, clients, two.say)
    databases.create(target, clients, two.say)
    assert "beta-db" in two.server.query(known, "postgres")


@pytest.mark.skipif(not {OLDEST, *NEWER} <= {*INSTALLED}, reason=f"PostgreSQL {OLDEST} and a newer one are needed")
def test_a_clone_from_an_older_server_goes_through_a_dump(
    declared: dict[str, declaration.Declaration], endpoint: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with started(NEWEST) as new, started(OLDEST) as old:
        alpha, beta = (
            Environment(
                declaration=each, server=server, folder=tmp_path_factory.mktemp(each.environment), endpoint=endpoint
            )
            for each, server in ((declared["alpha"], new), (declared["beta"], old))
        )
        two = Two(Account(environments=[alpha, beta]), new, alpha, beta)
        clients = two.account.clients()
        for each in (alpha, beta):
            clients.client("s3").create_bucket(Bucket=each.bucket)
            databases.create(each.target, clients, two.say)
        old.query("SET ROLE \"beta-db\"; CREATE TABLE notes AS SELECT 'old' AS text", "beta-db")
        source = replace(beta.target, base_outputs={**beta.target.base_outputs, "database_host": "old.example.com"})
        request = CloneDatabase(source=source, release=False)
        result = databases.clone(request, alpha.target, clients, two.say)
        assert result.done == ("emptied", "filled")
        assert new.query("SELECT text FROM notes", "alpha-db", SUPERUSER) == ["old"]
        left = clients.client("s3").list_objects_v2(Bucket=beta.bucket).get("Contents", [])
        assert left == [], "the dump is deleted after the copy"


@contextmanager
def started(major: int) -> Generator[Server]:
    """A server of that version, and the programs of the image of the tasks."""
    with postgres.server(INSTALLED[major], secured=True) as server:
        yield replace(server, bin=INSTALLED[NEWEST])


@contextmanager
def connected(environment: Environment) -> Generator[None]:
    """A connection that the application left open."""
    variables = environment.variables(f"{environment.name}-gunicorn")
    words = [str(environment.server.bin / "psql"), "-X", variables["DATABASE_URL"]]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as session:
        assert session.stdin is not None
        assert session.stdout is not None
        session.stdin.write(b"SELECT 'connected';\n")
        session.stdin.flush()
        while b"connected" not in session.stdout.readline():
            assert session.poll() is None
        yield
        session.kill()
