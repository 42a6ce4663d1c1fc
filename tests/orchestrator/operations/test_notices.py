"""Notices to webhooks: which, in which form, and what a webhook that fails or hangs does to a run."""

from __future__ import annotations

import json
import threading
from collections.abc import Generator
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jsonschema
import pytest

from orchestrator.config import settings
from orchestrator.config.notify_settings import Webhook
from orchestrator.errors import SettingsError
from orchestrator.events import Diagnostic
from orchestrator.model import Kind, Record, Scope
from orchestrator.operations import notices
from orchestrator.operations.notices import Notice
from orchestrator.rendering.schema import schema
from tests.support.operations import ALPHA
from tests.support.workspace import START, Workspace

SECRET = "s3cret"
NOTICE = Notice(
    event="failed", name="alpha", scope=Scope.ENVIRONMENT, text="alpha failed (deploy by ada): it crashed",
    reason="it crashed", url="https://alpha.example.com", operator="ada", command="deploy", time=START, expires=None,
)  # fmt: skip


class Receiver:
    """A webhook on this machine."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self.status = 200
        self.hang = threading.Event()
        self.hang.set()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                content = self.rfile.read(int(self.headers["Content-Length"]))
                outer.hang.wait(300)
                outer.heard.append(json.loads(content))
                self.send_response(outer.status)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                del format, args

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/{SECRET}"


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Generator[Receiver]:
    found = Receiver()
    thread = threading.Thread(target=found.server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("HOOK", found.url)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("GITHUB_ACTOR", "ada")
    yield found
    found.hang.set()
    found.server.shutdown()
    found.server.server_close()


@pytest.fixture
def told(workspace: Workspace) -> Workspace:
    """A workspace with one webhook, on an engine that is no simulation."""
    file = workspace.root / "orchestrator.toml"
    file.write_text(file.read_text() + '\n[notify.team]\nurl = "env:HOOK"\n')
    workspace.engine.notice = None
    return workspace


def warnings(workspace: Workspace) -> list[str]:
    return [
        event.message for event in workspace.events if isinstance(event, Diagnostic) and event.severity == "warning"
    ]


def test_a_run_tells_of_what_it_created_deployed_put_to_sleep_and_destroyed(
    told: Workspace, receiver: Receiver
) -> None:
    orchestrator = told.orchestrator()
    orchestrator.create_env("alpha", base="dev")
    orchestrator.update_env("alpha", images={"backend": "registry.example.com/shop:2"})
    orchestrator.update_env("alpha", values={"asleep": True})
    told.engine.fails(ALPHA, "the task crashed\nwith a long log")
    orchestrator.update_env("alpha", values={"asleep": None})
    orchestrator.destroy_env("alpha")
    found = [(item["event"], item["name"]) for item in receiver.heard]
    assert sorted(found[:2]) == [("created", "alpha"), ("created", "dev")]
    assert found[2:] == [("deployed", "alpha"), ("slept", "alpha"), ("failed", "alpha"), ("destroyed", "alpha")]
    failed = receiver.heard[4]
    assert failed["text"] == "alpha failed (update-env by ada): app/alpha failed: the task crashed"
    assert failed["reason"] == "app/alpha failed: the task crashed"
    for document in receiver.heard:
        jsonschema.validate(document, schema("notice"), format_checker=jsonschema.FormatChecker())


def test_a_run_that_changes_nothing_and_a_preview_tell_nothing(told: Workspace, receiver: Receiver) -> None:
    orchestrator = told.orchestrator()
    orchestrator.create_env("alpha", base="dev")
    receiver.heard.clear()
    orchestrator.update_env("alpha")
    orchestrator.preview_env("alpha", values={"debug": True})
    assert receiver.heard == []


def test_the_simulation_sends_nothing_and_shows_what_it_would_send(told: Workspace, receiver: Receiver) -> None:
    told.engine.notice = "simulation"
    told.orchestrator().create_env("alpha", base="dev")
    assert receiver.heard == []
    messages = [event.message for event in told.events if isinstance(event, Diagnostic)]
    assert "notice (the simulation sends none): alpha was created (create-env by ada)" in messages


def test_an_expiry_is_announced_once_at_two_days_and_once_at_two_hours(told: Workspace, receiver: Receiver) -> None:
    told.orchestrator().create_env("alpha", base="dev", ttl="3d")
    receiver.heard.clear()
    told.now = START + timedelta(days=1, hours=2)
    for _ in range(2):
        orchestrator = told.orchestrator()
        orchestrator.notify_expiring(orchestrator.reap())
    told.now = START + timedelta(days=2, hours=23)
    orchestrator = told.orchestrator()
    assert orchestrator.notify_expiring(orchestrator.reap()) == 1
    assert [item["text"].partition(";")[0] for item in receiver.heard] == [
        "alpha expires within 2 days",
        "alpha expires within 2 hours",
    ]


def test_an_expired_environment_is_reaped(told: Workspace, receiver: Receiver) -> None:
    told.orchestrator().create_env("alpha", base="dev", ttl="1h")
    record = told.engine.kept[ALPHA].record or Record(kind=Kind.AD_HOC)
    told.engine.kept[ALPHA].record = replace(record, expires=START - timedelta(hours=1))
    orchestrator = told.orchestrator()
    job = orchestrator.reap().job
    assert job is not None
    orchestrator.run_job(job)
    assert receiver.heard[-1]["event"] == "reaped"


def test_a_webhook_that_refuses_is_a_warning_without_its_url(told: Workspace, receiver: Receiver) -> None:
    receiver.status = 500
    assert told.orchestrator().create_env("alpha", base="dev").exit_code == 0
    assert "the webhook team received nothing: status 500" in warnings(told)
    assert SECRET not in str(told.events)


def test_a_webhook_that_hangs_never_fails_a_run(receiver: Receiver) -> None:
    receiver.hang.clear()
    heard: list[str] = []
    assert notices.send([NOTICE], {"slow": Webhook(url="env:HOOK")}, heard.append, patience_seconds=1) == 0
    assert heard == ["the webhook slow did not answer within 1 s"]


def test_a_webhook_that_is_not_there_never_fails_a_run() -> None:
    heard: list[str] = []
    gone = Webhook(url=f"http://127.0.0.1:1/{SECRET}")
    assert notices.send([NOTICE], {"gone": gone}, heard.append, patience_seconds=60) == 0
    assert heard == ["the webhook gone received nothing: URLError"]


def test_a_missing_variable_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOOK", raising=False)
    heard: list[str] = []
    assert notices.send([NOTICE], {"team": Webhook(url="env:HOOK")}, heard.append) == 0
    assert heard == ["the webhook team received nothing: the variable HOOK is not set"]


def test_a_webhook_gets_the_events_and_names_that_it_wants(receiver: Receiver) -> None:
    for hook, count in (
        (Webhook(url="env:HOOK", events=("failed",), names=("al*",)), 1),
        (Webhook(url="env:HOOK", events=("created",)), 0),
        (Webhook(url="env:HOOK", names=("pr-*",)), 0),
    ):
        assert notices.send([NOTICE], {"team": hook}, pytest.fail) == count
    assert len(receiver.heard) == 1


def test_slack_and_teams_get_their_own_form() -> None:
    text = "alpha failed (deploy by ada): it crashed\nhttps://alpha.example.com"
    assert notices.body("slack", NOTICE) == {"text": text}
    card = notices.body("teams", NOTICE)["attachments"][0]
    assert card["contentType"] == "application/vnd.microsoft.card.adaptive"
    assert card["content"]["body"][0]["text"] == text


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ("[notify.team]\n", "notify.team.url is missing: write `env:VARIABLE`"),
        ('[notify.team]\nurl = "http://example.com"\n', "is not `env:VARIABLE` and not an https URL"),
        ('[notify.team]\nurl = "env:X"\nformat = "irc"\n', "is 'irc': it must be one of json, slack, teams, apprise"),
        ('[notify.team]\nurl = "env:X"\nevents = ["failde"]\n', "contains 'failde'"),
        ('[notify.team]\nurl = "env:X"\nnames = "alpha"\n', "names is not a list of texts"),
        ('[notify.team]\nurl = "env:X"\nevent = []\n', "did you mean `events`"),
        ("[notify]\nteam = 3\n", "write a table [notify.team]"),
    ],
)
def test_a_wrong_setting_is_refused_with_its_line(workspace: Workspace, table: str, problem: str) -> None:
    file = workspace.root / "orchestrator.toml"
    file.write_text(f"{file.read_text()}\n{table}")
    with pytest.raises(SettingsError) as caught:
        settings.load(workspace.root)
    assert problem in f"{caught.value.message} {caught.value.hint}"


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
def test_apprise_delivers_to_any_of_its_services(receiver: Receiver) -> None:
    pytest.importorskip("apprise")
    address = receiver.url.replace("http://", "json://")
    notices.deliver(Webhook(url="env:HOOK", format="apprise"), address, NOTICE)
    assert receiver.heard[0]["message"] == NOTICE.text
    with pytest.raises(OSError, match="apprise did not deliver"):
        notices.deliver(Webhook(url="env:HOOK", format="apprise"), "nonsense://", NOTICE)
