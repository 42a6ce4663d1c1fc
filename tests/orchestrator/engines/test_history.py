"""The history files of Pulumi, in every format, and the lines of `pulumi stack history --json`."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import zstandard

from orchestrator.engines import history
from orchestrator.engines.automation.cli_backend import CliBackend
from orchestrator.engines.automation.diy_backend import Backend, open_backend

PACK: dict[str, Callable[[bytes], bytes]] = {"": bytes, ".gz": gzip.compress, ".zst": zstandard.compress}
ENTRY = {
    "kind": "update",
    "startTime": 1795726868,
    "endTime": 1795726958,
    "message": "orchestrator deploy alpha by Ada Lovelace",
    "environment": {"git.head": "a" * 40, "git.author": "Bo"},
    "config": {
        "django-app:backend_image": "shop:1",
        "django-app:token": {"secure": "AAAA"},
        "django-app:web": {"paths": ["/"], "key": {"secure": "BBBB"}},
    },
    "result": "succeeded",
    "resourceChanges": {"create": 3},
}


def written(folder: Path, *entries: tuple[str, bytes]) -> Backend:
    place = folder / ".pulumi" / "history" / "shop" / "alpha"
    place.mkdir(parents=True)
    for name, content in entries:
        (place / name).write_bytes(content)
    backend = open_backend(f"file://{folder}")
    assert backend is not None
    return backend


STARTED = 1795726868


def file(number: int, form: str = "", **changes: Any) -> tuple[str, bytes]:
    content = json.dumps({**ENTRY, "startTime": STARTED + 100 * number, **changes}).encode()
    return f"alpha-179572686800000000{number}.history.json{form}", PACK[form](content)


def test_entries_of_every_format_are_read_in_the_order_of_time(tmp_path: Path) -> None:
    attributes = ("alpha-1795726868000000001.history.json.attrs", b"{}")
    backend = written(tmp_path, file(3), attributes, file(1, ".gz"), file(2, ".zst"))
    found = backend.history("shop", "alpha")
    assert [entry.number for entry in found] == [1, 2, 3]
    assert [entry.id[-1] for entry in found] == ["1", "2", "3"]
    first = found[0]
    assert (first.command, first.operator, first.commit) == ("deploy", "Ada Lovelace", "a" * 40)
    # Its end is before its start, as after a clock that was set back.
    assert (first.started, first.seconds) == (datetime.fromtimestamp(1795726968, UTC), None)
    assert [entry.number for entry in backend.history("shop", "alpha", 2)] == [2, 3]
    assert backend.history("shop", "beta") == []


def test_secrets_of_a_history_are_masked_and_compared_by_digest(tmp_path: Path) -> None:
    changed = {**ENTRY["config"], "django-app:token": {"secure": "CCCC"}}  # type: ignore[dict-item]
    old, new = written(tmp_path, file(1), file(2, config=changed)).history("shop", "alpha")
    assert old.config["django-app:token"] == "[secret]"
    assert old.config["django-app:web"] == {"paths": ["/"], "key": "[secret]"}
    assert "AAAA" not in f"{old}{old.config}{old.secrets}"
    assert old.secrets["django-app:token"] != new.secrets["django-app:token"]
    assert old.secrets["django-app:web"] == new.secrets["django-app:web"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("alpha-1795726868000000002.history.json", b""),
        ("alpha-1795726868000000002.history.json", b'{"kind": 7}'),
        ("alpha-1795726868000000002.history.json", b"[" * 100_000),
        ("alpha-1795726868000000002.history.json.gz", b"\x1f\x8b damaged"),
        ("alpha-1795726868000000002.history.json.zst", b"\x28\xb5\x2f\xfd damaged"),
        ("alpha-1795726868000000002.history.json.lz4", b"{}"),
    ],
)
def test_a_damaged_entry_keeps_its_number_and_hides_no_other(tmp_path: Path, name: str, content: bytes) -> None:
    found = written(tmp_path, file(1), (name, content), file(3)).history("shop", "alpha")
    assert [(entry.number, entry.result) for entry in found] == [(1, "succeeded"), (2, "damaged"), (3, "succeeded")]
    assert found[1].reason
    assert found[1].ended == datetime.fromtimestamp(1795726868, UTC)


def test_times_that_no_clock_shows_are_left_out(tmp_path: Path) -> None:
    (entry,) = written(tmp_path, file(0, startTime=0, endTime=2**39)).history("shop", "alpha")
    assert (entry.started, entry.ended, entry.seconds) == (None, None, None)


def test_the_reasons_of_the_newest_failures_are_kept_in_tags(tmp_path: Path) -> None:
    tags: dict[str, str] = {"pulumi:runtime": "python"}
    for number in range(history.REASONS_KEPT + 5):
        tags = history.with_reason(tags, 1795726868 + number, f"line one\nline two {number} {'x' * 300}")
    assert len(tags) == history.REASONS_KEPT + 1
    assert max(len(value) for value in tags.values()) == history.REASON_LIMIT
    backend = written(tmp_path, file(0, result="failed", startTime=1795726868 + 14))
    backend.write_tags("shop", "alpha", tags)
    (entry,) = backend.history("shop", "alpha")
    assert (entry.reason or "").startswith("line one line two 14 xxx")


def test_the_history_of_pulumi_cloud_comes_from_the_cli(monkeypatch: pytest.MonkeyPatch) -> None:
    rows: list[Any] = [
        {
            "version": 7,
            "kind": "update",
            "startTime": "2026-11-26T10:00:00.000Z",
            "endTime": "2026-11-26T10:01:30.000Z",
            "message": "orchestrator deploy alpha",
            "environment": {"git.author": "Bo"},
            "config": {
                "django-app:backend_image": {"value": "shop:1", "secret": False},
                "django-app:web": {"value": "{}", "objectValue": {"a": 1}, "secret": False},
                "django-app:token": {"secret": True},
            },
            "result": "succeeded",
            "resourceChanges": {"same": 4},
        },
        {"kind": 5},
    ]
    asked: list[tuple[str, ...]] = []

    def answer(_self: CliBackend, _project: str, *words: str) -> Any:
        asked.append(words)
        return {} if "tag" in words else rows

    monkeypatch.setattr(CliBackend, "_json", answer)
    backend = CliBackend(None, {})  # type: ignore[arg-type]
    damaged, entry = backend.history("shop", "alpha", 2)
    assert asked[0] == ("stack", "history", "--json", "--page-size", "2", "--stack", "alpha")
    assert (damaged.result, damaged.number) == ("damaged", 1)
    assert (entry.number, entry.operator, entry.seconds) == (7, "Bo", 90)
    assert entry.config["django-app:web"] == {"a": 1}
    assert entry.config["django-app:token"] == "[secret]"
