"""`secrets`: values that an environment's containers get by reference, stored in Secrets Manager or in SSM.

The values are in one JSON secret, or under one path of parameters. Both belong to the environment, not to its stack: the
stack only refers to them (`extra_secrets`). So no value is in a state, a configuration or a task definition.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from orchestrator.config import documents
from orchestrator.config.assignments import Assignment
from orchestrator.errors import OperationFailedError, RefusedError, UsageError
from orchestrator.lifecycle.requests import UpdateEnv
from orchestrator.model import RunReport
from orchestrator.operations import dotenv
from orchestrator.operations.app_stack import AppStack
from orchestrator.operations.aws import ecs as services
from orchestrator.operations.aws.clients import Clients
from orchestrator.operations.aws.errors import explained
from orchestrator.operations.aws.targets import Target
from orchestrator.operations.events import Note, Observer, ignore
from orchestrator.recovery import arns
from pulumi_django.rules.container_env import provided_names, queue_variable
from pulumi_django.rules.kinds import Kind

if TYPE_CHECKING:
    from mypy_boto3_ecs.type_defs import ContainerDefinitionOutputTypeDef

# https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html
SECRET_BYTES = 65536
# https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html
PARAMETER_BYTES = 4096
MANAGED_BY = "orchestrator"
_QUEUE = re.compile(queue_variable(".+").replace(".+", "[A-Z0-9_]+"))


class Provided(StrEnum):
    """The treatment of values for variables that the stack itself provides."""

    REFUSE = "refuse"
    """Report them, and store nothing."""

    KEEP = "keep"
    """Keep the stack's values, and store the other values."""

    REPLACE = "replace"
    """Give the stored values to the containers instead."""


class Store(StrEnum):
    """The place of values."""

    SECRETS_MANAGER = "secretsmanager"
    SSM = "ssm"


@dataclass(frozen=True, kw_only=True)
class PushSecrets:
    """Values to store."""

    values: Mapping[str, str] = field(repr=False)
    """Values by variable."""

    store: Store = Store.SECRETS_MANAGER
    dry_run: bool = False
    """Report which keys are new, changed or equal, and write nothing."""

    provided: Provided = Provided.REFUSE
    """The treatment of variables that the stack itself provides."""

    allow_prod: bool = False
    """Whether production may be changed."""

    def __post_init__(self) -> None:
        if not self.values:
            raise UsageError("no value is given: there is nothing to store")
        for number, (name, value) in enumerate(self.values.items(), 1):
            dotenv.check_name(name, f"the name of value {number}")
            _check_value(name, value, self.store)
        if len(self.empty) == len(self.values):
            verb = "is" if len(self.empty) == 1 else "are"
            raise UsageError(f"{', '.join(self.empty)} {verb} empty: {_EMPTY}", "remove the empty values")

    @property
    def empty(self) -> tuple[str, ...]:
        """Names without a value; they are not stored."""
        return tuple(name for name, value in self.values.items() if not value)


_EMPTY = "ECS does not start tasks with empty secrets"


def _check_value(name: str, value: str, store: Store) -> None:
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise UsageError(f"{name} is not valid text: it contains a lone surrogate (half a character)") from None
    if "\0" in value:
        raise UsageError(f"{name} contains a NUL character, which no variable can have")
    if store is Store.SSM and size > PARAMETER_BYTES:
        raise UsageError(
            f"{name} has {size} bytes: a parameter takes at most {PARAMETER_BYTES}",
            "store it in Secrets Manager (--to secretsmanager)",
        )


