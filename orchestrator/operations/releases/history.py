"""Releases of an environment and operations on all stacks, from the history that the state backend keeps."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from orchestrator.config.text_keys import is_image
from orchestrator.engines.history import DAMAGED, SUCCEEDED, UPDATE, Entry
from orchestrator.errors import UnknownStackError, UsageError
from orchestrator.model import ChangeCounts, Unit

if TYPE_CHECKING:
    from orchestrator.lifecycle.context import Context
    from orchestrator.lifecycle.registry import Deployment

SHOWN = 20
"""Number of releases or operations that are listed when no number is given."""

_REFERENCE = re.compile(
    r"(?P<name>.+?)(?::(?P<tag>[\w][\w.-]{0,127}))?(?:@(?P<digest>[a-z0-9]+:[0-9a-f]{32,}))?", re.ASCII
)
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class ReleasedImage:
    """An image of a release."""

    name: str
    """`backend` for the key `backend_image`."""

    reference: str
    tag: str | None
    digest: str | None
    """None when the reference has none: the tag may point to another image today."""


@dataclass(frozen=True, kw_only=True)
class Release:
    """One update of the stack that runs an environment's services."""

    number: int
    """Number in the stack's history, as in Pulumi. Refreshes count too."""

    id: str
    """Stays the same when older entries of the history are deleted."""

    started: datetime | None
    operator: str | None
    """The user who ran it; without one, the author of the commit."""

    command: str
    commit: str | None
    images: tuple[ReleasedImage, ...]
    changed: tuple[str, ...]
    """Keys of the configuration that differ from the release before, without images."""

    duration_seconds: float | None
    result: str
    """`succeeded`, `failed`, or `damaged` when the history's entry cannot be read."""

    reason: str | None
    running: bool
    """Whether it is the newest release that succeeded: the services run its version."""


@dataclass(frozen=True, kw_only=True)
class ReleaseList:
    """Releases of an environment, newest first."""

    environment: str
    stack: str
    """The stack with the services, `project/stack`."""

    releases: tuple[Release, ...]
    older: bool
    """Whether the history has older releases."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A configuration value, image or commit that differs between two releases."""

    key: str
    before: Any
    """None when it is absent. A secret is masked."""

    after: Any


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two releases."""

    environment: str
    before: Release
    after: Release
    differences: tuple[Difference, ...]


@dataclass(frozen=True, kw_only=True)
class LoggedOperation:
    """An operation on one stack."""

    started: datetime | None
    operator: str | None
    command: str
    kind: str
    """`update`, `refresh`, `destroy`; empty for a damaged entry."""

    project: str
    name: str
    """The base or environment."""

    number: int
    result: str
    reason: str | None
    duration_seconds: float | None
    commit: str | None
    changes: ChangeCounts


def listed(context: Context, name: str, limit: int | None = SHOWN) -> ReleaseList:
    """Return the newest releases of an environment or a base; all for None. Raises UnknownStackError, UsageError."""
    if limit is not None and limit < 1:
        raise UsageError(f"{limit} releases cannot be listed: the number must be 1 or more")
    return of_deployment(context, context.registry().named(name), limit)


def of_deployment(context: Context, found: Deployment, limit: int | None = SHOWN) -> ReleaseList:
    """Return the newest releases of an environment or a base that was read already. Raises UnknownStackError."""
    unit = _service_unit(found)
    entries, complete = _newest_updates(context, unit, limit)
    running = _running(entries)
    releases = [
        _release(entry, entries[place - 1] if place else None, unit, context, running=entry is running)
        for place, entry in enumerate(entries)
    ]
    shown = releases if limit is None else releases[-limit:]
    return ReleaseList(
        environment=unit.stack,
        stack=str(unit),
        releases=tuple(reversed(shown)),
        older=len(releases) > len(shown) or not complete,
    )


def running(context: Context, name: str) -> Release | None:
    """Return the newest release that succeeded; None when the history has none."""
    found = listed(context, name, SHOWN).releases
    return next((release for release in found if release.running), None)


def chosen(context: Context, name: str, number: int) -> tuple[Release, Entry]:
    """Return a release by its number or id, and its entry in the history. Raises UnknownStackError for an unknown one."""
    numbers: list[int] = []
    for release, entry in newest_first(context, name):
        if number == entry.number or str(number) == entry.id:
            return release, entry
        numbers.append(entry.number)
    kept = f"its history has {numbers[-1]} to {numbers[0]}" if numbers else "its history is empty"
    raise UnknownStackError(
        f"{name} has no release {number}: {kept}", f"`orchestrator releases {name} --all` lists them"
    )


def newest_first(context: Context, name: str) -> Iterator[tuple[Release, Entry]]:
    """Return every release with its entry in the history, newest first."""
    unit = service_unit(context, name)
    entries, _ = _newest_updates(context, unit, None)
    current = _running(entries)
    for place in range(len(entries) - 1, -1, -1):
        before = entries[place - 1] if place else None
        yield _release(entries[place], before, unit, context, running=entries[place] is current), entries[place]


def compared(context: Context, name: str, before: int, after: int) -> Comparison:
    """Compare two releases by their numbers. Raises UnknownStackError for an unknown one."""
    (first, first_entry), (second, second_entry) = (chosen(context, name, number) for number in (before, after))
    for release in (first, second):
        if release.result == DAMAGED:
            raise UnknownStackError(f"release {release.number} of {name} cannot be compared: {release.reason}")
    unit, old, new = service_unit(context, name), first_entry.config, second_entry.config
    differences = [
        Difference(key=_short(key, context, unit), before=old.get(key), after=new.get(key))
        for key in _changed_keys(first_entry, second_entry)
    ]
    if first.commit != second.commit:
        differences.insert(0, Difference(key="commit", before=first.commit, after=second.commit))
    return Comparison(environment=unit.stack, before=first, after=second, differences=tuple(differences))


def log(
    context: Context, names: Sequence[str] = (), *, since: datetime | None = None, limit: int | None = None
) -> tuple[LoggedOperation, ...]:
    """Return the operations on bases and environments, all for no name, newest first.

    `since` leaves out older ones. Stacks that were destroyed have no history. Raises UnknownStackError.
    """
    registry = context.registry() if names else context.readable_registry()
    found = [registry.named(name) for name in names] if names else registry.listed()
    operations = [operation for deployment in found for operation in _operations(context, deployment, limit)]
    recent = [item for item in operations if since is None or (item.started or _LONG_AGO) >= since]
    ordered = sorted(recent, key=lambda item: (item.started or _LONG_AGO, item.number), reverse=True)
    return tuple(ordered if limit is None else ordered[:limit])


def _operations(context: Context, deployment: Deployment, limit: int | None) -> Iterator[LoggedOperation]:
    for unit in deployment.units:
        for entry in context.engine.history(unit, limit):
            yield LoggedOperation(
                started=entry.started or entry.ended,
                operator=entry.operator,
                command=entry.command if entry.result != DAMAGED else "-",
                kind=entry.kind,
                project=unit.project,
                name=unit.stack,
                number=entry.number,
                result=entry.result,
                reason=entry.reason,
                duration_seconds=entry.seconds,
                commit=entry.commit,
                changes=_counts(entry.changes),
            )


def _counts(changes: Mapping[str, int]) -> ChangeCounts:
    return ChangeCounts(**{field.name: changes.get(field.name, 0) for field in fields(ChangeCounts)})


def service_unit(context: Context, name: str) -> Unit:
    """Return the stack that runs an environment's services; of others the last one. Raises UnknownStackError."""
    return _service_unit(context.registry().named(name))


