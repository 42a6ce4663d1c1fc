"""Durations as text: `90s`, `10m`, `8h`, `3d`, `2w`, or several parts, such as `1d12h`."""

from __future__ import annotations

import re
from datetime import timedelta

from orchestrator.errors import UsageError

_SECONDS = {"w": 7 * 24 * 3600, "d": 24 * 3600, "h": 3600, "m": 60, "s": 1}
_PART = re.compile(r"(\d{1,9})([wdhms])")
LONGEST = timedelta(days=3650)


def parse_duration(text: str) -> timedelta:
    """Parse a duration above zero and up to ten years.

    Raises UsageError for anything else.
    """
    compact = text.strip().lower()
    parts = _PART.findall(compact)
    seconds = 0
    if parts and "".join(number + unit for number, unit in parts) == compact:
        seconds = sum(int(number) * _SECONDS[unit] for number, unit in parts)
    if not 0 < seconds <= LONGEST.total_seconds():
        raise UsageError(
            f"'{text}' is not a duration: write a number with w, d, h, m or s, above zero and at most ten years",
            "for example 3d, 8h or 1d12h",
        )
    return timedelta(seconds=seconds)


def format_duration(duration: timedelta) -> str:
    """The two largest parts of a duration, rounded down: `2d 5h`, `3m 20s`, `0s`; a leading `-` when it is negative."""
    sign = "-" if duration < timedelta() else ""
    left = int(abs(duration).total_seconds())
    parts: list[str] = []
    for unit, seconds in _SECONDS.items():
        if unit == "w":
            continue
        count, rest = divmod(left, seconds)
        if count:
            parts.append(f"{count}{unit}")
            left = rest
    return sign + (" ".join(parts[:2]) or "0s")


def duration_of(duration: timedelta | str) -> timedelta:
    """A duration, also from its text form. Raises UsageError."""
    return parse_duration(duration) if isinstance(duration, str) else duration
