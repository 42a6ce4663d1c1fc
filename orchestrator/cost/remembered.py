"""A cache of costs in a file, which may be deleted at any time."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path

from orchestrator.config.neighbors import private_folder

FILE = "costs.json"
_MOST = 5000

log = logging.getLogger(__name__)


class RememberedCosts:
    """US dollars a month, by a key of everything that the cost depends on."""

    def __init__(self, state_dir: Path) -> None:
        self._file = state_dir / FILE
        try:
            self._known: dict[str, float] = {str(k): float(v) for k, v in json.loads(self._file.read_bytes()).items()}
        except (OSError, ValueError, TypeError, AttributeError):
            self._known = {}

    def get(self, key: str) -> float | None:
        """The cost; None if it is not known."""
        return self._known.get(key)

    def remember(self, costs: Mapping[str, float]) -> None:
        """Add these costs, and drop the oldest beyond a limit."""
        if not costs:
            return
        self._known = dict(list({**self._known, **costs}.items())[-_MOST:])
        try:
            private_folder(self._file.parent)
            fresh = self._file.with_name(f"{FILE}.new")
            fresh.write_text(json.dumps(self._known), encoding="utf-8")
            fresh.replace(self._file)
        except OSError:
            log.debug("the costs could not be cached", exc_info=True)
