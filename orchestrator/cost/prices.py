"""The price table, packaged or refreshed by the user: list prices with their date, region and source."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from importlib import resources
from pathlib import Path
from typing import Any

from orchestrator.config import documents
from orchestrator.errors import SettingsError

HOURS_PER_MONTH = 730
"""Hours of a month in AWS's pricing calculator: 365 x 24 / 12."""

USER_FILE = Path(".orchestrator") / "prices.toml"
"""The file of a refreshed table, beside `orchestrator.toml`."""

MOST_BYTES = 256 * 1024
"""Largest file of a refreshed table."""

DOLLARS = "dollars"
"""The key of the price in a row with its own date and source."""


@dataclass(frozen=True, kw_only=True)
class PriceTable:
    """Prices in US dollars of one region on one day.

    A price is a number, or a row `{dollars, date, source, region}` in a refreshed table.
    """

    day: date
    region: str
    families: Mapping[str, Mapping[str, Any]]

    def price(self, family: str, *path: str) -> float | None:
        """The price at `family.path...` in US dollars per unit of the family; None if the table does not have it."""
        value = self._at(family, *path)
        if isinstance(value, Mapping):
            value = value.get(DOLLARS)  # pyright: ignore[reportUnknownVariableType]
        return float(value) if isinstance(value, int | float) else None

    def source(self, family: str, *path: str) -> str:
        """The source of a price, or of the family's prices."""
        return str(self._about(family, path, "source") or self.families[family]["source"])

    def day_of(self, family: str, *path: str) -> date:
        """The day of a price."""
        found = self._about(family, path, "date")
        return found if isinstance(found, date) else self.day

    def region_of(self, family: str, *path: str) -> str:
        """The region of a price. It differs from the table's region if the price could not be refreshed."""
        return str(self._about(family, path, "region") or self.region)

    def _about(self, family: str, path: tuple[str, ...], key: str) -> Any:
        row = self._at(family, *path) if path else None
        return row.get(key) if isinstance(row, Mapping) else None  # pyright: ignore[reportUnknownVariableType]

    def _at(self, family: str, *path: str) -> Any:
        value: Any = self.families.get(family, {})
        for key in path:
            if not isinstance(value, Mapping) or key not in value:
                return None
            value = value[key]  # pyright: ignore[reportUnknownVariableType]
        return value


def packaged() -> PriceTable:
    """The table in the package."""
    return parse(resources.files(__package__ or __name__).joinpath("prices.toml").read_text(encoding="utf-8"))


def current(root: Path) -> PriceTable:
    """The refreshed table beside `orchestrator.toml`, unless it is missing or older than the packaged table.

    Raises SettingsError if the file is damaged.
    """
    own = packaged()
    try:
        refreshed = parse(documents.text(root / USER_FILE, MOST_BYTES))
    except FileNotFoundError:
        return own
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise SettingsError(
            f"the refreshed prices in {root / USER_FILE} cannot be read: {' '.join(str(error).split())}",
            "delete the file, or run `orchestrator cost --refresh` again",
        ) from error
    return refreshed if refreshed.day >= own.day else own


def parse(text: str) -> PriceTable:
    """Read a table from TOML. Raises KeyError or ValueError for other text."""
    document: dict[str, Any] = tomllib.loads(text)
    day, region = document.pop("date"), document.pop("region")
    return PriceTable(day=day if isinstance(day, date) else date.fromisoformat(day), region=region, families=document)
