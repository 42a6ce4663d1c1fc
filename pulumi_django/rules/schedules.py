"""Checks of AWS's schedule expressions and time zones. Pure.

https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
"""

from __future__ import annotations

import re
import zoneinfo

HINT = "a schedule is 'cron(minutes hours day-of-month month day-of-week year)' or 'rate(value unit)'"

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_FIELDS = (
    ("minutes", 0, 59, ()),
    ("hours", 0, 23, ()),
    ("day-of-month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day-of-week", 1, 7, _DAYS),
    ("year", 1970, 2199, ()),
)
_RATE = re.compile(r"rate\(([0-9]{1,9}) (minute|minutes|hour|hours|day|days)\)")
_ITEM = re.compile(r"(?P<start>\*|[A-Z]+|[0-9]{1,9})(-(?P<end>[A-Z]+|[0-9]{1,9}))?(/(?P<step>[0-9]{1,9}))?")


def check_schedule(expression: str) -> str:
    """Return the expression. Raises ValueError that names the field when AWS does not support the schedule.

    Cron expressions have six fields, and one of the two days is `?`. The error for a crontab line with five has a hint.
    """
    rate = _RATE.fullmatch(expression)
    if rate:
        _check_rate(expression, int(rate[1]), rate[2])
        return expression
    if not (expression.startswith("cron(") and expression.endswith(")")):
        raise ValueError(f"the schedule {expression!r} cannot be used: {HINT}")
    words = expression[len("cron(") : -1].split()
    if len(words) != len(_FIELDS):
        five = "; a crontab line has five; the sixth is the year, and one of the two days is '?'"
        raise ValueError(
            f"the schedule {expression!r} has {len(words)} fields: AWS's cron has {len(_FIELDS)}"
            f"{five if len(words) == 5 else ''}"
        )
    if (words[2] == "?") == (words[4] == "?"):
        raise ValueError(
            f"the schedule {expression!r} has the day-of-month {words[2]!r} and the day-of-week {words[4]!r}: "
            "exactly one of them must be '?'"
        )
    for word, (name, low, high, names) in zip(words, _FIELDS, strict=True):
        for item in word.split(","):
            _check_item(expression, name, item, low, high, names)
    return expression


def check_timezone(name: str) -> str:
    """Return the name. Raises ValueError for an unknown time zone. Examples: `Europe/Berlin`, `UTC`."""
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(
            f"timezone is {name!r}: it must be a name of the tz database such as 'Europe/Berlin'"
        ) from None
    return name


def _check_rate(expression: str, value: int, unit: str) -> None:
    if value < 1:
        raise ValueError(f"the schedule {expression!r} has the value {value}: it must be 1 or more")
    if (value == 1) == unit.endswith("s"):
        raise ValueError(
            f"the schedule {expression!r} has the unit {unit}: AWS requires 'minute' with 1, otherwise 'minutes'"
        )


def _check_item(expression: str, name: str, item: str, low: int, high: int, names: tuple[str, ...]) -> None:
    if _is_special(name, item):
        return
    match = _ITEM.fullmatch(item)
    if not match:
        raise ValueError(f"the schedule {expression!r} has the {name} {item!r}: {_allowed(low, high, names)}")
    numbers = [_number(text, names) for text in (match["start"], match["end"]) if text not in (None, "*")]
    if match["start"] == "*" and match["end"]:
        numbers.append(None)
    if any(number is None or not low <= number <= high for number in numbers) or not int(match["step"] or 1):
        raise ValueError(f"the schedule {expression!r} has the {name} {item!r}: {_allowed(low, high, names)}")


def _is_special(name: str, item: str) -> bool:
    """Return whether an item is `?`, the last day, the nearest weekday or the nth weekday of a month."""
    if name == "day-of-month":
        return item in ("?", "L", "LW") or bool(re.fullmatch(r"([1-9]|[12][0-9]|3[01])W", item))
    if name == "day-of-week":
        return item in ("?", "L") or bool(re.fullmatch(rf"([1-7]|{'|'.join(_DAYS)})(L|#[1-5])", item))
    return False


def _number(text: str, names: tuple[str, ...]) -> int | None:
    if text.isdigit():
        return int(text)
    # Days and months count from 1.
    return names.index(text) + 1 if text in names else None


def _allowed(low: int, high: int, names: tuple[str, ...]) -> str:
    named = f" or {names[0]} to {names[-1]}" if names else ""
    return f"it must be {low} to {high}{named}, '*', a range a-b, a list a,b or steps a/b"
