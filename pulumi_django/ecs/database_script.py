"""The SQL of the task that creates an environment's database and role. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pulumi_django.rules.text import as_written

EXTENSIONS_VARIABLE = "APP_EXTENSIONS"
"""Variable of the task with the names of the extensions, separated by commas."""

# Names in PostgreSQL have at most 63 characters. https://www.postgresql.org/docs/current/extend-extensions.html
_EXTENSION = re.compile(r"[a-z][a-z0-9_-]{0,62}")

_NAMES = r"""
\set VERBOSITY terse
\getenv database APP_DATABASE
\getenv role APP_ROLE
\getenv password APP_PASSWORD
"""

# psql's variables take names and password from the environment and quote them; the command line contains neither. A server
# that logs DDL (`log_statement`) would log a plain ALTER ROLE with its password, but not the statements inside DO. The master
# role of RDS is not a superuser: to give a database to its owner it must be a member of the owner, and since PostgreSQL 16 the
# membership that CREATE ROLE grants is not enough. A GRANT that exists already is a NOTICE in the log of every deploy. The
# columns `set_option` and `inherit_option` do not exist before 16, so JSON reads them.
# https://www.postgresql.org/docs/current/role-membership.html
_ENSURE = r"""
SELECT format('CREATE ROLE %I', :'role')
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'role') \gexec
SELECT set_config('app.role', :'role', false) AS role,
       set_config('app.password', :'password', false) AS password \gset
DO $$ BEGIN
  EXECUTE format('ALTER ROLE %I LOGIN PASSWORD %L', current_setting('app.role'), current_setting('app.password'));
END $$;
SELECT format('GRANT %I TO CURRENT_USER', :'role')
 WHERE NOT EXISTS (
   SELECT FROM pg_auth_members AS given
    WHERE roleid = (SELECT oid FROM pg_roles WHERE rolname = :'role')
      AND member = (SELECT oid FROM pg_roles WHERE rolname = CURRENT_USER)
      AND coalesce((to_jsonb(given) ->> 'set_option')::boolean, true)
      AND coalesce((to_jsonb(given) ->> 'inherit_option')::boolean, true)) \gexec
SELECT format('CREATE DATABASE %I OWNER %I', :'database', :'role')
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database') \gexec
SET ROLE :"role";
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
"""

# CASCADE also creates the extensions that an extension needs, so each one is checked again (IF NOT EXISTS). Without the
# WHERE each one would be a NOTICE in the log of every deploy.
_EXTENSIONS = r"""
\connect :database
SELECT format('CREATE EXTENSION IF NOT EXISTS %I CASCADE', name) FROM {names} AS name
 WHERE NOT EXISTS (SELECT FROM pg_extension WHERE extname = name) \gexec
"""


def check_extensions(names: Sequence[str]) -> None:
    """Raise ValueError for an invalid name of an extension, and for a name that occurs twice."""
    if isinstance(names, str):
        raise ValueError(f"extensions is {as_written(names)}: it must be a list of names, such as ['postgis']")
    for name in names:
        if not _EXTENSION.fullmatch(name):
            raise ValueError(
                f"extensions has {as_written(name)}: the name of a PostgreSQL extension is lower-case letters, digits, _ and -, "
                "such as 'postgis' or 'uuid-ossp'"
            )
    twice = sorted({name for name in names if list(names).count(name) > 1})
    if twice:
        raise ValueError(f"extensions has {', '.join(twice)} more than once: name each extension once")


def ensure_sql(extensions: Sequence[str] = ()) -> str:
    """Return SQL that creates role, database and extensions where they do not exist, and sets the role's password."""
    check_extensions(extensions)
    parts = [_NAMES, _ENSURE]
    if extensions:
        names = ", ".join(f"'{name}'" for name in extensions)
        parts.append(_EXTENSIONS.format(names=f"unnest(ARRAY[{names}])"))
    return "\n".join([*(part.strip() for part in parts), r"\echo database :database is ready"])


def extensions_sql() -> str:
    """Return SQL that creates, in the environment's database, the extensions of the variable APP_EXTENSIONS."""
    read = rf"""
\set extensions ''
\getenv extensions {EXTENSIONS_VARIABLE}
"""
    names = r"unnest(string_to_array(:'extensions', ','))"
    return f"{read.strip()}\n{_EXTENSIONS.format(names=names).strip()}"


def psql_command(sql: str) -> list[str]:
    """Return the words of a container command that runs `sql` in psql and stops at the first error."""
    return ["sh", "-c", f"psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 <<'SQL'\n{sql.strip()}\nSQL"]
