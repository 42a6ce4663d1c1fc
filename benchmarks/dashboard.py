"""Time of the dashboard with 500 environments in Chromium until it can be used: `python -m benchmarks.dashboard`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from orchestrator.dashboard import page
from tests.orchestrator.dashboard.conftest import CHROMIUM, base, document, stack

ROUNDS = 7


def main(count: int = 500) -> None:
    """Open the page several times. Print milliseconds until its script has ended, and from a key to the filtered rows."""
    names = [f"pr-{number}" for number in range(count)]
    found = document(base(environments=names), *(stack(name) for name in names))
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        file = page.write(found, Path(folder) / "dashboard")
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        opened: list[float] = []
        searched: list[float] = []
        for _ in range(ROUNDS):
            shown = browser.new_page()
            shown.goto(f"file://{file}")
            opened.append(shown.evaluate("performance.getEntriesByType('navigation')[0].domInteractive"))
            searched.append(
                shown.evaluate(
                    "() => { const began = performance.now(); byId('search').value = 'pr-49';"
                    " byId('search').dispatchEvent(new Event('input')); document.body.offsetHeight;"
                    " return performance.now() - began; }"
                )
            )
            shown.close()
        browser.close()
        print(f"| {count} environments | {file.stat().st_size / 1024:.0f} KiB |")
        print(f"| until it can be used | {_spread(opened)} |")
        print(f"| a search | {_spread(searched)} |")


def _spread(found: list[float]) -> str:
    """Minimum, median and maximum in milliseconds."""
    return f"{min(found):.0f} | {sorted(found)[len(found) // 2]:.0f} | {max(found):.0f} ms"


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
