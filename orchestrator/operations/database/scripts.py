"""Scripts of the tasks for an environment's database. Pure.

The tasks have the family `{env}-database` (`pulumi_django.ecs.database_task`). libpq's variables connect to the server as
its master role; APP_DATABASE, APP_ROLE and APP_PASSWORD are the environment's. Names are psql variables, which psql quotes;
no name and no password is in a command line.
"""

from __future__ import annotations

from pulumi_django.ecs.database_script import EXTENSIONS_VARIABLE, extensions_sql

DUMP_FILE = "/dump/database.dump"
"""Path of a dump inside a task, on a volume that its containers share."""

_NAMES = r"""
\set VERBOSITY terse
\getenv database APP_DATABASE
\getenv role APP_ROLE
"""

# FORCE ends open connections. https://www.postgresql.org/docs/current/sql-dropdatabase.html
_DROP_DATABASE = r"""
SELECT format('DROP DATABASE %I WITH (FORCE)', datname) FROM pg_database WHERE datname = :'database' \gexec
"""

INCOMING = "-incoming"
"""End of the name of a copy that is not complete. It takes the place of the database when it is."""

_INCOMING = rf"""
\set incoming :database '{INCOMING}'
"""

DROP_SQL = rf"""
{_NAMES.strip()}
{_INCOMING.strip()}
SELECT format('DROP DATABASE %I WITH (FORCE)', datname) FROM pg_database
 WHERE datname IN (:'database', :'incoming') \gexec
SELECT format('DROP ROLE %I', :'role') WHERE EXISTS (SELECT FROM pg_roles WHERE rolname = :'role') \gexec
\echo database :database and role :role are dropped
"""

# The role keeps its password.
EMPTY_SQL = rf"""
{_NAMES.strip()}
{_DROP_DATABASE.strip()}
SELECT format('CREATE DATABASE %I OWNER %I', :'database', :'role') \gexec
SET ROLE :"role";
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
{extensions_sql()}
"""

# Statements of databases cannot be in a transaction, so the new one gets its name as soon as the old one is gone.
SWAP_SQL = rf"""
{_NAMES.strip()}
{_INCOMING.strip()}
{_DROP_DATABASE.strip()}
ALTER DATABASE :"incoming" RENAME TO :"database";
\echo database :database is filled
"""

# The extensions of a dump that neither the master role creates (with their own requirements) nor the environment's role
# may create (a trusted one).
_UNCREATABLE_SQL = rf"""
\set extensions ''
\getenv extensions {EXTENSIONS_VARIABLE}
\getenv needed NEEDED_EXTENSIONS
WITH RECURSIVE created(name) AS (
  SELECT unnest(string_to_array(:'extensions', ',')) COLLATE "C"
  UNION
  SELECT unnest(version.requires)::text COLLATE "C"
    FROM created JOIN pg_available_extension_versions AS version ON version.name = created.name)
SELECT string_agg(needed, ', ') FROM unnest(string_to_array(trim(:'needed'), ' ')) AS needed
 WHERE needed NOT IN (SELECT name FROM created)
   AND NOT EXISTS (SELECT FROM pg_available_extension_versions WHERE name = needed AND trusted);
"""

_HEAD_LINES = 40
"""Lines in which pg_restore's own settings are. The data comes later."""

_NO_TIMEOUT = (
    "s/^SET transaction_timeout = 0;$/"
    "SELECT set_config(name, $$0$$, false) FROM pg_settings WHERE name = $$transaction_timeout$$;/"
)
_PSQL = "psql --no-psqlrc --quiet --set ON_ERROR_STOP=1"
# Everything belongs to the target database's role; grants could refer to roles that do not exist there.
_PORTABLE = "--no-owner --no-privileges"


def psql(sql: str) -> list[str]:
    """Return a command that feeds `sql` to psql as the master role and stops at the first error."""
    return ["sh", "-c", _fed(sql)]


