"""One workload of a Copilot application. Manifest: https://aws.github.io/copilot-cli/docs/manifest/overview/"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.onboarding.container_files import command_text
from orchestrator.onboarding.process_files import words
from orchestrator.onboarding.takeover import Takeover
from pulumi_django.rules.container_env import provided_names

PRODUCTION = re.compile(r"^(prod|production|live)$")
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
class Manifest:
    """A manifest of a workload."""

    path: str
    name: str
    kind: str
    values: Mapping[str, Any]


class Workload:
    """Takes over one workload, and reports every key that it did not use."""

    def __init__(
        self, takeover: Takeover, manifest: Manifest, values: Mapping[str, Any], names: Mapping[str, str]
    ) -> None:
        self.takeover, self.manifest, self.values, self.names = takeover, manifest, values, names
        self.used: set[str] = set(_KNOWN_HANDLED)
        self.name = plain(manifest.name)

    def take(self, web: Manifest) -> None:
        """Take it over beside the web service `web`, or as it."""
        why = self._place(command_of(self.values), web)
        if why is not None:
            self.takeover.leave(self.manifest.path, why)
            return
        for key in sorted(set(map(str, self.values)) - self.used):
            self.takeover.leave(
                self._source(key), _REASONS.get(key, "it has no counterpart; see docs/reference/components.md")
            )
        for name in table(self.values, "environments"):
            if not PRODUCTION.match(str(name)):
                self.takeover.leave(
                    self._source(f"environments.{name}"), "put its values into the stack file of that environment"
                )

    def _place(self, command: str, web: Manifest) -> str | None:
        """Take the workload over; return the reason why it has no place."""
        served = self.manifest.kind == "Load Balanced Web Service"
        is_djangos = _image(self.values) is not None and _image(self.values) == _image(web.values)
        if self.manifest is web:
            self._web(command)
        elif self.manifest.kind == "Scheduled Job":
            self._job(command)
        elif re.search(r"\bcelery\b.*\bbeat\b", command):
            self._process("beat", command)
        elif re.search(r"\bcelery\b.*\bworker\b", command):
            self._process(f"workers.{self.name}", command)
        elif served:
            return self._service(command) if is_djangos else self._frontend()
        elif self.manifest.kind in ("Backend Service", "Worker Service"):
            return self._background(command, is_djangos=is_djangos)
        else:
            kind = self.manifest.kind or "workload without a type"
            return f"{kind}: it is neither a Django service nor a Celery process"
        return None

    def _service(self, command: str) -> str | None:
        """One more web server with Django's image."""
        if answers_everything(self.values):
            return "it answers every path, as `web` does: add it to `services` with paths or hosts of its own"
        self._served(f"services.{self.name}", command)
        self._variables()
        return None

    def _background(self, command: str, *, is_djangos: bool) -> str | None:
        """A process that the load balancer does not reach."""
        if not is_djangos:
            return f"{self.manifest.kind} with an image that is not Django's: it has no counterpart"
        if "http" in self.values or table(self.values, "image").get("port"):
            return (
                "other services call it, and the load balancer of an environment is public: if all may call it, add it to "
                "`services` with paths"
            )
        if not command:
            return "its command is in its image: set it as the command of a worker"
        key = f"workers.{self.name}"
        self.takeover.change(f"{key}.command", words(command), self._source("command"), "a worker runs any command")
        self.used.add("image")
        self._process(key, "")
        return None

    def _process(self, key: str, command: str) -> None:
        """A process of Django that is not a web server."""
        self._at(key, command)
        if key != "beat":
            self._count(key)
        self._variables()

    def _served(self, key: str, command: str) -> None:
        """A web server of Django."""
        self._at(key, command)
        self._count(key)
        port = table(self.values, "image").get("port")
        self.used.add("image")
        if port:
            self.takeover.set(f"{key}.port", port, self._source("image.port"))
        self._http(key)

    def _web(self, command: str) -> None:
        self._served("web", command)
        image = table(self.values, "image")
        if image.get("location"):
            self.takeover.set("backend_image", str(image["location"]), self._source("image.location"))
        elif image.get("build"):
            self.takeover.leave(
                self._source("image.build"), "`orchestrator build` reads `[images.backend]` of orchestrator.toml"
            )
        self._variables()

    def _frontend(self) -> str | None:
        image = table(self.values, "image")
        self.used |= {"image", "cpu", "memory", "command", "http", "count"}
        if not image.get("location"):
            return "a second web service: push its image and name it as frontend_image"
        if "frontend_image" in self.takeover.values:
            return "a second frontend: an environment has one, and `services` run Django's image"
        self.takeover.set("frontend_image", str(image["location"]), self._source("image.location"))
        self._at("frontend", command_of(self.values))
        if image.get("port"):
            self.takeover.set("frontend.port", image["port"], self._source("image.port"))
        return None

    def _job(self, command: str) -> None:
        # YAML 1.1 reads the key `on` as true.
        schedule = str(table(self.values, "on").get("schedule") or table(self.values, True).get("schedule") or "none")
        self.used |= {"on", "True"}
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
            f"scheduled_commands.{self.name}.schedule", cron, self._source("on.schedule"), "EventBridge has six fields"
        )
        self._at(f"scheduled_commands.{self.name}", command)

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

    def _http(self, at: str) -> None:
        http = table(self.values, "http")
        self.used.add("http")
        check = http.get("healthcheck")
        path = check.get("path") if isinstance(check, Mapping) else check
        if path:
            self.takeover.set(f"{at}.health_check.path", str(path), self._source("http.healthcheck"))
        for key in sorted(set(map(str, check)) - {"path"}) if isinstance(check, Mapping) else ():
            self.takeover.leave(self._source(f"http.healthcheck.{key}"), f"see {at}.health_check")
        if http.get("path") not in (None, "/"):
            prefix = f"/{str(http['path']).strip('/')}"
            self.takeover.change(
                f"{at}.paths", [prefix, f"{prefix}/*"], self._source("http.path"), "a path is a pattern"
            )
        delay = re.match(r"^(\d+)s$", str(http.get("deregistration_delay", "")))
        if delay:
            self.takeover.set(
                f"{at}.deregistration_delay_seconds", int(delay[1]), self._source("http.deregistration_delay")
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
        for name, value in table(self.values, "variables").items():
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
                self._shared("extra_env", name, value, "variables", "")
        for name, value in table(self.values, "secrets").items():
            found = _secret(value)
            reference = found and self._filled(found)
            if name in ("SECRET_KEY", "DJANGO_SECRET_KEY", "DATABASE_URL") or reference is None or "${" in reference:
                why = (
                    "the environment has its own" if reference and "${" not in reference else "name it in extra_secrets"
                )
                self.takeover.leave(self._source(f"secrets.{name}"), why)
            else:
                why = "the parameter needs no tag of Copilot; our role gets its own right"
                self._shared("extra_secrets", name, reference, "secrets", why)
        if "exec" in self.values:
            self.takeover.set("exec_enabled", bool(self.values["exec"]), self._source("exec"))
        if "arm64" in str(self.values.get("platform", "")):
            self.takeover.set("architecture", "ARM64", self._source("platform"))

    def _shared(self, key: str, name: str, value: str, source: str, why: str) -> None:
        """A variable of all containers of Django. The first workload to name it counts."""
        source = self._source(f"{source}.{name}")
        present = self.takeover.values.get(key, {}).get(name)
        if present not in (None, value):
            self.takeover.leave(
                source, "every container of Django has one value of a variable, that of another manifest"
            )
        elif present is None and why:
            self.takeover.change(f"{key}.{name}", value, source, why)
        elif present is None:
            self.takeover.set(f"{key}.{name}", value, source)

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


def _secret(value: Any) -> str | None:
    if isinstance(value, str):
        return value if value.startswith("arn:") else f"ssm:{value}"
    if isinstance(value, Mapping) and isinstance(value.get("ssm"), str):
        return f"ssm:{value['ssm']}"
    if isinstance(value, Mapping) and isinstance(value.get("secretsmanager"), str):
        name, _, key = value["secretsmanager"].partition(":")
        return f"secretsmanager:{name}" + (f":{key.rstrip(':')}" if key.rstrip(":") else "")
    return None


def command_of(values: Mapping[str, Any]) -> str:
    """Return entry point and command of a workload as one text."""
    parts = (command_text(values.get("entrypoint")), command_text(values.get("command")))
    return " ".join(part for part in parts if part)


def table(values: Mapping[Any, Any], key: Any) -> Mapping[str, Any]:
    """Return the mapping at a key; empty for anything else."""
    found = values.get(key)
    return found if isinstance(found, Mapping) else {}


def answers_everything(values: Mapping[str, Any]) -> bool:
    """Return whether a load-balanced service has no path of its own."""
    return not str(table(values, "http").get("path") or "/").strip("/")


def plain(name: str) -> str:
    """Return a name that a service can have."""
    return re.sub(r"[^a-z0-9-]+", "-", name.lower()).strip("-")


def _image(values: Mapping[str, Any]) -> Any:
    """The location of the image, or the files from which it is built; None without both."""
    found = table(values, "image")
    if found.get("location"):
        return str(found["location"])
    build = found.get("build")
    return {"dockerfile": build} if isinstance(build, str) else build