@dataclass(frozen=True, kw_only=True)
class PushResult:
    """The stored keys, without values."""

    store: Store
    name: str
    """Name of the secret, or path of the parameters."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    unchanged: tuple[str, ...]
    references: Mapping[str, str]
    """`valueFrom` of ECS by key; absent for keys that are not stored yet."""

    stale: tuple[str, ...]
    """Short names of services whose tasks started with an older value."""

    dry_run: bool
    empty: tuple[str, ...] = ()
    """Names without a value; they are not stored."""

    provided: tuple[str, ...] = ()
    """Names of variables that the stack itself provides; their values are stored only with `Provided.REPLACE`."""


@dataclass(frozen=True, kw_only=True)
class DeliveredSecrets:
    """Values that were stored, and the update that gave them to the containers."""

    stored: PushResult
    report: RunReport | None
    """None when the configuration refers to the values already."""


@dataclass(frozen=True, kw_only=True)
class SecretEntry:
    """A variable that containers get by reference."""

    key: str
    reference: str
    """`valueFrom` of ECS: the place of the value."""

    services: tuple[str, ...]
    """Short names of its services; empty when it is configured but not deployed yet."""


def push(request: PushSecrets, target: Target, clients: Clients, app: AppStack | None = None) -> PushResult:
    """Store the values; other stored values stay. `assignments` then returns the missing configuration values.

    `app` is the stack whose configuration may already replace variables of the stack. Raises RefusedError for production
    and for variables of the stack itself, OperationFailedError.
    """
    if target.outputs.kind == Kind.PROD and not (request.allow_prod or request.dry_run):
        raise RefusedError(
            f"nothing was stored: {target.environment} is production", "check with --dry-run, then add --allow-prod"
        )
    provided = _provided(request, app)
    kept = () if request.provided is Provided.REPLACE else provided
    if provided and request.provided is Provided.REFUSE and not request.dry_run:
        raise RefusedError(
            f"nothing was stored: the stack itself provides {', '.join(provided)}",
            "add --provided keep to store only the other values, or --provided replace to use these values instead",
        )
    wanted = {key: value for key, value in request.values.items() if value and key not in kept}
    shelf: _Secret | _Parameters = (
        _Secret(target, clients) if request.store is Store.SECRETS_MANAGER else _Parameters(target, clients)
    )
    with explained(target.aws):
        known = shelf.read()
        added = tuple(sorted(wanted.keys() - known.keys()))
        changed = tuple(sorted(k for k, v in wanted.items() if k in known and known[k] != v))
        if (added or changed) and not request.dry_run:
            shelf.write({key: wanted[key] for key in (*added, *changed)}, known)
        references = shelf.references(sorted(wanted.keys() & known.keys() if request.dry_run else wanted))
        stale = _users(clients, target, [references[key] for key in changed])
    return PushResult(
        store=request.store,
        name=shelf.name,
        added=added,
        changed=changed,
        unchanged=tuple(sorted(wanted.keys() - {*added, *changed})),
        references=references,
        stale=stale,
        dry_run=request.dry_run,
        empty=request.empty,
        provided=provided,
    )


def _provided(request: PushSecrets, app: AppStack | None) -> tuple[str, ...]:
    """Return the names that the stack provides, without those that the configuration already replaces."""
    ours = {name for name in request.values if name in provided_names() or _QUEUE.fullmatch(name)}
    taken = set[str]()
    for key in ("extra_secrets", "extra_env") if app is not None else ():
        configured: Any = app.get(key) if app is not None else None
        taken |= {str(name) for name in configured} if isinstance(configured, Mapping) else set()
    return tuple(sorted(name for name in ours - taken if request.values[name]))


def assignments(result: PushResult, app: AppStack) -> tuple[Assignment, ...]:
    """Return the configuration values that give the stored values to the containers.

    A plain variable of the same name is removed: a variable is either plain or a secret.
    """
    wanted = {key: it for key, it in result.references.items() if app.get("extra_secrets", key) != it}
    plain: Any = app.get("extra_env")
    doubled = [key for key in result.references if isinstance(plain, Mapping) and key in plain]
    return (
        *(app.assignment(f"extra_secrets.{key}", reference) for key, reference in wanted.items()),
        *(app.assignment(f"extra_env.{key}", None) for key in doubled),
    )


def listed(target: Target, clients: Clients, app: AppStack) -> tuple[SecretEntry, ...]:
    """Return the variables that containers get by reference now or with the next update. No value is read."""
    found: dict[tuple[str, str], list[str]] = {}
    with explained(target.aws):
        for short, secrets in _references(clients, target).items():
            for key, reference in secrets.items():
                found.setdefault((key, reference), []).append(short)
    configured: Any = app.get("extra_secrets")
    for key, reference in configured.items() if isinstance(configured, Mapping) else ():
        if reference is not None and not any(key == known for known, _ in found):
            found[str(key), str(reference)] = []
    return tuple(
        SecretEntry(key=key, reference=reference, services=tuple(users))
        for (key, reference), users in sorted(found.items())
    )


def deliver(
    result: PushResult,
    target: Target,
    clients: Clients,
    app: AppStack,
    update: Callable[[UpdateEnv], RunReport],
    observer: Observer = ignore,
) -> RunReport | None:
    """Give stored values to the containers: by an update, or by new tasks (None) when the configuration refers to them."""
    wanted = assignments(result, app)
    if wanted:
        return update(UpdateEnv(names=(target.environment,), assignments=wanted))
    restart(target, clients, result.stale, observer)
    return None


def restart(target: Target, clients: Clients, names: Sequence[str], observer: Observer = ignore) -> None:
    """Replace the tasks of these services; new tasks of the same version read the current secrets."""
    with explained(target.aws):
        for service in target.chosen(names) if names else ():
            clients.client("ecs").update_service(
                cluster=target.outputs.cluster_name, service=service.name, forceNewDeployment=True
            )
            observer(Note(text=f"{service.short} gets new tasks"))


def forget(target: Target, clients: Clients) -> None:
    """Delete the values of `push` permanently, for an environment that is being destroyed."""
    with explained(target.aws):
        for shelf in (_Secret(target, clients), _Parameters(target, clients)):
            shelf.delete()


class _Secret:
    """The environment's JSON secret."""

    def __init__(self, target: Target, clients: Clients) -> None:
        self.name = f"{target.environment}/pushed"
        self._target, self._client = target, clients.client("secretsmanager")
        self._arn: str | None = None

    def read(self) -> dict[str, str]:
        try:
            answer = self._client.get_secret_value(SecretId=self.name)
        except self._client.exceptions.ResourceNotFoundException:
            return {}
        self._arn = answer.get("ARN") or None
        try:
            document = documents.json_value(answer.get("SecretString") or "{}")
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise OperationFailedError(
                f"the secret {self.name} cannot be used: its value is not a JSON object",
                "rename or delete it, then run the command again",
            )
        return {str(key): value if isinstance(value, str) else json.dumps(value) for key, value in document.items()}

    def write(self, values: Mapping[str, str], known: Mapping[str, str]) -> None:
        text = json.dumps({**known, **values}, sort_keys=True)
        if len(text.encode()) > SECRET_BYTES:
            raise OperationFailedError(
                f"the secret {self.name} would have {len(text.encode())} bytes: Secrets Manager takes at most {SECRET_BYTES}",
                "store some of the values in SSM (--to ssm)",
            )
        if self._arn is not None:
            self._client.put_secret_value(SecretId=self._arn, SecretString=text)
            return
        created = self._client.create_secret(
            Name=self.name,
            SecretString=text,
            Description=f"values of `secrets push` for {self._target.environment}",
            Tags=_tags(self._target),
        )
        self._arn = str(created["ARN"])

    def references(self, keys: Sequence[str]) -> dict[str, str]:
        return {key: f"{self._arn}:{key}::" for key in keys}

    def delete(self) -> None:
        try:
            self._client.delete_secret(SecretId=self.name, ForceDeleteWithoutRecovery=True)
        except self._client.exceptions.ResourceNotFoundException:
            return


