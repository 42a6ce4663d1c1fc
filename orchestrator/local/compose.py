"""The environment as a file for docker compose or podman compose: its images, and images of the servers that it needs."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import SplitResult

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import LiteralScalarString

from orchestrator.config import values
from orchestrator.local import aws_contents, layout, routes, secret_values, tasks
from orchestrator.local.addresses import Changes, Place
from orchestrator.local.declaration import Declaration
from orchestrator.local.folder import StateFolder
from orchestrator.local.front_door_config import INNER_PORT, front_door
from orchestrator.local.layout import Layout
from orchestrator.local.routes import Routes
from orchestrator.local.secret_values import MadeSecrets, SecretValues
from orchestrator.local.tasks import Container, Service, Task, Tasks

DATABASE, CACHE, AWS, FRONT_DOOR, CONTENTS = "postgres", "cache", "aws", "front-door", "aws-contents"
"""Names of the services that stand for parts of the base."""

IMAGES = {
    # The images on Debian have a certificate, which TLS needs.
    DATABASE: "docker.io/library/postgres:{major}-bookworm",
    CACHE: "docker.io/valkey/valkey:8-alpine",
    AWS: "docker.io/motoserver/moto:5.2.5",
    FRONT_DOOR: "docker.io/library/nginx:stable-alpine",
}
_SNAKE_OIL = "ssl-cert-snakeoil"
_WORDS = re.compile(r"[^A-Z0-9]+")
_CREATE = """\
import boto3, json, os
for service, calls in json.loads(os.environ["CONTENTS"]).items():
    client = boto3.client(service)
    for method, arguments in calls:
        getattr(client, method)(**arguments)
