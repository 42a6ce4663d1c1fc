"""Admission to the live page: strangers, foreign sites and foreign names."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys

import pytest

from orchestrator.web.options import ServeOptions
from tests.orchestrator.web.conftest import TOKEN, Serve
from tests.support.command_line import Here

PATHS = (
    "/",
    "/api/dashboard",
    "/api/events",
    "/api/actions",
    "/api/environments/alpha/ps",
    "/api/environments/alpha/logs",
)


def test_a_stranger_reads_and_changes_nothing(serve: Serve) -> None:
    served = serve("--allow-actions")
    for headers in ({}, {"Authorization": "Bearer of another"}, {"Cookie": "orchestrator_session=other"}):
        for path in PATHS:
            assert served.request("GET", path, None, headers).code == 401
        assert served.request("GET", "/?token=other", None, headers).code == 401
        assert served.request("POST", "/api/actions", b"{}", headers).code == 401
    assert served.get("/api/actions").json() == {"actions": []}


def test_the_printed_address_opens_a_session_whose_cookie_is_not_the_token(serve: Serve) -> None:
    served = serve()
    opened = served.request("GET", f"/?token={TOKEN}", None, {})
    assert (opened.code, opened.headers["location"]) == (303, "/")
    cookie = opened.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert TOKEN not in cookie
    page = served.request("GET", "/", None, {"Cookie": cookie.split(";")[0]})
    assert page.code == 200
    assert TOKEN not in page.text
    assert page.headers["x-frame-options"] == "DENY"
    assert page.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("host", ["evil.example.com", "evil.example.com:80", "", "[", "127.0.0.1.example.com"])
def test_a_foreign_host_name_that_points_here_is_refused(host: str, serve: Serve) -> None:
    assert serve().get("/", Host=host).code in (400, 421)


def test_further_host_names_are_served_when_they_are_given(serve: Serve) -> None:
    served = serve("--public-host", "environments.example.com")
    assert served.get("/", Host="environments.example.com").code == 200
    assert served.get("/", Host="localhost").code == 200


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "https://evil.example.com"}, {"Content-Type": "text/plain"}, {"Content-Type": "multipart/form-data"}],
)
def test_another_site_changes_nothing(headers: dict[str, str], serve: Serve) -> None:
    served = serve("--allow-actions")
    body = json.dumps({"action": "pin", "name": "alpha"}).encode()
    assert served.post(body, **headers).code == 403
    own = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    assert served.request("POST", "/api/actions", body, own).code == 403
    assert served.get("/api/actions").json() == {"actions": []}
    assert served.post(body, Origin=served.url).code == 202


def test_a_proxy_names_the_user_when_its_header_is_given(serve: Serve) -> None:
    served = serve("--allow-actions", "--identity-header", "X-Forwarded-User")
    headers = {"X-Forwarded-User": "grace", "Content-Type": "application/json", "X-Orchestrator-Action": "1"}
    answer = served.request("POST", "/api/actions", b'{"action": "pin", "name": "alpha"}', headers)
    assert answer.json()["identity"] == "grace"
    assert served.request("GET", "/", None, {"X-Forwarded-User": " "}).code == 401


def test_without_the_option_no_header_names_a_user(serve: Serve) -> None:
    assert serve().request("GET", "/", None, {"X-Forwarded-User": "grace"}).code == 401


def test_the_token_is_in_no_representation() -> None:
    assert TOKEN not in repr(ServeOptions(token=TOKEN))
    assert TOKEN not in ServeOptions(token=TOKEN).session


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--refresh", "1s"], 2, "--refresh 1s is too short"),
        (["--refresh", "soon"], 2, "soon"),
        (["--allow-prod"], 2, "--allow-prod needs --allow-actions"),
        (["--identity-header", "X Y"], 2, "is not the name of a header"),
        (["--port", "0"], 2, "--port"),
        (["--host", "999.0.0.1"], 1, "the page cannot be served at 999.0.0.1"),
    ],
)
def test_a_wrong_option_is_one_sentence(options: list[str], code: int, words: str, here: Here) -> None:
    answer = here("serve", *options)
    assert answer.code == code
    assert words in answer.err
    assert "Traceback" not in answer.err


def test_a_weak_token_is_refused(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORCHESTRATOR_SERVE_TOKEN", "secret")
    answer = here("serve")
    assert (answer.code, "secret" in answer.err) == (2, False)


def test_a_taken_port_is_one_sentence(here: Here) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        answer = here("serve", "--port", port)
    assert answer.code == 1
    assert f"the page cannot be served at 127.0.0.1:{port}: " in answer.err


def test_ctrl_c_ends_the_server_although_a_page_is_open(serve: Serve) -> None:
    served = serve()
    stream = served.events()
    next(stream)
    served.process.send_signal(signal.SIGINT)
    _, errors = served.process.communicate(timeout=300)
    assert served.process.returncode == 0
    assert "Traceback" not in errors


def test_damaged_settings_end_the_command(here: Here) -> None:
    (here.folder / "orchestrator.toml").write_text("engine = 3\n")
    command = [sys.executable, "-m", "orchestrator", "serve", "--project-dir", str(here.folder)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 1
    assert "orchestrator.toml" in ended.stderr
