"""Services from a Procfile or a compose file."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from orchestrator.errors import RefusedError
from orchestrator.onboarding import container_files
from orchestrator.onboarding.survey import Survey
from orchestrator.onboarding.takeover import Takeover
from pulumi_django.rules.container_env import provided_names

_PRODUCTION = re.compile(r"prod|live|deploy")


def from_procfile(survey: Survey) -> Takeover:
    """The processes of a Procfile. Raises RefusedError without one."""
    paths = survey.repository.named("Procfile")
    if not paths:
        raise RefusedError(f"{survey.repository.root} has no Procfile", "leave out --from procfile")
    takeover = Takeover()
    for line, process, command in container_files.procfile(survey.repository, paths[0]):
        source = f"{paths[0]}:{line} {process}"
        if process == "release":
            takeover.set("release.command", words(command), source)
        else:
            take_process(takeover, process, command, source)
    for path in survey.repository.named("app.json"):
        takeover.leave(
            path, "its variables and add-ons belong to Heroku; name variables in extra_env and extra_secrets"
        )
    _without_workers(takeover)
    return takeover


def from_compose(survey: Survey) -> Takeover:
    """The services of the compose file for production, else of the first one. Raises RefusedError without one."""
    names = [path for path in survey.repository.files if re.match(r"^(docker-)?compose", PurePosixPath(path).name)]
    found = {
        path: services for path in names if (services := container_files.compose_services(survey.repository, path))
    }
    if not found:
        raise RefusedError(f"{survey.repository.root} has no compose file with services", "leave out --from compose")
    path = next((each for each in found if _PRODUCTION.search(each)), next(iter(found)))
    takeover = Takeover()
    for name, service in found[path].items():
        _service(takeover, survey, name, service, f"{path} {name}")
    _without_workers(takeover)
    return takeover


def words(command: str) -> list[str]:
    """The words of a shell command; one with shell syntax runs in a shell."""
    try:
        split = shlex.split(command)
    except ValueError:
        return ["sh", "-c", command]
    if re.search(r"[;&|<>$`]", command):
        return ["sh", "-c", command.replace("$PORT", "8000").replace("${PORT}", "8000")]
    return split


def take_process(takeover: Takeover, name: str, command: str, source: str) -> None:
    """Take over one process by what its command runs."""
    if re.search(r"\bcelery\b", command):
        _celery(takeover, name, command, source)
    elif "runserver" in command:
        takeover.leave(source, "runserver is for development; the web service runs gunicorn")
    elif re.search(r"\b(gunicorn|uvicorn|daphne|hypercorn|granian|uwsgi)\b", command):
        _web(takeover, _web_key(takeover, name, source), command, source)
    else:
        takeover.leave(
            source, f"`{command}` is neither a web server nor a Celery process; put a frontend into frontend_image"
        )


def _web_key(takeover: Takeover, name: str, source: str) -> str:
    """The key of a web server: the first one is `web`, each other one of `services`."""
    if "command" not in takeover.values.get("web", {}):
        return "web"
    key = f"services.{_plain(name)}"
    takeover.change(
        f"{key}.paths", ["/ws/*"], source, "a guess: name the paths that it answers, and `web` has the others"
    )
    return key


def _web(takeover: Takeover, key: str, command: str, source: str) -> None:
    port = re.search(r"(?:--bind|-b|--port|-p)[ =]*\S*?:?(\d{2,5})\b", command)
    if port:
        takeover.set(f"{key}.port", int(port[1]), source)
    bound = words(command)
    if "$PORT" in command or "${PORT}" in command:
        takeover.change(f"{key}.command", bound, source, "PORT is the platform's; the service listens on 8000")
    elif port is None and bound[0] == "gunicorn":
        takeover.change(
            f"{key}.command", [bound[0], "--bind", "0.0.0.0:8000", *bound[1:]], source, "a task needs an address"
        )
    else:
        takeover.set(f"{key}.command", bound, source)


def _celery(takeover: Takeover, name: str, command: str, source: str) -> None:
    if re.search(r"\bbeat\b", command) and not re.search(r"\bworker\b", command):
        takeover.set("beat.command", words(command), source)
    elif re.search(r"\bworker\b", command):
        worker = "default" if "default" not in takeover.values.get("workers", {}) else _plain(name)
        takeover.set(f"workers.{worker}.command", words(command), source)
        if re.search(r"(^|\s)(-B|--beat)(\s|$)", command):
            takeover.leave(source, "-B starts beat in every worker: beat is a service of its own, so remove -B")
    else:
        takeover.leave(
            source, f"`{command}` is neither a worker nor beat; run it with `orchestrator run` when you need it"
        )


def _service(takeover: Takeover, survey: Survey, name: str, service: Mapping[str, Any], source: str) -> None:
    image = str(service.get("image", ""))
    command = container_files.command_text(service.get("command"))
    if re.search(r"(^|/)(postgres|postgis)(:|$|/)", image) or name in ("db", "postgres"):
        takeover.change("release.extensions", _extensions(survey, image), source, "the base has the PostgreSQL server")
    elif re.search(r"(^|/)(redis|valkey)(:|$|/)", image):
        takeover.changed.append(f"{source} -> redis: an ad-hoc environment has its own, production that of its base")
    elif command and (
        service.get("build") is not None or re.search(r"manage\.py|celery|gunicorn|uvicorn|daphne", command)
    ):
        take_process(takeover, name, command, source)
        _environment(takeover, service.get("environment"), source)
    elif name in ("web", "django", "backend", "app") and service.get("build") is not None:
        takeover.taken.append(f"{source} -> web: the image's own files, with the usual command")
        _environment(takeover, service.get("environment"), source)
    else:
        takeover.leave(
            source, "it has no counterpart: the load balancer, S3 and CloudWatch take the place of most helpers"
        )
    for key in ("volumes", "deploy", "healthcheck", "networks"):
        if service.get(key):
            takeover.leave(f"{source} {key}", "local to compose")


def _extensions(survey: Survey, image: str) -> list[str]:
    found = [str(each.value) for each in survey.extensions]
    return [*found, "postgis"] if "postgis" in image and "postgis" not in found else found


def _environment(takeover: Takeover, variables: Any, source: str) -> None:
    """Variables with literal values that the environment does not set itself. Values that look secret are only named."""
    if isinstance(variables, list):
        variables = {name: value for name, _, value in (str(each).partition("=") for each in variables)}
    for name, value in variables.items() if isinstance(variables, Mapping) else ():
        if str(name) in provided_names():
            continue
        if re.search(r"KEY|SECRET|TOKEN|PASSWORD|DSN", str(name)):
            takeover.leave(f"{source} {name}", "secret: put it into Secrets Manager and name it in extra_secrets")
        elif value is None or "$" in str(value):
            takeover.leave(f"{source} {name}", "its value comes from the shell: set it in extra_env")
        else:
            takeover.set(f"extra_env.{name}", str(value), source)


def _without_workers(takeover: Takeover) -> None:
    """Without a process of Celery there is no worker and no beat."""
    takeover.values.setdefault("workers", {})
    takeover.values.setdefault("beat", None)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9-]+", "-", name.lower()).strip("-") or "worker"
