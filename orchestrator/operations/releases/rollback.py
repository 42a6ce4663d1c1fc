"""`rollback`: the images, and if asked the configuration, of an earlier release, by an update that keeps the stack true."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from orchestrator.config import values
from orchestrator.config.assignments import Assignment
from orchestrator.config.stack_config import StackConfig
from orchestrator.config.text_keys import is_image
from orchestrator.engines.history import FAILED, SUCCEEDED, Entry
from orchestrator.engines.lock_retry import retry_while_locked
from orchestrator.errors import OrchestratorError, RefusedError
from orchestrator.model import SECRET_MASK
from orchestrator.operations import app_stack, deploy
from orchestrator.operations.aws import ecs
from orchestrator.operations.aws.clients import Clients
from orchestrator.operations.aws.errors import explained
from orchestrator.operations.aws.targets import Target
from orchestrator.operations.deploy import Carrier, Deploy, DeployResult
from orchestrator.operations.events import Note, Observer, ignore
from orchestrator.operations.releases import history, migrations, registries
from orchestrator.operations.releases.history import Release
from orchestrator.operations.releases.migrations import MigrationBetween
from orchestrator.operations.releases.registries import Existence
from pulumi_django.deploying.gate_arguments import DEFAULT_RELEASE_COMMAND
from pulumi_django.deploying.rollout_state import primary

if TYPE_CHECKING:
    from mypy_boto3_ecs import ECSClient
    from mypy_boto3_ecs.type_defs import ServiceTypeDef

    from orchestrator.lifecycle.context import Context

UNDER_WAY = "IN_PROGRESS"


STOPPED_WAIT_SECONDS = 900.0
"""Longest wait for the update of a deployment that was stopped: ECS rolls its services back first."""

BACKEND = "backend"
_KEPT = ("base", "kind", "listener_slot", "asleep")
"""Keys that a rollback never changes: they place the environment, or `sleep` sets them."""


@dataclass(frozen=True, kw_only=True)
class Rollback:
    """The release to return to, and options."""

    to: int | None = None
    """Number or id of a release; None is the newest one that succeeded and differs from the configuration."""

    with_config: bool = False
    """Take its whole configuration, not only its images. Secrets stay as they are."""

    release: bool = False
    """Run the release command on the older image."""

    check_migrations: bool = True
    """Compare the migrations of both images, in two tasks."""

    past_irreversible: bool = False
    """Roll back past migrations that cannot be reversed."""

    detach: bool = False
    dry_run: bool = False
    wait_seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class RollbackResult:
    """A rollback."""

    release: Release
    """The release that was returned to."""

    migrations: tuple[MigrationBetween, ...]
    """Applied migrations that its image does not have. The database keeps them."""

    stopped: tuple[str, ...]
    """Services whose running deployment ECS was asked to roll back."""

    unchecked: tuple[str, ...]
    """Images whose registry did not answer."""

    kept_secrets: tuple[str, ...]
    """Keys of secrets that differ from that release and stay as they are."""

    deploy: DeployResult

    @property
    def exit_code(self) -> int:
        """The exit code of the update."""
        return self.deploy.exit_code


@dataclass(frozen=True, kw_only=True)
class _Wanted:
    """A release, and the changes of the configuration that lead to it."""

    release: Release
    images: Mapping[str, str]
    assignments: tuple[Assignment, ...]
    kept_secrets: tuple[str, ...]


def run(
    request: Rollback,
    target: Target,
    clients: Clients,
    observer: Observer = ignore,
    *,
    context: Context,
    carry_out: Carrier | None = None,
) -> RollbackResult:
    """Check the release, stop a running deployment, and update the stack. Errors of the update are in the result.

    Raises UnknownStackError for an unknown release, RefusedError when an image is gone or a migration cannot be reversed,
    OperationFailedError when the migrations cannot be compared, and the errors of `deploy`.
    """
    wanted = _wanted(request, target, context)
    _say(wanted, observer)
    with explained(target.aws):
        unchecked = _check_images(wanted, clients)
        if unchecked and not clients.simulated:
            text = f"the registry of {', '.join(unchecked)} did not answer whether the image still exists"
            observer(Note(text=text, severity="warning"))
        between = _between(request, wanted, target, clients, context, observer)
        stopped = () if request.dry_run else roll_back_running(target, clients, observer)
    deployed = _deploy(request, wanted, target, clients, observer, context, carry_out, patient=bool(stopped))
    return RollbackResult(
        release=wanted.release,
        migrations=between,
        stopped=stopped,
        unchecked=unchecked,
        kept_secrets=wanted.kept_secrets,
        deploy=deployed,
    )


def _deploy(
    request: Rollback,
    wanted: _Wanted,
    target: Target,
    clients: Clients,
    observer: Observer,
    context: Context,
    carry_out: Carrier | None,
    *,
    patient: bool,
) -> DeployResult:
    seconds = max(request.wait_seconds, STOPPED_WAIT_SECONDS if patient else 0.0)
    change = Deploy(
        command="rollback",
        images=wanted.images,
        assignments=wanted.assignments,
        release=request.release,
        check_migrations=False,
        detach=request.detach,
        dry_run=request.dry_run,
        wait_seconds=seconds,
    )
    waiting = replace(context, wait_seconds=max(context.wait_seconds, seconds))
    return retry_while_locked(
        lambda: deploy.run(change, target, clients, observer, context=waiting, carry_out=carry_out),
        seconds,
        tell=lambda text: observer(Note(text=text)),
    )


# the release and its configuration


def _wanted(request: Rollback, target: Target, context: Context) -> _Wanted:
    config = app_stack.find(context, target.environment).config
    if request.to is not None:
        release, entry = history.chosen(context, target.environment, request.to)
        if release.result != SUCCEEDED:
            why = release.reason or ("it failed" if release.result == FAILED else f"it is {release.result}")
            raise RefusedError(
                f"{target.environment} was not rolled back: release {release.number} did not succeed: {why}",
                f"choose another one of `orchestrator releases {target.environment}`",
            )
        found = _changes(release, entry, config, request)
        if not found.assignments and not found.images:
            raise RefusedError(
                f"{target.environment} was not rolled back: its configuration has the images of release {release.number}"
                if not request.with_config
                else f"{target.environment} was not rolled back: it has the configuration of release {release.number}",
                f"`orchestrator update-env {target.environment}` applies the configuration",
            )
        return found
    return _newest_other(request, target, config, context)


def _newest_other(request: Rollback, target: Target, config: StackConfig, context: Context) -> _Wanted:
    for release, entry in history.newest_first(context, target.environment):
        if release.result == SUCCEEDED:
            found = _changes(release, entry, config, request)
            if found.assignments or found.images:
                return found
    what = "other configuration" if request.with_config else "other images"
    raise RefusedError(
        f"{target.environment} was not rolled back: its history has no release with {what} that succeeded",
        f"`orchestrator releases {target.environment} --all` lists its history",
    )


def _changes(release: Release, entry: Entry, config: StackConfig, request: Rollback) -> _Wanted:
    """The differences between the configuration of today and that of a release."""
    prefix = f"{config.project.name}:"
    now = {key.removeprefix(prefix): value for key, value in config.snapshot().values.items() if key.startswith(prefix)}
    then = {key.removeprefix(prefix): value for key, value in entry.config.items() if key.startswith(prefix)}
    images: dict[str, str] = {}
    assignments: list[Assignment] = []
    kept: list[str] = []
    for key in sorted({*now, *then}):
        if _same(now.get(key), then.get(key)):
            continue
        if is_image((key,)) and isinstance(then.get(key), str):
            images[key.removesuffix("_image")] = then[key]
        elif SECRET_MASK in (now.get(key), then.get(key)):
            kept += [key] if request.with_config else []
        elif is_image((key,)) or (request.with_config and key not in _KEPT):
            value = _merged(now.get(key), then.get(key))
            assignments.append(
                Assignment(namespace=config.project.name, path=(key,), value=value, origin="the release")
            )
    images = {name: str(value) for name, value in images.items()}
    return _Wanted(release=release, images=images, assignments=tuple(assignments), kept_secrets=tuple(kept))


def _same(now: Any, then: Any) -> bool:
    """Whether two values are the same for a program: Pulumi's history holds plain values as text."""
    if now is None or then is None:
        return now is then
    return values.wire(now) == values.wire(then)


