"""The two kinds of bases and environments. Pure."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """The kind of a base and of its environments."""

    AD_HOC = "ad-hoc"
    """Inexpensive and short-lived: spot capacity, one database server for many environments."""

    PROD = "prod"
    """Highly available and protected, with on-demand capacity."""
