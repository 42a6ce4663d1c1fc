"""Office hours: the times of the week in which an environment or a base runs. Pure.

Times are local times of a time zone, as AWS's schedulers read them. So 08:00 stays 08:00 when daylight-saving time
begins or ends.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

from pulumi_django.rules.schedules import check_timezone

EXAMPLE = "Mon-Fri 08:00-18:00"
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
DAY_MINUTES = 24 * 60
WEEK_MINUTES = 7 * DAY_MINUTES
LEAST_MINUTES = 30
"""Shortest time that anything is open or closed: a database server needs a few minutes to start and to stop."""

_CRON = re.compile(r"cron\((?P<minute>[0-9]+) (?P<hour>[0-9]+) \? \* (?P<days>[A-Z,]+) \*\)")
_WINDOW = re.compile(r"(?P<days>\S+) +(?P<start>[0-9]{1,2}:[0-9]{2})-(?P<end>[0-9]{1,2}:[0-9]{2})")

Span = tuple[int, int]
"""Start and end in minutes since Monday 00:00. The end is above the start, and beyond the week for a span over its end."""


@dataclass(frozen=True, order=True, kw_only=True)
class Moment:
    """A time of the week at which something opens or closes."""

    hour: int
    minute: int
    days: tuple[str, ...]
    """Days of the week, such as `Mon`."""

    @property
    def cron(self) -> str:
        """The moment as a schedule of AWS."""
        return f"cron({self.minute} {self.hour} ? * {','.join(day.upper() for day in self.days)} *)"

    @property
    def clock(self) -> str:
        """The time of day as four digits."""
        return f"{self.hour:02}{self.minute:02}"


@dataclass(frozen=True, kw_only=True)
class OfficeHours:
    """The times of the week in which every service runs, and outside which none does."""

    open: str
    """Days and times, such as `Mon-Fri 08:00-18:00`, several with commas: `Mon-Thu 08:00-18:00, Fri 08:00-15:00`. A time that
    ends before it starts lasts until the next day."""

    timezone: str = "UTC"
    """Time zone of these times, for example `Europe/Berlin`."""

    def __post_init__(self) -> None:
        check_timezone(self.timezone)
        _spans(self.open)

    @cached_property
    def spans(self) -> tuple[Span, ...]:
        """The open times in order, those that touch as one."""
        return _spans(self.open)

    @property
    def zone(self) -> ZoneInfo:
        """The time zone."""
        return ZoneInfo(self.timezone)

    @property
    def share(self) -> float:
        """The part of a week that is open, between 0 and 1."""
        return sum(end - start for start, end in self.spans) / WEEK_MINUTES

    def opens(self, minutes_earlier: int = 0) -> tuple[Moment, ...]:
        """The moments at which it opens, or so many minutes before them."""
        return _moments(start - minutes_earlier for start, _end in self.spans)

    def closes(self, minutes_later: int = 0) -> tuple[Moment, ...]:
        """The moments at which it closes, or so many minutes after them."""
        return _moments(end + minutes_later for _start, end in self.spans)

    def is_open(self, now: datetime) -> bool:
        """Whether it is open at a time."""
        minute = _minute_of_week(now.astimezone(self.zone))
        return any(start <= minute < end or start <= minute + WEEK_MINUTES < end for start, end in self.spans)

    def next_open(self, now: datetime) -> datetime:
        """The next time at which it opens, with the time zone of the hours."""
        return self._next([start for start, _end in self.spans], now)

    def next_close(self, now: datetime) -> datetime:
        """The next time at which it closes, with the time zone of the hours."""
        return self._next([end for _start, end in self.spans], now)

    def last_close(self, now: datetime) -> datetime:
        """The last time at which it closed, with the time zone of the hours."""
        found = self._around([end for _start, end in self.spans], now)
        return max((each for each in found if each.astimezone(UTC) <= now.astimezone(UTC)), key=_utc)

    def _next(self, minutes: list[int], now: datetime) -> datetime:
        found = self._around(minutes, now)
        return min((each for each in found if each.astimezone(UTC) > now.astimezone(UTC)), key=_utc)

    def _around(self, minutes: list[int], now: datetime) -> list[datetime]:
        """These times of the week before, of this week and of the week after."""
        local = now.astimezone(self.zone)
        monday = local.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None) - timedelta(days=local.weekday())
        # Arithmetic without a zone keeps the time of day over a change of daylight-saving time.
        return [
            (monday + timedelta(minutes=each % WEEK_MINUTES, weeks=week)).replace(tzinfo=self.zone)
            for week in (-1, 0, 1)
            for each in minutes
        ]

    def within(self, others: OfficeHours) -> bool:
        """Whether all open times are open times of others in the same time zone."""
        return self.timezone == others.timezone and all(
            any(
                low <= start + shift and end + shift <= high
                for low, high in others.spans
                for shift in (0, WEEK_MINUTES, -WEEK_MINUTES)
            )
            for start, end in self.spans
        )

    @property
    def text(self) -> str:
        """The hours as one text, which `parse` reads."""
        return f"{self.open} {self.timezone}"


def parse(text: str) -> OfficeHours:
    """Read `OfficeHours.text`. Raises ValueError."""
    times, _, timezone = text.rpartition(" ")
    return OfficeHours(open=times, timezone=timezone)


def _spans(text: str) -> tuple[Span, ...]:
    parts = [part.strip() for part in text.split(",")] if isinstance(text, str) else [""]  # pyright: ignore[reportUnnecessaryIsInstance]
    found: list[Span] = []
    for part in _joined(parts):
        match = _WINDOW.fullmatch(part)
        if match is None:
            raise ValueError(f"open is {text!r}: it must be days and times such as {EXAMPLE!r}")
        start, end = _minute(text, match["start"], 23), _minute(text, match["end"], 24)
        length = end - start if end > start else end - start + DAY_MINUTES
        found += [(day * DAY_MINUTES + start, day * DAY_MINUTES + start + length) for day in _days(text, match["days"])]
    return _checked(text, _merged(text, sorted(found)))


def _joined(parts: list[str]) -> Iterator[str]:
    """Join the days of a list, such as `Mon,Wed 08:00-12:00`, which a split at each comma separates."""
    days = ""
    for part in parts:
        if part and " " not in part:
            days += f"{part},"
            continue
        yield f"{days}{part}"
        days = ""
    if days:
        yield days


def _days(text: str, names: str) -> Iterator[int]:
    for item in names.split(","):
        first, dash, last = item.partition("-")
        low, high = _day(text, first), _day(text, last if dash else first)
        yield from ((low + step) % 7 for step in range((high - low) % 7 + 1))


def _day(text: str, name: str) -> int:
    if name.capitalize() not in DAYS:
        raise ValueError(f"open is {text!r}: {name!r} is none of {', '.join(DAYS)}")
    return DAYS.index(name.capitalize())


def _minute(text: str, clock: str, most: int) -> int:
    hour, minute = (int(part) for part in clock.split(":"))
    if hour > most or minute > 59 or (hour == 24 and minute):
        raise ValueError(f"open is {text!r}: {clock} is not a time of day")
    return hour * 60 + minute


def _merged(text: str, spans: list[Span]) -> list[Span]:
    found: list[Span] = []
    for start, end in spans:
        if found and start < found[-1][1]:
            raise ValueError(f"open is {text!r}: two of its times overlap")
        if found and start == found[-1][1]:
            found[-1] = (found[-1][0], end)
        else:
            found.append((start, end))
    over = found[-1][1] - WEEK_MINUTES
    if len(found) > 1 and over > found[0][0]:
        raise ValueError(f"open is {text!r}: two of its times overlap")
    if len(found) > 1 and over == found[0][0]:  # Sunday's night goes on into Monday
        found[-1] = (found[-1][0], found[0][1] + WEEK_MINUTES)
        del found[0]
    return found


def _checked(text: str, spans: list[Span]) -> tuple[Span, ...]:
    if sum(end - start for start, end in spans) >= WEEK_MINUTES:
        raise ValueError(f"open is {text!r}: it never closes, so leave hours out")
    starts = [start for start, _end in spans[1:]] + [spans[0][0] + WEEK_MINUTES]
    for (start, end), following in zip(spans, starts, strict=True):
        if min(end - start, following - end) < LEAST_MINUTES:
            raise ValueError(f"open is {text!r}: each open and closed time lasts {LEAST_MINUTES} minutes or more")
    return tuple(spans)


def _moments(minutes: Iterable[int]) -> tuple[Moment, ...]:
    by_time: dict[tuple[int, int], list[int]] = {}
    for each in minutes:
        day, minute = divmod(each % WEEK_MINUTES, DAY_MINUTES)
        by_time.setdefault(divmod(minute, 60), []).append(day)
    return tuple(
        Moment(hour=hour, minute=minute, days=tuple(DAYS[day] for day in sorted(days)))
        for (hour, minute), days in sorted(by_time.items())
    )


def _utc(moment: datetime) -> datetime:
    """The key of a comparison: times of one zone would compare without their offset."""
    return moment.astimezone(UTC)


def _minute_of_week(local: datetime) -> int:
    return local.weekday() * DAY_MINUTES + local.hour * 60 + local.minute


def open_share(opens: Iterable[str], closes: Iterable[str]) -> float:
    """The part of a week between these schedules (`Moment.cron`), between 0 and 1; 1 when they are of another form."""
    starts, ends = _cron_minutes(opens), _cron_minutes(closes)
    if not starts or not ends:
        return 1
    open_minutes = sum(min((end - start) % WEEK_MINUTES or WEEK_MINUTES for end in ends) for start in starts)
    return min(open_minutes / WEEK_MINUTES, 1)


def _cron_minutes(schedules: Iterable[str]) -> list[int]:
    found: list[int] = []
    for schedule in schedules:
        match = _CRON.fullmatch(schedule)
        if match is None:
            return []
        minute = int(match["hour"]) * 60 + int(match["minute"])
        found += [DAYS.index(day.capitalize()) * DAY_MINUTES + minute for day in match["days"].split(",")]
    return found
