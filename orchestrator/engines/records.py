"""Conversion between records and stack tags. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta

from orchestrator.model import Kind, Record

PREFIX = "orchestrator:"
"""Prefix of the orchestrator's tags. Other tags of a stack are not changed."""

HOLDER = f"{PREFIX}claimed-by"
"""Tag of a claim: the process that is about to create the stack."""

# Pulumi Cloud refuses longer values: https://www.pulumi.com/docs/iac/concepts/stacks/#stack-tags
VALUE_LIMIT = 256


def to_tags(record: Record) -> dict[str, str]:
    """The tags of a record; empty fields have no tag. Times are in UTC, in whole seconds."""
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
        "warned": record.warned,
        "open-until": _time(record.open_until),
    }
    return {f"{PREFIX}{name}": value[:VALUE_LIMIT] for name, value in values.items() if value}


def from_tags(tags: Mapping[str, str]) -> Record | None:
    """The record in the tags; None when they contain no record.

    Tags can be edited by hand. An invalid tag counts as absent, so that one stack never hides the others. An invalid `pinned`
    counts as pinned, because a mistake must not destroy anything.
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
        warned=tags.get(f"{PREFIX}warned") or None,
        open_until=_moment(tags.get(f"{PREFIX}open-until")),
    )


def merged(before: Record | None, wanted: Record, now: Record | None) -> Record:
    """Apply the changes from `before` to `wanted` to the record `now`.

    When both moved the expiry, the later time counts, because a mistake must not destroy anything.
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
        if now.expires is None:  # another process removed the expiry
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