def _merged(now: Any, then: Any) -> Any:
    """The value of then. A masked secret within it cannot be restored."""
    if _has_mask(then) or _has_mask(now):
        raise RefusedError(
            "not rolled back: the configuration of that release has a secret within an object",
            "restore the stack file from git, or roll back without --with-config",
        )
    return then


def _has_mask(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_has_mask, value.values()))  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if isinstance(value, Sequence) and not isinstance(value, str):
        return any(map(_has_mask, value))  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    return value == SECRET_MASK


def _say(wanted: _Wanted, observer: Observer) -> None:
    release = wanted.release
    when = f" of {release.started.astimezone():%Y-%m-%d %H:%M}" if release.started else ""
    changes = [f"{name} {reference}" for name, reference in wanted.images.items()]
    changes += [f"{'.'.join(item.path)}" for item in wanted.assignments]
    observer(Note(text=f"back to release {release.number}{when}: {', '.join(changes)}"))
    if wanted.kept_secrets:
        text = f"secrets stay as they are: {', '.join(wanted.kept_secrets)}"
        observer(Note(text=text, severity="warning"))


# checks


def _check_images(wanted: _Wanted, clients: Clients) -> tuple[str, ...]:
    """Return the images whose registry cannot be asked. Raises RefusedError for images that are gone."""
    found = {reference: registries.existence(reference, clients) for reference in wanted.images.values()}
    gone = [reference for reference, state in found.items() if state is Existence.GONE]
    if gone:
        raise RefusedError(
            f"not rolled back: the image of release {wanted.release.number} is gone from its registry: {', '.join(gone)}",
            "build it again, or roll back to another release; a life cycle rule of the registry may have deleted it",
        )
    return tuple(reference for reference, state in found.items() if state is Existence.UNKNOWN)


