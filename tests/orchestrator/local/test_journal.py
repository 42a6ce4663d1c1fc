"""The log of an environment on this machine, and its folder."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from orchestrator.errors import StateError
from orchestrator.local import folder, journal
from orchestrator.local.folder import StateFolder
from orchestrator.local.journal import Journal
from orchestrator.operations.events import LogLine

NOW = datetime(2026, 11, 26, tzinfo=UTC)


def lines(state: StateFolder, *services: str) -> list[tuple[str, str]]:
    found = journal.lines(state, services, follow=False, runs=lambda: False)
    return [(line.service, line.text) for line in found]


def test_lines_are_read_as_they_were_written_for_some_services_or_all(tmp_path: Path) -> None:
    state = StateFolder(tmp_path)
    written = Journal(state)
    for service, text in (("web", "a"), ("beat", "b\tü"), ("web", "")):
        written.write(LogLine(service=service, text=text, at=NOW))
    written.close()
    assert lines(state) == [("web", "a"), ("beat", "b\tü"), ("web", "")]
    assert lines(state, "beat") == [("beat", "b\tü")]
    assert journal.names(state) == ("beat", "web")
    assert state.log.stat().st_mode & 0o777 == 0o600


def test_a_line_that_was_cut_off_is_left_out(tmp_path: Path) -> None:
    state = StateFolder(tmp_path)
    state.log.write_text('not json\n{"service": "web", "at": null, "text": "a"}\n{"service": "we')
    assert lines(state) == [("web", "a")]


def test_a_large_log_keeps_its_newest_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "MOST_BYTES", 500)
    state = StateFolder(tmp_path)
    written = Journal(state)
    for number in range(100):
        written.write(LogLine(service="web", text=str(number), at=NOW))
    written.close()
    kept = [int(text) for _, text in lines(state)]
    assert kept == list(range(kept[0], 100))
    assert 5 < len(kept) < 30


def test_a_new_run_begins_a_new_log(tmp_path: Path) -> None:
    state = StateFolder(tmp_path)
    first = Journal(state)
    first.write(LogLine(service="web", text="old", at=NOW))
    first.close()
    Journal(state).close()
    assert lines(state) == []


def test_the_folder_is_outside_the_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    assert folder.of_environment("shop-app", "alpha").path == Path("/state/pulumi-django/shop-app/alpha")
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setenv("HOME", "/home/ada")
    assert folder.of_environment("shop-app", "alpha").path == Path(
        "/home/ada/.local/state/pulumi-django/shop-app/alpha"
    )


def test_a_damaged_file_is_reported_with_its_path(tmp_path: Path) -> None:
    state = StateFolder(tmp_path)
    state.secrets.write_text("{")
    with pytest.raises(StateError, match=str(state.secrets)):
        state.read(state.secrets)
