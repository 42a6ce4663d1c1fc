"""The page of the dashboard in a real browser: widths, themes, filters, links, accessibility, and hostile texts."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator.dashboard import page
from orchestrator.errors import RefusedError, SettingsError
from orchestrator.rendering.dashboard_document import DashboardDocument
from tests.orchestrator.dashboard.conftest import base, document, many_states, stack

PICTURES = Path(__file__).parents[3] / "docs" / "pictures"
PICTURED = {(390, False), (820, True), (1440, False)}
"""Width and theme of the pictures of docs/dashboard.md, which DASHBOARD_PICTURES=1 writes."""

HOSTILE = "</script><script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">"
Open = Callable[..., Any]


@pytest.fixture
def open_page(browser: Any, tmp_path: Path) -> Open:
    """Open the page of a document; any error of its script fails the test."""

    def opened(found: DashboardDocument, *, width: int = 1280, dark: bool = False, place: str = "") -> Any:
        file = page.write(found, tmp_path / "dashboard")
        context = browser.new_context(
            viewport={"width": width, "height": 800},
            color_scheme="dark" if dark else "light",
            locale="en-GB",
            timezone_id="UTC",
        )
        context.set_default_timeout(300_000)
        shown = context.new_page()
        shown.on("pageerror", lambda error: pytest.fail(f"the page's script failed: {error}"))
        shown.on("request", lambda request: None if request.url.startswith("file:") else pytest.fail(request.url))
        shown.goto(f"file://{file}{place}")
        return shown

    return opened


def visible_names(shown: Any) -> list[str]:
    return [row.inner_text() for row in shown.locator("#deployments tbody tr:not([hidden]) th").all()]


@pytest.mark.parametrize("width", [390, 820, 1440])
@pytest.mark.parametrize("dark", [False, True])
def test_the_page_fits_every_width_and_theme_and_is_accessible(width: int, dark: bool, open_page: Open) -> None:
    from axe_playwright_python.sync_playwright import Axe

    shown = open_page(many_states(), width=width, dark=dark, place="#environment%2Fdelta")
    assert shown.evaluate("document.documentElement.scrollWidth") <= width
    assert shown.evaluate("document.documentElement.dataset.theme") == ("dark" if dark else "light")
    assert Axe().run(shown).response["violations"] == []
    shown.evaluate("location.hash = ''")
    assert Axe().run(shown).response["violations"] == []
    if "DASHBOARD_PICTURES" in os.environ and (width, dark) in PICTURED:
        shown.screenshot(path=PICTURES / f"dashboard-{width}.png", full_page=width > 390)


def test_each_state_is_in_words(open_page: Open) -> None:
    shown = open_page(many_states())
    rows = {row.locator("th").inner_text(): row.inner_text() for row in shown.locator("#deployments tbody tr").all()}
    expected = {
        "alpha": "in 2d",
        "beta": "asleep",
        "gamma": "failed",
        "delta": "locked, drift 1",
        "epsilon": "expired",
        "live": "pinned",
    }
    for name, words in expected.items():
        assert words in rows[name]
    assert shown.locator("#totals").inner_text().split() == [
        "2",
        "bases",
        "6",
        "environments",
        "711",
        "$",
        "a",
        "month",
        "1",
        "asleep",
        "3",
        "need",
        "attention",
    ]
    assert "arn:aws:s3:::old" in shown.locator("#orphans").inner_text()


def test_search_filters_and_sorting_choose_rows(open_page: Open) -> None:
    shown = open_page(many_states())
    shown.fill("#search", "feature/be")
    assert visible_names(shown) == ["beta"]
    assert shown.inner_text("#count") == "1 of 8 shown"
    shown.fill("#search", "")
    shown.select_option("#base", "prod")
    assert visible_names(shown) == ["prod", "live"]
    shown.select_option("#base", "")
    shown.select_option("#owner", "grace")
    assert visible_names(shown) == ["beta"]
    shown.select_option("#owner", "")
    for _ in range(2):
        shown.get_by_role("button", name="$ a month").click()
    assert visible_names(shown)[0] == "live"
    assert shown.locator("th[aria-sort=descending]").inner_text() == "$ a month"


def test_a_link_to_one_environment_opens_it(open_page: Open) -> None:
    shown = open_page(many_states())
    assert shown.locator("#details").is_hidden()
    shown.click("#deployments >> text=delta")
    shown.locator("#details").wait_for(state="visible")
    assert shown.url.endswith("#environment%2Fdelta")
    details = shown.inner_text("#details")
    assert "delta is locked by ada@laptop" in details
    assert "delta-web" in details
    assert "registry.example.com/shop:1.2" in details
    shown.go_back()
    shown.locator("#details").wait_for(state="hidden")


def test_the_theme_is_kept_and_the_printed_page_has_no_controls(open_page: Open) -> None:
    shown = open_page(many_states())
    shown.click("#theme")
    shown.reload()
    assert shown.evaluate("document.documentElement.dataset.theme") == "dark"
    shown.emulate_media(media="print")
    assert shown.locator("#search").is_hidden()
    assert shown.locator("#deployments").is_visible()


def test_no_text_is_read_as_markup(open_page: Open) -> None:
    found = document(
        base(HOSTILE),
        stack(
            HOSTILE,
            owner=HOSTILE,
            branch=HOSTILE,
            url=f"javascript:{HOSTILE}",
            outputs={HOSTILE: HOSTILE},
            problems=[HOSTILE],
        ),
        closed=[HOSTILE],
    )
    shown = open_page(found)
    shown.click("#deployments tbody tr:nth-child(2) a")
    shown.locator("#details").wait_for(state="visible")
    assert shown.title() == "Environments"
    assert HOSTILE in shown.inner_text("#details")
    assert shown.locator("a[href^='javascript']").count() == 0
    assert shown.locator("img").count() == 0


def test_five_hundred_environments_are_searched(open_page: Open) -> None:
    names = [f"pr-{number}" for number in range(500)]
    shown = open_page(document(base(environments=names), *(stack(name) for name in names)))
    shown.fill("#search", "pr-499")
    assert visible_names(shown) == ["pr-499"]


def test_nothing_that_exists_is_a_page_too(open_page: Open) -> None:
    assert open_page(document()).inner_text("#count") == "0 of 0 shown"


def test_only_an_own_folder_is_written(tmp_path: Path) -> None:
    assert page.write(document(base()), tmp_path / "new" / "folder") == tmp_path / "new" / "folder" / "index.html"
    page.write(document(base()), tmp_path / "new" / "folder")
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(RefusedError, match=r"holds other files, such as mine\.txt"):
        page.write(document(base()), tmp_path)
    with pytest.raises(SettingsError, match="cannot be written"):
        page.write(document(base()), tmp_path / "mine.txt")
