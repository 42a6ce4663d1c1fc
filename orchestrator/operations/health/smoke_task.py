"""Checks of `smoke` from inside: one task with the web service's definition checks Django and Celery."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from orchestrator.config import documents
from orchestrator.errors import OrchestratorError
from orchestrator.operations import run as runs
from orchestrator.operations.aws.clients import Clients
from orchestrator.operations.aws.targets import Target
from orchestrator.operations.events import Event, LogLine, Observer
from orchestrator.operations.health.verdicts import Check, Verdict, fail

NAMES = ("database", "migrations", "worker", "files")
MARK = "orchestrator-smoke "
TIMEOUT_SECONDS = 600.0

# Django 3.2 and newer, Celery 4 and newer. Texts of exceptions are cut: they may quote a query.
SCRIPT = r"""
import contextlib, json, sys
import django
django.setup()

def say(name, verdict, evidence):
    print("MARK" + json.dumps([name, verdict, str(evidence)[:300]]), flush=True)

def database():
    from django.db import connection
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_database(), split_part(version(), ' ', 2)")
        name, version = cursor.fetchone()
    return "ok", f"{name} on PostgreSQL {version}"

def migrations():
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if plan:
        first = plan[0][0]
        return "fail", f"{len(plan)} not applied, the first is {first.app_label}.{first.name}"
    return "ok", f"{len(executor.loader.applied_migrations)} applied"

def queues_of(app):
    # All queues of the application's configuration.
    app.loader.import_default_modules()
    conf = app.conf
    routes = conf.task_routes if isinstance(conf.task_routes, (list, tuple)) else [conf.task_routes]
    chosen = []
    for table in routes:  # one may also be a function, or its name
        with contextlib.suppress(TypeError, ValueError):
            chosen += [route for route in dict(table).values() if isinstance(route, dict)]
    chosen += [(entry or {}).get("options") or {} for entry in (conf.beat_schedule or {}).values()]
    found = [route.get("queue") for route in chosen] + [getattr(task, "queue", None) for task in app.tasks.values()]
    return {str(getattr(queue, "name", queue)) for queue in (*found, *app.amqp.queues) if queue}

def worker():
    if len(sys.argv) < 2:
        return "n/a", "there is no worker"
    from celery.app.utils import find_app
    app = find_app(sys.argv[1])
    default, used = app.conf.task_default_queue, queues_of(app)
    used.add(default)
    if (app.conf.broker_url or "").startswith("sqs"):
        served = set((app.conf.broker_transport_options or {}).get("predefined_queues") or ())
        if not served:
            return "warn", "Celery does not get predefined_queues from CELERY_BROKER_TRANSPORT_OPTIONS"
        seen = "workers on SQS cannot be asked; queues " + ", ".join(sorted(served))
    else:
        replies = app.control.inspect(timeout=10).active_queues() or {}
        if not replies:
            return "fail", "no worker answered within 10 s"
        served = {queue["name"] for queues in replies.values() for queue in queues or ()}
        seen = ", ".join(sorted(replies)) + "; queues " + ", ".join(sorted(served))
    if default not in served:
        return "fail", "no worker takes tasks that name no queue, which Celery sends to " + default + "; " + seen
    without = ", ".join(sorted(used - served))
    return ("warn", "no worker takes tasks of " + without + "; " + seen) if without else ("ok", seen)

def files():
    from django.core.files.base import ContentFile
    from django.core.files.storage import FileSystemStorage, default_storage
    if isinstance(default_storage, FileSystemStorage):
        return "n/a", "uploads go to the container's own disk"
    name = default_storage.save("orchestrator-smoke.txt", ContentFile(b"smoke"))
    try:
        with default_storage.open(name) as file:
            same = file.read() == b"smoke"
    finally:
        default_storage.delete(name)
    kind = type(default_storage._wrapped if hasattr(default_storage, "_wrapped") else default_storage).__name__
    return ("ok", f"written, read and deleted ({kind})") if same else ("fail", "read back something else")

for look in (database, migrations, worker, files):
    try:
        say(look.__name__, *look())
    except Exception as error:  # whatever the application raises is a failed check
        say(look.__name__, "fail", f"{type(error).__name__}: {error}")
"""


def command(celery_app: str | None) -> tuple[str, ...]:
    """Return the command; the Celery application is given when there are workers."""
    words = ("python", "-c", SCRIPT.replace("MARK", MARK).strip())
    return (*words, celery_app) if celery_app else words


def run(target: Target, clients: Clients, observer: Observer, celery_app: str | None) -> dict[str, Check]:
    """Run the task and return its checks by name. A missing check is a failure."""
    seen: dict[str, Check] = {}
    output: list[str] = []

    def listen(event: Event) -> None:
        if isinstance(event, LogLine) and event.text.startswith(MARK):
            check = _parsed(event.text.removeprefix(MARK), target.environment)
            if check is not None:
                seen[check.name] = check
        elif isinstance(event, LogLine):
            output.append(event.text)
        else:
            observer(event)

    reason, hint = "it printed no result", None
    try:
        request = runs.RunCommand(command=command(celery_app), timeout_seconds=TIMEOUT_SECONDS)
        result = runs.run(request, target, clients, listen)
        if result.code:
            reason, hint = str(result.reason), result.hint
    except OrchestratorError as error:
        reason, hint = error.message, error.hint
    # The last line of a traceback of Django names the cause.
    last = f"; its last line: {output[-1]}" if output else ""
    for name in NAMES:
        seen.setdefault(name, fail(name, f"the task ended before this check: {reason}{last}", hint))
    return seen


def celery_app(definition: Mapping[str, Any]) -> str | None:
    """Return the Celery application from the command of a worker's task definition."""
    for container in definition.get("containerDefinitions", []):
        words: list[str] = list(container.get("command", []))
        for number, word in enumerate(words):
            if word in ("-A", "--app") and number + 1 < len(words):
                return words[number + 1]
            if word.startswith("--app="):
                return word.removeprefix("--app=")
    return None


def _parsed(text: str, environment: str) -> Check | None:
    try:
        name, verdict, evidence = documents.json_value(text)
        found = Check(name=str(name), verdict=Verdict(verdict), evidence=str(evidence))
    except (ValueError, TypeError):
        return None
    hint = _HINTS.get(found.name) if found.verdict is Verdict.FAIL else None
    if found.evidence.startswith(_NO_WORKER):
        hint = _QUEUE_HINT
    return replace(found, hint=hint.format(environment=environment)) if hint else found


_NO_WORKER = "no worker takes"
_QUEUE_HINT = "add the queue to a worker (`workers.NAME.queues`), or use another queue in the application's settings"
_HINTS: Mapping[str, str] = {
    "database": "check that the base is awake, and create the database if necessary: `orchestrator db create {environment}`",
    "migrations": "deploy again with the release, or run `orchestrator run {environment} -- python manage.py migrate`",
    "worker": "read the workers' log: `orchestrator logs {environment}`",
    "files": "check that the task role may write to the bucket of S3_BUCKET_NAME",
}
