"""Reports migrations from inside an image of the application. `image_tasks` passes this file to `python -c` in a task.

It needs nothing but Django: no orchestrator, and no Python newer than 3.8. Every result is one line of JSON behind MARK,
because the application may print too. Argument: `state` for the migrations that exist and are applied, `plan` for the
pending ones with the operations that break the code that is running, or lock a table of PostgreSQL.
"""

# pyright: basic, reportMissingImports=false, reportOptionalMemberAccess=false, reportOptionalIterable=false
# pyright: reportArgumentType=false

import json
import re
import sys

import django
from django.apps import apps
from django.db import connection, migrations, models

MARK = "@@orchestrator "
SQL = (
    (r"\bDROP\s+(TABLE|COLUMN|VIEW|SCHEMA)\b", "drops what running code may use", "breaks"),
    (r"\bRENAME\b", "renames what running code may use", "breaks"),
    (r"\bSET\s+NOT\s+NULL\b", "makes a column NOT NULL", "breaks"),
    (r"\bTRUNCATE\b", "deletes all rows", "breaks"),
    (r"\bALTER\s+COLUMN\s+\S+\s+(SET\s+DATA\s+)?TYPE\b", "changes the type of a column", "locks"),
    (r"\bCREATE\s+(UNIQUE\s+)?INDEX\s+(?!CONCURRENTLY)", "creates an index without CONCURRENTLY", "locks"),
    (r"\bLOCK\s+TABLE\b", "locks a table", "locks"),
)
NO_LOCK = ("AddIndexConcurrently", "RemoveIndexConcurrently", "AddConstraintNotValid", "ValidateConstraint")


def report(**values):
    sys.stdout.write(MARK + json.dumps(values) + "\n")
    sys.stdout.flush()


def safe_time(migration):
    """When django-safemigrate runs the migration: before_deploy, always, after_deploy; None without it."""
    safe = getattr(migration, "safe", None)
    when = getattr(safe, "when", safe)
    return None if when is None else str(getattr(when, "name", when)).lower()


def table(state, app, model):
    found = state.apps.get_model(app, model)
    return found._meta.db_table


def filled_by_database(field):
    default = getattr(field, "db_default", models.NOT_PROVIDED)
    generated = getattr(field, "generated", False)
    return default is not models.NOT_PROVIDED or generated or isinstance(field, models.AutoField)


def indexed(field):
    return bool(field.db_index or field.unique)


def added_field(operation):
    field = operation.field
    if field.many_to_many:
        return
    if not field.null and not filled_by_database(field):
        yield "breaks", f"adds {operation.name} as NOT NULL without db_default: running code inserts rows without it"
    if indexed(field):
        yield "locks", f"builds an index on {operation.name}: writes to the table wait for it"


def altered_field(operation, old, new):
    name = operation.name
    if old.column != new.column:
        yield "breaks", f"renames the column {old.column}"
    if old.null and not new.null:
        yield "breaks", f"makes {name} NOT NULL: running code may write NULL, and PostgreSQL scans the locked table"
    before, after = old.db_type(connection), new.db_type(connection)
    if before != after and not widens(before, after):
        yield (
            "locks",
            f"changes the type of {name} from {before} to {after}: PostgreSQL rewrites the locked table",
        )
    if indexed(new) and not indexed(old):
        yield "locks", f"builds an index on {name}: writes to the table wait for it"


def widens(before, after):
    """Return whether PostgreSQL changes the type without a rewrite: a longer varchar, or text."""
    lengths = [re.match(r"^varchar\((\d+)\)$", kind or "") for kind in (before, after)]
    if lengths[0] and after in ("text", "varchar"):
        return True
    return bool(lengths[0] and lengths[1] and int(lengths[1].group(1)) >= int(lengths[0].group(1)))


def sql_texts(operation):
    statements = operation.sql if isinstance(operation.sql, (list, tuple)) else [operation.sql]
    return [one[0] if isinstance(one, (list, tuple)) else str(one) for one in statements]