def dump() -> list[str]:
    """Return a command that writes the environment's database to the dump file."""
    return [
        "sh",
        "-c",
        f'set -eu\n{_dump("$APP_DATABASE", DUMP_FILE)}\necho "$APP_DATABASE: $(du -h {DUMP_FILE} | cut -f1)"',
    ]


def restore() -> list[str]:
    """Return a command that replaces the environment's database by the dump file."""
    return ["sh", "-c", f"set -eu\n{_check(DUMP_FILE)}\n{_replaced(DUMP_FILE)}"]


def clone(source: str) -> list[str]:
    """Return a command that replaces the environment's database by a copy of another one on the same server."""
    script = f"set -eu\n{_dump('$1', DUMP_FILE)}\n{_check(DUMP_FILE)}\n{_replaced(DUMP_FILE)}"
    return ["sh", "-c", script, "clone", source]


def client() -> list[str]:
    """Return a command that opens psql as the environment's own role, in a container of such a task."""
    own = 'PGDATABASE="$APP_DATABASE" PGUSER="$APP_ROLE" PGPASSWORD="$APP_PASSWORD"'
    return ["sh", "-c", f"{own} exec psql"]


def _fed(sql: str) -> str:
    return f"{_PSQL} <<'SQL'\n{sql.strip()}\nSQL"


def _dump(database: str, file: str) -> str:
    """Return a pg_dump command; a role has the name of its database."""
    return f'PGDATABASE="{database}" pg_dump --format=custom {_PORTABLE} --role="{database}" --file={file}'


def _check(file: str) -> str:
    """Return a check that fails for an unreadable or unrestorable dump before any data is deleted."""
    names = "s/^[0-9]*; [0-9]* [0-9]* EXTENSION - \\([^ ]*\\).*/\\1/p"
    return f"""\
pg_restore --list {file} > {file}.list
NEEDED_EXTENSIONS=$(sed -n '{names}' {file}.list | tr '\\n' ' ')
export NEEDED_EXTENSIONS
missing=$({_PSQL} --tuples-only --no-align <<'SQL'
{_UNCREATABLE_SQL.strip()}
SQL
)
if [ -n "$missing" ]; then
  echo "the data needs extensions that only the master role may create: $missing" >&2
  echo "nothing was changed; name them in release.extensions of $APP_DATABASE's environment, update it, then try again" >&2
  exit 1
fi"""


def _replaced(file: str) -> str:
    """Return commands that fill a new database and then put it in the place of the old one, whose data stays until then."""
    return f"""\
unfinished() {{
echo "database $APP_DATABASE was not replaced and keeps its data" >&2
APP_DATABASE="$APP_DATABASE{INCOMING}" {_fed(_NAMES.strip() + _DROP_DATABASE.rstrip())}
}}
trap 'test $? = 0 || unfinished' EXIT
APP_DATABASE="$APP_DATABASE{INCOMING}" {_fed(EMPTY_SQL)}
{_restore(file)}
trap - EXIT
{_fed(SWAP_SQL)}"""


def _restore(file: str) -> str:
    # An extension belongs to the master role; no other role may comment on it. pg_restore 17 and newer begin with a setting
    # that older servers do not know, and then stop, so psql gets their SQL without it. The SQL needs no room on the disk. The
    # shell opens the pipe, so its reader ends also when pg_restore cannot begin.
    return f"""\
grep -v ' COMMENT - EXTENSION ' {file}.list > {file}.wanted
rm -f {file}.sql
mkfifo {file}.sql
pg_restore --file=- --role="$APP_ROLE" {_PORTABLE} --use-list={file}.wanted {file} > {file}.sql &
sed '1,{_HEAD_LINES}{_NO_TIMEOUT}' {file}.sql | PGDATABASE="$APP_DATABASE{INCOMING}" {_PSQL} --output=/dev/null
wait $!"""
