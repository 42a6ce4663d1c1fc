"""A Locust file beside that of the visitors: it writes the figures when Locust ends. Only Locust imports it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from locust import events
from locust.env import Environment
from locust.stats import StatsEntry


def answers(name: str, entry: StatsEntry) -> dict[str, Any]:
    """The figures of a request, as the fields of `load.Answers`."""
    times = {f"p{percent}_ms": int(entry.get_response_time_percentile(percent / 100)) for percent in (50, 95, 99)}
    return {"request": name, "requests": entry.num_requests, "failures": entry.num_failures, **times}


@events.quitting.add_listener
def write(environment: Environment, **_: Any) -> None:
    """Write the figures of the whole test to the file that `LOAD_FIGURES` names."""
    stats = environment.stats
    entries = sorted(stats.entries.values(), key=lambda entry: (entry.name, entry.method or ""))
    errors = sorted(stats.errors.values(), key=lambda error: -error.occurrences)
    found = {
        "together": answers("all", stats.total),
        "requests": [answers(f"{entry.method or ''} {entry.name}".strip(), entry) for entry in entries],
        "problems": [
            {
                "request": f"{each.method or ''} {each.name}".strip(),
                "reason": str(each.error),
                "count": each.occurrences,
            }
            for each in errors
        ],
    }
    Path(os.environ["LOAD_FIGURES"]).write_text(json.dumps(found), encoding="utf-8")
