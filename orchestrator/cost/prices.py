"""The price table: list prices with their date, region and source; the packaged one, or a refreshed one of the user's."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from importlib import resources
from pathlib import Path
from typing import Any

from orchestrator.errors import SettingsError

HOURS_PER_MONTH = 730
"""Hours that AWS's pricing calculator counts for a month: 365 x 24 / 12."""

USER_FILE = Path(".orchestrator") / "prices.toml"
"""Where a refreshed table is kept, beside `orchestrator.toml`."""

DOLLARS = "dollars"
"""Key of the price in a row that has a date and a source of its own."""


@dataclass(frozen=True, kw_only=True)
class PriceTable:
    """Prices in US dollars of one region on one day.

    A price is a number, or a row `{dollars, date, source, region}` where it was refreshed, or not, apart from the rest.
    """

    day: date
    region: str
    families: Mapping[str, Mapping[str, Any]]

    def price(self, family: str, *path: str) -> float | None:
        """The price at `family.path...` in dollars per the family's unit, or None when the table does not have it."""
        value = self._at(family, *path)
        if isinstance(value, Mapping):
            value = value.get(DOLLARS)  # pyright: ignore[reportUnknownVariableType]
        return float(value) if isinstance(value, int | float) else None

    def source(self, family: str, *path: str) -> str:
        """Where a price, or the family's prices, were read."""
        return str(self._about(family, path, "source") or self.families[family]["source"])

    def day_of(self, family: str, *path: str) -> date:
        """The day of a price."""
        found = self._about(family, path, "date")
        return found if isinstance(found, date) else self.day

    def region_of(self, family: str, *path: str) -> str:
        """The region of a price: another one than the table's where it could not be refreshed."""
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
    """The table that comes with the package."""
    return parse(resources.files(__package__ or __name__).joinpath("prices.toml").read_text(encoding="utf-8"))


def current(root: Path) -> PriceTable:
    """The refreshed table of the folder that holds `orchestrator.toml`, when it is there and not older than the packaged
    one; else the packaged one. SettingsError when the file is there and damaged."""
    mine = packaged()
    try:
        theirs = parse((root / USER_FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return mine
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SettingsError(
            f"the refreshed prices in {root / USER_FILE} cannot be read: {' '.join(str(error).split())}",
            "delete the file, or refresh the prices again",
        ) from error
    return theirs if theirs.day >= mine.day else mine


def parse(text: str) -> PriceTable:
    """Read a table from TOML; KeyError or ValueError when it is not one."""
    document: dict[str, Any] = tomllib.loads(text)
    day, region = document.pop("date"), document.pop("region")
    return PriceTable(day=day if isinstance(day, date) else date.fromisoformat(day), region=region, families=document)
