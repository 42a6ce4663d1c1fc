"""Values from the files of another tool, and a report in three parts: taken over, changed, not taken over."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(kw_only=True)
class Takeover:
    """Keys of the environment, and what became of every value of the source."""

    values: dict[str, Any] = field(default_factory=dict[str, Any])
    prod_values: dict[str, Any] = field(default_factory=dict[str, Any])
    """Keys of the production environment, where the source has other values for it."""

    taken: list[str] = field(default_factory=list[str])
    changed: list[str] = field(default_factory=list[str])
    """Values in another form, each with the reason."""

    left: list[str] = field(default_factory=list[str])
    """Values without a place, each with the reason or with what to do."""

    def set(self, key: str, value: Any, source: str) -> None:
        """Take a value over as it is. `key` is a dotted path of the environment's configuration."""
        self._put(key, value)
        self.taken.append(f"{source} -> {key}")

    def change(self, key: str, value: Any, source: str, why: str) -> None:
        """Take a value over in another form."""
        self._put(key, value)
        self.changed.append(f"{source} -> {key}: {why}")

    def leave(self, source: str, why: str) -> None:
        """Report a value that is not taken over."""
        self.left.append(f"{source}: {why}")

    def _put(self, key: str, value: Any) -> None:
        *path, last = key.split(".")
        table = self.values
        for part in path:
            inner = table.get(part)
            table[part] = inner if isinstance(inner, dict) else {}
            table = table[part]
        table[last] = value
