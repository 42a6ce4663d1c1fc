"""Records are stored as tags, and tags that were edited by hand break nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.engines.records import from_tags, to_tags
from orchestrator.model import Kind, Record

CREATED = datetime(2026, 11, 20, 9, 30, 5, tzinfo=UTC)
FULL = Record(
    kind=Kind.AD_HOC,
    base="dev",
    owner="Ada Lovelace",
    created=CREATED,
    expires=CREATED + timedelta(days=3),
    pinned=True,
    listener_slot=0,
    commit="0a1b2c",
    branch="feature/cart",
)


def test_a_record_is_written_as_these_tags() -> None:
    assert to_tags(FULL) == {
        "orchestrator:kind": "ad-hoc",
        "orchestrator:base": "dev",
        "orchestrator:owner": "Ada Lovelace",
        "orchestrator:created": "2026-11-20T09:30:05Z",
        "orchestrator:expires": "2026-11-23T09:30:05Z",
        "orchestrator:pinned": "true",
        "orchestrator:listener-slot": "0",
        "orchestrator:commit": "0a1b2c",
        "orchestrator:branch": "feature/cart",
    }


def test_an_empty_field_has_no_tag() -> None:
    assert to_tags(Record(kind=Kind.PROD)) == {"orchestrator:kind": "prod"}


def test_times_are_written_in_utc() -> None:
    tokyo = CREATED.astimezone(timezone(timedelta(hours=9)))
    assert to_tags(Record(kind=Kind.PROD, created=tokyo))["orchestrator:created"] == "2026-11-20T09:30:05Z"


def test_values_are_cut_to_the_limit_of_pulumi_cloud() -> None:
    assert to_tags(Record(kind=Kind.PROD, branch="b" * 300))["orchestrator:branch"] == "b" * 256


@pytest.mark.parametrize("record", [FULL, Record(kind=Kind.PROD)])
def test_a_record_comes_back_from_its_tags(record: Record) -> None:
    assert from_tags({**to_tags(record), "team": "shop"}) == record


@pytest.mark.parametrize("tags", [{}, {"team": "shop"}, {"orchestrator:kind": "staging"}, {"orchestrator:base": "dev"}])
def test_tags_without_a_kind_are_no_record(tags: dict[str, str]) -> None:
    assert from_tags(tags) is None


@pytest.mark.parametrize(
    ("tag", "value"), [("created", "yesterday"), ("expires", ""), ("listener-slot", "-1"), ("listener-slot", "٣")]
)
def test_a_tag_that_cannot_be_read_counts_as_absent(tag: str, value: str) -> None:
    assert from_tags({"orchestrator:kind": "prod", f"orchestrator:{tag}": value}) == Record(kind=Kind.PROD)


def test_an_unreadable_pin_still_protects() -> None:
    read = from_tags({"orchestrator:kind": "prod", "orchestrator:pinned": "yes!"})
    assert read is not None
    assert read.pinned


def test_a_time_without_a_zone_is_read_as_utc() -> None:
    read = from_tags({"orchestrator:kind": "prod", "orchestrator:created": "2026-11-20T09:30:05"})
    assert read == Record(kind=Kind.PROD, created=CREATED)


_NAMES = ["kind", "base", "owner", "created", "expires", "pinned", "listener-slot", "commit", "branch"]


@given(st.dictionaries(st.sampled_from([f"orchestrator:{name}" for name in _NAMES]), st.text(max_size=40)))
def test_no_tags_make_an_error(tags: dict[str, str]) -> None:
    record = from_tags({"orchestrator:kind": "ad-hoc"} | tags)
    assert record is None or from_tags(to_tags(record)) == record