def _service_unit(found: Deployment) -> Unit:
    with_services = [stack.unit for stack in found.stacks if "service_names" in stack.outputs]
    if with_services:
        return with_services[0]
    if not found.units:
        raise UnknownStackError(f"{found.name} has no stack: its creation did not finish")
    return found.units[-1]


def _newest_updates(context: Context, unit: Unit, limit: int | None) -> tuple[list[Entry], bool]:
    """The updates of the history, oldest first, at least one more than `limit` if it has so many; whether these are all."""
    wanted = None if limit is None else limit + 1
    while True:
        entries = context.engine.history(unit, wanted)
        complete = wanted is None or len(entries) < wanted
        updates = [entry for entry in entries if entry.kind in (UPDATE, "")]
        if complete or limit is None or wanted is None or len(updates) > limit:
            return updates, complete
        wanted *= 2


def _running(entries: Sequence[Entry]) -> Entry | None:
    return next((entry for entry in reversed(entries) if entry.result == SUCCEEDED), None)


def _release(entry: Entry, before: Entry | None, unit: Unit, context: Context, *, running: bool) -> Release:
    known = before is not None and DAMAGED not in (before.result, entry.result)
    changed = _changed_keys(before, entry) if before is not None and known else ()
    shorts = tuple(_short(key, context, unit) for key in changed if not _is_image(key))
    return Release(
        number=entry.number,
        id=entry.id,
        started=entry.started or entry.ended,
        operator=entry.operator,
        command="-" if entry.result == DAMAGED else entry.command,
        commit=entry.commit,
        images=images_of(entry, unit, context),
        changed=shorts,
        duration_seconds=entry.seconds,
        result=entry.result,
        reason=entry.reason,
        running=running,
    )


def images_of(entry: Entry, unit: Unit, context: Context) -> tuple[ReleasedImage, ...]:
    """Return the images in the configuration of an update."""
    found: list[ReleasedImage] = []
    for key, value in sorted(entry.config.items()):
        short = _short(key, context, unit)
        if ":" not in short and _is_image(key) and isinstance(value, str) and value:
            match = _REFERENCE.fullmatch(value)
            parts = (match["tag"], match["digest"]) if match else (None, None)
            name = short.removesuffix("_image")
            found.append(ReleasedImage(name=name, reference=value, tag=parts[0], digest=parts[1]))
    return tuple(found)


def _is_image(key: str) -> bool:
    return is_image((key.rpartition(":")[2],))


def _short(key: str, context: Context, unit: Unit) -> str:
    """A key without the namespace of its own project."""
    return key.removeprefix(f"{context.settings.by_key[unit.project].name}:")


def _changed_keys(before: Entry, after: Entry) -> tuple[str, ...]:
    keys = sorted({*before.config, *after.config})
    return tuple(
        key
        for key in keys
        if before.config.get(key) != after.config.get(key) or before.secrets.get(key) != after.secrets.get(key)
    )