"""


@dataclass(frozen=True, kw_only=True)
class ComposeFile:
    """A compose file, and the values that it needs."""

    text: str
    values: Mapping[str, str] = field(repr=False)
    """The secrets of this machine by variable, for the file of `--env-file`."""

    unknown: Sequence[str] = ()
    """Variables whose values only AWS has; they are among `values` with made-up values."""


class _Placeholders(MadeSecrets):
    """Stands for the secrets: the texts get variables, which compose fills in."""

    def __init__(self, folder: StateFolder) -> None:
        super().__init__(folder)
        self.variables: dict[str, str] = {}

    def value(self, name: str, length: int = 32) -> str:
        kind, _, rest = name.partition("/")
        variable = _WORDS.sub("_", (f"{kind}_{rest}_password" if kind == "database" else rest).upper()).strip("_")
        self.variables[variable] = super().value(name, length)
        return f"${{{variable}:?}}"


def compose(declaration: Declaration, folder: StateFolder, port: int) -> ComposeFile:
    """Return the compose file of an environment. Its secrets are made, and stay in the private folder."""
    found, rules = tasks.read(declaration), routes.read(declaration)
    made = _Placeholders(folder)
    token = secret_values.cache_token(declaration, made)
    arranged = _layout(declaration, found, port, token)
    changes = layout.changes(declaration, found, rules, arranged)
    changes.text(r"sslmode=(?:prefer|disable)\b", "sslmode=require")
    secret_values.replace_generated(declaration, made, changes)
    master = {"username": secret_values.master_name(declaration), "password": made.value("database/master")}
    writer = _Writer(declaration, found, arranged, changes, made, SecretValues(declaration, made, changes, master))
    document = writer.document(layout.local_routes(declaration, rules), master, token)
    made.save()
    head = _HEAD.format(name=declaration.environment)
    return ComposeFile(text=head + _yaml(document), values=made.variables, unknown=sorted(writer.unknown))


_HEAD = """\
# The environment {name}, written by `orchestrator local compose {name}`. It contains no secret: compose takes the values of
# ${{VARIABLES}} from the file of --env-file, which the command wrote into a private folder.
"""


def _layout(declaration: Declaration, found: Tasks, port: int, token: str | None) -> Layout:
    """The places inside the network of compose: every part has its own name, and its declared ports."""
    cache = declaration.base_outputs.get("redis_host")
    user = f":{token}@" if token else ""
    return Layout(
        site_port=port,
        database=Place(address=DATABASE, ports={}),
        cache=Place(address=CACHE, ports={}) if cache else None,
        aws=Place(address=AWS, ports={}),
        services={service.short: Place(address=service.short, ports={}) for service in found.services},
        redis_url=SplitResult("redis", f"{user}{CACHE}:6379", "", "", "") if cache else None,
    )


class _Writer:
    """Makes the services of the compose file."""

    def __init__(
        self,
        declaration: Declaration,
        found: Tasks,
        arranged: Layout,
        changes: Changes,
        made: _Placeholders,
        secrets: SecretValues,
    ) -> None:
        self._declaration, self._tasks, self._layout, self._changes = declaration, found, arranged, changes
        self._made, self._secrets = made, secrets
        self._volumes: dict[str, Any] = {}
        self.unknown: set[str] = set()

    def document(self, rules: Routes, master: Mapping[str, str], token: str | None) -> dict[str, Any]:
        """The whole file."""
        services: dict[str, Any] = {DATABASE: self._database(master), AWS: self._aws(), CONTENTS: self._contents()}
        if self._layout.cache is not None:
            services[CACHE] = self._cache(token)
        before: dict[str, str] = {DATABASE: "service_healthy", CONTENTS: "service_completed_successfully"}
        for task in (self._tasks.database, self._tasks.release):
            if task is not None and task.containers[0].words:
                services[task.containers[0].name] = {**self._once(task), "depends_on": _conditions(before)}
                before = {task.containers[0].name: "service_completed_successfully"}
        for service in self._tasks.services:
            if service.count:
                services |= self._service(service, {} if service.host else before)
        services |= self._steps()
        services[FRONT_DOOR] = self._front_door()
        return {
            "name": self._declaration.environment,
            "services": services,
            "volumes": {"database": {}, **self._volumes},
            "configs": {FRONT_DOOR: {"content": _escaped(self._rules(rules))}},
        }

    # servers

    def _database(self, master: Mapping[str, str]) -> dict[str, Any]:
        servers = self._declaration.of_type("aws:rds/instance:Instance")
        major = str(servers[0].inputs.get("engineVersion") or "17").partition(".")[0] if servers else "17"
        options = ["ssl=on", f"ssl_cert_file=/etc/ssl/certs/{_SNAKE_OIL}.pem"]
        options.append(f"ssl_key_file=/etc/ssl/private/{_SNAKE_OIL}.key")
        # https://hub.docker.com/_/postgres, PGDATA: the volume is one folder higher since 18.
        data = "/var/lib/postgresql/data" if int(major) < 18 else "/var/lib/postgresql"
        return {
            "image": IMAGES[DATABASE].format(major=major),
            "command": ["postgres", *(word for option in options for word in ("-c", option))],
            "environment": {"POSTGRES_USER": master["username"], "POSTGRES_PASSWORD": master["password"]},
            "volumes": [f"database:{data}"],
            "healthcheck": {
                "test": ["CMD", "pg_isready", "-q", "-h", "127.0.0.1", "-U", master["username"]],
                "interval": "2s",
                "retries": 30,
            },
            "stop_signal": "SIGINT",
        }

    def _cache(self, token: str | None) -> dict[str, Any]:
        words = ["valkey-server", "--save", "", "--appendonly", "no"]
        if token is None:
            return {"image": IMAGES[CACHE], "command": words}
        # The shell of the container fills the token in, so that no list of processes shows it to compose.
        return {
            "image": IMAGES[CACHE],
            "command": ["sh", "-c", f'exec {" ".join(w or repr(w) for w in words)} --requirepass "$$TOKEN"'],
            "environment": {"TOKEN": token},
        }

    def _aws(self) -> dict[str, Any]:
        return {"image": IMAGES[AWS], "environment": {"MOTO_PORT": str(layout.AWS_PORT)}}

    def _contents(self) -> dict[str, Any]:
        region = str(self._declaration.base_outputs.get("region") or "us-east-1")
        where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        buckets = aws_contents.buckets(self._declaration, self._tasks)
        queues = aws_contents.queues(self._declaration)
        calls = {
            "s3": [("create_bucket", {"Bucket": name, **where}) for name in buckets],
            "sqs": [("create_queue", {"QueueName": name, "Attributes": given}) for name, given in queues.items()],
        }
        wait = f"until python -c 'import socket; socket.create_connection((\"{AWS}\", {layout.AWS_PORT}))'; do sleep 1; done"
        return {
            "image": IMAGES[AWS],
            "entrypoint": ["sh", "-c", f'{wait} 2>/dev/null; exec python -c "$$CREATE"'],
            "environment": {
                **self._aws_variables(),
                "CREATE": _CREATE,
                "CONTENTS": json.dumps(calls),
                "AWS_REGION": region,
            },
            "depends_on": [AWS],
        }

    def _aws_variables(self) -> dict[str, str]:
        region = str(self._declaration.base_outputs.get("region") or "us-east-1")
        return {
            "AWS_ENDPOINT_URL": layout.aws_endpoint(self._layout),
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_DEFAULT_REGION": region,
        }

    # tasks

    def _once(self, task: Task) -> dict[str, Any]:
        return {**self._container(task.containers[0]), "restart": "no"}

    def _steps(self) -> dict[str, Any]:
        """The commands after every start. A command of one time, `on_create`, would run again with every `up`."""
        started = {service.short: "service_started" for service in self._tasks.services if service.count}
        tasks = [step.task for step in self._tasks.steps if not step.once]
        return {task.family: {**self._once(task), "depends_on": _conditions(started)} for task in tasks}

    def _service(self, service: Service, before: Mapping[str, str]) -> dict[str, Any]:
        first = service.task.containers[0]
        found: dict[str, Any] = {}
        for container in service.task.containers:
            name = service.short if container is first else f"{service.short}-{container.name}"
            made = {**self._container(container), "restart": "unless-stopped"}
            waits = {
                (service.short if other == first.name else f"{service.short}-{other}"): "service_started"
                for other in container.starts_after
            }
            if container is not first:
                # The containers of a task share one address.
                made["network_mode"] = f"service:{service.short}"
            conditions = {**before, **waits} if container is first else {}
            if conditions:
                made["depends_on"] = _conditions(conditions)
            found[name] = made
        return found

    def _container(self, container: Container) -> dict[str, Any]:
        made: dict[str, Any] = {"image": container.image, "init": True}
        if container.entry_point:
            made["entrypoint"] = [self._text(word) for word in container.entry_point]
        if container.command:
            made["command"] = [self._text(word) for word in container.command]
        environment = {name: self._text(value) for name, value in container.environment.items()}
        if self._declaration.base_outputs.get("domain_name") and "DOMAIN_NAME" in environment:
            environment["DOMAIN_NAME"] = "localhost"
        environment |= {name: self._secret(name, reference) for name, reference in container.secrets.items()}
        if container.image == self._tasks.code_image:
            environment = {**self._aws_variables(), **environment}
        if environment:
            made["environment"] = environment
        made["stop_grace_period"] = f"{container.stop_seconds}s"
        if container.health_command:
            made["healthcheck"] = {"test": ["CMD", *map(self._text, container.health_command)], "interval": "5s"}
        if container.mounts:
            made["volumes"] = [
                f"{volume}:{path}{':ro' if path in container.read_only else ''}"
                for path, volume in container.mounts.items()
            ]
            self._volumes |= {volume: {} for volume in container.mounts.values()}
        if container.folder:
            made["working_dir"] = container.folder
        if container.limits:
            made["ulimits"] = {name: {"soft": soft, "hard": hard} for name, (soft, hard) in container.limits.items()}
        return made

    def _text(self, text: str) -> str:
        # Two dollar signs are one for compose. Only our placeholders begin with one.
        return self._changes.applied(_escaped(text))

    def _secret(self, name: str, reference: str) -> str:
        value = self._secrets.value(reference)
        if value is None:
            self.unknown.add(name)
            return self._made.value(f"unknown/{name}")
        return value

    # front door

    def _front_door(self) -> dict[str, Any]:
        return {
            "image": IMAGES[FRONT_DOOR],
            "ports": [f"127.0.0.1:{self._layout.site_port}:{INNER_PORT}"],
            "configs": [{"source": FRONT_DOOR, "target": "/etc/nginx/conf.d/default.conf"}],
            "depends_on": [service.short for service in self._tasks.services if service.targets and service.count],
            "restart": "unless-stopped",
        }

    def _rules(self, rules: Routes) -> str:
        upstreams = {each.group: f"{one.short}:{each.port}" for one in self._tasks.services for each in one.targets}
        return front_door(rules, upstreams, self._layout.site_port)


def _conditions(given: Mapping[str, str]) -> dict[str, Any]:
    return {name: {"condition": condition} for name, condition in given.items()}


def _escaped(text: str) -> str:
    return text.replace("$", "$$")


def _readable(value: Any) -> Any:
    """The value with text of several lines as blocks, and quotes where some YAML readers need them."""
    if isinstance(value, dict):
        return {key: _readable(item) for key, item in cast(dict[str, Any], value).items()}
    if isinstance(value, list):
        return [_readable(item) for item in cast(list[Any], value)]
    if isinstance(value, str) and "\n" in value:
        return LiteralScalarString(value)
    return values.quoted(value)


def _yaml(document: Mapping[str, Any]) -> str:
    writer = YAML()
    writer.width = 4096
    writer.indent(mapping=2, sequence=4, offset=2)
    out = io.StringIO()
    writer.dump(_readable(document), out)
    return out.getvalue()
