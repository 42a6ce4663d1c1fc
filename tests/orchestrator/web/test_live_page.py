"""The live page: state, actions, audit, tasks and logs; in Chromium too."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.orchestrator.dashboard.test_page import PICTURES
from tests.orchestrator.web.conftest import PATIENCE, TOKEN, Serve, Served
from tests.support.command_line import Here
from tests.support.waiting import until


def ended(served: Served, **body: Any) -> dict[str, Any]:
    answer = served.act(**body)
    assert answer.code == 202, answer.text
    return served.until_ended(answer.json())


def test_actions_run_one_after_the_other_and_the_page_follows(serve: Serve) -> None:
    served = serve("--allow-actions")
    assert ended(served, action="pin", name="alpha")["state"] == "succeeded"
    assert ended(served, action="unpin", name="alpha")["state"] == "succeeded"
    assert ended(served, action="extend", name="alpha", ttl="3d")["state"] == "succeeded"
    assert ended(served, action="destroy", name="environment/beta", typed="beta")["state"] == "succeeded"
    for kind, content in served.events():
        if kind == "dashboard" and "beta" not in (names := [each["name"] for each in content["deployments"]]):
            assert names == ["dev", "alpha"]
            assert content["deployments"][1]["expires"] is not None
            break
    kept = served.get("/api/actions").json()["actions"]
    assert [each["action"] for each in kept] == ["pin", "unpin", "extend", "destroy"]
    assert {each["identity"] for each in kept} == {"token"}


def test_every_action_is_in_the_audit_file_that_only_its_user_reads(serve: Serve) -> None:
    served = serve("--allow-actions")
    ended(served, action="pin", name="alpha")
    file = served.folder / ".orchestrator" / "serve-audit.jsonl"
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [(line["action"], line["name"], line["identity"], line["state"]) for line in lines] == [
        ("pin", "alpha", "token", state) for state in ("waiting", "running", "succeeded")
    ]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert TOKEN not in file.read_text()


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ({"action": "pin", "name": "nosuch"}, 404, "there is no base or environment 'nosuch'"),
        ({"action": "destroy", "name": "environment/alpha", "typed": "alhpa"}, 409, "the typed name differs"),
        ({"action": "explode", "name": "alpha"}, 400, "the action cannot be read"),
        ({"action": "pin", "name": "alpha", "more": 1}, 400, "the action cannot be read"),
        ({"action": "deploy", "name": "alpha", "images": {}}, 400, "the action cannot be read"),
        ({"action": "pin", "name": "x" * 300}, 400, "the action cannot be read"),
        ({"action": "pin", "name": "x" * 100_000}, 400, "the action is larger than"),
    ],
)
def test_a_wrong_action_is_refused_at_once(body: dict[str, Any], code: int, words: str, serve: Serve) -> None:
    served = serve("--allow-actions")
    answer = served.act(**body)
    assert answer.code == code
    assert words in answer.json()["error"]["message"]
    assert served.get("/api/actions").json() == {"actions": []}


def test_what_fails_later_says_why(serve: Serve) -> None:
    served = serve("--allow-actions")
    found = ended(served, action="destroy", name="base/dev", typed="dev")
    assert found["state"] == "failed"
    assert found["message"] == "the base dev was not destroyed: the environments alpha, beta are on it"
    assert found["hint"]
    plan = ended(served, action="apply", name="alpha", plan="environment-alpha-000000000000")
    assert plan["message"] == "there is no plan environment-alpha-000000000000"


def test_without_actions_nothing_changes(serve: Serve) -> None:
    answer = serve().act(action="pin", name="alpha")
    assert (answer.code, answer.json()["error"]["message"]) == (409, "this page changes nothing")


def test_production_is_changed_only_when_it_is_allowed(here: Here, serve: Serve) -> None:
    (here.folder / "base" / "Pulumi.prod.yaml").write_text("config:\n  fixture-base:kind: prod\n")
    assert here("create-base", "prod", "--kind", "prod", "--allow-prod", "--yes").code == 0
    refused = serve("--allow-actions").act(action="destroy", name="base/prod", typed="prod")
    assert (refused.code, refused.json()["error"]["message"]) == (409, "prod is production")
    allowed = serve("--allow-actions", "--allow-prod")
    assert ended(allowed, action="destroy", name="base/prod", typed="prod")["state"] == "succeeded"


def test_tasks_and_logs_of_an_environment(serve: Serve) -> None:
    served = serve()
    answer = served.get("/api/environments/nosuch/ps")
    assert (answer.code, answer.json()["error"]["message"]) == (404, "there is no environment 'nosuch'")
    *_, (kind, content) = served.events("/api/environments/nosuch/logs")
    assert (kind, content) == ("end", {"message": "there is no environment 'nosuch'"})


def test_an_unreadable_backend_is_a_message_and_the_old_state_stays(here: Here, serve: Serve) -> None:
    served = serve("--refresh", "2s")
    stream = served.events()
    assert next(stream)[0] == "dashboard"
    (here.folder / "orchestrator.toml").write_text("engine = 3\n")
    assert next(found for found in stream if found[0] == "problem")[1]["message"]
    assert [each["name"] for each in served.get("/api/dashboard").json()["deployments"]] == ["dev", "alpha", "beta"]


@pytest.fixture
def page(browser: Any, serve: Serve) -> Iterator[tuple[Any, Served]]:
    """The page in Chromium, opened by its printed address."""
    served = serve("--allow-actions", "--refresh", "2s")
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(1000 * PATIENCE)
    shown = context.new_page()
    shown.on("pageerror", lambda error: pytest.fail(f"the page's script failed: {error}"))
    shown.goto(f"{served.url}/?token={TOKEN}")
    yield shown, served
    context.close()


def test_an_action_from_the_page_and_its_result(page: tuple[Any, Served]) -> None:
    from axe_playwright_python.sync_playwright import Axe

    shown, _ = page
    assert TOKEN not in shown.url
    shown.click("#deployments >> text=alpha")
    shown.get_by_role("button", name="Pin", exact=True).click()
    ended_in_the_page(shown)
    shown.get_by_role("button", name="Unpin").wait_for()
    assert Axe().run(shown).response["violations"] == []
    shown.get_by_label("Type alpha to destroy it").fill("beta")
    shown.get_by_role("button", name="Destroy").click()
    shown.get_by_text("the typed name differs").wait_for()


def test_a_field_keeps_its_text_while_the_page_follows_the_state(page: tuple[Any, Served]) -> None:
    shown, _ = page
    shown.click("#deployments >> text=alpha")
    shown.get_by_label("Type alpha to destroy it").fill("beta")
    shown.get_by_role("button", name="Destroy").focus()
    shown.evaluate("() => { const plain = show; shows = 0; show = (found) => { plain(found); shows += 1; }; }")
    until(lambda: shown.evaluate("() => shows") > 1)
    assert shown.get_by_label("Type alpha to destroy it").input_value() == "beta"
    assert shown.evaluate("document.activeElement.textContent") == "Destroy"


def ended_in_the_page(shown: Any) -> None:
    """Wait until the page shows the end of its only action, and offers the next one."""
    shown.locator("#runs > li", has_text="token: pin").get_by_text("succeeded", exact=True).wait_for()
    assert shown.get_by_role("button", name="Destroy").is_enabled()


@pytest.mark.parametrize("width", [390, 820, 1440])
def test_the_live_page_fits_every_width(width: int, page: tuple[Any, Served]) -> None:
    from axe_playwright_python.sync_playwright import Axe

    shown, _ = page
    shown.set_viewport_size({"width": width, "height": 900})
    shown.click("#deployments >> text=alpha")
    shown.get_by_role("button", name="Pin", exact=True).click()
    ended_in_the_page(shown)
    if "DASHBOARD_PICTURES" in os.environ and width == 820:
        shown.screenshot(path=PICTURES / f"live-{width}.png", full_page=True)
    shown.get_by_role("button", name="Tasks").click()
    shown.locator("#stream").get_by_text("alpha").wait_for()
    assert shown.evaluate("document.documentElement.scrollWidth") <= width
    assert Axe().run(shown).response["violations"] == []


def test_a_page_stays_usable_while_its_environment_goes(page: tuple[Any, Served]) -> None:
    shown, served = page
    shown.click("#deployments >> text=beta")
    shown.locator("#details").wait_for(state="visible")
    words = ["destroy-env", "beta", "--yes", "--project-dir", str(served.folder)]
    subprocess.run([sys.executable, "-m", "orchestrator", *words], check=True, capture_output=True)
    shown.get_by_text("2 of 2 shown").wait_for()
    shown.locator("#details").wait_for(state="hidden")
    shown.click("#deployments >> text=alpha")
    shown.locator("#details").wait_for(state="visible")


def test_a_page_says_that_its_server_is_gone(page: tuple[Any, Served]) -> None:
    shown, served = page
    shown.get_by_text("connected", exact=True).wait_for()
    served.process.kill()
    shown.get_by_text("not connected").wait_for()
