"""The two kinds of bases and environments. Pure."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """What a base and the environments on it are for."""

    AD_HOC = "ad-hoc"
    """Cheap and short-lived: spot capacity, one database server for many environments."""

    PROD = "prod"
    """Highly available and protected, on demand."""