def dangers(operation, app, before, after, created):
    """Severity and text of each danger of one operation; `created` are tables that no running code uses."""
    kind = type(operation).__name__
    if isinstance(operation, migrations.RunSQL):
        text = re.sub(r"--[^\n]*|/\*.*?\*/", " ", "\n".join(sql_texts(operation)), flags=re.S)
        for pattern, what, severity in SQL:
            if re.search(pattern, text, re.I):
                yield severity, "SQL that " + what
        return
    if isinstance(operation, migrations.CreateModel):
        return
    model = getattr(operation, "model_name", None) or getattr(operation, "name", None) or ""
    if isinstance(operation, migrations.DeleteModel):
        yield "breaks", f"drops the table of {operation.name}: running code reads it"
    elif isinstance(operation, migrations.RenameModel):
        if table(before, app, operation.old_name) != table(after, app, operation.new_name):
            yield "breaks", f"renames the table of {operation.old_name} to that of {operation.new_name}"
    elif isinstance(operation, migrations.AlterModelTable):
        if table(before, app, operation.name) != table(after, app, operation.name):
            yield "breaks", f"renames the table of {operation.name}"
    elif not model or (app, model.lower()) in created or kind in NO_LOCK:
        return
    elif isinstance(operation, migrations.RemoveField):
        yield "breaks", f"drops {model}.{operation.name}: running code selects it"
    elif isinstance(operation, migrations.RenameField):
        columns = [field_of(before, app, model, operation.old_name), field_of(after, app, model, operation.new_name)]
        if columns[0].column != columns[1].column:
            yield "breaks", f"renames {model}.{operation.old_name} to {operation.new_name}"
    elif isinstance(operation, migrations.AddField):
        for severity, text in added_field(operation):
            yield severity, f"{model}: {text}"
    elif isinstance(operation, migrations.AlterField):
        fields = [field_of(state, app, model, operation.name) for state in (before, after)]
        for severity, text in altered_field(operation, *fields):
            yield severity, f"{model}: {text}"
    elif isinstance(operation, migrations.AddIndex):
        yield "locks", f"{model}: builds an index without CONCURRENTLY: writes to the table wait for it"
    elif isinstance(operation, migrations.AddConstraint):
        yield "locks", f"{model}: adds a constraint: PostgreSQL checks all rows of the locked table"
    elif kind in ("AlterUniqueTogether", "AlterIndexTogether"):
        name = "unique_together" if kind == "AlterUniqueTogether" else "index_together"
        old = before.models[app, model.lower()].options.get(name) or ()
        if {tuple(one) for one in operation.option_value or ()} - {tuple(one) for one in old}:
            yield "locks", f"{model}: builds an index: writes to the table wait for it"


def field_of(state, app, model, name):
    return state.apps.get_model(app, model)._meta.get_field(name)


def in_database(operation):
    if isinstance(operation, migrations.SeparateDatabaseAndState):
        return list(operation.database_operations)
    return [operation]


def examine(migration, state, created):
    """Report a pending migration, and return the state after it."""
    found = []
    app = migration.app_label
    for number, operation in enumerate(migration.operations):
        for one in in_database(operation):
            before, after = state.clone(), state.clone()
            try:
                one.state_forwards(app, after)
                for severity, text in dangers(one, app, before, after, created):
                    found.append(
                        {"operation": type(one).__name__, "number": number, "severity": severity, "what": text}
                    )
            except Exception as error:
                # A field or an operation of another package that this script cannot judge.
                text = f"cannot be judged: {type(error).__name__}: {error}"
                found.append({"operation": type(one).__name__, "number": number, "severity": "unknown", "what": text})
        if isinstance(operation, migrations.CreateModel):
            created.add((app, operation.name.lower()))
        operation.state_forwards(app, state)
    report(
        kind="pending",
        app=app,
        name=migration.name,
        safe=safe_time(migration),
        atomic=bool(migration.atomic),
        dangers=found,
    )
    return state


def plan():
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    steps = executor.migration_plan(executor.loader.graph.leaf_nodes())
    state = executor._create_project_state(with_applied_migrations=True)
    created = set()
    for migration, _backwards in steps:
        state = examine(migration, state, created)
    report(kind="done", vendor=connection.vendor, count=len(steps))


def state():
    from django.db.migrations.loader import MigrationLoader

    loader = MigrationLoader(connection)
    known = {}
    for (app, name), migration in loader.disk_migrations.items():
        reversible = all(operation.reversible for operation in migration.operations)
        known.setdefault(app, {})[name] = reversible
    for app in sorted(known):
        fixed = sorted(name for name, reversible in known[app].items() if not reversible)
        report(kind="known", app=app, names=sorted(known[app]), irreversible=fixed)
    applied = {}
    for app, name in loader.applied_migrations:
        applied.setdefault(app, []).append(name)
    for app in sorted(applied):
        report(kind="applied", app=app, names=sorted(applied[app]))
    report(kind="done", vendor=connection.vendor, count=len(loader.applied_migrations))


if not apps.ready:
    django.setup()
{"state": state, "plan": plan}[sys.argv[-1]]()