def _between(
    request: Rollback, wanted: _Wanted, target: Target, clients: Clients, context: Context, observer: Observer
) -> tuple[MigrationBetween, ...]:
    image = wanted.images.get(BACKEND)
    if image is None or not request.check_migrations:
        return ()
    command = app_stack.find(context, target.environment).get("release", "command") or DEFAULT_RELEASE_COMMAND
    try:
        found = migrations.between(image, command, target, clients, observer)
    except OrchestratorError as error:
        raise type(error)(
            f"{target.environment} was not rolled back: {error.message}",
            "; ".join(filter(None, (error.hint, "--no-check-migrations rolls back without this comparison"))),
        ) from error
    for migration in found:
        how = "" if migration.reversible else ", and Django cannot reverse it"
        observer(Note(text=f"the older image does not have the migration {migration}{how}", severity="warning"))
    fixed = [str(migration) for migration in found if not migration.reversible]
    if fixed and not request.past_irreversible:
        raise RefusedError(
            f"{target.environment} was not rolled back: release {wanted.release.number} is older than "
            f"{', '.join(fixed)}, which cannot be reversed",
            "check that the older code works with the database of today, then add --past-irreversible",
        )
    return found


def roll_back_running(target: Target, clients: Clients, observer: Observer) -> tuple[str, ...]:
    """Ask ECS to roll back every deployment that is under way; return the short names of those services.

    A service whose deployment cannot be stopped is reported: the update that follows replaces its deployment.
    """
    if clients.simulated:
        return ()
    from botocore.exceptions import ClientError

    client: ECSClient = clients.client("ecs")
    found = ecs.describe(clients, target, target.services)
    stopped: list[str] = []
    for service in target.services:
        if not _moves(found.get(service.name)):
            continue
        try:
            arns = _deployments(client, target.outputs.cluster_name, service.name)
            for arn in arns:
                client.stop_service_deployment(serviceDeploymentArn=arn, stopType="ROLLBACK")
        except ClientError as error:
            reason = error.response.get("Error", {}).get("Message", str(error))
            text = f"the deployment of {service.short} was not stopped, the update replaces it: {reason}"
            observer(Note(text=text, severity="warning"))
            continue
        if arns:
            observer(Note(text=f"the running deployment of {service.short} is rolled back by ECS"))
            stopped.append(service.short)
    return tuple(stopped)


def _moves(service: ServiceTypeDef | None) -> bool:
    newest = primary(service) if service else None
    return newest is not None and newest.get("rolloutState") == UNDER_WAY


def _deployments(client: ECSClient, cluster: str, service: str) -> list[str]:
    listed = client.list_service_deployments(cluster=cluster, service=service, status=["PENDING", "IN_PROGRESS"])
    return [arn for item in listed["serviceDeployments"] if (arn := item.get("serviceDeploymentArn"))]
