"""The price table: list prices with their date, region and source."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from importlib import resources
from typing import Any

HOURS_PER_MONTH = 730
"""Hours that AWS's pricing calculator counts for a month: 365 x 24 / 12."""


@dataclass(frozen=True, kw_only=True)
class PriceTable:
    """Prices in US dollars of one region on one day."""

    day: date
    region: str
    families: Mapping[str, Mapping[str, Any]]

    def price(self, family: str, *path: str) -> float | None:
        """The price at `family.path...` in dollars per the family's unit, or None when the table does not have it."""
        value: Any = self.families.get(family, {})
        for key in path:
            if not isinstance(value, Mapping) or key not in value:
                return None
            value = value[key]  # pyright: ignore[reportUnknownVariableType]
        return float(value) if isinstance(value, int | float) else None

    def source(self, family: str) -> str:
        """Web page that the family's prices were read from."""
        return str(self.families[family]["source"])


def packaged() -> PriceTable:
    """The table that comes with the package."""
    return parse(resources.files(__package__ or __name__).joinpath("prices.toml").read_text(encoding="utf-8"))


def parse(text: str) -> PriceTable:
    """Read a table from TOML; KeyError or ValueError when it is not one."""
    document: dict[str, Any] = tomllib.loads(text)
    day, region = document.pop("date"), document.pop("region")
    return PriceTable(day=day if isinstance(day, date) else date.fromisoformat(day), region=region, families=document)
