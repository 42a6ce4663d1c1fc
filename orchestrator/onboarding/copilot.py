"""Services of an AWS Copilot application. Manifest: https://aws.github.io/copilot-cli/docs/manifest/overview/"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from orchestrator.config import yaml_files
from orchestrator.errors import RefusedError
from orchestrator.onboarding import manifest_files
from orchestrator.onboarding.container_files import command_text
from orchestrator.onboarding.process_files import words
from orchestrator.onboarding.source_tree import SourceTree
from orchestrator.onboarding.survey import Survey
from orchestrator.onboarding.takeover import Takeover
from pulumi_django.rules.container_env import provided_names

_PRODUCTION = re.compile(r"^(prod|production|live)$")
_DJANGO = re.compile(r"gunicorn|uvicorn|daphne|hypercorn|manage\.py|wsgi|asgi")
_KNOWN_HANDLED = frozenset({"name", "type", "environments"})

# Values of https://aws.github.io/copilot-cli/docs/manifest/lb-web-service/ where the manifest has none.
DEFAULT_CPU, DEFAULT_MEMORY = 256, 512

_ALIASES = {
    "@yearly": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@hourly": "0 * * * *",
}


@dataclass(frozen=True)
class _Manifest:
    path: str
    name: str
    kind: str
    values: Mapping[str, Any]


def take_over(survey: Survey) -> Takeover:
    """Take over the workloads below `copilot/`. Raises RefusedError without manifests, or without a web service of Django."""
    manifests = list(_manifests(survey.repository))
    if not manifests:
        raise RefusedError(f"{survey.repository.root} has no copilot/*/manifest.yml", "leave out --from copilot")
    web = _web_service(manifests)
    takeover = _taken(survey.repository, manifests, web, production=False)
    # The same manifests with the overrides of production; their report repeats the first one.
    takeover.prod_values = _taken(survey.repository, manifests, web, production=True).values
    for key in ("extra_env", "extra_secrets"):
        for name in sorted({*takeover.values.get(key, {})} - {*takeover.prod_values.get(key, {})}):
            takeover.leave(f"{key}.{name} of production", "its value there is unknown: set it in Pulumi.live.yaml")
    return takeover


def exists(tree: SourceTree) -> bool:
    """Whether the repository has manifests of Copilot."""
    return any(_is_manifest(path) for path in tree.files)


def _is_manifest(path: str) -> bool:
    parts = PurePosixPath(path).parts
    return parts[-1] == "manifest.yml" and parts[0] == "copilot" and len(parts) == 3


def _manifests(tree: SourceTree) -> list[_Manifest]:
    found: list[_Manifest] = []
    for path in tree.files:
        parts = PurePosixPath(path).parts
        if not _is_manifest(path):
            continue
        values = manifest_files.parse(Path(path), tree.text(path) or "")
        found.append(_Manifest(path, str(values.get("name") or parts[1]), str(values.get("type") or ""), values))
    return found


def _web_service(manifests: list[_Manifest]) -> _Manifest:
    """The service that runs Django: the only load-balanced one, or the one whose command or variables say so."""
    served = [each for each in manifests if each.kind == "Load Balanced Web Service"]
    django = [
        each
        for each in served
        if _DJANGO.search(_command(each.values)) or "DJANGO_SETTINGS_MODULE" in _table(each.values, "variables")
    ]
    for candidates in (django, served):
        if len(candidates) == 1:
            return candidates[0]
    names = ", ".join(each.name for each in served) or "none"
    raise RefusedError(
        f"copilot/: it is unclear which service runs Django: the load-balanced services are {names}",
        "give the one of Django a command with gunicorn, or the variable DJANGO_SETTINGS_MODULE, in its manifest",
    )


def _taken(tree: SourceTree, manifests: list[_Manifest], web: _Manifest, *, production: bool) -> Takeover:
    takeover = Takeover(values={"workers": {}, "beat": None})
    names = _names(tree, manifests, production=production)
    for manifest in manifests:
        _Workload(takeover, manifest, _merged(manifest, production), names).take(is_web=manifest is web)
    for path in tree.files:
        if re.match(r"^copilot/(environments/)?[^/]+/?addons/", path) or (
            "/addons/" in path and path.startswith("copilot/")
        ):
            takeover.leave(path, "an add-on: databases move by `db dump` and `db restore`, buckets by `aws s3 sync`")
        elif path.startswith("copilot/") and "/overrides/" in path:
            takeover.leave(
                path, "overrides change templates of Copilot; components have options and transforms instead"
            )
        elif path.startswith("copilot/pipelines/") and path.endswith("manifest.yml"):
            takeover.leave(path, "a pipeline: `orchestrator ci init` writes one, see docs/pull-requests.md")
        elif path.startswith("copilot/environments/") and path.endswith("manifest.yml"):
            _environment(takeover, tree, path)
    return takeover


def _names(tree: SourceTree, manifests: list[_Manifest], *, production: bool) -> dict[str, str]:
    """The values of Copilot's own variables: the application's name, and an environment for production or for tests."""
    names: dict[str, str] = {}
    workspace = tree.text("copilot/.workspace")
    application = yaml_files.parse(Path("copilot/.workspace"), workspace).get("application") if workspace else None
    if isinstance(application, str):
        names["COPILOT_APPLICATION_NAME"] = application
    known = {str(name) for manifest in manifests for name in _table(manifest.values, "environments")}
    known |= {
        found[1] for path in tree.files if (found := re.match(r"^copilot/environments/([^/]+)/manifest\.yml$", path))
    }
    fitting = sorted(name for name in known if bool(_PRODUCTION.match(name)) is production)
    usual = [name for name in ("test", "staging", "stage", "dev") if name in fitting]
    if fitting:
        names["COPILOT_ENVIRONMENT_NAME"] = (usual or fitting)[0]
    return names


def _merged(manifest: _Manifest, production: bool) -> dict[str, Any]:
    """A manifest with the overrides of production: maps merge, other values replace."""
    values = dict(manifest.values)
    overrides = _table(values, "environments")
    if production:
        for name, change in overrides.items():
            if _PRODUCTION.match(str(name)) and isinstance(change, Mapping):
                values = _deep(values, change)
    return values


def _deep(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(one)
    for key, value in other.items():
        present = merged.get(key)
        merged[key] = _deep(present, value) if isinstance(present, Mapping) and isinstance(value, Mapping) else value
    return merged


class _Workload:
    """Takes over one workload, and reports every key that it did not use."""

    def __init__(
        self, takeover: Takeover, manifest: _Manifest, values: Mapping[str, Any], names: Mapping[str, str]
    ) -> None:
        self.takeover, self.manifest, self.values, self.names = takeover, manifest, values, names
        self.used: set[str] = set(_KNOWN_HANDLED)

    def take(self, *, is_web: bool) -> None:
        command = _command(self.values)
        if is_web:
            self._web(command)
        elif self.manifest.kind == "Scheduled Job":
            self._job(command)
        elif re.search(r"\bcelery\b.*\bbeat\b", command):
            self._at("beat", command)
        elif re.search(r"\bcelery\b.*\bworker\b", command):
            name = _plain(self.manifest.name)
            self._at(f"workers.{name}", command)
            self._count(f"workers.{name}")
        elif self.manifest.kind == "Load Balanced Web Service":
            self._frontend()
        else:
            kind = self.manifest.kind or "workload without a type"
            self.takeover.leave(self.manifest.path, f"{kind}: it is no service of Django and no Celery process")
            return
        for key in sorted(set(map(str, self.values)) - self.used):
            self.takeover.leave(
                self._source(key), _REASONS.get(key, "it has no counterpart; see docs/reference/components.md")
            )
        for name in _table(self.values, "environments"):
            if not _PRODUCTION.match(str(name)):
                self.takeover.leave(
                    self._source(f"environments.{name}"), "put its values into the stack file of that environment"
                )

    def _web(self, command: str) -> None:
        self._at("web", command)
        self._count("web")
        image = _table(self.values, "image")
        self.used.add("image")
        if image.get("port"):
            self.takeover.set("web.port", image["port"], self._source("image.port"))
        if image.get("location"):
            self.takeover.set("backend_image", str(image["location"]), self._source("image.location"))
        elif image.get("build"):
            self.takeover.leave(
                self._source("image.build"), "`orchestrator build` reads `[images.backend]` of orchestrator.toml"
            )
        self._http()
        self._variables()

    def _frontend(self) -> None:
        image = _table(self.values, "image")
        self.used |= {"image", "cpu", "memory", "command", "http", "count"}
        if not image.get("location"):
            self.takeover.leave(
                self.manifest.path, "a second web service: push its image and name it as frontend_image"
            )
            return
        self.takeover.set("frontend_image", str(image["location"]), self._source("image.location"))
        self._at("frontend", _command(self.values))
        if image.get("port"):
            self.takeover.set("frontend.port", image["port"], self._source("image.port"))

    def _job(self, command: str) -> None:
        # YAML 1.1 reads the key `on` as true.
        schedule = str(_table(self.values, "on").get("schedule") or _table(self.values, True).get("schedule") or "none")
        self.used |= {"on", "True"}
        name = _plain(self.manifest.name)
        cron = aws_schedule(schedule)
        if cron is None or not command:
            why = (
                "its schedule is none"
                if schedule == "none"
                else f"`{schedule}` has no form in EventBridge, or no command"
            )
            self.takeover.leave(self.manifest.path, why)
            return
        self.takeover.change(
            f"scheduled_commands.{name}.schedule", cron, self._source("on.schedule"), "EventBridge has six fields"
        )
        self._at(f"scheduled_commands.{name}", command)

    def _at(self, key: str, command: str) -> None:
        """Command and size of a service."""
        self.used |= {"command", "entrypoint", "cpu", "memory", "count"}
        if command:
            self.takeover.set(f"{key}.command", words(command), self._source("command"))
        for ours, theirs, default in (("cpu_units", "cpu", DEFAULT_CPU), ("memory_mib", "memory", DEFAULT_MEMORY)):
            self.takeover.set(f"{key}.{ours}", self.values.get(theirs, default), self._source(theirs))

    def _count(self, key: str) -> None:
        count = self.values.get("count")
        if isinstance(count, int):
            self.takeover.set(f"{key}.desired_count", count, self._source("count"))
        elif isinstance(count, Mapping):
            bounds = re.match(r"^(\d+)-(\d+)$", str(count.get("range", "")))
            cpu = count.get("cpu_percentage")
            if bounds and isinstance(cpu, int):
                scaling = {"min_tasks": int(bounds[1]), "max_tasks": int(bounds[2]), "cpu_percent": cpu}
                self.takeover.set(f"{key}.scaling", scaling, self._source("count.range"))
                self.takeover.set(f"{key}.desired_count", int(bounds[1]), self._source("count.range"))
            for name in sorted(set(map(str, count)) - {"range", "cpu_percentage"}):
                self.takeover.leave(
                    self._source(f"count.{name}"),
                    "scaling follows CPU; other policies are in docs/production-environments.md",
                )

    def _http(self) -> None:
        http = _table(self.values, "http")
        self.used.add("http")
        check = http.get("healthcheck")
        path = check.get("path") if isinstance(check, Mapping) else check
        if path:
            self.takeover.set("web.health_check.path", str(path), self._source("http.healthcheck"))
        if http.get("path") not in (None, "/"):
            prefix = f"/{str(http['path']).strip('/')}"
            self.takeover.change("web.paths", [prefix, f"{prefix}/*"], self._source("http.path"), "a path is a pattern")
        delay = re.match(r"^(\d+)s$", str(http.get("deregistration_delay", "")))
        if delay:
            self.takeover.set(
                "web.deregistration_delay_seconds", int(delay[1]), self._source("http.deregistration_delay")
            )
        for key in sorted(set(map(str, http)) - {"healthcheck", "path", "deregistration_delay"}):
            why = (
                "hosts come from the domain of the base: set host and extra_hosts"
                if key == "alias"
                else "it has no counterpart"
            )
            self.takeover.leave(self._source(f"http.{key}"), why)

    def _variables(self) -> None:
        self.used |= {"variables", "secrets", "exec", "platform"}
        for name, value in _table(self.values, "variables").items():
            if name in provided_names():
                continue
            if value is None:
                self.takeover.leave(self._source(f"variables.{name}"), "it has no value")
                continue
            value = self._filled(str(value)) if not isinstance(value, Mapping) else value
            if isinstance(value, Mapping) or "${" in value:
                self.takeover.leave(
                    self._source(f"variables.{name}"), "its value comes from CloudFormation: set it in extra_env"
                )
            else:
                self.takeover.set(f"extra_env.{name}", value, self._source(f"variables.{name}"))
        for name, value in _table(self.values, "secrets").items():
            found = _secret(value)
            reference = found and self._filled(found)
            if name in ("SECRET_KEY", "DJANGO_SECRET_KEY", "DATABASE_URL") or reference is None or "${" in reference:
                why = (
                    "the environment has its own" if reference and "${" not in reference else "name it in extra_secrets"
                )
                self.takeover.leave(self._source(f"secrets.{name}"), why)
            else:
                why = "the parameter needs no tag of Copilot; our role gets its own right"
                self.takeover.change(f"extra_secrets.{name}", reference, self._source(f"secrets.{name}"), why)
        if "exec" in self.values:
            self.takeover.set("exec_enabled", bool(self.values["exec"]), self._source("exec"))
        if "arm64" in str(self.values.get("platform", "")):
            self.takeover.set("architecture", "ARM64", self._source("platform"))

    def _filled(self, text: str) -> str:
        return re.sub(r"\$\{(\w+)\}", lambda found: self.names.get(found[1], found[0]), text)

    def _source(self, key: str) -> str:
        return f"{self.manifest.path} {key}"


_REASONS = {
    "sidecars": "name them in web.sidecars",
    "logging": "CloudWatch keeps the logs",
    "network": "services run in private subnets of the base",
    "storage": "a file system is a volume: see `volumes`",
    "deployment": "rollouts keep the old version until the new one is healthy",
    "publish": "topics between services have no counterpart",
    "nlb": "network load balancers have no counterpart",
    "taskdef_overrides": "components have options and transforms instead",
    "observability": "see `tracing`",
    "env_file": "name its variables in extra_env",
}


def aws_schedule(schedule: str) -> str | None:
    """The EventBridge form of a schedule of Copilot; None for `none` and for one that has no such form.

    https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
    """
    text = _ALIASES.get(schedule.strip(), schedule.strip())
    if text.startswith(("rate(", "cron(")):
        return text
    every = re.match(r"^@every (\d+)([smh])", text)
    if every:
        unit = {"s": None, "m": "minutes", "h": "hours"}[every[2]]
        return unit and f"rate({every[1]} {unit if int(every[1]) != 1 else unit[:-1]})"
    fields = text.split()
    if len(fields) != 5:
        return None
    minute, hour, day, month, weekday = fields
    if day != "*" and weekday != "*":
        return None  # EventBridge has no "or" of both
    weekday = "?" if weekday == "*" else re.sub(r"\d", lambda found: str(int(found[0]) % 7 + 1), weekday)
    return f"cron({minute} {hour} {'?' if weekday != '?' else day} {month} {weekday} *)"


def _environment(takeover: Takeover, tree: SourceTree, path: str) -> None:
    network = _table(_table(yaml_files.parse(Path(path), tree.text(path) or ""), "network"), "vpc")
    if network.get("id"):
        takeover.leave(f"{path} network.vpc", "for an existing network set `existing_vpc` of the base")
    else:
        takeover.leave(path, "the base takes the place of Copilot's environment")


def _secret(value: Any) -> str | None:
    if isinstance(value, str):
        return value if value.startswith("arn:") else f"ssm:{value}"
    if isinstance(value, Mapping) and isinstance(value.get("ssm"), str):
        return f"ssm:{value['ssm']}"
    if isinstance(value, Mapping) and isinstance(value.get("secretsmanager"), str):
        name, _, key = value["secretsmanager"].partition(":")
        return f"secretsmanager:{name}" + (f":{key.rstrip(':')}" if key.rstrip(":") else "")
    return None


def _command(values: Mapping[str, Any]) -> str:
    parts = (command_text(values.get("entrypoint")), command_text(values.get("command")))
    return " ".join(part for part in parts if part)


def _table(values: Mapping[Any, Any], key: Any) -> Mapping[str, Any]:
    found = values.get(key)
    return found if isinstance(found, Mapping) else {}


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9-]+", "-", name.lower()).strip("-")