class _Parameters:
    """The environment's parameters, one per key."""

    def __init__(self, target: Target, clients: Clients) -> None:
        self.name = f"/{target.environment}/pushed"
        self._target, self._clients, self._client = target, clients, clients.client("ssm")

    def read(self) -> dict[str, str]:
        pages = self._client.get_paginator("get_parameters_by_path").paginate(Path=self.name, WithDecryption=True)
        found = [parameter for page in pages for parameter in page["Parameters"]]
        return {parameter["Name"].rsplit("/", 1)[-1]: parameter["Value"] for parameter in found}

    def write(self, values: Mapping[str, str], known: Mapping[str, str]) -> None:
        for key, value in sorted(values.items()):
            # The API refuses tags together with Overwrite.
            more: dict[str, Any] = {"Overwrite": True} if key in known else {"Tags": _tags(self._target)}
            self._client.put_parameter(Name=f"{self.name}/{key}", Value=value, Type="SecureString", **more)

    def references(self, keys: Sequence[str]) -> dict[str, str]:
        if not keys:
            return {}
        identity = self._clients.client("sts").get_caller_identity()
        partition, region = arns.partition(identity["Arn"]), self._client.meta.region_name
        # https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssystemsmanager.html
        path = f"arn:{partition}:ssm:{region}:{identity['Account']}:parameter{self.name}"
        return {key: f"{path}/{key}" for key in keys}

    def delete(self) -> None:
        names = [f"{self.name}/{key}" for key in self.read()]
        # https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DeleteParameters.html
        for first in range(0, len(names), 10):
            self._client.delete_parameters(Names=names[first : first + 10])


def _tags(target: Target) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in {**target.tags, "managed-by": MANAGED_BY}.items()]


def _references(clients: Clients, target: Target) -> dict[str, dict[str, str]]:
    """Return `valueFrom` by variable and by short name of the service."""
    ecs, found = clients.client("ecs"), dict[str, dict[str, str]]()
    described = services.describe(clients, target, target.services)
    for service in target.services:
        if service.name not in described:
            continue
        definition = ecs.describe_task_definition(taskDefinition=described[service.name].get("taskDefinition", ""))
        containers: Sequence[ContainerDefinitionOutputTypeDef] = definition["taskDefinition"]["containerDefinitions"]
        found[service.short] = {
            secret["name"]: secret["valueFrom"] for container in containers for secret in container.get("secrets", [])
        }
    return found


def _users(clients: Clients, target: Target, references: Sequence[str]) -> tuple[str, ...]:
    if not references:
        return ()
    return tuple(s for s, known in _references(clients, target).items() if set(known.values()) & set(references))
