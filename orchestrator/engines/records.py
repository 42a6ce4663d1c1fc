"""Record <-> stack tags: the one place that knows how the orchestrator's memory of a stack is written down. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta

from orchestrator.model import Kind, Record

PREFIX = "orchestrator:"
"""Every tag of ours begins so; other tags on a stack are left alone."""

HOLDER = f"{PREFIX}claimed-by"
"""Tag of a claim: the process that is about to make the stack."""

# https://www.pulumi.com/docs/iac/concepts/stacks/#stack-tags: Pulumi Cloud refuses longer values
VALUE_LIMIT = 256


def to_tags(record: Record) -> dict[str, str]:
    """The tags of a record; what is not known has no tag. Times are in UTC, to the second."""
    values = {
        "kind": record.kind.value,
        "base": record.base,
        "owner": record.owner,
        "created": _time(record.created),
        "expires": _time(record.expires),
        "ttl": None if record.ttl is None else str(int(record.ttl.total_seconds())),
        "pinned": "true" if record.pinned else None,
        "listener-slot": None if record.listener_slot is None else str(record.listener_slot),
        "commit": record.commit,
        "branch": record.branch,
    }
    return {f"{PREFIX}{name}": value[:VALUE_LIMIT] for name, value in values.items() if value}


def from_tags(tags: Mapping[str, str]) -> Record | None:
    """The record that the tags hold, or None when they hold none.

    Tags can be edited by hand. One that cannot be read counts as absent, so that one stack never hides the others; an
    unreadable `pinned` counts as pinned, since a mistake must not destroy anything.
    """
    kind = _member(tags.get(f"{PREFIX}kind"))
    if kind is None:
        return None
    return Record(
        kind=kind,
        base=tags.get(f"{PREFIX}base") or None,
        owner=tags.get(f"{PREFIX}owner") or None,
        created=_moment(tags.get(f"{PREFIX}created")),
        expires=_moment(tags.get(f"{PREFIX}expires")),
        ttl=_seconds(tags.get(f"{PREFIX}ttl")),
        pinned=tags.get(f"{PREFIX}pinned", "false") != "false",
        listener_slot=_number(tags.get(f"{PREFIX}listener-slot")),
        commit=tags.get(f"{PREFIX}commit") or None,
        branch=tags.get(f"{PREFIX}branch") or None,
    )


def merged(before: Record | None, wanted: Record, now: Record | None) -> Record:
    """The record that is written: what changed from `before` to `wanted`, put into what it is `now`.

    Both may have moved the expiry: the later moment counts, since a mistake must not destroy anything.
    """
    if before is None or now is None or before == now:
        return wanted
    changed = {
        field.name: value
        for field in fields(Record)
        if (value := getattr(wanted, field.name)) != getattr(before, field.name)
    }
    if "expires" in changed and now.expires != before.expires:
        changed["expires"] = max((moment for moment in (wanted.expires, now.expires) if moment), default=None)
        if now.expires is None:  # somebody said that it does not expire
            changed["expires"] = None
    return replace(now, **changed)


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _moment(text: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text or "")
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else None


def _seconds(text: str | None) -> timedelta | None:
    seconds = _number(text)
    return timedelta(seconds=seconds) if seconds else None


def _member(text: str | None) -> Kind | None:
    return Kind(text) if text in list(Kind) else None
